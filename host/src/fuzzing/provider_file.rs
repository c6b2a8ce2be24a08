//! A provider's file. The first byte says which folder and limits there are, the others are the
//! file.
//!
//! Promises: a file that is refused says why, with lines, in bounds and without a credential; a file
//! that is accepted grants no more than may be granted, and gives no plugin a credential.

use std::collections::BTreeSet;
use std::path::Path;

use crate::config::{Limit, Limits, Vars};
use crate::plugin::Definition;
use crate::plugin::untrusted::{Parsed, Surroundings, parse};

/// The value of the variable `TEST_API_KEY`.
const SECRET: &str = "sk-0123456789-abcdef";
/// The bytes of message for each byte of a file.
const MESSAGE_GROWTH: usize = 300;

/// Reads a provider's file.
pub fn run(data: &[u8]) {
    let [around, text @ ..] = data else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    // A credential that the file itself holds is shown, as it stands there.
    if text.to_lowercase().contains(SECRET) {
        return;
    }
    let vars = Vars::from([("TEST_API_KEY", SECRET), ("REGION", "eu-central-1")]);
    let mut limits = Limits::default();
    if around & 1 == 1 {
        limits.set(Limit::Memory, 1 << 20);
    }
    let folder = (around & 2 == 2).then_some(Path::new("plugins.d"));
    let around = Surroundings { id: "groq", folder, vars: &vars, limits: &limits };
    match parse(text, &around) {
        Err(problems) => {
            let problems = problems.to_string();
            assert!(problems.starts_with("line "), "a problem without a line: {problems}");
            assert!(problems.len() <= MESSAGE_GROWTH * (text.len() + 1), "an endless message");
            check_secret(&problems);
        }
        Ok(Parsed::Disabled) => {}
        Ok(Parsed::Enabled(definition)) => check(&definition, &limits),
    }
}

fn check(definition: &Definition, limits: &Limits) {
    definition.config.values().for_each(|value| check_secret(value));
    let origins: Vec<String> =
        definition.grants.iter().map(|grant| grant.origin.ascii_serialization()).collect();
    assert!(origins.len() <= 32 && origins.iter().collect::<BTreeSet<_>>().len() == origins.len());
    for (grant, origin) in definition.grants.iter().zip(&origins) {
        assert!(origin.starts_with("http") && !origin.contains('*'), "{origin} is granted");
        assert!(grant.headers.len() <= 32, "an origin with too many headers");
        check_secret(&format!("{:?}", grant.headers));
    }
    for limit in Limit::ALL.into_iter().filter(|limit| limit.is_ceiling()) {
        assert!(definition.limits.raw(limit) <= limits.raw(limit), "{} is exceeded", limit.key());
    }
    assert!(definition.missing.as_ref().is_none_or(|missing| !missing.names.is_empty()));
    assert_eq!(definition.fingerprint(), definition.fingerprint());
}

#[track_caller]
fn check_secret(text: &str) {
    assert!(!text.to_lowercase().contains(SECRET), "the credential is shown: {text}");
}
