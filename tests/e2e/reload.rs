//! Providers that come, change and go while the server runs.

use std::fs;
use std::path::PathBuf;

use mock_vendor::{Gate, MockVendor, Reply, claude};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{App, Builder, EventStream, KEY, ask, within};

/// A server with an empty folder of plugins.
fn empty() -> Builder {
    let app = App::with_echo().set("LLM_PLUGIN_DIR", "plugins");
    fs::create_dir(app.dir().join("plugins")).expect("the folder can be made");
    app
}

/// The folder of plugins of a running server, and its events.
struct Folder {
    path: PathBuf,
    events: EventStream,
}

impl Folder {
    async fn of(app: &App) -> Self {
        let events = EventStream::open(app.request(Method::GET, "/api/llm/providers/events")).await;
        Self { path: app.dir().join("plugins"), events }
    }

    /// Writes a file in place, as `cp` does.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path.join(name), content).expect("a file can be written");
    }

    /// Writes a file beside and renames it, as editors and cargo do.
    fn replace(&self, name: &str, content: impl AsRef<[u8]>) {
        let beside = self.path.join(format!(".{name}.new"));
        fs::write(&beside, content).expect("a file can be written");
        fs::rename(beside, self.path.join(name)).expect("a file can be renamed");
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path.join(name)).expect("a file can be removed");
    }

    /// Waits until a provider is told to be in this state.
    async fn until(&mut self, id: &str, state: &str) -> Value {
        within(&format!("{id} to be {state}"), async {
            loop {
                let (name, data) = self.events.next().await.expect("the events go on");
                if data["id"] == id
                    && (name == "provider" && data["state"] == state || name == state)
                {
                    return data;
                }
            }
        })
        .await
    }
}

fn component(path: &str) -> Vec<u8> {
    fs::read(path).expect("fixtures are compiled before the tests")
}

/// The same component, and yet another one: an empty custom section more.
fn variant(path: &str, name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).expect("a short name");
    [component(path), vec![0, length + 1, length], name.as_bytes().to_vec()].concat()
}

#[tokio::test]
async fn a_component_dropped_in_is_a_provider_until_it_is_taken_away() {
    let app = empty().start().await;
    let mut folder = Folder::of(&app).await;
    folder.write("parrot.wasm", component(arete_artifacts::COUNTER));
    let told = folder.until("parrot", "ready").await;
    assert_eq!(told["vendor"], "counter");
    let listed = app.get("/api/llm/providers").await.ok();
    assert_eq!(listed["providers"], json!(["claude", "echo", "parrot"]));
    assert_eq!(app.chat(ask("Hello", json!({ "provider": "parrot" }))).await.ok()["content"], "1");

    folder.remove("parrot.wasm");
    folder.until("parrot", "gone").await;
    app.chat(ask("Hello", json!({ "provider": "parrot" }))).await.problem(404, "not-found");
    app.assert_well().await;
}

#[tokio::test]
async fn a_component_overwritten_in_place_is_taken_although_its_size_and_time_are_the_same() {
    let app = empty().start().await;
    let mut folder = Folder::of(&app).await;
    let path = folder.path.join("parrot.wasm");
    let time = std::time::SystemTime::now() - std::time::Duration::from_secs(3_600);
    let mut versions = Vec::new();
    // As `cp -p` and rsync leave it.
    for name in ["a", "b", "c"] {
        folder.write("parrot.wasm", variant(arete_artifacts::COUNTER, name));
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        loop {
            let version = folder.until("parrot", "ready").await["sha256"].clone();
            if !versions.contains(&version) {
                versions.push(version);
                break;
            }
        }
    }
    assert_eq!(versions.len(), 3);
}

#[tokio::test]
async fn a_new_version_takes_over_while_a_stream_ends_on_the_one_it_began_with() {
    let vendor = MockVendor::start().await;
    let file = |component: &str| {
        let url = vendor.url();
        format!(
            "component = \"{component}\"\n[config]\nbase-url = \"{url}\"\nmodel = \"m\"\n\
             [[outbound]]\norigin = \"{url}\"\nheaders = {{ x-api-key = \"{KEY}\" }}\n"
        )
    };
    let app = empty().file("plugins/mine.toml", file("bundled:claude")).start().await;
    let mut folder = Folder::of(&app).await;
    let gate = Gate::new();
    vendor.reply(Reply::sse_text(claude::stream(&["Good ", "morning"])).wait_after(4, &gate));
    let mut under_way = app.stream(ask("Hello", json!({ "provider": "mine" }))).await;
    under_way.next().await;
    assert_eq!(under_way.text().await, "Good ");

    let before = app.provider("mine").await;
    folder.replace("mine.toml", file("bundled:echo"));
    while folder.until("mine", "ready").await["sha256"] == before["sha256"] {}
    assert_eq!(
        app.chat(ask("Hello", json!({ "provider": "mine" }))).await.ok()["provider"],
        "echo"
    );
    gate.open();
    assert_eq!(under_way.finish().await.0, "morning");
}

#[tokio::test]
async fn a_version_that_cannot_be_loaded_leaves_the_last_good_one_serving() {
    let good = component(arete_artifacts::COUNTER);
    let app = empty().plugin(arete_artifacts::COUNTER).start().await;
    let mut folder = Folder::of(&app).await;
    let serving = app.provider("counter").await;
    for (bad, reason) in [
        (b"not WebAssembly at all".to_vec(), "doesn't begin as WebAssembly does"),
        (good[..good.len() / 2].to_vec(), "broken or cut off"),
        (vec![], "empty"),
        (component(arete_artifacts::MUTE), "describe failed"),
    ] {
        folder.write("counter.wasm", bad);
        let told = loop {
            let told = folder.until("counter", "stale").await;
            if told["lastError"].as_str().is_some_and(|error| error.contains(reason)) {
                break told;
            }
        };
        assert_eq!(told["sha256"], serving["sha256"]);
        assert_eq!(
            app.chat(ask("Hello", json!({ "provider": "counter" }))).await.ok()["content"],
            "1"
        );
        let wanted = |line: &Value| {
            line["level"] == "ERROR"
                && line["message"].as_str().is_some_and(|message| message.contains(reason))
        };
        app.wait_for_log(wanted).await;
    }
    folder.write("counter.wasm", &good);
    assert_eq!(folder.until("counter", "ready").await["lastError"], Value::Null);
}

#[tokio::test]
async fn a_providers_file_is_followed_too() {
    let app = empty().start().await;
    let mut folder = Folder::of(&app).await;
    folder.write("second.toml", "compnent = \"bundled:echo\"\n");
    let told = folder.until("second", "failed").await;
    let reason = told["lastError"].as_str().unwrap();
    assert!(
        reason.contains("second.toml")
            && reason.contains("line 1")
            && reason.contains("\"component\"?"),
        "{reason}"
    );
    app.chat(ask("Hello", json!({ "provider": "second" })))
        .await
        .problem(503, "provider-unavailable");

    folder.replace("second.toml", "component = \"bundled:echo\"\n");
    folder.until("second", "ready").await;
    assert_eq!(
        app.chat(ask("Hello", json!({ "provider": "second" }))).await.ok()["content"],
        "Hello"
    );

    // A mistake later on: the definition of before goes on.
    folder.replace("second.toml", "component = \"bundled:echo\"\n[limits]\nmemroy = 1\n");
    folder.until("second", "stale").await;
    assert_eq!(
        app.chat(ask("Hello again", json!({ "provider": "second" }))).await.ok()["content"],
        "Hello again"
    );
}

#[tokio::test]
async fn a_bundled_provider_can_be_replaced_turned_off_and_had_back() {
    let app = empty()
        .file("plugins/echo.toml", "enabled = false\n")
        .set("LLM_DEFAULT_PROVIDER", "claude")
        .start()
        .await;
    let mut folder = Folder::of(&app).await;
    app.chat(ask("Hello", json!({ "provider": "echo" }))).await.problem(404, "not-found");
    folder.remove("echo.toml");
    folder.until("echo", "ready").await;
    app.assert_well().await;
    folder.write("echo.wasm", component(arete_artifacts::COUNTER));
    while folder.until("echo", "ready").await["vendor"] != "counter" {}
    assert_eq!(app.chat(ask("Hello", json!({ "provider": "echo" }))).await.ok()["content"], "1");
}

#[tokio::test]
async fn a_variable_put_into_the_file_of_settings_is_found_when_the_provider_is_saved_again() {
    let file = "component = \"bundled:echo\"\n[config]\nregion = \"${REGION}\"\n";
    let app = empty().file("plugins/here.toml", file).start().await;
    let mut folder = Folder::of(&app).await;
    let told = folder.until("here", "unconfigured").await;
    assert!(told["lastError"].as_str().unwrap().contains("provider here lacks REGION"), "{told}");
    let answer = app.chat(ask("Hello", json!({ "provider": "here" }))).await;
    answer.problem(503, "provider-unavailable");
    fs::write(app.dir().join(".env"), "REGION=eu\n").unwrap();
    folder.replace("here.toml", file);
    folder.until("here", "ready").await;
    assert_eq!(
        app.chat(ask("Hello", json!({ "provider": "here" }))).await.ok()["content"],
        "Hello"
    );
}

#[tokio::test]
async fn one_component_serves_several_providers() {
    let vendor = MockVendor::start().await;
    let file = |path: &str, key: &str| {
        let url = vendor.url();
        format!(
            "component = \"bundled:claude\"\n[config]\nbase-url = \"{url}{path}\"\nmodel = \"m\"\n\
             [[outbound]]\norigin = \"{url}\"\nheaders = {{ x-api-key = \"{key}\" }}\n"
        )
    };
    let app = empty()
        .file("plugins/one.toml", file("/one", "key-of-one"))
        .file("plugins/two.toml", file("/two", "key-of-two"));
    let app = app.start().await;
    for (id, path, key) in
        [("one", "/one/v1/messages", "key-of-one"), ("two", "/two/v1/messages", "key-of-two")]
    {
        vendor.reply(Reply::json(200, claude::message(id)));
        assert_eq!(app.chat(ask("Hello", json!({ "provider": id }))).await.ok()["content"], id);
        let sent = vendor.requests().pop().expect("the vendor was asked");
        assert_eq!((sent.path.as_str(), sent.header("x-api-key")), (path, Some(key)));
    }
}

#[tokio::test]
async fn a_component_that_is_not_the_pinned_one_is_refused() {
    let app = empty()
        .plugin(arete_artifacts::COUNTER)
        .file("plugins/counter.toml", format!("sha256 = \"{}\"\n", "0".repeat(64)))
        .start()
        .await;
    let told = app.provider("counter").await;
    assert_eq!(told["state"], "failed");
    assert!(
        told["lastError"].as_str().unwrap().contains("isn't the one that was pinned"),
        "{told}"
    );
}

#[tokio::test]
async fn no_request_fails_while_a_provider_is_reloaded_again_and_again() {
    const RELOADS: usize = 20;
    let app = empty().plugin(arete_artifacts::COUNTER).start().await;
    let mut folder = Folder::of(&app).await;
    let reloads = async {
        for turn in 0..RELOADS {
            let before = app.provider("counter").await["sha256"].clone();
            folder.replace("counter.wasm", variant(arete_artifacts::COUNTER, &format!("v{turn}")));
            while folder.until("counter", "ready").await["sha256"] == before {}
        }
    };
    tokio::pin!(reloads);
    let mut asked = 0;
    loop {
        let question = ask("Hello", json!({ "provider": "counter", "useCache": false }));
        let load = async {
            let answers = tokio::join!(
                app.chat(question.clone()),
                app.chat(question.clone()),
                app.chat(question.clone())
            );
            for answer in [answers.0, answers.1, answers.2] {
                assert_eq!(answer.ok()["content"], "1");
            }
        };
        tokio::select! {
            () = &mut reloads => break,
            () = load => asked += 3,
        }
    }
    assert!(RELOADS <= asked, "{asked} questions are no load");
}

#[tokio::test]
async fn the_events_begin_with_all_providers_and_end_with_the_server() {
    let mut app = App::with_echo().start().await;
    let mut events = EventStream::open(app.request(Method::GET, "/api/llm/providers/events")).await;
    for id in ["claude", "echo"] {
        let (name, data) = events.next().await.expect("an event for each provider");
        assert_eq!((name.as_str(), &data["id"]), ("provider", &json!(id)));
    }
    app.signal("TERM");
    assert!(events.next().await.is_none());
    assert!(app.ended().await.success());
}
