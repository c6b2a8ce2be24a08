//! The settings as people read them: `docs/settings.md` and `.env.example`, both made of one table.
//! `cargo xtask docs` writes them anew.
//!
//! The parser beside this module decides what a setting does. A test of its own reads the example
//! and finds the defaults, and `cargo xtask tidy` finds a setting that the table lacks.

use std::fmt::Write as _;
use std::time::Duration;

use super::limits::{Limit, Limits, Unit};

/// A group of settings.
struct Section {
    title: &'static str,
    /// The paragraph below the title, or nothing.
    intro: &'static str,
    settings: &'static [Setting],
}

/// A setting.
struct Setting {
    name: &'static str,
    /// The default as an operator would write it; empty if there is none.
    default: &'static str,
    meaning: &'static str,
}

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { name, default, meaning }
}

const BEFORE_LIMITS: &[Section] = &[
    Section {
        title: "Server",
        intro: "",
        settings: &[
            setting(
                "HOST",
                "127.0.0.1",
                "The IP address to listen on. Any address other than loopback requires `ARETE_API_KEYS`.",
            ),
            setting("PORT", "3000", "The port to listen on. 0 chooses a free port and logs it."),
            setting(
                "ARETE_API_KEYS",
                "",
                "The API keys: `name:key` pairs, separated by commas. A key has at least 16 characters (`openssl rand -hex \
                 32` makes a good one); callers send it as `Authorization: Bearer <key>`. The name appears in logs, and \
                 each name has completions of its own in the cache. Without keys, only local requests are accepted.",
            ),
            setting(
                "CORS_ORIGINS",
                "",
                "Web origins whose pages may call the API from a browser, such as `https://app.example.com`, separated by \
                 commas, or `*` for all.",
            ),
            setting(
                "ALLOWED_HOSTS",
                "",
                "The host names, besides localhost and its addresses, by which a server without keys accepts requests, \
                 such as `arete.lan`, separated by commas. All others are refused, because web pages could call by \
                 them. A server with keys accepts every host name.",
            ),
            setting(
                "HTTP_BODY_LIMIT",
                "33554432",
                "The largest request body, in bytes; a larger one gets 413. Anthropic accepts the same 32 MiB.",
            ),
            setting(
                "HTTP_BODY_MEMORY",
                "",
                "The size of the bodies of all requests in progress, in bytes. A body that finds no room waits up to \
                 a second, then gets 503. If not set, a sixteenth of the memory, and at least twice \
                 `HTTP_BODY_LIMIT`.",
            ),
            setting("HTTP_BODY_TIMEOUT", "5m", "The time in which a whole body has to arrive."),
            setting("HTTP_HEADER_LIMIT", "32768", "The largest request head, in bytes."),
            setting(
                "HTTP_READ_TIMEOUT",
                "30s",
                "The time a client may take to send a request's head, between two pieces of its body, and to read on in a \
                 response.",
            ),
            setting(
                "HTTP_MAX_REQUESTS",
                "4096",
                "Requests in progress; more get 503. Requests for the server's health are not counted.",
            ),
            setting(
                "HTTP_MAX_BODIES",
                "1024",
                "Requests that wait for their bodies to arrive; more get 503 if theirs are not complete within a second.",
            ),
            setting(
                "HTTP_MAX_EVENT_STREAMS",
                "256",
                "Open streams of `/api/llm/providers/events`; more get 503.",
            ),
            setting(
                "HTTP_MAX_CONNECTIONS",
                "8192",
                "Open connections. For one more, an idle one is closed; if none is idle, it waits for up to a minute, and \
                 only requests for the server's health are answered meanwhile.",
            ),
            setting(
                "HTTP_HEARTBEAT",
                "15s",
                "The silence after which a stream sends a comment to keep its connection open. Proxies commonly cut \
                 silent connections after 30 s or more.",
            ),
            setting(
                "SHUTDOWN_GRACE",
                "30s",
                "The time that calls in progress may take after SIGTERM or SIGINT.",
            ),
            setting(
                "METRICS_ADDRESS",
                "",
                "An address such as `127.0.0.1:9464` that serves `/metrics` and nothing else, without a key: for a Prometheus \
                 that has none. `/metrics` of the main port needs a key like everything there.",
            ),
            setting(
                "DATA_DIR",
                "data",
                "The folder for users, cached completions and compiled plugins, relative to the working directory.",
            ),
        ],
    },
    Section {
        title: "Anthropic",
        intro: "The bundled provider `claude` reads these.",
        settings: &[
            setting(
                "ANTHROPIC_API_KEY",
                "",
                "The API key, from https://platform.claude.com/settings/keys. The host attaches it; no plugin sees it. \
                 Without it, `claude` answers 503.",
            ),
            setting("ANTHROPIC_MODEL", "claude-sonnet-5", "The model for requests that name none."),
            setting(
                "ANTHROPIC_BASE_URL",
                "https://api.anthropic.com",
                "The URL of the API, and the only origin that `claude` may reach.",
            ),
        ],
    },
    Section {
        title: "Calls",
        intro: "",
        settings: &[
            setting(
                "LLM_DEFAULT_PROVIDER",
                "claude",
                "The provider for requests that name none. `echo` answers without a key.",
            ),
            setting(
                "LLM_MAX_RETRIES",
                "3",
                "Attempts after the first, for failures that may pass: rate limits, overload, server errors, timeouts, \
                 lost connections.",
            ),
            setting(
                "LLM_RETRY_DELAY",
                "1s",
                "The delay before the first retry, doubled for each further one, with jitter. The vendor's `retry-after` \
                 takes precedence.",
            ),
        ],
    },
    Section {
        title: "Cache",
        intro: "",
        settings: &[
            setting(
                "LLM_CACHE_ENABLED",
                "true",
                "Turns the cache of completions on. A request with `useCache: false` passes it by.",
            ),
            setting(
                "LLM_CACHE_TTL",
                "1h",
                "The time that a completion is kept if the request does not say (`cacheTTL`): from 1s to 30d.",
            ),
            setting("LLM_CACHE_MEMORY", "67108864", "The size of the cache in memory, in bytes."),
            setting("LLM_CACHE_MAX_ENTRIES", "100000", "The number of completions on disk."),
            setting(
                "LLM_CACHE_MAX_BYTES",
                "1073741824",
                "The size of the cache on disk, in bytes.",
            ),
            setting(
                "LLM_DOORS_CACHE",
                "false",
                "Lets requests under `/v1/` use the cache unasked. A request decides by the header `x-arete-use-cache`.",
            ),
        ],
    },
    Section {
        title: "Plugins",
        intro: "",
        settings: &[
            setting(
                "LLM_PLUGIN_DIR",
                "",
                "A folder of [providers](providers.md) of your own: `<id>.toml` files and components.",
            ),
            setting("LLM_PLUGIN_WATCH", "true", "Loads changes in that folder at once."),
            setting(
                "LLM_CODE_CACHE_MAX_BYTES",
                "1073741824",
                "The size of the compiled code kept in `DATA_DIR/code`, in bytes. With 0, every start compiles all \
                 components.",
            ),
            setting(
                "LLM_COMPILE_MEMORY",
                "2147483648",
                "The address space that compiling one plugin may take, in bytes; the memory in use is about half of it. A \
                 plugin that takes more is refused. Where there are less than 2 GiB of memory, all of it is the default.",
            ),
            setting(
                "LLM_COMPILE_TIMEOUT",
                "60s",
                "The time that compiling one plugin may take. A plugin that takes longer is refused.",
            ),
            setting(
                "LLM_TOTAL_MEMORY",
                "",
                "The size of the memories of all calls, in bytes. A call that finds too little left gets 503. If not \
                 set, what the other budgets leave of the memory: see [Capacity](operating.md#capacity).",
            ),
            setting(
                "LLM_START_WAIT",
                "10s",
                "The time for which a start waits for plugins that are being loaded. Then the port opens, and they become \
                 ready later.",
            ),
            setting(
                "LLM_CA_FILE",
                "",
                "A file of certificates in PEM, at most 1 MiB: authorities that may sign vendors' certificates, besides \
                 the system's. Read at the start.",
            ),
        ],
    },
];

const LOGS: Section = Section {
    title: "Logs",
    intro: "Logs go to standard error. Prompts, completions and keys are never in them.",
    settings: &[
        setting(
            "LOG_FORMAT",
            "pretty",
            "`pretty` for people, `json` for machines: one object a line.",
        ),
        setting(
            "RUST_LOG",
            "info",
            "The lines to log, by level (`error`, `warn`, `info`, `debug`, `trace`) and module, such as \
             `info,arete::plugin=debug`.",
        ),
    ],
};

const LIMITS_TITLE: &str = "Limits of a call";
const LIMITS_INTRO: &str = "Each setting is the default for all providers; the key under `[limits]` in a provider file applies to \
     that provider. A call that exceeds a limit fails with a problem that names the limit, its value and its key.";

/// Returns the meaning of a limit.
const fn meaning_of(limit: Limit) -> &'static str {
    match limit {
        Limit::Memory => {
            "Bytes over all memories of the component. Python alone starts at 13 MiB. A provider file can only lower it."
        }
        Limit::Cpu => "Computing time. Waiting does not count.",
        Limit::Timeout => {
            "The whole call, including all attempts and the end of a stream; then 504."
        }
        Limit::Calls => "Simultaneous calls of one provider. A provider file can only lower it.",
        Limit::ReservedCalls => {
            "Calls of one provider that find a place whatever other providers do; never more than `calls`."
        }
        Limit::Queue => "Calls that wait for a place.",
        Limit::QueueTimeout => "The time that they wait; then 503.",
        Limit::ConnectTimeout => "The time to connect to the vendor, over TCP and TLS.",
        Limit::FirstByteTimeout => {
            "The time until the vendor's reply begins. If not set, `LLM_IDLE_TIMEOUT` applies."
        }
        Limit::IdleTimeout => {
            "The vendor's silence within a reply. A plain completion is silent until it is complete: stream long ones, or \
             raise this."
        }
        Limit::Requests => "Vendor requests.",
        Limit::RequestBytes => "The size of a vendor request's body, in bytes.",
        Limit::ResponseBytes => "The size of a reply, in bytes.",
        Limit::EventBytes => "The size of one event or line of the vendor's stream, in bytes.",
        Limit::Headers => "The headers of one vendor request or reply.",
        Limit::HeaderBytes => "The size of these headers, in bytes.",
        Limit::LogLines => "Lines that the plugin writes to the log; the rest is dropped.",
        Limit::LogBytes => "The size of these lines, in bytes.",
        Limit::Handles => "Replies, streams and other resources that the plugin holds at once.",
        Limit::HostCallBytes => {
            "The size of what the plugin passes to the host in one call of a host function, in bytes."
        }
        Limit::Reuse => {
            "Calls that one instance serves in sequence. Values above 1 are faster but let state leak between callers. Use \
             them only for components you trust, in their provider files."
        }
    }
}

/// Returns a limit's default as an operator would write it.
fn default_of(limit: Limit) -> String {
    let value = Limits::default().stored(limit);
    match limit.unit() {
        _ if value == 0 => String::new(),
        Unit::Milliseconds => written(Duration::from_millis(value)),
        Unit::Bytes | Unit::Number => value.to_string(),
    }
}

/// Returns a time in the largest unit that it is a whole number of.
fn written(time: Duration) -> String {
    let milliseconds = time.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let unit = units.into_iter().find(|(_, length)| milliseconds.is_multiple_of(*length));
    unit.map_or_else(
        || format!("{milliseconds}ms"),
        |(unit, length)| format!("{}{unit}", milliseconds / length),
    )
}

/// The rules of the file `.env`, as `arete_vars` reads it.
const DOTENV: &str = r##"
## The file `.env`

A value is kept as it is written, or the line is refused by its number; no message shows a value.

| Written | Read |
|---|---|
| `NAME=value` | White space around name and value is dropped, `export` before the name too. The last line of a name counts. |
| `# …` | A comment, on a line of its own or after a value and a space. In `a#b` it is part of the value. |
| `'…'` | Everything is itself, over several lines too. |
| `"…"` | As without quotes, and spaces, `#` and new lines are themselves. |
| `\` | Outside of single quotes `\n` is a new line, and `\\`, `\'`, `\"`, `\$` and `\ ` are the sign itself. Any other is refused. |
| `$` | Itself, as in `sk-a1b2$c3d4`. |
| `${NAME}` | Outside of single quotes the value of a variable of the environment or of a setting above. An unknown name is refused. |
| `$NAME` | Outside of single quotes, where `NAME` is the name of a variable or of a setting above, refused: write `${NAME}` for its value, or single quotes for the text. |

A value with spaces needs quotes. A `'` or `"` without a second one is refused. The file is UTF-8, with or without a byte order
mark, and has at most 1 MiB; its lines end in LF or CRLF.
"##;

/// Returns `docs/settings.md`.
fn page() -> String {
    let mut page = String::from(
        "# Settings

Settings come from the environment and, below it, from a file `.env` in the working directory. An empty value counts as not
set. Arete checks all of them before it opens the port, reports every mistake at once and exits with status 64.
`arete check-config` only checks.

Times are milliseconds or have a unit: `500ms`, `30s`, `10m`, `1h`, `1d`. Sizes are bytes. Switches are `true` or `false`,
`1` or `0`, `yes` or `no`, `on` or `off`. [`.env.example`](../.env.example) lists all settings in a form to copy.
",
    );
    page.push_str(DOTENV);
    let sections = |page: &mut String, sections: &[Section]| {
        for Section { title, intro, settings } in sections {
            let intro =
                if intro.is_empty() { String::new() } else { format!("{}\n\n", filled(intro, "")) };
            let head = "| Setting | Default | Meaning |\n|---|---|---|\n";
            let _ = write!(page, "\n## {title}\n\n{intro}{head}");
            for Setting { name, default, meaning } in *settings {
                let _ = writeln!(page, "| `{name}` |{}| {meaning} |", code(default));
            }
        }
    };
    sections(&mut page, BEFORE_LIMITS);
    let _ = write!(
        page,
        "\n## {LIMITS_TITLE}\n\n{}\n\n| Setting | Key | Default | Meaning |\n|---|---|---|---|\n",
        filled(LIMITS_INTRO, "")
    );
    for limit in Limit::ALL {
        let (setting, key, default) = (limit.setting(), limit.key(), code(&default_of(limit)));
        let _ = writeln!(page, "| `{setting}` | `{key}` |{default}| {} |", meaning_of(limit));
    }
    sections(&mut page, &[LOGS]);
    page
}

/// Returns a cell of a table with text as code, or with nothing for nothing.
fn code(text: &str) -> String {
    if text.is_empty() { " ".into() } else { format!(" `{text}` ") }
}

/// Returns `.env.example`.
fn example() -> String {
    let mut example = String::from(
        "# Every setting of Arete, with its default. Copy this file to .env: the server starts as it is, and the provider `echo`
# answers without a key.
#
# The environment of the process wins over .env; an empty value counts as not set. Arete reads all settings once, at the
# start, and reports every mistake at once; `arete check-config` does only that.
#
# Values are kept as they are written: a $ is itself unless it is ${NAME}, and '…' keeps everything as it is. All rules:
# docs/settings.md.
#
# Times: 500 and 500ms are milliseconds; s, m, h and d are other units (30s, 10m). Sizes: bytes.
# Switches: true/false, 1/0, yes/no, on/off.
",
    );
    let sections = |example: &mut String, sections: &[Section]| {
        for Section { title, intro, settings } in sections {
            let _ = write!(example, "\n\n{}\n", filled(&headed(title, intro), "## "));
            for Setting { name, default, meaning } in *settings {
                let _ = write!(example, "\n{}\n{name}={default}\n", filled(&plain(meaning), "# "));
            }
        }
    };
    sections(&mut example, BEFORE_LIMITS);
    let _ = write!(example, "\n\n{}\n", filled(&headed(LIMITS_TITLE, LIMITS_INTRO), "## "));
    for limit in Limit::ALL {
        let meaning = format!("{} [limits] {}", meaning_of(limit), limit.key());
        let (setting, default) = (limit.setting(), default_of(limit));
        let _ = write!(example, "\n{}\n{setting}={default}\n", filled(&plain(&meaning), "# "));
    }
    sections(&mut example, &[LOGS]);
    example
}

/// Returns a title and the text below it, if there is any, as one paragraph.
fn headed(title: &str, intro: &str) -> String {
    if intro.is_empty() { title.into() } else { format!("{title}. {intro}") }
}

/// Returns text without Markdown's links.
fn plain(text: &str) -> String {
    text.replace("[providers](providers.md)", "providers")
        .replace("see [Capacity](operating.md#capacity)", "see docs/operating.md")
}

/// Returns text in lines of at most 120 characters that each begin with `start`.
fn filled(text: &str, start: &str) -> String {
    let mut lines = vec![String::from(start)];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        let is_empty = line == start.len();
        if !is_empty && line + 1 + word.chars().count() > 120 {
            lines.push(format!("{start}{word}"));
        } else if let Some(line) = lines.last_mut() {
            line.push_str(if is_empty { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[test]
fn the_page_and_the_example_are_those_of_the_table() {
    for (path, made) in [("docs/settings.md", page()), (".env.example", example())] {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/..").to_owned() + "/" + path;
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&file, &made).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap();
        assert!(
            written == made,
            "{path} isn't what host/src/config/settings.rs says; run `cargo xtask docs`"
        );
    }
}

#[test]
fn a_time_is_written_in_its_largest_unit() {
    let times =
        [(500, "500ms"), (1_000, "1s"), (90_000, "90s"), (600_000, "10m"), (86_400_000, "1d")];
    for (milliseconds, text) in times {
        assert_eq!(written(Duration::from_millis(milliseconds)), text);
    }
}
