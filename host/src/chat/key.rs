//! Names an answer by everything it depends on: who is asked, with which code and settings, for
//! whom, and every field of the question. Two questions that could be answered differently never
//! share a key.
//!
//! Each value is written with its length or its case before it, so that no two questions are
//! written alike. Records are taken apart field by field and variants case by case, without `..`
//! and without `_`: a field that joins the contract and is forgotten here stops the build instead
//! of serving somebody the wrong answer.
//!
//! JSON texts count byte by byte, as they came. The same JSON with other spaces or another order of
//! keys is another question: that costs a miss, while deciding what is the same for every vendor
//! could cost a wrong hit.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::contract::{
    Image, ImageData, ImageSource, Message, NativeBody, OtherPart, OutputFormat, OutputSchema,
    Part, Request, ResultPart, Role, Text, Thinking, Tool, ToolChoice, ToolResult, ToolUse,
    WishList,
};
use crate::digest::{Hex, Sha256Digest};

/// Comes first in each key. To be raised when the encoding below changes its meaning.
const DOMAIN: &str = "arete answer 1";

/// The name of an answer: a SHA-256 over all that it depends on. Shown as its first 16 hex digits,
/// which is how logs name it; they say nothing about the question.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

/// Everything that a completion depends on beside the request.
#[derive(Clone, Copy)]
pub struct KeyParts<'a> {
    /// The provider's id.
    pub provider: &'a str,
    /// The SHA-256 of its component.
    pub digest: &'a Sha256Digest,
    /// The SHA-256 of its settings: default model, address, and whatever else the operator gave
    /// it.
    pub config_digest: &'a Sha256Digest,
    /// The name of the caller's key; nothing when the server asks for none. Callers never share
    /// answers.
    pub tenant: Option<&'a str>,
}

impl Key {
    /// The key of the answer to this question.
    pub fn new(parts: &KeyParts<'_>, request: &Request, wishes: &WishList) -> Self {
        let KeyParts { provider, digest, config_digest, tenant } = *parts;
        let mut encoder = Encoder(Sha256::new());
        encoder.text(DOMAIN);
        encoder.text(provider);
        encoder.bytes(&digest.0);
        encoder.bytes(&config_digest.0);
        encoder.option(tenant, Encoder::text);
        encoder.request(request);
        // Without wishes the key is the one that earlier versions gave the request.
        if *wishes != WishList::default() {
            encoder.wishes(wishes);
        }
        Self(encoder.0.finalize().into())
    }

    /// All of it, as stores know it.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn of(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, _) = self.0.split_at(8);
        Hex(start).fmt(f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Feeds values to the hash in a form that can be told apart again.
struct Encoder(Sha256);

impl Encoder {
    fn request(&mut self, request: &Request) {
        let Request {
            model,
            messages,
            max_tokens,
            temperature,
            top_p,
            top_k,
            stop_sequences,
            tools,
            tool_choice,
            native,
            extra,
        } = request;
        self.text(model);
        self.list(messages, Self::message);
        self.option(*max_tokens, Self::count);
        self.option(*temperature, Self::number);
        self.option(*top_p, Self::number);
        self.option(*top_k, Self::count);
        self.list(stop_sequences, |encoder, text| encoder.text(text));
        self.list(tools, Self::tool);
        self.option(tool_choice.as_ref(), Self::tool_choice);
        self.option(native.as_ref(), Self::native);
        self.option(extra.as_deref(), Self::text);
    }

    fn wishes(&mut self, wishes: &WishList) {
        let WishList {
            output,
            parallel_tool_calls,
            effort,
            thinking_tokens,
            show_thinking,
            seed,
            frequency_penalty,
            presence_penalty,
            end_user,
            service_tier,
            required,
            extra,
        } = wishes;
        self.option(output.as_ref(), Self::output_format);
        self.option(*parallel_tool_calls, Self::flag);
        self.option(effort.as_deref(), Self::text);
        self.option(*thinking_tokens, Self::count);
        self.option(*show_thinking, Self::flag);
        self.option(seed.as_deref(), Self::text);
        self.option(*frequency_penalty, Self::number);
        self.option(*presence_penalty, Self::number);
        self.option(end_user.as_deref(), Self::text);
        self.option(service_tier.as_deref(), Self::text);
        self.list(required, |encoder, text| encoder.text(text));
        self.option(extra.as_deref(), Self::text);
    }

    fn output_format(&mut self, format: &OutputFormat) {
        match format {
            OutputFormat::Text => self.case(0),
            OutputFormat::JsonObject => self.case(1),
            OutputFormat::JsonSchema(schema) => {
                let OutputSchema { name, description, schema, strict } = schema;
                self.case(2);
                self.option(name.as_deref(), Self::text);
                self.option(description.as_deref(), Self::text);
                self.text(schema);
                self.option(*strict, Self::flag);
            }
            OutputFormat::Other(json) => {
                self.case(3);
                self.text(json);
            }
        }
    }

    fn flag(&mut self, flag: bool) {
        self.case(u8::from(flag));
    }

    fn message(&mut self, message: &Message) {
        let Message { role, content, extra } = message;
        match role {
            Role::System => self.case(0),
            Role::User => self.case(1),
            Role::Assistant => self.case(2),
            Role::Other(name) => {
                self.case(3);
                self.text(name);
            }
        }
        self.list(content, Self::part);
        self.option(extra.as_deref(), Self::text);
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Text(text) => {
                self.case(0);
                self.text_part(text);
            }
            Part::Image(image) => {
                self.case(1);
                self.image(image);
            }
            Part::ToolUse(tool_use) => {
                self.case(2);
                self.tool_use(tool_use);
            }
            Part::ToolResult(result) => {
                self.case(3);
                self.tool_result(result);
            }
            Part::Thinking(thinking) => {
                self.case(4);
                self.thinking(thinking);
            }
            Part::Other(other) => {
                self.case(5);
                self.other_part(other);
            }
        }
    }

    fn result_part(&mut self, part: &ResultPart) {
        match part {
            ResultPart::Text(text) => {
                self.case(0);
                self.text_part(text);
            }
            ResultPart::Image(image) => {
                self.case(1);
                self.image(image);
            }
            ResultPart::Other(other) => {
                self.case(2);
                self.other_part(other);
            }
        }
    }

    fn text_part(&mut self, part: &Text) {
        let Text { text, extra } = part;
        self.text(text);
        self.option(extra.as_deref(), Self::text);
    }

    fn image(&mut self, image: &Image) {
        let Image { source, extra } = image;
        match source {
            ImageSource::Data(data) => {
                let ImageData { media_type, base64 } = data;
                self.case(0);
                self.text(media_type);
                self.text(base64);
            }
            ImageSource::Url(url) => {
                self.case(1);
                self.text(url);
            }
        }
        self.option(extra.as_deref(), Self::text);
    }

    fn tool_use(&mut self, tool_use: &ToolUse) {
        let ToolUse { id, name, input, extra } = tool_use;
        self.text(id);
        self.text(name);
        self.text(input);
        self.option(extra.as_deref(), Self::text);
    }

    fn tool_result(&mut self, result: &ToolResult) {
        let ToolResult { tool_use_id, content, is_error, extra } = result;
        self.text(tool_use_id);
        self.list(content, Self::result_part);
        self.case(u8::from(*is_error));
        self.option(extra.as_deref(), Self::text);
    }

    fn thinking(&mut self, thinking: &Thinking) {
        let Thinking { text, signature, extra } = thinking;
        self.text(text);
        self.option(signature.as_deref(), Self::text);
        self.option(extra.as_deref(), Self::text);
    }

    fn other_part(&mut self, other: &OtherPart) {
        let OtherPart { kind, json } = other;
        self.text(kind);
        self.text(json);
    }

    fn tool(&mut self, tool: &Tool) {
        let Tool { name, description, input_schema, extra } = tool;
        self.text(name);
        self.option(description.as_deref(), Self::text);
        self.text(input_schema);
        self.option(extra.as_deref(), Self::text);
    }

    fn tool_choice(&mut self, choice: &ToolChoice) {
        match choice {
            ToolChoice::Auto => self.case(0),
            ToolChoice::Any => self.case(1),
            ToolChoice::None => self.case(2),
            ToolChoice::Tool(name) => {
                self.case(3);
                self.text(name);
            }
            ToolChoice::Other(json) => {
                self.case(4);
                self.text(json);
            }
        }
    }

    fn native(&mut self, native: &NativeBody) {
        let NativeBody { dialect, body } = native;
        self.text(dialect);
        self.text(body);
    }

    /// Writes one of several: a variant's case, an option, a yes or no.
    fn case(&mut self, case: u8) {
        self.0.update([case]);
    }

    fn count(&mut self, count: u32) {
        self.0.update(count.to_le_bytes());
    }

    /// By its bits, so that nothing is rounded. Zero has two signs and one meaning. The API takes
    /// no NaN.
    fn number(&mut self, number: f64) {
        let number = if number == 0.0 { 0.0 } else { number };
        self.0.update(number.to_bits().to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.update(bytes);
    }

    fn option<T>(&mut self, value: Option<T>, encode: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.case(0),
            Some(value) => {
                self.case(1);
                encode(self, value);
            }
        }
    }

    fn list<T>(&mut self, values: &[T], encode: impl Fn(&mut Self, &T)) {
        self.length(values.len());
        values.iter().for_each(|value| encode(self, value));
    }

    fn length(&mut self, length: usize) {
        // `usize` has at most 64 bits on every platform that Rust has.
        self.0.update((length as u64).to_le_bytes());
    }
}

#[cfg(test)]
mod tests;
