//! The chat request as the OpenAPI document describes it. These types only describe: `request.rs`
//! and `content.rs` read bodies, and a test holds both against each other.

#![allow(dead_code, reason = "the types are read by the generator of the OpenAPI document alone")]

use serde::Serialize;
use utoipa::ToSchema;

use super::parts::{ContentBody, RawObject};

/// A request to a model.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChatRequest)]
pub(crate) struct ChatBody {
    /// The conversation so far, oldest message first.
    #[schema(min_items = 1)]
    messages: Vec<MessageBody>,
    /// The vendor's name of the model. Default: the provider's default model.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    model: Option<String>,
    /// The most tokens that the model may generate.
    #[schema(minimum = 1, maximum = 4_294_967_295_u64)]
    max_tokens: Option<u32>,
    /// The sampling temperature. A vendor may allow a smaller range, and some models take none.
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f64>,
    /// The probability mass for nucleus sampling.
    #[schema(minimum = 0, maximum = 1)]
    top_p: Option<f64>,
    /// The number of most likely tokens to sample from.
    #[schema(minimum = 1, maximum = 4_294_967_295_u64)]
    top_k: Option<u32>,
    /// Texts at which the model stops.
    stop_sequences: Option<Vec<String>>,
    /// The tools that the model may call.
    tools: Option<Vec<ToolBody>>,
    /// The rule for tool calls: the model decides, must make one, or must make none.
    tool_choice: Option<ToolChoiceBody>,
    /// False: at most one tool call in the answer. A provider that cannot promise this refuses it.
    parallel_tool_calls: Option<bool>,
    /// The form of the answer's text. A provider that cannot promise JSON refuses it.
    response_format: Option<ResponseFormatBody>,
    /// The effort of thinking: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max` or the vendor's own word. Ignored by
    /// providers that do not know it, as are the fields below.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    effort: Option<String>,
    /// The most tokens to think with.
    #[schema(minimum = 1, maximum = 4_294_967_295_u64)]
    thinking_tokens: Option<u32>,
    /// True if thoughts are wanted in the answer.
    show_thinking: Option<bool>,
    /// The seed of the vendor's random numbers.
    #[schema(minimum = 0, maximum = 9_223_372_036_854_775_807_u64)]
    seed: Option<u64>,
    /// The penalty for tokens by their frequency so far.
    #[schema(minimum = -2, maximum = 2)]
    frequency_penalty: Option<f64>,
    /// The penalty for tokens that have occurred.
    #[schema(minimum = -2, maximum = 2)]
    presence_penalty: Option<f64>,
    /// The caller's name for its end user, passed on to the vendor.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    end_user: Option<String>,
    /// The vendor's word for urgency or price.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    service_tier: Option<String>,
    /// The provider that answers. Default: the server's default provider.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        example = "echo"
    )]
    provider: Option<String>,
    /// True if a cached answer may be returned, and this one may be cached.
    #[schema(default = true)]
    use_cache: Option<bool>,
    /// The time for which the answer may be cached, in milliseconds.
    #[serde(rename = "cacheTTL")]
    #[schema(minimum = 1000, maximum = 2_592_000_000_u64)]
    cache_ttl: Option<u64>,
    /// True for an answer as a stream of events.
    #[schema(default = false)]
    stream: Option<bool>,
    /// Additional fields for the vendor's API, passed on unchanged.
    #[schema(value_type = Option<Object>)]
    extra: Option<RawObject>,
}

/// A message of the conversation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Message)]
pub(crate) struct MessageBody {
    /// The author of the message.
    role: RoleBody,
    /// The content of the message.
    content: ContentBody,
    /// Additional fields of the message for the vendor's API.
    #[schema(value_type = Option<Object>)]
    extra: Option<RawObject>,
}

/// The author of a message.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Role)]
pub(crate) enum RoleBody {
    /// Instructions from the application.
    System,
    /// The person or program that asks.
    User,
    /// The model.
    Assistant,
}

/// A tool that the model may call.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Tool)]
pub(crate) struct ToolBody {
    /// The name by which the model calls it.
    #[schema(min_length = 1)]
    name: String,
    /// A description for the model: the tool's purpose and when to use it.
    description: Option<String>,
    /// The JSON Schema of its arguments.
    #[schema(value_type = Object)]
    input_schema: RawObject,
    /// Additional fields of the tool for the vendor's API.
    #[schema(value_type = Option<Object>)]
    extra: Option<RawObject>,
}

/// The form of the answer's text.
#[derive(Serialize, ToSchema)]
#[schema(as = ResponseFormat)]
pub(crate) struct ResponseFormatBody {
    /// The form: any text, some JSON object, or JSON that a schema describes.
    r#type: ResponseFormatType,
    /// The JSON Schema, for the type `json_schema`, which needs one.
    #[schema(value_type = Option<Object>)]
    schema: Option<RawObject>,
    /// The name of the schema, for vendors that ask for one.
    name: Option<String>,
    /// The schema's purpose, for the model.
    description: Option<String>,
    /// True if the answer has to keep to the schema. Default: the vendor's own.
    strict: Option<bool>,
}

/// A form of an answer's text.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResponseFormatType {
    /// Any text.
    Text,
    /// A JSON object.
    JsonObject,
    /// JSON that a schema describes.
    JsonSchema,
}

/// The choice of tools.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ToolChoice)]
pub(crate) enum ToolChoiceBody {
    /// The model decides, must call some tool, or must call none.
    Word(ToolChoiceWord),
    /// The model must call this tool.
    Named {
        /// The name of the tool.
        name: String,
    },
}

/// The choice of tools, in a word.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ToolChoiceWord {
    /// The model decides.
    Auto,
    /// The model must call a tool.
    Any,
    /// The model must not call a tool.
    None,
}
