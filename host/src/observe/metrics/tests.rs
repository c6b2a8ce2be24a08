//! The metrics count each thing once, under the names that the docs list, and their series have an
//! end.

use std::time::SystemTime;

use super::series::{Open as _, SERIES_MAX};
use super::*;
use crate::chat::CacheStats;
use crate::plugin::Providers;

fn written(metrics: &Metrics, form: Form) -> String {
    let now = Now::look("1.2.3", SystemTime::now(), &Providers::none(), CacheStats::default());
    metrics.write(&now, form).unwrap()
}

fn end(metrics: &Metrics, route: Option<&str>, status: u16) {
    metrics.begin();
    metrics.end(&Ended { route, status, took: Duration::from_millis(7), call: None });
}

/// The value of the series whose line begins so.
fn value(text: &str, series: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix(series))?;
    Some(line.trim().to_owned())
}

#[test]
fn a_request_is_counted_at_its_end_under_its_route() {
    let metrics = Metrics::default();
    metrics.begin();
    end(&metrics, Some("/api/users/{id}"), 200);
    end(&metrics, Some("/api/users/{id}"), 200);
    end(&metrics, None, 404);
    let text = written(&metrics, Form::Text);
    let count = |labels: &str| value(&text, &format!("arete_http_requests_total{{{labels}}}"));
    assert_eq!(count(r#"route="/api/users/{id}",status="200""#).as_deref(), Some("2"));
    assert_eq!(count(r#"route="none",status="404""#).as_deref(), Some("1"));
    assert_eq!(value(&text, "arete_http_requests_in_flight").as_deref(), Some("1"));
    let below =
        r#"arete_http_request_duration_seconds_bucket{route="none",status="404",le="0.01"}"#;
    assert_eq!(value(&text, below).as_deref(), Some("1"), "{text}");
}

#[test]
fn each_form_is_written_whole() {
    let metrics = Metrics::default();
    end(&metrics, None, 200);
    let (open, plain) = (written(&metrics, Form::OpenMetrics), written(&metrics, Form::Text));
    assert!(open.ends_with("# EOF\n"), "{open}");
    assert!(!plain.contains("# EOF"), "{plain}");
    for text in [&open, &plain] {
        assert!(text.contains(r#"arete_build_info{version="1.2.3"} 1"#), "{text}");
        assert!(text.contains("arete_cache_size_bytes 0"), "{text}");
        assert!(text.contains("process_start_time_seconds "), "{text}");
    }
    let types = plain.lines().filter(|line| line.starts_with("# TYPE"));
    let mut names: Vec<&str> = types.filter_map(|line| line.split(' ').nth(2)).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "a name is registered twice");
}

#[test]
fn readers_get_the_form_that_they_accept() {
    let prometheus =
        "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    assert_eq!(Form::of(prometheus), Form::OpenMetrics);
    for other in ["", "*/*", "text/plain", "text/html,*/*;q=0.8"] {
        assert_eq!(Form::of(other), Form::Text, "{other:?}");
    }
}

#[test]
fn series_that_are_too_many_are_counted_together() {
    let metrics = Metrics::default();
    let labels = |number: usize| CallLabels {
        provider: Text::from("echo"),
        model: Text::from(number.to_string().as_str()),
        result: "ok",
        cache: "miss",
        stream: false,
    };
    for number in 0..SERIES_MAX + 5 {
        metrics.calls.of(labels(number), |calls| {
            calls.inc();
        });
    }
    metrics.calls.of(labels(3), |calls| {
        calls.inc();
    });
    let count = |labels: CallLabels| metrics.calls.family().get(&labels).map(|calls| calls.get());
    assert_eq!(count(labels(0).other()), Some(5));
    assert_eq!(count(labels(3)), Some(2));
    assert_eq!(count(labels(SERIES_MAX)), None);
    assert_eq!(metrics.other.get(), 5);
}

#[test]
fn the_fields_of_usage_are_counted_under_their_own_names() {
    let usage = Usage {
        input_tokens: Some(1),
        output_tokens: Some(2),
        cache_read_tokens: Some(3),
        cache_write_tokens: Some(4),
        reasoning_tokens: Some(5),
        extra: None,
    };
    let metrics = Metrics::default();
    for (field, family) in &metrics.tokens {
        let labels = GenAi::chat(Text::from("anthropic"), Text::from("m"));
        family.of(labels, |tokens| {
            tokens.inc_by(field(&usage).unwrap().into());
        });
    }
    let text = written(&metrics, Form::OpenMetrics);
    let labels = r#"{gen_ai_operation_name="chat",gen_ai_provider_name="anthropic",gen_ai_request_model="m"}"#;
    for (name, count) in [
        ("input_tokens", "1"),
        ("output_tokens", "2"),
        ("cache_read_input_tokens", "3"),
        ("cache_write_input_tokens", "4"),
        ("reasoning_output_tokens", "5"),
    ] {
        let series = format!("gen_ai_client_inference_usage_{name}_total{labels}");
        assert_eq!(value(&text, &series).as_deref(), Some(count), "{series}");
    }
}
