//! Vendors that refuse, and vendors whose words can't be understood. A plugin tells both as an
//! error of the contract.

use mock_vendor::Reply;

use super::super::exchange::Response;
use super::super::report::{Finding, Outcome};
use super::super::stage::{Stage, mode, told_as, with_last};

/// A status and the codes by which a caller may be told of it.
pub(in super::super) struct Refusal {
    /// The vendor's status.
    pub(in super::super) status: u16,
    /// Its meaning: the contract's `error-kind`.
    pub(in super::super) kind: &'static str,
    codes: &'static [&'static str],
}

const fn refusal(status: u16, kind: &'static str, codes: &'static [&'static str]) -> Refusal {
    Refusal { status, kind, codes }
}

/// Every status that vendors refuse with.
pub(in super::super) const REFUSALS: [Refusal; 12] = [
    refusal(400, "invalid-request", &["invalid-request"]),
    refusal(401, "credentials", &["provider-credentials"]),
    refusal(402, "billing", &["provider-credentials"]),
    refusal(403, "credentials", &["provider-credentials"]),
    refusal(404, "not-found", &["not-found"]),
    refusal(413, "too-large", &["body-too-large"]),
    refusal(422, "invalid-request", &["invalid-request"]),
    refusal(429, "rate-limited", &["rate-limited"]),
    refusal(500, "vendor-failed", &["provider-failed"]),
    refusal(502, "vendor-failed", &["provider-failed"]),
    refusal(503, "vendor-failed or overloaded", &["provider-failed", "overloaded"]),
    refusal(529, "overloaded", &["overloaded", "provider-failed"]),
];

/// The wait that the vendor asks for, in seconds: a number that nobody else chooses.
const WAIT: u64 = 7;

/// Bodies that say nothing: proxies in between send such ones.
const BODIES: [(&str, &str, &str); 3] = [
    ("an empty body", "application/json", ""),
    ("an HTML body", "text/html; charset=utf-8", "<html><body><h1>Sorry</h1></body></html>"),
    ("broken JSON", "application/json", "{\"error\": {\"message\": \"ha"),
];

/// The vendor refuses with this status and says nothing that can be read.
pub(in super::super) async fn refused(stage: &Stage, refusal: &Refusal) -> Outcome {
    let subjects = stage.asking();
    if subjects.is_empty() {
        return Outcome::not_applicable(stage.nobody_asked());
    }
    let mut findings = Vec::new();
    for cassette in subjects {
        for (name, kind, body) in BODIES {
            let mut reply = Reply::status(refusal.status).header("content-type", kind).body(body);
            if refusal.status == 429 {
                reply = reply.header("retry-after", WAIT.to_string());
            }
            let case = format!("{} with {name}", mode(cassette));
            let played = stage.play(&cassette.question, with_last(cassette, reply)).await;
            let advice = format!(
                "tell a status {} as error-kind.{}, whatever the body",
                refusal.status, refusal.kind
            );
            findings.extend(
                told_as(&played.answer, refusal.codes, &advice)
                    .map(|finding| finding.in_case(&case)),
            );
            if refusal.status == 429 && played.answer.retry_after != Some(WAIT) {
                let seen = format!("retry-after {:?}", played.answer.retry_after);
                let advice = "give the seconds of the vendor's retry-after header as provider-error.retry-after-ms";
                findings
                    .push(Finding::new(format!("retry-after {WAIT}"), seen, advice).in_case(&case));
            }
            let (asked, exchanges) = (played.requests.len(), cassette.exchanges.len());
            if asked != exchanges {
                let advice = "return the error and let the host decide whether to try again";
                let expected = format!("{exchanges} requests to the vendor");
                findings.push(Finding::new(expected, asked.to_string(), advice).in_case(&case));
            }
        }
    }
    Outcome::of(findings)
}

/// The vendor says 200 and then something that is no answer.
pub(in super::super) async fn nonsense(stage: &Stage) -> Outcome {
    let subjects = stage.asking();
    if subjects.is_empty() {
        return Outcome::not_applicable(stage.nobody_asked());
    }
    let mut findings = Vec::new();
    for cassette in subjects {
        let Some(last) = cassette.last() else { continue };
        for (name, reply) in replies(last) {
            let played = stage.play(&cassette.question, with_last(cassette, reply)).await;
            let advice = "return error-kind.bad-response for what isn't the vendor's answer, and interrupted for a \
                          stream that ends without its end mark";
            let case = format!("{} with {name}", mode(cassette));
            findings.extend(
                told_as(&played.answer, &["provider-failed"], advice)
                    .map(|finding| finding.in_case(&case)),
            );
        }
    }
    Outcome::of(findings)
}

/// Broken in its own format, and of another one altogether.
fn replies(last: &Response) -> Vec<(String, Reply)> {
    let bodies = [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "\"text\"",
        "5",
        "\u{fffd}\u{1}",
        "data: {\n\n",
        "data: null\n\ndata: []\n\n",
    ];
    let own = bodies
        .into_iter()
        .map(|body| (format!("{body:?} as its body"), last.with_body(body.into()).reply()));
    let bytes = last.with_body(vec![0xFF, 0xFE, 0x00, b'\n', b'\n']).reply();
    let page = Reply::status(200).header("content-type", "text/html").body("<html></html>\n\n");
    own.chain([("bytes that aren't UTF-8".to_owned(), bytes), ("an HTML page".to_owned(), page)])
        .collect()
}
