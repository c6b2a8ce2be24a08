//! Every printed example of the README and of `docs/`, run against a fresh server.
//!
//! The shell blocks of a page run in order in one shell, in an empty folder whose server has the
//! page's `localhost:3000`. A `json` or `text` block directly after a shell block is its output:
//! the two must agree except for IDs, times, digests and sizes. Comments before a block say what
//! else it is: `<!-- not run: reason -->` skips it, `<!-- file: path -->` writes it to the folder.
//!
//! `cargo xtask docs` prints the outputs again (`UPDATE_DOCS=1` here).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use futures_util::future::join_all;
use regex::Regex;

use crate::support::{App, within};

/// Between the outputs of two blocks: the ASCII record separator, which no output contains.
const SEPARATOR: char = '\u{1e}';

/// The pause in which a reader lets the server load what was put into its folder. Here it lasts
/// until that is loaded, however busy the machine is.
const PAUSE: &str = "sleep() {
    command sleep 2
    while curl -s localhost:3000/api/llm/providers | grep -q '\"loading\"'; do command sleep 0.1; done
}
";

/// A fenced block of a page.
struct Block {
    language: String,
    text: String,
    /// The bytes of the page that hold the text.
    span: std::ops::Range<usize>,
    /// The comment before it, without its marks.
    comment: String,
    /// Only blank lines are between it and the block before.
    follows: bool,
}

#[tokio::test]
async fn every_example_prints_what_it_is_said_to_print() {
    for tool in ["bash", "curl", "python3"] {
        if Command::new(tool).arg("--version").output().is_err() {
            #[allow(clippy::print_stderr, reason = "a test that can't be run says so")]
            {
                eprintln!("NOT RUN: the examples of the documentation need {tool}");
            }
            return;
        }
    }
    let wrong: Vec<String> = join_all(pages().into_iter().map(check)).await.concat();
    assert!(wrong.is_empty(), "{}\n`cargo xtask docs` prints them again", wrong.join("\n"));
}

#[test]
fn outputs_differ_only_where_they_may() {
    let id = |digits: &str| format!("x-request-id: 01a205df-f570-7213-adec-e1a162c98{digits}");
    assert_eq!(mask(&id("ff3")), mask(&id("000")));
    assert_ne!(mask(r#"{"hits":1}"#), mask(r#"{"hits":2}"#));
    assert_ne!(mask(r#""code":"a""#), mask(r#""code":"b""#));
}

/// The README and all of `docs/`.
fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("docs")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let pages = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.chain([root().join("README.md")]).collect()
}

/// Runs a page's examples; returns a complaint for each that prints something else, or rewrites it.
async fn check(page: PathBuf) -> Vec<String> {
    let mut text = fs::read_to_string(&page).unwrap();
    let blocks = blocks(&text);
    let examples: Vec<usize> =
        (0..blocks.len()).filter(|&index| blocks[index].is_example()).collect();
    if examples.is_empty() {
        return Vec::new();
    }
    let printed = run(&blocks).await;
    let mut complaints = Vec::new();
    // From the end, so that spans stay right while the text changes.
    for (index, (printed, status)) in examples.into_iter().zip(printed).rev() {
        let example = &blocks[index];
        let place = format!("{}, example:\n{}", page.display(), example.text);
        if status != "0" {
            complaints.push(format!("{place}fails with {status} and prints:\n{printed}"));
            continue;
        }
        let Some(output) = blocks.get(index + 1).filter(|block| block.is_output()) else {
            continue;
        };
        if mask(&printed) != mask(&output.text) {
            text.replace_range(output.span.clone(), &printed);
            complaints.push(format!("{place}prints:\n{printed}and not:\n{}", output.text));
        }
    }
    if std::env::var_os("UPDATE_DOCS").is_some() && !complaints.is_empty() {
        fs::write(&page, text).unwrap();
        complaints.retain(|complaint| complaint.contains("fails with"));
    }
    complaints.reverse();
    complaints
}

/// Runs all examples of a page; returns the output and the exit status of each.
async fn run(blocks: &[Block]) -> Vec<(String, String)> {
    let builder = App::bare().set("LLM_PLUGIN_DIR", "plugins.d").file("plugins.d/.keep", "");
    let app = builder.start().await;
    link_guests(&app.dir());
    let mut script = PAUSE.to_owned();
    for block in blocks {
        if let Some(path) = block.comment.strip_prefix("file: ") {
            script += &format!("cat > {path} <<'END_OF_FILE'\n{}END_OF_FILE\n", block.text);
        } else if block.is_example() {
            script += &format!("{}\nprintf '\\036%s\\036' $?\n", block.text);
        }
    }
    let script = script.replace("localhost:3000", &app.address().to_string());
    let output = within("the examples to end", shell(app.dir(), script)).await;
    let parts: Vec<&str> = output.split(SEPARATOR).collect();
    let tidied = |printed: &str| format!("{}\n", printed.replace('\r', "").trim_end());
    parts.chunks_exact(2).map(|pair| (tidied(pair[0]), pair[1].to_owned())).collect()
}

/// Standard output and error of a script, run in this folder with `arete` on the path.
async fn shell(dir: PathBuf, script: String) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_arete")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let child = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .current_dir(dir)
        .env_clear()
        .env("PATH", path)
        .env("LLM_PLUGIN_DIR", "plugins.d")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

/// Makes the bundled components appear where `cargo xtask plugins` puts them.
fn link_guests(dir: &Path) {
    let guests = Path::new(env!("CARGO_BIN_EXE_arete")).ancestors().nth(2).unwrap().join("guests");
    let here = dir.join("target/guests");
    fs::create_dir_all(here.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(guests, here).unwrap();
}

impl Block {
    fn is_example(&self) -> bool {
        self.language == "sh" && !self.comment.starts_with("not run: ")
    }

    fn is_output(&self) -> bool {
        self.follows && matches!(self.language.as_str(), "json" | "text")
    }
}

/// The repository's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The fenced blocks of a page.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut at, mut comment, mut follows) = (0, String::new(), false);
    let mut lines = page.split_inclusive('\n');
    while let Some(line) = lines.next() {
        at += line.len();
        if let Some(language) = line.strip_prefix("```") {
            let begin = at;
            let mut end = at;
            for line in lines.by_ref() {
                at += line.len();
                if line.starts_with("```") {
                    break;
                }
                end = at;
            }
            blocks.push(Block {
                language: language.trim().to_owned(),
                text: page[begin..end].to_owned(),
                span: begin..end,
                comment: std::mem::take(&mut comment),
                follows,
            });
            follows = true;
        } else if let Some(text) = line.trim().strip_prefix("<!-- ") {
            comment = text.trim_end_matches("-->").trim().to_owned();
            follows = false;
        } else if !line.trim().is_empty() {
            comment.clear();
            follows = false;
        }
    }
    blocks
}

/// The text with what differs from run to run replaced by its kind.
fn mask(text: &str) -> String {
    let masks = [
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>"),
        (r"\b[0-9a-f]{64}\b", "<sha256>"),
        (r"\b\d{4}-\d\d-\d\dT[0-9:.]+Z", "<time>"),
        (r"(?m)^date: .*$", "date: <time>"),
        (r#""uptimeSeconds":\d+"#, "<uptime>"),
        (r"compiled( +)(in \d+ ms|.*)", "compiled <time>"),
        // The cache is written to disk a moment later.
        (r#""bytes":\d+"#, "<bytes>"),
        (r"size( +)\d+ bytes", "size <bytes>"),
        (r"beginning with \d+ elements", "beginning with <n> elements"),
        (r"offset 0x[0-9a-f]+", "offset <n>"),
    ];
    masks.iter().fold(text.to_owned(), |text, (pattern, kind)| {
        Regex::new(pattern).unwrap().replace_all(&text, *kind).into_owned()
    })
}
