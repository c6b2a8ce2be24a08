//! The vendor's own advice whether to try again. The suite's server doesn't, so that each question
//! is one call; this check has a server of its own that does.

use mock_vendor::Reply;

use super::super::executable::Arete;
use super::super::folder::Folder;
use super::super::report::{Finding, Outcome};
use super::super::server::Server;
use super::super::service::Service;
use super::super::stage::{Stage, mode};

/// A vendor's word on a failure, and the number of times that it is asked then.
const CASES: [(u16, &str, usize); 3] = [(529, "false", 1), (429, "false", 1), (400, "true", 2)];

/// The header `x-should-retry` of a refusal decides whether it is asked again.
pub(in super::super) async fn followed(
    stage: &Stage,
    folder: &Folder,
    arete: &Arete,
) -> anyhow::Result<Outcome> {
    let subjects = stage.asking();
    let subjects: Vec<_> = subjects.into_iter().filter(|it| it.exchanges.len() == 1).collect();
    if subjects.is_empty() {
        return Ok(Outcome::not_applicable("needs a cassette of one exchange that succeeds"));
    }
    let mut command = folder.command(arete);
    command.envs([
        ("LLM_MAX_RETRIES", "1"),
        ("LLM_RETRY_DELAY", "0s"),
        ("DATA_DIR", "data-retries"),
    ]);
    let service = Service::new(Server::start(command, |_| {}).await?);
    let mut findings = Vec::new();
    for cassette in subjects {
        for (status, advice, wanted) in CASES {
            stage.vendor.reset();
            stage.vendor.always(Reply::status(status).header("x-should-retry", advice).body("{}"));
            let answer = service.ask(&stage.id, &cassette.question).await;
            let seen = stage.vendor.count();
            if seen != wanted {
                let case =
                    format!("{}, status {status} with x-should-retry: {advice}", mode(cassette));
                let to_do =
                    "put the header into the error's extra, as {\"x-should-retry\": \"false\"}";
                let expected = format!("{wanted} requests, as one retry is allowed");
                let seen = format!("{seen} requests, and {}", answer.brief());
                findings.push(Finding::new(expected, seen, to_do).in_case(&case));
            }
        }
    }
    stage.vendor.reset();
    service.stop().await;
    Ok(Outcome::of(findings))
}
