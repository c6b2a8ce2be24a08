//! Web pages and a server without keys: a page reaches it only as the operator allows.

use reqwest::Method;

use crate::support::{App, Raw, client, question};

/// Returns the status of a request with this header `host`, and its response's body.
async fn asked(app: &App, method: &str, path: &str, host: &str) -> (u16, String) {
    let mut client = Raw::connect(app).await;
    client.send(format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
    let (status, _, body) = client.answer().await;
    (status, body)
}

#[tokio::test]
async fn a_name_that_was_bound_to_this_machine_is_refused_everywhere() {
    let app = App::with_echo().start().await;
    for (method, path) in [
        ("GET", "/api/users"),
        ("POST", "/api/llm/chat"),
        ("DELETE", "/api/llm/cache"),
        ("GET", "/api/health"),
        ("GET", "/api/openapi.json"),
        ("GET", "/docs/"),
        ("GET", "/elsewhere"),
    ] {
        let (status, body) = asked(&app, method, path, "evil.example:3000").await;
        assert_eq!(status, 403, "{method} {path}: {body}");
        assert!(body.contains(r#""code":"forbidden""#), "{body}");
        assert!(body.contains("ALLOWED_HOSTS"), "{body}");
    }
    for host in ["localhost", "localhost:1", "app.localhost", "127.0.0.1", "127.9.9.9", "[::1]:5"] {
        assert_eq!(asked(&app, "GET", "/api/users", host).await.0, 200, "{host}");
    }
}

#[tokio::test]
async fn a_host_that_the_operator_names_is_answered() {
    let app = App::with_echo().set("ALLOWED_HOSTS", "Arete.lan, other").start().await;
    assert_eq!(asked(&app, "GET", "/api/users", "arete.lan:3000").await.0, 200);
    assert_eq!(asked(&app, "GET", "/api/users", "x.arete.lan").await.0, 403);
}

#[tokio::test]
async fn a_server_with_keys_goes_by_any_name() {
    let app = App::with_echo().set("ARETE_API_KEYS", "team:0123456789abcdef").start().await;
    assert_eq!(asked(&app, "GET", "/api/users", "arete.example").await.0, 401);
    assert_eq!(asked(&app, "GET", "/api/health/live", "arete.example").await.0, 200);
}

/// Asks as a page of this origin does, which its browser puts this far from the server.
async fn page(app: &App, method: Method, path: &str, origin: &str, site: &str) -> u16 {
    let request = client::request(method, app.url(path))
        .header("origin", origin)
        .header("sec-fetch-site", site)
        .header("content-type", "application/json")
        .body(question("Hello").to_string());
    client::send(request).await.status
}

#[tokio::test]
async fn a_page_of_another_origin_asks_nothing_unless_it_is_named() {
    let mine = "https://app.example.com";
    let app = App::with_echo().set("CORS_ORIGINS", mine).start().await;
    let own = app.url("");
    let own = own.trim_end_matches('/');
    for (origin, site, status) in [
        (own, "same-origin", 200),
        (mine, "cross-site", 200),
        ("https://evil.example", "cross-site", 403),
        ("http://localhost:1", "same-site", 403),
        ("null", "cross-site", 403),
    ] {
        let answer = page(&app, Method::POST, "/api/llm/chat", origin, site).await;
        assert_eq!(answer, status, "{origin}");
    }
    assert_eq!(page(&app, Method::GET, "/api/users", "https://evil.example", "none").await, 403);
}

#[tokio::test]
async fn all_origins_may_read_and_none_of_another_site_may_change() {
    let app = App::with_echo().set("CORS_ORIGINS", "*").start().await;
    app.wait_for_log(|line| {
        line["level"] == "WARN"
            && line["message"].as_str().is_some_and(|text| text.starts_with("CORS_ORIGINS is *"))
    })
    .await;
    let evil = "https://evil.example";
    assert_eq!(page(&app, Method::GET, "/api/llm/providers", evil, "cross-site").await, 200);
    assert_eq!(page(&app, Method::POST, "/api/llm/chat", evil, "cross-site").await, 403);
    assert_eq!(page(&app, Method::DELETE, "/api/llm/cache", evil, "cross-site").await, 403);
    assert_eq!(page(&app, Method::POST, "/api/llm/chat", evil, "same-site").await, 200);
}
