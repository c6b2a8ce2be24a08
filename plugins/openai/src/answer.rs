//! The vendor's whole answer as a completion. What an answer says of itself beside its message is
//! read here for streams too.

use arete_plugin::json::{self, LIST, Mismatch, OBJECT, Object, Raw, STRING};
use arete_plugin::llm::{
    Completion, ErrorKind, FinishReason, NativeBody, OtherPart, Part, ProviderError, Thinking,
    Usage,
};
use arete_plugin::vendor_error::{self, Broken, string};
use serde_json::value::RawValue;

use crate::calls::Call;
use crate::merge::is_nothing;
use crate::{DIALECT, blocks, calls, errors, usage};

/// Fields of a message that are part of what the model said: its sources, sounds and pictures, and
/// what it has to be shown of its own thoughts.
pub(crate) const OWN: [&str; 4] = ["annotations", "audio", "images", "reasoning_details"];

/// The promise that an answer breaks which waits for a tool that it doesn't call.
pub(crate) const NO_CALL: &str = "the answer says that it calls a tool, but has no call";

/// The body of an answer with status 200. `asked` is the model that was asked for; `native` tells
/// whether the caller wants the body as it is, too.
pub(crate) fn read(body: &str, asked: &str, native: bool) -> Result<Completion, ProviderError> {
    let answer = Object::parse(body).map_err(Broken::from)?;
    if errors::is_error(&answer) {
        return Err(errors::in_band(answer));
    }
    let completion = completion(answer, asked)?;
    Ok(Completion { native: native.then(|| native_body(body)), ..completion })
}

/// The body of an answer with status 200 that should have been a stream: an error, a whole answer,
/// or neither.
pub(crate) fn unframed(body: &str, asked: &str) -> Option<Result<Completion, ProviderError>> {
    match errors::in_place_of_stream(body) {
        Some(error) => Some(Err(error)),
        None => read(body, asked, false).ok().map(Ok),
    }
}

/// Takes what an answer or a piece of one says of itself: its id, and its model where the server
/// gives one.
pub(crate) fn id_and_model(answer: &mut Object, asked: &str) -> (String, String) {
    answer.take("object");
    // Noise against listeners on the line.
    answer.take("obfuscation");
    (
        string(answer, "id").unwrap_or_default(),
        string(answer, "model").unwrap_or_else(|| asked.to_owned()),
    )
}

/// Takes the counts, from each of the places where servers put them.
pub(crate) fn take_usage(answer: &mut Object) -> Option<Usage> {
    if let Some(counts) = answer.take("usage") {
        return Some(usage::read(counts.get()));
    }
    let groq = answer.get("x_groq").and_then(|groq| Object::parse(groq.get()).ok());
    groq.and_then(|mut groq| groq.take("usage")).map(|counts| usage::read(counts.get()))
}

/// Takes the thoughts, which have two names. Servers that use both say the same in both.
pub(crate) fn take_thoughts<'a>(message: &mut Object<'a>) -> Option<Raw<'a>> {
    let mut text = |key| -> Option<Raw<'a>> {
        message.get(key).filter(|value| value.get().starts_with('"'))?;
        message.take(key).filter(|text| !is_nothing(text.get()))
    };
    let (long, short) = (text("reasoning_content"), text("reasoning"));
    long.or(short)
}

/// What the end of an answer tells of why it ended.
#[derive(Default)]
pub(crate) struct Ending {
    /// The vendor's word.
    pub(crate) word: Option<String>,
    /// True if the server names the stop sequence that was met, as vLLM does.
    pub(crate) at_stop_sequence: bool,
    /// True if tools are called.
    pub(crate) calls: bool,
    /// True if the model declined in words.
    pub(crate) declined: bool,
}

impl Ending {
    /// The vendor's word decides but where it says too little: `stop` also ends a forced call and a
    /// refusal.
    ///
    /// # Errors
    /// When the word says that the answer isn't whole: passed on, it would be kept and given out as
    /// whole.
    pub(crate) fn reason(self) -> Result<Option<FinishReason>, ProviderError> {
        let Some(word) = self.word else { return Ok(None) };
        Ok(Some(match word.as_str() {
            "stop" | "eos" | "eos_token" if self.calls => FinishReason::ToolUse,
            "stop" | "eos" | "eos_token" if self.declined => FinishReason::Refusal,
            "stop" if self.at_stop_sequence => FinishReason::StopSequence,
            "stop" | "eos" | "eos_token" => FinishReason::EndTurn,
            "stop_sequence" => FinishReason::StopSequence,
            "length" => FinishReason::MaxTokens,
            "tool_calls" | "function_call" => FinishReason::ToolUse,
            "content_filter" => FinishReason::Refusal,
            "model_length" => FinishReason::ContextWindowExceeded,
            "insufficient_system_resource" => return Err(broken_off(ErrorKind::Overloaded, word)),
            "error" | "abort" => return Err(broken_off(ErrorKind::VendorFailed, word)),
            _ => FinishReason::Other(word),
        }))
    }
}

/// What the vendor said, for a caller who speaks its dialect.
pub(crate) fn native_body(json: &str) -> NativeBody {
    NativeBody { dialect: DIALECT.into(), body: json.to_owned() }
}

/// A reason to stop may not be missing, because an answer without one isn't over.
fn completion(mut answer: Object, asked: &str) -> Result<Completion, ProviderError> {
    let (id, model) = id_and_model(&mut answer, asked);
    let choices = answer.require("choices", LIST).map_err(Broken::from)?;
    let choices =
        json::list(&choices).map_err(|mismatch| Broken::from(mismatch.within("choices")))?;
    let Some(choice) = choices.first() else {
        return Err(Broken("`choices` should have one, but is empty".into()).into());
    };
    let within = |mismatch: Mismatch| Broken::from(mismatch.within("choices[0]"));
    let mut choice = Object::parse(choice.get()).map_err(within)?;
    if errors::is_error(&choice) {
        return Err(errors::in_band(choice));
    }

    let message = choice.require("message", OBJECT).map_err(within)?;
    let message = Object::parse(message.get()).and_then(|message| self::message(message, &id));
    let Message { mut parts, mut calls, own, declined, rest } =
        message.map_err(|mismatch| within(mismatch.within("message")))?;
    let ending = Ending {
        word: choice.read("finish_reason", STRING).map_err(within)?,
        at_stop_sequence: stopped_by_text(choice.get("stop_reason")),
        calls: !calls.is_empty(),
        declined,
    };
    let missing = || Broken("`choices[0].finish_reason` should be a string, but is missing".into());
    let finish_reason = ending.reason()?.ok_or_else(missing)?;
    if finish_reason == FinishReason::ToolUse && calls.is_empty() {
        // Some gateways give text and calls as two choices.
        let others = choices.iter().skip(1).filter_map(|other| calls_of(other, &id));
        calls = others.into_iter().next().ok_or_else(|| Broken(NO_CALL.into()))?;
    }
    parts.extend(calls::parts(calls, &finish_reason));
    parts.extend(own);

    let usage = take_usage(&mut choice);
    let usage = take_usage(&mut answer).or(usage).unwrap_or_else(|| usage::read("{}"));
    choice.take("index");
    let mut extra = Object::default();
    [rest, choice, answer].into_iter().for_each(|fields| add_extra(&mut extra, fields));
    Ok(Completion {
        id,
        model,
        parts,
        finish_reason,
        usage,
        native: None,
        extra: extra.into_extra(),
    })
}

/// A message taken apart.
struct Message<'a> {
    /// Returns its text.
    parts: Vec<Part>,
    calls: Vec<Call>,
    /// Blocks made of its fields.
    own: Vec<Part>,
    declined: bool,
    /// What else the server says of it.
    rest: Object<'a>,
}

fn message<'a>(mut message: Object<'a>, answer_id: &str) -> Result<Message<'a>, Mismatch> {
    message.take("role");
    let mut parts = Vec::new();
    if let Some(text) = take_thoughts(&mut message).as_deref().and_then(json::string) {
        parts.push(Part::Thinking(Thinking { text, signature: None, extra: None }));
    }
    if let Some(content) = message.take("content") {
        parts.extend(blocks::read(&content).map_err(|mismatch| mismatch.within("content"))?);
    }
    let refusal: Option<String> = message.read("refusal", STRING)?;
    let refusal = refusal.filter(|refusal| !refusal.is_empty());
    let declined = refusal.is_some();
    parts.extend(refusal.map(blocks::text_part));
    let calls = take_calls(&mut message, answer_id)?;
    let own = take_own(&mut message);
    Ok(Message { parts, calls, own, declined, rest: message })
}

fn take_calls(message: &mut Object, answer_id: &str) -> Result<Vec<Call>, Mismatch> {
    let calls = message.take("tool_calls").map(|calls| {
        calls::read(&calls, answer_id).map_err(|mismatch| mismatch.within("tool_calls"))
    });
    let mut calls = calls.transpose()?.unwrap_or_default();
    // Servers that have both names say the same in both.
    if let Some(function) = message.take("function_call")
        && calls.is_empty()
    {
        let call = Call::start(0, 0, answer_id, calls::of_function(function));
        calls.push(call.map_err(|mismatch| mismatch.within("function_call"))?.0);
    }
    Ok(calls)
}

/// The calls of another choice than the first, if it has any.
fn calls_of(choice: &RawValue, answer_id: &str) -> Option<Vec<Call>> {
    let message = Object::parse(choice.get()).ok()?.take("message")?;
    let calls = take_calls(&mut Object::parse(message.get()).ok()?, answer_id).ok()?;
    (!calls.is_empty()).then_some(calls)
}

/// Takes the fields of a message that are part of what the model said, as blocks: sent back, they
/// are its fields again.
pub(crate) fn take_own(message: &mut Object) -> Vec<Part> {
    let taken = OWN.iter().filter_map(|key| Some((*key, message.take(key)?)));
    let taken = taken.filter(|(_, value)| !is_nothing(value.get()));
    taken.map(|(key, value)| own(key, value.get())).collect()
}

fn own(key: &str, value: &str) -> Part {
    Part::Other(OtherPart {
        kind: key.to_owned(),
        json: format!("{{{}:{value}}}", json::text(&key)),
    })
}

/// Adds to the contract's `extra` what says something.
pub(crate) fn add_extra<'a>(extra: &mut Object<'a>, fields: Object<'a>) {
    for (key, value) in fields {
        if !is_nothing(value.get()) {
            extra.set(&key, value);
        }
    }
}

/// vLLM names the text that was met; a number is a token that ends every answer.
pub(crate) fn stopped_by_text(stop_reason: Option<&RawValue>) -> bool {
    stop_reason.is_some_and(|stop| stop.get().starts_with('"'))
}

fn broken_off(kind: ErrorKind, word: String) -> ProviderError {
    let word = vendor_error::word(&word);
    let message = format!("The vendor broke the answer off, with the finish reason `{word}`.");
    ProviderError { code: Some(word), ..ProviderError::new(kind, message) }
}

#[cfg(test)]
mod tests;
