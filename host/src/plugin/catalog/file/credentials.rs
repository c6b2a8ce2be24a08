//! `query`, `token` and `sign` of an `[[outbound]]`: what the host adds to requests beside headers.

use http::{HeaderName, header};
use secrecy::SecretString;
use toml::de::DeTable;

use super::aws;
use super::fields::{address, fields, optional, required};
use super::reader::{ENTRIES_MAX, Reader, Spanned};
use crate::egress::{
    ClientAuth, Credential, CredentialKind, GoogleKey, GoogleServiceAccount, OAuth2,
};

/// The address at which Google gives tokens, and what a token is for if nothing else is said.
const GOOGLE_URL: &str = "https://oauth2.googleapis.com/token";
const GOOGLE_SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Reads the parameters that the host adds to the query. One whose value is empty isn't added, as
/// with headers.
pub(super) fn query(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Vec<(String, SecretString)> {
    pairs(reader, table.get("query"), "outbound.query")
}

/// Reads texts by name, without those that are empty.
fn pairs(
    reader: &mut Reader<'_>,
    value: Option<&Spanned<'_>>,
    place: &str,
) -> Vec<(String, SecretString)> {
    let mut pairs = Vec::new();
    for (index, (key, value)) in reader.table(value, place).into_iter().enumerate() {
        if index == ENTRIES_MAX {
            reader.complain(value, format!("{place} has at most {ENTRIES_MAX} entries"));
            break;
        }
        let Some(expanded) = reader.scalar(value, &format!("{place}.{key}")) else { continue };
        if expanded.missing.is_empty() && !expanded.text.is_empty() {
            pairs.push((key.to_owned(), SecretString::from(expanded.text)));
        }
    }
    pairs
}

/// Reads the credential that the host mints or signs with.
pub(super) fn credential(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    headers: &[(HeaderName, SecretString)],
) -> Option<Credential> {
    let (value, read): (_, fn(&mut Reader<'_>, &Spanned<'_>) -> Option<CredentialKind>) = match (
        table.get("token"),
        table.get("sign"),
    ) {
        (None, None) => return None,
        (Some(value), None) => (value, token),
        (None, Some(value)) => (value, sign),
        (Some(_), Some(sign)) => {
            let problem = "an origin has a token or a signature, not both: each sets the header authorization";
            reader.complain(sign, problem.to_owned());
            return None;
        }
    };
    if headers.iter().any(|(name, _)| *name == header::AUTHORIZATION) {
        let problem = "outbound.headers.authorization would be replaced by this one";
        reader.complain(value, problem.to_owned());
    }
    let line = reader.line(value);
    read(reader, value).map(|kind| Credential { line, kind })
}

fn token(reader: &mut Reader<'_>, value: &Spanned<'_>) -> Option<CredentialKind> {
    let known = ["oauth2", "google-service-account"];
    let (kind, value) = one_of(reader, value, "outbound.token", &known)?;
    match kind {
        "oauth2" => oauth2(reader, value).map(CredentialKind::OAuth2),
        _ => google(reader, value).map(CredentialKind::GoogleServiceAccount),
    }
}

fn sign(reader: &mut Reader<'_>, value: &Spanned<'_>) -> Option<CredentialKind> {
    let (_, value) = one_of(reader, value, "outbound.sign", &["aws-sigv4"])?;
    aws::sigv4(reader, value).map(CredentialKind::AwsSigV4)
}

/// Returns the one entry of a table that says which kind it is.
fn one_of<'t, 'i>(
    reader: &mut Reader<'_>,
    value: &'t Spanned<'i>,
    place: &str,
    known: &[&str],
) -> Option<(&'t str, &'t Spanned<'i>)> {
    let table = fields(reader, value, place, known)?;
    let mut entries = table.iter().filter(|(key, _)| known.contains(&&**key.get_ref()));
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) => Some((key.get_ref(), value)),
        (None, _) if !table.is_empty() => None,
        _ => {
            let problem = format!("{place} is one of: {}", known.join(", "));
            reader.complain(value, problem);
            None
        }
    }
}

fn oauth2(reader: &mut Reader<'_>, value: &Spanned<'_>) -> Option<OAuth2> {
    const PLACE: &str = "outbound.token.oauth2";
    let known = ["url", "client-id", "client-secret", "client-auth", "scope", "form", "private"];
    let table = fields(reader, value, PLACE, &known)?;
    let example = "https://login.example.com/oauth2/token";
    let url = required(reader, (value, table), PLACE, "url", example);
    let id = optional(reader, table, PLACE, "client-id");
    let secret = optional(reader, table, PLACE, "client-secret");
    let scope = optional(reader, table, PLACE, "scope");
    let given = pairs(reader, table.get("form"), "outbound.token.oauth2.form");
    let private = table.get("private").is_some_and(|value| {
        reader.boolean(value, "outbound.token.oauth2.private").unwrap_or_default()
    });
    let named = table.contains_key("client-id") && table.contains_key("client-secret");
    if !named && !table.contains_key("form") {
        let problem = format!("{PLACE} needs client-id and client-secret, or a form");
        reader.complain(value, problem);
    }
    let basic = table.get("client-auth").and_then(|value| {
        let text = reader.text(value, "outbound.token.oauth2.client-auth")?;
        if !matches!(&*text, "form" | "basic") {
            let problem = format!("{PLACE}.client-auth is \"form\" or \"basic\", not {text:?}");
            reader.complain(value, problem);
        }
        Some(text == "basic")
    });
    let url = address(reader, table.get("url")?, "outbound.token.oauth2.url", &url?)?;

    let has = |name: &str| given.iter().any(|(given, _)| given == name);
    let mut form = Vec::new();
    let mut add = |name: &str, value: Option<SecretString>| {
        // What stands in the form says so more plainly.
        form.extend(value.filter(|_| !has(name)).map(|value| (name.to_owned(), value)));
    };
    add("grant_type", Some("client_credentials".into()));
    let auth = match (basic, id, secret) {
        (Some(true), Some(id), Some(secret)) => Some(ClientAuth { id, secret: secret.into() }),
        (_, id, secret) => {
            add("client_id", id.map(Into::into));
            add("client_secret", secret.map(Into::into));
            None
        }
    };
    add("scope", scope.map(Into::into));
    form.extend(given);
    Some(OAuth2 { url, auth, form, private })
}

fn google(reader: &mut Reader<'_>, value: &Spanned<'_>) -> Option<GoogleServiceAccount> {
    const PLACE: &str = "outbound.token.google-service-account";
    let table = fields(reader, value, PLACE, &["key-file", "key", "scope", "url"])?;
    let file = optional(reader, table, PLACE, "key-file");
    let json = optional(reader, table, PLACE, "key");
    let scope = optional(reader, table, PLACE, "scope");
    let url = optional(reader, table, PLACE, "url").unwrap_or_else(|| GOOGLE_URL.to_owned());
    if table.contains_key("key-file") == table.contains_key("key") {
        let problem = format!(
            "{PLACE} needs either key-file, such as key-file = \"${{GOOGLE_APPLICATION_CREDENTIALS}}\", or key, with \
             what stands in such a file"
        );
        reader.complain(value, problem);
    }
    let url = address(reader, table.get("url").unwrap_or(value), &format!("{PLACE}.url"), &url)?;
    let key = match (file, json) {
        (Some(file), _) => GoogleKey::File(file.into()),
        (None, Some(json)) => GoogleKey::Json(json.into()),
        (None, None) => return None,
    };
    let scope = scope.unwrap_or_else(|| GOOGLE_SCOPE.to_owned());
    Some(GoogleServiceAccount { key, scope, url })
}

#[cfg(test)]
mod tests;
