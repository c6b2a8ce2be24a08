//! Tools of a Chat Completions request, and the choice of them.

use std::borrow::Cow;

use serde::de::MapAccess;

use crate::api::door::{Fate, Fates, Speaks, decide};
use crate::contract::{Tool, ToolChoice};
use crate::http::json::{At, Bool, Json, Object, Shape, Slot, Text, read_fields};

/// The parameters of a function that takes none.
pub(super) const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// Returns the contract's `extra` of a function whose arguments have to fit its schema.
pub(super) fn strict(speaks: Speaks) -> Option<String> {
    match speaks {
        Speaks::OpenAi => Some(r#"{"function":{"strict":true}}"#.to_owned()),
        Speaks::Anthropic => Some(r#"{"strict":true}"#.to_owned()),
        Speaks::Other => None,
    }
}

/// A tool of the caller's.
pub(super) struct ToolShape {
    pub(super) speaks: Speaks,
}

impl<'de> Shape<'de> for ToolShape {
    type Value = Tool;

    fn expected(&self) -> Cow<'static, str> {
        "an object with type and function".into()
    }

    fn object<A: MapAccess<'de>>(self, mut tool: A, at: &At<'_>) -> Result<Option<Tool>, A::Error> {
        const OTHERS: &Fates = &[("cache_control", Fate::Dropped)];
        read_fields!(tool, at, {
            "type" => kind: Text,
            "function" => function: FunctionShape { speaks: self.speaks },
            "custom" => custom: Json,
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        let place = at.field("type");
        match kind.required(&place).as_deref() {
            None => return Ok(None),
            Some("function") => {}
            Some(_) => return Ok(place.wrong(
                "must be `function`: this provider's API is another one and takes no other kind",
            )),
        }
        if custom.is_there() {
            at.field("custom").wrong::<()>("is not a field of a tool of type function");
        }
        Ok(function.required(&at.field("function")))
    }
}

/// A function that the model may call.
pub(super) struct FunctionShape {
    pub(super) speaks: Speaks,
}

impl<'de> Shape<'de> for FunctionShape {
    type Value = Tool;

    fn expected(&self) -> Cow<'static, str> {
        "an object with name and parameters".into()
    }

    fn object<A: MapAccess<'de>>(self, mut tool: A, at: &At<'_>) -> Result<Option<Tool>, A::Error> {
        read_fields!(tool, at, {
            "name" => name: Text,
            "description" => description: Text,
            "parameters" => parameters: Object,
            "strict" => strict: Bool,
        });
        let extra = strict.optional().filter(|it| *it).and_then(|_| self::strict(self.speaks));
        let place = at.field("name");
        let name = name.required(&place).filter(|name| {
            if name.is_empty() {
                place.wrong::<()>("must not be empty");
            }
            !name.is_empty()
        });
        if matches!(parameters, Slot::Wrong) {
            return Ok(None);
        }
        let input_schema = parameters.optional().unwrap_or_else(|| NO_PARAMETERS.into());
        let description = description.optional();
        Ok(name.map(|name| Tool { name, description, input_schema, extra }))
    }
}

/// The choice of tools: a word, or an object that names a function.
pub(super) struct ToolChoiceShape;

impl<'de> Shape<'de> for ToolChoiceShape {
    type Value = ToolChoice;

    fn expected(&self) -> Cow<'static, str> {
        r#""auto", "required", "none" or {"type": "function", "function": {"name": "..."}}"#.into()
    }

    fn text(self, word: &str, at: &At<'_>) -> Option<ToolChoice> {
        match word {
            "auto" => Some(ToolChoice::Auto),
            "required" => Some(ToolChoice::Any),
            "none" => Some(ToolChoice::None),
            _ => at.wrong(format_args!("must be {}", self.expected())),
        }
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut choice: A,
        at: &At<'_>,
    ) -> Result<Option<ToolChoice>, A::Error> {
        const OTHERS: &Fates =
            &[("allowed_tools", Fate::RefusedUnless(&[])), ("custom", Fate::RefusedUnless(&[]))];
        read_fields!(choice, at, {
            "type" => kind: Text,
            "function" => function: FunctionChoiceShape,
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        if kind.optional().is_some_and(|kind| kind != "function") {
            return Ok(at.field("type").wrong("must be `function`"));
        }
        Ok(function.required(&at.field("function")))
    }
}

/// The choice of a function: a word of 2023, or an object that names one.
pub(super) struct FunctionChoiceShape;

impl<'de> Shape<'de> for FunctionChoiceShape {
    type Value = ToolChoice;

    fn expected(&self) -> Cow<'static, str> {
        r#""auto", "none" or {"name": "..."}"#.into()
    }

    fn text(self, word: &str, at: &At<'_>) -> Option<ToolChoice> {
        match word {
            "auto" => Some(ToolChoice::Auto),
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
