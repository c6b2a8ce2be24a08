//! The content of messages: a string, or blocks.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess};
use serde_json::value::RawValue;

use super::rest::Rest;
use crate::api::chat::is_base64;
use crate::api::door::{Fate, Fates, ObjectText, Speaks, quoted};
use crate::contract::{
    self, Image, ImageData, ImageSource, OtherPart, Part, ResultPart, Thinking, ToolResult, ToolUse,
};
use crate::http::json::{At, Bool, Json, List, Object, Shape, Text, compact, read_fields};

/// Fields of blocks that have no place in the contract.
const OTHERS: &Fates = &[
    ("cache_control", Fate::Dropped),
    // Of answers that are sent back.
    ("citations", Fate::Dropped),
    ("caller", Fate::Dropped),
];

/// The refusal of a block that only Anthropic's API has.
const FOREIGN: &str = "can't be passed on to this provider, whose API is another one";

/// Content for a provider of this API.
pub(super) struct Content {
    pub(super) speaks: Speaks,
}

impl<'de> Shape<'de> for Content {
    type Value = Vec<Part>;

    fn expected(&self) -> Cow<'static, str> {
        "a string or an array of blocks".into()
    }

    fn text(self, text: &str, _: &At<'_>) -> Option<Vec<Part>> {
        Some(vec![text_part(text.to_owned())])
    }

    fn array<A: SeqAccess<'de>>(
        self,
        parts: A,
        at: &At<'_>,
    ) -> Result<Option<Vec<Part>>, A::Error> {
        let speaks = self.speaks;
        let blocks = List::of(|| BlockShape { speaks }).array(parts, at)?;
        Ok(blocks.map(|blocks| blocks.into_iter().flatten().collect()))
    }
}

fn text_part(text: String) -> Part {
    Part::Text(contract::Text { text, extra: None })
}

/// A block. It becomes one part, or none where another vendor can't read what is in it.
struct BlockShape {
    speaks: Speaks,
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

impl<'de> Shape<'de> for BlockShape {
    type Value = Vec<Part>;

    fn expected(&self) -> Cow<'static, str> {
        "an object with a type".into()
    }

    /// The type decides how the rest is read, and may come last.
    fn read<D: Deserializer<'de>>(
        self,
        deserializer: D,
        at: &At<'_>,
    ) -> Result<Option<Vec<Part>>, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        if !raw.get().starts_with('{') {
            return Ok(at.wrong(format_args!("must be {}", self.expected())));
        }
        let kind = serde_json::from_str::<Typed<'_>>(raw.get()).ok().and_then(|typed| typed.kind);
        let Some(kind) = kind else { return Ok(at.field("type").wrong("is required")) };
        let speaks = self.speaks;
        Ok(match &*kind {
            "text" | "image" | "tool_use" | "tool_result" | "thinking" => {
                let mut deserializer = serde_json::Deserializer::from_str(raw.get());
                let read = KnownShape { speaks }.read(&mut deserializer, at);
                read.map_err(serde::de::Error::custom)?.map(|part| vec![part])
            }
            // Only Claude can read it.
            "redacted_thinking" if speaks != Speaks::Anthropic => Some(vec![]),
            "document" | "search_result" if speaks != Speaks::Anthropic => {
                document(raw.get(), speaks, at).map(|part| vec![part])
            }
            _ if speaks != Speaks::Anthropic => at.field("type").wrong(FOREIGN),
            kind => {
                let (json, kind) = (compact(raw.get()).0, kind.to_owned());
                Some(vec![Part::Other(OtherPart { kind, json })])
            }
        })
    }
}

/// A block of a kind that the contract has.
struct KnownShape {
    speaks: Speaks,
}

impl<'de> Shape<'de> for KnownShape {
    type Value = Part;

    fn expected(&self) -> Cow<'static, str> {
        "an object with a type".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut block: A,
        at: &At<'_>,
    ) -> Result<Option<Part>, A::Error> {
        let speaks = self.speaks;
        let rest = Rest::new(speaks, OTHERS);
        // What another vendor keeps with a call comes back to it.
        let own = std::cell::RefCell::new(ObjectText::default());
        let others = |name: &str, json: &str, at: &At<'_>| match name {
            "thoughtSignature" if speaks == Speaks::Other => {
                own.replace_with(|own| std::mem::take(own).with(name, json));
            }
            "thoughtSignature" if speaks == Speaks::OpenAi => {}
            _ => rest.take(name, json, at),
        };
        read_fields!(block, at, {
            "type" => kind: Text,
            "text" => text: Text,
            "source" => source: Json,
            "id" => id: Text,
            "name" => name: Text,
            "input" => input: Object,
            "tool_use_id" => tool_use_id: Text,
            "content" => content: Content { speaks },
            "is_error" => is_error: Bool,
            "thinking" => thinking: Text,
            "signature" => signature: Text,
        }, others);
        let kind = kind.optional().unwrap_or_default();
        let extra = rest.extra().or(own.into_inner().unless_empty());
        Ok(match kind.as_str() {
            "text" => text
                .required(&at.field("text"))
                .map(|text| Part::Text(contract::Text { text, extra })),
            "image" => {
                let place = at.field("source");
                let source = source.required(&place).and_then(|source| image(&source, &place));
                source.map(|source| Part::Image(Image { source, extra }))
            }
            "tool_use" => {
                let named = id.required(&at.field("id")).zip(name.required(&at.field("name")));
                let input = input.required(&at.field("input"));
                named
                    .zip(input)
                    .map(|((id, name), input)| Part::ToolUse(ToolUse { id, name, input, extra }))
            }
            "tool_result" => {
                let id = tool_use_id.required(&at.field("tool_use_id"));
                let place = at.field("content");
                let content = match content {
                    crate::http::json::Slot::Wrong => None,
                    content => Some(results(content.optional().unwrap_or_default(), &place)),
                };
                let is_error = is_error.optional().unwrap_or(false);
                id.zip(content).map(|(tool_use_id, content)| {
                    Part::ToolResult(ToolResult { tool_use_id, content, is_error, extra })
                })
            }
            _ => {
                let signature = signature.optional().filter(|signature| !signature.is_empty());
                thinking
                    .required(&at.field("thinking"))
                    .map(|text| Part::Thinking(Thinking { text, signature, extra }))
            }
        })
    }
}

fn results(parts: Vec<Part>, at: &At<'_>) -> Vec<ResultPart> {
    let parts = parts.into_iter().enumerate();
    let converted = parts.filter_map(|(index, part)| match part {
        Part::Text(text) => Some(ResultPart::Text(text)),
        Part::Image(image) => Some(ResultPart::Image(image)),
        Part::Other(other) => Some(ResultPart::Other(other)),
        Part::ToolUse(_) | Part::ToolResult(_) | Part::Thinking(_) => {
            at.index(index).field("type").wrong("can't stand in a tool's result")
        }
    });
    converted.collect()
}

/// The source of a picture or a document.
#[derive(Deserialize)]
struct Source {
    #[serde(rename = "type")]
    kind: String,
    media_type: Option<String>,
    data: Option<String>,
    url: Option<String>,
    content: Option<serde_json::Value>,
}

fn image(json: &str, at: &At<'_>) -> Option<ImageSource> {
    let Ok(source) = serde_json::from_str::<Source>(json) else {
        return at.wrong("must be an object with a type");
    };
    match (source.kind.as_str(), source.media_type, source.data, source.url) {
        ("base64", Some(media_type), Some(base64), _) => {
            if !is_base64(base64.as_bytes()) {
                return at.field("data").wrong("must be base64 with padding (RFC 4648 section 4)");
            }
            Some(ImageSource::Data(ImageData { media_type, base64 }))
        }
        ("base64", ..) => at.wrong("must have media_type and data"),
        ("url", _, _, Some(url)) => Some(ImageSource::Url(url)),
        ("url", ..) => at.wrong("must have a url"),
        _ => at.field("type").wrong("must be `base64` or `url`"),
    }
}

/// A document of the caller's.
#[derive(Deserialize)]
struct Document {
    source: Option<serde_json::Value>,
    title: Option<String>,
    content: Option<serde_json::Value>,
}

/// Returns a document for a vendor of another API: its text, or its bytes where the API takes files.
fn document(json: &str, speaks: Speaks, at: &At<'_>) -> Option<Part> {
    let Ok(document) = serde_json::from_str::<Document>(json) else {
        return at.wrong("must be a document");
    };
    let title = document.title.as_deref();
    // A result of a search has its texts beside its source, which is an address.
    if let Some(content) = &document.content {
        return Some(titled(title, &texts(content)));
    }
    let place = at.field("source");
    let source = document.source.and_then(|source| serde_json::from_value::<Source>(source).ok());
    let Some(source) = source else { return place.wrong("must be an object with a type") };
    match (source.kind.as_str(), source.media_type, source.data, source.content) {
        ("text", _, Some(text), _) => Some(titled(title, &text)),
        ("content", _, _, Some(content)) => Some(titled(title, &texts(&content))),
        ("base64", Some(kind), Some(data), _) if speaks == Speaks::OpenAi => {
            let file = ObjectText::default()
                .with_text("filename", title.or(Some("document.pdf")))
                .with("file_data", &quoted(&format!("data:{kind};base64,{data}")))
                .text();
            let json = ObjectText::default().with("type", r#""file""#).with("file", &file).text();
            Some(Part::Other(OtherPart { kind: "file".into(), json }))
        }
        _ => place.wrong(FOREIGN),
    }
}

fn titled(title: Option<&str>, text: &str) -> Part {
    text_part(match title {
        Some(title) => format!("{title}\n\n{text}"),
        None => text.to_owned(),
    })
}

/// Returns the texts of blocks, or of a string.
fn texts(content: &serde_json::Value) -> String {
    match content {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(blocks) => {
            let texts = blocks.iter().filter_map(|block| block.get("text")?.as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}
