//! The suite from beginning to end: load, record, check, measure.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::Context;
use mock_vendor::MockVendor;

use super::cassette::Cassette;
use super::checks::{
    advice, broken, cassettes, encodings, halves, leaving, many, numbers, refusals, shown, texts,
    wrappings,
};
use super::executable::Arete;
use super::folder::Folder;
use super::logs::Logs;
use super::project::Project;
use super::provider_detail::{ProviderDetail, ProviderState};
use super::report::{Check, Finding, Outcome, Report, Speed};
use super::server::{Marker, Server};
use super::service::Service;
use super::stage::Stage;
use super::{BadInput, Options};

/// Runs the suite.
///
/// # Errors
/// [`BadInput`] when what was given can't be used; anything else when the suite itself can't run.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let bytes = fs::metadata(&options.component)
        .map_err(|error| {
            BadInput(format!("{} can't be read: {error}", options.component.display()))
        })?
        .len();
    let project = Project::read(options.provider.as_deref())?;
    let cassettes = match &options.cassettes {
        Some(folder) => Cassette::load_all(folder)?,
        None => Vec::new(),
    };

    let vendor = MockVendor::bind().await.context("127.0.0.1 has no free port")?;
    let folder = Folder::make(&options.component, &project, vendor.url(), &cassettes)?;
    let compiled_in = match &options.only {
        None => folder.compiled_in(&options.arete).await?,
        Some(_) => None,
    };
    let logs = Logs::default();
    let (kept, watch) = (logs.clone(), options.watch);
    let server = Server::start(folder.command(&options.arete), move |line| {
        kept.add(line);
        if let Some(watch) = watch {
            watch(line);
        }
    })
    .await?;

    let mut suite = Suite {
        only: options.only,
        has_provider_file: options.provider.is_some(),
        logs,
        marker: server.marker(),
        report: Report {
            component: options.component.display().to_string(),
            bytes,
            about: Vec::new(),
            recorded: Vec::new(),
            checks: Vec::new(),
            speed: None,
        },
    };
    let service = Service::new(server);
    let stage = Stage { service, vendor, id: folder.id.clone(), plain: None, streamed: None };
    let service = match suite.admit(&stage).await? {
        Some(streams) => {
            let served = (&folder, &options.arete);
            suite.perform(stage, cassettes, options.record, streams, compiled_in, served).await?
        }
        None => stage.service,
    };
    service.stop().await;
    if let (Some(only), true) = (&suite.only, suite.report.checks.is_empty()) {
        return Err(BadInput(format!("no check has {only:?} in its name")).into());
    }
    Ok(suite.report)
}

/// A suite under way.
struct Suite {
    only: Option<String>,
    has_provider_file: bool,
    logs: Logs,
    marker: Marker,
    report: Report,
}

impl Suite {
    /// Checks that the plugin is loaded, and returns whether it says that it streams.
    async fn admit(&mut self, stage: &Stage) -> anyhow::Result<Option<bool>> {
        let shows = "it loads, and describes itself";
        let reason = match stage.service.server().provider(&stage.id).await? {
            Some(detail)
                if matches!(detail.state, ProviderState::Ready | ProviderState::Unconfigured) =>
            {
                self.report.about = about(&detail);
                if self.wants("admission") {
                    self.add("admission", shows, Outcome::Passed).await;
                }
                let streams = detail.features.iter().any(|feature| feature == "streaming");
                return Ok(Some(streams));
            }
            Some(ProviderDetail { last_error: Some(reason), .. }) => reason,
            _ => "the server doesn't know the provider".to_owned(),
        };
        let advice = if self.has_provider_file {
            "mend what the host says; nothing else can be checked before"
        } else {
            "there is no provider file, so the plugin has neither settings nor a vendor: name it with --provider"
        };
        let finding = Finding::new("a provider that loads", reason, advice);
        // Also when other checks were asked for: this is why they can't run.
        self.add("admission", shows, Outcome::of(vec![finding])).await;
        Ok(None)
    }

    /// Everything that comes after.
    async fn perform(
        &mut self,
        mut stage: Stage,
        mut all: Vec<Cassette>,
        record: bool,
        streams: bool,
        compiled_in: Option<Duration>,
        (folder, arete): (&Folder, &Arete),
    ) -> anyhow::Result<Service> {
        if record {
            for cassette in &mut all {
                if !self.wants(&format!("cassette/{}", cassette.name)) {
                    continue;
                }
                let files =
                    cassettes::record(&stage, &Folder::id_of(&stage.id, cassette), cassette)
                        .await?;
                self.report.recorded.extend(files);
                *cassette = cassette.reload()?;
            }
        }
        stage.plain = subject(&all, false);
        stage.streamed = subject(&all, true);
        self.marker.passed().await;
        self.logs.take();
        let s = &stage;

        self.check("cassettes", "there is what the checks are made of", async {
            there_are(s, streams)
        })
        .await;
        for cassette in &all {
            let id = Folder::id_of(&s.id, cassette);
            let shows = cassette
                .about
                .as_deref()
                .unwrap_or("question, exchanges and answer are as described");
            self.check(
                &format!("cassette/{}", cassette.name),
                shows,
                cassettes::whole(s, &id, cassette),
            )
            .await;
            if cassette.is_streamed() && cassette.answer.is_some() {
                let shows = "the same, however the network cuts it";
                self.check(
                    &format!("cuts/{}", cassette.name),
                    shows,
                    cassettes::cut(s, &id, cassette),
                )
                .await;
            }
        }
        for refusal in &refusals::REFUSALS {
            let shows = format!("a status {} is told as {}", refusal.status, refusal.kind);
            self.check(
                &format!("status-{}", refusal.status),
                &shows,
                refusals::refused(s, refusal),
            )
            .await;
        }
        self.check("nonsense", "a 200 with nonsense is told as an error", refusals::nonsense(s))
            .await;
        self.check("reset", "a broken connection is told as an error", broken::reset(s)).await;
        self.check("cut-off", "a stream without its end isn't done", broken::cut_off(s)).await;
        self.check(
            "silence",
            "a caller who leaves a silent vendor closes its connection",
            leaving::silence(s),
        )
        .await;
        self.check(
            "cancel",
            "deltas come at once, and a caller can leave between them",
            leaving::mid_stream(s),
        )
        .await;
        self.check("big-question", "a question of 1 MiB arrives whole", texts::big(s)).await;
        self.check(
            "unicode-question",
            "a question in every script arrives whole",
            texts::unicode_in(s),
        )
        .await;
        self.check(
            "unicode-answer",
            "an answer in every script arrives whole",
            texts::unicode_out(s),
        )
        .await;
        self.check(
            "unknown-fields",
            "fields that the vendor adds change nothing",
            texts::unknown_fields(s),
        )
        .await;
        self.check(
            "half-surrogates",
            "half of a character that JSON escapes never costs the answer",
            halves::surrogates(s, &all),
        )
        .await;
        self.check("counts", "counts that make no sense never cost the answer", numbers::counts(s))
            .await;
        self.check(
            "big-numbers",
            "the arguments of a call keep their digits",
            numbers::digits(s, &all),
        )
        .await;
        self.check(
            "unframed-error",
            "an error with status 200 in place of a stream is told in its words",
            wrappings::unframed_error(s, &all),
        )
        .await;
        self.check(
            "loose-stream",
            "a stream is known by its content and ends with its body",
            wrappings::loose_stream(s),
        )
        .await;
        self.check(
            "events-with-error",
            "what comes together with a failure is told before it",
            wrappings::events_with_error(s),
        )
        .await;
        self.check(
            "encoded-answers",
            "answers that come encoded or without a length are read all the same",
            encodings::encoded(s),
        )
        .await;
        for kind in &shown::KINDS {
            self.check(kind.check, kind.shows, async { shown::shown(kind, &all) }).await;
        }
        if self.wants("should-retry") {
            let outcome = advice::followed(s, folder, arete).await?;
            self.add("should-retry", "the vendor's x-should-retry is obeyed", outcome).await;
        }
        self.check("at-once", "200 calls at once are all right, none mixed up", many::at_once(s))
            .await;
        self.check("again", "nothing is left of one call in the next", many::again(s)).await;
        if self.only.is_none() {
            self.report.speed = Some(Speed { compiled_in, call: many::speed(s).await });
        }

        // Last: the vendor is gone after it.
        if !self.wants("refused") {
            return Ok(stage.service);
        }
        let (service, outcome) = broken::refused(stage).await;
        self.add("refused", "a vendor who can't be reached is told as an error", outcome).await;
        Ok(service)
    }

    /// Runs a check, if it is wanted.
    async fn check(&mut self, name: &str, shows: &str, check: impl Future<Output = Outcome>) {
        if self.wants(name) {
            let outcome = check.await;
            self.add(name, shows, outcome).await;
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    async fn add(&mut self, name: &str, shows: &str, mut outcome: Outcome) {
        self.marker.passed().await;
        let lines = self.logs.take();
        if let Outcome::Failed { logs, .. } = &mut outcome {
            let mut seen = BTreeSet::new();
            logs.extend(lines.into_iter().filter(|line| seen.insert(line.clone())));
        }
        self.report.checks.push(Check { name: name.to_owned(), shows: shows.to_owned(), outcome });
    }
}

/// Returns the lines in which a provider describes itself.
fn about(provider: &ProviderDetail) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let (vendor, version) = (text(&provider.vendor), text(&provider.version));
    let features = match provider.features.as_slice() {
        [] => "none".to_owned(),
        features => features.join(", "),
    };
    vec![
        format!("vendor {vendor}, version {version}, sha256 {}", text(&provider.sha256)),
        format!(
            "default model {}, {} models known; features: {features}",
            text(&provider.default_model),
            provider.models.len()
        ),
    ]
}

/// The cassette that checks are made of: one that succeeds, of text if there is one; `plain` and
/// `stream` before others.
fn subject(all: &[Cassette], streamed: bool) -> Option<Cassette> {
    let fit = all
        .iter()
        .filter(|it| it.is_streamed() == streamed && it.succeeds() && it.config.is_empty());
    let name = if streamed { "stream" } else { "plain" };
    fit.max_by_key(|it| (it.is_text(), it.name == name, std::cmp::Reverse(it.name.clone())))
        .cloned()
}

/// Returns true if there is a plain cassette, and a streamed one for a plugin that streams.
fn there_are(stage: &Stage, streams: bool) -> Outcome {
    let mut findings = Vec::new();
    if stage.plain.is_none() {
        let advice = "write cassettes/plain/question.json and response.http, then run with --record; no [config]";
        findings.push(Finding::new("a plain cassette whose answer is a success", "none", advice));
    }
    if streams && stage.streamed.is_none() {
        let advice = "write cassettes/stream with \"stream\": true in question.json; the plugin says that it streams";
        findings.push(Finding::new("a streamed cassette that ends in done", "none", advice));
    }
    Outcome::of(findings)
}
