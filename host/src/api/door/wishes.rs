//! Wishes of a question beyond the contract's request, in the words of the vendor's API: the
//! one table from wishes to vendors. What an API has no word for is refused where the answer would
//! be another one, and left out where it only tunes.

use super::object::{ObjectText, quoted};
use super::speaks::Speaks;
use crate::contract::{Request, ToolChoice};
use crate::http::problem::Problem;

/// The wishes of a question.
#[derive(Debug, Default, PartialEq)]
pub(in crate::api) struct Wishes {
    /// The form of the answer's text.
    pub(in crate::api) output: Option<Output>,
    /// False for at most one tool call in an answer.
    pub(in crate::api) parallel_tool_calls: Option<bool>,
    /// The effort of thinking, in the caller's word.
    pub(in crate::api) effort: Option<String>,
    /// A JSON number.
    pub(in crate::api) seed: Option<String>,
    pub(in crate::api) frequency_penalty: Option<f64>,
    pub(in crate::api) presence_penalty: Option<f64>,
}

/// A form of the answer's text.
#[derive(Debug, PartialEq)]
pub(in crate::api) enum Output {
    /// Some JSON object.
    JsonObject,
    /// JSON of this shape.
    Schema(Schema),
}

/// The shape that an answer's JSON shall have.
#[derive(Debug, PartialEq)]
pub(in crate::api) struct Schema {
    pub(in crate::api) name: Option<String>,
    pub(in crate::api) description: Option<String>,
    /// The JSON Schema.
    pub(in crate::api) schema: String,
    pub(in crate::api) strict: Option<bool>,
}

/// The caller's names of wishes that may be refused.
pub(in crate::api) struct Names {
    pub(in crate::api) output: &'static str,
    pub(in crate::api) parallel_tool_calls: &'static str,
}

/// The name of a shape without one: OpenAI demands it.
const SCHEMA_NAME: &str = "answer";

impl Wishes {
    /// Puts the wishes into the request as this API says them.
    ///
    /// # Errors
    /// A 400 that names the wish that the API has no word for.
    pub(in crate::api) fn put(
        self,
        request: &mut Request,
        speaks: Speaks,
        names: &Names,
    ) -> Result<(), Problem> {
        let extra = match speaks {
            Speaks::Anthropic => self.for_anthropic(request, names)?,
            Speaks::OpenAi => self.for_openai(!request.tools.is_empty()),
            Speaks::Other => self.for_another(names)?,
        };
        request.extra = joined(request.extra.take(), extra.unless_empty());
        Ok(())
    }

    fn for_anthropic(self, request: &mut Request, names: &Names) -> Result<ObjectText, Problem> {
        let format = match &self.output {
            None => None,
            Some(Output::JsonObject) => {
                let says =
                    "can't ask this provider for some JSON object; give the shape as a JSON Schema";
                return Err(Problem::invalid_field(names.output, says));
            }
            Some(Output::Schema(schema)) => Some(
                ObjectText::default()
                    .with("type", r#""json_schema""#)
                    .with("schema", &schema.schema)
                    .text(),
            ),
        };
        self.no_penalties()?;
        let effort = self.effort.as_deref().map(|effort| match effort {
            "none" | "minimal" => "low",
            other => other,
        });
        let config = ObjectText::default().with_text("effort", effort);
        let config = config.with_opt("format", format.as_deref()).unless_empty();
        // A choice is needed to say it with; without tools there is nothing to choose.
        if self.parallel_tool_calls == Some(false) && !request.tools.is_empty() {
            request.tool_choice = Some(one_call(request.tool_choice.take()));
        }
        Ok(ObjectText::default().with_opt("output_config", config.as_deref()))
    }

    fn for_openai(self, has_tools: bool) -> ObjectText {
        let format = self.output.map(|output| match output {
            Output::JsonObject => r#"{"type":"json_object"}"#.to_owned(),
            Output::Schema(schema) => {
                let Schema { name, description, schema, strict } = schema;
                let schema = ObjectText::default()
                    .with_text("name", name.as_deref().or(Some(SCHEMA_NAME)))
                    .with_text("description", description.as_deref())
                    .with("schema", &schema)
                    .with_opt("strict", strict.map(flag));
                ObjectText::default()
                    .with("type", r#""json_schema""#)
                    .with("json_schema", &schema.text())
                    .text()
            }
        });
        let number = |number: Option<f64>| number.map(|number| number.to_string());
        ObjectText::default()
            .with_opt("response_format", format.as_deref())
            // Refused where there are no tools.
            .with_opt(
                "parallel_tool_calls",
                self.parallel_tool_calls.filter(|_| has_tools).map(flag),
            )
            .with_text("reasoning_effort", self.effort.as_deref())
            .with_opt("seed", self.seed.as_deref())
            .with_opt("frequency_penalty", number(self.frequency_penalty).as_deref())
            .with_opt("presence_penalty", number(self.presence_penalty).as_deref())
    }

    fn for_another(self, names: &Names) -> Result<ObjectText, Problem> {
        let refused =
            |name: &str| Err(Problem::invalid_field(name, "can't be passed on to this provider"));
        if self.output.is_some() {
            return refused(names.output);
        }
        if self.parallel_tool_calls == Some(false) {
            return refused(names.parallel_tool_calls);
        }
        self.no_penalties()?;
        Ok(ObjectText::default())
    }

    fn no_penalties(&self) -> Result<(), Problem> {
        let penalties = [
            ("frequency_penalty", self.frequency_penalty),
            ("presence_penalty", self.presence_penalty),
        ];
        for (name, penalty) in penalties {
            if penalty.is_some_and(|penalty| penalty != 0.0) {
                let says = "can't be passed on to this provider unless it is 0";
                return Err(Problem::invalid_field(name, says));
            }
        }
        Ok(())
    }
}

/// Returns two objects without a field in common as one.
fn joined(first: Option<String>, second: Option<String>) -> Option<String> {
    let (Some(mut first), Some(second)) = (first.clone(), second.clone()) else {
        return first.or(second);
    };
    first.pop();
    first.push(',');
    first.push_str(second.trim_start_matches('{'));
    Some(first)
}

/// Returns the choice of tools with at most one call, as Anthropic says it.
fn one_call(choice: Option<ToolChoice>) -> ToolChoice {
    let word = |kind: &str| {
        ToolChoice::Other(format!(r#"{{"type":"{kind}","disable_parallel_tool_use":true}}"#))
    };
    match choice {
        None | Some(ToolChoice::Auto) => word("auto"),
        Some(ToolChoice::Any) => word("any"),
        Some(ToolChoice::Tool(name)) => ToolChoice::Other(
            ObjectText::default()
                .with("type", r#""tool""#)
                .with("name", &quoted(&name))
                .with("disable_parallel_tool_use", "true")
                .text(),
        ),
        Some(choice @ (ToolChoice::None | ToolChoice::Other(_))) => choice,
    }
}

fn flag(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}
