//! The vendor's content blocks and the contract's parts: the one place that knows how they map, in
//! both directions.
//!
//! What an answer held can be sent back. So a block is taken apart only when nothing of it gets
//! lost on the way there and back; every other block stays whole, as `other`.

use std::borrow::Cow;

use arete_plugin::body::{JsonOut, ObjectWriter};
use arete_plugin::json::{self, Mismatch, Object, STRING};
use arete_plugin::llm::{
    Image, ImageData, ImageSource, OtherPart, Part, ResultPart, Text, Thinking, ToolResult, ToolUse,
};
use arete_plugin::tool_call::{self, Arguments};

/// A block of an answer as a part.
///
/// `tool_result` isn't among the blocks that are taken apart: it is what the caller says, and no
/// answer holds one. A call is kept as it came if `may_be_cut` says that the answer may have ended in
/// it.
pub(crate) fn read(block: &str, may_be_cut: bool) -> Result<Part, Mismatch> {
    let mut fields = Object::parse(block)?;
    let kind = fields.require_text("type")?;
    Ok(match &*kind {
        "text" => Part::Text(Text {
            text: fields.require_text("text")?.into_owned(),
            extra: fields.into_extra(),
        }),
        "thinking" => Part::Thinking(Thinking {
            text: fields.require_text("thinking")?.into_owned(),
            signature: fields.read("signature", STRING)?,
            extra: fields.into_extra(),
        }),
        "tool_use" => tool_use(fields, may_be_cut)?,
        "image" => image(fields).map_or_else(|| other("image", block), Part::Image),
        kind => other(kind, block),
    })
}

/// Returns true if a part calls a tool, one of the vendor's included.
pub(crate) fn is_call(part: &Part) -> bool {
    match part {
        Part::ToolUse(_) => true,
        Part::Other(other) => names_call(&other.kind),
        _ => false,
    }
}

/// Returns true if blocks of this type call a tool.
pub(crate) fn names_call(kind: &str) -> bool {
    kind.ends_with("tool_use")
}

/// Returns true if a part says nothing. The vendor gives such blocks in answers and refuses them in
/// requests.
pub(crate) fn is_blank(part: &Part) -> bool {
    match part {
        Part::Text(text) => is_blank_text(text),
        Part::Thinking(thinking) => thinking.text.is_empty() && thinking.signature.is_none(),
        Part::Image(_) | Part::ToolUse(_) | Part::ToolResult(_) | Part::Other(_) => false,
    }
}

pub(crate) fn is_blank_text(text: &Text) -> bool {
    text.text.trim().is_empty()
}

/// A part of a message as a block.
pub(crate) fn write(part: &Part) -> Result<JsonOut<'_>, Mismatch> {
    match part {
        Part::Text(text) => write_text(text),
        Part::Image(image) => write_image(image),
        Part::ToolUse(tool_use) => write_tool_use(tool_use),
        Part::ToolResult(result) => write_tool_result(result),
        Part::Thinking(thinking) => write_thinking(thinking),
        Part::Other(other) => write_other(other),
    }
}

pub(crate) fn write_text(text: &Text) -> Result<JsonOut<'_>, Mismatch> {
    ObjectWriter::of_type("text")
        .with("text", JsonOut::Text(&text.text))
        .with_extra(text.extra.as_deref())
}

/// The vendor takes a string where a list has one plain text; it stays as short as the caller typed
/// it.
pub(crate) fn plain_text<'a>(
    mut texts: impl Iterator<Item = Option<&'a Text>>,
) -> Option<JsonOut<'a>> {
    match (texts.next(), texts.next()) {
        (Some(Some(Text { text, extra: None })), None) => Some(JsonOut::Text(text)),
        _ => None,
    }
}

fn write_image(image: &Image) -> Result<JsonOut<'_>, Mismatch> {
    let source = match &image.source {
        ImageSource::Data(data) => ObjectWriter::of_type("base64")
            .with("media_type", JsonOut::Text(&data.media_type))
            .with("data", JsonOut::Text(&data.base64)),
        ImageSource::Url(url) => ObjectWriter::of_type("url").with("url", JsonOut::Text(url)),
    };
    ObjectWriter::of_type("image")
        .with("source", JsonOut::Object(source))
        .with_extra(image.extra.as_deref())
}

fn write_tool_use(tool_use: &ToolUse) -> Result<JsonOut<'_>, Mismatch> {
    let input = json::object(&tool_use.input).map_err(|mismatch| mismatch.within("input"))?;
    ObjectWriter::of_type("tool_use")
        .with("id", JsonOut::Text(&tool_use.id))
        .with("name", JsonOut::Text(&tool_use.name))
        .with("input", JsonOut::Raw(Cow::Borrowed(input)))
        .with_extra(tool_use.extra.as_deref())
}

fn write_tool_result(result: &ToolResult) -> Result<JsonOut<'_>, Mismatch> {
    let mut fields = ObjectWriter::of_type("tool_result")
        .with("tool_use_id", JsonOut::Text(&result.tool_use_id));
    if !result.content.is_empty() {
        fields = fields.with("content", write_result_content(&result.content)?);
    }
    if result.is_error {
        fields = fields.with("is_error", JsonOut::Flag(true));
    }
    fields.with_extra(result.extra.as_deref())
}

fn write_result_content(content: &[ResultPart]) -> Result<JsonOut<'_>, Mismatch> {
    let texts = content.iter().map(|part| match part {
        ResultPart::Text(text) => Some(text),
        _ => None,
    });
    if let Some(text) = plain_text(texts) {
        return Ok(text);
    }

    let is_blank =
        |part: &ResultPart| matches!(part, ResultPart::Text(text) if is_blank_text(text));
    let said = content.iter().enumerate().filter(|(_, part)| !is_blank(part));
    let blocks = said.map(|(index, part)| {
        let block = match part {
            ResultPart::Text(text) => write_text(text),
            ResultPart::Image(image) => write_image(image),
            ResultPart::Other(other) => write_other(other),
        };
        block.map_err(|mismatch| mismatch.within(format_args!("content[{index}]")))
    });
    blocks.collect::<Result<_, _>>().map(JsonOut::List)
}

/// An absent signature is left out and not sent as an empty one: whether thoughts without proof
/// will do is for the vendor to say.
fn write_thinking(thinking: &Thinking) -> Result<JsonOut<'_>, Mismatch> {
    ObjectWriter::of_type("thinking")
        .with("thinking", JsonOut::Text(&thinking.text))
        .with_opt("signature", thinking.signature.as_deref().map(JsonOut::Text))
        .with_extra(thinking.extra.as_deref())
}

fn write_other(other: &OtherPart) -> Result<JsonOut<'_>, Mismatch> {
    let block = json::object(&other.json).map_err(|mismatch| mismatch.within("json"))?;
    Ok(JsonOut::Raw(Cow::Borrowed(block)))
}

fn other(kind: &str, block: &str) -> Part {
    Part::Other(OtherPart { kind: kind.to_owned(), json: block.to_owned() })
}

fn tool_use(mut fields: Object, may_be_cut: bool) -> Result<Part, Mismatch> {
    let id = fields.require_text("id")?.into_owned();
    let name = fields.require_text("name")?.into_owned();
    let arguments = Arguments::read(fields.take("input").as_deref());
    let extra = fields.into_extra();
    match arguments {
        Arguments::Object(input) => Ok(Part::ToolUse(ToolUse { id, name, input, extra })),
        Arguments::Broken(text) if may_be_cut => {
            Ok(tool_call::incomplete(&id, &name, &text, extra.as_deref()))
        }
        Arguments::Broken(_) => Err(Mismatch::new("input", "should be an object, but isn't")),
    }
}

/// Absent when there is more to its source than the contract can say, such as a file's id.
fn image(mut fields: Object) -> Option<Image> {
    let source = fields.take("source")?;
    let mut source = Object::parse(source.get()).ok()?;
    let kind: String = source.require_as("type", STRING).ok()?;
    let place = match kind.as_str() {
        "base64" => ImageSource::Data(ImageData {
            media_type: source.require_as("media_type", STRING).ok()?,
            base64: source.require_as("data", STRING).ok()?,
        }),
        "url" => ImageSource::Url(source.require_as("url", STRING).ok()?),
        _ => return None,
    };
    source.is_empty().then(|| Image { source: place, extra: fields.into_extra() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_there_and_back(block: &str) -> Part {
        let part = read(block, false).unwrap();
        assert_eq!(write(&part).unwrap().text(), block);
        part
    }

    #[test]
    fn blocks_come_back_as_they_were() {
        let text =
            check_there_and_back(r#"{"type":"text","text":"a\nb","citations":[{"start":1.50}]}"#);
        assert!(
            matches!(text, Part::Text(text) if text.extra.as_deref() == Some(r#"{"citations":[{"start":1.50}]}"#))
        );
        check_there_and_back(r#"{"type":"thinking","thinking":"","signature":"EqQB"}"#);
        check_there_and_back(r#"{"type":"thinking","thinking":"unsigned"}"#);
        check_there_and_back(
            r#"{"type":"tool_use","id":"toolu_1","name":"f","input":{"n":1e2, "m":1.0},"caller":{"type":"direct"}}"#,
        );
        check_there_and_back(
            r#"{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}"#,
        );
        check_there_and_back(
            r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}"#,
        );
        let file =
            check_there_and_back(r#"{"type":"image","source":{"type":"file","file_id":"file_1"}}"#);
        assert!(matches!(file, Part::Other(other) if other.kind == "image"));
        let unknown = check_there_and_back(
            r#"{"new":null, "type":"from_the_future","n":12345678901234567890}"#,
        );
        assert!(matches!(unknown, Part::Other(other) if other.kind == "from_the_future"));
    }

    #[test]
    fn blocks_that_lack_what_they_promise_are_refused() {
        for (block, says) in [
            ("[]", "it should be an object, but is a list"),
            ("{}", "`type` should be a string, but is missing"),
            (r#"{"type":"text"}"#, "`text` should be a string, but is missing"),
            (
                r#"{"type":"thinking","thinking":1}"#,
                "`thinking` should be a string, but is a number",
            ),
            (
                r#"{"type":"tool_use","id":"a","name":"b","input":"c"}"#,
                "`input` should be an object, but isn't",
            ),
        ] {
            assert_eq!(read(block, false).unwrap_err().to_string(), says);
        }
    }

    #[test]
    fn arguments_are_taken_as_an_object_or_as_its_text() {
        let input = |input: &str, may_be_cut| {
            read(&format!(r#"{{"type":"tool_use","id":"a","name":"b"{input}}}"#), may_be_cut)
        };
        for (given, kept) in [
            (r#","input":{"a":1.10}"#, r#"{"a":1.10}"#),
            (r#","input":"{\"a\":1.10}""#, r#"{"a":1.10}"#),
            (r#","input":"""#, "{}"),
            (r#","input":null"#, "{}"),
            ("", "{}"),
        ] {
            let part = input(given, false).unwrap();
            assert!(matches!(&part, Part::ToolUse(call) if call.input == kept), "{part:?}");
        }
        let cut = input(r#","input":"{\"a\"""#, true).unwrap();
        let Part::Other(cut) = cut else { panic!("{cut:?}") };
        assert_eq!(cut.json, r#"{"id":"a","name":"b","input":"{\"a\""}"#);
    }
}
