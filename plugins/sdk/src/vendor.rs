//! A provider whose vendor answers with one JSON object, or with events that are JSON objects: it maps
//! a question to the vendor's words and the vendor's words to an answer, and nothing else. The exchange
//! itself, refusals, streams and their ends are here.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use crate::body::{JsonOut, ObjectWriter};
use crate::event_stream::{DeltaReader, EventStream};
use crate::http::{Header, SseEvent};
use crate::json::{Mismatch, Object, Raw};
use crate::llm::{
    Completion, ErrorKind, Event, Feature, Finish, FinishReason, Info, Part, ProviderError,
    Request, Role, Start, Text, TextDelta, Usage,
};
use crate::request::with_extra;
use crate::surrogates::PairJoiner;
use crate::vendor_call::{self, Listening, VendorCall};
use crate::vendor_error::{self, Broken};
use crate::{Deltas, Guest, config, settings};

/// The words of one vendor's API.
pub trait Vendor: 'static {
    /// Says what the provider is. Settings that are wrong are best told here.
    ///
    /// # Errors
    /// The reason why it shall not be loaded.
    fn info() -> Result<Info, ProviderError>;

    /// Puts a question into the vendor's words.
    ///
    /// # Errors
    /// The part that the vendor has no words for.
    fn ask(request: &Request, stream: bool) -> Result<Question<'_>, ProviderError>;

    /// Reads a whole answer.
    ///
    /// # Errors
    /// A promise of the vendor's API that the answer breaks.
    fn answer(said: Object<'_>) -> Result<Completion, ProviderError>;

    /// Reads one event of a streamed answer, and tells what it means to the stream.
    ///
    /// # Errors
    /// The failure that the event tells of.
    fn event(said: Object<'_>, stream: &mut Stream) -> Result<(), ProviderError>;

    /// Finds the vendor's own words in the body of a refusal.
    fn reason(said: &mut Object<'_>) -> Option<String>;
}

/// A request to the vendor.
pub struct Question<'a> {
    /// The part of the address behind the operator's setting `base-url`.
    pub path: &'static str,
    /// The object that is sent, with the fields that the caller gave under `extra`.
    pub body: ObjectWriter<'a>,
}

/// The provider of a vendor.
pub struct Provider<V>(PhantomData<V>);

impl<V: Vendor> Guest for Provider<V> {
    type Deltas = Listening;

    fn describe() -> Result<Info, ProviderError> {
        V::info()
    }

    fn complete(request: Request) -> Result<Completion, ProviderError> {
        post::<V>(&request, false)?.whole(|body| V::answer(object(body)?))
    }

    fn open_stream(request: Request) -> Result<Deltas, ProviderError> {
        let call = post::<V>(&request, true)?;
        let stream = Events::<V> { stream: Stream::new(request.model), vendor: PhantomData };
        call.stream(DeltaReader::new(stream, None), |body| {
            // Of a kind that isn't tried again: the vendor names none.
            let said = reason::<V>(body)?;
            Some(Err(ProviderError::new(ErrorKind::BadResponse, vendor_error::message(&said))))
        })
    }
}

/// A streamed answer, to which a vendor's words are told as what they mean.
pub struct Stream {
    told: Vec<Event>,
    model: String,
    begun: bool,
    done: bool,
    ended: bool,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
    /// Halves of characters, by the index of their block.
    joiners: BTreeMap<u32, PairJoiner>,
}

impl Stream {
    fn new(model: String) -> Self {
        Self {
            told: Vec::new(),
            model,
            begun: false,
            done: false,
            ended: false,
            usage: None,
            finish: None,
            joiners: BTreeMap::new(),
        }
    }

    /// Tells the id and the model of the answer, where the vendor names them. Otherwise it begins with
    /// its first event.
    pub fn start(&mut self, id: &str, model: &str) {
        if !std::mem::replace(&mut self.begun, true) {
            let (id, model) = (id.to_owned(), model.to_owned());
            self.told.push(Event::Start(Start { id, model, extra: None }));
        }
    }

    /// Tells more of a block of text, which may begin or end with half a character. What isn't a
    /// string tells nothing.
    pub fn text(&mut self, index: u32, piece: Option<Raw<'_>>) {
        let text = piece.and_then(|piece| self.joiners.entry(index).or_default().add(&piece));
        self.tell_text(index, text);
    }

    /// Tells any event of the contract.
    pub fn tell(&mut self, event: Event) {
        let model = self.model.clone();
        self.start("", &model);
        self.told.push(event);
    }

    /// Tells the cost so far.
    pub fn usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    /// Tells why the answer stops. The end of the body is its end then.
    pub fn finish(&mut self, reason: FinishReason) {
        self.finish = Some(reason);
    }

    /// Tells that the vendor's mark of the end has come.
    pub fn done(&mut self) {
        self.done = true;
    }

    fn tell_text(&mut self, index: u32, text: Option<String>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.tell(Event::Text(TextDelta { index, text }));
        }
    }

    fn end(&mut self) {
        self.ended = true;
        for (index, mut joiner) in std::mem::take(&mut self.joiners) {
            self.tell_text(index, joiner.end());
        }
        if let Some(usage) = self.usage.take() {
            self.tell(Event::Usage(usage));
        }
        let reason = self.finish.take().unwrap_or(FinishReason::Other("unknown".into()));
        self.tell(Event::Finish(Finish { reason, extra: None }));
    }
}

struct Events<V> {
    stream: Stream,
    vendor: PhantomData<V>,
}

impl<V: Vendor> EventStream for Events<V> {
    fn take(&mut self, event: &SseEvent) -> Result<Vec<Event>, ProviderError> {
        let stream = &mut self.stream;
        match object(&event.data) {
            Ok(said) => {
                V::event(said, stream)?;
                let model = stream.model.clone();
                stream.start("", &model);
            }
            // Some vendors end with a word, such as [DONE].
            Err(_) if stream.finish.is_some() => stream.done = true,
            Err(error) => return Err(error),
        }
        if stream.done {
            stream.end();
        }
        Ok(std::mem::take(&mut stream.told))
    }

    fn kind(&self, event: &SseEvent) -> String {
        event.name.clone()
    }

    fn is_finished(&self) -> bool {
        self.stream.ended
    }

    fn end(&mut self) -> Result<Vec<Event>, ProviderError> {
        if self.stream.finish.is_none() {
            return Err(vendor_error::closed_early());
        }
        self.stream.end();
        Ok(std::mem::take(&mut self.stream.told))
    }
}

fn object(text: &str) -> Result<Object<'_>, ProviderError> {
    Object::parse(text).map_err(|mismatch| Broken::from(mismatch).into())
}

/// Sends a question. What comes back has been accepted; a refusal is an error.
fn post<V: Vendor>(request: &Request, stream: bool) -> Result<VendorCall, ProviderError> {
    let Question { path, body } = V::ask(request, stream)?;
    let url = settings::url(&setting("base-url")?, path)?;
    let body = with_extra(body, request, |_, _| false, |_| None)?.text();
    VendorCall::post(url, vendor_call::headers(stream), body, "x-request-id", refusal::<V>)
}

/// The error of an answer whose status isn't a success. Its body may be anything: what stands before
/// the vendor may answer with a page of its own.
fn refusal<V: Vendor>(status: u16, headers: &[Header], body: &str) -> ProviderError {
    let said = reason::<V>(body).map(|said| vendor_error::message(&said));
    let mut extra = Object::default();
    vendor_error::add_advice(&mut extra, headers);
    let message = said.unwrap_or_else(|| vendor_error::unexplained(status));
    ProviderError {
        status: Some(status),
        retry_after_ms: vendor_error::retry_after_ms(headers),
        extra: extra.into_extra(),
        ..ProviderError::new(vendor_error::kind_of_status(status), message)
    }
}

fn reason<V: Vendor>(body: &str) -> Option<String> {
    let said = Object::parse(body).ok().and_then(|mut said| V::reason(&mut said));
    said.filter(|said| !said.trim().is_empty())
}

/// Refuses a question that has fields beyond its model, its messages and those that are named, such
/// as `maxTokens`. An answer that passed over half of the question would be worse than none.
///
/// # Errors
/// The first field that isn't named.
pub fn only(request: &Request, known: &[&str]) -> Result<(), ProviderError> {
    let given = [
        ("maxTokens", request.max_tokens.is_some()),
        ("temperature", request.temperature.is_some()),
        ("topP", request.top_p.is_some()),
        ("topK", request.top_k.is_some()),
        ("stopSequences", !request.stop_sequences.is_empty()),
        ("tools", !request.tools.is_empty()),
    ];
    match given.into_iter().find(|(field, given)| *given && !known.contains(field)) {
        Some((field, _)) => Err(unsupported(field)),
        None => Ok(()),
    }
}

/// Returns the messages of a question as objects with a `role` and the text as `content`, for a vendor
/// that takes nothing else. Answers without words, which vendors refuse, are left out.
///
/// # Errors
/// The first role or part that the vendor has no words for.
pub fn texts(request: &Request) -> Result<JsonOut<'_>, ProviderError> {
    let mut told = Vec::new();
    for (index, message) in request.messages.iter().enumerate() {
        if let Role::Other(_) = message.role {
            return Err(unsupported(&format!("messages[{index}].role")));
        }
        let texts = message.content.iter().map(|part| match part {
            Part::Text(text) => Ok(text.text.as_str()),
            _ => Err(unsupported(&format!("messages[{index}].content"))),
        });
        let texts = texts.collect::<Result<Vec<_>, _>>()?;
        let is_blank = texts.iter().all(|text| text.trim().is_empty());
        if matches!(message.role, Role::Assistant) && is_blank {
            continue;
        }
        let object = ObjectWriter::default()
            .with("role", JsonOut::Text(crate::request::role(&message.role)))
            .with("content", JsonOut::Joined(texts));
        told.push(JsonOut::Object(object));
    }
    Ok(JsonOut::List(told))
}

fn unsupported(field: &str) -> ProviderError {
    let says = format!("`{field}` isn't something that this vendor can do.");
    crate::request::with_field(field, ProviderError::new(ErrorKind::Unsupported, says))
}

/// Returns what there is to say of a provider with the settings `base-url` and `model`.
///
/// # Errors
/// When one of the two is missing.
pub fn info(vendor: &str, version: &str, features: Vec<Feature>) -> Result<Info, ProviderError> {
    let model = setting("model")?;
    settings::url(&setting("base-url")?, "")?;
    Ok(Info {
        vendor: vendor.to_owned(),
        version: version.to_owned(),
        default_model: Some(model.clone()),
        models: vec![model],
        features,
        extra: None,
    })
}

/// Returns a setting of the operator's.
///
/// # Errors
/// When it isn't there.
pub fn setting(key: &str) -> Result<String, ProviderError> {
    settings::text(config::get, key).ok_or_else(|| settings::setting_error(key, "is missing"))
}

/// Returns a part of an answer.
pub fn text_part(text: impl Into<String>) -> Part {
    Part::Text(Text { text: text.into(), extra: None })
}

/// Returns a completion of one text, without what the vendor didn't say.
pub fn completion(
    said: &mut Object<'_>,
    parts: Vec<Part>,
    finish_reason: FinishReason,
    usage: Usage,
) -> Completion {
    let mut word = |key| vendor_error::string(said, key).unwrap_or_default();
    let (id, model) = (word("id"), word("model"));
    Completion { id, model, parts, finish_reason, usage, native: None, extra: None }
}

/// Returns the reason of a word of the vendor's, by a table of the words that have an equal in the
/// contract.
pub fn finish(words: &[(&str, FinishReason)], word: &str) -> FinishReason {
    let known = words.iter().find(|(known, _)| *known == word).map(|(_, reason)| reason.clone());
    known.unwrap_or_else(|| {
        FinishReason::Other(if word.is_empty() { "unknown" } else { word }.to_owned())
    })
}

/// Returns the counts of these names. One that makes no sense is left out: the answer is worth more.
pub fn usage(said: Option<Raw<'_>>, input: &str, output: &str) -> Usage {
    let mut counts =
        said.as_deref().and_then(|said| Object::parse(said.get()).ok()).unwrap_or_default();
    Usage {
        input_tokens: counts.take_count(input),
        output_tokens: counts.take_count(output),
        cache_read_tokens: None,
        cache_write_tokens: None,
        reasoning_tokens: None,
        extra: None,
    }
}

impl From<Mismatch> for ProviderError {
    /// Returns the error for an answer that isn't what the vendor's API promises.
    fn from(mismatch: Mismatch) -> Self {
        Broken::from(mismatch).into()
    }
}
