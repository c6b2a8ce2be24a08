//! Settings: every mistake at once and before the port opens, with what would be right and never
//! with a secret.

use mock_vendor::{MockVendor, Reply, claude};
use serde_json::json;

use crate::support::builder::Run;
use crate::support::{App, Builder, ask, question};

/// What a shell is told: the operator's input is wrong.
const EX_USAGE: i32 = 64;

async fn refused(builder: Builder) -> Run {
    let run = builder.run().await;
    assert_eq!(run.status.code(), Some(EX_USAGE), "{}", run.stderr);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    run
}

#[tokio::test]
async fn every_mistake_is_reported_at_once_and_without_secrets() {
    let secret = "sk-secret-that-nobody-may-see";
    let run = refused(
        App::bare()
            .set("PORT", "http")
            .set("HOST", "the moon")
            .set("LLM_CACHE_ENABLED", "banana")
            .set("LLM_MAX_RETRIES", "-1")
            .set("LLM_RETRY_DELAY", "soon")
            .set("LLM_CACHE_TTL", "99999d")
            .set("LLM_TIMEOUT", "0")
            .set("LLM_PLUGIN_MEMORY", "12")
            .set("HTTP_BODY_LIMIT", "lots")
            .set("LOG_FORMAT", "xml")
            .set("RUST_LOG", "==")
            .set("CORS_ORIGINS", "example.com")
            .set("ANTHROPIC_API_KEY", format!("{secret}\u{7}"))
            .set("ANTHROPIC_BASE_URL", format!("https://user:{secret}@api.example"))
            .set(
                "ARETE_API_KEYS",
                format!("{secret},short:{},twice:{secret},twice:{secret}", &secret[..9]),
            ),
    )
    .await;
    for name in [
        "PORT",
        "HOST",
        "LLM_CACHE_ENABLED",
        "LLM_MAX_RETRIES",
        "LLM_RETRY_DELAY",
        "LLM_CACHE_TTL",
        "LLM_TIMEOUT",
        "LLM_PLUGIN_MEMORY",
        "HTTP_BODY_LIMIT",
        "LOG_FORMAT",
        "RUST_LOG",
        "CORS_ORIGINS",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL",
        "ARETE_API_KEYS",
    ] {
        assert!(run.stderr.contains(&format!("  {name}: ")), "{name} in:\n{}", run.stderr);
    }
    assert!(run.stderr.contains("\"banana\""), "{}", run.stderr);
    assert!(run.stderr.contains("the name twice is given twice"), "{}", run.stderr);
    assert!(
        run.stderr.contains("the key of short must have at least 16 characters"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("sk-secret"), "{}", run.stderr);
}

#[tokio::test]
async fn other_machines_are_let_in_only_with_keys() {
    let run = refused(App::with_echo().set("HOST", "0.0.0.0")).await;
    assert!(run.stderr.contains("ARETE_API_KEYS"), "{}", run.stderr);

    let keys = "team:0123456789abcdef";
    let app =
        App::with_echo().set("HOST", "0.0.0.0").set("ARETE_API_KEYS", keys).args(&["check-config"]);
    assert_eq!(app.run().await.status.code(), Some(0));
}

#[tokio::test]
async fn an_unknown_default_provider_is_a_mistake_that_names_those_there_are() {
    let run =
        refused(App::bare().set("LLM_DEFAULT_PROVIDER", "gpt").plugin(arete_artifacts::COUNTER))
            .await;
    assert!(run.stderr.contains("LLM_DEFAULT_PROVIDER"), "{}", run.stderr);
    assert!(run.stderr.contains("claude, counter, echo"), "{}", run.stderr);
}

#[tokio::test]
async fn a_file_of_settings_is_read_and_the_environment_wins() {
    let dotenv = "# the operator's\nLLM_DEFAULT_PROVIDER=echo\nANTHROPIC_MODEL='claude-of-the-file'\nPORT=1\n";
    let app = App::bare().file(".env", dotenv).start().await;
    assert_eq!(app.chat(question("Hello")).await.ok()["provider"], "echo");
    assert_eq!(app.provider("claude").await["defaultModel"], "claude-of-the-file");

    let app = App::bare()
        .file(".env", dotenv)
        .set("ANTHROPIC_MODEL", "claude-of-the-environment")
        .start()
        .await;
    assert_eq!(app.provider("claude").await["defaultModel"], "claude-of-the-environment");
}

#[tokio::test]
async fn a_file_of_settings_that_cannot_be_read_is_a_mistake_without_its_text() {
    let run = refused(App::bare().file(".env", "PORT=0\nsk-secret is no setting\n")).await;
    assert!(run.stderr.contains(".env") && !run.stderr.contains("sk-secret"), "{}", run.stderr);
}

#[tokio::test]
async fn without_a_key_claude_says_what_is_missing_and_echo_answers() {
    let app = App::bare().start().await;
    let warning =
        app.wait_for_log(|line| line["level"] == "WARN" && line["provider"] == "claude").await;
    assert!(warning["message"].as_str().unwrap().contains("ANTHROPIC_API_KEY"), "{warning}");

    let problem = app.chat(question("Hello")).await.problem(503, "provider-unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("ANTHROPIC_API_KEY"), "{problem}");
    app.refused_stream(question("Hello")).await.problem(503, "provider-unavailable");
    assert_eq!(app.provider("claude").await["state"], "unconfigured");
    assert_eq!(
        app.chat(ask("Hello", json!({ "provider": "echo" }))).await.ok()["content"],
        "Hello"
    );
}

#[tokio::test]
async fn settings_can_be_checked_without_serving() {
    let good = App::with_echo().args(&["check-config"]).run().await;
    assert_eq!(good.status.code(), Some(0));
    assert!((good.stdout + &good.stderr).contains("The settings are right."));
    refused(App::bare().set("LLM_CACHE_ENABLED", "banana").args(&["check-config"])).await;
}

#[tokio::test]
async fn checking_tells_of_credentials_that_are_not_taken_out_of_answers() {
    let check = |key: &str| {
        let app = App::bare().set("ANTHROPIC_API_KEY", key).args(&["check-config"]);
        async move { app.run().await.stderr }
    };
    let plain = check("not-needed").await;
    assert!(
        plain.contains("note  provider claude: its credential in the header x-api-key"),
        "{plain}"
    );
    assert!(!plain.contains("not-needed"), "{plain}");
    assert!(!check("sk-ant-0123456789-of-the-tests").await.contains("note"));
}

#[tokio::test]
async fn help_and_version_are_told() {
    let help = App::bare().args(&["--help"]).run().await;
    assert_eq!(help.status.code(), Some(0));
    assert!(
        help.stdout.contains("check-config") && help.stdout.contains("serve"),
        "{}",
        help.stdout
    );
    let version = App::bare().args(&["--version"]).run().await;
    assert_eq!(version.status.code(), Some(0));
    assert!(version.stdout.starts_with("arete "), "{}", version.stdout);
    let unknown = App::bare().args(&["dance"]).run().await;
    assert!(!unknown.status.success());
}

#[tokio::test]
async fn a_folder_of_plugins_that_is_not_there_keeps_the_server_from_starting() {
    let run = App::with_echo().set("LLM_PLUGIN_DIR", "nowhere").run().await;
    assert!(!run.status.success());
    assert!(run.stderr.contains("LLM_PLUGIN_DIR nowhere can't be read"), "{}", run.stderr);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let run = App::with_echo().set("PORT", address.port().to_string()).run().await;
    assert_eq!(run.status.code(), Some(1));
    assert!(run.stderr.contains(&address.to_string()), "{}", run.stderr);
}

#[tokio::test]
async fn a_key_in_dotenv_reaches_the_vendor_as_it_is_written_or_is_refused_by_its_line() {
    let vendor = MockVendor::start().await;
    let key = "sk-ant-a1b2$c3d4$e5f6";
    let dotenv = format!(
        "\u{feff}# Windows' editor wrote this\r\nANTHROPIC_API_KEY={key}\r\nANTHROPIC_BASE_URL={}\r\nPORT=0\r\n",
        vendor.url()
    );
    let app = App::bare().file(".env", dotenv).start().await;
    vendor.reply(Reply::json(200, claude::message("Hi")));
    assert_eq!(app.chat(question("Hello")).await.ok()["content"], "Hi");
    assert_eq!(vendor.next_request().await.header("x-api-key"), Some(key));

    let twice = "LLM_DEFAULT_PROVIDER=echo\nc3d4=a\nANTHROPIC_API_KEY=sk-ant-a1b2$c3d4\n";
    let run = refused(App::bare().file(".env", twice)).await;
    let says = ".env line 3: ANTHROPIC_API_KEY has a $ with the name of another setting";
    assert!(run.stderr.contains(says) && run.stderr.contains("single quotes"), "{}", run.stderr);
    assert!(!run.stderr.contains("a1b2"), "{}", run.stderr);
}
