//! What an answer cost, from the counts of many servers. A count that isn't what it should be is
//! passed on with the rest: the answer is worth more than its bill.

use arete_plugin::json::{self, Object};
use arete_plugin::llm::Usage;

/// Reads one `usage` object.
pub(crate) fn read(usage: &str) -> Usage {
    let mut usage = Object::parse(usage).unwrap_or_default();
    let input_tokens = usage.take_count("prompt_tokens");
    let completion = usage.take_count("completion_tokens");

    let (cache_read_tokens, cache_write_tokens) =
        details(&mut usage, "prompt_tokens_details", |details| {
            (details.take_count("cached_tokens"), details.take_count("cache_write_tokens"))
        });
    // DeepSeek and Moonshot say it beside the other counts.
    let cache_read_tokens = cache_read_tokens
        .or_else(|| usage.take_count("prompt_cache_hit_tokens"))
        .or_else(|| usage.take_count("cached_tokens"));
    let reasoning_tokens = details(&mut usage, "completion_tokens_details", |details| {
        details.take_count("reasoning_tokens")
    });

    let total = usage.get("total_tokens").and_then(json::count);
    if total.is_some() {
        usage.take("total_tokens");
    }
    let output_tokens =
        completion.map(|output| with_reasoning(input_tokens, output, reasoning_tokens, total));
    if let Some(total) = total
        && Some(total) != sum(&[input_tokens, output_tokens])
    {
        usage.set("total_tokens", json::raw(&total));
    }
    let extra = usage.into_extra();
    Usage {
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        reasoning_tokens,
        extra,
    }
}

/// All tokens of the answer. Some servers, such as xAI's, leave the reasoning out of
/// `completion_tokens`; their total tells.
fn with_reasoning(
    input: Option<u32>,
    output: u32,
    reasoning: Option<u32>,
    total: Option<u64>,
) -> u32 {
    let without = sum(&[input, Some(output)]) != total;
    match reasoning {
        Some(reasoning)
            if without
                && total.is_some()
                && sum(&[input, Some(output), Some(reasoning)]) == total =>
        {
            output.saturating_add(reasoning)
        }
        _ => output,
    }
}

fn sum(counts: &[Option<u32>]) -> Option<u64> {
    counts.iter().map(|count| count.map(u64::from)).sum()
}

/// Takes counts out of an object inside; what is left in it stays.
fn details<T: Default>(usage: &mut Object, key: &str, read: impl FnOnce(&mut Object) -> T) -> T {
    let Some(inner) = usage.get(key).map(|inner| inner.get().to_owned()) else {
        return T::default();
    };
    let Ok(mut inner) = Object::parse(&inner) else { return T::default() };
    let read = read(&mut inner);
    usage.take(key);
    if let Some(rest) = inner.into_extra() {
        usage.set(key, json::raw(&json::value(&rest).ok()));
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_as_the_contract_has_them() {
        let usage = read(
            r#"{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,
                "prompt_tokens_details":{"cached_tokens":1920,"audio_tokens":0},
                "completion_tokens_details":{"reasoning_tokens":64,"accepted_prediction_tokens":0}}"#,
        );
        assert_eq!((usage.input_tokens, usage.output_tokens), (Some(2006), Some(300)));
        assert_eq!((usage.cache_read_tokens, usage.cache_write_tokens), (Some(1920), None));
        assert_eq!(usage.reasoning_tokens, Some(64));
        let rest = r#"{"prompt_tokens_details":{"audio_tokens":0},"completion_tokens_details":{"accepted_prediction_tokens":0}}"#;
        assert_eq!(usage.extra.as_deref(), Some(rest));
    }

    #[test]
    fn other_servers_count_in_other_places() {
        let deepseek = read(
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":2}"#,
        );
        assert_eq!(deepseek.cache_read_tokens, Some(8));
        assert_eq!(deepseek.extra.as_deref(), Some(r#"{"prompt_cache_miss_tokens":2}"#));
        assert_eq!(read(r#"{"prompt_tokens":10,"cached_tokens":4}"#).cache_read_tokens, Some(4));
        let open_router =
            read(r#"{"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":7}}"#);
        assert_eq!(
            (open_router.cache_read_tokens, open_router.cache_write_tokens),
            (Some(0), Some(7))
        );
    }

    #[test]
    fn reasoning_that_was_left_out_is_counted_in() {
        let counts = |total: u32| {
            let usage = read(&format!(
                r#"{{"prompt_tokens":32,"completion_tokens":9,"total_tokens":{total},"completion_tokens_details":{{"reasoning_tokens":94}}}}"#
            ));
            (usage.output_tokens, usage.extra)
        };
        assert_eq!(counts(135), (Some(103), None));
        assert_eq!(counts(41), (Some(9), None));
        assert_eq!(counts(50), (Some(9), Some(r#"{"total_tokens":50}"#.into())));
    }

    #[test]
    fn what_is_no_count_is_passed_on() {
        let usage = read(
            r#"{"prompt_tokens":-1,"completion_tokens":4294967296,"prompt_tokens_details":7,"total_tokens":-1.5}"#,
        );
        assert_eq!((usage.input_tokens, usage.output_tokens), (None, None));
        let rest = r#"{"prompt_tokens":-1,"completion_tokens":4294967296,"prompt_tokens_details":7,"total_tokens":-1.5}"#;
        assert_eq!(usage.extra.as_deref(), Some(rest));
        let fractions =
            read(r#"{"prompt_tokens":125.6,"completion_tokens":1.5,"total_tokens":128.0}"#);
        assert_eq!((fractions.input_tokens, fractions.output_tokens), (Some(126), Some(2)));
        assert_eq!(fractions.extra, None);
        assert_eq!(read("[]"), read("{}"));
        let absurd = read(
            r#"{"prompt_tokens":4294967295,"completion_tokens":4294967295,"total_tokens":8589934590}"#,
        );
        assert_eq!((absurd.output_tokens, absurd.extra), (Some(u32::MAX), None));
    }
}
