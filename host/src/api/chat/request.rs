//! A chat request's body: JSON in, the contract's request out, every mistake named.

use std::borrow::Cow;
use std::time::Duration;

use serde::de::MapAccess;

use super::content::{Content, at_least_one};
use super::wishes::{self, ResponseFormatShape};
use crate::chat::take_out;
use crate::config::CACHE_TTL;
use crate::contract::{Message, Request, Role, Tool, ToolChoice, WishList};
use crate::http::json::{
    At, Bool, Decimal, FromJson, List, Object, Shape, Text, Whole, Words, read_fields,
};
use crate::time::millis;

/// The most characters in names of models and providers.
const NAME_MAX: usize = 200;
/// The most messages in one conversation: what the Messages API takes.
const MESSAGES_MAX: usize = 100_000;

/// A valid chat request.
#[derive(Debug)]
pub(crate) struct ChatRequest {
    /// The provider, if the caller named one.
    pub(crate) provider: Option<String>,
    /// The request; its model is empty if the caller named none.
    pub(crate) request: Request,
    /// The wishes beyond it.
    pub(crate) wishes: WishList,
    /// True if a cached completion will do.
    pub(crate) use_cache: bool,
    /// The time for which the completion may be cached.
    pub(crate) cache_ttl: Option<Duration>,
    /// True for an answer as a stream.
    pub(crate) stream: bool,
}

impl FromJson for ChatRequest {
    const FIELDS: &'static [&'static str] = &[
        "messages",
        "model",
        "provider",
        "maxTokens",
        "temperature",
        "topP",
        "topK",
        "stopSequences",
        "tools",
        "toolChoice",
        "parallelToolCalls",
        "responseFormat",
        "effort",
        "thinkingTokens",
        "showThinking",
        "seed",
        "frequencyPenalty",
        "presencePenalty",
        "endUser",
        "serviceTier",
        "useCache",
        "cacheTTL",
        "stream",
        "extra",
    ];

    fn read<'de, A: MapAccess<'de>>(mut body: A, at: &At<'_>) -> Result<Option<Self>, A::Error> {
        let tokens = || Whole(1..=u32::MAX.into());
        read_fields!(body, at, {
            "messages" => messages: List { of: || MessageShape, max: MESSAGES_MAX },
            "model" => model: Name,
            "provider" => provider: Name,
            "maxTokens" => max_tokens: tokens(),
            "temperature" => temperature: Decimal(0.0..=2.0),
            "topP" => top_p: Decimal(0.0..=1.0),
            "topK" => top_k: tokens(),
            "stopSequences" => stop_sequences: List::of(|| Text),
            "tools" => tools: List::of(|| ToolShape),
            "toolChoice" => tool_choice: ToolChoiceShape,
            "parallelToolCalls" => parallel_tool_calls: Bool,
            "responseFormat" => output: ResponseFormatShape,
            "effort" => effort: Name,
            "thinkingTokens" => thinking_tokens: tokens(),
            "showThinking" => show_thinking: Bool,
            "seed" => seed: Whole(0..=i64::MAX.unsigned_abs()),
            "frequencyPenalty" => frequency_penalty: Decimal(-2.0..=2.0),
            "presencePenalty" => presence_penalty: Decimal(-2.0..=2.0),
            "endUser" => end_user: Name,
            "serviceTier" => service_tier: Name,
            "useCache" => use_cache: Bool,
            "cacheTTL" => cache_ttl: Whole(millis(*CACHE_TTL.start())..=millis(*CACHE_TTL.end())),
            "stream" => stream: Bool,
            "extra" => extra: Object,
        });
        let place = at.field("messages");
        let messages = messages.required(&place).and_then(|mut messages| {
            if messages.is_empty() {
                place.wrong::<()>("must not be empty");
            }
            let given = messages.len();
            take_out(&mut messages);
            if given != 0 && messages.is_empty() {
                return place.wrong("must have more than tool calls that were cut off");
            }
            Some(messages)
        });
        let small = |number: u64| u32::try_from(number).ok();
        Ok(messages.map(|messages| Self {
            provider: provider.optional(),
            request: Request {
                model: model.optional().unwrap_or_default(),
                messages,
                max_tokens: max_tokens.optional().and_then(small),
                temperature: temperature.optional(),
                top_p: top_p.optional(),
                top_k: top_k.optional().and_then(small),
                stop_sequences: stop_sequences.optional().unwrap_or_default(),
                tools: tools.optional().unwrap_or_default(),
                tool_choice: tool_choice.optional(),
                native: None,
                extra: extra.optional(),
            },
            wishes: wishes::with_required(WishList {
                output: output.optional(),
                parallel_tool_calls: parallel_tool_calls.optional(),
                effort: effort.optional(),
                thinking_tokens: thinking_tokens.optional().and_then(small),
                show_thinking: show_thinking.optional(),
                seed: seed.optional().map(|seed| seed.to_string()),
                frequency_penalty: frequency_penalty.optional(),
                presence_penalty: presence_penalty.optional(),
                end_user: end_user.optional(),
                service_tier: service_tier.optional(),
                ..WishList::default()
            }),
            use_cache: use_cache.optional().unwrap_or(true),
            cache_ttl: cache_ttl.optional().map(Duration::from_millis),
            stream: stream.optional().unwrap_or(false),
        }))
    }
}

/// The name of a model or a provider.
struct Name;

impl Shape<'_> for Name {
    type Value = String;

    fn expected(&self) -> Cow<'static, str> {
        "a string".into()
    }

    fn text(self, text: &str, at: &At<'_>) -> Option<String> {
        if text.is_empty() || NAME_MAX < text.chars().count() || text.chars().any(char::is_control)
        {
            return at.wrong(format_args!("must be 1 to {NAME_MAX} printable characters"));
        }
        Some(text.to_owned())
    }
}

/// A message of the conversation.
struct MessageShape;

impl<'de> Shape<'de> for MessageShape {
    type Value = Message;

    fn expected(&self) -> Cow<'static, str> {
        "an object with role and content".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut message: A,
        at: &At<'_>,
    ) -> Result<Option<Message>, A::Error> {
        const ROLES: Words<Role> = Words(&[
            ("system", Role::System),
            ("user", Role::User),
            ("assistant", Role::Assistant),
        ]);
        read_fields!(message, at, {
            "role" => role: ROLES,
            "content" => content: Content,
            "extra" => extra: Object,
        });
        let role = role.required(&at.field("role"));
        let place = at.field("content");
        let content = content.required(&place).and_then(|parts| at_least_one(parts, &place));
        let extra = extra.optional();
        Ok(role.zip(content).map(|(role, content)| Message { role, content, extra }))
    }
}

/// A tool that the model may call.
struct ToolShape;

impl<'de> Shape<'de> for ToolShape {
    type Value = Tool;

    fn expected(&self) -> Cow<'static, str> {
        "an object with name and inputSchema".into()
    }

    fn object<A: MapAccess<'de>>(self, mut tool: A, at: &At<'_>) -> Result<Option<Tool>, A::Error> {
        read_fields!(tool, at, {
            "name" => name: Text,
            "description" => description: Text,
            "inputSchema" => input_schema: Object,
            "extra" => extra: Object,
        });
        let place = at.field("name");
        let name = name.required(&place);
        if name.as_ref().is_some_and(String::is_empty) {
            place.wrong::<()>("must not be empty");
        }
        let schema = input_schema.required(&at.field("inputSchema"));
        let (description, extra) = (description.optional(), extra.optional());
        Ok(name.zip(schema).map(|(name, input_schema)| Tool {
            name,
            description,
            input_schema,
            extra,
        }))
    }
}

/// The choice of tools: a word, or an object that names one.
struct ToolChoiceShape;

impl<'de> Shape<'de> for ToolChoiceShape {
    type Value = ToolChoice;

    fn expected(&self) -> Cow<'static, str> {
        r#""auto", "any", "none" or {"name": "..."}"#.into()
    }

    fn text(self, word: &str, at: &At<'_>) -> Option<ToolChoice> {
        match word {
            "auto" => Some(ToolChoice::Auto),
            "any" => Some(ToolChoice::Any),
            "none" => Some(ToolChoice::None),
            _ => at.wrong(format_args!("must be {}", self.expected())),
        }
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut choice: A,
        at: &At<'_>,
    ) -> Result<Option<ToolChoice>, A::Error> {
        read_fields!(choice, at, { "name" => name: Text });
        Ok(name.required(&at.field("name")).map(ToolChoice::Tool))
    }
}

#[cfg(test)]
mod tests;
