//! `arete plugin check` and `arete plugin list`: what the server would do, said before it does.

use crate::support::{App, Builder};

/// A command that ends with this status; gives what it says.
async fn said(builder: Builder, args: &[&str], status: i32) -> String {
    let run = builder.args(args).run().await;
    assert_eq!(run.status.code(), Some(status), "{}{}", run.stdout, run.stderr);
    assert_eq!(run.stderr, "");
    run.stdout
}

/// Fails unless all of this is said.
#[track_caller]
fn assert_says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word:?} in:\n{said}");
    }
}

#[tokio::test]
async fn a_component_that_would_be_taken_is_told_in_full() {
    let said = said(App::bare(), &["plugin", "check", arete_artifacts::COUNTER], 0).await;
    assert_says(
        &said,
        &[
            "sha256      ",
            "contract    arete:provider 0.1.1",
            "exports     arete:provider/chat@0.1.1",
            "imports     ",
            "memory      1, the largest beginning with 1",
            "it may have 256 MiB",
            "tables      ",
            "compiled    in ",
            "describes   counter 0.0.1",
            "may reach   nobody",
            "The server would take it.",
        ],
    );
}

#[tokio::test]
async fn what_would_not_be_taken_is_told_with_its_reason() {
    let good = std::fs::read(arete_artifacts::COUNTER).unwrap();
    for (name, content, reason) in [
        ("letter", b"Dear server".to_vec(), "it doesn't begin as WebAssembly does"),
        ("cut", good[..good.len() - 100].to_vec(), "broken or cut off"),
        ("empty", vec![], "it is empty"),
        ("mute", std::fs::read(arete_artifacts::MUTE).unwrap(), "describe failed: "),
    ] {
        let file = format!("{name}.wasm");
        let said = said(App::bare().file(&file, content), &["plugin", "check", &file], 1).await;
        assert_says(&said, &["sha256", "The server would not take it: ", reason]);
    }
}

#[tokio::test]
async fn a_providers_file_is_checked_with_its_component() {
    let check = ["plugin", "check", arete_artifacts::STRAY, "--provider", "mine.toml"];
    let granted = "[config]\nbase-url = \"https://a.example\"\nother = \"https://b.example:8443/v1\"\n\
                   [[outbound]]\norigin = \"https://a.example\"\nheaders = { x-api-key = \"${A_KEY}\" }\n";
    let said_without = said(App::bare().file("mine.toml", granted), &check, 0).await;
    assert_says(&said_without, &["may reach   https://a.example", "provider mine lacks A_KEY"]);
    let said_with =
        said(App::bare().file("mine.toml", granted).set("A_KEY", "sk-secret-of-a"), &check, 0)
            .await;
    assert_says(
        &said_with,
        &[
            "its setting other names https://b.example:8443, which it is not granted",
            "origin = \"https://b.example:8443\"",
        ],
    );
    assert!(!said_with.contains("sk-secret"), "{said_with}");

    let wrong = said(App::bare().file("mine.toml", "\norigin = 1\n"), &check, 1).await;
    assert_says(&wrong, &["mine.toml: line 2: a provider's file has no key \"origin\""]);
    let small =
        said(App::bare().file("mine.toml", "[limits]\nmemory = \"1 MiB\"\n"), &check, 1).await;
    assert_says(
        &small,
        &[
            "of memory, and may have 1 MiB: `memory` under [limits] in the provider's file raises it",
        ],
    );
    let ungranted = said(App::bare(), &["plugin", "check", arete_artifacts::STRAY], 0).await;
    assert_says(&ungranted, &["it can use the network and is granted no origin", "[[outbound]]"]);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_a_mistake_of_the_callers() {
    assert_says(
        &said(App::bare(), &["plugin", "check", "none.wasm"], 64).await,
        &["none.wasm is no file"],
    );
}

#[tokio::test]
async fn all_providers_are_listed_as_they_would_be_loaded() {
    let app = || App::bare().plugin(arete_artifacts::COUNTER);
    let good = app();
    let listed = said(good.clone(), &["plugin", "list"], 0).await;
    assert!(!good.dir().join("data").exists(), "who lists makes nothing");
    assert_says(
        &listed,
        &[
            "PROVIDER",
            "claude    unconfigured",
            "https://api.anthropic.com",
            "counter   ready",
            "echo ",
        ],
    );
    let listed = said(app().file("plugins/bad.toml", "x = 1\n"), &["plugin", "list"], 1).await;
    assert_says(&listed, &["bad       failed", "line 1: a provider's file has no key \"x\""]);
}
