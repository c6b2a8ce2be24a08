//! Users: what is kept, what is refused, and what a client can rely on when others write at the
//! same time.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::{Answer, client};

/// Sends a request with a body and headers.
async fn send(
    app: &App,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let request = app.request(method, path).body(body.to_string());
    client::send(
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)),
    )
    .await
}

async fn create(app: &App, email: &str) -> Answer {
    send(app, Method::POST, "/api/users", &[], &json!({ "email": email, "name": "Somebody" })).await
}

async fn patch(app: &App, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    send(app, Method::PATCH, path, headers, &body).await
}

async fn delete(app: &App, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = client::request(Method::DELETE, app.url(path));
    client::send(
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)),
    )
    .await
}

/// The path of a user just created.
fn path(created: &Answer) -> String {
    assert_eq!(created.status, 201, "{}", created.body);
    created.header("location").expect("a new user has a path").to_owned()
}

/// The fields that a refusal names.
fn fields(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().expect("a refusal names fields");
    errors.iter().map(|error| error["field"].as_str().expect("a field has a name")).collect()
}

#[tokio::test]
async fn a_user_is_created_shown_changed_and_removed() {
    let app = App::with_echo().start().await;
    let body = json!({ "email": "Ada@Example.com", "name": "Ada Lovelace", "role": "admin" });
    let created = send(&app, Method::POST, "/api/users", &[], &body).await;
    let path = path(&created);
    let user = created.json();
    let id = user["id"].as_str().expect("a user has an id");
    assert_eq!(path, format!("/api/users/{id}"));
    assert_eq!(uuid_version(id), '7');
    assert_eq!(user["createdAt"], user["updatedAt"]);
    let shown = json!({
        "id": id,
        "email": "Ada@Example.com",
        "name": "Ada Lovelace",
        "role": "admin",
        "createdAt": user["createdAt"],
        "updatedAt": user["updatedAt"],
    });
    assert_eq!(user, shown);

    let read = app.get(&path).await;
    assert_eq!(read.ok(), shown);
    assert_eq!(read.header("etag"), created.header("etag"));

    let changed = patch(&app, &path, &[], json!({ "name": "Ada" })).await;
    assert_ne!(changed.header("etag"), created.header("etag"));
    let now = changed.ok();
    assert_eq!(
        (&now["name"], &now["email"], &now["role"]),
        (&json!("Ada"), &user["email"], &user["role"])
    );
    assert_eq!((&now["id"], &now["createdAt"]), (&user["id"], &user["createdAt"]));

    let gone = delete(&app, &path, &[]).await;
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    app.get(&path).await.problem(404, "not-found");
    delete(&app, &path, &[]).await.problem(404, "not-found");
    patch(&app, &path, &[], json!({})).await.problem(404, "not-found");
    // Its email is free again.
    assert_eq!(create(&app, "ada@example.com").await.status, 201);
}

fn uuid_version(id: &str) -> char {
    id.chars().nth(14).expect("a UUID has 36 characters")
}

#[tokio::test]
async fn an_acknowledged_user_survives_a_kill() {
    let app = App::with_echo().start().await;
    let created = create(&app, "kept@example.com").await;
    let path = path(&created);
    let app = app.kill_and_restart().await;
    let read = app.get(&path).await;
    assert_eq!(read.ok(), created.json());
    assert_eq!(read.header("etag"), created.header("etag"));
}

#[tokio::test]
async fn head_tells_what_get_would_without_a_body() {
    let app = App::with_echo().start().await;
    let created = create(&app, "head@example.com").await;
    let head = client::send(client::request(Method::HEAD, app.url(&path(&created)))).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("etag"), created.header("etag"));
}

#[tokio::test]
async fn each_mistake_in_a_body_is_named_and_all_at_once() {
    let app = App::with_echo().start().await;
    let user = path(&create(&app, "a@example.com").await);
    let over = "a".repeat(255 - "@b.example".len()) + "@b.example";
    let long_name = "n".repeat(201);
    for (body, wrong) in [
        (json!({ "email": "a", "name": "A" }), vec!["email"]),
        (json!({ "email": over, "name": "A" }), vec!["email"]),
        (json!({ "email": 5, "name": "A" }), vec!["email"]),
        (json!({ "email": "x@b", "name": "" }), vec!["name"]),
        (json!({ "email": "x@b", "name": " \t" }), vec!["name"]),
        (json!({ "email": "x@b", "name": long_name }), vec!["name"]),
        (json!({ "email": "x@b", "name": "A", "role": "root" }), vec!["role"]),
        (json!({ "email": "x@b", "name": "A", "role": ["user"] }), vec!["role"]),
        (
            json!({ "email": "x@b", "name": "A", "createdAt": "2026-01-01T00:00:00Z" }),
            vec!["createdAt"],
        ),
        (
            json!({ "email": "bad", "name": "", "role": 1, "nmae": "A" }),
            vec!["email", "name", "role", "nmae"],
        ),
    ] {
        let refused = send(&app, Method::POST, "/api/users", &[], &body)
            .await
            .problem(400, "invalid-request");
        assert_eq!(fields(&refused), wrong, "{body}");
        let refused = patch(&app, &user, &[], body.clone()).await.problem(400, "invalid-request");
        assert_eq!(fields(&refused), wrong, "{body}");
    }
    let missing = send(&app, Method::POST, "/api/users", &[], &json!({}))
        .await
        .problem(400, "invalid-request");
    assert_eq!(fields(&missing), ["email", "name"]);
    let nulls = json!({ "email": null, "name": null, "role": null });
    let refused = patch(&app, &user, &[], nulls).await.problem(400, "invalid-request");
    assert_eq!(fields(&refused), ["email", "name", "role"]);
    for body in [json!([]), json!("x"), json!(null)] {
        send(&app, Method::POST, "/api/users", &[], &body).await.problem(400, "invalid-request");
    }
}

#[tokio::test]
async fn a_malformed_id_is_named() {
    let app = App::with_echo().start().await;
    let id = "019b7d3c-5a10-7000-8000-000000000001";
    for bad in [
        "1",
        "%20",
        "%FF",
        &id[1..],
        &id.replace('-', ""),
        &format!("%7B{id}%7D"),
        &format!("urn:uuid:{id}"),
    ] {
        let path = format!("/api/users/{bad}");
        for answer in [
            app.get(&path).await,
            patch(&app, &path, &[], json!({})).await,
            delete(&app, &path, &[]).await,
        ] {
            assert_eq!(fields(&answer.problem(400, "invalid-request")), ["id"], "{bad}");
        }
    }
    app.get(&format!("/api/users/{id}")).await.problem(404, "not-found");
    app.get(&format!("/api/users/{}", id.to_uppercase())).await.problem(404, "not-found");
}

#[tokio::test]
async fn an_empty_change_changes_nothing() {
    let app = App::with_echo().start().await;
    let created = create(&app, "same@example.com").await;
    let path = path(&created);
    let same = created.json();
    for body in
        [json!({}), json!({ "name": same["name"], "email": same["email"], "role": same["role"] })]
    {
        let answer = patch(&app, &path, &[], body).await;
        assert_eq!(answer.ok(), same);
        assert_eq!(answer.header("etag"), created.header("etag"));
    }
}

#[tokio::test]
async fn an_email_belongs_to_one_user_whatever_its_case() {
    let app = App::with_echo().start().await;
    let first = path(&create(&app, "one@example.com").await);
    let second = path(&create(&app, "two@example.com").await);
    let taken = create(&app, "ONE@example.com").await.problem(409, "conflict");
    assert_eq!(fields(&taken), ["email"]);
    patch(&app, &second, &[], json!({ "email": "One@Example.com" })).await.problem(409, "conflict");
    // A new case of its own email is a change, and no conflict.
    assert_eq!(
        patch(&app, &first, &[], json!({ "email": "One@Example.com" })).await.ok()["email"],
        "One@Example.com"
    );
}

#[tokio::test]
async fn of_forty_who_take_an_email_at_once_one_gets_it() {
    let app = App::with_echo().start().await;
    let spellings = (0..40_u32).map(|number| {
        let letters = "racing@example.com".chars().enumerate();
        let flip = |(place, letter): (usize, char)| match number.rotate_right(place as u32) & 1 {
            0 => letter,
            _ => letter.to_ascii_uppercase(),
        };
        letters.map(flip).collect::<String>()
    });
    let spellings: Vec<String> = spellings.collect();
    let answers =
        futures_util::future::join_all(spellings.iter().map(|email| create(&app, email))).await;
    let created: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(created.len(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.problem(409, "conflict");
    }
    assert_eq!(
        app.get("/api/users?email=racing%40EXAMPLE.com").await.ok()["data"],
        json!([created[0].json()])
    );
}

#[tokio::test]
async fn a_write_can_demand_what_was_read() {
    let app = App::with_echo().start().await;
    let created = create(&app, "read@example.com").await;
    let (path, old) =
        (path(&created), created.header("etag").expect("a user has an entity tag").to_owned());
    let changed = patch(&app, &path, &[("if-match", &old)], json!({ "name": "Second" })).await;
    let new = changed.header("etag").expect("a user has an entity tag").to_owned();
    assert_eq!(changed.ok()["name"], "Second");

    let weak = format!("W/{new}");
    let bare = new.trim_matches('"').to_owned();
    for stale in [old.as_str(), weak.as_str(), bare.as_str(), "\"", "\"x\", \"y\"", ""] {
        let demand = [("if-match", stale)];
        patch(&app, &path, &demand, json!({ "name": "Third" }))
            .await
            .problem(412, "precondition-failed");
        patch(&app, &path, &demand, json!({})).await.problem(412, "precondition-failed");
        delete(&app, &path, &demand).await.problem(412, "precondition-failed");
    }
    assert_eq!(app.get(&path).await.ok(), changed.json());

    let either = format!("\"x,y\", {old}, {new}");
    let third = patch(&app, &path, &[("if-match", &either)], json!({ "name": "Third" })).await;
    assert_eq!(third.ok()["name"], "Third");
    assert_eq!(
        patch(&app, &path, &[("if-match", "*")], json!({ "name": "Fourth" })).await.ok()["name"],
        "Fourth"
    );
    let newest = app.get(&path).await.header("etag").expect("a user has an entity tag").to_owned();
    assert_eq!(delete(&app, &path, &[("if-match", &newest)]).await.status, 204);
    // What isn't there has nothing to match.
    for demand in ["*", newest.as_str(), "\"x\""] {
        delete(&app, &path, &[("if-match", demand)]).await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn of_many_who_change_what_they_read_one_does() {
    let app = App::with_echo().start().await;
    let created = create(&app, "lost-update@example.com").await;
    let (path, tag) = (path(&created), created.header("etag").expect("a user has an entity tag"));
    let change = async |number: u32| {
        let name = json!({ "name": format!("Writer {number}") });
        patch(&app, &path, &[("if-match", tag)], name).await
    };
    let answers = futures_util::future::join_all((0..20).map(change)).await;
    let done: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(done.len(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 412)));
    assert_eq!(app.get(&path).await.ok(), done[0].json());
}

#[tokio::test]
async fn pages_meet_every_user_once_in_the_order_of_creation() {
    let app = App::with_echo().start().await;
    let mut ids = vec![];
    for number in 0..7 {
        let created = create(&app, &format!("page{number}@example.com")).await;
        path(&created);
        ids.push(created.json()["id"].clone());
    }
    assert_eq!(app.get("/api/users").await.ok()["data"].as_array().map(Vec::len), Some(7));

    let (mut met, mut query) = (vec![], "limit=3".to_owned());
    loop {
        let page = app.get(&format!("/api/users?{query}")).await.ok();
        let data = page["data"].as_array().expect("a page has users");
        met.extend(data.iter().map(|user| user["id"].clone()));
        if met.len() == 3 {
            // What comes and goes meanwhile shifts nobody.
            assert_eq!(
                delete(&app, &format!("/api/users/{}", ids[0].as_str().unwrap()), &[]).await.status,
                204
            );
        }
        match page["nextCursor"].as_str() {
            Some(cursor) => query = format!("limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(met, ids);
    assert_eq!(ids.iter().map(Value::to_string).collect::<BTreeSet<_>>().len(), 7);
    assert_eq!(
        app.get("/api/users?email=nobody%40example.com").await.ok(),
        json!({ "data": [], "nextCursor": null })
    );
}

#[tokio::test]
async fn each_mistake_in_a_query_is_named_and_all_at_once() {
    let app = App::with_echo().start().await;
    for (query, wrong) in [
        ("limit=0", vec!["limit"]),
        ("limit=201", vec!["limit"]),
        ("limit=many", vec!["limit"]),
        ("cursor=elsewhere", vec!["cursor"]),
        ("emial=a%40b", vec!["emial"]),
        ("limit=5&limit=5", vec!["limit"]),
        ("page=2&limit=-1&cursor=%00&sort=name", vec!["page", "limit", "cursor", "sort"]),
    ] {
        let refused = app.get(&format!("/api/users?{query}")).await.problem(400, "invalid-request");
        assert_eq!(fields(&refused), wrong, "{query}");
    }
}

#[tokio::test]
async fn an_address_has_one_form_and_nothing_that_cannot_be_seen() {
    let app = App::with_echo().start().await;
    for slip in [
        "bob\u{200b}@example.org",
        "bob@\u{feff}example.org",
        "\u{202a}bob@example.org",
        "bo\u{ad}b@example.org",
        "a@b@example.com",
    ] {
        let problem = create(&app, slip).await.problem(400, "invalid-request");
        assert_eq!(fields(&problem), ["email"], "{slip:?}: {problem}");
    }
    let bob = create(&app, "bob@xn--bcher-kva.example").await;
    assert_eq!((bob.status, &bob.json()["email"]), (201, &json!("bob@bücher.example")));
    for same in ["Bob@BÜCHER.example", "bob@bu\u{308}cher.example", "bob@XN--BCHER-KVA.example"] {
        create(&app, same).await.problem(409, "conflict");
    }
    let found = app.get("/api/users?email=bob%40xn--bcher-kva.example").await.ok();
    assert_eq!(found["data"][0]["email"], "bob@bücher.example");
}
