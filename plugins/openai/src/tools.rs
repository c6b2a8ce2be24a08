//! Tools that the model may call, and whether it has to.

use std::borrow::Cow;

use arete_plugin::body::{Fields, Value};
use arete_plugin::json::{self, Mismatch, Object};
use arete_plugin::llm::{Tool, ToolChoice};

use crate::blocks::with_inner;

pub(crate) fn write(tools: &[Tool]) -> Result<Vec<Value<'_>>, Mismatch> {
    let tools = tools.iter().enumerate();
    tools
        .map(|(index, it)| {
            tool(it).map_err(|mismatch| mismatch.within(format_args!("tools[{index}]")))
        })
        .collect()
}

/// A function of the caller's; or, where `extra` says another `type`, a tool of the vendor's that
/// `extra` describes in full, because each of them has a shape of its own.
fn tool(tool: &Tool) -> Result<Value<'_>, Mismatch> {
    let schema =
        json::object(&tool.input_schema).map_err(|mismatch| mismatch.within("inputSchema"))?;
    if let Some(extra) = tool.extra.as_deref()
        && Object::parse(extra)
            .is_ok_and(|extra| extra.get("type").is_some_and(|kind| kind.get() != r#""function""#))
    {
        return json::object(extra).map(|tool| Value::Raw(Cow::Borrowed(tool)));
    }
    let function = Fields::default()
        .with("name", Value::Text(&tool.name))
        .with_some("description", tool.description.as_deref().map(Value::Text))
        .with("parameters", Value::Raw(Cow::Borrowed(schema)));
    with_inner(Fields::of_type("function"), "function", function, tool.extra.as_deref())
        .map(Value::Fields)
}

pub(crate) fn write_choice(choice: &ToolChoice) -> Result<Value<'_>, Mismatch> {
    Ok(match choice {
        ToolChoice::Auto => Value::Text("auto"),
        ToolChoice::Any => Value::Text("required"),
        ToolChoice::None => Value::Text("none"),
        ToolChoice::Tool(name) => {
            let function = Fields::default().with("name", Value::Text(name));
            Value::Fields(Fields::of_type("function").with("function", Value::Fields(function)))
        }
        ToolChoice::Other(choice) => {
            let choice = json::value(choice).map_err(|mismatch| mismatch.within("toolChoice"))?;
            Value::Raw(Cow::Borrowed(choice))
        }
    })
}
