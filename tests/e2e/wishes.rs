//! A caller's wishes beyond what every vendor can give: sent where the vendor has a field for
//! it, refused by name where the answer would be another one, and left out otherwise.

use mock_vendor::{MockVendor, Reply, claude};
use serde_json::json;

use crate::support::{App, ask};

#[tokio::test]
async fn wishes_reach_a_vendor_that_has_fields_for_them() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    let schema = json!({ "type": "object", "properties": { "a": { "type": "number" } } });
    vendor.reply(Reply::json(200, claude::message("{\"a\":1}")));
    let wishes = json!({
        "responseFormat": { "type": "json_schema", "schema": schema },
        "effort": "low",
        "parallelToolCalls": false,
        "tools": [{ "name": "t", "inputSchema": {} }],
        "seed": 7,
        "endUser": "u1",
    });
    app.chat(ask("Answer in JSON.", wishes)).await.ok();
    let sent = vendor.next_request().await.json();
    let format = json!({ "type": "json_schema", "schema": schema });
    assert_eq!(sent["output_config"], json!({ "format": format, "effort": "low" }));
    let choice = json!({ "type": "auto", "disable_parallel_tool_use": true });
    assert_eq!(sent["tool_choice"], choice);
    assert_eq!(sent["metadata"], json!({ "user_id": "u1" }));
    assert_eq!(sent["seed"], json!(null), "this vendor has none");
}

#[tokio::test]
async fn what_a_provider_cannot_promise_is_refused_by_name() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    for (provider, field, value) in [
        ("echo", "responseFormat", json!({ "type": "json_object" })),
        ("echo", "responseFormat", json!({ "type": "json_schema", "schema": {} })),
        ("echo", "parallelToolCalls", json!(false)),
        ("claude", "responseFormat", json!({ "type": "json_object" })),
    ] {
        for stream in [false, true] {
            let asked = json!({ "provider": provider, field: value, "stream": stream });
            let problem = app.chat(ask("Hi", asked)).await.problem(400, "invalid-request");
            assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        }
    }
    assert_eq!(vendor.count(), 0);
    let tuned = json!({
        "provider": "echo",
        "responseFormat": { "type": "text" },
        "parallelToolCalls": true,
        "effort": "high",
        "seed": 1,
    });
    assert_eq!(app.chat(ask("Hi", tuned)).await.ok()["content"], "Hi");
}

#[tokio::test]
async fn an_answer_that_was_wished_otherwise_is_not_taken_from_the_cache() {
    let vendor = MockVendor::start().await;
    let app = App::with_vendor(&vendor).start().await;
    for (effort, cached) in [("low", false), ("low", true), ("high", false)] {
        if !cached {
            vendor.reply(Reply::json(200, claude::message(effort)));
        }
        let answer = app.chat(ask("Think.", json!({ "effort": effort }))).await.ok();
        assert_eq!(
            (answer["content"].as_str(), answer["cached"].as_bool()),
            (Some(effort), Some(cached))
        );
    }
    assert_eq!(vendor.count(), 2);
}
