//! Tools of a Responses request, and the choice of them: each with its JSON, which the response
//! repeats.

use std::borrow::Cow;

use serde::de::MapAccess;

use crate::api::door::{Fate, Fates, Speaks, decide};
use crate::api::openai::tools;
use crate::contract::{Tool, ToolChoice};
use crate::http::json::{At, Bool, Object, Shape, Slot, Text, read_fields};

/// A value, and its JSON as the caller gave it.
pub(super) struct WithJson<S>(pub(super) S);

impl<'de, S: Shape<'de>> Shape<'de> for WithJson<S> {
    type Value = (S::Value, String);

    fn expected(&self) -> Cow<'static, str> {
        self.0.expected()
    }

    fn read<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
        at: &At<'_>,
    ) -> Result<Option<Self::Value>, D::Error> {
        let raw = <&serde_json::value::RawValue as serde::Deserialize>::deserialize(deserializer)?;
        let mut inner = serde_json::Deserializer::from_str(raw.get());
        let value = self.0.read(&mut inner, at).map_err(serde::de::Error::custom)?;
        Ok(value.map(|value| (value, raw.get().to_owned())))
    }
}

/// A function that the model may call, and its JSON.
pub(super) struct ToolShape {
    pub(super) speaks: Speaks,
}

impl<'de> Shape<'de> for ToolShape {
    type Value = (Tool, String);

    fn expected(&self) -> Cow<'static, str> {
        "an object with type and name".into()
    }

    fn read<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
        at: &At<'_>,
    ) -> Result<Option<Self::Value>, D::Error> {
        WithJson(FunctionShape { speaks: self.speaks }).read(deserializer, at)
    }
}

struct FunctionShape {
    speaks: Speaks,
}

impl<'de> Shape<'de> for FunctionShape {
    type Value = Tool;

    fn expected(&self) -> Cow<'static, str> {
        "an object with type and name".into()
    }

    fn object<A: MapAccess<'de>>(self, mut tool: A, at: &At<'_>) -> Result<Option<Tool>, A::Error> {
        let mut others = Vec::new();
        read_fields!(tool, at, {
            "type" => kind: Text,
            "name" => name: Text,
            "description" => description: Text,
            "parameters" => parameters: Object,
            "strict" => strict: Bool,
        }, |name: &str, _: &str, _: &At<'_>| others.push(name.to_owned()));
        let place = at.field("type");
        match kind.required(&place).as_deref() {
            None => return Ok(None),
            Some("function") => {}
            Some(_) => {
                let says = "must be `function`: this provider's API is another one and takes no other kind";
                return Ok(place.wrong(says));
            }
        }
        for name in &others {
            at.field(name).wrong::<()>("is not a field of a function");
        }
        let extra = strict.optional().filter(|it| *it).and_then(|_| tools::strict(self.speaks));
        let wrong = matches!(parameters, Slot::Wrong);
        let input_schema = parameters.optional().unwrap_or_else(|| tools::NO_PARAMETERS.into());
        let description = description.optional();
        let name = name.required(&at.field("name")).filter(|_| !wrong);
        Ok(name.map(|name| Tool { name, description, input_schema, extra }))
    }
}

/// The choice of tools, and its JSON.
pub(super) struct ToolChoiceShape;

impl<'de> Shape<'de> for ToolChoiceShape {
    type Value = (ToolChoice, String);

    fn expected(&self) -> Cow<'static, str> {
        ChoiceShape.expected()
    }

    fn read<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
        at: &At<'_>,
    ) -> Result<Option<Self::Value>, D::Error> {
        WithJson(ChoiceShape).read(deserializer, at)
    }
}

struct ChoiceShape;

impl<'de> Shape<'de> for ChoiceShape {
    type Value = ToolChoice;

    fn expected(&self) -> Cow<'static, str> {
        r#""auto", "required", "none" or {"type": "function", "name": "..."}"#.into()
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
            &[("mode", Fate::RefusedUnless(&[])), ("tools", Fate::RefusedUnless(&[]))];
        read_fields!(choice, at, {
            "type" => kind: Text,
            "name" => name: Text,
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        if kind.optional().is_some_and(|kind| kind != "function") {
            return Ok(at.field("type").wrong("must be `function`"));
        }
        Ok(name.required(&at.field("name")).map(ToolChoice::Tool))
    }
}
