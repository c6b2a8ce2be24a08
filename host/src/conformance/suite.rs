//! The suite from beginning to end: load, record, check, measure.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;
use upstream::Upstream;

use super::cassette::Cassette;
use super::checks::{broken, cassettes, leaving, many, refusals, texts};
use super::project::Project;
use super::report::{Check, Finding, Outcome, Report, Speed};
use super::service::Service;
use super::stage::Stage;
use super::{BadInput, Logs, Options};
use crate::config::{Config, Vars};
use crate::contract::Feature;
use crate::plugin::{Provider, SlotState, examine};

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

    let vendor = Upstream::bind().await.context("127.0.0.1 has no free port")?;
    let folder = Folder::make(&options.component, &project, vendor.url(), &cassettes)?;
    let config = folder.config()?;
    let compiled_in = match &options.only {
        None => examine(&config.plugins, &folder.component(), None).await?.compiled_in,
        Some(_) => None,
    };
    let service = Service::start(config).await?;

    let mut suite = Suite {
        only: options.only,
        logs: options.logs,
        report: Report {
            component: options.component.display().to_string(),
            bytes,
            about: Vec::new(),
            recorded: Vec::new(),
            checks: Vec::new(),
            speed: None,
        },
    };
    let stage = Stage { service, vendor, id: folder.id.clone(), plain: None, streamed: None };
    let service = match suite.admit(&stage) {
        Some(streams) => {
            suite.perform(stage, cassettes, options.record, streams, compiled_in).await?
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
    logs: Logs,
    report: Report,
}

impl Suite {
    /// Whether the plugin is loaded, and if so whether it says that it streams.
    fn admit(&mut self, stage: &Stage) -> Option<bool> {
        let shows = "it loads, and describes itself";
        match stage.service.slot(&stage.id).map(|slot| slot.state.clone()) {
            Some(SlotState::Ready(provider)) => {
                self.report.about = about(&provider);
                if self.wants("admission") {
                    self.add("admission", shows, Outcome::Passed);
                }
                Some(
                    provider
                        .info
                        .features
                        .iter()
                        .any(|feature| matches!(feature, Feature::Streaming)),
                )
            }
            other => {
                let reason = match other {
                    Some(SlotState::Failed(reason)) => reason,
                    _ => "the service doesn't know the provider".to_owned(),
                };
                let advice = "mend what the host says; nothing else can be checked before";
                // Whatever was asked for, this is why it can't be told.
                self.add(
                    "admission",
                    shows,
                    Outcome::of(vec![Finding::new("a provider that loads", reason, advice)]),
                );
                None
            }
        }
    }

    /// Everything that comes after.
    async fn perform(
        &mut self,
        mut stage: Stage,
        mut all: Vec<Cassette>,
        record: bool,
        streams: bool,
        compiled_in: Option<Duration>,
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
        self.add("refused", "a vendor who can't be reached is told as an error", outcome);
        Ok(service)
    }

    /// Runs a check, if it is wanted.
    async fn check(&mut self, name: &str, shows: &str, check: impl Future<Output = Outcome>) {
        if self.wants(name) {
            let outcome = check.await;
            self.add(name, shows, outcome);
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    fn add(&mut self, name: &str, shows: &str, mut outcome: Outcome) {
        let lines = self.logs.take();
        if let Outcome::Failed { logs, .. } = &mut outcome {
            let mut seen = BTreeSet::new();
            logs.extend(lines.into_iter().filter(|line| seen.insert(line.clone())));
        }
        self.report.checks.push(Check { name: name.to_owned(), shows: shows.to_owned(), outcome });
    }
}

/// What a provider says of itself.
fn about(provider: &Provider) -> Vec<String> {
    let info = &provider.info;
    let model = info.default_model.as_deref().unwrap_or("none");
    let features: Vec<&str> = info.features.iter().map(feature).collect();
    let features = if features.is_empty() { "none".to_owned() } else { features.join(", ") };
    vec![
        format!("vendor {}, version {}, sha256 {}", info.vendor, info.version, provider.digest),
        format!("default model {model}, {} models known; features: {features}", info.models.len()),
    ]
}

fn feature(feature: &Feature) -> &str {
    match feature {
        Feature::Streaming => "streaming",
        Feature::Images => "images",
        Feature::Tools => "tools",
        Feature::Thinking => "thinking",
        Feature::Other(name) => name,
    }
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

/// Whether there is a plain cassette, and a streamed one for a plugin that streams.
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

/// The service's own folder: component, provider files, data. Removed when dropped.
struct Folder {
    dir: TempDir,
    id: String,
}

impl Folder {
    fn make(
        component: &Path,
        project: &Project,
        vendor: &str,
        cassettes: &[Cassette],
    ) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir().context("making a temporary folder")?;
        let providers = dir.path().join("providers");
        fs::create_dir(&providers).context("making a folder for providers")?;
        let id = id(component);
        let name = format!("{id}.wasm");
        fs::copy(component, providers.join(&name))
            .map_err(|error| BadInput(format!("{} can't be read: {error}", component.display())))?;
        project.write(&providers.join(format!("{id}.toml")), &name, vendor, &BTreeMap::new())?;
        for cassette in cassettes.iter().filter(|cassette| !cassette.config.is_empty()) {
            let file = format!("{}.toml", Self::id_of(&id, cassette));
            project.write(&providers.join(file), &name, vendor, &cassette.config)?;
        }
        Ok(Self { dir, id })
    }

    /// The component as the service sees it.
    fn component(&self) -> PathBuf {
        self.dir.path().join("providers").join(format!("{}.wasm", self.id))
    }

    /// The provider that a cassette is played with: one of its own, if it has settings of its own.
    fn id_of(id: &str, cassette: &Cassette) -> String {
        if cassette.config.is_empty() { id.to_owned() } else { format!("{id}.{}", cassette.name) }
    }

    /// The service's settings: its defaults, but no retries and no cache, so that each question is
    /// one call.
    fn config(&self) -> anyhow::Result<Config> {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        let vars = Vars::from([
            ("DATA_DIR", path("data").as_str()),
            ("LLM_PLUGIN_DIR", path("providers").as_str()),
            ("LLM_PLUGIN_WATCH", "false"),
            ("LLM_DEFAULT_PROVIDER", "echo"),
            ("LLM_MAX_RETRIES", "0"),
            ("LLM_CACHE_ENABLED", "false"),
            // A comment in a silent stream would pass for its first event.
            ("HTTP_HEARTBEAT", "1h"),
        ]);
        Ok(Config::parse(&vars)?)
    }
}

/// The provider's name: the component's file name, as far as names may have its characters.
fn id(component: &Path) -> String {
    let stem =
        component.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let named = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    let id: String = stem.chars().map(named).take(20).collect();
    if id.is_empty() { "plugin".to_owned() } else { id }
}
