//! `GET /v1/models`: one path, two forms.

use mock_vendor::MockVendor;
use reqwest::Method;
use serde_json::Value;

use super::with_both;
use crate::support::{App, client};

fn ids(list: &Value) -> Vec<String> {
    let data = list["data"].as_array().expect("a list").iter();
    data.map(|model| model["id"].as_str().expect("an id").to_owned()).collect()
}

async fn page(app: &App, query: &str) -> Value {
    let request = client::request(Method::GET, app.url(&format!("/v1/models{query}")));
    client::send(request.header("anthropic-version", "2023-06-01")).await.ok()
}

#[tokio::test]
async fn models_have_a_name_with_their_provider_and_a_bare_one() {
    let (claude, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&claude, &gpt).start().await;
    let list = app.get("/v1/models").await.ok();
    assert_eq!((&list["object"], &list["has_more"]), (&"list".into(), &false.into()));
    let all = ids(&list);
    for id in [
        "claude/claude-sonnet-5",
        "claude-sonnet-5",
        "gpt/gpt-5.4",
        "gpt-5.4-mini",
        "echo/echo",
        "echo",
    ] {
        assert_eq!(all.iter().filter(|it| *it == id).count(), 1, "{id} in {all:?}");
    }
    for model in list["data"].as_array().expect("a list") {
        assert_eq!((&model["object"], &model["type"]), (&"model".into(), &"model".into()));
        assert!(model["created"].is_u64() && model["owned_by"].is_string(), "{model}");
        assert!(model["display_name"].is_string() && model["created_at"].is_string(), "{model}");
    }
    for path in ["/v1/models/claude%2Fclaude-sonnet-5", "/v1/models/claude/claude-sonnet-5"] {
        assert_eq!(app.get(path).await.ok()["id"], "claude/claude-sonnet-5");
    }
    assert_eq!(app.get("/v1/models/nobody").await.status, 404);
}

#[tokio::test]
async fn pages_end() {
    let (claude, gpt) = (MockVendor::start().await, MockVendor::start().await);
    let app = with_both(&claude, &gpt).start().await;
    let all = ids(&page(&app, "?limit=1000").await);
    let (mut seen, mut query) = (Vec::new(), "?limit=7".to_owned());
    loop {
        let list = page(&app, &query).await;
        seen.extend(ids(&list));
        assert!(seen.len() <= all.len(), "{seen:?}");
        if list["has_more"] == false {
            break;
        }
        let last = list["last_id"].as_str().expect("a last model").replace('/', "%2F");
        query = format!("?limit=7&after_id={last}");
    }
    assert_eq!(seen, all);
    let wrong = client::request(Method::GET, app.url("/v1/models?limit=0"));
    assert_eq!(client::send(wrong).await.status, 400);
}

#[tokio::test]
async fn a_provider_without_its_key_lists_nothing() {
    let app = App::with_echo().start().await;
    assert_eq!(ids(&app.get("/v1/models").await.ok()), ["echo", "echo/echo"]);
}
