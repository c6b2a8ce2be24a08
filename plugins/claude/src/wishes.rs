//! Wishes beyond the request's fields, as the Messages API takes them.

use std::borrow::Cow;

use arete_plugin::body::{JsonOut, ObjectWriter};
use arete_plugin::json;
use arete_plugin::llm::ProviderError;
use arete_plugin::request::invalid;
use arete_plugin::wishes::{OutputFormat, WishList, pass_over};

/// Adds them to the body. The vendor has no seed and no penalties.
pub(crate) fn write<'a>(
    body: ObjectWriter<'a>,
    wishes: &'a WishList,
) -> Result<ObjectWriter<'a>, ProviderError> {
    let mut output = ObjectWriter::default();
    match &wishes.output {
        None | Some(OutputFormat::Text) => {}
        Some(OutputFormat::JsonSchema(format)) => {
            let schema = json::object(&format.schema)
                .map_err(|mismatch| invalid(mismatch.within("responseFormat.schema")))?;
            let format = ObjectWriter::of_type("json_schema")
                .with("schema", JsonOut::Raw(Cow::Borrowed(schema)));
            output = output.with("format", JsonOut::Object(format));
        }
        Some(OutputFormat::JsonObject | OutputFormat::Other(_)) => {
            let says = "The vendor gives JSON by a schema only: `responseFormat` needs one.";
            pass_over(wishes, "output", "responseFormat", says)?;
        }
    }
    let mut thinking = wishes.thinking_tokens.map(|tokens| {
        ObjectWriter::of_type("enabled").with("budget_tokens", JsonOut::Count(tokens))
    });
    match wishes.effort.as_deref() {
        None => {}
        Some("none") => thinking = Some(ObjectWriter::of_type("disabled")),
        // The least that the vendor has a word for.
        Some("minimal") => output = output.with("effort", JsonOut::Text("low")),
        Some(effort) => output = output.with("effort", JsonOut::Text(effort)),
    }
    let output = (output.has("format") || output.has("effort")).then_some(output);
    let user = |user| JsonOut::Object(ObjectWriter::default().with("user_id", JsonOut::Text(user)));
    Ok(body
        .with_opt("output_config", output.map(JsonOut::Object))
        .with_opt("thinking", thinking.map(JsonOut::Object))
        .with_opt("metadata", wishes.end_user.as_deref().map(user))
        .with_opt("service_tier", wishes.service_tier.as_deref().map(JsonOut::Text)))
}

#[cfg(test)]
mod tests {
    use arete_plugin::golden::question;
    use arete_plugin::llm::{ErrorKind, Tool, ToolChoice};
    use arete_plugin::wishes::{OutputSchema, none};

    use super::*;
    use crate::request;

    fn sent(wishes: &WishList) -> String {
        write(ObjectWriter::default(), wishes).unwrap().text()
    }

    #[test]
    fn what_the_vendor_has_a_field_for_is_sent() {
        let schema = OutputSchema {
            name: Some("dropped".into()),
            description: None,
            schema: r#"{"type": "object"}"#.into(),
            strict: Some(true),
        };
        let wishes = WishList {
            output: Some(OutputFormat::JsonSchema(schema)),
            effort: Some("high".into()),
            thinking_tokens: Some(2048),
            seed: Some("7".into()),
            frequency_penalty: Some(1.0),
            end_user: Some("u1".into()),
            service_tier: Some("auto".into()),
            required: vec!["output".into()],
            ..none()
        };
        assert_eq!(
            sent(&wishes),
            r#"{"output_config":{"format":{"type":"json_schema","schema":{"type": "object"}},"effort":"high"},"thinking":{"type":"enabled","budget_tokens":2048},"metadata":{"user_id":"u1"},"service_tier":"auto"}"#
        );
        assert_eq!(sent(&none()), "{}");
        let effort = |word: &str| sent(&WishList { effort: Some(word.into()), ..none() });
        assert_eq!(effort("minimal"), r#"{"output_config":{"effort":"low"}}"#);
        assert_eq!(effort("none"), r#"{"thinking":{"type":"disabled"}}"#);
    }

    #[test]
    fn json_without_a_schema_is_refused_where_it_is_required() {
        let output = Some(OutputFormat::JsonObject);
        let wishes = WishList { output, required: vec!["output".into()], ..none() };
        let error = write(ObjectWriter::default(), &wishes).err().unwrap();
        assert_eq!(
            (error.kind, error.field.as_deref()),
            (ErrorKind::Unsupported, Some("responseFormat"))
        );
        assert_eq!(sent(&WishList { required: vec![], ..wishes }), "{}");
    }

    #[test]
    fn one_tool_call_at_a_time_is_a_part_of_the_choice() {
        let one = WishList { parallel_tool_calls: Some(false), ..none() };
        let mut request = question::plain("m");
        let body = |request: &_| request::body(request, &one, false).unwrap();
        assert!(!body(&request).contains("tool_choice"), "there are no tools");
        let tool =
            Tool { name: "t".into(), description: None, input_schema: "{}".into(), extra: None };
        request.tools = vec![tool];
        assert!(
            body(&request)
                .contains(r#""tool_choice":{"type":"auto","disable_parallel_tool_use":true}"#)
        );
        request.tool_choice = Some(ToolChoice::None);
        assert!(body(&request).contains(r#""tool_choice":{"type":"none"}"#));
    }
}
