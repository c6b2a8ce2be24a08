//! `arete plugin test`: plugins that are right pass, and each mistake is found by the check that is
//! there for it, told in words that an author can use.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::thread;

use tokio::sync::Semaphore;

use crate::desk::Desk;

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn arg(path: impl AsRef<Path>) -> String {
    path.as_ref().to_str().expect("paths of the tests are text").to_owned()
}

/// A command that has ended.
struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs the suite in a folder of its own, with these arguments behind `plugin test`.
async fn test(desk: &Desk, args: &[String]) -> Run {
    // A start keeps a core busy: no more of them at once than there are cores.
    static TURNS: LazyLock<Semaphore> =
        LazyLock::new(|| Semaphore::new(thread::available_parallelism().map_or(1, usize::from)));
    let _turn = TURNS.acquire().await.expect("the semaphore is never closed");
    let args: Vec<&str> = ["test"].into_iter().chain(args.iter().map(String::as_str)).collect();
    let mut running = desk.start(&args);
    let code = running.ended().await.code();
    Run { code, stdout: running.stdout.text(), stderr: running.stderr.text() }
}

/// The bundled component of this name, as it was compiled for the tests.
fn bundled(name: &str) -> PathBuf {
    Path::new(arete_artifacts::BARE)
        .ancestors()
        .nth(2)
        .expect("examples are below the release")
        .join(format!("{name}.wasm"))
}

impl Run {
    /// Fails unless it ended with this status; gives what it printed.
    #[track_caller]
    fn ended(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self.stdout + &self.stderr
    }
}

#[track_caller]
fn assert_says(report: &str, lines: &[&str]) {
    for line in lines {
        assert!(report.contains(line), "{line:?} should be in\n{report}");
    }
}

#[tokio::test]
async fn the_bundled_claude_passes() {
    let project = repository().join("plugins/claude");
    let args = [arg(bundled("claude")), "--provider".into(), arg(project.join("provider.toml"))];
    let report = test(&Desk::new(), &args).await.ended(0);
    let (failed, not_applicable) = (" 0 failed,", " 0 not applicable");
    assert_says(
        &report,
        &[
            "vendor anthropic",
            "ok    cassette/plain",
            "a call ",
            failed,
            not_applicable,
            "\npassed",
        ],
    );
}

#[tokio::test]
async fn a_plugin_without_a_vendor_passes_what_applies() {
    let folder = repository().join("plugins/echo/cassettes");
    let report = test(&Desk::new(), &[arg(bundled("echo")), "--cassettes".into(), arg(folder)])
        .await
        .ended(0);
    assert_says(
        &report,
        &[
            "vendor echo",
            "n/a   cuts/stream, status-400",
            "asks no vendor",
            " 0 failed,",
            "\npassed",
        ],
    );
}

#[tokio::test]
async fn a_plugin_without_cassettes_is_told_what_to_write() {
    let report = test(&Desk::new(), &[arg(bundled("echo"))]).await.ended(1);
    assert_says(
        &report,
        &["FAIL  cassettes", "cassettes/plain/question.json", "the plugin says that it streams"],
    );
}

/// A folder with a cassette of a plain question without a vendor.
fn cassette(question: &str, answer: &str) -> Desk {
    let question = format!(r#"{{"messages": [{{"role": "user", "content": "{question}"}}]}}"#);
    Desk::new()
        .file("cassettes/plain/question.json", question)
        .file("cassettes/plain/answer.json", answer)
}

fn content(text: &str) -> String {
    format!(
        r#"{{"id": "fixture_1", "content": "{text}", "model": "fixture", "finishReason": "end_turn", "provider": "fixture",
        "usage": {{"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}}}}"#
    )
}

#[tokio::test]
async fn a_crash_is_told_with_the_guests_own_words() {
    let report = test(&cassette("Hi", r#"{"content": "a"}"#), &[arete_artifacts::TRAP.into()])
        .await
        .ended(1);
    assert_says(
        &report,
        &[
            "FAIL  cassette/plain",
            "code: not expected, there is \"plugin-failed\"",
            "crashed",
            "the trap fixture panics in complete",
            "FAILED",
        ],
    );
}

#[tokio::test]
async fn an_answer_that_breaks_the_contract_is_told() {
    let cassette = cassette("extra that isn't JSON", &content("a"));
    let report = test(&cassette, &[arete_artifacts::LIAR.into()]).await.ended(1);
    assert_says(&report, &["FAIL  cassette/plain", "text.extra isn't JSON", "broke the contract"]);
}

#[tokio::test]
async fn another_answer_is_told_with_the_difference() {
    let report =
        test(&cassette("Hi", &content("2")), &[arete_artifacts::COUNTER.into()]).await.ended(1);
    assert_says(
        &report,
        &[
            "FAIL  cassette/plain",
            "content: expected \"2\", saw \"1\"",
            "provider: expected \"fixture\"",
        ],
    );
}

#[tokio::test]
async fn a_component_that_is_not_admitted_is_told_why_and_nothing_else_runs() {
    let no_component = Desk::new().file("x.wasm", "no component");
    let report = test(&no_component, &["x.wasm".into()]).await.ended(1);
    assert_says(
        &report,
        &["FAIL  admission", "a provider that loads", "0 passed, 1 failed, 0 not applicable"],
    );
}

#[tokio::test]
async fn mistakes_of_the_author_are_told_with_their_file() {
    let echo = arg(bundled("echo"));
    for (desk, args, says) in [
        (Desk::new(), vec!["none.wasm"], "none.wasm can't be read"),
        (Desk::new(), vec![&*echo, "--provider", "none.toml"], "none.toml: can't be read"),
        (Desk::new(), vec![&*echo, "--cassettes", "none"], "none can't be read"),
        (Desk::new().file("provider.toml", "a = "), vec![&*echo], "provider.toml: "),
        (
            Desk::new().file("cassettes/a b/question.json", "{}"),
            vec![&*echo],
            "a b: a cassette's name",
        ),
        (
            Desk::new().file("cassettes/a/question.json", "{"),
            vec![&*echo],
            "a/question.json: isn't JSON",
        ),
        (Desk::new(), vec![&*echo, "--only", "zzz"], "no check has \"zzz\" in its name"),
    ] {
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        let said = test(&desk, &args).await.ended(64);
        assert_says(&said, &["The suite can't run: ", says]);
    }
    test(&Desk::new(), &["--colour".into()]).await.ended(2);
}

/// The project of the fixture `sloppy`, which makes this mistake.
fn sloppy(mistake: &str) -> Desk {
    let provider = format!(
        "[config]\nbase-url = \"${{SLOPPY_URL:-https://api.example.com}}\"\nmistake = \"{mistake}\"\n\
         [[outbound]]\norigin = \"${{SLOPPY_URL:-https://api.example.com}}\"\nheaders = {{ x-api-key = \"${{SLOPPY_KEY}}\" }}\n"
    );
    let question = |stream| {
        format!(r#"{{"messages": [{{"role": "user", "content": "Grüezi"}}], "stream": {stream}}}"#)
    };
    let lines = "{\"text\": \"Hello, \"}\n{\"text\": \"Zürich!\"}\n{\"end\": true}\n";
    let request = |stream| {
        format!(
            "POST /answer HTTP/1.1\nx-api-key: test-credential\n\n{{\"stream\": {stream}, \"text\": \"Grüezi\"}}\n"
        )
    };
    Desk::new()
        .file("provider.toml", provider)
        .file("cassettes/plain/question.json", question(false))
        .file("cassettes/plain/request.http", request(false))
        .file(
            "cassettes/plain/response.http",
            "HTTP/1.1 200 OK\ncontent-type: application/json\n\n{\"text\": \"Hi!\"}\n",
        )
        .file(
            "cassettes/plain/answer.json",
            content("Hi!").replace("\"provider\": \"fixture\"", "\"provider\": \"sloppy\""),
        )
        .file("cassettes/stream/question.json", question(true))
        .file("cassettes/stream/request.http", request(true))
        .file(
            "cassettes/stream/response.http",
            format!("HTTP/1.1 200 OK\ncontent-type: application/x-ndjson\n\n{lines}"),
        )
        .file(
            "cassettes/stream/answer.json",
            r#"{"events": [
                {"event": "start", "data": {"id": "fixture_1", "model": "fixture", "provider": "sloppy"}},
                {"event": "delta", "data": {"text": "Hello, Zürich!"}},
                {"event": "done", "data": {"finishReason": "end_turn",
                  "usage": {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}}}]}"#,
        )
}

/// The names of the checks that failed.
fn failed(report: &str) -> Vec<&str> {
    report
        .lines()
        .filter_map(|line| line.strip_prefix("FAIL  ")?.split_whitespace().next())
        .collect()
}

#[tokio::test]
pub async fn every_mistake_is_found_by_its_check() {
    let cases = [
        ("none", &[][..], "\npassed"),
        ("describe", &["admission"], "The setting `region` is missing."),
        ("forgets retry-after", &["status-429"], "provider-error.retry-after-ms"),
        ("tries again", &["status-500"], "let the host decide whether to try again"),
        (
            "panics",
            &["nonsense", "cut-off", "events-with-error"],
            "the sloppy fixture expected JSON",
        ),
        (
            "takes any end for the end",
            &["nonsense", "cut-off"],
            "return error-kind.interrupted and no finish",
        ),
        ("hoards", &["cancel"], "a plugin that waits for the end of the stream doesn't stream"),
        ("forgets the end of a question", &["big-question"], "send texts as they are"),
        (
            "sends ASCII",
            &["cassette/plain", "cassette/stream", "unicode-question"],
            "body: text: expected \"Grüezi\"",
        ),
        ("draws lots", &["cassette/plain", "cassette/stream", "again"], "body: lot: not expected"),
        ("refuses what it doesn't know", &["unknown-fields"], "vendors add some without notice"),
        (
            "frames by itself",
            &["cuts/stream", "unicode-answer", "loose-stream"],
            "one byte at a time",
        ),
        ("trips over half a character", &["half-surrogates"], "put U+FFFD where half"),
        (
            "needs a length",
            &["unicode-answer", "encoded-answers"],
            "read the body as the host gives it",
        ),
        ("keeps advice to itself", &["should-retry"], "put the header into the error's extra"),
    ];
    // At the same time, as far as starts may be.
    let runs = cases.into_iter().map(|(mistake, checks, says)| async move {
        let run = test(&sloppy(mistake), &[arete_artifacts::SLOPPY.into()]).await;
        let report = run.ended(i32::from(!checks.is_empty()));
        assert_eq!(failed(&report), checks, "{mistake}\n{report}");
        assert_says(&report, &[says]);
    });
    futures_util::future::join_all(runs).await;
}

#[tokio::test]
async fn a_refusal_told_as_something_else_is_found_for_each_status() {
    let mistake = sloppy("takes any status for an answer");
    let report =
        test(&mistake, &[arete_artifacts::SLOPPY.into(), "--only".into(), "status".into()])
            .await
            .ended(1);
    // A 5xx is a failure of the vendor's in either case.
    assert_eq!(failed(&report).len(), 8, "{report}");
    assert_says(
        &report,
        &[
            "FAIL  status-401",
            "tell a status 401 as error-kind.credentials",
            "plain with an empty body",
        ],
    );
}

#[tokio::test]
async fn a_recorded_cassette_passes() {
    let project = sloppy("none");
    for file in
        ["plain/request.http", "plain/answer.json", "stream/request.http", "stream/answer.json"]
    {
        std::fs::remove_file(project.path("cassettes").join(file)).expect("the file was there");
    }
    let only = |more: &[&str]| -> Vec<String> {
        [arete_artifacts::SLOPPY, "--only", "cassette/"]
            .iter()
            .chain(more)
            .map(|arg| (*arg).to_owned())
            .collect()
    };
    let report = test(&project, &only(&[])).await.ended(1);
    assert_says(
        &report,
        &["request.http in the cassette", "answer.json in the cassette", "run with --record"],
    );
    let report = test(&project, &only(&["--record"])).await.ended(0);
    assert_says(
        &report,
        &[
            "recorded cassettes/plain/request.http: look it over",
            "recorded cassettes/stream/answer.json",
        ],
    );
    let request = std::fs::read_to_string(project.path("cassettes/plain/request.http"))
        .expect("it was recorded");
    assert_says(
        &request,
        &["POST /answer HTTP/1.1\n", "\nx-api-key: test-credential\n", "\"text\": \"Grüezi\""],
    );
    let report = test(&project, &only(&["--record"])).await.ended(0);
    assert!(!report.contains("recorded"), "what is the same isn't written again:\n{report}");
}
