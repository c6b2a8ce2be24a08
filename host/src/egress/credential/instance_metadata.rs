//! Keys of Amazon's from the metadata service of the machine, version 2: a token first, then the
//! name of the machine's role, then its keys.

use http::{HeaderName, Method};
use url::Url;

use super::aws_answer;
use super::exchange::request;
use super::minted::{Fresh, Tools};
use super::spec::AwsKeys;

const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
const TOKEN_LIFE: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
/// The longest token and the longest name of a role that are sent on.
const TEXT_MAX: usize = 1 << 10;

/// Asks the metadata service.
pub(super) async fn mint(endpoint: &Url, tools: &Tools) -> Result<Fresh<AwsKeys>, String> {
    let at = |path: &str| {
        let mut url = endpoint.clone();
        url.set_path(path);
        url
    };
    // For these three questions alone, so a minute does.
    let wish = [(TOKEN_LIFE, "60")];
    let wish = request(Method::PUT, &at("/latest/api/token"), &wish, String::new())?;
    let token = text(&tools.exchange.ask_for(wish).await?, "token")?;
    let ask = async |path: &str| {
        let question = request(Method::GET, &at(path), &[(TOKEN, &token)], String::new())?;
        tools.exchange.ask_for(question).await
    };
    let roles = ask(ROLES).await?;
    let roles = String::from_utf8_lossy(&roles).into_owned();
    let first = roles.lines().next().unwrap_or_default();
    let role = text(first.as_bytes(), "name of a role")
        .map_err(|problem| format!("{problem}: has the machine a role?"))?;
    let fit = |letter: char| letter.is_ascii_alphanumeric() || "+=,.@_-".contains(letter);
    if !role.chars().all(fit) {
        return Err("the metadata service names a role that no role can have".into());
    }
    let keys = ask(&format!("{ROLES}{role}")).await?;
    aws_answer::json(&keys, (tools.clock)())
}

/// Returns a short text.
fn text(bytes: &[u8], what: &str) -> Result<String, String> {
    let text = String::from_utf8_lossy(bytes).trim().to_owned();
    let fits = !text.is_empty() && text.len() <= TEXT_MAX;
    if fits { Ok(text) } else { Err(format!("the metadata service gave no {what}")) }
}
