//! A Messages request's body, read into the contract's request, every mistake named.

use std::borrow::Cow;

use serde::de::MapAccess;

use super::content::Content;
use super::messages::{MessageShape, pictures_behind_results};
use super::rest::Rest;
use crate::api::door::{Fate, Fates, Output, Schema, Speaks, Wishes, decide, quoted};
use crate::chat::take_out;
use crate::contract::{Message, Request, Role, Tool, ToolChoice};
use crate::http::json::{
    At, Bool, Decimal, Json, List, Object, Shape, Slot, Text, Whole, read_body, read_fields,
};
use crate::http::problem::Problem;

/// The most messages in one conversation: what the Messages API takes.
const MESSAGES_MAX: usize = 100_000;

/// The names of fields, in the order in which mistakes are named.
const FIELDS: &[&str] = &["model", "max_tokens", "system", "messages", "tools", "tool_choice"];

/// Fields that have no place in the contract.
const OTHERS: &Fates = &[
    ("metadata", Fate::Dropped),
    ("service_tier", Fate::Dropped),
    ("cache_control", Fate::Dropped),
    ("diagnostics", Fate::Dropped),
    ("speed", Fate::Dropped),
    ("user_profile_id", Fate::Dropped),
    ("workspace_id", Fate::Dropped),
    ("billing_policy", Fate::Dropped),
    // How much the vendor keeps of a conversation that comes whole each time.
    ("context_management", Fate::Dropped),
    ("compaction", Fate::Dropped),
    ("fallbacks", Fate::Dropped),
    ("fallback_credit_token", Fate::Dropped),
    // How much of its thinking a model shows, and how many tokens it may take.
    ("thinking", Fate::Dropped),
    ("inference_geo", Fate::RefusedUnless(&[])),
    ("container", Fate::RefusedUnless(&[])),
    ("mcp_servers", Fate::RefusedUnless(&["[]"])),
    ("thread", Fate::RefusedUnless(&[])),
];

/// Fields of a tool that have no place in the contract.
const TOOL_OTHERS: &Fates = &[
    ("cache_control", Fate::Dropped),
    ("defer_loading", Fate::Dropped),
    ("eager_input_streaming", Fate::Dropped),
    ("input_examples", Fate::Dropped),
    ("allowed_callers", Fate::Dropped),
];

/// A valid request.
#[derive(Debug)]
pub(super) struct MessagesRequest {
    /// The request; the model isn't filled in.
    pub(super) request: Request,
    /// The wishes beyond that.
    pub(super) wishes: Wishes,
}

impl MessagesRequest {
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
    type Value = MessagesRequest;

    fn expected(&self) -> Cow<'static, str> {
        "a JSON object".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut body: A,
        at: &At<'_>,
    ) -> Result<Option<MessagesRequest>, A::Error> {
        let speaks = self.speaks;
        let tokens = || Whole(1..=u32::MAX.into());
        let rest = Rest::new(speaks, OTHERS);
        read_fields!(body, at, {
            "model" => model: Json,
            "stream" => stream: Bool,
            "max_tokens" => max_tokens: tokens(),
            "system" => system: Content { speaks },
            "messages" => messages: List { of: || MessageShape { speaks }, max: MESSAGES_MAX },
            "temperature" => temperature: Decimal(0.0..=2.0),
            "top_p" => top_p: Decimal(0.0..=1.0),
            "top_k" => top_k: tokens(),
            "stop_sequences" => stop_sequences: List::of(|| Text),
            "tools" => tools: List::of(|| ToolShape { speaks }),
            "tool_choice" => tool_choice: ToolChoiceShape,
            "output_config" => output_config: OutputShape { speaks },
        }, |name: &str, json: &str, at: &At<'_>| rest.take(name, json, at));
        let (_, _) = (model, stream);
        let place = at.field("messages");
        let messages = messages.required(&place).and_then(|mut messages| {
            take_out(&mut messages);
            if messages.is_empty() { place.wrong("must not be empty") } else { Some(messages) }
        });
        let small = |number: u64| u32::try_from(number).ok();
        let max_tokens = max_tokens.required(&at.field("max_tokens")).and_then(small);
        let system = system.optional().filter(|parts| !parts.is_empty());
        let system = system.map(|content| Message { role: Role::System, content, extra: None });
        let (config, kept) = output_config.optional().unwrap_or_default();
        if let Some(kept) = kept {
            rest.keep("output_config", &kept);
        }
        let (tool_choice, one_call) = match tool_choice.optional() {
            Some((choice, one_call)) => (Some(choice), one_call),
            None => (None, false),
        };
        let extra = rest.extra();
        Ok(messages.zip(max_tokens).map(|(mut messages, max_tokens)| {
            if speaks == Speaks::OpenAi {
                messages.iter_mut().for_each(pictures_behind_results);
            }
            messages.splice(0..0, system);
            MessagesRequest {
                request: Request {
                    model: String::new(),
                    messages,
                    max_tokens: Some(max_tokens),
                    temperature: temperature.optional(),
                    top_p: top_p.optional(),
                    top_k: top_k.optional().and_then(small),
                    stop_sequences: stop_sequences.optional().unwrap_or_default(),
                    tools: tools.optional().unwrap_or_default(),
                    tool_choice,
                    native: None,
                    extra,
                },
                wishes: Wishes { parallel_tool_calls: one_call.then_some(false), ..config },
            }
        }))
    }
}

/// A tool of the caller's; or, for a vendor of the same API, one that the vendor runs.
struct ToolShape {
    speaks: Speaks,
}

impl<'de> Shape<'de> for ToolShape {
    type Value = Tool;

    fn expected(&self) -> Cow<'static, str> {
        "an object with name and input_schema".into()
    }

    fn object<A: MapAccess<'de>>(self, mut tool: A, at: &At<'_>) -> Result<Option<Tool>, A::Error> {
        let rest = Rest::new(self.speaks, TOOL_OTHERS);
        read_fields!(tool, at, {
            "type" => kind: Text,
            "name" => name: Text,
            "description" => description: Text,
            "input_schema" => input_schema: Object,
            "strict" => strict: Bool,
        }, |name: &str, json: &str, at: &At<'_>| rest.take(name, json, at));
        let kind = kind.optional().filter(|kind| kind != "custom");
        let place = at.field("type");
        if let Some(kind) = &kind {
            if self.speaks != Speaks::Anthropic {
                return Ok(place
                    .wrong("is a tool that Anthropic runs; this provider's API is another one"));
            }
            rest.keep("type", &quoted(kind));
        }
        match (self.speaks, strict.optional()) {
            (Speaks::Anthropic, Some(strict)) => {
                rest.keep("strict", if strict { "true" } else { "false" })
            }
            (Speaks::OpenAi, Some(true)) => rest.keep("function", r#"{"strict":true}"#),
            _ => {}
        }
        let place = at.field("name");
        let name = name.required(&place).filter(|name| {
            if name.is_empty() {
                place.wrong::<()>("must not be empty");
            }
            !name.is_empty()
        });
        let schema = if kind.is_some() && matches!(input_schema, Slot::Absent) {
            Some("{}".to_owned())
        } else {
            input_schema.required(&at.field("input_schema"))
        };
        let (description, extra) = (description.optional(), rest.extra());
        Ok(name.zip(schema).map(|(name, input_schema)| Tool {
            name,
            description,
            input_schema,
            extra,
        }))
    }
}

/// The choice of tools, and true if at most one may be called.
struct ToolChoiceShape;

impl<'de> Shape<'de> for ToolChoiceShape {
    type Value = (ToolChoice, bool);

    fn expected(&self) -> Cow<'static, str> {
        "an object with a type".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut choice: A,
        at: &At<'_>,
    ) -> Result<Option<(ToolChoice, bool)>, A::Error> {
        read_fields!(choice, at, {
            "type" => kind: Text,
            "name" => name: Text,
            "disable_parallel_tool_use" => one_call: Bool,
        });
        let place = at.field("type");
        let Some(kind) = kind.required(&place) else { return Ok(None) };
        let choice = match kind.as_str() {
            "auto" => Some(ToolChoice::Auto),
            "any" => Some(ToolChoice::Any),
            "none" => Some(ToolChoice::None),
            "tool" => name.required(&at.field("name")).map(ToolChoice::Tool),
            other => place.unknown_word(other, ["auto", "any", "none", "tool"].into_iter()),
        };
        let one_call = one_call.optional().unwrap_or(false);
        Ok(choice.map(|choice| (choice, one_call)))
    }
}

/// The form of the answer's text; for a vendor of the same API, as the caller said it.
struct OutputShape {
    speaks: Speaks,
}

impl<'de> Shape<'de> for OutputShape {
    type Value = (Wishes, Option<String>);

    fn expected(&self) -> Cow<'static, str> {
        "an object".into()
    }

    fn read<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
        at: &At<'_>,
    ) -> Result<Option<Self::Value>, D::Error> {
        if self.speaks == Speaks::Anthropic {
            let kept = Object.read(deserializer, at)?;
            return Ok(kept.map(|kept| (Wishes::default(), Some(kept))));
        }
        Ok(ForeignOutputShape.read(deserializer, at)?.map(|wishes| (wishes, None)))
    }
}

struct ForeignOutputShape;

impl<'de> Shape<'de> for ForeignOutputShape {
    type Value = Wishes;

    fn expected(&self) -> Cow<'static, str> {
        "an object".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut config: A,
        at: &At<'_>,
    ) -> Result<Option<Wishes>, A::Error> {
        const OTHERS: &Fates = &[("task_budget", Fate::Dropped)];
        read_fields!(config, at, {
            "effort" => effort: Text,
            "format" => format: FormatShape,
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        let output = format.optional().map(Output::Schema);
        Ok(Some(Wishes { output, effort: effort.optional(), ..Wishes::default() }))
    }
}

struct FormatShape;

impl<'de> Shape<'de> for FormatShape {
    type Value = Schema;

    fn expected(&self) -> Cow<'static, str> {
        "an object with type and schema".into()
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut format: A,
        at: &At<'_>,
    ) -> Result<Option<Schema>, A::Error> {
        read_fields!(format, at, { "type" => kind: Text, "schema" => schema: Object });
        let place = at.field("type");
        match kind.required(&place).as_deref() {
            None => return Ok(None),
            Some("json_schema") => {}
            Some(other) => return Ok(place.unknown_word(other, ["json_schema"].into_iter())),
        }
        let schema = schema.required(&at.field("schema"));
        Ok(schema.map(|schema| Schema {
            name: None,
            description: None,
            schema,
            // Anthropic holds every answer to its schema.
            strict: Some(true),
        }))
    }
}
