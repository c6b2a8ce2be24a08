//! A chat request's body: JSON in, the contract's request out, every mistake named.

mod quick;

use std::time::Duration;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};
use utoipa::ToSchema;

use super::parts::{ContentBody, Object, json};
use crate::body::{Errors, Field, Unknown, Word};
use crate::config::CACHE_TTL;
use crate::contract;
use crate::error::Problem;

/// Names of models and providers.
const NAME_MAX: usize = 200;
/// Messages of one conversation: what the Messages API takes.
const MESSAGES_MAX: usize = 100_000;

/// What to ask of a model.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
#[schema(as = ChatRequest)]
pub(crate) struct ChatBody {
    /// The conversation so far, oldest first.
    #[serde(default)]
    #[schema(value_type = Vec<MessageBody>, required, min_items = 1)]
    messages: Field<Vec<MessageBody>>,
    /// The vendor's name of the model. Default: the provider's.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    model: Field<String>,
    /// The most tokens the model may generate.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 4_294_967_295_u64)]
    max_tokens: Field<Number>,
    /// Sampling temperature; the vendor may allow less, and the newest models take none.
    #[serde(default)]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 2)]
    temperature: Field<f64>,
    /// Nucleus sampling.
    #[serde(default)]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1)]
    top_p: Field<f64>,
    /// Sample only from this many most likely tokens.
    #[serde(default)]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 4_294_967_295_u64)]
    top_k: Field<Number>,
    /// Texts at which the model stops.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    stop_sequences: Field<Vec<String>>,
    /// Tools the model may call.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ToolBody>>)]
    tools: Field<Vec<ToolBody>>,
    /// Whether it must.
    #[serde(default)]
    #[schema(value_type = Option<ToolChoiceBody>)]
    tool_choice: Field<ToolChoiceBody>,
    /// Who answers. Default: `LLM_DEFAULT_PROVIDER`.
    #[serde(default)]
    #[schema(
        value_type = Option<String>, min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "echo"
    )]
    provider: Field<String>,
    /// Whether an answer of before will do, and this one may be kept.
    #[serde(default)]
    #[schema(value_type = Option<bool>, default = true)]
    use_cache: Field<bool>,
    /// How long the answer may be kept, in milliseconds.
    #[serde(default, rename = "cacheTTL")]
    #[schema(value_type = Option<u64>, minimum = 1000, maximum = 2_592_000_000_u64)]
    cache_ttl: Field<Number>,
    /// Whether to answer as a stream of events.
    #[serde(default)]
    #[schema(value_type = Option<bool>, default = false)]
    stream: Field<bool>,
    /// Fields for the vendor's API that this one has no name for.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    extra: Field<Object>,
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: Unknown,
}

/// A message of the conversation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    expecting = "an object with role and content"
)]
#[schema(as = Message)]
pub(crate) struct MessageBody {
    /// Who speaks.
    #[schema(value_type = RoleBody)]
    role: Word<RoleBody>,
    /// What is said.
    content: ContentBody,
    /// Fields of the message that only the vendor knows.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    extra: Option<Object>,
}

/// Who speaks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Role)]
pub(crate) enum RoleBody {
    /// Instructions of the application.
    System,
    /// The person or program that asks.
    User,
    /// The model.
    Assistant,
}

/// A tool the model may call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    expecting = "an object with name and inputSchema"
)]
#[schema(as = Tool)]
pub(crate) struct ToolBody {
    /// Its name.
    #[schema(min_length = 1)]
    name: String,
    /// What it does and when to use it.
    #[serde(default)]
    description: Option<String>,
    /// The JSON Schema of its arguments.
    #[schema(value_type = Object)]
    input_schema: Object,
    /// Fields of the tool that only the vendor knows.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    extra: Option<Object>,
}

/// Whether the model must call a tool.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ToolChoice)]
pub(crate) enum ToolChoiceBody {
    /// The model decides, must call some tool, or none.
    Word(ToolChoiceWord),
    /// It must call this tool.
    Named {
        /// The tool's name.
        name: String,
    },
}

/// Whether the model must call a tool, in a word.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ToolChoiceWord {
    /// The model decides.
    Auto,
    /// It must call one.
    Any,
    /// It must call none.
    None,
}

impl<'de> Deserialize<'de> for ToolChoiceBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;
        impl<'de> Visitor<'de> for Choice {
            type Value = ToolChoiceBody;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(r#""auto", "any", "none" or {"name": "..."}"#)
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<ToolChoiceBody, E> {
                Ok(ToolChoiceBody::Word(match word {
                    "auto" => ToolChoiceWord::Auto,
                    "any" => ToolChoiceWord::Any,
                    "none" => ToolChoiceWord::None,
                    _ => return Err(E::invalid_value(de::Unexpected::Str(word), &self)),
                }))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ToolChoiceBody, A::Error> {
                let mut name = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key != "name" {
                        return Err(de::Error::unknown_field(&key, &["name"]));
                    }
                    name = Some(map.next_value()?);
                }
                name.map(|name| ToolChoiceBody::Named { name })
                    .ok_or_else(|| de::Error::missing_field("name"))
            }
        }
        deserializer.deserialize_any(Choice)
    }
}

/// A valid chat request.
#[derive(Debug)]
pub(crate) struct ChatRequest {
    /// Who answers, if the caller said.
    pub(crate) provider: Option<String>,
    /// Whether the caller named a model; if not, the request's is empty.
    pub(crate) request: contract::Request,
    /// Whether an answer of before will do.
    pub(crate) use_cache: bool,
    /// How long the answer may be kept.
    pub(crate) cache_ttl: Option<Duration>,
    /// Whether to answer as a stream.
    pub(crate) stream: bool,
}

impl ChatBody {
    /// Checks everything before saying anything.
    pub(crate) fn validate(self) -> Result<ChatRequest, Problem> {
        let mut errors = Errors::default();
        let messages =
            errors.required("messages", self.messages).map(|all| messages(all, &mut errors));
        let model = name("model", self.model, &mut errors);
        let provider = name("provider", self.provider, &mut errors);
        let max_tokens = errors.whole("maxTokens", self.max_tokens, 1..=u32::MAX.into());
        let temperature = errors.decimal("temperature", self.temperature, 0.0..=2.0);
        let top_p = errors.decimal("topP", self.top_p, 0.0..=1.0);
        let top_k = errors.whole("topK", self.top_k, 1..=u32::MAX.into());
        let stop_sequences =
            errors.optional("stopSequences", self.stop_sequences).unwrap_or_default();
        let tools = errors
            .optional("tools", self.tools)
            .map(|all| tools(all, &mut errors))
            .unwrap_or_default();
        let tool_choice =
            errors.optional("toolChoice", self.tool_choice).map(ToolChoiceBody::into_choice);
        let use_cache = errors.optional("useCache", self.use_cache).unwrap_or(true);
        let ttl_ms = |ttl: &Duration| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let cache_ttl = errors.whole(
            "cacheTTL",
            self.cache_ttl,
            ttl_ms(CACHE_TTL.start())..=ttl_ms(CACHE_TTL.end()),
        );
        let stream = errors.optional("stream", self.stream).unwrap_or(false);
        let extra = errors.optional("extra", self.extra);
        errors.unknown(self.unknown);

        let small = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
        let request = messages.map(|messages| contract::Request {
            model: model.unwrap_or_default(),
            messages,
            max_tokens: small(max_tokens),
            temperature,
            top_p,
            top_k: small(top_k),
            stop_sequences,
            tools,
            tool_choice,
            native: None,
            extra: json(extra),
        });
        let request = errors.finish(request)?;
        Ok(ChatRequest {
            provider,
            request,
            use_cache,
            cache_ttl: cache_ttl.map(Duration::from_millis),
            stream,
        })
    }
}

impl ToolChoiceBody {
    fn into_choice(self) -> contract::ToolChoice {
        match self {
            Self::Word(ToolChoiceWord::Auto) => contract::ToolChoice::Auto,
            Self::Word(ToolChoiceWord::Any) => contract::ToolChoice::Any,
            Self::Word(ToolChoiceWord::None) => contract::ToolChoice::None,
            Self::Named { name } => contract::ToolChoice::Tool(name),
        }
    }
}

fn messages(all: Vec<MessageBody>, errors: &mut Errors) -> Vec<contract::Message> {
    if all.is_empty() {
        errors.add("messages", "must not be empty");
    }
    if MESSAGES_MAX < all.len() {
        errors.add("messages", format!("must be at most {MESSAGES_MAX}"));
    }
    let convert = |(index, message): (usize, MessageBody)| contract::Message {
        role: match message.role.0 {
            RoleBody::System => contract::Role::System,
            RoleBody::User => contract::Role::User,
            RoleBody::Assistant => contract::Role::Assistant,
        },
        content: message.content.into_parts(format_args!("messages[{index}].content"), errors),
        extra: json(message.extra),
    };
    all.into_iter().enumerate().map(convert).collect()
}

fn tools(all: Vec<ToolBody>, errors: &mut Errors) -> Vec<contract::Tool> {
    let convert = |(index, tool): (usize, ToolBody)| {
        if tool.name.is_empty() {
            errors.add(format!("tools[{index}].name"), "must not be empty");
        }
        contract::Tool {
            name: tool.name,
            description: tool.description,
            input_schema: Value::Object(tool.input_schema).to_string(),
            extra: json(tool.extra),
        }
    };
    all.into_iter().enumerate().map(convert).collect()
}

fn name(field: &str, value: Field<String>, errors: &mut Errors) -> Option<String> {
    let value = errors.optional(field, value)?;
    if value.is_empty() || NAME_MAX < value.chars().count() || value.chars().any(char::is_control) {
        errors.add(field, format!("must be 1 to {NAME_MAX} printable characters"));
        return None;
    }
    Some(value)
}

#[cfg(test)]
mod tests;
