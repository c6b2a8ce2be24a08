//! The examples of the API's description, each held against an answer of the running server that
//! was provoked for it.

use std::collections::BTreeMap;

use arete_artifacts as guests;
use mock_vendor::{Gate, MockVendor, Reply, claude};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, App, Raw, ask, client, question};

/// The examples of problems: by status and code, each once.
fn examples(document: &Value) -> BTreeMap<String, Value> {
    let paths = document["paths"].as_object().expect("the document has paths").values();
    let operations = paths.flat_map(|path| path.as_object().expect("a path").values());
    let responses =
        operations.flat_map(|operation| operation["responses"].as_object().expect("responses"));
    let contents = responses.map(|(status, response)| {
        (status, &response["content"]["application/problem+json"]["examples"])
    });
    let examples = contents.flat_map(|(status, examples)| {
        let examples = examples.as_object().into_iter().flatten();
        examples.map(move |(code, example)| (format!("{status} {code}"), example["value"].clone()))
    });
    examples.collect()
}

/// The parts of a problem that are the same in each answer of its kind.
fn lasting(problem: &Value) -> Value {
    let mut problem = problem.clone();
    let fields = problem.as_object_mut().expect("a problem is an object");
    fields.remove("requestId").expect("a problem has an id");
    problem
}

#[tokio::test]
async fn each_example_of_a_problem_is_an_answer_of_this_server() {
    let bundled = App::bare().start().await;
    let document = bundled.get("/api/openapi.json").await.ok();
    let mut examples = examples(&document);
    // Nothing outside provokes a fault of the server's own.
    assert!(examples.remove("500 internal").is_some(), "{examples:#?}");

    let mut answers: Vec<Value> = Vec::new();
    let mut add = |answer: Answer| answers.push(answer.json());
    for answer in refused(&bundled).await {
        add(answer);
    }
    for answer in refused_by_vendors().await {
        add(answer);
    }
    answers.extend(bodies_that_do_not_come(&bundled).await);

    for answer in answers {
        let kind = format!("{} {}", answer["status"], answer["code"].as_str().expect("a code"));
        let example = examples.remove(&kind).unwrap_or_else(|| panic!("{kind} has no example"));
        let (mut example, mut answer) = (lasting(&example), lasting(&answer));
        if kind == "502 plugin-failed" {
            // The plugin's name and its trap are its own.
            let crashed =
                |problem: &mut Value| problem["detail"].take().as_str().map(str::to_owned);
            for detail in [crashed(&mut example), crashed(&mut answer)] {
                assert!(
                    detail.as_deref().is_some_and(|detail| detail
                        .contains(" crashed (wasm trap: wasm `unreachable` instruction executed")),
                    "{detail:?}"
                );
            }
        }
        assert_eq!(example, answer, "{kind}");
    }
    assert!(examples.is_empty(), "nothing here provokes {examples:#?}");
}

/// Answers of a server with the bundled providers and without keys, and of one with keys.
async fn refused(app: &App) -> Vec<Answer> {
    let post = |path: &str, body: Value| app.request(Method::POST, path).body(body.to_string());
    let user =
        client::send(post("/api/users", json!({ "email": "ada@example.com", "name": "Ada" })));
    let path = format!("/api/users/{}", user.await.json()["id"].as_str().expect("an id"));
    let patch = |tag: &'static str| {
        app.request(Method::PATCH, &path).header("if-match", tag).body(r#"{"name":"Countess"}"#)
    };
    client::send(patch("\"1\"")).await.ok();

    let keys =
        App::with_echo().only_echo().set("ARETE_API_KEYS", "one:0123456789abcdef").start().await;
    let requests = [
        client::request(Method::GET, app.url("/api/users")).header("host", "evil.example"),
        client::request(Method::POST, app.url("/api/users")).body("{}"),
        post("/api/users", json!({ "email": "b@example.com", "nmae": "B" })),
        post("/api/users", json!({ "email": "Ada@example.com", "name": "Ada" })),
        patch("\"1\""),
        post("/api/llm/chat", ask("Hello", json!({ "provider": "cluade" }))),
        post("/api/llm/chat", ask("Hello", json!({ "provider": "claude" }))),
    ];
    let mut answers = vec![keys.get("/api/llm/providers").await];
    for request in requests {
        answers.push(client::send(request).await);
    }
    answers
}

/// Answers of servers whose vendor or plugin fails.
async fn refused_by_vendors() -> Vec<Answer> {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor)
        .set("LLM_MAX_RETRIES", "0")
        .set("HTTP_MAX_REQUESTS", "1")
        .plugin(guests::BARE)
        .start()
        .await;
    let mut answers = Vec::new();
    let limited =
        claude::error("rate_limit_error", "Number of requests has exceeded your rate limit");
    vendor.reply(Reply::json(429, limited));
    answers.push(app.chat(question("Hello")).await);
    vendor.reply(Reply::json(401, claude::error("authentication_error", "invalid x-api-key")));
    answers.push(app.chat(question("Hello")).await);
    answers.push(app.chat(ask("Hello", json!({ "provider": "bare" }))).await);

    let gate = Gate::new();
    vendor.reset();
    vendor.reply(Reply::json(200, claude::message("Hi")).wait_before_headers(&gate));
    let mut first = Raw::chat(&app, &question("Hello")).await;
    gate.reached().await;
    answers.push(app.get("/api/llm/providers").await);
    gate.open();
    first.answer().await;

    // The default deadline is 10 minutes: the sentence is the same but for the time.
    let late = App::with_vendor(&vendor).set("LLM_TIMEOUT", "20ms").start().await;
    vendor.always(Reply::stall());
    let mut answer = late.chat(question("Hello")).await;
    answer.body = answer.body.replace("(20ms;", "(600s;");
    answers.push(answer);

    let nobody = App::bare()
        .set("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
        .set("ANTHROPIC_API_KEY", "sk-ant-nobody-there-at-all")
        .set("LLM_MAX_RETRIES", "0");
    answers.push(nobody.start().await.chat(question("Hello")).await);
    answers
}

/// The answers to clients that announce a body and don't send it: one that is too large, and one
/// that is only slow.
async fn bodies_that_do_not_come(app: &App) -> Vec<Value> {
    let slow = App::with_echo().only_echo().set("HTTP_READ_TIMEOUT", "100ms").start().await;
    let mut answers = Vec::new();
    for (app, length) in [(app, 1_000_000_000), (&slow, 10)] {
        let mut raw = Raw::connect(app).await;
        let head = "POST /api/users HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
        raw.send(format!("{head}\r\ncontent-length: {length}\r\n\r\n{{")).await;
        let (_, _, body) = raw.answer().await;
        answers.push(serde_json::from_str(&body).expect("a problem is JSON"));
    }
    answers
}

#[tokio::test]
async fn the_examples_of_completions_have_the_fields_of_answers() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let document = app.get("/api/openapi.json").await.ok();
    let content = &document["paths"]["/api/llm/chat"]["post"]["responses"]["200"]["content"];

    vendor.reply(Reply::json(200, claude::message("Hello! How can I help?")));
    let answer = app.chat(question("Hello")).await.ok();
    assert_eq!(shape(&content["application/json"]["example"]), shape(&answer));

    vendor.reply(Reply::sse_text(claude::stream(&["Hello!"])));
    let events = app.stream(question("Hello!")).await.rest().await;
    let events: Vec<_> = events.iter().map(|(name, data)| (name.as_str(), shape(data))).collect();
    let example = content["text/event-stream"]["example"].as_str().expect("a stream is text");
    let example: Vec<_> = example
        .split_terminator("\n\n")
        .map(|event| {
            let (name, data) = event.split_once('\n').expect("a name and data");
            let data = data.strip_prefix("data: ").expect("data");
            let data = serde_json::from_str(data).expect("data in JSON");
            (name.strip_prefix("event: ").expect("a name"), shape(&data))
        })
        .collect();
    assert_eq!(example, events);
}

/// A value with each text, number and switch in it replaced by the name of its type.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("boolean"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("string"),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), shape(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}
