//! Requests for tests, in the words of Arete's own API, with `extra` where the contract has it.

use crate::llm::{
    Image, ImageData, ImageSource, Message, NativeBody, OtherPart, Part, Request, ResultPart, Role,
    Text, Thinking, Tool, ToolChoice, ToolResult, ToolUse,
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::json::Object;

/// A question with nothing to it.
pub fn plain(model: &str) -> Request {
    let asked = r#"{"model":"","messages":[{"role":"user","content":"Hi"}]}"#;
    Request { model: model.to_owned(), ..read(Object::parse(asked).unwrap()) }
}

/// A request as a caller writes it.
pub fn read(mut asked: Object) -> Request {
    let request = Request {
        model: field(&mut asked, "model").unwrap(),
        messages: objects(&mut asked, "messages", message),
        max_tokens: field(&mut asked, "maxTokens"),
        temperature: field(&mut asked, "temperature"),
        top_p: field(&mut asked, "topP"),
        top_k: field(&mut asked, "topK"),
        stop_sequences: field(&mut asked, "stopSequences").unwrap_or_default(),
        tools: objects(&mut asked, "tools", tool),
        tool_choice: text(&mut asked, "toolChoice").map(tool_choice),
        native: text(&mut asked, "native").map(native),
        extra: text(&mut asked, "extra"),
    };
    assert!(asked.is_empty(), "unknown fields in a request: {asked:?}");
    request
}

fn message(mut said: Object) -> Message {
    let role: String = field(&mut said, "role").unwrap();
    let role = match role.as_str() {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => Role::Other(role),
    };
    Message { role, content: content(&mut said, part, Part::Text), extra: text(&mut said, "extra") }
}

/// A string is one text part.
fn content<T>(said: &mut Object, read: fn(Object) -> T, plain: fn(Text) -> T) -> Vec<T> {
    match said.get("content").and_then(|content| serde_json::from_str(content.get()).ok()) {
        Some(text) => vec![plain(Text { text, extra: None })],
        None => objects(said, "content", read),
    }
}

fn part(mut block: Object) -> Part {
    let kind: String = field(&mut block, "type").unwrap();
    match kind.as_str() {
        "text" => Part::Text(text_part(block)),
        "image" => Part::Image(image(block)),
        "tool_use" => Part::ToolUse(ToolUse {
            id: field(&mut block, "id").unwrap(),
            name: field(&mut block, "name").unwrap(),
            input: text(&mut block, "input").unwrap(),
            extra: text(&mut block, "extra"),
        }),
        "tool_result" => Part::ToolResult(ToolResult {
            tool_use_id: field(&mut block, "toolUseId").unwrap(),
            content: content(&mut block, result_part, ResultPart::Text),
            is_error: field(&mut block, "isError").unwrap_or(false),
            extra: text(&mut block, "extra"),
        }),
        "thinking" => Part::Thinking(Thinking {
            text: field(&mut block, "text").unwrap(),
            signature: field(&mut block, "signature"),
            extra: text(&mut block, "extra"),
        }),
        _ => Part::Other(other(block)),
    }
}

fn result_part(mut block: Object) -> ResultPart {
    let kind: String = field(&mut block, "type").unwrap();
    match kind.as_str() {
        "text" => ResultPart::Text(text_part(block)),
        "image" => ResultPart::Image(image(block)),
        _ => ResultPart::Other(other(block)),
    }
}

fn text_part(mut block: Object) -> Text {
    Text { text: field(&mut block, "text").unwrap(), extra: text(&mut block, "extra") }
}

fn image(mut block: Object) -> Image {
    let source = match field(&mut block, "url") {
        Some(url) => ImageSource::Url(url),
        None => ImageSource::Data(ImageData {
            media_type: field(&mut block, "mediaType").unwrap(),
            base64: field(&mut block, "data").unwrap(),
        }),
    };
    Image { source, extra: text(&mut block, "extra") }
}

fn other(mut block: Object) -> OtherPart {
    OtherPart { kind: field(&mut block, "kind").unwrap(), json: text(&mut block, "json").unwrap() }
}

fn tool(mut tool: Object) -> Tool {
    Tool {
        name: field(&mut tool, "name").unwrap(),
        description: field(&mut tool, "description"),
        input_schema: text(&mut tool, "inputSchema").unwrap(),
        extra: text(&mut tool, "extra"),
    }
}

fn tool_choice(choice: String) -> ToolChoice {
    match choice.as_str() {
        r#""auto""# => ToolChoice::Auto,
        r#""any""# => ToolChoice::Any,
        r#""none""# => ToolChoice::None,
        _ => match Object::parse(&choice).ok().and_then(|mut choice| field(&mut choice, "name")) {
            Some(name) => ToolChoice::Tool(name),
            None => ToolChoice::Other(choice),
        },
    }
}

fn native(native: String) -> NativeBody {
    let mut native = Object::parse(&native).unwrap();
    NativeBody {
        dialect: field(&mut native, "dialect").unwrap(),
        body: text(&mut native, "body").unwrap(),
    }
}

fn objects<T>(object: &mut Object, key: &str, read: fn(Object) -> T) -> Vec<T> {
    let list: Vec<Box<RawValue>> = field(object, key).unwrap_or_default();
    list.iter().map(|item| read(Object::parse(item.get()).unwrap())).collect()
}

fn field<T: DeserializeOwned>(object: &mut Object, key: &str) -> Option<T> {
    object.read(key, "what the test means").unwrap()
}

fn text(object: &mut Object, key: &str) -> Option<String> {
    object.take(key).map(|value| value.get().to_owned())
}
