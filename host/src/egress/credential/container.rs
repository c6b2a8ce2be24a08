//! Keys of Amazon's from the agent beside a container, as ECS and EKS have one.

use http::{Method, header};
use secrecy::ExposeSecret;
use url::Url;

use super::aws_answer;
use super::exchange::{read_file, request};
use super::minted::{Fresh, Tools};
use super::spec::{AwsKeys, ContainerToken};

/// Asks the agent.
pub(super) async fn mint(
    url: &Url,
    token: Option<&ContainerToken>,
    tools: &Tools,
) -> Result<Fresh<AwsKeys>, String> {
    let token = match token {
        None => None,
        Some(ContainerToken::Given(token)) => Some(token.expose_secret().to_owned()),
        // Read each time: it is replaced before it ends.
        Some(ContainerToken::File(path)) => Some(read_file(path).await?.trim().to_owned()),
    };
    let mut headers = vec![(header::ACCEPT, "application/json")];
    headers.extend(token.as_deref().map(|token| (header::AUTHORIZATION, token)));
    let answer = tools.exchange.ask_for(request(Method::GET, url, &headers, String::new())?).await;
    let answer = answer.map_err(|problem| match &token {
        // What the agent says of a failure may hold it.
        Some(token) if !token.is_empty() => problem.replace(&**token, "[redacted]"),
        _ => problem,
    })?;
    aws_answer::json(&answer, (tools.clock)())
}
