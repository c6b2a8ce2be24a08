//! Compiled code on disk: it saves the next start the work, and whatever lies there, the server
//! starts.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::App;

/// Where the code of each provider came from, by the log.
fn origins(app: &App) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let lines = app.logs().find(|line| line["message"] == "Loaded provider");
    let mut origins: Vec<_> =
        lines.iter().map(|line| (text(&line["provider"]), text(&line["code"]))).collect();
    origins.sort();
    origins
}

fn all(origin: &str) -> Vec<(String, String)> {
    ["claude", "echo"].map(|provider| (provider.to_owned(), origin.to_owned())).into()
}

fn code_files(app: &App) -> Vec<PathBuf> {
    let entries = fs::read_dir(app.data_dir().join("code")).expect("the folder of code");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm")).collect()
}

fn warnings(app: &App, about: &str) -> usize {
    let said =
        |line: &Value| line["message"].as_str().is_some_and(|message| message.contains(about));
    app.logs().find(|line| line["level"] == "WARN" && said(line)).len()
}

#[tokio::test]
async fn a_restart_compiles_nothing() {
    let app = App::with_echo().own_code().start().await;
    assert_eq!(origins(&app), all("compiled"));
    assert_eq!(code_files(&app).len(), 2);
    let app = app.kill_and_restart().await;
    assert_eq!(origins(&app), all("cache"));
    app.assert_well().await;
}

#[tokio::test]
async fn garbage_in_place_of_code_is_replaced() {
    let garbage = "data/code/not code.cwasm";
    let app = App::with_echo()
        .own_code()
        .file("data/code/key", "no key")
        .file(garbage, "x")
        .start()
        .await;
    assert_eq!((origins(&app), warnings(&app, "made anew")), (all("compiled"), 1));
    let files = code_files(&app);
    assert_eq!(files.len(), 3);
    for file in &files {
        // As a new file: the process still runs what is in the old one.
        fs::remove_file(file).expect("a file can be removed");
        fs::write(file, "garbage").expect("a file can be written");
    }
    app.assert_well().await;
    let app = app.restart().await;
    assert_eq!((origins(&app), warnings(&app, "isn't used, and is removed")), (all("compiled"), 2));
    app.assert_well().await;
    let app = app.restart().await;
    assert_eq!(origins(&app), all("cache"));
}

#[tokio::test]
async fn a_server_that_cannot_keep_code_compiles_at_each_start_and_says_so_once() {
    let app = App::with_echo().own_code().file("data/code", "a file, not a folder").start().await;
    assert_eq!((origins(&app), warnings(&app, "Compiled code isn't kept")), (all("compiled"), 1));
    let app = app.restart().await;
    assert_eq!((origins(&app), warnings(&app, "Compiled code isn't kept")), (all("compiled"), 1));
    app.assert_well().await;
}

#[tokio::test]
async fn no_code_is_kept_for_an_operator_who_wants_none() {
    let app = App::with_echo().own_code().set("LLM_CODE_CACHE_MAX_BYTES", "0").start().await;
    assert_eq!((origins(&app), warnings(&app, "Compiled code isn't kept")), (all("compiled"), 0));
    assert!(!app.data_dir().join("code").exists());
    app.assert_well().await;
}

#[tokio::test]
async fn machine_code_is_no_plugin_even_if_this_server_compiled_it() {
    let app = App::with_echo().own_code().start().await;
    let code =
        fs::read(code_files(&app).first().expect("code was kept")).expect("a file can be read");
    let app = App::with_echo().own_code().plugin_file("smuggled", code).start().await;
    let error = app.provider("smuggled").await["lastError"].clone();
    assert!(
        error.as_str().is_some_and(|error| error.contains("machine code, not a component")),
        "{error}"
    );
}
