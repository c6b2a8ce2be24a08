//! A project in a language that the kit has no module for: the author names a command.

use std::fs;

use arete_artifacts as guests;

use crate::desk::Desk;

#[tokio::test]
async fn the_contract_is_written_and_never_over_another() {
    let desk = Desk::new();
    let (done, says, _) = desk.run(&["wit"]).await;
    assert!(done && says.contains("Wrote wit/provider.wit: the package arete:provider@"), "{says}");
    let written = fs::read_to_string(desk.path("wit/provider.wit")).unwrap();
    assert!(written.contains("world provider {"), "{written}");
    assert!(desk.run(&["wit"]).await.0, "the same again changes nothing");

    fs::write(desk.path("wit/provider.wit"), "package my:own;\n").unwrap();
    let (done, _, problem) = desk.run(&["wit"]).await;
    assert!(!done && problem.contains("--force replaces it"), "{problem}");
    assert!(desk.run(&["wit", "--force"]).await.0);
    assert_eq!(fs::read_to_string(desk.path("wit/provider.wit")).unwrap(), written);
}

#[tokio::test]
async fn a_project_in_any_language_is_built_by_its_own_command() {
    let desk = Desk::new();
    let (done, says, _) = desk.run(&["new", "my-vendor", "--lang", "other"]).await;
    assert!(done && says.contains("plugin.toml wants the command"), "{says}");
    assert!(desk.path("my-vendor/wit/provider.wit").is_file());
    let (done, _, problem) = desk.run(&["build", "my-vendor"]).await;
    assert!(
        !done && problem.contains("plugin.toml: it doesn't say how the component is built"),
        "{problem}"
    );

    // The command finds the contract, and writes where the file says.
    let build = |script: String| {
        let recipe = format!(
            "[build]\ncommand = [\"sh\", \"-c\", {script:?}]\ncomponent = \"bin/made.wasm\"\n"
        );
        fs::write(desk.path("my-vendor/plugin.toml"), recipe).unwrap();
    };
    build(format!(
        "test -f \"$ARETE_WIT/provider.wit\" && mkdir -p bin && cp {:?} bin/made.wasm",
        guests::SLEEPER
    ));
    let (done, says, problem) = desk.run(&["build", "my-vendor"]).await;
    assert!(done && says.contains("my-vendor/build/my-vendor.wasm"), "{says}{problem}");
    let built = fs::read(desk.path("my-vendor/build/my-vendor.wasm")).unwrap();
    assert!(built == fs::read(guests::SLEEPER).unwrap());

    for (script, says) in [
        ("echo broken >&2; exit 3", "broken\n`sh` failed: see above."),
        ("rm -rf bin", "`sh` ended well, but "),
        (
            "mkdir -p bin; printf '\\0asm\\1\\0\\0\\0' > bin/made.wasm",
            "doesn't export `arete:provider/chat@",
        ),
        ("mkdir -p bin; echo text > bin/made.wasm", "is no WebAssembly"),
    ] {
        build(script.to_owned());
        let (done, _, problem) = desk.run(&["build", "my-vendor"]).await;
        assert!(!done && problem.contains(says), "{script}: {problem}");
    }
    let kept = fs::read(desk.path("my-vendor/build/my-vendor.wasm")).unwrap();
    assert!(kept == built, "the last good component stays");

    fs::write(desk.path("my-vendor/plugin.toml"), "[build]\ncommand = [\"no-such-compiler\"]\n")
        .unwrap();
    let (done, _, problem) = desk.run(&["build", "my-vendor"]).await;
    assert!(!done && problem.contains("no-such-compiler isn't there. Install it"), "{problem}");
}
