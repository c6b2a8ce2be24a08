//! Provider files, right and wrong.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;

fn read(text: &str) -> Result<Parsed, String> {
    let vars = Vars::from([("GROQ_API_KEY", "gsk-1"), ("HOME", "/root")]);
    let (limits, folder) = (Limits::default(), Path::new("plugins.d"));
    let around = Surroundings { id: "groq", folder: Some(folder), vars: &vars, limits: &limits };
    parse(text, &around).map_err(|problems| problems.to_string())
}

fn definition(text: &str) -> Definition {
    match read(text) {
        Ok(Parsed::Enabled(definition)) => *definition,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_whole_file_is_read() {
    let definition = definition(
        r#"
        component = "openai.wasm"
        sha256 = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
        [config]
        base-url = "${GROQ_URL:-https://api.groq.com/openai/v1}"
        retries = 3
        strict = true
        [[outbound]]
        origin = "${GROQ_URL:-https://api.groq.com/openai/v1}"
        headers = { authorization = "Bearer ${GROQ_API_KEY}", x-tracing = "${TRACE:-}" }
        [[outbound]]
        origin = "http://10.0.0.7:8000"
        private = true
        [limits]
        memory = "64 MiB"
        cpu = "2s"
        calls = 8
        response-bytes = 1048576
        "#,
    );
    assert_eq!(definition.component, Source::File("plugins.d/openai.wasm".into()));
    assert_eq!(definition.pin.unwrap().to_string().get(..8), Some("e3b0c442"));
    assert_eq!(definition.config["base-url"], "https://api.groq.com/openai/v1");
    assert_eq!((&*definition.config["retries"], &*definition.config["strict"]), ("3", "true"));
    let [groq, inner] = &*definition.grants else { panic!("{:?}", definition.grants) };
    assert_eq!(groq.origin.ascii_serialization(), "https://api.groq.com");
    let [(name, value)] = groq.headers.as_slice() else { panic!("{groq:?}") };
    assert_eq!((name.as_str(), value.expose_secret()), ("authorization", "Bearer gsk-1"));
    assert!(inner.private && !groq.private);
    assert_eq!(definition.limits.memory(), 64 << 20);
    assert_eq!(definition.limits.cpu(), Duration::from_secs(2));
    assert_eq!(definition.limits.calls(), 8);
    assert_eq!(definition.limits.response_bytes(), 1 << 20);
    assert_eq!(definition.limits.idle_timeout(), Duration::from_secs(60));
    assert_eq!(definition.missing, None);
    assert!(!format!("{definition:?}").contains("gsk-1"));
}

#[test]
fn paths_are_below_the_path_of_a_base_url_and_methods_are_named() {
    let endpoints = |origin: &str| {
        let text = format!(
            "[[outbound]]\norigin = {origin:?}\npaths = [\"/v1/messages\", \"/${{X:-model}}/*\"]\nmethods = [\"POST\"]"
        );
        let grants = definition(&text).grants;
        (grants[0].origin.ascii_serialization(), grants[0].endpoints.to_string())
    };
    let (origin, paths) = endpoints("https://a.example");
    assert_eq!((&*origin, &*paths), ("https://a.example", "POST /v1/messages, /model/*"));
    let (origin, paths) = endpoints("${URL:-https://a.example/anthropic//}");
    let below = "POST /anthropic/v1/messages, /anthropic/model/*";
    assert_eq!((&*origin, &*paths), ("https://a.example", below));
    let all = definition("[[outbound]]\norigin = \"${URL:-https://a.example/v1}\"");
    assert_eq!(all.grants[0].endpoints.to_string(), "", "a base URL alone grants its whole origin");
}

#[test]
fn an_empty_file_grants_nothing() {
    let definition = definition("");
    assert_eq!(definition.component, Source::File("plugins.d/groq.wasm".into()));
    assert!(definition.grants.is_empty() && definition.config.is_empty());
}

#[test]
fn a_variable_without_a_value_leaves_the_provider_unconfigured() {
    let definition = definition(
        "[config]\nregion = \"${REGION}\"\n[[outbound]]\norigin = \"https://a.example\"\nheaders = { x-a = \"${A_KEY}\" }",
    );
    let missing = definition.missing.unwrap().to_string();
    assert!(
        missing.starts_with("provider groq lacks A_KEY and REGION: set them in .env"),
        "{missing}"
    );
    assert!(definition.config.is_empty() && definition.grants[0].headers.is_empty());
}

#[test]
fn a_provider_can_be_turned_off() {
    assert!(matches!(read("enabled = false"), Ok(Parsed::Disabled)));
}

#[test]
fn every_mistake_is_told_with_its_line() {
    for (text, problem) in [
        ("component = 5", "line 1: component must be text in quotes"),
        ("component = \"../a.wasm\"", "line 1: component must be a .wasm file in the same folder"),
        ("component = \"bundled:clode\"", "no component \"clode\" is bundled; there are: "),
        ("\n\nsha256 = \"abc\"", "line 3: sha256 must be 64 hexadecimal digits"),
        (
            "compnent = \"a.wasm\"",
            "line 1: a provider's file has no key \"compnent\"; did you mean \"component\"?",
        ),
        ("zzz = 1", "it may have: enabled, component, "),
        (
            "[[outbound]]\norgin = \"https://a\"",
            "line 2: [[outbound]] has no key \"orgin\"; did you mean \"origin\"?",
        ),
        ("[[outbound]]\nheaders = {}", "line 1: [[outbound]] needs an origin"),
        ("[outbound]\norigin = \"https://a\"", "outbound is written as [[outbound]]"),
        ("outbound = [1]", "outbound is written as [[outbound]]"),
        (
            "[[outbound]]\norigin = \"ftp://a\"",
            "line 2: outbound.origin must begin with http:// or https://",
        ),
        ("[[outbound]]\norigin = \"https://u:p@a\"", "must not hold a user name or password"),
        ("[[outbound]]\norigin = \"https://*.a.example\"", "line 2: outbound.origin "),
        (
            "[[outbound]]\norigin = \"https://a\"\n[[outbound]]\norigin = \"https://a/\"",
            "line 4: https://a is granted twice",
        ),
        (
            "[[outbound]]\norigin = \"https://a/v1/\"",
            "line 2: outbound.origin is a scheme, a host and perhaps a port, and has no path; to grant only what is \
             below that path, write origin = \"https://a\" and paths = [\"/v1/*\"]",
        ),
        ("[[outbound]]\norigin = \"${URL:-https://a}/v1\"", "and has no path"),
        ("[[outbound]]\norigin = \"https://${REGION:-a/b}.example\"", "and has no path"),
        (
            "[[outbound]]\norigin = \"${URL:-https://a/b%2f}\"\npaths = [\"/v1\"]",
            "line 2: outbound.origin has a path that can be read in two ways",
        ),
        (
            "[[outbound]]\norigin = \"https://a\"\npaths = \"/v1\"",
            "line 3: outbound.paths must be a list, such as paths = [\"/v1/messages\"]",
        ),
        ("[[outbound]]\norigin = \"https://a\"\npaths = []", "which would let nothing through"),
        ("[[outbound]]\norigin = \"https://a\"\npaths = [1]", "outbound.paths must be text"),
        (
            "[[outbound]]\norigin = \"https://a\"\npaths = [\"/a\",\n\"v1\"]",
            "line 4: outbound.paths: \"v1\" must begin with /",
        ),
        ("[[outbound]]\norigin = \"https://a\"\npaths = [\"/a?b\"]", "a query or a fragment"),
        ("[[outbound]]\norigin = \"https://a\"\npaths = [\"/a b\"]", "as it goes out: \"/a%20b\""),
        ("[[outbound]]\norigin = \"https://a\"\npaths = [\"/a//b\"]", "must have no //"),
        ("[[outbound]]\norigin = \"https://a\"\npaths = [\"/*a*\"]", "one * between two slashes"),
        (
            "[[outbound]]\norigin = \"https://a\"\nmethods = [\"post\"]",
            "outbound.methods: \"post\" must be a method that a provider may use, in capitals",
        ),
        ("[[outbound]]\norigin = \"https://a\"\nmethods = [\"CONNECT\"]", "a provider may use"),
        ("[[outbound]]\norigin = \"https://a\"\nmethods = [\"\"]", "a provider may use"),
        (
            "[[outbound]]\norigin = \"https://a\"\nheaders = { host = \"b\" }",
            "the connection's own",
        ),
        (
            "[[outbound]]\norigin = \"https://a\"\nheaders = { \"a b\" = \"b\" }",
            "can't be the name of an HTTP header",
        ),
        (
            "[[outbound]]\norigin = \"https://a\"\nheaders = { a = \"b\\nc\" }",
            "can't stand in an HTTP header",
        ),
        ("[config]\nkey = \"${GROQ_API_KEY}\"", "must see no secret"),
        ("[config]\na = []", "line 2: config.a must be text, a number, true or false"),
        ("[config]\na = \"${\"", "line 2: config.a has a ${ without its }"),
        (
            "[limits]\nmemroy = 1",
            "line 2: [limits] has no key \"memroy\"; did you mean \"memory\"?",
        ),
        ("[limits]\nmemory = \"1 TiB\"", "line 2: limits.memory must be a size"),
        (
            "[limits]\nmemory = \"1 GiB\"",
            "limits.memory can't be above LLM_PLUGIN_MEMORY (256 MiB); raise that first",
        ),
        ("limits = 3", "limits must be a table"),
        ("a = = b", "line 1: "),
        ("enabled = \"no\"", "enabled must be true or false"),
    ] {
        let problems = read(text).unwrap_err();
        assert!(problems.contains(problem), "{text}\n  {problems}");
        assert!(problems.starts_with("line "), "{problems}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_and_no_secret_is() {
    let problems = read(
        "enabled = 1\n[[outbound]]\norigin = \"x\"\nheaders = { \"a b\" = \"${GROQ_API_KEY}\" }",
    )
    .unwrap_err();
    assert_eq!(problems.matches("line ").count(), 3, "{problems}");
    assert!(!problems.contains("gsk-1"), "{problems}");
}

#[test]
fn a_mistake_shows_what_is_written_and_no_value_of_a_variable() {
    let twice = "[[outbound]]\norigin = \"https://${GROQ_API_KEY}.example\"\n".repeat(2);
    for text in [
        "component = \"bundled:${GROQ_API_KEY}\"",
        "component = \"${GROQ_API_KEY}\"",
        "sha256 = \"${GROQ_API_KEY}\"",
        "[limits]\nmemory = \"${GROQ_API_KEY}\"",
        "[limits]\ncalls = \"${GROQ_API_KEY}\"",
        "[[outbound]]\norigin = \"${GROQ_API_KEY}\"",
        "[[outbound]]\norigin = \"https://*.${GROQ_API_KEY}\"",
        "[[outbound]]\norigin = \"https://a\"\nheaders = { x = \"${GROQ_API_KEY}\\n\" }",
        "[config]\nkey = \"${GROQ_API_KEY}\"",
        "enabled = \"${GROQ_API_KEY}\"",
        "${GROQ_API_KEY} = 1",
        &twice,
    ] {
        let problems = read(text).unwrap_err();
        assert!(!problems.contains("gsk-1"), "{text}: {problems}");
    }
    let problems = read("[limits]\nmemory = \"${GROQ_API_KEY}\"").unwrap_err();
    assert!(problems.contains("not \"${GROQ_API_KEY}\""), "{problems}");
}

#[test]
fn the_values_of_a_files_variables_come_to_no_more_than_their_bound() {
    let long = "x".repeat(10_000);
    let vars = Vars::from([("LONG", long.as_str())]);
    let limits = Limits::default();
    let around = Surroundings { id: "echo", folder: None, vars: &vars, limits: &limits };
    let file = |keys: usize| {
        let keys = (0..keys).map(|key| format!("k{key} = \"${{LONG}}${{LONG}}\"\n"));
        format!("component = \"bundled:echo\"\n[config]\n{}", keys.collect::<String>())
    };
    assert!(parse(&file(50), &around).is_ok());
    let problems = parse(&file(60), &around).unwrap_err().to_string();
    let says = "too long with the values of its variables";
    assert!(problems.contains(says) && !problems.contains(&long), "{problems:.300}");
}

#[test]
fn bundled_files_are_right_and_the_example_of_settings_shows_their_defaults() {
    for (id, text) in bundled::FILES {
        let read = |vars: &Vars| {
            let around = Surroundings { id, folder: None, vars, limits: &Limits::default() };
            format!("{:?}", parse(text, &around).unwrap())
        };
        assert_eq!(read(&crate::config::example()), read(&Vars::default()));
        let given = [
            ("ANTHROPIC_API_KEY", "sk-1"),
            ("ANTHROPIC_MODEL", "claude-other"),
            ("ANTHROPIC_BASE_URL", "https://gateway.example/anthropic"),
        ];
        if id == "claude" {
            let read = read(&Vars::from(given));
            assert!(read.contains("missing: None") && read.contains("claude-other"), "{read}");
            assert!(read.contains("https://gateway.example/anthropic"), "{read}");
        }
    }
}

/// The files that plugins come with, as an operator finds them.
#[test]
fn every_providers_file_that_is_shipped_can_be_used() {
    let plugins = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins"));
    let mut files = Vec::new();
    for plugin in std::fs::read_dir(plugins).unwrap() {
        let plugin = plugin.unwrap().path();
        files.extend(Some(plugin.join("provider.toml")).filter(|file| file.is_file()));
        for file in std::fs::read_dir(plugin.join("providers")).into_iter().flatten() {
            files.push(file.unwrap().path());
        }
    }
    assert!(5 < files.len(), "{files:?}");
    for file in files {
        let id = file.file_stem().unwrap().to_str().unwrap();
        let (vars, limits) = (Vars::default(), Limits::default());
        let around =
            Surroundings { id, folder: Some(Path::new("plugins.d")), vars: &vars, limits: &limits };
        let parsed = parse(&std::fs::read_to_string(&file).unwrap(), &around);
        assert!(matches!(&parsed, Ok(Parsed::Enabled(_))), "{}: {parsed:?}", file.display());
    }
}

#[test]
fn a_credential_in_the_wrong_place_is_named_and_not_shown() {
    let vars = Vars::from([("GROQ_API_KEY", "gsk-\"1\"-Abc")]);
    let limits = Limits::default();
    let around = Surroundings { id: "groq", folder: None, vars: &vars, limits: &limits };
    let problems = |text: &str| parse(text, &around).unwrap_err().to_string();
    for (text, shown) in [
        ("component = \"bundled:${GROQ_API_KEY}\"", "no component \"${GROQ_API_KEY}\" is bundled"),
        ("[limits]\nmemory = \"${GROQ_API_KEY}\"", "not \"${GROQ_API_KEY}\""),
    ] {
        let problems = problems(text);
        assert!(problems.contains(shown) && !problems.contains("gsk"), "{problems}");
    }

    let vars = Vars::from([("GROQ_API_KEY", "gsk-1-Abc")]);
    let around = Surroundings { vars: &vars, ..around };
    let origin = "[[outbound]]\norigin = \"https://${GROQ_API_KEY}.example.com\"\n";
    let problems = parse(&origin.repeat(2), &around).unwrap_err().to_string();
    assert!(
        problems.contains("https://${GROQ_API_KEY}.example.com is granted twice"),
        "{problems}"
    );
}
