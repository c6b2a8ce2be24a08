//! Email addresses: which may be stored, in which form, and when two are the same one.
//!
//! Only sending a message tells whether an address exists, so the rules stop slips, not strange
//! addresses: a letter that can't be seen makes a second user who looks like the first.

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::props::{
    BinaryProperty, DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory,
};
use serde::Deserialize;

use super::invalid::Invalid;

/// An email address that may be stored: at most [`Email::MAX_CHARS`] characters, something before
/// and after its one `@`, and nothing that can't be seen. In quotes, the first part may have an `@`
/// too.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Email(String);

impl Email {
    /// The longest address that SMTP can carry (RFC 5321).
    pub const MAX_CHARS: usize = 254;

    /// The address as the client wrote it, in the one form that its letters and an international
    /// domain have.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes one as it was stored before emails had one form.
    #[cfg(test)]
    pub(crate) fn of_old(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl TryFrom<String> for Email {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Email, Invalid> {
        let (local, domain) = text.rsplit_once('@').unwrap_or_default();
        let quoted = 2 < local.len() && local.starts_with('"') && local.ends_with('"');
        if local.is_empty() || domain.is_empty() {
            return Err(Invalid("must be an email address, such as ada@example.com"));
        }
        if local.contains('@') && !quoted {
            return Err(Invalid("must be one email address, such as ada@example.com, with one @"));
        }
        if text.contains(is_invisible) {
            return Err(Invalid(
                "must be an email address, such as ada@example.com, without spaces and without characters that can't be \
                 seen",
            ));
        }
        let email = canonical(&text);
        if Email::MAX_CHARS < text.chars().count().max(email.chars().count()) {
            return Err(Invalid("must be at most 254 characters long"));
        }
        Ok(Email(email))
    }
}

/// Returns true if a character can't be seen: white space, control and format characters, and those
/// that a font leaves out.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || DefaultIgnorableCodePoint::for_char(c)
        || GeneralCategory::for_char(c) == GeneralCategory::Format
}

/// Returns an address in Unicode's normal form C, with an international domain in letters, not in
/// the spelling of DNS. A domain that has no such form stays as it is.
fn canonical(email: &str) -> String {
    let email = ComposingNormalizerBorrowed::new_nfc().normalize(email);
    let Some((local, domain)) = email.rsplit_once('@') else { return email.into_owned() };
    if !is_international(domain) {
        return email.into_owned();
    }
    match idna::domain_to_unicode(domain) {
        (letters, Ok(())) if !letters.is_empty() && !letters.contains(is_no_domain) => {
            format!("{local}@{letters}")
        }
        _ => email.into_owned(),
    }
}

fn is_no_domain(c: char) -> bool {
    c == '@' || is_invisible(c)
}

fn is_international(domain: &str) -> bool {
    let of_dns =
        |label: &str| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
    !domain.is_ascii() || domain.split('.').any(of_dns)
}

/// Returns the key of an email as it is stored, which is equal for two emails exactly when they
/// differ in case alone. Stored, so it must not change.
///
/// The whole address is lowercased. Standards let a mail host tell `Ada@` from `ada@`; none that
/// people use does, and two accounts for one mailbox harm more than a refusal. Each character is
/// lowercased by itself: `str::to_lowercase` writes a Greek sigma according to its neighbours,
/// which would tell an address from its own capitals.
pub fn email_key(email: &str) -> String {
    email.chars().flat_map(char::to_lowercase).collect()
}

/// Returns all keys under which a user with this email may be stored, the present one first. Before
/// emails had one form, they were stored as they were written: an international domain in letters or
/// in the spelling of DNS, accents as letters of their own or not.
pub fn email_keys(email: &str) -> Vec<String> {
    let canonical = canonical(email);
    let mut forms = vec![Cow::Borrowed(&*canonical), Cow::Borrowed(email)];
    if let Some((local, domain)) = canonical.rsplit_once('@')
        && is_international(domain)
        && let Ok(of_dns) = idna::domain_to_ascii(domain)
    {
        forms.push(Cow::Owned(format!("{local}@{of_dns}")));
    }
    forms.push(DecomposingNormalizerBorrowed::new_nfd().normalize(&canonical));
    let mut keys: Vec<String> = Vec::with_capacity(forms.len());
    for key in forms.iter().map(|form| email_key(form)) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(text: &str) -> Result<Email, Invalid> {
        Email::try_from(text.to_owned())
    }

    /// Returns true if the second address is taken where the first is stored as it is.
    fn same(stored: &str, asked: &str) -> bool {
        email_keys(email(asked).unwrap().as_str()).contains(&email_key(stored))
    }

    #[test]
    fn what_cannot_be_seen_is_no_part_of_an_address() {
        for hidden in [
            '\u{200b}',
            '\u{feff}',
            '\u{202a}',
            '\u{202e}',
            '\u{ad}',
            '\u{2060}',
            '\u{200d}',
            '\u{34f}',
            '\u{3164}',
            '\u{180e}',
            '\u{fe0f}',
            '\u{e0061}',
            '\u{2028}',
            '\u{85}',
            '\u{a0}',
            '\u{0}',
            '\u{600}',
            '\u{fff9}',
        ] {
            for text in [format!("bob{hidden}@example.org"), format!("bob@exam{hidden}ple.org")] {
                let problem = email(&text).unwrap_err().to_string();
                assert!(problem.contains("can't be seen"), "{hidden:?}: {problem}");
            }
        }
    }

    #[test]
    fn there_is_one_at_sign_but_in_quotes() {
        for text in ["a@b@example.com", "a@@example.com", "\"a@b@c", "a\"@\"b@c", "\"@b@c"] {
            assert!(email(text).is_err(), "{text}");
        }
        assert!(email("\"a@b\"@example.com").is_ok());
    }

    #[test]
    fn letters_and_domains_have_one_form() {
        for (text, form) in [
            ("Bob@Example.ORG", "Bob@Example.ORG"),
            ("e\u{301}va@example.org", "éva@example.org"),
            ("bob@xn--bcher-kva.example", "bob@bücher.example"),
            ("bob@XN--BCHER-KVA.example", "bob@bücher.example"),
            ("bob@BÜCHER.example", "bob@bücher.example"),
            ("bob@bu\u{308}cher。example", "bob@bücher.example"),
            ("a@[::1]", "a@[::1]"),
            ("a@b＠c", "a@b＠c"),
            ("a@xn--\u{e4}", "a@xn--\u{e4}"),
        ] {
            assert_eq!(email(text).map(|email| email.0).as_deref(), Ok(form), "{text}");
            assert_eq!(email(form).map(|email| email.0).as_deref(), Ok(form), "{text} twice");
        }
    }

    #[test]
    fn one_stored_in_another_form_is_found() {
        for forms in [
            ["bob@bücher.example", "Bob@xn--bcher-kva.example", "bob@BÜCHER.example"],
            ["éva@example.org", "e\u{301}va@example.org", "É\u{76}a@Example.org"],
        ] {
            for stored in forms {
                assert!(forms.iter().all(|asked| same(stored, asked)), "{stored}");
            }
        }
        assert!(!same("bob@bücher.example", "bob@bucher.example"));
        assert_eq!(email_keys("Ada@Example.com"), ["ada@example.com"]);
    }
}
