//! Tokens by OAuth 2.0's client credentials (RFC 6749, 4.4), and what all servers of tokens answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, header};
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::form_urlencoded::byte_serialize;

use super::exchange::form;
use super::minted::{Fresh, Tools};
use super::spec::{ClientAuth, OAuth2};

/// The life of a token whose server doesn't say how long it lives.
const UNTOLD_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// The longest token. Larger headers are refused by most servers.
const TOKEN_MAX: usize = 16 << 10;

/// A token, as it stands in `authorization`.
pub(super) struct Token {
    /// The token alone.
    pub(super) secret: SecretString,
    /// `Bearer` and the token.
    pub(super) header: HeaderValue,
}

/// Asks for a token.
pub(super) async fn mint(oauth2: &OAuth2, tools: &Tools) -> Result<Fresh<Token>, String> {
    let OAuth2 { url, auth, form: fields, private: _ } = oauth2;
    let basic = auth.as_ref().map(basic);
    let mut headers = vec![(header::ACCEPT, "application/json")];
    headers.extend(basic.as_deref().map(|basic| (header::AUTHORIZATION, basic)));
    let fields = fields.iter().map(|(name, value)| (&**name, value.expose_secret()));
    let answer = tools.exchange.ask_for(form(url, &headers, fields)?).await?;
    token(&answer)
}

/// Returns a client's name and secret as a header has them, each in the form that RFC 6749 gives
/// it first.
fn basic(ClientAuth { id, secret }: &ClientAuth) -> String {
    let escaped = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let both = format!("{}:{}", escaped(id), escaped(secret.expose_secret()));
    format!("Basic {}", STANDARD.encode(both))
}

/// The part of an answer that is read.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
}

/// Seconds, as a number or, as some servers write it, as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

/// Reads a server's answer. No message shows any of it.
pub(super) fn token(answer: &Bytes) -> Result<Fresh<Token>, String> {
    let answer: Answer = serde_json::from_slice(answer)
        .map_err(|_| "the answer isn't the JSON that a server of tokens gives".to_owned())?;
    let Answer { access_token, token_type, expires_in } = answer;
    let token = access_token.filter(|token| !token.is_empty());
    let token = token.ok_or("the answer has no access_token")?;
    if TOKEN_MAX < token.len() {
        return Err(format!("the token is larger than {} KiB", TOKEN_MAX >> 10));
    }
    if token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err("the token is of another type than Bearer".into());
    }
    let header = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut header = header.map_err(|_| "the token can't stand in an HTTP header")?;
    header.set_sensitive(true);
    let seconds = match expires_in {
        None => None,
        Some(Seconds::Number(seconds)) => Some(seconds),
        Some(Seconds::Text(text)) => text.trim().parse().ok(),
    };
    let life = seconds.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
    let life = life.unwrap_or(UNTOLD_LIFE);
    Ok(Fresh { credential: Token { secret: token.into(), header }, life })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &'static str) -> Result<(String, i64), String> {
        let fresh = token(&Bytes::from_static(answer.as_bytes()))?;
        Ok((fresh.credential.header.to_str().unwrap().to_owned(), fresh.life.as_secs()))
    }

    #[test]
    fn a_token_and_its_life_are_read() {
        let bearer = "Bearer t1".to_owned();
        let rest = r#""token_type":"bearer","scope":"x"}"#;
        for (expires, life) in [
            (r#""expires_in":3600,"#, 3600),
            (r#""expires_in":"3599","#, 3599),
            (r#""expires_in":0,"#, 0),
            (r#""expires_in":"soon","#, 300),
            ("", 300),
        ] {
            let answer = format!("{{\"access_token\":\"t1\",{expires}{rest}");
            assert_eq!(read(answer.leak()), Ok((bearer.clone(), life)), "{expires}");
        }
    }

    #[test]
    fn an_answer_without_a_token_is_told_without_its_words() {
        for answer in [
            "<html>secret-marker",
            r#"{"access_token":"","x":"secret-marker"}"#,
            r#"{"token":"secret-marker"}"#,
            r#"{"access_token":"secret-marker","token_type":"mac"}"#,
            r#"{"access_token":"secret-marker\n"}"#,
            r#"{"access_token":7}"#,
        ] {
            let problem = read(answer).unwrap_err();
            assert!(!problem.contains("secret-marker"), "{problem}");
        }
    }

    #[test]
    fn a_name_and_a_secret_are_escaped_before_they_are_joined() {
        let auth = ClientAuth { id: "a:b".into(), secret: "c d%".into() };
        let encoded = basic(&auth);
        let plain = STANDARD.decode(encoded.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(String::from_utf8(plain).unwrap(), "a%3Ab:c+d%25");
    }
}
