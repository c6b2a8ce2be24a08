//! Credentials that are minted or that sign, right and wrong.

use secrecy::ExposeSecret;

use crate::config::{Limits, Vars};
use crate::egress::{AwsKeySource, ContainerToken, Credential, CredentialKind, GoogleKey, OAuth2};
use crate::plugin::catalog::file::{Parsed, Surroundings, parse};
use crate::plugin::definition::Definition;

fn read(lines: &str, vars: &[(&'static str, &'static str)]) -> Result<Definition, String> {
    let vars = match *vars {
        [] => Vars::default(),
        [a] => Vars::from([a]),
        [a, b] => Vars::from([a, b]),
        [a, b, c] => Vars::from([a, b, c]),
        _ => panic!("more variables than a test has"),
    };
    let limits = Limits::default();
    let around = Surroundings { id: "work", folder: None, vars: &vars, limits: &limits };
    let text = format!(
        "component = \"bundled:echo\"\n[[outbound]]\norigin = \"https://a.example\"\n{lines}"
    );
    match parse(&text, &around) {
        Ok(Parsed::Enabled(definition)) => Ok(*definition),
        Ok(Parsed::Disabled) => panic!("disabled"),
        Err(problems) => Err(problems.to_string()),
    }
}

fn credential(lines: &str, vars: &[(&'static str, &'static str)]) -> Credential {
    let definition = read(lines, vars).unwrap();
    assert_eq!(definition.missing, None);
    definition.grants[0].credential.clone().unwrap()
}

fn keys(credentials: &str, vars: &[(&'static str, &'static str)]) -> AwsKeySource {
    let line = format!(
        "sign = {{ aws-sigv4 = {{ service = \"bedrock\", region = \"cn-north-1\", {credentials} }} }}"
    );
    let Credential { kind: CredentialKind::AwsSigV4(signer), line } = credential(&line, vars)
    else {
        panic!("no signature")
    };
    assert_eq!((&*signer.service, &*signer.region, line), ("bedrock", "cn-north-1", 4));
    signer.keys
}

#[test]
fn parameters_of_the_query_are_read_and_empty_ones_are_not() {
    let line = "query = { key = \"${KEY}\", api-version = \"2024-10-21\", none = \"${NONE:-}\" }";
    let query = &read(line, &[("KEY", "k")]).unwrap().grants[0].query;
    let query: Vec<_> =
        query.iter().map(|(name, value)| (&**name, value.expose_secret())).collect();
    assert_eq!(query, [("api-version", "2024-10-21"), ("key", "k")]);
    let missing = read(line, &[]).unwrap().missing.unwrap().to_string();
    assert!(missing.contains("lacks KEY:"), "{missing}");
}

#[test]
fn an_oauth2_client_is_a_form_or_a_header() {
    let form = |rest: &str| {
        let line = format!(
            "token = {{ oauth2 = {{ url = \"https://login.example/token\", client-id = \"c\", client-secret = \"${{S}}\", {rest} }} }}"
        );
        let CredentialKind::OAuth2(OAuth2 { url, auth, form, private }) =
            credential(&line, &[("S", "s")]).kind
        else {
            panic!("no token")
        };
        assert_eq!(url.as_str(), "https://login.example/token");
        let form: Vec<_> =
            form.iter().map(|(name, value)| format!("{name}={}", value.expose_secret())).collect();
        (
            form.join("&"),
            auth.map(|auth| format!("{}:{}", auth.id, auth.secret.expose_secret())),
            private,
        )
    };
    let all = "grant_type=client_credentials&client_id=c&client_secret=s&scope=x";
    assert_eq!(form("scope = \"x\", private = true"), (all.into(), None, true));
    let (plain, auth, private) = form("client-auth = \"basic\", form = { audience = \"a\" }");
    assert_eq!(plain, "grant_type=client_credentials&audience=a");
    assert_eq!((auth.as_deref(), private), (Some("c:s"), false));
    let (own, ..) = form("form = { grant_type = \"g\", client_id = \"d\" }");
    assert_eq!(own, "client_secret=s&client_id=d&grant_type=g");
}

#[test]
fn a_google_service_account_has_its_key_in_a_file_or_a_variable() {
    let google = |fields: &str, vars: &[(&'static str, &'static str)]| {
        let line = format!("token = {{ google-service-account = {{ {fields} }} }}");
        let CredentialKind::GoogleServiceAccount(google) = credential(&line, vars).kind else {
            panic!("no token")
        };
        google
    };
    let by_file = google("key-file = \"${FILE}\"", &[("FILE", "/run/key.json")]);
    assert!(matches!(by_file.key, GoogleKey::File(path) if path.as_os_str() == "/run/key.json"));
    assert_eq!(by_file.url.as_str(), "https://oauth2.googleapis.com/token");
    assert_eq!(by_file.scope, "https://www.googleapis.com/auth/cloud-platform");
    let inline = google("key = \"${JSON}\", scope = \"s\"", &[("JSON", "{}")]);
    assert!(matches!(inline.key, GoogleKey::Json(json) if json.expose_secret() == "{}"));
}

#[test]
fn keys_of_aws_come_from_where_the_file_says() {
    let variables = [("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "s")];
    for source in ["", "credentials = \"env\""] {
        let AwsKeySource::Given(keys) = keys(source, &variables) else { panic!("{source}") };
        assert_eq!((&*keys.access_key_id, keys.secret_access_key.expose_secret()), ("A", "s"));
    }
    let table = "credentials = { access-key-id = \"${B}\", secret-access-key = \"t\", session-token = \"u\" }";
    let AwsKeySource::Given(given) = keys(table, &[("B", "b")]) else { panic!("not given") };
    assert_eq!(given.access_key_id, "b");

    let profile = |source: &str, vars: &[(&'static str, &'static str)]| {
        let AwsKeySource::Profile { name, files } = keys(source, vars) else { panic!("{source}") };
        format!("{name} {}", files[0].display())
    };
    let home = ("HOME", "/home/a");
    assert_eq!(profile("credentials = \"profile:x\"", &[home]), "x /home/a/.aws/credentials");
    let named = [home, ("AWS_PROFILE", "y"), ("AWS_SHARED_CREDENTIALS_FILE", "/c")];
    assert_eq!(profile("credentials = \"profile\"", &named), "y /c");

    let role = [("AWS_ROLE_ARN", "arn"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")];
    for (rest, at) in [
        ("", "https://sts.cn-north-1.amazonaws.com.cn/"),
        (", endpoint = \"https://sts.example\"", "https://sts.example/"),
    ] {
        let source = format!("credentials = \"web-identity\"{rest}");
        let AwsKeySource::WebIdentity { session_name, sts, .. } = keys(&source, &role) else {
            panic!("{source}")
        };
        assert_eq!((&*session_name, sts.as_str()), ("arete", at));
    }

    let container = "credentials = \"container\"";
    let relative = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")];
    let AwsKeySource::Container { url, token: None } = keys(container, &relative) else {
        panic!("no container")
    };
    assert_eq!(url.as_str(), "http://169.254.170.2/v2/x");
    let full = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/t"),
    ];
    let AwsKeySource::Container { token: Some(ContainerToken::File(_)), .. } =
        keys(container, &full)
    else {
        panic!("no token")
    };

    for (rest, at) in [
        ("", "http://169.254.169.254/"),
        (", endpoint = \"http://[fd00:ec2::254]\"", "http://[fd00:ec2::254]/"),
    ] {
        let source = format!("credentials = \"imds\"{rest}");
        let AwsKeySource::InstanceMetadata { endpoint } = keys(&source, &[]) else {
            panic!("{rest}")
        };
        assert_eq!(endpoint.as_str(), at);
    }
}

#[test]
fn variables_that_a_source_needs_are_missing_by_name() {
    for (source, lacks) in [
        ("env", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("web-identity", "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE"),
        ("container", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        ("profile", "HOME"),
    ] {
        let line = format!(
            "sign = {{ aws-sigv4 = {{ service = \"bedrock\", region = \"us-east-1\", credentials = {source:?} }} }}"
        );
        let missing = read(&line, &[]).unwrap().missing.unwrap().to_string();
        assert!(missing.contains(&format!("lacks {lacks}:")), "{source}: {missing}");
    }
}

#[test]
fn every_mistake_is_told_and_no_value_is_shown() {
    const SECRET: [(&str, &str); 1] = [("SECRET", "marker of a secret")];
    let aws = |rest: &str| format!("sign = {{ aws-sigv4 = {{ {rest} }} }}");
    for (lines, problem) in [
        ("query = 5".to_owned(), "line 4: outbound.query must be a table"),
        ("token = {}".into(), "line 4: outbound.token is one of: oauth2, google-service-account"),
        ("token = { oauth = {} }".into(), "did you mean \"oauth2\"?"),
        ("token = { oauth2 = 1 }".into(), "outbound.token.oauth2 must be a table"),
        ("token = { oauth2 = {} }".into(), "needs url, such as url = \"https://login.example.com"),
        ("token = { oauth2 = {} }".into(), "needs client-id and client-secret, or a form"),
        (
            "token = { oauth2 = { url = \"${SECRET}\", form = {} } }".into(),
            "outbound.token.oauth2.url must be a URL",
        ),
        (
            "token = { oauth2 = { url = \"https://a.b\", form = {}, client-auth = \"x\" } }".into(),
            "client-auth is \"form\" or \"basic\"",
        ),
        ("token = { google-service-account = {} }".into(), "needs either key-file"),
        (
            "token = { oauth2 = {} }\nsign = { aws-sigv4 = {} }".into(),
            "line 5: an origin has a token or a signature, not both",
        ),
        (
            "headers = { authorization = \"${SECRET}\" }\ntoken = { oauth2 = {} }".into(),
            "line 5: outbound.headers.authorization would be replaced",
        ),
        (aws("service = \"bedrock\""), "needs region, such as region = \"us-east-1\""),
        (aws("service = \"a b\", region = \"x\""), "service is made of letters, digits and -"),
        (
            aws("service = \"b\", region = \"x\", credentials = \"${SECRET}\""),
            "credentials is one of: \"env\"",
        ),
        (
            aws(
                "service = \"b\", region = \"x\", credentials = \"imds\", endpoint = \"http://metadata\"",
            ),
            "endpoint must be an address for \"imds\"",
        ),
        (
            aws(
                "service = \"b\", region = \"x\", credentials = \"profile\", endpoint = \"http://a\"",
            ),
            "endpoint is for the credentials \"web-identity\" and \"imds\" only",
        ),
    ] {
        let told = read(&lines, &SECRET).err().unwrap_or_else(|| panic!("taken: {lines}"));
        assert!(told.contains(problem) && !told.contains("marker"), "{lines}: {told}");
    }
    let agent = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://agent.example/marker")];
    let line = aws("service = \"b\", region = \"x\", credentials = \"container\"");
    let told = read(&line, &agent).err().unwrap();
    assert!(told.contains("an address instead of a name") && !told.contains("marker"), "{told}");
}
