//! Keys of Amazon's for a role, taken at the security token service by a token that somebody else
//! vouches with, such as a Kubernetes cluster. The question isn't signed: the token stands for it.

use std::path::Path;

use http::header;
use url::Url;

use super::aws_answer;
use super::exchange::{form, read_file};
use super::minted::{Fresh, Tools};
use super::spec::AwsKeys;

/// Takes a role.
pub(super) async fn mint(
    role_arn: &str,
    session_name: &str,
    token_file: &Path,
    sts: &Url,
    tools: &Tools,
) -> Result<Fresh<AwsKeys>, String> {
    // Read each time: whoever wrote it writes a new one before it ends.
    let token = read_file(token_file).await?;
    if token.trim().is_empty() {
        return Err(format!("{} is empty", token_file.display()));
    }
    let fields = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role_arn),
        ("RoleSessionName", session_name),
        ("WebIdentityToken", token.trim()),
    ];
    let request = form(sts, &[(header::ACCEPT, "application/xml")], fields)?;
    // What the service says of a failure may hold the token.
    let answer = tools.exchange.ask_for(request).await;
    let answer = answer.map_err(|problem| problem.replace(token.trim(), "[redacted]"))?;
    aws_answer::xml(&answer, (tools.clock)())
}
