//! The vendor's models: `GET /v1/models`.

use arete_plugin::json::{self, Mismatch, Object};
use arete_plugin::llm::ProviderError;
use arete_plugin::models::{Model, Page};
use arete_plugin::vendor_error::Broken;

/// The most models of a page, as the vendor allows.
const LIMIT: u32 = 1000;

/// Returns where a page is, beside the messages.
pub(crate) fn url(messages: &str, after: Option<&str>) -> String {
    let base = messages.strip_suffix("/messages").unwrap_or(messages);
    let mut url = format!("{base}/models?limit={LIMIT}");
    let Some(after) = after else { return url };
    url.push_str("&after_id=");
    for byte in after.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                url.push(byte.into());
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

/// Reads a page.
pub(crate) fn read(body: &str) -> Result<Page, ProviderError> {
    page(body).map_err(|mismatch| Broken::from(mismatch).into())
}

fn page(body: &str) -> Result<Page, Mismatch> {
    let mut body = Object::parse(body)?;
    let data = body.require("data", "a list of objects")?;
    let models = json::list(&data).map_err(|mismatch| mismatch.within("data"))?;
    let more: bool = body.read("has_more", "a boolean")?.unwrap_or(false);
    let last: Option<String> = body.read("last_id", "a string")?;
    let models = models.into_iter().enumerate().map(|(index, it)| {
        Object::parse(it.get())
            .and_then(model)
            .map_err(|mismatch| mismatch.within(format_args!("data[{index}]")))
    });
    Ok(Page { models: models.collect::<Result<_, _>>()?, next: last.filter(|_| more) })
}

fn model(mut model: Object) -> Result<Model, Mismatch> {
    Ok(Model {
        id: model.require_text("id")?.into_owned(),
        display_name: model.read("display_name", "a string")?,
        created: model.read("created_at", "a string")?,
        context_tokens: model.take_count("max_input_tokens"),
        max_output_tokens: model.take_count("max_tokens"),
        takes: vec![],
        gives: vec![],
        features: vec![],
        extra: model.into_extra(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_beside_the_messages() {
        let messages = "https://api.anthropic.com/v1/messages";
        let base = "https://api.anthropic.com/v1/models?limit=1000";
        assert_eq!(url(messages, None), base);
        assert_eq!(url(messages, Some("a b&c")), format!("{base}&after_id=a%20b%26c"));
    }

    #[test]
    fn a_page_is_read_with_what_nobody_knows_yet() {
        let body = r#"{"data":[{"type":"model","id":"a","display_name":"A","created_at":"2026-01-01T00:00:00Z",
            "max_input_tokens":200000,"max_tokens":64000,"new":[1.10]},{"id":"b"}],"has_more":true,"last_id":"b"}"#;
        let page = read(body).unwrap();
        assert_eq!(page.next.as_deref(), Some("b"));
        let [a, b] = &page.models[..] else { panic!("{page:?}") };
        assert_eq!((a.context_tokens, a.max_output_tokens), (Some(200_000), Some(64_000)));
        assert_eq!(a.extra.as_deref(), Some(r#"{"type":"model","new":[1.10]}"#));
        assert_eq!((&*b.id, b.extra.as_deref()), ("b", None));
        assert!(read(r#"{"data":[{}]}"#).unwrap_err().message.contains("data[0]"));
        assert_eq!(read(r#"{"data":[],"has_more":false,"last_id":"z"}"#).unwrap().next, None);
    }
}
