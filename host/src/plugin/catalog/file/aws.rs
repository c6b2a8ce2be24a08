//! `sign = { aws-sigv4 = { … } }` of an `[[outbound]]`, with the variables and files in which
//! Amazon's own tools look for keys.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use toml::de::{DeTable, DeValue};
use url::{Host, Url};

use super::fields::{address, fields, optional, required};
use super::reader::{Reader, Spanned};
use crate::egress::{AwsKeySource, AwsKeys, AwsSigV4, ContainerToken};

const PLACE: &str = "outbound.sign.aws-sigv4";
const SOURCES: &str = "\"env\", \"profile\", \"profile:NAME\", \"web-identity\", \"container\", \"imds\", or a table with \
                       access-key-id and secret-access-key";
/// The addresses at which Amazon's metadata service and the agent of its containers answer.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const CONTAINER_AGENT: Ipv4Addr = Ipv4Addr::new(169, 254, 170, 2);
/// The name of sessions, unless the operator says another one.
const SESSION: &str = "arete";

/// Reads the signature that the host makes.
pub(super) fn sigv4(reader: &mut Reader<'_>, value: &Spanned<'_>) -> Option<AwsSigV4> {
    let known = ["service", "region", "credentials", "endpoint"];
    let table = fields(reader, value, PLACE, &known)?;
    let service = required(reader, (value, table), PLACE, "service", "bedrock");
    let region = required(reader, (value, table), PLACE, "region", "us-east-1");
    for (key, text) in [("service", &service), ("region", &region)] {
        let fit = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        if let (Some(value), Some(text)) = (table.get(key), text)
            && !text.chars().all(fit)
        {
            reader.complain(value, format!("{PLACE}.{key} is made of letters, digits and -"));
            return None;
        }
    }
    let keys = key_source(reader, (value, table), region.as_deref());
    Some(AwsSigV4 { region: region?, service: service?, keys: keys? })
}

fn key_source(
    reader: &mut Reader<'_>,
    (value, table): (&Spanned<'_>, &DeTable<'_>),
    region: Option<&str>,
) -> Option<AwsKeySource> {
    let word = match table.get("credentials") {
        None => "env".to_owned(),
        Some(value) if matches!(value.get_ref(), DeValue::Table(_)) => return given(reader, value),
        Some(value) => reader.text(value, "outbound.sign.aws-sigv4.credentials")?,
    };
    let value = table.get("credentials").unwrap_or(value);
    if let (Some(endpoint), false) = (table.get("endpoint"), takes_endpoint(&word)) {
        let problem =
            format!("{PLACE}.endpoint is for the credentials \"web-identity\" and \"imds\" only");
        reader.complain(endpoint, problem);
    }
    match word.split_once(':').unwrap_or((&word, "")) {
        ("env", "") => from_variables(reader),
        ("profile", name) => profile(reader, name),
        ("web-identity", "") => web_identity(reader, table, region),
        ("container", "") => container(reader, value),
        ("imds", "") => instance_metadata(reader, table),
        _ => {
            reader.complain(value, format!("{PLACE}.credentials is one of: {SOURCES}"));
            None
        }
    }
}

fn takes_endpoint(word: &str) -> bool {
    matches!(word, "web-identity" | "imds")
}

/// Reads keys in the file itself, out of variables of other names.
fn given(reader: &mut Reader<'_>, value: &Spanned<'_>) -> Option<AwsKeySource> {
    const PLACE: &str = "outbound.sign.aws-sigv4.credentials";
    let known = ["access-key-id", "secret-access-key", "session-token"];
    let table = fields(reader, value, PLACE, &known)?;
    let id = required(reader, (value, table), PLACE, "access-key-id", "${WORK_ACCESS_KEY_ID}");
    let secret =
        required(reader, (value, table), PLACE, "secret-access-key", "${WORK_SECRET_ACCESS_KEY}");
    let token = optional(reader, table, PLACE, "session-token");
    Some(AwsKeySource::Given(AwsKeys {
        access_key_id: id?,
        secret_access_key: secret?.into(),
        session_token: token.map(Into::into),
    }))
}

fn from_variables(reader: &mut Reader<'_>) -> Option<AwsKeySource> {
    let id = reader.variable("AWS_ACCESS_KEY_ID");
    let secret = reader.variable("AWS_SECRET_ACCESS_KEY");
    let token = reader.optional_variable("AWS_SESSION_TOKEN");
    Some(AwsKeySource::Given(AwsKeys {
        access_key_id: id?,
        secret_access_key: secret?.into(),
        session_token: token.map(Into::into),
    }))
}

fn profile(reader: &mut Reader<'_>, name: &str) -> Option<AwsKeySource> {
    let name = Some(name).filter(|name| !name.is_empty()).map(str::to_owned);
    let name = name.or_else(|| reader.optional_variable("AWS_PROFILE"));
    let named = ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"]
        .map(|name| reader.optional_variable(name).map(PathBuf::from));
    let files = match named {
        [Some(credentials), Some(config)] => [credentials, config],
        [credentials, config] => {
            let home = reader.variable("HOME")?;
            let usual = |name: &str| Path::new(&home).join(".aws").join(name);
            [
                credentials.unwrap_or_else(|| usual("credentials")),
                config.unwrap_or_else(|| usual("config")),
            ]
        }
    };
    Some(AwsKeySource::Profile { name: name.unwrap_or_else(|| "default".into()), files })
}

fn web_identity(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    region: Option<&str>,
) -> Option<AwsKeySource> {
    let role_arn = reader.variable("AWS_ROLE_ARN");
    let token_file = reader.variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    let session_name = reader.optional_variable("AWS_ROLE_SESSION_NAME");
    let sts = match endpoint(reader, table) {
        Some(endpoint) => endpoint?,
        None => {
            let region = region?;
            // China is a part of its own.
            let end = if region.starts_with("cn-") { ".cn" } else { "" };
            Url::parse(&format!("https://sts.{region}.amazonaws.com{end}/")).ok()?
        }
    };
    Some(AwsKeySource::WebIdentity {
        role_arn: role_arn?,
        session_name: session_name.unwrap_or_else(|| SESSION.to_owned()),
        token_file: token_file?.into(),
        sts,
    })
}

/// Reads the address that is asked instead of the usual one; outer nothing if none is written.
fn endpoint(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Option<Url>> {
    const KEY: &str = "outbound.sign.aws-sigv4.endpoint";
    let value = table.get("endpoint")?;
    let text = reader.text(value, KEY);
    Some(text.and_then(|text| address(reader, value, KEY, &text)))
}

/// Reads the address of the agent beside a container. It leads to an address that is one by itself,
/// or by TLS to a name, so that nobody on the way can answer for it.
fn container(reader: &mut Reader<'_>, value: &Spanned<'_>) -> Option<AwsKeySource> {
    const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    let url = match reader.optional_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        Some(path) => format!("http://{CONTAINER_AGENT}{path}"),
        None => reader.variable(FULL)?,
    };
    // With a query, if it has one.
    let url = Url::parse(&url).ok().filter(|url| {
        url.username().is_empty()
            && url.password().is_none()
            && (url.scheme() == "https" || (url.scheme() == "http" && is_literal(url)))
    });
    let Some(url) = url else {
        let problem = format!(
            "the variable that names the container's agent ({FULL}) must hold a URL with https://, or with http:// and \
             an address instead of a name"
        );
        reader.complain(value, problem);
        return None;
    };
    let file = reader.optional_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    let given = reader.optional_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    let token = match (file, given) {
        (Some(file), _) => Some(ContainerToken::File(file.into())),
        (None, given) => given.map(SecretString::from).map(ContainerToken::Given),
    };
    Some(AwsKeySource::Container { url, token })
}

/// Reads the address of the metadata service, which is asked by its address alone: a name could be
/// pointed at it, or away from it.
fn instance_metadata(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<AwsKeySource> {
    let endpoint = match endpoint(reader, table) {
        Some(endpoint) => endpoint?,
        None => Url::parse(&format!("http://{METADATA}/")).ok()?,
    };
    if !is_literal(&endpoint) {
        let problem = format!(
            "{PLACE}.endpoint must be an address for \"imds\", such as http://{METADATA}: no name leads there"
        );
        table.get("endpoint").into_iter().for_each(|value| reader.complain(value, problem.clone()));
        return None;
    }
    Some(AwsKeySource::InstanceMetadata { endpoint })
}

/// Returns true if the host of an address is one that nothing resolves.
fn is_literal(url: &Url) -> bool {
    matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)))
}
