//! Wishes beyond the request's fields, as Chat Completions takes them.

use std::borrow::Cow;

use arete_plugin::body::{JsonOut, ObjectWriter};
use arete_plugin::json;
use arete_plugin::llm::ProviderError;
use arete_plugin::request::{invalid, number};
use arete_plugin::wishes::{OutputFormat, OutputSchema, WishList, pass_over};

/// The name of a schema without one: the API demands it.
const SCHEMA_NAME: &str = "answer";

/// Adds them to the body. The API has no number of tokens to think with.
pub(crate) fn write<'a>(
    body: ObjectWriter<'a>,
    wishes: &'a WishList,
    has_tools: bool,
) -> Result<ObjectWriter<'a>, ProviderError> {
    let format = match &wishes.output {
        None | Some(OutputFormat::Text) => None,
        Some(OutputFormat::JsonObject) => Some(ObjectWriter::of_type("json_object")),
        Some(OutputFormat::JsonSchema(format)) => Some(
            ObjectWriter::of_type("json_schema")
                .with("json_schema", JsonOut::Object(schema(format)?)),
        ),
        Some(OutputFormat::Other(_)) => {
            let says = "`responseFormat` asks for a form that this provider doesn't know.";
            pass_over(wishes, "output", "responseFormat", says)?;
            None
        }
    };
    let seed = wishes.seed.as_deref().map(json::value).transpose();
    let seed = seed.map_err(|mismatch| invalid(mismatch.within("seed")))?;
    // Without tools the API refuses the word on them.
    let parallel = wishes.parallel_tool_calls.filter(|_| has_tools);
    let penalty = |field, value| number(field, value).map_err(invalid);
    Ok(body
        .with_opt("response_format", format.map(JsonOut::Object))
        .with_opt("parallel_tool_calls", parallel.map(JsonOut::Flag))
        .with_opt("reasoning_effort", wishes.effort.as_deref().map(JsonOut::Text))
        .with_opt("seed", seed.map(|seed| JsonOut::Raw(Cow::Borrowed(seed))))
        .with_opt("frequency_penalty", penalty("frequencyPenalty", wishes.frequency_penalty)?)
        .with_opt("presence_penalty", penalty("presencePenalty", wishes.presence_penalty)?)
        .with_opt("user", wishes.end_user.as_deref().map(JsonOut::Text))
        .with_opt("service_tier", wishes.service_tier.as_deref().map(JsonOut::Text)))
}

fn schema(format: &OutputSchema) -> Result<ObjectWriter<'_>, ProviderError> {
    let schema = json::object(&format.schema)
        .map_err(|mismatch| invalid(mismatch.within("responseFormat.schema")))?;
    Ok(ObjectWriter::default()
        .with("name", JsonOut::Text(format.name.as_deref().unwrap_or(SCHEMA_NAME)))
        .with_opt("description", format.description.as_deref().map(JsonOut::Text))
        .with("schema", JsonOut::Raw(Cow::Borrowed(schema)))
        .with_opt("strict", format.strict.map(JsonOut::Flag)))
}

#[cfg(test)]
mod tests {
    use arete_plugin::llm::ErrorKind;
    use arete_plugin::wishes::none;

    use super::*;

    fn sent(wishes: &WishList, has_tools: bool) -> String {
        write(ObjectWriter::default(), wishes, has_tools).unwrap().text()
    }

    #[test]
    fn every_wish_has_its_field() {
        let format = OutputSchema {
            name: None,
            description: Some("d".into()),
            schema: r#"{"type": "object"}"#.into(),
            strict: Some(true),
        };
        let wishes = WishList {
            output: Some(OutputFormat::JsonSchema(format)),
            parallel_tool_calls: Some(false),
            effort: Some("minimal".into()),
            thinking_tokens: Some(10),
            seed: Some("9007199254740993".into()),
            frequency_penalty: Some(0.5),
            presence_penalty: Some(-2.0),
            end_user: Some("u1".into()),
            service_tier: Some("flex".into()),
            ..none()
        };
        assert_eq!(
            sent(&wishes, true),
            r#"{"response_format":{"type":"json_schema","json_schema":{"name":"answer","description":"d","schema":{"type": "object"},"strict":true}},"parallel_tool_calls":false,"reasoning_effort":"minimal","seed":9007199254740993,"frequency_penalty":0.5,"presence_penalty":-2.0,"user":"u1","service_tier":"flex"}"#
        );
        assert!(!sent(&wishes, false).contains("parallel_tool_calls"), "there are no tools");
        let object = WishList { output: Some(OutputFormat::JsonObject), ..none() };
        assert_eq!(sent(&object, false), r#"{"response_format":{"type":"json_object"}}"#);
        assert_eq!(sent(&none(), true), "{}");
    }

    #[test]
    fn an_unknown_form_is_refused_where_it_is_required() {
        let output = Some(OutputFormat::Other("{}".into()));
        let wishes = WishList { output, required: vec!["output".into()], ..none() };
        let error = write(ObjectWriter::default(), &wishes, false).err().unwrap();
        assert_eq!(
            (error.kind, error.field.as_deref()),
            (ErrorKind::Unsupported, Some("responseFormat"))
        );
        assert_eq!(sent(&WishList { required: vec![], ..wishes }, false), "{}");
    }
}
