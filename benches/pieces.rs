//! What each piece of a request costs by itself: `cargo bench --features pieces`. What they come to
//! together is `cargo xtask bench`.

#![allow(clippy::unwrap_used, reason = "a benchmark that can't run should say so and end")]
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;

use arete::pieces::{self, Loaded};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use tokio::runtime::Runtime;

/// Words of a streamed answer.
const WORDS: usize = 200;

/// A question of about so many bytes.
fn body(bytes: usize) -> Vec<u8> {
    let text = "Say good morning, in two words. ".repeat(bytes.div_ceil(32));
    json!({ "messages": [{ "role": "user", "content": text }], "maxTokens": 1000, "model": "m" })
        .to_string()
        .into()
}

/// From a request's body to the question, its name in the cache, and from the answer to a
/// response's body.
fn conversions(c: &mut Criterion) {
    let mut group = c.benchmark_group("question");
    for bytes in [1 << 10, 16 << 10, 256 << 10] {
        let body = body(bytes);
        let request = pieces::question(&body);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::new("read", bytes), &body, |b, body| {
            b.iter(|| pieces::question(body))
        });
        group.bench_with_input(BenchmarkId::new("key", bytes), &request, |b, request| {
            b.iter(|| pieces::key(request))
        });
    }
    group.finish();

    let runtime = Runtime::new().unwrap();
    let echo = runtime.block_on(Loaded::new("echo", "1")).unwrap();
    let completion = runtime.block_on(echo.call(&pieces::question(&body(64))));
    c.bench_function("answer/write", |b| b.iter(|| pieces::answer(&completion)));
}

/// From a vendor's bytes to events, whole and cut into small pieces.
fn framing(c: &mut Criterion) {
    let event = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\
                 \"text_delta\",\"text\":\"token \"}}\n\n";
    let stream = event.repeat(WORDS);
    let mut group = c.benchmark_group("framing");
    group.throughput(Throughput::Elements(WORDS as u64));
    for piece in [stream.len(), event.len(), 16] {
        group.bench_with_input(
            BenchmarkId::new("events, pieces of", piece),
            &stream,
            |b, stream| {
                b.iter(|| {
                    assert_eq!(pieces::events(black_box(stream.as_bytes()).chunks(piece)), WORDS)
                });
            },
        );
    }
    group.finish();
}

/// What the sandbox costs: an instance, a call in a fresh and in a used one, a step of a stream.
fn calls(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let fresh = runtime.block_on(Loaded::new("echo", "1")).unwrap();
    let used = runtime.block_on(Loaded::new("echo", "1000000")).unwrap();
    let request = pieces::question(&body(64));

    c.bench_function("instantiate", |b| b.to_async(&runtime).iter(|| fresh.instantiate()));
    c.bench_function("call/fresh", |b| b.to_async(&runtime).iter(|| fresh.call(&request)));
    c.bench_function("call/used", |b| b.to_async(&runtime).iter(|| used.call(&request)));

    let long = pieces::question(&body(32 * WORDS));
    let open = || runtime.block_on(fresh.open(&long));
    let mut group = c.benchmark_group("stream");
    group.throughput(Throughput::Elements(WORDS as u64));
    group.bench_function("deltas", |b| {
        b.iter_batched(
            open,
            |mut stream| {
                runtime.block_on(async {
                    for _ in 0..WORDS {
                        assert_eq!(stream.next().await, 1);
                    }
                    stream
                })
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, conversions, framing, calls);
criterion_main!(benches);
