//! The plugin's project as the suite needs it: a provider file like the one that ships, in which
//! the scripted vendor takes the place of the real one and no variable is left open.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use arete_vars::template::{self, Piece};
use toml::{Table, Value};
use url::Url;

use super::BadInput;

/// The value of a variable without a default.
const CREDENTIAL: &str = "test-credential";

/// Finds the value of a variable, if it has one.
type ValueOf<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Returns a provider's file like this one, in which a vendor at this URL on this machine takes the
/// place of every granted origin. A variable without a value and without a default stands for a
/// credential that no vendor knows.
///
/// # Errors
/// The reason why the file can't be read.
pub fn with_vendor(text: &str, value_of: ValueOf<'_>, vendor: &str) -> Result<String, String> {
    let file = Project::parse(text, value_of)?.redirected(vendor, &BTreeMap::new());
    toml::to_string(&file).map_err(|error| error.to_string())
}

/// The project's `provider.toml`, its variables filled in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Project {
    file: Table,
    /// The origins that it grants.
    origins: Vec<String>,
}

impl Project {
    /// Reads `provider.toml`; without one, the plugin is given nothing.
    pub(super) fn read(path: Option<&Path>) -> Result<Self, BadInput> {
        let Some(path) = path else { return Ok(Self { file: Table::new(), origins: Vec::new() }) };
        let wrong = |problem: String| BadInput(format!("{}: {problem}", path.display()));
        let text =
            fs::read_to_string(path).map_err(|error| wrong(format!("can't be read: {error}")))?;
        Self::parse(&text, &|_| None).map_err(wrong)
    }

    fn parse(text: &str, value_of: ValueOf<'_>) -> Result<Self, String> {
        let mut file: Table = toml::from_str(text).map_err(|error| error.to_string())?;
        let base_urls: Vec<bool> = grants(&mut file).map(|grant| names_base_url(grant)).collect();
        for (_, value) in file.iter_mut() {
            fill_in(value, value_of)?;
        }
        for (grant, _) in grants(&mut file).zip(base_urls).filter(|(_, base_url)| *base_url) {
            spell_out_base(grant);
        }
        // A file that is turned off until its operator has a key ships, too.
        file.remove("enabled");
        let origins =
            grants(&mut file).filter_map(|grant| origin(grant.get("origin")?.as_str()?)).collect();
        Ok(Self { file, origins })
    }

    /// Writes the provider file for this component, with these settings beside the project's own.
    pub(super) fn write(
        &self,
        path: &Path,
        component: &str,
        vendor: &str,
        settings: &BTreeMap<String, Value>,
    ) -> anyhow::Result<()> {
        let text = toml::to_string(&self.table(component, vendor, settings))
            .context("writing the provider file")?;
        fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))
    }

    fn table(&self, component: &str, vendor: &str, settings: &BTreeMap<String, Value>) -> Table {
        let mut file = self.redirected(vendor, settings);
        file.insert("component".to_owned(), component.into());
        file
    }

    /// The file with a vendor at this URL, and with these settings beside the project's own.
    fn redirected(&self, vendor: &str, settings: &BTreeMap<String, Value>) -> Table {
        let mut file = self.file.clone();
        let config = file.entry("config").or_insert_with(|| Table::new().into());
        if let Some(config) = config.as_table_mut() {
            config.extend(settings.iter().map(|(key, value)| (key.clone(), value.clone())));
            config.iter_mut().for_each(|(_, value)| self.redirect(value, vendor));
        }
        if let Some(grants) = file.get_mut("outbound").and_then(Value::as_array_mut) {
            let given = std::mem::take(grants);
            grants.extend(self.grant(given, vendor));
        }
        file.iter_mut().for_each(|(_, value)| escape(value));
        file
    }

    /// One grant, of the vendor's origin, with the headers and endpoints of all. What isn't a grant
    /// stays for the host to refuse.
    fn grant(&self, given: Vec<Value>, vendor: &str) -> Vec<Value> {
        let mut grants: Vec<Value> = Vec::new();
        for mut value in given {
            let Some(grant) = value.as_table_mut() else { return vec![value] };
            if let Some(origin) = grant.get_mut("origin") {
                self.redirect(origin, vendor);
            }
            // The vendor is on this machine.
            grant.insert("private".to_owned(), true.into());
            fix_credential(grant);
            let added = ADDED.map(|key| (key, grant.get(key).cloned()));
            let endpoints = ENDPOINTS.map(|key| (key, grant.get(key).cloned()));
            match grants.first_mut().and_then(Value::as_table_mut) {
                None => grants.push(value),
                Some(first) => {
                    endpoints.into_iter().for_each(|(key, more)| join(first, key, more));
                    for (key, more) in added {
                        let Some(Value::Table(more)) = more else { continue };
                        let all = first.entry(key).or_insert_with(|| Table::new().into());
                        all.as_table_mut().into_iter().for_each(|all| all.extend(more.clone()));
                    }
                }
            }
        }
        grants
    }

    /// A URL of a granted origin becomes one of the vendor's.
    fn redirect(&self, value: &mut Value, vendor: &str) {
        let Value::String(text) = value else { return };
        if origin(text).is_none_or(|origin| !self.origins.contains(&origin)) {
            return;
        }
        let rest = text.split_once("://").map_or("", |(_, rest)| rest);
        let path =
            rest.find(['/', '?', '#']).and_then(|start| rest.get(start..)).unwrap_or_default();
        *text = format!("{vendor}{path}");
    }
}

/// The keys of a grant that say what the host adds to requests.
const ADDED: [&str; 3] = ["headers", "query", "sign"];

/// Puts a fixed credential in the place of one that the host would ask somebody for: the suite asks
/// nobody but the scripted vendor. What is signed goes on being signed.
fn fix_credential(grant: &mut Table) {
    if grant.remove("token").is_some() {
        let headers = grant.entry("headers").or_insert_with(|| Table::new().into());
        if let Some(headers) = headers.as_table_mut() {
            headers.insert("authorization".to_owned(), format!("Bearer {CREDENTIAL}").into());
        }
    }
    let signer = grant.get_mut("sign").and_then(|sign| sign.get_mut("aws-sigv4"));
    if let Some(signer) = signer.and_then(Value::as_table_mut) {
        let keys = ["access-key-id", "secret-access-key"];
        let keys: Table = keys.map(|key| (key.to_owned(), CREDENTIAL.into())).into_iter().collect();
        signer.insert("credentials".to_owned(), keys.into());
        signer.remove("endpoint");
    }
}

/// The keys of a grant that name endpoints; one that isn't there grants all of them.
const ENDPOINTS: [&str; 2] = ["paths", "methods"];

/// Adds the endpoints of another grant to these.
fn join(first: &mut Table, key: &str, more: Option<Value>) {
    match (first.get_mut(key), more) {
        (Some(Value::Array(all)), Some(Value::Array(more))) => all.extend(more),
        // All of one of the two, and so of both.
        (Some(Value::Array(_)), None) => drop(first.remove(key)),
        _ => {}
    }
}

/// The tables under `[[outbound]]`.
fn grants(file: &mut Table) -> impl Iterator<Item = &mut Table> {
    let grants = file.get_mut("outbound").and_then(Value::as_array_mut);
    grants.into_iter().flatten().filter_map(Value::as_table_mut)
}

/// Returns true if a grant's origin is one variable, which may hold a base URL with a path.
fn names_base_url(grant: &Table) -> bool {
    let origin = grant.get("origin").and_then(Value::as_str).unwrap_or_default();
    matches!(template::pieces(origin).as_deref(), Ok([Piece::Variable { .. }]))
}

/// Writes the path of a base URL before each of its grant's paths, as the host does: the variable is
/// filled in, and a literal origin has no path.
fn spell_out_base(grant: &mut Table) {
    let url = grant.get("origin").and_then(Value::as_str).and_then(|text| Url::parse(text).ok());
    let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https")) else { return };
    let base = url.path().trim_end_matches('/');
    for path in grant.get_mut("paths").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::String(path) = path {
            path.insert_str(0, base);
        }
    }
    grant.insert("origin".to_owned(), url.origin().ascii_serialization().into());
}

/// The origin of a URL of HTTP.
fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(url.origin().ascii_serialization())
}

/// Fills in the variables of all texts: `${NAME:-default}` becomes its value or its default, `${NAME}`
/// its value or the credential.
fn fill_in(value: &mut Value, value_of: ValueOf<'_>) -> Result<(), String> {
    match value {
        Value::String(text) => *text = filled(text, value_of)?,
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill_in(item, value_of))?,
        Value::Table(fields) => {
            fields.iter_mut().try_for_each(|(_, value)| fill_in(value, value_of))?;
        }
        _ => {}
    }
    Ok(())
}

fn filled(text: &str, value_of: ValueOf<'_>) -> Result<String, String> {
    let pieces = template::pieces(text).map_err(|error| format!("{text:?} {error}"))?;
    let filled = |piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Variable { name, default } => {
            value_of(name).unwrap_or_else(|| default.unwrap_or(CREDENTIAL).to_owned())
        }
    };
    Ok(pieces.into_iter().map(filled).collect())
}

/// Texts as a provider file has them, where `$$` is `$`.
fn escape(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace('$', "$$"),
        Value::Array(items) => items.iter_mut().for_each(escape),
        Value::Table(fields) => fields.iter_mut().for_each(|(_, value)| escape(value)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VENDOR: &str = "http://127.0.0.1:9";

    fn table(text: &str, settings: &[(&str, &str)]) -> Table {
        let settings =
            settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        Project::parse(text, &|_| None).unwrap().table("x.wasm", VENDOR, &settings)
    }

    #[test]
    fn the_vendor_takes_the_place_of_every_granted_origin() {
        let table = table(
            r#"
            component = "bundled:gemini"
            enabled = false
            [config]
            base-url = "${GEMINI_BASE_URL:-https://api.example.com}/v1beta"
            model = "${MODEL:-flash}"
            docs = "https://docs.example.com/"
            price = "5$$"
            retries = 3
            [[outbound]]
            origin = "${GEMINI_BASE_URL:-https://api.example.com}"
            headers = { x-goog-api-key = "${GEMINI_API_KEY}" }
            [[outbound]]
            origin = "https://upload.example.com:443"
            headers = { authorization = "Bearer ${GEMINI_API_KEY}" }
            "#,
            &[("base-url", "https://upload.example.com/v2"), ("mode", "fast")],
        );
        let expected = r#"
            component = "x.wasm"
            [config]
            base-url = "http://127.0.0.1:9/v2"
            model = "flash"
            docs = "https://docs.example.com/"
            price = "5$$"
            retries = 3
            mode = "fast"
            [[outbound]]
            origin = "http://127.0.0.1:9"
            private = true
            headers = { x-goog-api-key = "test-credential", authorization = "Bearer test-credential" }
            "#;
        assert_eq!(table, toml::from_str::<Table>(expected).unwrap());
        assert_eq!(toml::from_str::<Table>(&toml::to_string(&table).unwrap()).unwrap(), table);
    }

    #[test]
    fn nobody_is_asked_for_a_credential() {
        let table = table(
            r#"
            [[outbound]]
            origin = "https://a.example"
            query = { key = "${KEY}" }
            token = { oauth2 = { url = "https://login.example/token", client-id = "a", client-secret = "${B}" } }
            [[outbound]]
            origin = "https://b.example"
            query = { version = "1" }
            sign = { aws-sigv4 = { service = "s", region = "r", credentials = "imds", endpoint = "http://10.0.0.1" } }
            "#,
            &[],
        );
        let expected = r#"
            origin = "http://127.0.0.1:9"
            private = true
            headers = { authorization = "Bearer test-credential" }
            query = { key = "test-credential", version = "1" }
            [sign.aws-sigv4]
            service = "s"
            region = "r"
            credentials = { access-key-id = "test-credential", secret-access-key = "test-credential" }
            "#;
        let outbound = table["outbound"].as_array().unwrap();
        assert_eq!(outbound.len(), 1);
        assert_eq!(outbound[0], Value::Table(toml::from_str(expected).unwrap()));
    }

    #[test]
    fn endpoints_of_all_grants_are_those_of_the_vendor() {
        let outbound = |text: &str| {
            let table = table(text, &[]);
            let grants = table["outbound"].as_array().unwrap().clone();
            assert_eq!(grants.len(), 1);
            grants[0].as_table().unwrap().clone()
        };
        let both = outbound(
            "[[outbound]]\norigin = \"${URL:-https://a.example/v1/}\"\npaths = [\"/chat\"]\nmethods = [\"POST\"]\n\
             [[outbound]]\norigin = \"https://b.example\"\npaths = [\"/files\"]",
        );
        assert_eq!(both["origin"].as_str(), Some(VENDOR));
        assert_eq!(both["paths"], Value::from(vec!["/v1/chat", "/files"]));
        assert!(!both.contains_key("methods"), "the second grant has all methods");
        let literal = outbound("[[outbound]]\norigin = \"https://a.example/v1\"");
        let refused = format!("{VENDOR}/v1");
        assert_eq!(literal["origin"].as_str(), Some(&*refused), "the host refuses it by its line");
    }

    #[test]
    fn a_vendor_on_this_machine_takes_the_place_of_the_real_one() {
        let text = "component = \"a.wasm\"\n[config]\nurl = \"https://a.example/v1\"\nmodel = \"${MODEL:-m}\"\n\
                    [[outbound]]\norigin = \"https://a.example\"\nheaders = { x-key = \"${KEY}\" }\n";
        let value_of = |name: &str| (name == "MODEL").then(|| "large".to_owned());
        let file: Table = with_vendor(text, &value_of, VENDOR).unwrap().parse().unwrap();
        let expected = "component = \"a.wasm\"\n[config]\nurl = \"http://127.0.0.1:9/v1\"\nmodel = \"large\"\n\
                        [[outbound]]\norigin = \"http://127.0.0.1:9\"\nprivate = true\n\
                        headers = { x-key = \"test-credential\" }\n";
        assert_eq!(file, expected.parse::<Table>().unwrap());
    }

    #[test]
    fn without_a_file_nothing_is_granted() {
        let project = Project::read(None).unwrap();
        let table = project.table("x.wasm", VENDOR, &BTreeMap::new());
        assert_eq!(table, toml::from_str::<Table>("component = \"x.wasm\"\n[config]\n").unwrap());
    }

    #[test]
    fn a_variable_that_never_ends_is_told() {
        assert!(Project::parse("a = \"${B\"", &|_| None).unwrap_err().contains("without its }"));
        assert!(Project::parse("a = ", &|_| None).is_err());
    }
}
