//! Credentials that are minted or that sign, with scripted servers of tokens and keys.

use mock_vendor::{MockVendor, Reply as Answer};
use secrecy::SecretString;
use serde_json::json;

use super::*;
use crate::egress::credential::google_tests::{account, verified};

const TOKEN: &str = "ya29.x7Kq92Lm4ZpQ-minted";

fn at(server: &MockVendor, path: &str) -> Url {
    Url::parse(server.url()).unwrap().join(path).unwrap()
}

fn oauth2(server: &MockVendor) -> CredentialKind {
    let field = |name: &str, value: &str| (name.to_owned(), SecretString::from(value));
    CredentialKind::OAuth2(OAuth2 {
        url: at(server, "/oauth2/token"),
        auth: None,
        form: vec![field("grant_type", "client_credentials"), field("client_secret", SECRET)],
        private: false,
    })
}

const SECRET: &str = "x7Kq92Lm4ZpQ-of-the-client";

fn signed(keys: AwsKeySource) -> CredentialKind {
    let (region, service) = ("us-east-1".to_owned(), "bedrock".to_owned());
    CredentialKind::AwsSigV4(AwsSigV4 { region, service, keys })
}

fn minting(vendor: &MockVendor, kind: CredentialKind) -> Arc<Egress> {
    let credential = Some(Credential { line: 7, kind });
    egress(Grant { credential, ..Grant::of(Url::parse(vendor.url()).unwrap().origin()) })
}

fn token(text: &str) -> Answer {
    Answer::json(200, json!({ "access_token": text, "expires_in": 3600, "token_type": "Bearer" }))
}

async fn servers() -> (MockVendor, MockVendor) {
    let (vendor, server) = (MockVendor::start().await, MockVendor::start().await);
    vendor.always(Answer::status(200).body("{}"));
    (vendor, server)
}

#[tokio::test]
async fn calls_at_once_are_sent_with_one_token() {
    let (vendor, server) = servers().await;
    server.reply(token(TOKEN));
    let egress = minting(&vendor, oauth2(&server));
    let calls = (0..10).map(|_| async {
        let forged = Header { name: "Authorization".into(), value: "Bearer forged".into() };
        let request = Request { headers: vec![forged], ..get(vendor.url()) };
        outbound(&egress).send(request).await.unwrap().text().await.unwrap()
    });
    futures_util::future::join_all(calls).await;
    assert_eq!(server.count(), 1);
    let asked = server.next_request().await;
    assert_eq!((&*asked.method, &*asked.path), ("POST", "/oauth2/token"));
    assert_eq!(asked.text(), format!("grant_type=client_credentials&client_secret={SECRET}"));
    assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    for sent in vendor.requests() {
        let all: Vec<_> = sent.headers.iter().filter(|(name, _)| name == "authorization").collect();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].1, format!("Bearer {TOKEN}"));
    }
    assert_eq!(vendor.count(), 10);
}

#[tokio::test]
async fn a_refused_token_is_minted_anew_once_and_the_guest_sees_one_answer() {
    let (vendor, server) = servers().await;
    server.replies([token("x7Kq92Lm4ZpQ-first"), token("x7Kq92Lm4ZpQ-second")]);
    vendor.replies([Answer::status(401), Answer::status(200), Answer::status(401)]);
    let limits = EgressLimits { requests: 2, ..EgressLimits::default() };
    let credential = Some(Credential { line: 7, kind: oauth2(&server) });
    let origin = Url::parse(vendor.url()).unwrap().origin();
    let egress = egress_of(Grant { credential, ..Grant::of(origin) }, limits, loopback);
    let mut call = outbound(&egress);
    let body = || Request { method: "POST".into(), body: "{}".into(), ..get(vendor.url()) };
    assert_eq!(call.send(body()).await.unwrap().status(), 200);
    // One request of the guest's, so it has one left. The vendor refuses what is fresh: no more.
    assert_eq!(call.send(body()).await.unwrap().status(), 401);
    assert!(matches!(call.send(body()).await, Err(SendError::TooMany(_))));
    let sent: Vec<_> = vendor
        .requests()
        .iter()
        .map(|sent| (sent.header("authorization").unwrap().to_owned(), sent.text()))
        .collect();
    let bearer = |token: &str| (format!("Bearer x7Kq92Lm4ZpQ-{token}"), "{}".to_owned());
    assert_eq!(sent, [bearer("first"), bearer("second"), bearer("second")]);
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_guest_does_not_read_a_token_that_its_vendor_repeats() {
    let (vendor, server) = servers().await;
    server.reply(token(TOKEN));
    vendor.always_with(|request| {
        let said = request.header("authorization").unwrap_or_default().to_owned();
        Answer::status(200)
            .header("x-said", said.clone())
            .body(format!("{said}\n{said}"))
            .cut_every(5)
    });
    let egress = minting(&vendor, oauth2(&server));
    let mut reply = outbound(&egress).send(get(vendor.url())).await.unwrap();
    assert_eq!(reply.header("x-said").as_deref(), Some("Bearer [redacted]"));
    assert_eq!(reply.text().await.unwrap(), "Bearer [redacted]\nBearer [redacted]");
    // What was made before the token was minted looks for it too.
    assert_eq!(egress.secrets().redact(TOKEN), "[redacted]");
}

#[tokio::test]
async fn an_answer_that_arrives_while_a_token_is_minted_does_not_hold_it() {
    let (vendor, server) = servers().await;
    let gate = mock_vendor::Gate::new();
    vendor.reply(Answer::status(200).body(format!("a\n{TOKEN}")).wait_at(2, &gate));
    let other = Credential { line: 7, kind: oauth2(&server) };
    let origin = Url::parse(server.url()).unwrap().origin();
    let grants = [
        Grant::of(Url::parse(vendor.url()).unwrap().origin()),
        Grant { credential: Some(other), ..Grant::of(origin) },
    ];
    let limits = EgressLimits::default();
    let egress = Egress::new(&Tls::load().unwrap(), "test".into(), &grants, limits).unwrap();
    let mut call = outbound(&Arc::new(egress));
    let mut reply = call.send(get(vendor.url())).await.unwrap();
    assert_eq!(reply.next_line().await.unwrap().as_deref(), Some("a"));
    server.replies([token(TOKEN), Answer::status(204)]);
    call.send(get(server.url())).await.unwrap();
    gate.open();
    assert_eq!(reply.text().await.unwrap(), "[redacted]");
}

#[tokio::test]
async fn a_token_that_cannot_be_minted_is_named_by_file_and_line_and_nothing_is_sent() {
    let (vendor, server) = servers().await;
    let elsewhere = MockVendor::start().await;
    for answer in [
        Answer::json(401, json!({ "error": "invalid_client", "error_description": SECRET })),
        Answer::status(307).header("location", elsewhere.url()),
        Answer::status(200).body("x".repeat(100_000)),
        Answer::json(200, json!({ "error": "no" })),
        Answer::close_before_headers(Answer::status(200)),
    ] {
        server.reply(answer);
        let egress = minting(&vendor, oauth2(&server));
        let mut call = outbound(&egress);
        let Err(SendError::Credential(text)) = call.send(get(vendor.url())).await else {
            panic!("sent")
        };
        assert!(text.contains("the one of test.toml, line 7, can't be minted"), "{text}");
        assert!(!text.contains(SECRET), "{text}");
        assert_eq!(call.without_credential(), Some(text));
        // Only the last request counts.
        let _ = call.send(get("https://elsewhere.example")).await;
        assert_eq!(call.without_credential(), None);
    }
    assert_eq!((vendor.connections_total(), elsewhere.connections_total()), (0, 0));
}

#[tokio::test]
async fn a_server_of_tokens_that_stalls_is_left_when_nobody_waits() {
    let (vendor, server) = servers().await;
    server.reply(Answer::stall());
    let egress = minting(&vendor, oauth2(&server));
    let mut call = outbound(&egress);
    let mut sending = Box::pin(call.send(get(vendor.url())));
    tokio::select! {
        _ = &mut sending => panic!("sent"),
        _ = server.next_request() => {}
    }
    drop(sending);
    server.wait_for_disconnect().await;
}

#[tokio::test]
async fn a_name_of_a_token_server_that_leads_inside_is_not_connected_to() {
    let (vendor, server) = servers().await;
    let url = server.url().replace("127.0.0.1", "login.example.com");
    for private in [false, true] {
        server.always(token(TOKEN));
        let url = Url::parse(&url).unwrap();
        let kind = CredentialKind::OAuth2(OAuth2 { url, auth: None, form: vec![], private });
        let sent = outbound(&minting(&vendor, kind)).send(get(vendor.url())).await;
        assert_eq!(sent.is_ok(), private);
        assert_eq!(server.connections_total(), usize::from(private));
    }
}

#[tokio::test]
async fn a_service_account_exchanges_an_assertion_for_a_token() {
    let (vendor, server) = servers().await;
    let url = at(&server, "/token");
    let (key, file) = account(url.as_str());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.json");
    std::fs::write(&path, file).unwrap();
    server.reply(token(TOKEN));
    let google = GoogleServiceAccount { key: GoogleKey::File(path), scope: "s".into(), url };
    let egress = minting(&vendor, CredentialKind::GoogleServiceAccount(google));
    outbound(&egress).send(get(vendor.url())).await.unwrap();
    let asked = server.next_request().await.text();
    let fields: Vec<_> = url::form_urlencoded::parse(asked.as_bytes()).collect();
    assert_eq!(fields[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let [_, claims] = verified(&key, &fields[1].1);
    assert_eq!(claims["aud"], format!("{}/token", server.url()));
    let sent = vendor.next_request().await;
    assert_eq!(sent.header("authorization"), Some(&*format!("Bearer {TOKEN}")));
}

/// Keys as a metadata service gives them.
fn keys(secret: &str) -> serde_json::Value {
    json!({
        "Code": "Success",
        "AccessKeyId": "ASIAX7KQ92LM4ZPQ",
        "SecretAccessKey": secret,
        "Token": "x7Kq92Lm4ZpQ-of-the-session",
        "Expiration": (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(6)).to_string(),
    })
}

/// Sends a request and returns it as the vendor saw it, signed with minted keys.
async fn sent_signed(vendor: &MockVendor, keys: AwsKeySource) -> mock_vendor::Request {
    let egress = minting(vendor, signed(keys));
    outbound(&egress).send(get(vendor.url())).await.unwrap();
    let sent = vendor.next_request().await;
    let authorization = sent.header("authorization").unwrap();
    assert!(authorization.contains("Credential=ASIAX7KQ92LM4ZPQ/"), "{authorization}");
    let part = "SignedHeaders=accept;accept-encoding;host;x-amz-date;x-amz-security-token, ";
    assert!(authorization.contains(part), "{authorization}");
    assert_eq!(sent.header("x-amz-security-token"), Some("x7Kq92Lm4ZpQ-of-the-session"));
    for secret in ["ASIAX7KQ92LM4ZPQ", "x7Kq92Lm4ZpQ-of-the-session", "wJalrXUtnFEMI/K7MDENG"] {
        assert_eq!(egress.secrets().redact(secret), "[redacted]");
    }
    sent
}

#[tokio::test]
async fn keys_come_from_the_metadata_service_in_three_questions() {
    let (vendor, server) = servers().await;
    server.replies([
        Answer::status(200).body("metadata-token"),
        Answer::status(200).body("the-role\nanother"),
        Answer::json(200, keys("wJalrXUtnFEMI/K7MDENG")),
    ]);
    let endpoint = Url::parse(server.url()).unwrap();
    sent_signed(&vendor, AwsKeySource::InstanceMetadata { endpoint }).await;
    let asked = server.requests();
    let lines: Vec<_> =
        asked.iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect();
    let roles = "/latest/meta-data/iam/security-credentials/";
    let wanted =
        ["PUT /latest/api/token".into(), format!("GET {roles}"), format!("GET {roles}the-role")];
    assert_eq!(lines, wanted);
    assert_eq!(asked[0].header("x-aws-ec2-metadata-token-ttl-seconds"), Some("60"));
    assert!(
        asked[1..]
            .iter()
            .all(|asked| { asked.header("x-aws-ec2-metadata-token") == Some("metadata-token") })
    );
}

#[tokio::test]
async fn keys_come_from_a_containers_agent_that_sees_its_token() {
    let (vendor, server) = servers().await;
    server.reply(Answer::json(200, keys("wJalrXUtnFEMI/K7MDENG")));
    let url = at(&server, "/v2/credentials?a=1");
    let token = Some(ContainerToken::Given("agent-token".into()));
    sent_signed(&vendor, AwsKeySource::Container { url, token }).await;
    let asked = server.next_request().await;
    assert_eq!(
        (&*asked.path, asked.header("authorization")),
        ("/v2/credentials?a=1", Some("agent-token"))
    );
}

#[tokio::test]
async fn keys_of_a_role_are_taken_by_a_token_in_a_file() {
    let (vendor, server) = servers().await;
    let end = keys("")["Expiration"].as_str().unwrap().to_owned();
    server.reply(Answer::status(200).body(format!(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
         <AccessKeyId>ASIAX7KQ92LM4ZPQ</AccessKeyId><SecretAccessKey>wJalrXUtnFEMI/K7MDENG</SecretAccessKey>\
         <SessionToken>x7Kq92Lm4ZpQ-of-the-session</SessionToken><Expiration>{end}</Expiration>\
         </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    )));
    let dir = tempfile::tempdir().unwrap();
    let token_file = dir.path().join("token");
    std::fs::write(&token_file, "a.b.c\n").unwrap();
    let (role_arn, session_name) = ("arn:aws:iam::1:role/r".to_owned(), "arete".to_owned());
    let sts = Url::parse(server.url()).unwrap();
    sent_signed(&vendor, AwsKeySource::WebIdentity { role_arn, session_name, token_file, sts })
        .await;
    let asked = server.next_request().await;
    assert_eq!(
        asked.text(),
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr\
         &RoleSessionName=arete&WebIdentityToken=a.b.c"
    );
    assert_eq!(asked.header("authorization"), None);
}

#[tokio::test]
async fn keys_that_expired_are_minted_anew_and_a_lack_of_permission_is_an_answer() {
    let (vendor, server) = servers().await;
    server.always(Answer::json(200, keys("wJalrXUtnFEMI/K7MDENG")));
    let refused = |kind: &str| Answer::status(403).header("x-amzn-errortype", kind);
    vendor.replies([
        refused("ExpiredTokenException"),
        Answer::status(200),
        refused("AccessDeniedException"),
    ]);
    let source = AwsKeySource::Container { url: at(&server, "/"), token: None };
    let egress = minting(&vendor, signed(source));
    for status in [200, 403] {
        let reply = outbound(&egress).send(get(vendor.url())).await.unwrap();
        assert_eq!(reply.status(), status);
    }
    assert_eq!((server.count(), vendor.count()), (2, 3));

    // Given keys don't change by being looked at again.
    let given = AwsKeys {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: "wJalrXUtnFEMI".into(),
        session_token: None,
    };
    vendor.replies([refused("UnrecognizedClientException")]);
    let egress = minting(&vendor, signed(AwsKeySource::Given(given)));
    assert_eq!(outbound(&egress).send(get(vendor.url())).await.unwrap().status(), 403);
    assert_eq!(vendor.count(), 4);
}

#[tokio::test]
async fn a_credential_in_the_query_is_sent_and_does_not_come_back() {
    let (vendor, _) = servers().await;
    let query = vec![("key".to_owned(), SecretString::from(KEY))];
    let origin = Url::parse(vendor.url()).unwrap().origin();
    let egress = egress(Grant { query, ..Grant::of(origin) });
    vendor.always_with(|request| {
        Answer::status(404).header("location", request.path.clone()).body(request.path.clone())
    });
    let url = format!("{}/v1?key=forged&alt=sse", vendor.url());
    let mut reply = outbound(&egress).send(get(&url)).await.unwrap();
    assert_eq!(reply.header("location").as_deref(), Some("/v1?alt=sse&key=[redacted]"));
    assert_eq!(reply.text().await.unwrap(), "/v1?alt=sse&key=[redacted]");
    assert_eq!(vendor.next_request().await.path, format!("/v1?alt=sse&key={KEY}"));
}
