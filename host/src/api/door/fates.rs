//! Fields of a dialect that don't reach a vendor of another dialect: what only tunes or labels is
//! dropped, what would change the answer's meaning is refused by name.

use crate::http::json::{At, compact};

/// The longest JSON of a value that is held against those that change nothing.
const HARMLESS_MAX: usize = 64;

/// The fate of a field.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) enum Fate {
    /// It only tunes or labels.
    Dropped,
    /// It changes what the answer means, except with null or one of these values.
    RefusedUnless(&'static [&'static str]),
}

/// The fields of an object and what becomes of each.
pub(in crate::api) type Fates = [(&'static str, Fate)];

/// Decides about a field that isn't translated. One that the table doesn't know is a mistake.
pub(in crate::api) fn decide(table: &Fates, name: &str, json: &str, at: &At<'_>) {
    match table.iter().find(|(field, _)| *field == name) {
        Some((_, Fate::Dropped)) => {}
        Some((_, Fate::RefusedUnless(values))) => {
            let harmless = json == "null"
                || json.len() <= HARMLESS_MAX && values.contains(&compact(json).0.as_str());
            if !harmless {
                at.wrong::<()>("can't be passed on to this provider, whose API is another one");
            }
        }
        None => {
            at.wrong::<()>("is not a field of this request");
        }
    }
}
