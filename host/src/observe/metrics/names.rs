//! The names of all metrics, and the buckets of their histograms. Those of the OpenTelemetry
//! conventions for generative AI are as of autumn 2026 (inference duration, usage counters); the
//! library adds the unit and `_total`.

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

pub(super) const REQUESTS: &str = "arete_http_requests";
pub(super) const REQUEST_TIME: &str = "arete_http_request_duration";
pub(super) const UNDER_WAY: &str = "arete_http_requests_in_flight";
pub(super) const CALLS: &str = "arete_llm_requests";
pub(super) const ATTEMPTS: &str = "arete_attempts";
pub(super) const OVERHEAD: &str = "arete_overhead";
pub(super) const PLUGIN: &str = "arete_plugin_compute";
pub(super) const OTHER: &str = "arete_metrics_other";

pub(super) const INFERENCE: &str = "gen_ai_client_inference_duration";
pub(super) const FIRST_CHUNK: &str = "gen_ai_client_inference_time_to_first_chunk";
/// The counters of tokens, with their help.
pub(super) const TOKENS: [(&str, &str); 5] = [
    (
        "gen_ai_client_inference_usage_input_tokens",
        "Tokens of questions, those of the vendor's prompt cache included",
    ),
    ("gen_ai_client_inference_usage_output_tokens", "Tokens of answers, thinking included"),
    (
        "gen_ai_client_inference_usage_cache_read_input_tokens",
        "Tokens of questions that came out of the vendor's prompt cache",
    ),
    (
        "gen_ai_client_inference_usage_cache_write_input_tokens",
        "Tokens of questions that were put into the vendor's prompt cache",
    ),
    (
        "gen_ai_client_inference_usage_reasoning_output_tokens",
        "Tokens of answers that were thinking",
    ),
];

pub(super) const BUILD: &str = "arete_build";
pub(super) const PROVIDER_STATE: &str = "arete_provider_state";
pub(super) const PROVIDER: &str = "arete_provider";
pub(super) const CACHE_ENTRIES: &str = "arete_cache_entries";
pub(super) const CACHE_SIZE: &str = "arete_cache_size";
pub(super) const CACHE_HITS: &str = "arete_cache_hits";
pub(super) const CACHE_MISSES: &str = "arete_cache_misses";
pub(super) const CACHE_DROPPED: &str = "arete_cache_dropped";
pub(super) const CACHE_WARNINGS: &str = "arete_cache_disk_warnings";
pub(super) const JOINED: &str = "arete_flights_joined";

/// 1 ms to 82 s, doubling from 10 ms as the conventions have it, with a bucket for hits.
pub(super) fn requests() -> Histogram {
    Histogram::new([0.001, 0.0025, 0.005].into_iter().chain(conventional()))
}

/// As the conventions have it: 10 ms to 82 s.
pub(super) fn inference() -> Histogram {
    Histogram::new(conventional())
}

/// 25 µs to 102 ms.
pub(super) fn own_time() -> Histogram {
    Histogram::new(exponential_buckets(0.000_025, 2.0, 13))
}

fn conventional() -> impl Iterator<Item = f64> {
    exponential_buckets(0.01, 2.0, 14)
}
