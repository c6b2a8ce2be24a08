//! The fields of a chat request that ask for more than every vendor can give.

use std::borrow::Cow;

use serde::de::MapAccess;

use crate::contract::{OutputFormat, OutputSchema, WishList};
use crate::http::json::{At, Bool, Object, Shape, Text, Words, read_fields};

/// Returns the wishes with the names of those without which the answer would be another one.
pub(super) fn with_required(mut wishes: WishList) -> WishList {
    let shaped = wishes.output.as_ref().is_some_and(|output| *output != OutputFormat::Text);
    let required =
        [("output", shaped), ("parallel-tool-calls", wishes.parallel_tool_calls == Some(false))];
    wishes.required = required
        .into_iter()
        .filter(|(_, required)| *required)
        .map(|(name, _)| name.to_owned())
        .collect();
    wishes
}

/// The form of the answer's text.
pub(super) struct ResponseFormatShape;

impl<'de> Shape<'de> for ResponseFormatShape {
    type Value = OutputFormat;

    fn expected(&self) -> Cow<'static, str> {
        r#"an object with a type: "text", "json_object" or "json_schema""#.into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut format: A,
        at: &At<'_>,
    ) -> Result<Option<OutputFormat>, A::Error> {
        const TYPES: Words<&str> = Words(&[
            ("text", "text"),
            ("json_object", "json_object"),
            ("json_schema", "json_schema"),
        ]);
        read_fields!(format, at, {
            "type" => kind: TYPES,
            "schema" => schema: Object,
            "name" => name: Text,
            "description" => description: Text,
            "strict" => strict: Bool,
        });
        let Some(kind) = kind.required(&at.field("type")) else { return Ok(None) };
        if kind == "json_schema" {
            let schema = schema.required(&at.field("schema"));
            let (name, description) = (name.optional(), description.optional());
            let strict = strict.optional();
            return Ok(schema.map(|schema| {
                OutputFormat::JsonSchema(OutputSchema { name, description, schema, strict })
            }));
        }
        if schema.is_there() {
            at.field("schema").wrong::<()>("is only for the type \"json_schema\"");
            return Ok(None);
        }
        Ok(Some(if kind == "text" { OutputFormat::Text } else { OutputFormat::JsonObject }))
    }
}
