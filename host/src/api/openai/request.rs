//! A Chat Completions request's body, read into the contract's request, every mistake named.

use std::borrow::Cow;

use serde::de::{MapAccess, SeqAccess};

use super::messages::{MessageShape, joined};
use super::tools::{FunctionChoiceShape, FunctionShape, ToolChoiceShape, ToolShape};
use crate::api::door::{Fate, Fates, Output, Schema, Speaks, Wishes, decide};
use crate::chat::take_out;
use crate::contract::Request;
use crate::http::json::{
    At, Bool, Decimal, Json, List, Object, Shape, Text, Whole, read_body, read_fields,
};
use crate::http::problem::Problem;

/// The most messages in one conversation, as on the native route.
const MESSAGES_MAX: usize = 100_000;
/// The most tokens that are asked of Anthropic's API, which demands a limit, for a caller whose API
/// doesn't. Every model since Claude 3.5 can give as many.
pub(super) const MAX_TOKENS: u32 = 8_192;
/// The names of fields, in the order in which mistakes are named.
const FIELDS: &[&str] = &["model", "messages", "tools", "tool_choice", "stream"];

/// Fields that have no place in the contract.
const OTHERS: &Fates = &[
    ("user", Fate::Dropped),
    ("safety_identifier", Fate::Dropped),
    ("prompt_cache_key", Fate::Dropped),
    ("prompt_cache_retention", Fate::Dropped),
    ("prompt_cache_options", Fate::Dropped),
    ("metadata", Fate::Dropped),
    ("service_tier", Fate::Dropped),
    ("verbosity", Fate::Dropped),
    ("prediction", Fate::Dropped),
    ("store", Fate::RefusedUnless(&["false"])),
    ("n", Fate::RefusedUnless(&["1"])),
    ("logprobs", Fate::RefusedUnless(&["false"])),
    ("top_logprobs", Fate::RefusedUnless(&["0"])),
    ("logit_bias", Fate::RefusedUnless(&["{}"])),
    ("modalities", Fate::RefusedUnless(&[r#"["text"]"#])),
    ("audio", Fate::RefusedUnless(&[])),
    ("web_search_options", Fate::RefusedUnless(&[])),
    ("moderation", Fate::RefusedUnless(&[])),
];

/// A valid request.
#[derive(Debug)]
pub(super) struct ChatRequest {
    /// The request; the model isn't filled in.
    pub(super) request: Request,
    /// The wishes beyond that.
    pub(super) wishes: Wishes,
    /// True if a stream shall tell what it cost.
    pub(super) include_usage: bool,
}

impl ChatRequest {
    /// Reads a body for a provider of this API.
    ///
    /// # Errors
    /// A 400 that names every mistake.
    pub(super) fn read(body: &[u8], speaks: Speaks) -> Result<Self, Problem> {
        read_body(body, BodyShape { speaks }, FIELDS)
    }
}

struct BodyShape {
    speaks: Speaks,
}

impl<'de> Shape<'de> for BodyShape {
    type Value = ChatRequest;

    fn expected(&self) -> Cow<'static, str> {
        "a JSON object".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut body: A,
        at: &At<'_>,
    ) -> Result<Option<ChatRequest>, A::Error> {
        let speaks = self.speaks;
        let tokens = || Whole(1..=u32::MAX.into());
        read_fields!(body, at, {
            "model" => model: Json,
            "messages" => messages: List { of: || MessageShape { speaks }, max: MESSAGES_MAX },
            "max_completion_tokens" => max_completion_tokens: tokens(),
            "max_tokens" => max_tokens: tokens(),
            "temperature" => temperature: Decimal(0.0..=2.0),
            "top_p" => top_p: Decimal(0.0..=1.0),
            "stop" => stop: Stops,
            "stream" => stream: Bool,
            "stream_options" => stream_options: StreamOptions,
            "tools" => tools: List::of(|| ToolShape { speaks }),
            "functions" => functions: List::of(|| FunctionShape { speaks }),
            "tool_choice" => tool_choice: ToolChoiceShape,
            "function_call" => function_call: FunctionChoiceShape,
            "parallel_tool_calls" => parallel_tool_calls: Bool,
            "response_format" => response_format: FormatShape,
            "reasoning_effort" => effort: Text,
            "seed" => seed: Json,
            "frequency_penalty" => frequency_penalty: Decimal(-2.0..=2.0),
            "presence_penalty" => presence_penalty: Decimal(-2.0..=2.0),
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        let (_, _) = (model, stream);
        let place = at.field("messages");
        let messages = messages.required(&place).map(joined).and_then(|mut messages| {
            take_out(&mut messages);
            if messages.is_empty() { place.wrong("must not be empty") } else { Some(messages) }
        });
        let small = |number: u64| u32::try_from(number).ok();
        let limit = max_completion_tokens.optional().or(max_tokens.optional()).and_then(small);
        let limit = limit.or((speaks == Speaks::Anthropic).then_some(MAX_TOKENS));
        let mut all = tools.optional().unwrap_or_default();
        all.extend(functions.optional().unwrap_or_default());
        let wishes = Wishes {
            output: response_format.optional().flatten(),
            parallel_tool_calls: parallel_tool_calls.optional(),
            effort: effort.optional(),
            seed: seed.optional(),
            frequency_penalty: frequency_penalty.optional(),
            presence_penalty: presence_penalty.optional(),
        };
        Ok(messages.map(|messages| ChatRequest {
            request: Request {
                model: String::new(),
                messages,
                max_tokens: limit,
                temperature: temperature.optional(),
                top_p: top_p.optional(),
                top_k: None,
                stop_sequences: stop.optional().unwrap_or_default(),
                tools: all,
                tool_choice: tool_choice.optional().or(function_call.optional()),
                native: None,
                extra: None,
            },
            wishes,
            include_usage: stream_options.optional().unwrap_or(false),
        }))
    }
}

/// The texts that stop the model: one or several.
struct Stops;

impl<'de> Shape<'de> for Stops {
    type Value = Vec<String>;

    fn expected(&self) -> Cow<'static, str> {
        "a string or an array of strings".into()
    }

    fn text(self, text: &str, _: &At<'_>) -> Option<Vec<String>> {
        Some(vec![text.to_owned()])
    }

    fn array<A: SeqAccess<'de>>(
        self,
        array: A,
        at: &At<'_>,
    ) -> Result<Option<Vec<String>>, A::Error> {
        List::of(|| Text).array(array, at)
    }
}

/// The options of a stream: the value is `include_usage`.
struct StreamOptions;

impl<'de> Shape<'de> for StreamOptions {
    type Value = bool;

    fn expected(&self) -> Cow<'static, str> {
        "an object".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut options: A,
        at: &At<'_>,
    ) -> Result<Option<bool>, A::Error> {
        const OTHERS: &Fates = &[("include_obfuscation", Fate::Dropped)];
        read_fields!(options, at, {
            "include_usage" => include_usage: Bool,
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        Ok(Some(include_usage.optional().unwrap_or(false)))
    }
}

/// The form of the answer's text; nothing for plain text.
struct FormatShape;

impl<'de> Shape<'de> for FormatShape {
    type Value = Option<Output>;

    fn expected(&self) -> Cow<'static, str> {
        "an object with a type".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut format: A,
        at: &At<'_>,
    ) -> Result<Option<Option<Output>>, A::Error> {
        read_fields!(format, at, {
            "type" => kind: Text,
            "json_schema" => json_schema: SchemaShape,
        });
        let place = at.field("type");
        Ok(match kind.required(&place).as_deref() {
            None => None,
            Some("text") => Some(None),
            Some("json_object") => Some(Some(Output::JsonObject)),
            Some("json_schema") => {
                let schema = json_schema.required(&at.field("json_schema"));
                schema.map(|schema| Some(Output::Schema(schema)))
            }
            Some(other) => {
                place.unknown_word(other, ["text", "json_object", "json_schema"].into_iter())
            }
        })
    }
}

struct SchemaShape;

impl<'de> Shape<'de> for SchemaShape {
    type Value = Schema;

    fn expected(&self) -> Cow<'static, str> {
        "an object with a schema".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut object: A,
        at: &At<'_>,
    ) -> Result<Option<Schema>, A::Error> {
        read_fields!(object, at, {
            "name" => name: Text,
            "description" => description: Text,
            "schema" => schema: Object,
            "strict" => strict: Bool,
        });
        let schema = schema.required(&at.field("schema"));
        let (name, description) = (name.optional(), description.optional());
        let strict = strict.optional();
        Ok(schema.map(|schema| Schema { name, description, schema, strict }))
    }
}
