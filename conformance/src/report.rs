//! The suite's findings, for people to read.

use std::fmt;
use std::time::Duration;

/// Findings of one check that are shown: the others commonly have the same cause.
const FINDINGS_MAX: usize = 4;
/// Lines of the log that are shown beside a failure.
const LOG_LINES_MAX: usize = 4;

/// The suite's findings.
#[derive(Debug)]
pub struct Report {
    /// The component's file.
    pub component: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its description of itself, in lines; empty if it wasn't admitted.
    pub about: Vec<String>,
    /// Files that were recorded.
    pub recorded: Vec<String>,
    /// Every check, in the order in which they ran.
    pub checks: Vec<Check>,
    /// Its speed; nothing if that couldn't be measured.
    pub speed: Option<Speed>,
}

/// The speed of a plugin. Informative: it never decides.
#[derive(Debug, Clone, Copy)]
pub struct Speed {
    /// Compiling the component, once, when it is loaded; nothing if it can't be compiled.
    pub compiled_in: Option<Duration>,
    /// A call from request to answer over HTTP, the service and an instant vendor included: the
    /// median; nothing without a plain cassette that succeeds.
    pub call: Option<Duration>,
}

/// A check and how it went.
#[derive(Debug)]
pub struct Check {
    /// Its name, for `--only`.
    pub name: String,
    /// Its subject, in a line.
    pub shows: String,
    /// Its outcome.
    pub outcome: Outcome,
}

/// The outcome of a check.
#[derive(Debug)]
pub enum Outcome {
    /// As it should.
    Passed,
    /// Not as it should.
    Failed {
        /// The findings, one for each case that failed.
        findings: Vec<Finding>,
        /// The lines that were logged meanwhile.
        logs: Vec<String>,
    },
    /// It has nothing to look at, for this reason.
    NotApplicable(String),
}

/// One thing that isn't as it should be.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The expected value.
    pub expected: String,
    /// The value that was seen.
    pub seen: String,
    /// Advice for the plugin's author.
    pub advice: String,
}

impl Finding {
    pub(super) fn new(
        expected: impl Into<String>,
        seen: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { expected: expected.into(), seen: seen.into(), advice: advice.into() }
    }

    /// The same, found in this case of several.
    pub(super) fn in_case(mut self, case: &str) -> Self {
        self.seen = format!("{case}: {}", self.seen);
        self
    }
}

impl Outcome {
    /// Failed if there are any.
    pub(super) fn of(findings: Vec<Finding>) -> Self {
        if findings.is_empty() { Self::Passed } else { Self::Failed { findings, logs: Vec::new() } }
    }

    /// The check has nothing to look at.
    pub(super) fn not_applicable(reason: impl Into<String>) -> Self {
        Self::NotApplicable(reason.into())
    }
}

impl Report {
    /// Returns true if no check failed.
    pub fn passed(&self) -> bool {
        self.count(|outcome| matches!(outcome, Outcome::Failed { .. })) == 0
    }

    /// The checks that had nothing to look at, by reason.
    fn not_applicable(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for check in &self.checks {
            let Outcome::NotApplicable(reason) = &check.outcome else { continue };
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, names)) => names.push(&check.name),
                None => reasons.push((reason, vec![&check.name])),
            }
        }
        reasons.iter().try_for_each(|(reason, names)| {
            writeln!(f, "n/a   {}\n        {reason}", names.join(", "))
        })
    }

    fn count(&self, of: impl Fn(&Outcome) -> bool) -> usize {
        self.checks.iter().filter(|check| of(&check.outcome)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.component)?;
        self.about.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        for file in &self.recorded {
            writeln!(f, "  recorded {file}: look it over before you commit it")?;
        }
        writeln!(f)?;
        let applies = |check: &&Check| !matches!(check.outcome, Outcome::NotApplicable(_));
        self.checks.iter().filter(applies).try_for_each(|check| write!(f, "{check}"))?;
        self.not_applicable(f)?;
        writeln!(f)?;
        writeln!(f, "component       {}", bytes(self.bytes))?;
        if let Some(speed) = self.speed {
            if let Some(compiled_in) = speed.compiled_in {
                writeln!(f, "compiling       {} ms, once", compiled_in.as_millis())?;
            }
            if let Some(call) = speed.call {
                writeln!(
                    f,
                    "a call          {} µs, HTTP and an instant vendor included",
                    call.as_micros()
                )?;
            }
        }
        let passed = self.count(|outcome| matches!(outcome, Outcome::Passed));
        let failed = self.count(|outcome| matches!(outcome, Outcome::Failed { .. }));
        let not_applicable = self.count(|outcome| matches!(outcome, Outcome::NotApplicable(_)));
        writeln!(
            f,
            "checks          {passed} passed, {failed} failed, {not_applicable} not applicable"
        )?;
        writeln!(f, "{}", if self.passed() { "passed" } else { "FAILED" })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, shows, outcome } = self;
        match outcome {
            Outcome::Passed => writeln!(f, "ok    {name:<26} {shows}"),
            Outcome::NotApplicable(reason) => writeln!(f, "n/a   {name:<26} {reason}"),
            Outcome::Failed { findings, logs } => {
                writeln!(f, "FAIL  {name:<26} {shows}")?;
                for finding in findings.iter().take(FINDINGS_MAX) {
                    field(f, "expected", &finding.expected)?;
                    field(f, "seen", &finding.seen)?;
                    field(f, "to do", &finding.advice)?;
                }
                let more = findings.len().saturating_sub(FINDINGS_MAX);
                if more != 0 {
                    writeln!(f, "        and {more} more like these")?;
                }
                let newest = logs.len().saturating_sub(LOG_LINES_MAX);
                logs.iter().skip(newest).try_for_each(|line| field(f, "log", line))
            }
        }
    }
}

fn field(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    let mut name = format!("{name}:");
    for line in text.lines() {
        writeln!(f, "        {name:<10}{line}")?;
        name.clear();
    }
    Ok(())
}

fn bytes(count: u64) -> String {
    if count < 1 << 20 {
        format!("{} KiB", count.div_ceil(1 << 10))
    } else {
        format!("{:.1} MiB", count as f64 / 1_048_576.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcome: Outcome) -> Report {
        let check = Check { name: "status-429".into(), shows: "a refusal is told".into(), outcome };
        Report {
            component: "x.wasm".into(),
            bytes: 2_000,
            about: vec!["x 1.0".into()],
            recorded: vec![],
            checks: vec![check],
            speed: None,
        }
    }

    #[test]
    fn a_failure_says_what_was_expected_and_seen_and_what_to_do() {
        let finding =
            Finding::new("a 429", "a 200\nwith nonsense", "look at the status").in_case("streamed");
        let findings = vec![finding; FINDINGS_MAX + 2];
        let report = report(Outcome::Failed { findings, logs: vec!["WARN it hurts".into()] });
        let text = report.to_string();
        assert!(!report.passed());
        for line in [
            "FAIL  status-429                 a refusal is told",
            "        expected: a 429",
            "        seen:     streamed: a 200\n                  with nonsense",
            "        to do:    look at the status",
            "        and 2 more like these",
            "        log:      WARN it hurts",
            "checks          0 passed, 1 failed, 0 not applicable\nFAILED",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn what_does_not_apply_says_why_and_fails_nothing() {
        let report = report(Outcome::not_applicable("no cassette asks a vendor"));
        assert!(report.passed());
        assert!(report.to_string().contains("n/a   status-429\n        no cassette asks a vendor"));
    }
}
