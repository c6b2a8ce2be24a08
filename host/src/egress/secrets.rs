//! Takes a provider's credentials out of what comes back: a vendor may repeat what it was sent, in
//! an error as a rule. They are looked for in every spelling that they commonly come back in, in
//! headers, bodies, errors and the guest's log, and however a body is cut.
//!
//! This is against accidents. A vendor has the credentials anyway; one that wants to pass them on
//! finds a spelling. But it must give nothing away to a guest whose vendor repeats what the guest
//! sends: see `search.rs`.

mod parts;
mod plain;
mod redactor;
mod search;
mod spelling;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwapOption;
use http::{HeaderName, header};
use secrecy::ExposeSecret;

use self::parts::parts;
pub(crate) use self::plain::is_like_a_key;
use self::plain::{KEY_MIN, UNLIKE_WORDS_MIN};
pub(crate) use self::redactor::Redactor;
use self::search::{BLOCK, Position, Search};
use super::credential::{Credential, is_credential_parameter};
use super::{Grant, request};
use crate::sync::lock;

/// Headers that an operator may set and that hold no secret. Taking their values out would only
/// confuse: an answer's content type, for one, is often what was asked for.
const PLAIN: [HeaderName; 10] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_TYPE,
    header::ORIGIN,
    header::REFERER,
    header::USER_AGENT,
    HeaderName::from_static("anthropic-beta"),
    HeaderName::from_static("anthropic-version"),
    HeaderName::from_static("openai-beta"),
    HeaderName::from_static("x-title"),
];

/// Minted credentials of one grant that are looked for: the one in use and those before it, which
/// an answer that is still arriving may hold.
const MINTED_KEPT: usize = 4;

/// Returns true if the value that an operator sets in a header of this name may be secret.
pub(super) fn may_be_secret(name: &HeaderName) -> bool {
    !PLAIN.contains(name)
}

/// Returns a sentence for the operator about each credential that isn't taken out of what comes
/// back, because it is too short or too plain.
pub(super) fn unprotected(grant: &Grant) -> impl Iterator<Item = String> {
    let headers = grant.headers.iter().filter(|(name, _)| request::is_credential(name));
    let headers = headers.map(|(name, value)| (format!("the header {name}"), value));
    let query = grant.query.iter().filter(|(name, _)| is_credential_parameter(name));
    let query = query.map(|(name, value)| (format!("the query's {name}"), value));
    let plain = headers.chain(query).filter(|(_, value)| {
        // The innermost is what is secret: of `Basic x`, the password.
        !parts(value.expose_secret()).iter().any(|part| is_like_a_key(part))
            || is_plain_password(value.expose_secret())
    });
    plain.map(|(place, _)| {
        let origin = grant.origin.ascii_serialization();
        format!(
            "its credential in {place} for {origin} is too short, or too much like words, to be taken out \
             of answers and logs if the vendor repeats it; that is done from {KEY_MIN} characters on, of which \
             {UNLIKE_WORDS_MIN} are random. If it is only a placeholder, all is well"
        )
    })
}

/// Returns true if the password of `Basic x` isn't like a key, although its base64 is.
fn is_plain_password(value: &str) -> bool {
    let basic = value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic "));
    basic && parts(value).last().is_some_and(|password| !is_like_a_key(password))
}

/// The credentials of one provider, prepared for searching: those that were granted, and those that
/// are minted meanwhile.
#[derive(Default)]
pub(crate) struct Secrets {
    /// Nothing if there is nothing to look for.
    search: ArcSwapOption<Search>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    granted: BTreeSet<String>,
    /// By the grant that they were minted for, the newest last.
    minted: BTreeMap<usize, VecDeque<BTreeSet<String>>>,
}

impl Secrets {
    /// Of all that these grants attach.
    pub(crate) fn new(grants: &[Grant]) -> Self {
        let headers = grants.iter().flat_map(|grant| &grant.headers);
        let headers = headers.filter(|(name, _)| may_be_secret(name)).map(|(_, value)| value);
        let query = grants.iter().flat_map(|grant| &grant.query).map(|(_, value)| value);
        let credentials = grants.iter().filter_map(|grant| grant.credential.as_ref());
        let (random, chosen): (Vec<_>, Vec<_>) = credentials.partition(|one| one.is_random());
        let values = headers.chain(query).map(ExposeSecret::expose_secret);
        let mut granted = keys(values.chain(chosen.into_iter().flat_map(Credential::secrets)));
        granted.extend(long(random.into_iter().flat_map(Credential::secrets)));
        let known = Known { granted, minted: BTreeMap::new() };
        Self { search: ArcSwapOption::new(known.search()), known: Mutex::new(known) }
    }

    /// Looks for these from now on, in what is arriving too. They were minted for the grant of
    /// this line, whose oldest ones are forgotten.
    pub(super) fn learn<'a>(&self, line: usize, minted: impl IntoIterator<Item = &'a str>) {
        let mut known = lock(&self.known);
        let of_the_grant = known.minted.entry(line).or_default();
        of_the_grant.push_back(long(minted));
        if MINTED_KEPT < of_the_grant.len() {
            of_the_grant.pop_front();
        }
        self.search.store(known.search());
    }

    /// Returns the most bytes that one of them may take in a text, however it is spelled.
    pub(crate) fn longest(&self) -> usize {
        self.search.load().as_ref().map_or(0, |search| search.undecided)
    }

    /// A text without them. Borrowed if there is none in it.
    pub(crate) fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.redacted(text.as_bytes()) {
            Some(clean) => Cow::Owned(String::from_utf8_lossy(&clean).into_owned()),
            None => Cow::Borrowed(text),
        }
    }

    /// A header's value without them.
    pub(super) fn redact_header(&self, value: &[u8]) -> String {
        let clean = self.redacted(value);
        String::from_utf8_lossy(clean.as_deref().unwrap_or(value)).into_owned()
    }

    /// Returns a text without them, or nothing if there is none in it.
    fn redacted(&self, text: &[u8]) -> Option<Vec<u8>> {
        let search = self.search.load_full()?;
        let window = BLOCK.saturating_add(search.undecided);
        let (mut clean, mut position, mut rest) = (Vec::new(), Position::default(), text);
        while !rest.is_empty() {
            let ended = rest.len() <= window;
            let next = if ended { rest } else { rest.get(..window)? };
            let passed =
                search.pass(&mut position, next, ended, |bytes| clean.extend_from_slice(bytes));
            rest = rest.get(passed..)?;
        }
        (clean != text).then_some(clean)
    }
}

impl Known {
    fn search(&self) -> Option<Arc<Search>> {
        let minted = self.minted.values().flatten().flatten();
        Search::new(self.granted.iter().chain(minted).map(String::as_str)).map(Arc::new)
    }
}

/// Returns what of these values is secret by itself, and like a key.
fn keys<'a>(values: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    values.into_iter().flat_map(parts).filter(|part| is_like_a_key(part)).collect()
}

/// Returns those of these values that are long enough. They were made by machines, so they are
/// unlike words, whatever a rule for people's choices makes of them.
fn long<'a>(values: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    values.into_iter().filter(|value| KEY_MIN <= value.len()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
