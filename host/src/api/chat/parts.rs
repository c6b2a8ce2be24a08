//! Parts of content as JSON in answers. They can be sent back in a request unchanged.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::contract::{Image, ImageSource, OtherPart, Part, ResultPart};
use crate::http::json::compact;

/// A JSON object, kept and written as its text.
#[derive(Debug, Clone)]
pub(crate) struct RawObject(Box<RawValue>);

impl RawObject {
    /// Takes the JSON of a plugin, which was checked when it came in. Text that isn't JSON after
    /// all becomes null, rather than an answer that can't be read.
    fn new(text: &str) -> Self {
        // Compact, so that it holds no line end, which would end an event of a stream.
        let raw = RawValue::from_string(compact(text).0);
        Self(raw.unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl Serialize for RawObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A part of content.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = Part)]
pub(crate) enum PartBody {
    /// A part that is text.
    Text {
        /// The text of the part.
        text: String,
        /// Additional fields of the part that only the vendor knows.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        extra: Option<RawObject>,
    },
    /// An image: `mediaType` and `data`, or `url`.
    #[serde(rename_all = "camelCase")]
    Image {
        /// The media type, such as `image/png`.
        #[serde(skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        /// The image's bytes in base64.
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<String>,
        /// An address from which the vendor fetches the image.
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// Additional fields of the part that only the vendor knows.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        extra: Option<RawObject>,
    },
    /// A call of a tool, by the model.
    ToolUse {
        /// The id of the call.
        id: String,
        /// The name of the tool.
        name: String,
        /// The arguments of the call.
        #[schema(value_type = Object)]
        input: RawObject,
        /// Additional fields of the part that only the vendor knows.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        extra: Option<RawObject>,
    },
    /// The result of a tool call.
    #[serde(rename_all = "camelCase")]
    #[schema(no_recursion)]
    ToolResult {
        /// The id of the call that this answers.
        tool_use_id: String,
        /// The content of the result.
        #[schema(no_recursion)]
        content: ContentBody,
        /// True if the tool call failed.
        #[schema(required = false)]
        is_error: bool,
        /// Additional fields of the part that only the vendor knows.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        extra: Option<RawObject>,
    },
    /// Thinking of the model.
    Thinking {
        /// The text of the thinking.
        text: String,
        /// The vendor's proof that the thinking is its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
        /// Additional fields of the part that only the vendor knows.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Object>)]
        extra: Option<RawObject>,
    },
    /// Any other part, as the vendor gave it.
    Other {
        /// The vendor's name for the kind of part.
        kind: String,
        /// The whole part, in the vendor's form.
        #[schema(value_type = Object)]
        json: RawObject,
    },
}

/// Content: a string, or parts.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Content)]
pub(crate) enum ContentBody {
    /// Content that is plain text.
    #[allow(dead_code, reason = "answers have parts; requests may have plain text")]
    Text(String),
    /// Content as parts, in order.
    #[schema(no_recursion)]
    Parts(Vec<PartBody>),
}

impl PartBody {
    /// Returns a part of a completion. Its JSON was checked at the plugin's edge.
    pub(crate) fn from_part(part: &Part) -> Self {
        match part {
            Part::Text(text) => {
                Self::Text { text: text.text.clone(), extra: object(text.extra.as_ref()) }
            }
            Part::Image(image) => Self::from_image(image),
            Part::ToolUse(tool_use) => Self::ToolUse {
                id: tool_use.id.clone(),
                name: tool_use.name.clone(),
                input: RawObject::new(&tool_use.input),
                extra: object(tool_use.extra.as_ref()),
            },
            Part::ToolResult(result) => Self::ToolResult {
                tool_use_id: result.tool_use_id.clone(),
                content: ContentBody::Parts(
                    result.content.iter().map(Self::from_result_part).collect(),
                ),
                is_error: result.is_error,
                extra: object(result.extra.as_ref()),
            },
            Part::Thinking(thinking) => Self::Thinking {
                text: thinking.text.clone(),
                signature: thinking.signature.clone(),
                extra: object(thinking.extra.as_ref()),
            },
            Part::Other(other) => Self::from_other(other),
        }
    }

    fn from_result_part(part: &ResultPart) -> Self {
        match part {
            ResultPart::Text(text) => {
                Self::Text { text: text.text.clone(), extra: object(text.extra.as_ref()) }
            }
            ResultPart::Image(image) => Self::from_image(image),
            ResultPart::Other(other) => Self::from_other(other),
        }
    }

    fn from_image(image: &Image) -> Self {
        let (media_type, data, url) = match &image.source {
            ImageSource::Data(data) => {
                (Some(data.media_type.clone()), Some(data.base64.clone()), None)
            }
            ImageSource::Url(url) => (None, None, Some(url.clone())),
        };
        Self::Image { media_type, data, url, extra: object(image.extra.as_ref()) }
    }

    fn from_other(other: &OtherPart) -> Self {
        Self::Other { kind: other.kind.clone(), json: RawObject::new(&other.json) }
    }
}

fn object(text: Option<&String>) -> Option<RawObject> {
    text.map(|text| RawObject::new(text))
}
