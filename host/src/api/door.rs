//! The part that the doors of OpenAI and Anthropic share: the provider and the model that are asked,
//! the use of the cache, and failures in the caller's words.

mod ending;
mod fates;
mod forwarded;
mod object;
mod speaks;
mod wishes;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::de::MapAccess;
use serde_json::{Map, Value};

pub(super) use self::fates::{Fate, Fates, decide};
pub(super) use self::forwarded::{Passed, forward};
pub(super) use self::object::{ObjectText, quoted};
pub(super) use self::speaks::Speaks;
pub(super) use self::wishes::{Names, Output, Schema, Wishes};
use crate::app::App;
use crate::chat::{Call, Mode, Target};
use crate::config::CACHE_TTL;
use crate::contract::{Completion, ErrorKind, ProviderError, Request, WishList};
use crate::http::auth::Caller;
use crate::http::json::{At, Bool, Parsed, Shape, read_body, read_fields};
use crate::http::problem::dialect::Dialect;
use crate::http::problem::{FieldError, Problem, Wording};
use crate::observe::Record;
use crate::plugin::{CallError, Provider};
use crate::time::millis;

/// Asks for the cache, which these doors leave alone otherwise.
const USE_CACHE: HeaderName = HeaderName::from_static("x-arete-use-cache");
/// The time for which an answer may be kept, in milliseconds.
const CACHE_TTL_HEADER: HeaderName = HeaderName::from_static("x-arete-cache-ttl");
/// The most characters in the name of a model, with the provider's before it.
const NAME_MAX: usize = 400;
/// The most names of fields that are remembered.
const FIELDS_MAX: usize = 100;

/// The facts of a body that have to be known before the rest can be read.
#[derive(Debug)]
pub(super) struct Head {
    /// The model, as the caller spells it.
    pub(super) model: String,
    /// True for an answer as a stream.
    pub(super) stream: bool,
    /// The names of the other fields that aren't null.
    others: Vec<String>,
}

impl Head {
    /// Reads the head of a body.
    ///
    /// # Errors
    /// A 400 that names the mistakes.
    pub(super) fn read(body: &[u8]) -> Result<Self, Problem> {
        read_body(body, HeadShape, &["model", "stream"])
    }

    /// Returns true if the body has this field and it isn't null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.others.iter().any(|other| other == name)
    }
}

struct HeadShape;

impl<'de> Shape<'de> for HeadShape {
    type Value = Head;

    fn expected(&self) -> Cow<'static, str> {
        "a JSON object".into()
    }

    fn object<A: MapAccess<'de>>(self, mut body: A, at: &At<'_>) -> Result<Option<Head>, A::Error> {
        let mut others = Vec::new();
        let mut note = |name: &str, json: &str, _: &At<'_>| {
            if json != "null" && others.len() < FIELDS_MAX {
                others.push(name.to_owned());
            }
        };
        read_fields!(body, at, {
            "model" => model: Parsed(name),
            "stream" => stream: Bool,
        }, note);
        let model = model.required(&at.field("model"));
        let stream = stream.optional().unwrap_or(false);
        Ok(model.map(|model| Head { model, stream, others }))
    }
}

fn name(text: String) -> Result<String, String> {
    let fits =
        !text.is_empty() && text.chars().count() <= NAME_MAX && !text.chars().any(char::is_control);
    if fits { Ok(text) } else { Err(format!("must be 1 to {NAME_MAX} printable characters")) }
}

/// The provider that is asked, and what a door has to know of it.
pub(super) struct Asked {
    pub(super) provider: Arc<Provider>,
    /// The vendor's name of the model.
    pub(super) model: String,
    /// The API of its vendor.
    pub(super) speaks: Speaks,
}

impl Asked {
    /// Finds the provider of a model.
    ///
    /// # Errors
    /// The reason why none can be called.
    pub(super) fn find(app: &App, model: &str, record: &Record) -> Result<Self, Problem> {
        let found = Target::of_model(&app.providers, model, &app.default_provider);
        let (Target { provider }, model) = found?;
        record.provider(provider.clone());
        record.model(&model);
        let speaks = Speaks::of(&provider);
        Ok(Self { provider, model, speaks })
    }

    /// Returns the call of this request.
    ///
    /// # Errors
    /// A 400 for headers that say nothing sensible of the cache.
    pub(super) fn call(
        &self,
        app: &App,
        mut request: Request,
        headers: &HeaderMap,
        caller: Caller,
    ) -> Result<Call, Problem> {
        request.model.clone_from(&self.model);
        Ok(Call {
            provider: self.provider.clone(),
            request,
            // They are in the request, in the words of the provider's API.
            wishes: WishList::default(),
            dialect: None,
            use_cache: use_cache(headers)?.unwrap_or(app.doors_cache),
            cache_ttl: cache_ttl(headers)?,
            tenant: caller.name,
        })
    }
}

fn use_cache(headers: &HeaderMap) -> Result<Option<bool>, Problem> {
    let Some(value) = headers.get(USE_CACHE) else { return Ok(None) };
    match value.as_bytes() {
        b"true" => Ok(Some(true)),
        b"false" => Ok(Some(false)),
        _ => Err(Problem::invalid_field(USE_CACHE.as_str(), "must be true or false")),
    }
}

fn cache_ttl(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(value) = headers.get(CACHE_TTL_HEADER) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    let ttl = number.map(Duration::from_millis).filter(|ttl| CACHE_TTL.contains(ttl));
    ttl.map(Some).ok_or_else(|| {
        let (least, most) = (millis(*CACHE_TTL.start()), millis(*CACHE_TTL.end()));
        let says = format!("must be a whole number from {least} to {most}");
        Problem::invalid_field(CACHE_TTL_HEADER.as_str(), says)
    })
}

/// Waits for the whole completion, and writes it.
pub(super) async fn whole(
    app: &App,
    call: Call,
    record: &Record,
    failures: Failures,
    write: impl FnOnce(&Completion) -> serde_json::Result<Vec<u8>>,
) -> Result<Response, Problem> {
    let mut pending = app.chat.begin(call, Mode::Whole);
    record.cache(pending.cache_state());
    let outcome = tokio::select! {
        outcome = pending.outcome() => outcome,
        () = app.stop.until_cut() => return Err(Problem::stopping()),
    };
    record.done(&outcome, pending.cache_state());
    let completion = outcome.result.as_ref().map_err(|error| failures.problem(error))?;
    let json = write(completion)
        .map_err(|error| Problem::internal(format!("the answer can't be written: {error}")))?;
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(([kind], json).into_response())
}

/// The two APIs that decide how failures of a call are told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failures {
    /// The caller's dialect.
    pub(super) dialect: Dialect,
    /// The API of the vendor.
    pub(super) speaks: Speaks,
}

impl Failures {
    /// Returns the problem of a call that failed: where the caller speaks the vendor's dialect, in the
    /// vendor's own words, because clients branch on them.
    pub(super) fn problem(self, error: &CallError) -> Problem {
        let problem = Problem::from(error);
        let CallError::Provider(error) = error else { return problem };
        let problem = match error.kind {
            ErrorKind::NotFound => problem.about(FieldError::new("model", "is not known")),
            _ => problem,
        };
        // The operator's account is none of the caller's.
        if matches!(error.kind, ErrorKind::Credentials | ErrorKind::Billing) {
            return problem;
        }
        let same = match (self.dialect, self.speaks) {
            (Dialect::Anthropic, Speaks::Anthropic) => anthropic_words(error),
            (Dialect::OpenAi, Speaks::OpenAi) => openai_words(error),
            _ => None,
        };
        match same {
            Some(error) => problem.worded(error),
            None => problem,
        }
    }
}

fn anthropic_words(error: &ProviderError) -> Option<Wording> {
    let mut words = Map::new();
    words.insert("type".into(), error.code.clone()?.into());
    words.insert("message".into(), error.message.clone().into());
    words.extend(rest(error));
    Some(Wording::Error { status: status(error), error: words })
}

fn openai_words(error: &ProviderError) -> Option<Wording> {
    let mut rest = rest(error);
    let code = error.code.clone().map(Value::from);
    // The provider's code is the vendor's type where the vendor gave no code.
    let (kind, code) = match (rest.remove("type"), code) {
        (Some(kind), code) => (kind, code.unwrap_or_default()),
        (None, Some(kind)) => (kind, Value::Null),
        (None, None) => return None,
    };
    let mut words = Map::new();
    words.insert("message".into(), error.message.clone().into());
    words.insert("type".into(), kind);
    words.insert("param".into(), rest.remove("param").unwrap_or_default());
    words.insert("code".into(), code);
    words.extend(rest);
    Some(Wording::Error { status: status(error), error: words })
}

fn status(error: &ProviderError) -> Option<http::StatusCode> {
    let status = http::StatusCode::from_u16(error.status?).ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

/// Returns what else the vendor said of an error.
fn rest(error: &ProviderError) -> Map<String, Value> {
    let extra = error.extra.as_deref().and_then(|extra| serde_json::from_str(extra).ok());
    let mut rest: Map<String, Value> = extra.unwrap_or_default();
    // A header of the vendor's.
    rest.remove("x-should-retry");
    rest
}
