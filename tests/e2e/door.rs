//! The door: who gets in, and what one learns who doesn't.

use reqwest::Method;

use crate::support::app::App;
use crate::support::{Answer, client};

const KEYS: &str = "first:the-first-key-0123,second:the-second-key-456";
/// Every route behind the door, and some that aren't there.
const GUARDED: [(&str, &str); 12] = [
    ("POST", "/api/llm/chat"),
    ("GET", "/api/llm/providers"),
    ("GET", "/api/llm/cache/stats"),
    ("DELETE", "/api/llm/cache"),
    ("GET", "/api/users"),
    ("POST", "/api/users"),
    ("GET", "/api/users/019b7d3c-5a10-7000-8000-000000000001"),
    ("PATCH", "/api/users/not-an-id"),
    ("DELETE", "/api/users/019b7d3c-5a10-7000-8000-000000000001"),
    ("GET", "/"),
    ("GET", "/api/elsewhere"),
    ("PUT", "/api/users"),
];

async fn send(
    app: &App,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &'static str,
) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let request = client::request(method, app.url(path)).body(body);
    client::send(
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)),
    )
    .await
}

#[tokio::test]
async fn without_a_right_key_nobody_gets_in_and_nothing_is_looked_at() {
    let app = App::with_echo().set("ARETE_API_KEYS", KEYS).start().await;
    let wrong: [&[(&str, &str)]; 7] = [
        &[],
        &[("authorization", "Bearer the-first-key-0124")],
        &[("authorization", "Bearer the-first-key-012")],
        &[("authorization", "Bearer first")],
        &[("authorization", "Basic dGhlLWZpcnN0LWtleS0wMTIz")],
        &[("x-api-key", "THE-FIRST-KEY-0123")],
        &[("x-api-key", "")],
    ];
    for (method, path) in GUARDED {
        for headers in wrong {
            // Neither JSON nor announced as such: who isn't let in doesn't hear of it.
            let answer = send(&app, method, path, headers, "{").await;
            answer.problem(401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_right_key_opens_in_either_header_and_names_its_owner_in_the_log() {
    let app = App::with_echo().set("ARETE_API_KEYS", KEYS).start().await;
    for (header, value, owner) in [
        ("authorization", "Bearer the-first-key-0123", "first"),
        ("authorization", "bearer the-second-key-456", "second"),
        ("x-api-key", "the-first-key-0123", "first"),
        ("x-api-key", "the-second-key-456", "second"),
    ] {
        let answer = send(&app, "GET", "/api/users", &[(header, value)], "").await;
        answer.ok();
        assert_eq!(app.request_line(answer.id()).await["caller"], owner, "{header}: {value}");
        send(&app, "GET", "/api/elsewhere", &[(header, value)], "").await.problem(404, "not-found");
    }
}

#[tokio::test]
async fn health_and_the_description_are_open() {
    let app = App::with_echo().set("ARETE_API_KEYS", KEYS).start().await;
    for path in ["/api/health", "/api/health/live", "/api/health/ready", "/api/openapi.json"] {
        app.get(path).await.ok();
    }
    assert_eq!(app.get("/docs/").await.status, 200);
    app.get("/docs/elsewhere").await.problem(404, "not-found");
}

#[tokio::test]
async fn without_keys_everybody_on_this_machine_gets_in() {
    let app = App::with_echo().start().await;
    app.get("/api/users").await.ok();
    app.get("/api/elsewhere").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_method_that_a_route_lacks_is_told_those_it_has() {
    let app = App::with_echo().start().await;
    let answer = send(&app, "PUT", "/api/users", &[], "").await;
    answer.problem(405, "method-not-allowed");
    assert_eq!(answer.header("allow"), Some("GET,HEAD,POST"));
}

/// What a browser asks before it lets a page of this origin send a question with a key.
async fn preflight(app: &App, origin: &str) -> Answer {
    let request = client::request(Method::OPTIONS, app.url("/api/llm/chat"))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    client::send(request).await
}

#[tokio::test]
async fn pages_of_other_origins_may_call_only_where_the_operator_says_so() {
    let page = "https://app.example.com";
    let closed = App::shared().await;
    assert_eq!(preflight(&closed, page).await.header("access-control-allow-origin"), None);

    let app = App::with_echo()
        .set("CORS_ORIGINS", page)
        .set("ARETE_API_KEYS", "team:0123456789abcdef")
        .start()
        .await;
    let allowed = preflight(&app, page).await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, Some(page)));
    assert!(
        allowed
            .header("access-control-allow-headers")
            .is_some_and(|names| names.contains("authorization"))
    );
    assert_eq!(
        preflight(&app, "https://evil.example").await.header("access-control-allow-origin"),
        None
    );
    // A page may read why it was refused.
    let refused = client::send(
        client::request(Method::GET, app.url("/api/llm/providers")).header("origin", page),
    )
    .await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some(page)));
}
