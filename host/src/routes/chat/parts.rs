//! Pieces of content as JSON, in requests and answers alike: what came in an answer can be sent
//! back as it is.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::body::Errors;
use crate::contract;

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// A piece of content.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = Part)]
pub(crate) enum PartBody {
    /// Text.
    Text {
        /// The text.
        text: String,
        /// Fields of the block that only the vendor knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        extra: Option<Object>,
    },
    /// A picture: `mediaType` and `data`, or `url`.
    #[serde(rename_all = "camelCase")]
    Image {
        /// Such as `image/png`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        /// The picture in base64.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<String>,
        /// An address that the vendor fetches.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// Fields of the block that only the vendor knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        extra: Option<Object>,
    },
    /// The model asks for a tool to be run.
    ToolUse {
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
        /// The arguments.
        #[schema(value_type = Object)]
        input: Object,
        /// Fields of the block that only the vendor knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        extra: Option<Object>,
    },
    /// What a tool gave.
    #[serde(rename_all = "camelCase")]
    #[schema(no_recursion)]
    ToolResult {
        /// The id of the call that this answers.
        tool_use_id: String,
        /// The result.
        #[schema(no_recursion)]
        content: ContentBody,
        /// Whether the tool failed.
        #[serde(default)]
        is_error: bool,
        /// Fields of the block that only the vendor knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        extra: Option<Object>,
    },
    /// What the model thought.
    Thinking {
        /// The thoughts.
        text: String,
        /// The vendor's proof that they are its own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
        /// Fields of the block that only the vendor knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        extra: Option<Object>,
    },
    /// Any other block, as the vendor gave it.
    Other {
        /// The vendor's name of the kind of block.
        kind: String,
        /// The whole block.
        #[schema(value_type = Object)]
        json: Object,
    },
}

/// Content: a string, or pieces.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Content)]
pub(crate) enum ContentBody {
    /// Plain text.
    Text(String),
    /// Pieces, in order.
    #[schema(no_recursion)]
    Parts(Vec<PartBody>),
}

impl<'de> Deserialize<'de> for ContentBody {
    /// By hand, because serde's untagged enums say only that nothing matched.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Content;
        impl<'de> Visitor<'de> for Content {
            type Value = ContentBody;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of parts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ContentBody, E> {
                Ok(ContentBody::Text(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<ContentBody, E> {
                Ok(ContentBody::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<ContentBody, A::Error> {
                let mut all = Vec::new();
                while let Some(part) = parts.next_element()? {
                    all.push(part);
                }
                Ok(ContentBody::Parts(all))
            }
        }
        deserializer.deserialize_any(Content)
    }
}

impl ContentBody {
    /// As the contract has it; what isn't right is noted under `place`.
    pub(super) fn into_parts(
        self,
        place: fmt::Arguments<'_>,
        errors: &mut Errors,
    ) -> Vec<contract::Part> {
        let parts = match self {
            Self::Text(text) => vec![contract::Part::Text(contract::Text { text, extra: None })],
            Self::Parts(parts) => {
                let numbered = parts.into_iter().enumerate();
                numbered
                    .filter_map(|(index, part)| {
                        part.into_part(format_args!("{place}[{index}]"), errors)
                    })
                    .collect()
            }
        };
        if parts.is_empty() {
            errors.add(place.to_string(), "must have at least one part");
        }
        parts
    }
}

impl PartBody {
    fn into_part(self, place: fmt::Arguments<'_>, errors: &mut Errors) -> Option<contract::Part> {
        Some(match self {
            Self::Text { text, extra } => {
                contract::Part::Text(contract::Text { text, extra: json(extra) })
            }
            Self::Image { media_type, data, url, extra } => {
                let source = image_source(media_type, data, url, place, errors)?;
                contract::Part::Image(contract::Image { source, extra: json(extra) })
            }
            Self::ToolUse { id, name, input, extra } => {
                contract::Part::ToolUse(contract::ToolUse {
                    id,
                    name,
                    input: Value::Object(input).to_string(),
                    extra: json(extra),
                })
            }
            Self::ToolResult { tool_use_id, content, is_error, extra } => {
                let content = result_parts(content, format_args!("{place}.content"), errors);
                contract::Part::ToolResult(contract::ToolResult {
                    tool_use_id,
                    content,
                    is_error,
                    extra: json(extra),
                })
            }
            Self::Thinking { text, signature, extra } => {
                contract::Part::Thinking(contract::Thinking { text, signature, extra: json(extra) })
            }
            Self::Other { kind, json } => contract::Part::Other(contract::OtherPart {
                kind,
                json: Value::Object(json).to_string(),
            }),
        })
    }

    /// A piece of an answer. Its JSON was checked at the plugin's edge, so nothing is lost here.
    pub(super) fn from_part(part: &contract::Part) -> Self {
        match part {
            contract::Part::Text(text) => {
                Self::Text { text: text.text.clone(), extra: object(text.extra.as_ref()) }
            }
            contract::Part::Image(image) => Self::from_image(image),
            contract::Part::ToolUse(tool_use) => Self::ToolUse {
                id: tool_use.id.clone(),
                name: tool_use.name.clone(),
                input: object(Some(&tool_use.input)).unwrap_or_default(),
                extra: object(tool_use.extra.as_ref()),
            },
            contract::Part::ToolResult(result) => Self::ToolResult {
                tool_use_id: result.tool_use_id.clone(),
                content: ContentBody::Parts(
                    result.content.iter().map(Self::from_result_part).collect(),
                ),
                is_error: result.is_error,
                extra: object(result.extra.as_ref()),
            },
            contract::Part::Thinking(thinking) => Self::Thinking {
                text: thinking.text.clone(),
                signature: thinking.signature.clone(),
                extra: object(thinking.extra.as_ref()),
            },
            contract::Part::Other(other) => Self::from_other(other),
        }
    }

    fn from_result_part(part: &contract::ResultPart) -> Self {
        match part {
            contract::ResultPart::Text(text) => {
                Self::Text { text: text.text.clone(), extra: object(text.extra.as_ref()) }
            }
            contract::ResultPart::Image(image) => Self::from_image(image),
            contract::ResultPart::Other(other) => Self::from_other(other),
        }
    }

    fn from_image(image: &contract::Image) -> Self {
        let (media_type, data, url) = match &image.source {
            contract::ImageSource::Data(data) => {
                (Some(data.media_type.clone()), Some(data.base64.clone()), None)
            }
            contract::ImageSource::Url(url) => (None, None, Some(url.clone())),
        };
        Self::Image { media_type, data, url, extra: object(image.extra.as_ref()) }
    }

    fn from_other(other: &contract::OtherPart) -> Self {
        Self::Other {
            kind: other.kind.clone(),
            json: object(Some(&other.json)).unwrap_or_default(),
        }
    }
}

/// What can stand inside a tool's result.
fn result_parts(
    content: ContentBody,
    place: fmt::Arguments<'_>,
    errors: &mut Errors,
) -> Vec<contract::ResultPart> {
    if matches!(&content, ContentBody::Parts(parts) if parts.is_empty()) {
        return vec![];
    }
    let parts = content.into_parts(place, errors).into_iter().enumerate();
    let converted = parts.filter_map(|(index, part)| match part {
        contract::Part::Text(text) => Some(contract::ResultPart::Text(text)),
        contract::Part::Image(image) => Some(contract::ResultPart::Image(image)),
        contract::Part::Other(other) => Some(contract::ResultPart::Other(other)),
        contract::Part::ToolUse(_)
        | contract::Part::ToolResult(_)
        | contract::Part::Thinking(_) => {
            errors.add(
                format!("{place}[{index}].type"),
                "must be text, image or other inside a tool's result",
            );
            None
        }
    });
    converted.collect()
}

fn image_source(
    media_type: Option<String>,
    data: Option<String>,
    url: Option<String>,
    place: fmt::Arguments<'_>,
    errors: &mut Errors,
) -> Option<contract::ImageSource> {
    match (media_type, data, url) {
        (None, None, Some(url)) => Some(contract::ImageSource::Url(url)),
        (Some(media_type), Some(base64), None) => {
            // Checked here, so that the vendor isn't asked for nothing; passed on as it came.
            if !is_base64(base64.as_bytes()) {
                errors.add(
                    format!("{place}.data"),
                    "must be base64 with padding (RFC 4648 section 4)",
                );
            }
            Some(contract::ImageSource::Data(contract::ImageData { media_type, base64 }))
        }
        _ => {
            errors.add(place.to_string(), "must have either mediaType and data, or url");
            None
        }
    }
}

/// Whether it can be decoded. Piece by piece: a picture is large, and nobody here wants to see it.
fn is_base64(text: &[u8]) -> bool {
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

/// An object as JSON text.
pub(super) fn json(object: Option<Object>) -> Option<String> {
    object.map(|object| Value::Object(object).to_string())
}

fn object(text: Option<&String>) -> Option<Object> {
    text.and_then(|text| serde_json::from_str(text).ok())
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
