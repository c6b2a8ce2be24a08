//! `/metrics`, as Prometheus reads it: it says what the log says.

use mock_vendor::{MockVendor, Reply, claude};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, App, client, question};

/// The value of a series, 0 if there is none yet.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().expect("a number"))
}

/// The sum of all series of a metric whose labels hold all of these.
fn sum(text: &str, metric: &str, labels: &[&str]) -> f64 {
    let of = |line: &&str| line.starts_with(&format!("{metric}{{"));
    let lines = text.lines().filter(of).filter(|line| labels.iter().all(|it| line.contains(it)));
    lines
        .map(|line| line.rsplit(' ').next().unwrap_or_default().parse::<f64>().expect("a number"))
        .sum()
}

async fn read(app: &App) -> String {
    let answer = app.get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// Reads until all requests but the reader's own have ended: the last byte of a response comes
/// before the end of its record.
async fn read_at_rest(app: &App) -> String {
    loop {
        let text = read(app).await;
        if value(&text, "arete_http_requests_in_flight") <= 1.0 {
            return text;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_metrics_say_what_the_log_says() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).set("LLM_RETRY_DELAY", "1").start().await;
    let mut message = claude::message("Hi");
    message["usage"] = json!({ "input_tokens": 12, "output_tokens": 6 });
    vendor.reply(Reply::json(529, claude::error("overloaded_error", "Overloaded")));
    vendor.reply(Reply::json(200, message));
    app.chat(question("counted")).await.ok();
    let hit = app.chat(question("counted")).await;
    assert_eq!(hit.header("x-arete-cache"), Some("hit"));
    vendor.reply(Reply::json(400, claude::error("invalid_request_error", "no")));
    app.chat(question("refused")).await.problem(400, "invalid-request");
    let mut junk = question("junk");
    junk["model"] = json!("a-name-that-nobody-knows");
    vendor.reply(Reply::json(404, claude::error("not_found_error", "no such model")));
    app.chat(junk).await.problem(404, "not-found");
    app.get("/nowhere/at/all").await.problem(404, "not-found");

    let text = read_at_rest(&app).await;
    let calls = |labels: &[&str]| sum(&text, "arete_llm_requests_total", labels);
    assert_eq!(calls(&[r#"result="ok""#, r#"cache="miss""#]), 1.0, "{text}");
    assert_eq!(calls(&[r#"result="ok""#, r#"cache="hit""#]), 1.0, "{text}");
    assert_eq!(calls(&[r#"result="invalid-request""#]), 1.0, "{text}");
    assert_eq!(calls(&[r#"result="not-found""#, r#"model="other""#]), 1.0, "{text}");
    assert!(!text.contains("a-name-that-nobody-knows"), "{text}");
    let attempts = |labels: &[&str]| sum(&text, "arete_attempts_total", labels);
    assert_eq!(attempts(&[r#"why="first""#, r#"result="overloaded""#]), 1.0, "{text}");
    assert_eq!(attempts(&[r#"why="retry""#, r#"result="ok""#]), 1.0, "{text}");
    assert_eq!(attempts(&[]), 4.0, "{text}");
    // A hit adds none.
    let tokens =
        |name: &str| sum(&text, &format!("gen_ai_client_inference_usage_{name}_total"), &[]);
    assert_eq!((tokens("input_tokens"), tokens("output_tokens")), (12.0, 6.0), "{text}");
    let timed = "gen_ai_client_inference_duration_seconds_count";
    assert_eq!(sum(&text, timed, &[]), 4.0, "{text}");
    let nowhere = r#"arete_http_requests_total{route="none",status="404"}"#;
    assert_eq!(value(&text, nowhere), 1.0, "{text}");

    // Each line of the log about the chat is counted, no more and no less. A line is written after
    // it is counted.
    let chat = |line: &Value| line["path"] == "/api/llm/chat" && !line["status"].is_null();
    let counted = sum(&text, "arete_http_requests_total", &[r#"route="/api/llm/chat""#]);
    assert_eq!(counted, 4.0, "{text}");
    app.logs().wait_for_count("the lines of the chat", chat, 4).await;
    assert_eq!(app.logs().find(chat).len(), 4);
}

#[tokio::test]
async fn the_state_of_providers_cache_and_process_is_there() {
    let app = App::with_echo()
        .file("plugins/broken.toml", "component = \"missing.wasm\"\n")
        .set("LLM_PLUGIN_DIR", "plugins")
        .start()
        .await;
    app.chat(question("hello")).await.ok();
    let text = read_at_rest(&app).await;
    for (provider, state) in [("echo", "ready"), ("broken", "failed")] {
        let series = format!(r#"arete_provider_state{{provider="{provider}",state="{state}"}}"#);
        assert_eq!(value(&text, &series), 1.0, "{series} in {text}");
    }
    assert_eq!(sum(&text, "arete_provider_info", &[r#"provider="echo""#]), 1.0, "{text}");
    assert_eq!(value(&text, "arete_cache_entries"), 1.0, "{text}");
    assert_eq!(value(&text, "arete_cache_misses_total"), 1.0, "{text}");
    for name in ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"] {
        assert!(0.0 < value(&text, name), "{name} in {text}");
    }
}

#[tokio::test]
async fn a_reader_without_a_key_has_an_address_of_its_own() {
    let key = "0123456789abcdef";
    let app = App::with_echo()
        .set("ARETE_API_KEYS", format!("web:{key}"))
        .set("METRICS_ADDRESS", "127.0.0.1:0")
        .start()
        .await;
    let get = |url: String| client::request(Method::GET, url);
    client::send(get(app.url("/metrics"))).await.problem(401, "unauthorized");
    let open = client::send(get(app.url("/metrics")).bearer_auth(key)).await;
    assert_eq!(open.status, 200, "{}", open.body);

    let line = app.wait_for_log(|line| line["message"] == "Serving metrics").await;
    let address = line["address"].as_str().expect("an address").to_owned();
    let accept = "application/openmetrics-text; version=1.0.0";
    let answer: Answer =
        client::send(get(format!("http://{address}/metrics")).header("accept", accept)).await;
    assert!(answer.body.ends_with("# EOF\n"), "{}", answer.body);
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    for other in ["/api/health", "/api/llm/providers", "/"] {
        let answer = client::send(get(format!("http://{address}{other}"))).await;
        assert_eq!(answer.status, 404, "{other}: {}", answer.body);
    }
}
