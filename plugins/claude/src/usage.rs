//! What an answer cost: the vendor's counts, of which a stream may tell some early and all of them
//! again later.

use arete_plugin::json::{self, Object};
use arete_plugin::llm::Usage;
use serde_json::value::RawValue;

/// The latest of each count.
///
/// The counts of a stream are totals, so a later one replaces an earlier one; what a later event
/// leaves out or calls null keeps what an earlier one said. Sums are made of the latest of each,
/// and never across events.
#[derive(Default)]
pub(crate) struct Counts(Object<'static>);

impl Counts {
    /// Takes in one `usage` object of the vendor. What isn't one says nothing.
    pub(crate) fn set(&mut self, usage: &RawValue) {
        for (key, value) in Object::parse(usage.get()).unwrap_or_default().into_owned() {
            if value.get() != "null" {
                self.0.set(&key, value);
            }
        }
    }

    /// The sums of the latest.
    pub(crate) fn usage(&self) -> Usage {
        sums(self.0.clone())
    }
}

/// The counts of an answer that tells them once, or not at all.
pub(crate) fn whole(usage: Option<&RawValue>) -> Usage {
    sums(usage.and_then(|usage| Object::parse(usage.get()).ok()).unwrap_or_default())
}

/// As the contract counts: the vendor's `input_tokens` leave out what went through its prompt
/// cache.
fn sums(mut counts: Object) -> Usage {
    let uncached = counts.take_count("input_tokens");
    let cache_write_tokens = counts.take_count("cache_creation_input_tokens");
    let cache_read_tokens = counts.take_count("cache_read_input_tokens");
    let output_tokens = counts.take_count("output_tokens");
    let reasoning_tokens = reasoning(&mut counts);

    let cached = [cache_write_tokens, cache_read_tokens].into_iter().flatten();
    let input_tokens = uncached.map(|uncached| cached.fold(uncached, u32::saturating_add));
    let extra = counts.into_extra();
    Usage {
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        reasoning_tokens,
        extra,
    }
}

fn reasoning(counts: &mut Object) -> Option<u32> {
    const DETAILS: &str = "output_tokens_details";
    let mut details = Object::parse(counts.get(DETAILS)?.get()).ok()?.into_owned();
    let thinking = details.take_count("thinking_tokens");
    counts.take(DETAILS);
    if !details.is_empty() {
        counts.set(DETAILS, json::raw(&details));
    }
    thinking
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(usages: &[&str]) -> Usage {
        let mut counts = Counts::default();
        usages.iter().for_each(|usage| counts.set(json::value(usage).unwrap()));
        counts.usage()
    }

    #[test]
    fn input_is_all_input_and_later_counts_replace_earlier_ones() {
        let usage = counts(&[
            r#"{"input_tokens":10,"cache_creation_input_tokens":5,"cache_read_input_tokens":100,"output_tokens":1}"#,
            r#"{"input_tokens":12,"cache_creation_input_tokens":null,"output_tokens":40}"#,
            r#"{"output_tokens":44,"output_tokens_details":{"thinking_tokens":30,"other":1}}"#,
        ]);
        assert_eq!(usage.input_tokens, Some(117));
        assert_eq!(usage.cache_write_tokens, Some(5));
        assert_eq!(usage.cache_read_tokens, Some(100));
        assert_eq!(usage.output_tokens, Some(44));
        assert_eq!(usage.reasoning_tokens, Some(30));
        assert_eq!(usage.extra.as_deref(), Some(r#"{"output_tokens_details":{"other":1}}"#));
    }

    #[test]
    fn what_the_vendor_did_not_count_stays_absent() {
        let usage = counts(&[r#"{"output_tokens":3,"cache_read_input_tokens":7}"#]);
        assert_eq!(usage.input_tokens, None);
        assert_eq!(usage.cache_read_tokens, Some(7));
        assert_eq!(usage.reasoning_tokens, None);
        assert_eq!(usage.extra, None);
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        let usage =
            counts(&[r#"{"input_tokens":4294967295,"cache_read_input_tokens":4294967295}"#]);
        assert_eq!(usage.input_tokens, Some(u32::MAX));
    }

    #[test]
    fn what_is_no_count_never_costs_the_answer() {
        let usage = counts(&[
            r#"{"input_tokens":125.6,"output_tokens":-1,"cache_read_input_tokens":"7","output_tokens_details":{"thinking_tokens":1.5}}"#,
            "7",
        ]);
        assert_eq!((usage.input_tokens, usage.output_tokens), (Some(126), None));
        assert_eq!((usage.cache_read_tokens, usage.reasoning_tokens), (None, Some(2)));
        let rest = r#"{"output_tokens":-1,"cache_read_input_tokens":"7"}"#;
        assert_eq!(usage.extra.as_deref(), Some(rest));
        assert_eq!(counts(&[r#"{"input_tokens":4294967296}"#]).input_tokens, None);
        let strange = r#"{"output_tokens_details":[1]}"#;
        assert_eq!(counts(&[strange]).extra.as_deref(), Some(strange));
        assert_eq!(whole(json::value("[]").ok()), whole(None));
    }
}
