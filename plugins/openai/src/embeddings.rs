//! Vectors for texts: `POST /embeddings`.

use arete_plugin::body::{JsonOut, ObjectWriter};
use arete_plugin::embeddings::{EmbedAnswer, EmbedInput, EmbedRequest};
use arete_plugin::json::{self, Object};
use arete_plugin::llm::{ErrorKind, NativeBody, ProviderError, Usage};
use arete_plugin::request::{invalid, with_field};
use arete_plugin::vendor_error::Broken;
use serde::Deserialize;

use crate::usage;

/// The contract's name of this API.
const DIALECT: &str = "openai-embeddings";

/// Returns the body to send. Vectors are asked for as numbers, which every server can give.
pub(crate) fn body(request: &EmbedRequest) -> Result<String, ProviderError> {
    if let Some(native) = native(request) {
        let mut body = Object::parse(&native.body).map_err(invalid)?;
        body.set("model", json::raw(&request.model));
        body.set("encoding_format", json::raw(&"float"));
        return Ok(json::text(&body));
    }
    let mut body = ObjectWriter::default()
        .with("model", JsonOut::Text(&request.model))
        .with("input", JsonOut::List(inputs(&request.inputs)?))
        .with_opt("dimensions", request.dimensions.map(JsonOut::Count))
        .with("encoding_format", JsonOut::Text("float"));
    let extra = request.extra.as_deref().map(Object::parse).transpose();
    let extra = extra.map_err(|mismatch| invalid(mismatch.within("extra")))?.unwrap_or_default();
    if let Some(key) = extra.keys().find(|key| body.has(key)) {
        let field = format!("extra.{key}");
        let says = format!("`{field}` would set what the request sets already.");
        return Err(with_field(&field, ProviderError::new(ErrorKind::InvalidRequest, says)));
    }
    for (key, value) in extra {
        body = body.with(key, JsonOut::Raw(value));
    }
    Ok(body.text())
}

fn native(request: &EmbedRequest) -> Option<&NativeBody> {
    request.native.as_ref().filter(|native| native.dialect == DIALECT)
}

/// All texts, or all lists of tokens: the API takes no mixture.
fn inputs(inputs: &[EmbedInput]) -> Result<Vec<JsonOut<'_>>, ProviderError> {
    let unsupported =
        |says: &str| with_field("input", ProviderError::new(ErrorKind::Unsupported, says));
    let texts = inputs.iter().filter(|input| matches!(input, EmbedInput::Text(_))).count();
    if texts != 0 && texts != inputs.len() {
        return Err(unsupported(
            "`input` mixes texts and tokens, and the vendor takes no mixture.",
        ));
    }
    let inputs = inputs.iter().map(|input| match input {
        EmbedInput::Text(text) => Ok(JsonOut::Text(text)),
        EmbedInput::Tokens(tokens) => {
            Ok(JsonOut::List(tokens.iter().copied().map(JsonOut::Count).collect()))
        }
        EmbedInput::Other(_) => {
            Err(unsupported("`input` is of a kind that the vendor doesn't know."))
        }
    });
    inputs.collect()
}

/// The part of an answer that holds the vectors.
#[derive(Deserialize)]
struct Vector {
    index: usize,
    embedding: Vec<f32>,
}

/// Reads the vectors.
pub(crate) fn read(answer: &str, request: &EmbedRequest) -> Result<EmbedAnswer, ProviderError> {
    let mut body = Object::parse(answer).map_err(Broken::from)?;
    let mut vectors: Vec<Vector> =
        body.require_as("data", "a list of vectors").map_err(Broken::from)?;
    vectors.sort_by_key(|vector| vector.index);
    let dimensions = vectors.first().map(|vector| vector.embedding.len()).unwrap_or_default();
    let whole = vectors
        .iter()
        .enumerate()
        .all(|(place, vector)| vector.index == place && vector.embedding.len() == dimensions);
    if !whole {
        return Err(
            Broken("`data` isn't one vector for each input, all of one length".into()).into()
        );
    }
    let model = body.take("model").as_deref().and_then(json::string);
    let usage = body.take("usage");
    body.take("object");
    let numbers = vectors.iter().flat_map(|vector| &vector.embedding);
    let native =
        native(request).map(|_| NativeBody { dialect: DIALECT.into(), body: answer.to_owned() });
    Ok(EmbedAnswer {
        model: model.unwrap_or_else(|| request.model.clone()),
        dimensions: u32::try_from(dimensions).unwrap_or(u32::MAX),
        data: numbers.flat_map(|number| number.to_le_bytes()).collect(),
        usage: usage.map_or_else(unknown, |usage| usage::read(usage.get())),
        native,
        extra: body.into_extra(),
    })
}

fn unknown() -> Usage {
    Usage {
        input_tokens: None,
        output_tokens: None,
        cache_read_tokens: None,
        cache_write_tokens: None,
        reasoning_tokens: None,
        extra: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(inputs: Vec<EmbedInput>) -> EmbedRequest {
        EmbedRequest {
            model: "e".into(),
            inputs,
            dimensions: None,
            purpose: None,
            native: None,
            extra: None,
        }
    }

    #[test]
    fn texts_and_tokens_are_sent_as_they_are() {
        let text = |text: &str| EmbedInput::Text(text.into());
        let sent = body(&EmbedRequest {
            dimensions: Some(256),
            extra: Some(r#"{"user":"u"}"#.into()),
            ..request(vec![text("a"), text("b")])
        });
        let expected = r#"{"model":"e","input":["a","b"],"dimensions":256,"encoding_format":"float","user":"u"}"#;
        assert_eq!(sent.unwrap(), expected);
        let tokens = body(&request(vec![EmbedInput::Tokens(vec![1, 2])])).unwrap();
        assert!(tokens.contains(r#""input":[[1,2]]"#), "{tokens}");
        let mixed = body(&request(vec![text("a"), EmbedInput::Tokens(vec![1])])).unwrap_err();
        assert_eq!((mixed.kind, mixed.field.as_deref()), (ErrorKind::Unsupported, Some("input")));
        let doubled = EmbedRequest { extra: Some(r#"{"input":1}"#.into()), ..request(vec![]) };
        assert_eq!(body(&doubled).unwrap_err().field.as_deref(), Some("extra.input"));
    }

    #[test]
    fn the_callers_own_body_is_kept() {
        let native = NativeBody {
            dialect: DIALECT.into(),
            body: r#"{"input":"a","model":"x","encoding_format":"base64","user":"u"}"#.into(),
        };
        let request = EmbedRequest { native: Some(native), ..request(vec![]) };
        let expected = r#"{"input":"a","model":"e","encoding_format":"float","user":"u"}"#;
        assert_eq!(body(&request).unwrap(), expected);
    }

    #[test]
    fn vectors_come_in_the_order_of_the_inputs() {
        let asked = request(vec![]);
        let answer = r#"{"object":"list","model":"e-2","data":[{"index":1,"embedding":[2.0,-1]},{"index":0,"embedding":[0.5,1]}],
            "usage":{"prompt_tokens":3,"total_tokens":3},"new":1}"#;
        let read_in = read(answer, &asked).unwrap();
        assert_eq!((&*read_in.model, read_in.dimensions), ("e-2", 2));
        let numbers = [0.5_f32, 1.0, 2.0, -1.0];
        assert_eq!(read_in.data, numbers.map(f32::to_le_bytes).concat());
        assert_eq!(read_in.usage.input_tokens, Some(3));
        assert_eq!(read_in.extra.as_deref(), Some(r#"{"new":1}"#));
        for broken in [
            r#"{"data":[{"index":1,"embedding":[1]}]}"#,
            r#"{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[]}]}"#,
            r#"{"data":[{"index":0,"embedding":"AAAA"}]}"#,
            "{}",
        ] {
            assert_eq!(read(broken, &asked).unwrap_err().kind, ErrorKind::BadResponse, "{broken}");
        }
    }
}
