//! A request of the Responses API, read into the contract's request, every mistake named.

use std::borrow::Cow;

use serde::de::MapAccess;

use super::echo::Echo;
use super::items::{Input, spoken};
use super::tools::{ToolChoiceShape, ToolShape, WithJson};
use crate::api::door::{Fate, Fates, Output, Schema, Speaks, Wishes, decide, quoted};
use crate::api::openai::content::text_part;
use crate::api::openai::request::MAX_TOKENS;
use crate::chat::take_out;
use crate::contract::{Message, Request, Role};
use crate::http::json::{
    At, Bool, Decimal, Json, List, Object, Shape, Text, Whole, read_body, read_fields,
};
use crate::http::problem::Problem;

/// The names of fields, in the order in which mistakes are named.
const FIELDS: &[&str] = &["model", "instructions", "input", "tools", "tool_choice"];

/// Fields that have no place in the contract.
const OTHERS: &Fates = &[
    ("user", Fate::Dropped),
    ("safety_identifier", Fate::Dropped),
    ("prompt_cache_key", Fate::Dropped),
    ("prompt_cache_retention", Fate::Dropped),
    ("prompt_cache_options", Fate::Dropped),
    ("service_tier", Fate::Dropped),
    ("stream_options", Fate::Dropped),
    ("truncation", Fate::Dropped),
    ("include", Fate::Dropped),
    ("max_tool_calls", Fate::Dropped),
    ("context_management", Fate::Dropped),
    // Kept at the vendor, for a later request or for a later look.
    ("store", Fate::RefusedUnless(&["false"])),
    ("background", Fate::RefusedUnless(&["false"])),
    ("previous_response_id", Fate::RefusedUnless(&[])),
    ("conversation", Fate::RefusedUnless(&[])),
    ("prompt", Fate::RefusedUnless(&[])),
    ("top_logprobs", Fate::RefusedUnless(&["0"])),
    ("moderation", Fate::RefusedUnless(&[])),
];

/// A valid request.
#[derive(Debug)]
pub(super) struct ResponsesRequest {
    /// The request; the model isn't filled in.
    pub(super) request: Request,
    /// The wishes beyond that.
    pub(super) wishes: Wishes,
    /// The fields that the response repeats.
    pub(super) echo: Echo,
}

impl ResponsesRequest {
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
    type Value = ResponsesRequest;

    fn expected(&self) -> Cow<'static, str> {
        "a JSON object".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut body: A,
        at: &At<'_>,
    ) -> Result<Option<ResponsesRequest>, A::Error> {
        let speaks = self.speaks;
        read_fields!(body, at, {
            "model" => model: Json,
            "stream" => stream: Bool,
            "input" => input: Input { speaks },
            "instructions" => instructions: Text,
            "max_output_tokens" => max_output_tokens: Whole(1..=u32::MAX.into()),
            "temperature" => temperature: Decimal(0.0..=2.0),
            "top_p" => top_p: Decimal(0.0..=1.0),
            "tools" => tools: List::of(|| ToolShape { speaks }),
            "tool_choice" => tool_choice: ToolChoiceShape,
            "parallel_tool_calls" => parallel_tool_calls: Bool,
            "text" => text: TextShape,
            "reasoning" => reasoning: ReasoningShape,
            "metadata" => metadata: Json,
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        let (_, _) = (model, stream);
        let place = at.field("input");
        let messages = input.required(&place).map(spoken).and_then(|mut messages| {
            take_out(&mut messages);
            if messages.is_empty() { place.wrong("must not be empty") } else { Some(messages) }
        });
        let instructions = instructions.optional();
        let limit = max_output_tokens.optional().and_then(|limit| u32::try_from(limit).ok());
        let tools = tools.optional().unwrap_or_default();
        let choice = tool_choice.optional();
        let number = |number: Option<f64>| number.map(|number| number.to_string());
        let (temperature, top_p) = (temperature.optional(), top_p.optional());
        let (format, text) = match text.optional() {
            Some((format, text)) => (format, Some(text)),
            None => (None, None),
        };
        let parallel_tool_calls = parallel_tool_calls.optional();
        let told = instructions.as_deref().map(quoted);
        let named: Vec<&str> = tools.iter().map(|(_, json)| json.as_str()).collect();
        let echo = Echo::default()
            .with("instructions", told.as_ref())
            .with("max_output_tokens", limit.map(|limit| limit.to_string()).as_ref())
            .with("temperature", number(temperature).as_ref())
            .with("top_p", number(top_p).as_ref())
            .with("tools", Some(&format!("[{}]", named.join(","))))
            .with("tool_choice", choice.as_ref().map(|(_, json)| json))
            .with("parallel_tool_calls", parallel_tool_calls.map(|it| it.to_string()).as_ref())
            .with("text", text.as_ref())
            .with("metadata", metadata.optional().as_ref());
        let wishes = Wishes {
            output: format,
            parallel_tool_calls,
            effort: reasoning.optional().flatten(),
            ..Wishes::default()
        };
        Ok(messages.map(|mut messages| {
            let system = instructions.map(|text| Message {
                role: Role::System,
                content: vec![text_part(text)],
                extra: None,
            });
            messages.splice(0..0, system);
            ResponsesRequest {
                request: Request {
                    model: String::new(),
                    messages,
                    max_tokens: limit.or((speaks == Speaks::Anthropic).then_some(MAX_TOKENS)),
                    temperature,
                    top_p,
                    top_k: None,
                    stop_sequences: vec![],
                    tools: tools.into_iter().map(|(tool, _)| tool).collect(),
                    tool_choice: choice.map(|(choice, _)| choice),
                    native: None,
                    extra: None,
                },
                wishes,
                echo,
            }
        }))
    }
}

/// The form of the answer's text, and its JSON.
struct TextShape;

impl<'de> Shape<'de> for TextShape {
    type Value = (Option<Output>, String);

    fn expected(&self) -> Cow<'static, str> {
        "an object".into()
    }

    fn read<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
        at: &At<'_>,
    ) -> Result<Option<Self::Value>, D::Error> {
        WithJson(FormOfText).read(deserializer, at)
    }
}

struct FormOfText;

impl<'de> Shape<'de> for FormOfText {
    type Value = Option<Output>;

    fn expected(&self) -> Cow<'static, str> {
        "an object".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut text: A,
        at: &At<'_>,
    ) -> Result<Option<Option<Output>>, A::Error> {
        const OTHERS: &Fates = &[("verbosity", Fate::Dropped)];
        read_fields!(text, at, {
            "format" => format: FormatShape,
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        Ok(Some(format.optional().flatten()))
    }
}

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
            "name" => name: Text,
            "description" => description: Text,
            "schema" => schema: Object,
            "strict" => strict: Bool,
        });
        let place = at.field("type");
        Ok(match kind.required(&place).as_deref() {
            None => None,
            Some("text") => Some(None),
            Some("json_object") => Some(Some(Output::JsonObject)),
            Some("json_schema") => schema.required(&at.field("schema")).map(|schema| {
                let (name, description) = (name.optional(), description.optional());
                let strict = strict.optional();
                Some(Output::Schema(Schema { name, description, schema, strict }))
            }),
            Some(other) => {
                place.unknown_word(other, ["text", "json_object", "json_schema"].into_iter())
            }
        })
    }
}

/// The effort of thinking.
struct ReasoningShape;

impl<'de> Shape<'de> for ReasoningShape {
    type Value = Option<String>;

    fn expected(&self) -> Cow<'static, str> {
        "an object".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut reasoning: A,
        at: &At<'_>,
    ) -> Result<Option<Option<String>>, A::Error> {
        const OTHERS: &Fates = &[
            ("summary", Fate::Dropped),
            ("generate_summary", Fate::Dropped),
            ("context", Fate::Dropped),
        ];
        read_fields!(reasoning, at, {
            "effort" => effort: Text,
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        Ok(Some(effort.optional()))
    }
}
