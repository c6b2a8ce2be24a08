//! Content of messages, read into the contract's parts, every mistake named.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{MapAccess, SeqAccess};

use crate::contract::{
    self, Image, ImageData, ImageSource, OtherPart, Part, ResultPart, Thinking, ToolResult, ToolUse,
};
use crate::http::json::{At, Bool, List, Object, Shape, Slot, Text, read_fields};

/// Content: a string, or parts.
pub(super) struct Content;

impl<'de> Shape<'de> for Content {
    type Value = Vec<Part>;

    fn expected(&self) -> Cow<'static, str> {
        "a string or an array of parts".into()
    }

    fn text(self, text: &str, _: &At<'_>) -> Option<Vec<Part>> {
        Some(vec![Part::Text(contract::Text { text: text.to_owned(), extra: None })])
    }

    fn array<A: SeqAccess<'de>>(
        self,
        parts: A,
        at: &At<'_>,
    ) -> Result<Option<Vec<Part>>, A::Error> {
        List::of(|| PartShape).array(parts, at)
    }
}

/// Returns the parts of a message, which needs one.
pub(super) fn at_least_one(parts: Vec<Part>, at: &At<'_>) -> Option<Vec<Part>> {
    if parts.is_empty() { at.wrong("must have at least one part") } else { Some(parts) }
}

/// A part of a message. Its `type` may come after its other fields, so all fields of all types are
/// read, and those that the type doesn't have are mistakes then.
struct PartShape;

/// The types of parts, as callers write them.
const TYPES: [&str; 6] = ["text", "image", "tool_use", "tool_result", "thinking", "other"];

impl<'de> Shape<'de> for PartShape {
    type Value = Part;

    fn expected(&self) -> Cow<'static, str> {
        "an object with a type".into()
    }

    fn object<A: MapAccess<'de>>(self, mut part: A, at: &At<'_>) -> Result<Option<Part>, A::Error> {
        read_fields!(part, at, {
            "type" => kind: Text,
            "text" => text: Text,
            "mediaType" => media_type: Text,
            "data" => data: Text,
            "url" => url: Text,
            "id" => id: Text,
            "name" => name: Text,
            "input" => input: Object,
            "toolUseId" => tool_use_id: Text,
            "content" => content: Content,
            "isError" => is_error: Bool,
            "signature" => signature: Text,
            "kind" => other_kind: Text,
            "json" => json: Object,
            "extra" => extra: Object,
        });
        let there = [
            ("text", text.is_there()),
            ("mediaType", media_type.is_there()),
            ("data", data.is_there()),
            ("url", url.is_there()),
            ("id", id.is_there()),
            ("name", name.is_there()),
            ("input", input.is_there()),
            ("toolUseId", tool_use_id.is_there()),
            ("content", content.is_there()),
            ("isError", is_error.is_there()),
            ("signature", signature.is_there()),
            ("kind", other_kind.is_there()),
            ("json", json.is_there()),
            ("extra", extra.is_there()),
        ];
        let place = at.field("type");
        let Some(kind) = kind.required(&place) else { return Ok(None) };
        let only = |fields: &[&str]| {
            let others = there.iter().filter(|(name, there)| *there && !fields.contains(name));
            others.for_each(|(name, _)| {
                at.field(name).wrong::<()>(format_args!("is not a field of a part of type {kind}"));
            });
        };
        let required = |slot: Slot<String>, name| slot.required(&at.field(name));
        Ok(match kind.as_str() {
            "text" => {
                only(&["text", "extra"]);
                let extra = extra.optional();
                required(text, "text").map(|text| Part::Text(contract::Text { text, extra }))
            }
            "image" => {
                only(&["mediaType", "data", "url", "extra"]);
                let extra = extra.optional();
                let source = image_source(media_type, data, url, at);
                source.map(|source| Part::Image(Image { source, extra }))
            }
            "tool_use" => {
                only(&["id", "name", "input", "extra"]);
                let input = input.required(&at.field("input"));
                let named = required(id, "id").zip(required(name, "name"));
                let extra = extra.optional();
                named
                    .zip(input)
                    .map(|((id, name), input)| Part::ToolUse(ToolUse { id, name, input, extra }))
            }
            "tool_result" => {
                only(&["toolUseId", "content", "isError", "extra"]);
                let place = at.field("content");
                let content = content.required(&place).map(|parts| result_parts(parts, &place));
                let is_error = is_error.not_null(&at.field("isError")).unwrap_or(false);
                let extra = extra.optional();
                required(tool_use_id, "toolUseId").zip(content).map(|(tool_use_id, content)| {
                    Part::ToolResult(ToolResult { tool_use_id, content, is_error, extra })
                })
            }
            "thinking" => {
                only(&["text", "signature", "extra"]);
                let (signature, extra) = (signature.optional(), extra.optional());
                required(text, "text")
                    .map(|text| Part::Thinking(Thinking { text, signature, extra }))
            }
            "other" => {
                only(&["kind", "json"]);
                let json = json.required(&at.field("json"));
                required(other_kind, "kind")
                    .zip(json)
                    .map(|(kind, json)| Part::Other(OtherPart { kind, json }))
            }
            other => place.unknown_word(other, TYPES.into_iter()),
        })
    }
}

/// Returns the parts of a tool's result. Not every part can stand in one.
fn result_parts(parts: Vec<Part>, at: &At<'_>) -> Vec<ResultPart> {
    let parts = parts.into_iter().enumerate();
    let converted = parts.filter_map(|(index, part)| match part {
        Part::Text(text) => Some(ResultPart::Text(text)),
        Part::Image(image) => Some(ResultPart::Image(image)),
        Part::Other(other) => Some(ResultPart::Other(other)),
        Part::ToolUse(_) | Part::ToolResult(_) | Part::Thinking(_) => at
            .index(index)
            .field("type")
            .wrong("must be text, image or other inside a tool's result"),
    });
    converted.collect()
}

fn image_source(
    media_type: Slot<String>,
    data: Slot<String>,
    url: Slot<String>,
    at: &At<'_>,
) -> Option<ImageSource> {
    if [&media_type, &data, &url].iter().any(|slot| matches!(slot, Slot::Wrong)) {
        return None;
    }
    match (media_type.optional(), data.optional(), url.optional()) {
        (None, None, Some(url)) => Some(ImageSource::Url(url)),
        (Some(media_type), Some(base64), None) => {
            // Checked here, so that the vendor isn't asked in vain; passed on as it came.
            if !is_base64(base64.as_bytes()) {
                return at.field("data").wrong("must be base64 with padding (RFC 4648 section 4)");
            }
            Some(ImageSource::Data(ImageData { media_type, base64 }))
        }
        _ => at.wrong("must have either mediaType and data, or url"),
    }
}

/// Returns true if a text can be decoded. It is decoded piece by piece, because an image is large
/// and its bytes aren't needed here.
pub(crate) fn is_base64(text: &[u8]) -> bool {
    const PIECE: usize = 4_096;
    let mut decoded = [0; PIECE / 4 * 3];
    let last = text.len().saturating_sub(1) / PIECE;
    let mut pieces = text.chunks(PIECE).enumerate();
    // Padding only stands at the end of all.
    pieces.all(|(index, piece)| {
        (index == last || !piece.ends_with(b"="))
            && BASE64.decode_slice(piece, &mut decoded).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_checked_as_if_decoded_at_once() {
        for length in [0, 1, 2, 3, 4, 4_095, 4_096, 4_097, 4_100, 8_192, 8_196, 10_000] {
            let text = "A".repeat(length);
            let at = |at: usize, byte: u8| {
                let mut text = text.clone().into_bytes();
                if let Some(place) = text.get_mut(at) {
                    *place = byte;
                }
                text
            };
            let ends = [length.wrapping_sub(1), length.wrapping_sub(2), 4_095, 4_094, 4_096, 0, 5];
            let strange =
                ends.iter().flat_map(|end| [at(*end, b'='), at(*end, b'?'), at(*end, b'B')]);
            for text in strange.chain([text.clone().into_bytes(), format!("{text}==").into_bytes()])
            {
                assert_eq!(is_base64(&text), BASE64.decode(&text).is_ok(), "{length}");
            }
        }
    }
}
