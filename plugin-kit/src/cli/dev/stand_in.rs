//! A stand-in for the vendor as long as there is no key for the real one: it plays the project's
//! own cassettes.
//!
//! A request gets the response of the cassette whose request is most like it. An author can see at
//! once how a plugin reads the vendor's replies, without an account anywhere.

mod cassettes;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use arete_conformance::with_vendor;
use arete_vars::Vars;
use arete_vars::template::{self, Piece};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderName, HeaderValue, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use toml::Value;

use self::cassettes::{Cassettes, Played};
use super::PROVIDER;
use crate::cli::say;

/// The largest request in bytes: the largest that the server itself takes.
const QUESTION_BYTES_MAX: usize = 32 << 20;

/// The stand-in. Dropping it ends it.
pub(super) struct StandIn {
    address: SocketAddr,
    /// Variables that the provider's file needs, and that have no value: keys, as a rule.
    keys: Vec<String>,
    serving: JoinHandle<()>,
}

impl StandIn {
    /// Starts one if the project's provider lacks something that it sends to a vendor, and there are
    /// cassettes.
    pub(super) async fn start(project: &Path, vars: &Vars) -> anyhow::Result<Option<Self>> {
        let cassettes = project.join("cassettes");
        let text = tokio::fs::read_to_string(project.join(PROVIDER)).await.unwrap_or_default();
        let (keys, asks_vendor) = needs(&text, vars);
        if keys.is_empty() || !asks_vendor || !cassettes.is_dir() {
            return Ok(None);
        }
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("the stand-in for the vendor can't listen")?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(answer).with_state(cassettes);
        let serving = tokio::spawn(async move {
            // Serves until it is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Some(Self { address, keys, serving }))
    }

    /// Returns the provider's file with the stand-in in the place of every origin that it grants,
    /// whatever form the origin has; nothing for a file that can't be read, which is the server's to
    /// refuse.
    pub(super) fn take_part(&self, provider: &str, vars: &Vars) -> Option<String> {
        let value_of = |name: &str| vars.get(name).map(str::to_owned);
        with_vendor(provider, &value_of, &format!("http://{}", self.address)).ok()
    }

    /// Returns the sentence that tells the author.
    pub(super) fn notice(&self) -> String {
        let keys = self.keys.join(" and ");
        let verb = if self.keys.len() == 1 { "isn't" } else { "aren't" };
        format!(
            "{keys} {verb} set, so the vendor is played by cassettes/. Set it in .env and start again to ask the real one."
        )
    }

    /// Returns what explains a denial: the plugin may reach the stand-in alone.
    pub(super) fn explanation(&self) -> String {
        format!(
            "The vendor is played at http://{} now, and {PROVIDER} is served with that address: let the plugin take it \
             from a setting such as `base-url`, or set {} to ask the real vendor.",
            self.address,
            self.keys.join(" and ")
        )
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Returns the variables without a value and without a default that a provider's file names, and true
/// if it grants an origin. A file that isn't TOML is the server's to refuse.
fn needs(provider: &str, vars: &Vars) -> (Vec<String>, bool) {
    let table: toml::Table = provider.parse().unwrap_or_default();
    let grants = table.get("outbound").and_then(Value::as_array).map_or(0, Vec::len);
    let mut keys = Vec::new();
    collect(&Value::Table(table), vars, &mut keys);
    (keys, grants != 0)
}

fn collect(value: &Value, vars: &Vars, keys: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            // A text that can't be read is the server's to refuse.
            for piece in template::pieces(text).unwrap_or_default() {
                let Piece::Variable { name, default: None } = piece else { continue };
                if vars.get(name).is_none() && !keys.iter().any(|key| key == name) {
                    keys.push(name.to_owned());
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, vars, keys)),
        Value::Table(fields) => fields.iter().for_each(|(_, field)| collect(field, vars, keys)),
        _ => {}
    }
}

async fn answer(State(folder): State<PathBuf>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let body = to_bytes(body, QUESTION_BYTES_MAX).await.unwrap_or_default();
    let method = head.method.to_string();
    // Read anew each time, so that a cassette that was just saved is played.
    let played =
        tokio::task::spawn_blocking(move || Cassettes::read(&folder).play(&method, &target, &body))
            .await;
    match played {
        Ok(Ok((says, played))) => {
            say(&says);
            played.into_response()
        }
        Ok(Err(none)) => {
            let none = none.to_string();
            say(&none);
            refusal(&none)
        }
        Err(_) => refusal("The cassettes can't be read."),
    }
}

/// Returns a refusal as a vendor would give it: only the plugin gets it.
fn refusal(problem: &str) -> Response {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let body = serde_json::json!({ "error": problem }).to_string().into_bytes();
    Played { status: 404, headers, body }.into_response()
}

impl Played {
    fn into_response(self) -> Response {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
            else {
                continue;
            };
            if name != header::CONTENT_LENGTH
                && name != header::TRANSFER_ENCODING
                && name != header::CONNECTION
            {
                response = response.header(name, value);
            }
        }
        // Fails for a status that no HTTP has; the plugin then gets an empty answer.
        response.body(Body::from(self.body)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDER: &str = "# ${COMMENT}\n[config]\nbase-url = \"${URL:-https://api.example.com/v1}\"\nmodel = \
                            \"${MODEL:-m}\"\n[[outbound]]\norigin = \"${URL:-https://api.example.com/v1}\"\nheaders = { \
                            a = \"Bearer ${KEY}\" }\n";

    #[test]
    fn what_a_provider_lacks_is_found_in_its_file() {
        let key = || vec!["KEY".to_owned()];
        assert_eq!(needs(PROVIDER, &Vars::default()), (key(), true));
        assert_eq!(needs(PROVIDER, &Vars::from([("KEY", "k")])), (vec![], true));
        assert_eq!(needs("not TOML ${KEY}", &Vars::default()), (vec![], false));
        assert_eq!(needs("[config]\na = \"${KEY}\"", &Vars::default()), (key(), false));
    }

    #[tokio::test]
    async fn a_provider_without_a_key_asks_the_stand_in_whatever_form_its_origin_has() {
        let project = tempfile::tempdir().unwrap();
        let dir = project.path();
        let start = |vars: Vars| async move { StandIn::start(dir, &vars).await.unwrap() };
        std::fs::write(project.path().join(super::PROVIDER), PROVIDER).unwrap();
        assert!(start(Vars::default()).await.is_none(), "there are no cassettes");
        std::fs::create_dir(project.path().join("cassettes")).unwrap();
        let stand_in = start(Vars::default()).await.unwrap();
        let url = format!("http://{}", stand_in.address);
        for origin in [
            "${URL:-https://api.example.com/v1}",
            "https://api.example.com",
            "https://${H:-api}.example.com",
        ] {
            let file =
                format!("[[outbound]]\norigin = \"{origin}\"\nheaders = {{ a = \"${{KEY}}\" }}\n");
            let played = stand_in.take_part(&file, &Vars::default()).unwrap();
            assert!(played.contains(&url) && played.contains("test-credential"), "{played}");
            assert!(!played.contains("example.com"), "{played}");
        }
        let with_key = start(Vars::from([("KEY", "k")])).await;
        assert!(with_key.is_none(), "with a key, the vendor itself is asked");
    }
}
