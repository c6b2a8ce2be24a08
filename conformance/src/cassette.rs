//! A cassette: a folder that describes a question, the exchanges with the vendor, and the answer.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::BadInput;
use super::answer::settled;
use super::exchange::{Response, Wanted, pretty};

/// Characters of a cassette's name.
const NAME_MAX: usize = 40;
/// Exchanges of one call: more than any provider makes.
const EXCHANGES_MAX: usize = 16;
/// The largest file of a cassette: what a vendor's answer may be by default.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A cassette.
#[derive(Debug, Clone)]
pub(super) struct Cassette {
    /// The folder's name.
    pub(super) name: String,
    /// The author's description.
    pub(super) about: Option<String>,
    /// Settings for this cassette only.
    pub(super) config: BTreeMap<String, toml::Value>,
    /// The body of the question.
    pub(super) question: Value,
    /// The exchanges with the vendor, in order; none if the plugin asks nobody.
    pub(super) exchanges: Vec<Exchange>,
    /// The answer, settled; nothing until it is recorded.
    pub(super) answer: Option<Value>,
    folder: PathBuf,
}

/// One request and its response.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    /// The request that the plugin has to send; nothing until it is recorded.
    pub(super) wanted: Option<Wanted>,
    /// The vendor's response.
    pub(super) response: Response,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    about: Option<String>,
    #[serde(default)]
    config: BTreeMap<String, toml::Value>,
}

impl Cassette {
    /// All cassettes of a folder, by name.
    pub(super) fn load_all(folder: &Path) -> Result<Vec<Self>, BadInput> {
        let unreadable =
            |error: io::Error| BadInput(format!("{} can't be read: {error}", folder.display()));
        let mut folders = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                folders.push(path);
            }
        }
        folders.sort();
        folders.into_iter().map(Self::load).collect()
    }

    fn load(folder: PathBuf) -> Result<Self, BadInput> {
        let name =
            folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        // It is part of the name of a provider, if the cassette has settings.
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if NAME_MAX < name.len() || !name.chars().all(named) {
            let problem = format!(
                "a cassette's name is at most {NAME_MAX} letters, digits, '-', '_' and '.'"
            );
            return Err(BadInput(format!("{}: {problem}", folder.display())));
        }
        let wrong = |file: &str, problem: String| {
            BadInput(format!("{}: {problem}", folder.join(file).display()))
        };
        let settings: Settings = match read(&folder, "cassette.toml")? {
            None => Settings::default(),
            Some(bytes) => toml::from_str(&String::from_utf8_lossy(&bytes))
                .map_err(|error| wrong("cassette.toml", error.to_string()))?,
        };
        let question = json(&folder, "question.json")?.ok_or_else(|| {
            wrong("question.json", "is missing: the body of the question to ask".into())
        })?;
        let answer = json(&folder, "answer.json")?.map(settled);
        let mut exchanges = Vec::new();
        for number in 1..=EXCHANGES_MAX {
            let (request, response) = (file("request", number), file("response", number));
            let wanted = read(&folder, &request)?.map(|bytes| Wanted::parse(&bytes)).transpose();
            let wanted = wanted.map_err(|problem| wrong(&request, problem))?;
            let Some(bytes) = read(&folder, &response)? else {
                if wanted.is_some() {
                    return Err(wrong(
                        &response,
                        format!("is missing beside {request}: what the vendor answers"),
                    ));
                }
                break;
            };
            let response = Response::parse(&bytes).map_err(|problem| wrong(&response, problem))?;
            exchanges.push(Exchange { wanted, response });
        }
        let Settings { about, config } = settings;
        Ok(Self { name, about, config, question, exchanges, answer, folder })
    }

    /// Returns true if the question asks for a stream.
    pub(super) fn is_streamed(&self) -> bool {
        self.question.get("stream") == Some(&Value::Bool(true))
    }

    /// Returns true if the answer is a success: a whole answer, or a stream that ends in `done`.
    pub(super) fn succeeds(&self) -> bool {
        let Some(answer) = &self.answer else { return false };
        match answer.get("events").and_then(Value::as_array) {
            Some(events) => events
                .last()
                .and_then(|event| event.get("event"))
                .is_some_and(|name| name == "done"),
            None => answer.get("code").is_none() && answer.get("content").is_some(),
        }
    }

    /// Returns true if the answer is text and nothing else.
    pub(super) fn is_text(&self) -> bool {
        let Some(answer) = &self.answer else { return false };
        let done = answer
            .get("events")
            .and_then(Value::as_array)
            .and_then(|events| events.last()?.get("data"));
        done.unwrap_or(answer).get("parts").is_none()
    }

    /// The last response, which is the one with the answer.
    pub(super) fn last(&self) -> Option<&Response> {
        self.exchanges.last().map(|exchange| &exchange.response)
    }

    /// Writes what a plugin sent and what the caller got; says which files that changed.
    pub(super) fn record(
        &self,
        requests: &[mock_vendor::Request],
        answer: &Value,
    ) -> io::Result<Vec<PathBuf>> {
        let mut written = Vec::new();
        let mut write = |name: &str, bytes: Vec<u8>| {
            let path = self.folder.join(name);
            if fs::read(&path).is_ok_and(|present| present == bytes) {
                return Ok(());
            }
            fs::write(&path, bytes)?;
            written.push(path);
            io::Result::Ok(())
        };
        for (index, request) in requests.iter().enumerate() {
            write(&file("request", index + 1), Wanted::record(request))?;
        }
        write("answer.json", pretty(answer).into_bytes())?;
        Ok(written)
    }

    /// The same with this recorded.
    pub(super) fn reload(&self) -> Result<Self, BadInput> {
        Self::load(self.folder.clone())
    }
}

/// `request.http`, `request-2.http`, ….
fn file(kind: &str, number: usize) -> String {
    if number == 1 { format!("{kind}.http") } else { format!("{kind}-{number}.http") }
}

fn json(folder: &Path, name: &str) -> Result<Option<Value>, BadInput> {
    let Some(bytes) = read(folder, name)? else { return Ok(None) };
    let value = serde_json::from_slice(&bytes).map_err(|error| {
        BadInput(format!("{}: isn't JSON: {error}", folder.join(name).display()))
    })?;
    Ok(Some(value))
}

fn read(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, BadInput> {
    let path = folder.join(name);
    let unreadable =
        |problem: String| BadInput(format!("{} can't be read: {problem}", path.display()));
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error.to_string())),
        Ok(about) if !about.is_file() => Err(unreadable("it isn't a file".into())),
        Ok(about) if FILE_BYTES_MAX < about.len() => {
            Err(unreadable(format!("it has more than {FILE_BYTES_MAX} bytes")))
        }
        Ok(_) => fs::read(&path).map(Some).map_err(|error| unreadable(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn load(files: &[(&str, &str)]) -> Result<Cassette, String> {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("one");
        fs::create_dir(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        let mut all = Cassette::load_all(dir.path()).map_err(|error| error.to_string())?;
        assert_eq!(all.len(), 1);
        Ok(all.remove(0))
    }

    const QUESTION: (&str, &str) = ("question.json", r#"{"messages": [], "stream": true}"#);

    #[test]
    fn a_whole_cassette_is_read() {
        let cassette = load(&[
            QUESTION,
            ("request.http", "POST /token HTTP/1.1\n\n"),
            ("response.http", "HTTP/1.1 200 OK\n\n{}"),
            ("request-2.http", "POST /chat HTTP/1.1\n\n"),
            ("response-2.http", "HTTP/1.1 200 OK\ncontent-type: text/event-stream\n\ndata: {}\n\n"),
            ("answer.json", r#"{"events": [{"event": "done", "data": {"cached": false}}]}"#),
            ("cassette.toml", "about = \"two exchanges\"\n[config]\nregion = \"eu\"\n"),
        ])
        .unwrap();
        assert_eq!(
            (cassette.name.as_str(), cassette.about.as_deref()),
            ("one", Some("two exchanges"))
        );
        assert_eq!(cassette.exchanges.len(), 2);
        assert_eq!(cassette.exchanges[1].wanted.as_ref().unwrap().path, "/chat");
        assert_eq!(cassette.config["region"].as_str(), Some("eu"));
        assert_eq!(cassette.answer, Some(json!({"events": [{"event": "done", "data": {}}]})));
        assert!(cassette.is_streamed() && cassette.succeeds() && cassette.is_text());
    }

    #[test]
    fn what_is_recorded_may_be_missing() {
        let cassette = load(&[QUESTION, ("response.http", "HTTP/1.1 200 OK\n\n{}")]).unwrap();
        assert_eq!((cassette.exchanges.len(), cassette.exchanges[0].wanted.is_none()), (1, true));
        assert!(cassette.answer.is_none() && !cassette.succeeds());
        let silent = load(&[QUESTION, ("answer.json", r#"{"content": ""}"#)]).unwrap();
        assert!(silent.exchanges.is_empty() && silent.succeeds());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_file() {
        let request = ("request.http", "POST / HTTP/1.1\n\n");
        for (files, says) in [
            (&[request][..], "question.json: is missing"),
            (&[("question.json", "{")], "question.json: isn't JSON"),
            (&[QUESTION, request], "response.http: is missing beside request.http"),
            (&[QUESTION, ("response.http", "200 OK\n")], "response.http: the first line"),
            (&[QUESTION, ("cassette.toml", "abuot = \"x\"")], "unknown field `abuot`"),
            (&[QUESTION, ("answer.json", "")], "answer.json: isn't JSON"),
        ] {
            let error = load(files).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
