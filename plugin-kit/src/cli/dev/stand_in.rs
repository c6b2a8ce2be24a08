//! A stand-in for the vendor as long as there is no key for the real one: it plays the project's
//! own cassettes.
//!
//! A request gets the response of the cassette whose request is most like it. An author can see at
//! once how a plugin reads the vendor's replies, without an account anywhere.

mod cassettes;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderName, HeaderValue, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use toml::Value;
use url::Url;

use self::cassettes::{Cassettes, Played};
use super::PROVIDER;
use super::server::Settings;
use arete_vars::Vars;
use arete_vars::template::{self, Piece};

/// The text that stands where a key would.
const CREDENTIAL: &str = "test-credential";
/// The largest request in bytes: the largest that the server itself takes.
const QUESTION_BYTES_MAX: usize = 32 << 20;

/// The stand-in. Dropping it ends it.
pub(super) struct StandIn {
    address: SocketAddr,
    needs: Needs,
    serving: JoinHandle<()>,
}

/// The variables that a provider's file needs from the environment.
#[derive(Debug, Default, PartialEq, Eq)]
struct Needs {
    /// Variables without a value and without a default: keys, as a rule.
    keys: Vec<String>,
    /// Variables that stand for the vendor's address, with the address that they stand for now.
    addresses: Vec<(String, Url)>,
}

impl StandIn {
    /// Starts one if the project's provider lacks something, and there are cassettes.
    pub(super) async fn start(project: &Path, vars: &Vars) -> anyhow::Result<Option<Self>> {
        let cassettes = project.join("cassettes");
        let text = tokio::fs::read_to_string(project.join(PROVIDER)).await.unwrap_or_default();
        let needs = Needs::of(&text, vars);
        if needs.keys.is_empty() || needs.addresses.is_empty() || !cassettes.is_dir() {
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
        Ok(Some(Self { address, needs, serving }))
    }

    /// The settings by which the plugin asks the stand-in and not the vendor.
    pub(super) fn settings(&self) -> Settings {
        let addresses = self.needs.addresses.iter().map(|(name, url)| {
            let path = url.path().trim_end_matches('/');
            (name.clone(), format!("http://{}{path}", self.address))
        });
        let keys = self.needs.keys.iter().map(|name| (name.clone(), CREDENTIAL.to_owned()));
        addresses.chain(keys).collect()
    }

    /// Returns the sentence that tells the author.
    pub(super) fn notice(&self) -> String {
        let keys = self.needs.keys.join(" and ");
        let verb = if self.needs.keys.len() == 1 { "isn't" } else { "aren't" };
        format!(
            "{keys} {verb} set, so the vendor is played by cassettes/. Set it in .env and start again to ask the real one."
        )
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Needs {
    fn of(provider: &str, vars: &Vars) -> Self {
        let mut needs = Self::default();
        // A file that isn't TOML is the server's to refuse.
        let table: toml::Table = provider.parse().unwrap_or_default();
        needs.collect(&Value::Table(table), vars);
        needs
    }

    fn collect(&mut self, value: &Value, vars: &Vars) {
        match value {
            Value::String(text) => self.collect_text(text, vars),
            Value::Array(items) => items.iter().for_each(|item| self.collect(item, vars)),
            Value::Table(fields) => fields.iter().for_each(|(_, field)| self.collect(field, vars)),
            _ => {}
        }
    }

    fn collect_text(&mut self, text: &str, vars: &Vars) {
        // A text that can't be read is the server's to refuse.
        for piece in template::pieces(text).unwrap_or_default() {
            let Piece::Variable { name, default } = piece else { continue };
            match (vars.get(name), default) {
                (None, None) if !self.keys.iter().any(|key| key == name) => {
                    self.keys.push(name.to_owned())
                }
                (None, None) => {}
                (given, default) => {
                    let url = given.or(default).and_then(|url| Url::parse(url).ok());
                    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
                    if let Some(url) =
                        url.filter(|_| !self.addresses.iter().any(|(known, _)| known == name))
                    {
                        self.addresses.push((name.to_owned(), url));
                    }
                }
            }
        }
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
        Ok(Ok(played)) => played.into_response(),
        Ok(Err(none)) => refusal(&none.to_string()),
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
    fn what_a_provider_needs_is_found_in_its_file() {
        let url = |text: &str| ("URL".to_owned(), Url::parse(text).unwrap());
        let needs = Needs::of(PROVIDER, &Vars::default());
        assert_eq!(
            needs,
            Needs { keys: vec!["KEY".into()], addresses: vec![url("https://api.example.com/v1")] }
        );
        let vars = Vars::from([("KEY", "k"), ("URL", "http://127.0.0.1:1")]);
        assert_eq!(
            Needs::of(PROVIDER, &vars),
            Needs { keys: vec![], addresses: vec![url("http://127.0.0.1:1")] }
        );
        assert_eq!(Needs::of("not TOML ${KEY}", &Vars::default()), Needs::default());
    }

    #[tokio::test]
    async fn a_provider_without_a_key_asks_the_stand_in() {
        let project = tempfile::tempdir().unwrap();
        std::fs::write(project.path().join(super::PROVIDER), PROVIDER).unwrap();
        assert!(
            StandIn::start(project.path(), &Vars::default()).await.unwrap().is_none(),
            "there are no cassettes"
        );
        std::fs::create_dir(project.path().join("cassettes")).unwrap();
        let stand_in = StandIn::start(project.path(), &Vars::default()).await.unwrap().unwrap();
        let given = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let url = format!("http://{}/v1", stand_in.address);
        assert_eq!(stand_in.settings(), [given("URL", &url), given("KEY", CREDENTIAL)]);
        let with_key = StandIn::start(project.path(), &Vars::from([("KEY", "k")])).await.unwrap();
        assert!(with_key.is_none(), "with a key, the vendor itself is asked");
    }
}
