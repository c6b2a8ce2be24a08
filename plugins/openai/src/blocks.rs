//! Pieces of content, in both directions. Content is a string or a list of blocks that say their
//! `type`; some servers answer with lists too.

use std::borrow::Cow;

use arete_plugin::body::{JsonOut, ObjectWriter};
use arete_plugin::json::{self, Mismatch, Object, STRING};
use arete_plugin::llm::{Image, ImageSource, OtherPart, Part, Text, Thinking};
use serde_json::value::RawValue;

/// The content of an answer or of a piece of one. `null` is no content; an empty text is no piece.
pub(crate) fn read(content: &RawValue) -> Result<Vec<Part>, Mismatch> {
    if content.get() == "null" {
        return Ok(Vec::new());
    }
    if let Some(text) = json::string(content) {
        return Ok(Some(text).filter(|text| !text.is_empty()).map(text_part).into_iter().collect());
    }
    let Ok(blocks) = serde_json::from_str::<Vec<&RawValue>>(content.get()) else {
        return Err(Mismatch::new("", "should be a string or a list, but is neither"));
    };
    let blocks = blocks.iter().enumerate();
    blocks
        .map(|(place, block)| {
            read_block(block.get()).map_err(|mismatch| mismatch.within(format_args!("[{place}]")))
        })
        .collect()
}

/// Returns true if a text says nothing.
pub(crate) fn is_blank(text: &Text) -> bool {
    text.text.trim().is_empty()
}

pub(crate) fn text_part(text: String) -> Part {
    Part::Text(Text { text, extra: None })
}

pub(crate) fn write_text(text: &Text) -> Result<JsonOut<'_>, Mismatch> {
    ObjectWriter::of_type("text")
        .with("text", JsonOut::Text(&text.text))
        .with_extra(text.extra.as_deref())
}

pub(crate) fn write_image(image: &Image) -> Result<JsonOut<'_>, Mismatch> {
    let url = match &image.source {
        ImageSource::Url(url) => JsonOut::Text(url),
        ImageSource::Data(data) => {
            JsonOut::Joined(vec!["data:", &data.media_type, ";base64,", &data.base64])
        }
    };
    let inner = ObjectWriter::default().with("url", url);
    with_inner(ObjectWriter::of_type("image_url"), "image_url", inner, image.extra.as_deref())
        .map(JsonOut::Object)
}

pub(crate) fn write_other(other: &OtherPart) -> Result<JsonOut<'_>, Mismatch> {
    let block = json::object(&other.json).map_err(|mismatch| mismatch.within("json"))?;
    Ok(JsonOut::Raw(Cow::Borrowed(block)))
}

/// The vendor keeps much of what it knows one level further in. There, `extra` has the shape that
/// the vendor has: what it says under the name of the inner object goes into that.
pub(crate) fn with_inner<'a>(
    outer: ObjectWriter<'a>,
    name: &'static str,
    mut inner: ObjectWriter<'a>,
    extra: Option<&'a str>,
) -> Result<ObjectWriter<'a>, Mismatch> {
    let within = |mismatch: Mismatch| mismatch.within("extra");
    let mut extra = extra.map(Object::parse).transpose().map_err(within)?.unwrap_or_default();
    if let Some(more) = extra.take(name) {
        let more = Object::parse(more.get()).map(Object::into_owned);
        let merged = more.and_then(|more| inner.merge(more));
        inner = merged.map_err(|mismatch| within(mismatch.within(name)))?;
    }
    outer.with(name, JsonOut::Object(inner)).merge(extra).map_err(within)
}

/// A block is taken apart only when nothing of it gets lost; every other block stays whole.
fn read_block(block: &str) -> Result<Part, Mismatch> {
    let mut fields = Object::parse(block)?;
    let kind: String = fields.require_as("type", STRING)?;
    let known = match kind.as_str() {
        "text" => fields
            .require_as("text", STRING)
            .map(|text| Part::Text(Text { text, extra: fields.into_extra() }))
            .ok(),
        "thinking" => thinking(fields),
        _ => None,
    };
    Ok(known.unwrap_or_else(|| Part::Other(OtherPart { kind, json: block.to_owned() })))
}

/// Mistral's way: thoughts are a block that holds texts.
fn thinking(mut fields: Object) -> Option<Part> {
    let thoughts = fields.take("thinking")?;
    let mut text = String::new();
    for part in read(&thoughts).ok()? {
        match part {
            Part::Text(Text { text: more, extra: None }) => text.push_str(&more),
            _ => return None,
        }
    }
    Some(Part::Thinking(Thinking { text, signature: None, extra: fields.into_extra() }))
}
