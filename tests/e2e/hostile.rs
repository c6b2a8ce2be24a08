//! Attacks, by who makes them: a component that an operator dropped in, a client, a vendor. Each
//! case has a neighbour that is served meanwhile and afterwards, by a process that lives.
//!
//! Beside them stand the fixtures of `plugins.rs`, one misbehaviour each, and the tests of single
//! promises (`limits`, `heads`, `vendor`, `egress`, `secrets`).

mod clients;
mod guests;
mod vendors;

use serde_json::{Value, json};

use crate::support::{Answer, App, ask};

/// The seed of all that is generated.
const SEED: [u8; 32] = [14; 32];

/// Runs an attack while a neighbour asks, who has to be served meanwhile and afterwards.
async fn beside<T>(app: &App, attack: impl Future<Output = T>) -> T {
    let (done, ()) = tokio::join!(attack, app.assert_well());
    app.assert_well().await;
    done
}

/// The sentence of a failure, which names what happened.
#[track_caller]
fn detail(answer: &Answer) -> String {
    let problem: Value = answer.json();
    problem["detail"].as_str().unwrap_or_else(|| panic!("no detail: {answer:?}")).to_owned()
}

/// A question that no cache answers.
fn uncached(text: &str) -> Value {
    ask(text, json!({ "useCache": false }))
}

/// A runner of generated cases: as many as this, the same ones each time, and shrunk when one
/// fails.
fn generated(cases: u32) -> proptest::test_runner::TestRunner {
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    let config = Config {
        cases,
        failure_persistence: None,
        // Each step of it asks a server.
        max_shrink_iters: 200,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &SEED))
}

/// Runs generated cases against a server that all of them share. `make` starts it, `attack` makes
/// one case of it.
fn family<S, V>(
    cases: u32,
    strategy: &S,
    make: impl AsyncFnOnce() -> V,
    attack: impl AsyncFn(&V, S::Value) -> Result<(), String>,
) where
    S: proptest::strategy::Strategy,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    let shared = runtime.block_on(make());
    let run = generated(cases).run(strategy, |case| {
        runtime.block_on(attack(&shared, case)).map_err(proptest::test_runner::TestCaseError::fail)
    });
    // Within the runtime, which the server's log is read on.
    let _guard = runtime.enter();
    drop(shared);
    if let Err(error) = run {
        panic!("{error}");
    }
}
