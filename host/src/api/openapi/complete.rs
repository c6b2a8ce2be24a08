//! The parts that every route shares, and those that the generator has no words for.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::problems;
use crate::http::problem::PROBLEM_JSON;

/// Completes a generated document.
pub(super) fn complete(document: &mut Value) {
    components(&mut document["components"]);
    // Either key opens; an operation that says otherwise is open.
    document["security"] = json!([{ "bearer": [] }, { "apiKey": [] }]);
    let mut sent = Vec::new();
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        let form = if path.starts_with("/v1/") { Form::Dialect } else { Form::Problem };
        for operation in children(item) {
            complete_operation(operation, form);
            names(&operation["requestBody"], &mut sent);
        }
    }
    schemas(&mut document["components"]["schemas"], sent);
    document["components"]["schemas"]["DialectError"] = dialect_error();
    unsigned(document);
    stream(document);
}

/// The form of a route's failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The server's own.
    Problem,
    /// That of OpenAI's or Anthropic's API.
    Dialect,
}

/// Closes the schemas of what clients send: a field that nobody knows is refused, on every level.
/// Their answers leave out absent fields and never say null instead. The generator knows
/// neither.
fn schemas(schemas: &mut Value, mut sent: Vec<String>) {
    let mut next = 0;
    while let Some(name) = sent.get(next).cloned() {
        names(&schemas[&name], &mut sent);
        next += 1;
    }
    let Some(schemas) = schemas.as_object_mut() else { return };
    for (name, schema) in schemas {
        if sent.contains(name) { objects(schema, &close) } else { objects(schema, &never_null) }
    }
}

fn close(object: &mut Value) {
    object["additionalProperties"] = false.into();
}

fn never_null(object: &mut Value) {
    let required: Vec<Value> =
        object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for (name, property) in object["properties"].as_object_mut().into_iter().flatten() {
        let is_required = required.iter().any(|it| it == name);
        if let Some(Value::Array(types)) = property.get_mut("type").filter(|_| !is_required) {
            types.retain(|kind| kind != "null");
            if let [one] = types.as_slice() {
                property["type"] = one.clone();
            }
        }
    }
}

/// Does something to each object within a schema that has named properties.
fn objects(schema: &mut Value, change: &impl Fn(&mut Value)) {
    if schema.get("properties").is_some() {
        change(schema);
    }
    match schema {
        Value::Object(fields) => fields.values_mut().for_each(|field| objects(field, change)),
        Value::Array(items) => items.iter_mut().for_each(|item| objects(item, change)),
        _ => {}
    }
}

/// Adds the schemas that a value refers to and that aren't known yet.
fn names(value: &Value, known: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let target = fields.get("$ref").and_then(Value::as_str);
            if let Some(name) =
                target.and_then(|target| target.strip_prefix("#/components/schemas/"))
                && !known.iter().any(|it| it == name)
            {
                known.push(name.to_owned());
            }
            fields.values().for_each(|field| names(field, known));
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, known)),
        _ => {}
    }
}

fn components(components: &mut Value) {
    components["securitySchemes"] = json!({
        "bearer": { "type": "http", "scheme": "bearer", "description": "A key of this server." },
        "apiKey": { "type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same key, in another header." },
    });
    components["headers"] = json!({
        "RequestId": {
            "description": "The id of this request: the caller's, or one of the server's own.",
            "required": true,
            "schema": { "type": "string", "minLength": 1, "maxLength": 128 },
        },
        "Challenge": {
            "description": "How to bring a key.",
            "required": true,
            "schema": { "type": "string", "const": "Bearer" },
        },
        "RetryAfter": {
            "description": "The seconds to wait before trying again.",
            "schema": { "type": "integer", "minimum": 1 },
        },
        "ShouldRetry": {
            "description": "`false` when the server has tried again already: client libraries of vendors heed it.",
            "schema": { "type": "string", "const": "false" },
        },
        "Cache": {
            "description": "Whether the answer came out of the cache, was fetched, shared, or never looked up.",
            "schema": { "type": "string", "enum": ["hit", "miss", "coalesced", "bypass"] },
        },
    });
}

/// Adds the failures of the layers around a route, and the headers and bodies of all failures.
fn complete_operation(operation: &mut Value, form: Form) {
    let mut shared = vec![
        StatusCode::FORBIDDEN,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    if operation.get("security").is_none() {
        shared.push(StatusCode::UNAUTHORIZED);
    }
    if operation.get("requestBody").is_some() {
        shared.extend([
            StatusCode::BAD_REQUEST,
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ]);
    }
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for status in shared.iter().map(StatusCode::as_u16) {
        let response = || json!({ "description": problems::description(status) });
        responses.entry(status.to_string()).or_insert_with(response);
    }
    let asks_vendor = responses.contains_key(StatusCode::BAD_GATEWAY.as_str());
    for (status, response) in responses.iter_mut() {
        if let Ok(status) = status.parse() {
            complete_response(status, response, asks_vendor, form);
        }
    }
    responses.sort_keys();
}

fn complete_response(status: StatusCode, response: &mut Value, asks_vendor: bool, form: Form) {
    let mut headers = vec![("x-request-id", "RequestId")];
    let failed = status.is_client_error() || status.is_server_error();
    match form {
        Form::Problem if failed => {
            let content = problems::content(status.as_u16(), asks_vendor);
            response["content"][PROBLEM_JSON] = content[PROBLEM_JSON].clone();
        }
        Form::Dialect if failed => {
            let schema = json!({ "$ref": "#/components/schemas/DialectError" });
            response["content"]["application/json"] = json!({ "schema": schema });
        }
        Form::Problem | Form::Dialect => {}
    }
    match status {
        StatusCode::UNAUTHORIZED => headers.push(("www-authenticate", "Challenge")),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            headers.push(("retry-after", "RetryAfter"))
        }
        _ => {}
    }
    // What failed after a call began tells more than what never became one.
    let before = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    if asks_vendor && !before {
        headers.push(("x-arete-cache", "Cache"));
        if failed {
            headers.push(("x-should-retry", "ShouldRetry"));
        }
    }
    for (name, header) in headers {
        response["headers"][name] = json!({ "$ref": format!("#/components/headers/{header}") });
    }
}

/// Returns the schema of failures under the paths of OpenAI's and Anthropic's clients.
fn dialect_error() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "description": "A failure in the form of OpenAI's or of Anthropic's API.",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message", "type"],
                "properties": {
                    "message": text("What happened, in a sentence for people."),
                    "type": text("The kind of failure, in the dialect's words."),
                },
            },
        },
    })
}

/// The generator takes unsigned numbers for signed ones, which hold half as many.
fn unsigned(value: &mut Value) {
    if value.get("minimum").is_some_and(|minimum| minimum.as_u64().is_some())
        && let Some(Value::String(format)) =
            value.get_mut("format").filter(|format| *format == "int32" || *format == "int64")
    {
        format.insert(0, 'u');
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(unsigned),
        Value::Array(items) => items.iter_mut().for_each(unsigned),
        _ => {}
    }
}

/// OpenAPI 3.1 has no words for a stream of events. Its readers take the schema for that of each
/// event.
fn stream(document: &mut Value) {
    let event = |name: &str, data: &str| {
        let schema = json!({ "$ref": format!("#/components/schemas/{data}") });
        let data = json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": schema });
        json!({
            "type": "object",
            "required": ["event", "data"],
            "properties": { "event": { "type": "string", "const": name }, "data": data },
        })
    };
    document["components"]["schemas"]["StreamEvent"] = json!({
        "description": "An event of a stream: `start`, then `delta`s, then `done`, or `error` when it breaks off.",
        "oneOf": [
            event("start", "StreamStart"),
            event("delta", "StreamDelta"),
            event("done", "StreamDone"),
            event("error", "Problem"),
        ],
    });
    let place = "/paths/~1api~1llm~1chat/post/responses/200/content/text~1event-stream/schema";
    if let Some(schema) = document.pointer_mut(place) {
        *schema = json!({ "$ref": "#/components/schemas/StreamEvent" });
    }
}

fn children(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_object_mut().into_iter().flat_map(Map::values_mut)
}
