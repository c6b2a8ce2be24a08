//! Many calls: at once, and one after the other.

use std::time::{Duration, Instant};

use mock_vendor::{Reply, Request};
use serde_json::Value;

use super::super::cassette::Cassette;
use super::super::compare;
use super::super::exchange::Response;
use super::super::report::{Finding, Outcome};
use super::super::stage::{Played, Stage, mode, saying, with_last};
use super::super::swap::Swap;
use super::texts::swap;

/// Calls at once.
const AT_ONCE: usize = 200;
/// Calls that are timed.
const TIMED: usize = 300;
/// The beginning of a call's question; its number follows.
const MARK: &str = "arete conformance call ";

/// Two hundred calls at once, each with a question and an answer of its own.
pub(in super::super) async fn at_once(stage: &Stage) -> Outcome {
    let mut subjects = stage.subjects();
    let exchanges = usize::from(!stage.asking().is_empty());
    subjects.retain(|it| it.exchanges.len() == exchanges && saying(&it.question, "").is_some());
    if subjects.is_empty() {
        return Outcome::not_applicable(
            "needs a cassette of one exchange whose last message of the user has text",
        );
    }
    let mut kinds = Vec::new();
    for cassette in subjects {
        let swap = swap(stage, cassette).await;
        kinds.push(Kind { cassette, swap });
    }
    stage.vendor.reset();
    script(stage, &kinds);

    let calls = (0..AT_ONCE).zip(kinds.iter().cycle()).filter_map(|(number, kind)| {
        let question = saying(&kind.cassette.question, &format!("{MARK}{number}."))?;
        Some(async move {
            let answer = stage.service.ask(&stage.id, &question).await;
            let text = answer.text();
            let expected = kind.expected(number);
            let right =
                answer.is_done() && expected.as_ref().is_none_or(|expected| *expected == text);
            let advice = "keep what belongs to a call in the call";
            (!right).then(|| {
                let expected = expected.unwrap_or_else(|| "an answer".to_owned());
                let seen = if answer.is_done() { text } else { answer.brief() };
                Finding::new(expected, seen, advice)
                    .in_case(&format!("call {number}, {}", mode(kind.cassette)))
            })
        })
    });
    let findings = futures_util::future::join_all(calls).await;
    stage.vendor.reset();
    Outcome::of(findings.into_iter().flatten().collect())
}

/// A kind of call: plain or streamed.
struct Kind<'a> {
    cassette: &'a Cassette,
    swap: Option<Swap>,
}

impl Kind<'_> {
    /// The text that the caller of this number has to get; nothing where the cassette can't tell
    /// callers apart.
    fn expected(&self, number: usize) -> Option<String> {
        Some(self.swap.as_ref()?.place(&said(number))?.1)
    }
}

/// Returns the vendor's text for the call of this number.
fn said(number: usize) -> String {
    format!("the answer to call {number}, and to no other")
}

/// Lets the vendor answer each request by the number in it.
fn script(stage: &Stage, kinds: &[Kind<'_>]) {
    let kinds: Vec<(Option<Swap>, Response)> = kinds
        .iter()
        .filter_map(|kind| Some((kind.swap.clone(), kind.cassette.last()?.clone())))
        .collect();
    stage.vendor.always_with(move |request| {
        // As the calls take turns: the n-th call is of the n-th kind.
        let number = number(request);
        let kind =
            number.and_then(|number| kinds.get(number % kinds.len()).map(|kind| (number, kind)));
        let Some((number, (swap, response))) = kind else { return Reply::status(500) };
        let own = swap.as_ref().and_then(|swap| swap.place(&said(number)));
        own.map_or_else(|| response.reply(), |(response, _)| response.reply())
    });
}

/// The number in a request.
fn number(request: &Request) -> Option<usize> {
    let text = request.text();
    let (_, rest) = text.split_once(MARK)?;
    rest.split_once('.')?.0.parse().ok()
}

/// The same question twice, and again after a failure: nothing is left of one call in the next.
pub(in super::super) async fn again(stage: &Stage) -> Outcome {
    let subjects = stage.subjects();
    if subjects.is_empty() {
        return Outcome::not_applicable(stage.nobody_asked());
    }
    let mut findings = Vec::new();
    for cassette in subjects {
        let first = ask(stage, cassette).await;
        let second = ask(stage, cassette).await;
        let mut compared = vec![("asked again", second)];
        if !cassette.exchanges.is_empty() {
            stage.play(&cassette.question, with_last(cassette, Reply::status(500))).await;
            compared.push(("asked again after a failure", ask(stage, cassette).await));
        }
        for (case, played) in compared {
            let differences = differences(&first, &played);
            if !differences.is_empty() {
                let advice = "let nothing of a question or an answer depend on the calls before it, on time or on chance";
                let expected = "the same request and the same answer as the first time";
                let finding = Finding::new(expected, differences.join("\n"), advice);
                findings.push(finding.in_case(&format!("{}, {case}", mode(cassette))));
            }
        }
    }
    Outcome::of(findings)
}

async fn ask(stage: &Stage, cassette: &Cassette) -> Played {
    let replies = cassette.exchanges.iter().map(|exchange| exchange.response.reply()).collect();
    stage.play(&cassette.question, replies).await
}

fn differences(first: &Played, second: &Played) -> Vec<String> {
    let mut differences = compare::values(&first.answer.to_value(), &second.answer.to_value());
    differences.extend(compare::values(&requests(&first.requests), &requests(&second.requests)));
    differences
}

/// Requests as JSON, to be compared.
fn requests(requests: &[Request]) -> Value {
    let shown = requests.iter().map(|request| {
        let mut headers: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        headers.sort();
        serde_json::json!({
            "request": format!("{} {}", request.method, request.path), "headers": headers, "body": request.text(),
        })
    });
    Value::Array(shown.collect())
}

/// The median of some hundred calls, one after the other; nothing without a plain cassette.
pub(in super::super) async fn speed(stage: &Stage) -> Option<Duration> {
    let cassette = stage.plain.as_ref().filter(|cassette| cassette.exchanges.len() < 2)?;
    stage.vendor.reset();
    if let Some(last) = cassette.last() {
        stage.vendor.always(last.reply());
    }
    let mut times = Vec::with_capacity(TIMED);
    for _ in 0..TIMED {
        let start = Instant::now();
        if !stage.service.ask(&stage.id, &cassette.question).await.is_done() {
            return None;
        }
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times.get(TIMED / 2).copied()
}
