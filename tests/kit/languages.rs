//! A new project in each language, built by the language's own tools and held against the whole suite.
//! These install the tools, so they run only when they are asked for: `cargo test -p arete-plugin-kit
//! --test kit -- --ignored`.

use crate::desk::Desk;

async fn a_new_project_passes(language: &str) {
    let desk = Desk::new();
    assert!(desk.run(&["new", "my-vendor", "--lang", language]).await.0);
    let (built, _, problem) = desk.run(&["build", "my-vendor"]).await;
    assert!(built, "{problem}");
    // The provider file is found beside the folder of the component.
    let (passed, says, _) = desk.run(&["test", "my-vendor/build/my-vendor.wasm"]).await;
    assert!(passed && says.contains("36 passed, 0 failed"), "{says}");
}

#[tokio::test]
#[ignore = "installs Zig"]
async fn a_new_project_in_c_passes_the_suite() {
    a_new_project_passes("c").await;
}

#[tokio::test]
#[ignore = "installs Go"]
async fn a_new_project_in_go_passes_the_suite() {
    a_new_project_passes("go").await;
}

#[tokio::test]
#[ignore = "installs componentize-py"]
async fn a_new_project_in_python_passes_the_suite() {
    a_new_project_passes("python").await;
}

#[tokio::test]
#[ignore = "takes a minute"]
async fn a_new_project_in_rust_passes_the_suite() {
    a_new_project_passes("rust").await;
}

#[tokio::test]
#[ignore = "installs jco"]
async fn a_new_project_in_typescript_passes_the_suite() {
    a_new_project_passes("ts").await;
}

/// A save in Python is told to the component that is there.
#[tokio::test]
#[ignore = "installs componentize-py"]
async fn a_saved_file_in_python_needs_no_build() {
    let desk = Desk::new();
    assert!(desk.run(&["new", "hello", "--lang", "python"]).await.0);
    let dev = desk.start(&["dev", "hello", "--port", "0"]);
    dev.says("Ask it:", 1).await;
    let component = std::fs::read(desk.path("hello/build/dev/component.wasm")).unwrap();

    let source = "hello/src/provider.py";
    desk.edit(source, "text_part(text)", "text_part(text.upper())");
    dev.says("loaded in", 2).await;
    let text = dev.stdout.text();
    let url = text.split_whitespace().find(|word| word.ends_with("/api/llm/chat")).unwrap();
    assert_eq!(crate::author::ask(url).await["content"], "HELLO, YOU!");
    assert!(component == std::fs::read(desk.path("hello/build/dev/component.wasm")).unwrap());

    desk.edit(source, "WORDS: dict", "WORDS = = 1\nWORDS: dict");
    dev.says("but refused", 1).await;
    assert!(dev.stdout.text().contains("SyntaxError"), "{}", dev.stdout.text());
    assert_eq!(crate::author::ask(url).await["content"], "HELLO, YOU!");
}
