//! Amazon's published vectors (awslabs/aws-c-auth, tests/aws-signing-test-suite/v4), and the rest
//! of the rules.

use super::*;

/// Returns the keys of the vectors.
fn keys(token: Option<&str>) -> AwsKeys {
    AwsKeys {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
        session_token: token.map(Into::into),
    }
}

fn request(
    method: &str,
    target: &str,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Request<Bytes> {
    let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
    *request.method_mut() = method.parse().unwrap();
    *request.uri_mut() = format!("https://example.amazonaws.com{target}").parse().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

fn signed(mut request: Request<Bytes>, keys: &AwsKeys) -> (String, String) {
    let scope = Scope { region: "us-east-1", service: "service" };
    sign(&mut request, &scope, keys, "2015-08-30T12:36:00Z".parse().unwrap()).unwrap();
    assert_eq!(request.headers()["x-amz-date"], "20150830T123600Z");
    let authorization = request.headers()["authorization"].to_str().unwrap();
    let rest = authorization
        .strip_prefix(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=",
        )
        .unwrap();
    let (headers, signature) = rest.split_once(", Signature=").unwrap();
    (headers.to_owned(), signature.to_owned())
}

#[test]
fn requests_are_signed_as_amazons_vectors_are() {
    const FORM: &str = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";
    type Vector = (
        &'static str,
        &'static str,
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static str,
        &'static str,
    );
    let vectors: [Vector; 8] = [
        (
            "get-vanilla",
            "GET",
            "/",
            &[],
            "",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "get-vanilla-query-order-encoded",
            "GET",
            "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
            &[],
            "",
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        ),
        (
            "get-vanilla-empty-query-key",
            "GET",
            "/?Param1=value1",
            &[],
            "",
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        ),
        (
            "get-slashes-normalized",
            "GET",
            "//example//",
            &[],
            "",
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        ),
        (
            "get-header-key-duplicate",
            "GET",
            "/",
            &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
            "",
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ),
        (
            "get-header-value-trim",
            "GET",
            "/",
            &[("my-header1", " value1"), ("my-header2", "\"a   b   c\"")],
            "",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            "post-x-www-form-urlencoded",
            "POST",
            "/",
            &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("content-length", "13"),
                ("x-amz-content-sha256", FORM),
            ],
            "Param1=value1",
            "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        ),
        (
            "post-vanilla-query",
            "POST",
            "/?Param1=value1",
            &[],
            "",
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        ),
    ];
    for (name, method, target, headers, body, signature) in vectors {
        let (_, made) = signed(request(method, target, headers, body), &keys(None));
        assert_eq!(made, signature, "{name}");
    }
}

#[test]
fn a_token_of_minted_keys_is_sent_and_signed() {
    let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
    let (headers, signature) = signed(request("GET", "/", &[], ""), &keys(Some(token)));
    assert_eq!(headers, "host;x-amz-date;x-amz-security-token");
    assert_eq!(signature, "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8");
}
#[test]
fn what_is_escaped_in_a_path_is_escaped_once_more() {
    let mut request = Request::new(Bytes::new());
    let function = "arn%3Aaws%3Alambda%3Aus-west-2%3A892717189312%3Afunction%3Amy-rusty-fun";
    let url = format!(
        "https://lambda.us-east-2.amazonaws.com/2015-03-31/functions/{function}/invocations"
    );
    (*request.method_mut(), *request.uri_mut()) = (http::Method::POST, url.parse().unwrap());
    let scope = Scope { region: "us-east-2", service: "lambda" };
    let now = "2021-05-11T15:40:45Z".parse().unwrap();
    sign(&mut request, &scope, &keys(None), now).unwrap();
    let authorization = request.headers()["authorization"].to_str().unwrap();
    let signature = "4b93abbcc68be32bd64c18e2c71150660ab4c29bbd6c32a383a7517a88fc1804";
    assert!(authorization.ends_with(signature), "{authorization}");
    assert_eq!(
        path("/test/@connections/JBDvjfGEIAMCERw%3D"),
        "/test/%40connections/JBDvjfGEIAMCERw%253D"
    );
    assert_eq!(path("/model/a.b-v1:0/converse"), "/model/a.b-v1%3A0/converse");
}

#[test]
fn what_changes_on_the_way_is_not_signed_and_a_port_is() {
    let mut request = request("GET", "/", &[("user-agent", "arete"), ("accept", "*/*")], "");
    *request.uri_mut() = "http://127.0.0.1:4010/".parse().unwrap();
    assert_eq!(headers(&request)["host"], "127.0.0.1:4010");
    assert_eq!(signed(request, &keys(None)).0, "accept;host;x-amz-date");
}
