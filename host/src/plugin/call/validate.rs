//! Checks what a guest gave against what the contract promises and types can't say: that JSON is
//! JSON, and objects are objects. What passes here can be rendered and stored without another look.

use serde::de::IgnoredAny;

use super::bindings::abilities::exports::arete::provider::embeddings::EmbedAnswer;
use super::bindings::abilities::exports::arete::provider::models::Page;
use super::bindings::abilities::exports::arete::provider::tokens::TokenCount;
use crate::contract::{Completion, Delta, Event, Feature, Info, OtherPart, Part, ResultPart};

/// A promise of the contract that the guest broke, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Breach(String);

/// Nothing, or the first breach.
pub(super) type Checked = Result<(), Breach>;

/// Names end up in headers, logs and keys.
const NAME_MAX: usize = 200;
/// Models and features that a provider may name. They are kept as long as it is, and listed to
/// everybody who asks.
const LISTED_MAX: usize = 1_000;
/// The largest `info.extra`, in bytes: kept just as long.
const INFO_EXTRA_MAX: usize = 64 << 10;

pub(super) fn info(info: &Info) -> Checked {
    name("info.vendor", &info.vendor)?;
    name("info.version", &info.version)?;
    info.default_model.iter().try_for_each(|model| name("info.default-model", model))?;
    for (place, length) in
        [("info.models", info.models.len()), ("info.features", info.features.len())]
    {
        if LISTED_MAX < length {
            return Err(Breach(format!("{place} has {length} entries, and may have {LISTED_MAX}")));
        }
    }
    info.models.iter().try_for_each(|model| name("each of info.models", model))?;
    info.features.iter().try_for_each(|feature| match feature {
        Feature::Other(feature) => name("each of info.features", feature),
        Feature::Streaming | Feature::Images | Feature::Tools | Feature::Thinking => Ok(()),
    })?;
    if let Some(length) =
        info.extra.as_ref().map(String::len).filter(|length| INFO_EXTRA_MAX < *length)
    {
        return Err(Breach(format!(
            "info.extra has {length} bytes, and may have {INFO_EXTRA_MAX}"
        )));
    }
    object("info.extra", info.extra.as_deref())
}

pub(super) fn completion(completion: &Completion) -> Checked {
    completion.parts.iter().try_for_each(part)?;
    object("usage.extra", completion.usage.extra.as_deref())?;
    object("completion.extra", completion.extra.as_deref())?;
    native(completion.native.as_ref())
}

pub(super) fn delta(delta: &Delta) -> Checked {
    native(delta.native.as_ref())?;
    match &delta.event {
        Event::Start(start) => object("start.extra", start.extra.as_deref()),
        Event::Text(_) | Event::Thinking(_) | Event::ToolUse(_) => Ok(()),
        Event::Part(delta) => part(&delta.part),
        Event::Usage(usage) => object("usage.extra", usage.extra.as_deref()),
        Event::Finish(finish) => object("finish.extra", finish.extra.as_deref()),
        Event::Other(other) => other_part(other),
    }
}

pub(super) fn page(page: &Page) -> Checked {
    if LISTED_MAX < page.models.len() {
        let length = page.models.len();
        return Err(Breach(format!("a page has {length} models, and may have {LISTED_MAX}")));
    }
    page.next.iter().try_for_each(|next| mark("page.next", next))?;
    page.models.iter().try_for_each(|model| {
        name("model.id", &model.id)?;
        object("model.extra", model.extra.as_deref())
    })
}

pub(super) fn token_count(count: &TokenCount) -> Checked {
    native(count.native.as_ref())?;
    object("token-count.extra", count.extra.as_deref())
}

/// Holds the length of the vectors against their number.
pub(super) fn vectors(answer: &EmbedAnswer, inputs: usize) -> Checked {
    let dimensions = usize::try_from(answer.dimensions).unwrap_or(usize::MAX);
    let expected = dimensions.checked_mul(inputs).and_then(|it| it.checked_mul(size_of::<f32>()));
    if expected != Some(answer.data.len()) {
        let length = answer.data.len();
        return Err(Breach(format!(
            "embed-answer.data has {length} bytes, which isn't {inputs} vectors of {dimensions} numbers"
        )));
    }
    native(answer.native.as_ref())?;
    object("usage.extra", answer.usage.extra.as_deref())?;
    object("embed-answer.extra", answer.extra.as_deref())
}

/// The longest mark of a page, in bytes.
const MARK_MAX: usize = 4 << 10;

fn mark(place: &str, text: &str) -> Checked {
    if MARK_MAX < text.len() {
        return Err(Breach(format!("{place} may have {MARK_MAX} bytes")));
    }
    Ok(())
}

fn part(part: &Part) -> Checked {
    match part {
        Part::Text(text) => object("text.extra", text.extra.as_deref()),
        Part::Image(image) => object("image.extra", image.extra.as_deref()),
        Part::ToolUse(tool_use) => {
            object("tool-use.input", Some(&tool_use.input))?;
            object("tool-use.extra", tool_use.extra.as_deref())
        }
        Part::ToolResult(result) => {
            result.content.iter().try_for_each(result_part)?;
            object("tool-result.extra", result.extra.as_deref())
        }
        Part::Thinking(thinking) => object("thinking.extra", thinking.extra.as_deref()),
        Part::Other(other) => other_part(other),
    }
}

fn result_part(part: &ResultPart) -> Checked {
    match part {
        ResultPart::Text(text) => object("text.extra", text.extra.as_deref()),
        ResultPart::Image(image) => object("image.extra", image.extra.as_deref()),
        ResultPart::Other(other) => other_part(other),
    }
}

fn other_part(other: &OtherPart) -> Checked {
    object("other.json", Some(&other.json))
}

fn native(native: Option<&crate::contract::NativeBody>) -> Checked {
    native.map_or(Ok(()), |native| json("native.body", &native.body))
}

fn object(place: &str, text: Option<&str>) -> Checked {
    let Some(text) = text else { return Ok(()) };
    if !text.trim_start().starts_with('{') {
        return Err(Breach(format!("{place} must be a JSON object")));
    }
    json(place, text)
}

fn json(place: &str, text: &str) -> Checked {
    serde_json::from_str::<IgnoredAny>(text).map(|_| ()).map_err(|error| {
        // The error's own text is about places; it never quotes.
        Breach(format!("{place} isn't JSON: {error}"))
    })
}

fn name(place: &str, text: &str) -> Checked {
    if text.is_empty() || NAME_MAX < text.len() || text.chars().any(char::is_control) {
        return Err(Breach(format!("{place} must be 1 to {NAME_MAX} printable characters")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
