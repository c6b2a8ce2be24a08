//! Tools that the model may call, and whether it has to.

use std::borrow::Cow;

use arete_plugin::body::{JsonOut, ObjectWriter};
use arete_plugin::json::{self, Mismatch, Object};
use arete_plugin::llm::{Tool, ToolChoice};

use crate::blocks::with_inner;

pub(crate) fn write(tools: &[Tool]) -> Result<Vec<JsonOut<'_>>, Mismatch> {
    let tools = tools.iter().enumerate();
    tools
        .map(|(index, it)| {
            tool(it).map_err(|mismatch| mismatch.within(format_args!("tools[{index}]")))
        })
        .collect()
}

/// A function of the caller's; or, where `extra` says another `type`, a tool of the vendor's that
/// `extra` describes in full, because each of them has a shape of its own.
fn tool(tool: &Tool) -> Result<JsonOut<'_>, Mismatch> {
    let schema =
        json::object(&tool.input_schema).map_err(|mismatch| mismatch.within("inputSchema"))?;
    if let Some(extra) = tool.extra.as_deref()
        && Object::parse(extra)
            .is_ok_and(|extra| extra.get("type").is_some_and(|kind| kind.get() != r#""function""#))
    {
        return json::object(extra).map(|tool| JsonOut::Raw(Cow::Borrowed(tool)));
    }
    let function = ObjectWriter::default()
        .with("name", JsonOut::Text(&tool.name))
        .with_opt("description", tool.description.as_deref().map(JsonOut::Text))
        .with("parameters", JsonOut::Raw(Cow::Borrowed(schema)));
    with_inner(ObjectWriter::of_type("function"), "function", function, tool.extra.as_deref())
        .map(JsonOut::Object)
}

pub(crate) fn write_choice(choice: &ToolChoice) -> Result<JsonOut<'_>, Mismatch> {
    Ok(match choice {
        ToolChoice::Auto => JsonOut::Text("auto"),
        ToolChoice::Any => JsonOut::Text("required"),
        ToolChoice::None => JsonOut::Text("none"),
        ToolChoice::Tool(name) => {
            let function = ObjectWriter::default().with("name", JsonOut::Text(name));
            JsonOut::Object(
                ObjectWriter::of_type("function").with("function", JsonOut::Object(function)),
            )
        }
        ToolChoice::Other(choice) => {
            let choice = json::value(choice).map_err(|mismatch| mismatch.within("toolChoice"))?;
            JsonOut::Raw(Cow::Borrowed(choice))
        }
    })
}
