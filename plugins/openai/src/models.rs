//! The server's models: `GET /models`.

use arete_plugin::json::{self, Mismatch, Object};
use arete_plugin::llm::ProviderError;
use arete_plugin::models::{Model, Page};
use arete_plugin::vendor_error::Broken;

/// Reads the list, which has one page.
pub(crate) fn read(body: &str) -> Result<Page, ProviderError> {
    page(body).map_err(|mismatch| Broken::from(mismatch).into())
}

fn page(body: &str) -> Result<Page, Mismatch> {
    let mut body = Object::parse(body)?;
    let data = body.require("data", "a list of objects")?;
    let models = json::list(&data).map_err(|mismatch| mismatch.within("data"))?;
    let models = models.into_iter().enumerate().map(|(index, it)| {
        Object::parse(it.get())
            .and_then(model)
            .map_err(|mismatch| mismatch.within(format_args!("data[{index}]")))
    });
    Ok(Page { models: models.collect::<Result<_, _>>()?, next: None })
}

/// OpenAI says little of a model; other servers have fields of their own, some of them the same.
fn model(mut model: Object) -> Result<Model, Mismatch> {
    let id = model.require_text("id")?.into_owned();
    let context = ["context_length", "context_window", "max_model_len", "max_context_length"];
    Ok(Model {
        id,
        display_name: None,
        created: None,
        context_tokens: context.iter().find_map(|key| model.take_count(key)),
        max_output_tokens: model.take_count("max_completion_tokens"),
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
    fn a_list_is_read_with_what_servers_add() {
        let body = r#"{"object":"list","data":[{"id":"gpt","object":"model","created":1764374400,"owned_by":"openai"},
            {"id":"llama","context_window":131072,"max_completion_tokens":8192}]}"#;
        let page = read(body).unwrap();
        let [gpt, llama] = &page.models[..] else { panic!("{page:?}") };
        let extra = r#"{"object":"model","created":1764374400,"owned_by":"openai"}"#;
        assert_eq!((&*gpt.id, gpt.extra.as_deref()), ("gpt", Some(extra)));
        assert_eq!((llama.context_tokens, llama.max_output_tokens), (Some(131_072), Some(8_192)));
        assert!(read(r#"{"data":[{"id":1}]}"#).unwrap_err().message.contains("data[0]"));
    }
}
