//! Takes a provider's credentials out of what comes back: a vendor may repeat what it was sent, in
//! an error as a rule. They are looked for in every spelling that they commonly come back in, in
//! headers, bodies, errors and the guest's log, and however a body is cut.
//!
//! This is against accidents. A vendor has the credentials anyway; one that wants to pass them on
//! finds a spelling.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::{Buf, BytesMut};
use http::{HeaderName, header};
use secrecy::ExposeSecret;

use super::{Grant, request};

/// The text in a secret's place.
const REDACTED: &str = "[redacted]";
/// The shortest value that is looked for in bodies, if its header is one for credentials. What is
/// shorter is a placeholder, such as `none` or `ollama`, for servers that want any key: a word that
/// a model may well say, so that taking it out would damage answers and protect nothing.
const CREDENTIAL_MIN: usize = 8;
/// The same for any other header: it may hold a date or a name, and only what is as long as a key
/// is taken for one.
const VALUE_MIN: usize = 16;
/// The shortest value that is looked for in headers. They aren't a model's words; and a server that
/// repeats even a short password does it there.
const IN_HEADERS_MIN: usize = 4;
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

/// Returns true if the value that an operator sets in a header of this name may be secret.
pub(super) fn may_be_secret(name: &HeaderName) -> bool {
    !PLAIN.contains(name)
}

/// The credentials of one provider, prepared for searching.
#[derive(Default)]
pub(crate) struct Secrets {
    /// Nothing if there is nothing to look for.
    anywhere: Option<Search>,
    in_headers: Option<Search>,
}

impl Secrets {
    /// Of all that these grants attach.
    pub(crate) fn new(grants: &[Grant]) -> Self {
        let mut anywhere = BTreeSet::new();
        let mut in_headers = BTreeSet::new();
        let headers =
            grants.iter().flat_map(|grant| &grant.headers).filter(|(name, _)| may_be_secret(name));
        for (name, value) in headers {
            let shortest = if request::is_credential(name) { CREDENTIAL_MIN } else { VALUE_MIN };
            for secret in parts(value.expose_secret()) {
                if IN_HEADERS_MIN <= secret.len() {
                    in_headers.extend(spellings(&secret));
                }
                if shortest <= secret.len() {
                    anywhere.extend(spellings(&secret));
                }
            }
        }
        Self { anywhere: Search::new(anywhere), in_headers: Search::new(in_headers) }
    }

    /// A text without them. Borrowed if there is none in it.
    pub(crate) fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(search) = self.anywhere.as_ref().filter(|search| search.finder.is_match(text))
        else {
            return Cow::Borrowed(text);
        };
        let mut clean = String::with_capacity(text.len());
        search.finder.replace_all_with(text, &mut clean, |_, _, clean| {
            clean.push_str(REDACTED);
            true
        });
        Cow::Owned(clean)
    }

    /// A header's value without them.
    pub(super) fn redact_header(&self, value: &[u8]) -> String {
        let value = match &self.in_headers {
            Some(search) if search.finder.is_match(value) => {
                let replaced = vec![REDACTED; search.spellings.len()];
                Cow::Owned(search.finder.replace_all_bytes(value, &replaced))
            }
            _ => Cow::Borrowed(value),
        };
        String::from_utf8_lossy(&value).into_owned()
    }
}

/// A set of spellings and what finds them.
struct Search {
    /// Prefers what begins first and, of those, the longest: `Bearer x` before `x`.
    finder: AhoCorasick,
    spellings: Vec<Vec<u8>>,
    /// The bytes that occur in them.
    alphabet: [bool; 256],
    longest: usize,
}

impl Search {
    fn new(spellings: BTreeSet<Vec<u8>>) -> Option<Self> {
        let spellings: Vec<_> = spellings.into_iter().collect();
        let longest = spellings.iter().map(Vec::len).max()?;
        // A DFA would take 100 KiB a provider, and be no faster where there is nothing to find.
        // Building fails only for more patterns or states than 2³¹, which headers can't
        // hold.
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&spellings)
            .ok()?;
        let mut alphabet = [false; 256];
        spellings.iter().flatten().for_each(|byte| alphabet[usize::from(*byte)] = true);
        Some(Self { finder, spellings, alphabet, longest })
    }

    /// The offset at which the bytes begin that may be the first ones of a spelling, the rest of
    /// which is still to come. At the end, as a rule: only keys begin as keys do.
    fn undecided(&self, bytes: &[u8]) -> usize {
        let earliest = (bytes.len() + 1).saturating_sub(self.longest);
        let tail = bytes.get(earliest..).unwrap_or_default();
        let foreign = tail
            .iter()
            .rposition(|byte| !self.alphabet[usize::from(*byte)])
            .map_or(0, |index| index + 1);
        let begins = |at: &usize| {
            let tail = bytes.get(*at..).unwrap_or_default();
            self.spellings
                .iter()
                .any(|spelling| tail.len() < spelling.len() && spelling.starts_with(tail))
        };
        (earliest + foreign..bytes.len()).find(begins).unwrap_or(bytes.len())
    }

    /// Passes on all that is decided, redacted, and returns how many bytes that were.
    fn pass(&self, bytes: &[u8], ended: bool, mut out: impl FnMut(&[u8])) -> usize {
        let mut passed = 0;
        loop {
            let rest = bytes.get(passed..).unwrap_or_default();
            let decided = if ended { rest.len() } else { self.undecided(rest) };
            // A match that begins before what is undecided can't become a longer one, and what it
            // takes begins no other.
            if let Some(found) = self.finder.find(rest).filter(|found| found.start() < decided) {
                out(rest.get(..found.start()).unwrap_or_default());
                out(REDACTED.as_bytes());
                passed += found.end();
            } else {
                out(rest.get(..decided).unwrap_or_default());
                return passed + decided;
            }
        }
    }
}

/// Takes secrets out of bytes that come in pieces. It holds back only what may be the beginning of
/// one. No credential holds a line end, so lines and events are never kept waiting.
pub(crate) struct Redactor {
    secrets: Arc<Secrets>,
    /// Shorter than the longest spelling.
    held: BytesMut,
}

impl Redactor {
    pub(crate) fn new(secrets: Arc<Secrets>) -> Self {
        Self { secrets, held: BytesMut::new() }
    }

    /// Takes bytes as they came and passes on what is decided; without a copy unless something was
    /// held back.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut out: impl FnMut(&[u8])) {
        let Some(search) = &self.secrets.anywhere else { return out(bytes) };
        if self.held.is_empty() {
            let passed = search.pass(bytes, false, out);
            self.held.extend_from_slice(bytes.get(passed..).unwrap_or_default());
        } else {
            self.held.extend_from_slice(bytes);
            let passed = search.pass(&self.held, false, &mut out);
            self.held.advance(passed);
        }
    }

    /// No more bytes will come: passes on what was held back.
    pub(crate) fn end(&mut self, out: impl FnMut(&[u8])) {
        if let Some(search) = &self.secrets.anywhere {
            search.pass(&self.held.split(), true, out);
        }
    }
}

/// Returns the secret parts of a header's value: all of it, what follows a scheme (`Bearer x`), and
/// for `Basic` the password.
fn parts(value: &str) -> Vec<String> {
    let value = value.trim();
    let mut parts = vec![value.to_owned()];
    if let Some((scheme, token)) = value.split_once(' ') {
        let token = token.trim();
        parts.push(token.to_owned());
        let plain = STANDARD.decode(token).or_else(|_| STANDARD_NO_PAD.decode(token));
        if let (true, Ok(plain)) =
            (scheme.eq_ignore_ascii_case("basic"), plain.map(String::from_utf8))
        {
            let Ok(plain) = plain else { return parts };
            parts.extend(plain.split_once(':').map(|(_, password)| password.to_owned()));
            parts.push(plain);
        }
    }
    parts
}

/// Returns the spellings of a secret: as it is, as in a URL or a form, as in JSON, and as base64 of
/// a text that holds it.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let escaped = secret.replace('\\', "\\\\").replace('"', "\\\"");
    let mut spellings = vec![
        secret.into(),
        encoded.replace('+', "%20").into_bytes(),
        encoded.into_bytes(),
        escaped.replace('/', "\\/").into_bytes(),
        escaped.into_bytes(),
    ];
    // Of a shorter one so little is left that it is anybody's.
    if VALUE_MIN <= secret.len() {
        let cores =
            (0..3).flat_map(|before| [STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|code| (before, code)));
        spellings
            .extend(cores.map(|(before, code)| base64_core(secret, before, &code).into_bytes()));
    }
    spellings
}

/// The characters that base64 has for a secret whatever stands around it, if `before` bytes,
/// counted in threes, stand before it.
fn base64_core(secret: &str, before: usize, code: &impl Engine) -> String {
    let bytes = [vec![0; before].as_slice(), secret.as_bytes()].concat();
    let mut text = code.encode(&bytes);
    // The last character holds bits of what follows, unless a group ends here.
    if !bytes.len().is_multiple_of(3) {
        text.pop();
    }
    // So do the first ones hold bits of what stands before.
    text.split_off(if before == 0 { 0 } else { before + 1 })
}

#[cfg(test)]
mod tests;
