//! Assertions, with keys that the test makes.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::engine::general_purpose::STANDARD;

use super::*;

const URL: &str = "https://oauth2.googleapis.com/token";

/// Makes a key, and the file of a service account that has it.
pub(in crate::egress) fn account(url: &str) -> (KeyPair, String) {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'static>>::as_der(&key).unwrap();
    let body = STANDARD.encode(der.as_ref());
    let lines: Vec<_> =
        body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
    let file = json!({
        "type": "service_account",
        "client_email": "arete@project.iam.gserviceaccount.com",
        "private_key_id": "k1",
        "private_key": pem,
        "token_uri": url,
    });
    (key, file.to_string())
}

/// Returns the head and the claims of an assertion whose signature is right.
#[track_caller]
pub(in crate::egress) fn verified(key: &KeyPair, assertion: &str) -> [serde_json::Value; 2] {
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let (head, claims) = signed.split_once('.').unwrap();
    [head, claims]
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
}

#[test]
fn an_assertion_says_who_wants_what_and_is_signed() {
    let (key, file) = account(URL);
    let now = Timestamp::constant(1_800_000_000, 0);
    let assertion = Account::read(&file, URL).unwrap().assertion("scope-a scope-b", URL, now);
    let [head, claims] = verified(&key, &assertion.unwrap());
    assert_eq!(head, json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }));
    let wanted = json!({
        "iss": "arete@project.iam.gserviceaccount.com",
        "scope": "scope-a scope-b",
        "aud": URL,
        "iat": 1_800_000_000,
        "exp": 1_800_003_600,
    });
    assert_eq!(claims, wanted);
}

#[test]
fn a_key_that_cannot_be_used_is_told_without_its_words() {
    let (_, other) = account("https://marker.example");
    let unsigned = r#"{"type":"service_account","client_email":"a","private_key":"marker"}"#;
    for file in [
        "marker",
        r#"{"type":"marker"}"#,
        r#"{"type":"authorized_user","refresh_token":"marker"}"#,
        r#"{"type":"service_account","client_email":"marker"}"#,
        &other,
        unsigned,
    ] {
        let problem = Account::read(file, URL)
            .and_then(|account| account.assertion("s", URL, Timestamp::UNIX_EPOCH))
            .unwrap_err();
        assert!(!problem.contains("marker"), "{problem}");
    }
}
