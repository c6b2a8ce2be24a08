//! Credentials that the host mints or signs with: vendors that check each signature as Amazon does,
//! servers of tokens and keys that a test scripts, and guests that want to know them.

use arete_artifacts as guests;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use mock_vendor::{MockVendor, Reply, Request};
use serde_json::{Value, json};

use crate::support::{App, Builder, ask};

const CLIENT_SECRET: &str = "x7Kq92Lm4ZpQ-marker-of-the-client";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYMARKER";
const SESSION: &str = "IQoJb3JpZ2luX2VjEJ7//////////marker+of+the+session==";

/// A provider that may ask this vendor, with this credential.
fn provider(id: &str, component: &str, vendor: &MockVendor, credential: &str) -> Builder {
    let lines = format!("[[outbound]]\norigin = {:?}\n{credential}", vendor.url());
    App::with_echo().only_echo().set("CLIENT_SECRET", CLIENT_SECRET).provider(id, component, &lines)
}

fn oauth2(server: &MockVendor) -> String {
    format!(
        "token = {{ oauth2 = {{ url = \"{}/token\", client-id = \"arete\", client-secret = \"${{CLIENT_SECRET}}\" }} }}",
        server.url()
    )
}

fn token(text: &str, seconds: u32) -> Reply {
    Reply::json(200, json!({ "access_token": text, "expires_in": seconds, "token_type": "Bearer" }))
}

fn uncached(text: &str, provider: &str) -> Value {
    ask(text, json!({ "provider": provider, "useCache": false }))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns true if Amazon would take this request for one that was signed with this key: the
/// signature is made anew of the bytes that have come.
fn is_signed(request: &Request, secret: &str) -> bool {
    let authorization = request.header("authorization").unwrap_or_default();
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 Credential=ASIAX7KQ92LM4ZPQ/");
    let Some((scope, rest)) = fields.and_then(|fields| fields.split_once(", SignedHeaders="))
    else {
        return false;
    };
    let Some((names, signature)) = rest.split_once(", Signature=") else { return false };
    let time = request.header("x-amz-date").unwrap_or_default();
    let Some((date, _)) = time.split_once('T') else { return false };
    if scope != format!("{date}/us-east-1/bedrock/aws4_request") {
        return false;
    }
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let path: String = path
        .bytes()
        .map(|byte| match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let mut query: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    let mut text = format!("{}\n{path}\n{}\n", request.method, query.join("&"));
    for name in names.split(';') {
        let values: Vec<_> = request
            .headers
            .iter()
            .filter(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        text += &format!("{name}:{}\n", values.join(","));
    }
    text += &format!("\n{names}\n{}", hex(digest(&SHA256, &request.body).as_ref()));
    let hashed = hex(digest(&SHA256, text.as_bytes()).as_ref());
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashed}");
    let mac = |key: &[u8], text: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
    };
    let key =
        scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| mac(&key, part));
    // What has to be signed beside the path and the body.
    let signed: Vec<&str> = names.split(';').collect();
    ["host", "x-amz-date", "x-amz-security-token"].iter().all(|name| signed.contains(name))
        && request.header("x-amz-security-token") == Some(SESSION)
        && hex(&mac(&key, &to_sign)) == signature
}

/// A metadata service whose machine has a role.
fn metadata(server: &MockVendor) {
    server.always_with(|request| match (&*request.method, &*request.path) {
        ("PUT", "/latest/api/token") => Reply::status(200).body("metadata-token"),
        _ if request.header("x-aws-ec2-metadata-token") != Some("metadata-token") => {
            Reply::status(401)
        }
        ("GET", "/latest/meta-data/iam/security-credentials/") => Reply::status(200).body("role"),
        ("GET", "/latest/meta-data/iam/security-credentials/role") => {
            let end = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(6);
            Reply::json(
                200,
                json!({
                    "Code": "Success",
                    "AccessKeyId": "ASIAX7KQ92LM4ZPQ",
                    "SecretAccessKey": SECRET_KEY,
                    "Token": SESSION,
                    "Expiration": end.to_string(),
                }),
            )
        }
        _ => Reply::status(404),
    });
}

/// Repeats all that it was sent.
fn repeat(request: &Request) -> Reply {
    let said: String =
        request.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    Reply::status(200).header("x-said", said.replace('\n', ", ")).body(said).cut_every(7)
}

#[tokio::test]
async fn a_request_is_signed_as_it_goes_out_whatever_the_guest_sets() {
    let (vendor, server) = (MockVendor::start().await, MockVendor::start().await);
    metadata(&server);
    let sign = format!(
        "sign = {{ aws-sigv4 = {{ service = \"bedrock\", region = \"us-east-1\", credentials = \"imds\", endpoint = {:?} }} }}",
        server.url()
    );
    let app =
        provider("bedrock", guests::FORGER, &vendor, &sign).set("RUST_LOG", "trace").start().await;
    vendor.always_with(|request| {
        if is_signed(request, SECRET_KEY) { repeat(request) } else { Reply::status(403).body("no") }
    });
    for target in ["/", "/model/a.b-v1%3A0/converse", "/model/a.b-v1:0/converse?b=2&a=%20"] {
        for way in ["headers", "text", "lines"] {
            let question = format!("{way} {}{target}", vendor.url());
            let content = app.chat(uncached(&question, "bedrock")).await.ok()["content"].clone();
            let content = content.as_str().unwrap();
            assert!(content.contains("x-amz-date: 20"), "{target}, {way}: {content}");
            assert!(content.contains("x-amz-security-token: [redacted]"), "{way}: {content}");
            for marker in ["forged", SESSION, "ASIAX7KQ92LM4ZPQ", SECRET_KEY] {
                assert!(!content.contains(marker), "{way}: {content}");
            }
        }
    }
    let sent = vendor.next_request().await;
    assert!(!is_signed(&sent, "another key"));
    assert!(!is_signed(&Request { body: b"another body".into(), ..sent.clone() }, SECRET_KEY));
    assert!(!is_signed(&Request { path: "/another".into(), ..sent }, SECRET_KEY));
    // Nine calls, and the keys were asked for once: by three questions.
    assert_eq!((vendor.count(), server.count()), (9, 3));
    let logs = app.logs().text();
    for marker in [SESSION, SECRET_KEY] {
        assert!(!logs.contains(marker), "{:?}", logs.lines().find(|line| line.contains(marker)));
    }
}

#[tokio::test]
async fn a_token_is_shared_by_calls_renewed_in_time_and_told_to_nobody() {
    let (vendor, server) = (MockVendor::start().await, MockVendor::start().await);
    let app = provider("minted", guests::FORGER, &vendor, &oauth2(&server))
        .set("RUST_LOG", "trace")
        .start()
        .await;
    vendor.always_with(repeat);
    let question = || uncached(&format!("text {}", vendor.url()), "minted");
    let tokens = ["x7Kq92Lm4ZpQ-marker-one", "x7Kq92Lm4ZpQ-marker-two"];
    // One second: it is over soon, and no sooner than the second one can be asked for.
    server.replies([token(tokens[0], 1), token(tokens[1], 3600)]);
    let answers = futures_util::future::join_all((0..8).map(|_| app.chat(question()))).await;
    for answer in answers {
        let content = answer.ok()["content"].as_str().unwrap().to_owned();
        assert!(content.contains("authorization: Bearer [redacted]"), "{content}");
    }
    let sent = |token: &str| {
        let bearer = format!("Bearer {token}");
        vendor.requests().iter().any(|sent| sent.header("authorization") == Some(&*bearer))
    };
    assert!(sent(tokens[0]));
    while !sent(tokens[1]) {
        app.chat(question()).await.ok();
    }
    for _ in 0..3 {
        app.chat(question()).await.ok();
    }
    assert_eq!(server.count(), 2, "it was asked for as often as one ended");
    let logs = app.logs().text();
    for marker in [tokens[0], tokens[1], CLIENT_SECRET] {
        assert!(!logs.contains(marker), "{:?}", logs.lines().find(|line| line.contains(marker)));
    }
}

#[tokio::test]
async fn a_token_that_the_vendor_refuses_is_minted_anew_within_the_attempt() {
    let (vendor, server) = (MockVendor::start().await, MockVendor::start().await);
    let app = provider("minted", guests::STRAY, &vendor, &oauth2(&server)).start().await;
    server.replies([token("x7Kq92Lm4ZpQ-revoked", 3600), token("x7Kq92Lm4ZpQ-good", 3600)]);
    vendor.always_with(|request| {
        let good = request.header("authorization") == Some("Bearer x7Kq92Lm4ZpQ-good");
        Reply::status(if good { 200 } else { 401 })
    });
    let answer = app.chat(uncached(vendor.url(), "minted")).await;
    assert_eq!(answer.ok()["content"], "answered: 200");
    assert_eq!(app.request_line(answer.id()).await["attempts"], 1);
    assert_eq!((vendor.count(), server.count()), (2, 2));

    // Refused for good: no storm.
    vendor.always(Reply::status(401));
    for _ in 0..5 {
        let answer = app.chat(uncached(vendor.url(), "minted")).await;
        assert_eq!(answer.ok()["content"], "answered: 401");
    }
    assert_eq!((vendor.count(), server.count()), (7, 2));
}

#[tokio::test]
async fn a_token_that_cannot_be_minted_is_told_by_file_and_line() {
    let (vendor, server) = (MockVendor::start().await, MockVendor::start().await);
    let app = provider("minted", guests::FORGER, &vendor, &oauth2(&server)).start().await;
    let refusal = json!({ "error": "invalid_client", "error_description": CLIENT_SECRET });
    server.reply(Reply::json(401, refusal));
    let question = uncached(&format!("text {}", vendor.url()), "minted");
    let (answer, ()) = tokio::join!(app.chat(question), app.assert_well());
    let problem = answer.problem(502, "provider-credentials");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("the one of minted.toml, line "), "{detail}");
    let line: usize = detail
        .split("line ")
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .unwrap()
        .parse()
        .unwrap();
    let file = std::fs::read_to_string(app.dir().join("plugins/minted.toml")).unwrap();
    assert!(file.lines().nth(line - 1).unwrap().starts_with("token = "), "{line} of {file}");
    assert_eq!(app.request_line(answer.id()).await["attempts"], 1, "waiting doesn't mend it");

    let reason = app.wait_for_log(|line| line["file"] == "minted.toml").await;
    let message = reason["message"].as_str().unwrap();
    assert!(message.contains("401") && message.contains("invalid_client"), "{message}");
    assert_eq!(vendor.connections_total(), 0);
    assert!(!app.logs().text().contains(CLIENT_SECRET) && !answer.body.contains(CLIENT_SECRET));
}

#[tokio::test]
async fn a_key_in_the_query_is_sent_and_seen_by_nobody_else() {
    let key = "AIzaSyD4x7Kq92Lm4ZpQ1xW9dTz7bMARKER";
    let vendor = MockVendor::start().await;
    let query = "query = { key = \"${QUERY_KEY}\", api-version = \"v1\" }";
    let app = provider("queried", guests::FORGER, &vendor, query)
        .set("QUERY_KEY", key)
        .set("RUST_LOG", "trace")
        .start()
        .await;
    vendor.always_with(|request| Reply::status(200).body(request.path.clone()).cut_every(7));
    let question = format!("text {}/v1?key=forged&alt=sse", vendor.url());
    let answer = app.chat(uncached(&question, "queried")).await.ok();
    assert_eq!(answer["content"], "/v1?alt=sse&api-version=v1&key=[redacted]");
    let sent = vendor.next_request().await;
    assert_eq!(sent.path, format!("/v1?alt=sse&api-version=v1&key={key}"));
    let logs = app.logs().text();
    assert!(!logs.contains(key), "{:?}", logs.lines().find(|line| line.contains(key)));
}

#[tokio::test]
async fn keys_that_lack_leave_the_provider_unconfigured() {
    let vendor = MockVendor::start().await;
    let sign = "sign = { aws-sigv4 = { service = \"bedrock\", region = \"us-east-1\" } }";
    let app = provider("bedrock", guests::STRAY, &vendor, sign).start().await;
    let answer = app.chat(uncached(vendor.url(), "bedrock")).await;
    let problem = answer.problem(503, "provider-unavailable");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("lacks AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"), "{detail}");
}
