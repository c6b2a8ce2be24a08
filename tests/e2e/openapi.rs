//! The API's description, held against the running server, and the page that shows it. That the
//! document is valid, and that no answer is one it doesn't tell of, is checked by tools of others:
//! `tests/openapi/run.py`.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::support::app::App;
use crate::support::{Answer, client};

/// Each path of the document, with something in the place of parameters, and its operations.
fn paths(document: &Value) -> Vec<(String, Vec<(String, Value)>)> {
    let paths = document["paths"].as_object().expect("the document has paths").iter();
    let operations = |item: &Value| {
        let operations = item.as_object().expect("a path has operations").iter();
        operations.map(|(method, operation)| (method.to_uppercase(), operation.clone())).collect()
    };
    paths.map(|(path, item)| (path.replace("{id}", "x"), operations(item))).collect()
}

async fn send(app: &App, method: &str, path: &str) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    client::send(client::request(method, app.url(path))).await
}

#[tokio::test]
async fn every_path_has_the_methods_that_are_described_and_no_other() {
    let app = App::with_echo().start().await;
    let document = app.get("/api/openapi.json").await.ok();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")));
    for (path, operations) in paths(&document) {
        let refused = send(&app, "BREW", &path).await;
        if path.starts_with("/v1/") {
            assert_eq!(refused.status, 405, "{path}");
        } else {
            refused.problem(405, "method-not-allowed");
        }
        let allowed = refused.header("allow").unwrap_or_default().split(',');
        let allowed: BTreeSet<&str> = allowed.filter(|method| *method != "HEAD").collect();
        let described: BTreeSet<&str> =
            operations.iter().map(|(method, _)| method.as_str()).collect();
        assert_eq!(allowed, described, "{path}");
    }
}

#[tokio::test]
async fn what_is_described_as_guarded_is_and_nothing_else() {
    let app = App::with_echo().set("ARETE_API_KEYS", "one:0123456789abcdef").start().await;
    let document = app.get("/api/openapi.json").await.ok();
    for (path, operations) in paths(&document) {
        for (method, operation) in operations {
            let open = operation.get("security").is_some();
            assert_eq!(operation["responses"].get("401").is_none(), open, "{method} {path}");
            assert_eq!(send(&app, &method, &path).await.status != 401, open, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_page_is_served_whole_and_asks_nobody_else() {
    let app = App::with_echo().start().await;
    let redirect = app.get("/docs").await;
    assert_eq!((redirect.status, redirect.header("location")), (308, Some("/docs/")));

    let page = app.get("/docs/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")));
    let policy = page.header("content-security-policy").expect("the page has a policy");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("http"), "{policy}");

    let sources = page.body.split("src=\"").skip(1).chain(page.body.split("href=\"").skip(1));
    let files: Vec<&str> = sources.filter_map(|rest| rest.split('"').next()).collect();
    assert!(4 < files.len(), "{files:?}");
    for file in files {
        let name = file.strip_prefix("./").unwrap_or(file);
        assert!(!name.contains(['/', ':']), "{file} is elsewhere");
        assert_eq!(send(&app, "HEAD", &format!("/docs/{name}")).await.status, 200, "{file}");
    }
    let settings = app.get("/docs/swagger-initializer.js").await.body;
    assert!(
        settings.contains("\"/api/openapi.json\"")
            && settings.contains("\"validatorUrl\": \"none\"")
    );
    assert!(!settings.contains("http"), "{settings}");
}
