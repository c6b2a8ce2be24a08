//! What the requests of all vendors have in common: whose dialect the caller spoke, numbers,
//! `extra`, and mistakes that are named.

use crate::body::{JsonOut, ObjectWriter};
use crate::json::{self, Mismatch, Object};
use crate::llm::{ErrorKind, NativeBody, ProviderError, Request, Role};

/// The request in the vendor's own dialect, if the caller spoke it.
pub fn native<'a>(request: &'a Request, dialect: &str) -> Option<&'a NativeBody> {
    request.native.as_ref().filter(|native| native.dialect == dialect)
}

/// The caller's own body, with the model and the kind of answer that the host wants. All other
/// fields of the request, `extra` too, say what this body says already.
///
/// # Errors
/// When the body isn't a JSON object.
pub fn native_body(
    native: &NativeBody,
    request: &Request,
    stream: bool,
) -> Result<String, ProviderError> {
    let mut body = Object::parse(&native.body).map_err(|mismatch| {
        ProviderError::new(ErrorKind::InvalidRequest, format!("The body is wrong: {mismatch}."))
    })?;
    body.set("model", json::raw(&request.model));
    if stream || body.get("stream").is_some() {
        body.set("stream", json::raw(&stream));
    }
    Ok(json::text(&body))
}

/// Puts the request's `extra` into the body. `field` gives the caller's name of what a key of the
/// body says, where it has one.
///
/// # Errors
/// When `extra` isn't an object, or sets a key for which `taken` says that the request does: either
/// value could be the one that was meant, so the caller has to choose.
pub fn with_extra<'a>(
    mut body: ObjectWriter<'a>,
    request: &'a Request,
    taken: impl Fn(&ObjectWriter, &str) -> bool,
    field: impl Fn(&str) -> Option<&'static str>,
) -> Result<ObjectWriter<'a>, ProviderError> {
    let extra = request.extra.as_deref().map(Object::parse).transpose();
    let extra = extra.map_err(|mismatch| invalid(mismatch.within("extra")))?.unwrap_or_default();
    if let Some(key) = extra.keys().find(|key| body.has(key) || taken(&body, key)) {
        let field = field(key).unwrap_or(key);
        let says = format!(
            "`extra.{key}` would set what the request sets already; the field for it is `{field}`."
        );
        return Err(with_field(
            &format!("extra.{key}"),
            ProviderError::new(ErrorKind::InvalidRequest, says),
        ));
    }
    for (key, value) in extra {
        body = body.with(key, JsonOut::Raw(value));
    }
    Ok(body)
}

/// A number of the request.
///
/// # Errors
/// When it isn't finite: JSON has no word for that.
pub fn number(field: &str, number: Option<f64>) -> Result<Option<JsonOut<'_>>, Mismatch> {
    match number {
        Some(number) if !number.is_finite() => {
            Err(Mismatch::new(field, "should be a finite number"))
        }
        number => Ok(number.map(JsonOut::Number)),
    }
}

/// A list, unless there is nothing in it.
pub fn list(values: Vec<JsonOut<'_>>) -> Option<JsonOut<'_>> {
    (!values.is_empty()).then_some(JsonOut::List(values))
}

/// The name that vendors have for a role. One without a name here goes to the vendor as it is: it
/// may know it, and says so clearly when it doesn't.
pub fn role(role: &Role) -> &str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Other(word) => word,
    }
}

/// The error for a request in which something isn't what it should be.
pub fn invalid(mismatch: Mismatch) -> ProviderError {
    let error = ProviderError::new(ErrorKind::InvalidRequest, format!("{mismatch}."));
    with_field(&mismatch.at, error)
}

/// The same error, of this field.
pub fn with_field(field: &str, error: ProviderError) -> ProviderError {
    ProviderError { field: Some(field.to_owned()), ..error }
}
