//! An author's way, from an empty folder to an answer that changes when a file is saved. In Rust,
//! because it is there wherever these tests run, with the crates that the repository itself is
//! compiled with: nothing is downloaded.

use std::fs;
use std::process::Command;

use reqwest::Client;
use serde_json::{Value, json};

use crate::desk::Desk;

#[tokio::test]
async fn a_new_project_builds_and_would_be_taken() {
    let desk = Desk::new();
    let (done, says, _) = desk.run(&["new", "my-vendor", "--lang", "rust"]).await;
    assert!(done && says.contains("arete plugin dev my-vendor"), "{says}");
    let (again, _, problem) = desk.run(&["new", "my-vendor", "--lang", "rust"]).await;
    assert!(!again && problem.contains("my-vendor is there already"), "{problem}");

    let (done, says, problem) = desk.run(&["build", "my-vendor"]).await;
    assert!(done, "{problem}");
    let component = desk.path("my-vendor/build/my-vendor.wasm");
    assert!(
        says.contains("my-vendor.wasm") && says.contains(" bytes") && says.contains("sha256 "),
        "{says}"
    );
    let provider = desk.path("my-vendor/provider.toml");
    let paths = [&component, &provider].map(|path| path.to_str().unwrap());
    let (taken, says, _) = desk.run(&["check", paths[0], "--provider", paths[1]]).await;
    assert!(taken && says.contains("describes   my-vendor 0.1.0"), "{says}");
    assert!(says.contains("lacks MY_VENDOR_API_KEY"), "{says}");

    desk.edit("my-vendor/src/lib.rs", "arete_plugin::export!(Exported);", "");
    let (done, _, problem) = desk.run(&["build", "my-vendor"]).await;
    assert!(!done && problem.contains("doesn't export `arete:provider/chat@0.1.1`"), "{problem}");
    assert!(component.is_file(), "the last good component stays");
}

#[tokio::test]
async fn a_folder_that_is_no_project_is_told_what_it_lacks() {
    let desk = Desk::new();
    for command in ["build", "dev"] {
        let (done, _, problem) = desk.run(&[command, "."]).await;
        assert!(
            !done
                && problem.contains("is no plugin project")
                && problem.contains("Cargo.toml (Rust)"),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn a_saved_file_changes_the_answer_and_a_broken_one_does_not() {
    let desk = Desk::new();
    assert!(desk.run(&["new", "hello", "--lang", "rust"]).await.0);
    let mut dev = desk.start(&["dev", "hello", "--port", "0"]);
    dev.says("Ask it:", 1).await;
    let text = dev.stdout.text();
    assert!(
        text.contains("HELLO_API_KEY isn't set, so the vendor is played by cassettes/"),
        "{text}"
    );
    let url =
        text.split_whitespace().find(|word| word.ends_with("/api/llm/chat")).unwrap().to_owned();
    assert_eq!(ask(&url).await["content"], "Hello, you!");
    dev.says("cassettes/plain answers POST /v1/chat with 200, which was recorded for another", 1)
        .await;

    desk.edit("hello/src/lib.rs", "text_part(text)", "text_part(text.to_uppercase())");
    dev.says("loaded in", 2).await;
    assert_eq!(ask(&url).await["content"], "HELLO, YOU!");

    desk.edit("hello/src/lib.rs", "to_uppercase()", "to_upper_case()");
    dev.says("Not built", 1).await;
    dev.stderr
        .until("the compiler's words", |text, _| text.contains("no method named `to_upper_case`"))
        .await;
    assert_eq!(ask(&url).await["content"], "HELLO, YOU!");

    // What builds and is refused: the reason is told, and the last good version goes on.
    desk.edit("hello/src/lib.rs", "to_upper_case()", "to_lowercase()");
    desk.edit(
        "hello/src/lib.rs",
        "vendor::info(",
        "vendor::setting(\"modle\")?;\n        vendor::info(",
    );
    dev.says("but refused", 1).await;
    assert!(dev.stdout.text().contains("The setting `modle` is missing"), "{}", dev.stdout.text());
    assert_eq!(ask(&url).await["content"], "HELLO, YOU!");

    desk.edit("hello/src/lib.rs", "modle", "model");
    dev.says("loaded in", 3).await;
    assert_eq!(ask(&url).await["content"], "hello, you!");

    let told = Command::new("kill").args(["-s", "INT", &dev.child.id().to_string()]).status();
    assert!(told.unwrap().success());
    assert!(dev.ended().await.success());
    assert!(Client::new().get(&url).send().await.is_err(), "nobody listens any more");
}

/// A literal origin is one that the stand-in can't be put into by a variable.
#[tokio::test]
async fn the_vendor_is_played_whatever_form_its_origin_has() {
    let desk = Desk::new();
    assert!(desk.run(&["new", "played", "--lang", "rust"]).await.0);
    let origin = "${PLAYED_BASE_URL:-https://api.example.com}";
    desk.edit("played/provider.toml", origin, "https://api.example.com");
    let mut dev = desk.start(&["dev", "played", "--port", "0"]);
    dev.says("Ask it:", 1).await;
    let text = dev.stdout.text();
    let url = text.split_whitespace().find(|word| word.ends_with("/api/llm/chat")).unwrap();
    assert_eq!(ask(url).await["content"], "Hello, you!");

    // Its mistakes are told by the name that the file has in the project.
    desk.edit("played/provider.toml", "methods", "method");
    dev.says("but refused", 1).await;
    let text = dev.stdout.text();
    assert!(text.contains("provider.toml") && !text.contains("played.toml"), "{text}");

    // A key in the project's own folder is found from anywhere.
    fs::write(desk.path("played/.env"), "PLAYED_API_KEY=k-1\n").unwrap();
    desk.edit("played/provider.toml", "method =", "methods =");
    // Its server ends with it, and gives the project's folder free.
    let told = Command::new("kill").args(["-s", "INT", &dev.child.id().to_string()]).status();
    assert!(told.unwrap().success());
    assert!(dev.ended().await.success());
    let with_key = desk.start(&["dev", "played", "--port", "0"]);
    with_key.says("Ask it:", 1).await;
    let text = with_key.stdout.text();
    assert!(!text.contains("isn't set"), "{text}");
}

#[tokio::test]
async fn a_reader_who_leaves_is_no_failure() {
    let desk = Desk::new();
    for args in [&["new", "hello", "--lang", "other"][..], &["wit"], &["list"], &["check", "none"]]
    {
        let status = desk.start_with_closed_output(args).wait().unwrap();
        assert!(matches!(status.code(), Some(0 | 64)), "{args:?}: {status}");
    }
}

pub async fn ask(url: &str) -> Value {
    let question = json!({ "messages": [{ "role": "user", "content": "Hello!" }] });
    let answer = Client::new().post(url).body(question.to_string());
    let answer = answer.header("content-type", "application/json").send().await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_component_is_put_into_the_folder_of_a_server_that_runs() {
    let desk = Desk::new();
    assert!(desk.run(&["new", "taken", "--lang", "rust"]).await.0);
    fs::create_dir(desk.path("plugins")).unwrap();
    fs::write(desk.path("plugins/taken.toml"), "# the operator's own\n").unwrap();
    let dev = desk.start(&["dev", "taken", "--into", "plugins"]);
    dev.says("put into plugins", 1).await;
    let built = fs::read(desk.path("taken/build/taken.wasm")).unwrap();
    assert!(built == fs::read(desk.path("plugins/taken.wasm")).unwrap());
    assert_eq!(
        fs::read_to_string(desk.path("plugins/taken.toml")).unwrap(),
        "# the operator's own\n"
    );
}
