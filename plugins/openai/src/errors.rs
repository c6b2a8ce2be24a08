//! What went wrong, in the contract's terms. OpenAI has one shape for it; the servers that speak
//! its dialect have many, and what stands before them has more.

use arete_plugin::http::Header;
use arete_plugin::json::{self, Object};
use arete_plugin::llm::{ErrorKind, ProviderError};
use arete_plugin::vendor_error::{
    add_advice, header, kind_of_status, message, retry_after_ms, string, unexplained, word,
};
use serde_json::value::RawValue;

use crate::request::field_of;

/// How deep a message may lie in what a server says instead of a message.
const DEPTH_MAX: usize = 4;

/// An answer whose status isn't a success.
pub(crate) fn refusal(status: u16, headers: &[Header], body: &str) -> ProviderError {
    let vendor = VendorError::read(first_object(body));
    let mut extra = vendor.extra;
    add_advice(&mut extra, headers);
    let request_id = header(headers, "x-request-id").map(String::from).or(vendor.request_id);
    ProviderError {
        kind: vendor.codes.kind(Some(status)).unwrap_or_else(|| kind_of_status(status)),
        message: vendor
            .message
            .unwrap_or_else(|| plain(body).unwrap_or_else(|| unexplained(status))),
        status: Some(status),
        code: vendor.codes.code,
        field: vendor.field,
        request_id,
        retry_after_ms: retry_after_ms(headers),
        extra: extra.into_extra(),
    }
}

/// An error told after the vendor had begun to answer. It has no status: the one of the answer was
/// 200.
pub(crate) fn in_band(body: Object) -> ProviderError {
    without_status(body, ErrorKind::VendorFailed)
}

/// An error told in place of a stream, with status 200. Where its words don't say of which kind it
/// is, another attempt would only hear them again.
fn unframed(body: Object) -> ProviderError {
    without_status(body, ErrorKind::BadResponse)
}

fn without_status(body: Object, unknown: ErrorKind) -> ProviderError {
    let vendor = VendorError::read(body);
    ProviderError {
        kind: vendor.codes.kind(None).unwrap_or(unknown),
        message: vendor
            .message
            .unwrap_or_else(|| "The vendor reported an error without saying which.".into()),
        status: None,
        code: vendor.codes.code,
        field: vendor.field,
        request_id: vendor.request_id,
        retry_after_ms: None,
        extra: vendor.extra.into_extra(),
    }
}

/// An event of a stream that is named `error`.
pub(crate) fn in_event(data: &str) -> ProviderError {
    let error = in_band(Object::parse(data).unwrap_or_default());
    match plain(data) {
        Some(message) => ProviderError { message, ..error },
        None => error,
    }
}

/// The error in the body of an answer with status 200 that should have been a stream, if it tells
/// one.
pub(crate) fn in_place_of_stream(body: &str) -> Option<ProviderError> {
    let body = first_object(body);
    is_error(&body).then(|| unframed(body))
}

/// Returns true if this tells an error, as the body of an answer or in a stream.
pub(crate) fn is_error(body: &Object) -> bool {
    let text = |error: &RawValue| !matches!(error.get(), "null" | "false" | r#""""#);
    body.get("error").is_some_and(text) || is_marked(body)
}

/// vLLM's old way: the whole object is the error.
fn is_marked(body: &Object) -> bool {
    body.get("object").is_some_and(|object| object.get() == r#""error""#)
}

/// What the vendor says of an error: `{"error":{"message":…,"type":…,"param":…,"code":…}}`, or one
/// of the shapes of others. Everything may be missing.
struct VendorError {
    message: Option<String>,
    codes: ErrorCodes,
    field: Option<String>,
    request_id: Option<String>,
    extra: Object<'static>,
}

/// The words and the number by which a vendor tells errors apart.
struct ErrorCodes {
    code: Option<String>,
    /// The broader word, where there are two.
    class: Option<String>,
    number: Option<u16>,
    /// True if the vendor says what in the question it objects to.
    flagged: bool,
}

impl VendorError {
    fn read(body: Object) -> Self {
        let mut outer = body.into_owned();
        if is_marked(&outer) {
            outer.take("object");
        }
        let request_id = string(&mut outer, "request_id").map(|id| word(&id));
        let plain = string(&mut outer, "error");
        let mut inner = Object::default();
        if let Some(error) = outer.get("error").and_then(|error| Object::parse(error.get()).ok()) {
            inner = error.into_owned();
            outer.take("error");
        }
        // Beside its error, a piece of an answer says things of the answer; they are no part of an
        // error.
        let apart = plain.is_some() || !inner.is_empty();
        for (key, value) in outer {
            let of_answer = matches!(&*key, "choices" | "delta" | "object" | "created")
                || (key == "message" && !is_string(&value));
            if !(apart && of_answer) {
                inner.set(&key, value);
            }
        }

        let text = ["message", "detail", "msg"].iter().find_map(|key| {
            let text = sentence(inner.get(key)?, 0)?;
            inner.take(key);
            Some(text)
        });
        let codes = ErrorCodes::take(&mut inner);
        let field = inner.get("param").and_then(json::string);
        let field =
            field.and_then(|param| field_of(param.split(['.', '[']).next()?)).map(String::from);
        if text.is_some()
            && let Some(plain) = &plain
        {
            inner.set("error", json::raw(plain));
        }
        let message = text.or(plain).map(|text| message(&text));
        Self { message, codes, field, request_id, extra: inner }
    }
}

impl ErrorCodes {
    fn take(error: &mut Object) -> Self {
        let numbers = ["code", "status_code", "status", "statusCode"];
        let number = numbers.iter().find_map(|key| {
            let number = error.get(key)?.get();
            number.trim_matches('"').parse().ok().filter(|status| (400..=599).contains(status))
        });
        let metadata =
            error.get("metadata").and_then(|metadata| Object::parse(metadata.get()).ok());
        let flagged = metadata.is_some_and(|metadata| metadata.get("flagged_input").is_some());

        let class =
            ["type", "error_type", "status"].iter().find_map(|key| Some((*key, name(error, key)?)));
        let (code, class) = match (name(error, "code"), class) {
            (Some(code), class) => {
                error.take("code");
                (Some(code), class.map(|(_, class)| class))
            }
            (None, Some((key, class))) => {
                error.take(key);
                (Some(class.clone()), Some(class))
            }
            (None, None) => (None, None),
        };
        Self { code, class, number, flagged }
    }

    /// A status says more than most words; a few words say more than it. Where there is no status,
    /// the words have to do, and may say nothing of the kind.
    fn kind(&self, status: Option<u16>) -> Option<ErrorKind> {
        let codes = || self.code.iter().chain(&self.class).map(String::as_str);
        if let Some(kind) = codes().find_map(kind_of_exact_word) {
            return Some(kind);
        }
        match status.or(self.number) {
            Some(403) if self.flagged => Some(ErrorKind::InvalidRequest),
            // Groq's: no room among the calls that wait for free capacity.
            Some(498) => Some(ErrorKind::Overloaded),
            Some(status) => Some(kind_of_status(status)),
            None => codes().find_map(kind_of_word),
        }
    }
}

/// Codes that say more than the status they come with: OpenAI tells with 429 that the money is
/// gone.
fn kind_of_exact_word(word: &str) -> Option<ErrorKind> {
    Some(match word {
        "insufficient_quota"
        | "insufficient_balance"
        | "billing_not_active"
        | "billing_hard_limit_reached" => ErrorKind::Billing,
        "model_not_found" => ErrorKind::NotFound,
        "invalid_api_key" => ErrorKind::Credentials,
        _ => return None,
    })
}

fn kind_of_word(word: &str) -> Option<ErrorKind> {
    Some(match word.to_ascii_lowercase().replace('_', "").as_str() {
        "invalidrequesterror"
        | "badrequesterror"
        | "contextlengthexceeded"
        | "contentfilter"
        | "invalidargument" => ErrorKind::InvalidRequest,
        "authenticationerror" | "permissionerror" | "permissiondenied" | "unauthorized" => {
            ErrorKind::Credentials
        }
        "notfounderror" | "notfound" => ErrorKind::NotFound,
        "ratelimitexceeded" | "ratelimiterror" | "ratelimitreached" | "toomanyrequests" => {
            ErrorKind::RateLimited
        }
        "overloadederror" | "overloaded" | "serviceunavailable" | "engineoverloaded" => {
            ErrorKind::Overloaded
        }
        "timeout" | "timeouterror" => ErrorKind::Timeout,
        _ => return None,
    })
}

/// A word of the vendor's. A number in quotes is no name.
fn name(error: &Object, key: &str) -> Option<String> {
    let name = json::string(error.get(key)?)?;
    let is_name = !name.trim().is_empty() && name.parse::<f64>().is_err();
    is_name.then(|| word(&name))
}

/// Google's way is a list with the error in it.
fn first_object(body: &str) -> Object<'_> {
    let list = || {
        serde_json::from_str::<Vec<&RawValue>>(body)
            .ok()?
            .first()
            .and_then(|it| Object::parse(it.get()).ok())
    };
    Object::parse(body).ok().or_else(list).unwrap_or_default()
}

/// What a server says instead of a message, as a sentence:
/// `{"detail":[{"loc":["body","model"],"msg":"Field required"}]}` is FastAPI's way.
fn sentence(text: &RawValue, depth: usize) -> Option<String> {
    if let Some(text) = json::string(text) {
        return Some(text).filter(|text| !text.trim().is_empty());
    }
    if depth == DEPTH_MAX {
        return None;
    }
    if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text.get()) {
        let sentences: Vec<String> =
            items.into_iter().filter_map(|item| sentence(item, depth + 1)).collect();
        return (!sentences.is_empty()).then(|| sentences.join("; "));
    }
    let object = Object::parse(text.get()).ok()?;
    let says = ["message", "msg", "detail"]
        .iter()
        .find_map(|key| sentence(object.get(key)?, depth + 1))?;
    let place =
        object.get("loc").and_then(|loc| serde_json::from_str::<Vec<&RawValue>>(loc.get()).ok());
    let place: Vec<&str> =
        place.iter().flatten().map(|step| step.get().trim_matches('"')).collect();
    Some(if place.is_empty() { says } else { format!("{}: {says}", place.join(".")) })
}

/// A body without markup is what a proxy or a server has to say in its own words.
fn plain(body: &str) -> Option<String> {
    let quoted = json::value(body).ok().and_then(json::string);
    let body = quoted.as_deref().unwrap_or(body).trim();
    let is_text = !body.is_empty() && !body.starts_with(['<', '{', '[']);
    is_text.then(|| message(body))
}

fn is_string(value: &RawValue) -> bool {
    value.get().starts_with('"')
}

#[cfg(test)]
mod tests;
