//! Paths that try to be another than the granted one.

use percent_encoding::percent_decode_str;
use proptest::prelude::*;

use super::*;

fn endpoints(base: &str, paths: &[&str]) -> Endpoints {
    let paths = paths.iter().map(|text| PathPattern::parse(text).unwrap()).collect();
    Endpoints { base: base.into(), paths: Some(paths), methods: None }
}

/// Checks the path of a URL as it goes out.
fn check(endpoints: &Endpoints, path: &str) -> Result<(), PathFault> {
    endpoints.check_path(Url::parse(&format!("https://api.example.com{path}")).unwrap().path())
}

fn matches(pattern: &str, path: &str) -> bool {
    check(&endpoints("", &[pattern]), path).is_ok()
}

#[test]
fn an_exact_path_is_that_path_whatever_is_asked_of_it() {
    for path in ["/v1/messages", "/v1/messages?beta=true", "/v1/x/../messages", "\\v1/messages#a"] {
        assert!(matches("/v1/messages", path), "{path}");
    }
    for path in [
        "/v1/messages/",
        "/v1/messages/batches",
        "/v1/message",
        "/v1",
        "/",
        "/V1/messages",
        "/v1/%6dessages",
        "/v1/files?/v1/messages",
        "/v1/messages;a",
    ] {
        assert!(!matches("/v1/messages", path), "{path}");
    }
}

#[test]
fn a_star_is_within_its_segment_and_the_last_segment_may_be_all_below() {
    for (pattern, path, expected) in [
        ("/*", "/", true),
        ("/*", "/a/b", true),
        ("/model/*", "/model/", true),
        ("/model/*", "/model/a:1/invoke", true),
        ("/model/*", "/model", false),
        ("/model/*", "/models/a", false),
        ("/v1/*/invoke", "/v1/a/invoke", true),
        ("/v1/*/invoke", "/v1/a/b/invoke", false),
        ("/v1/*/invoke", "/v1/a/invoke/b", false),
        ("/v1/models/*:generateContent", "/v1/models/gemini-3:generateContent", true),
        ("/v1/models/*:generateContent", "/v1/models/:generateContent", false),
        ("/v1/models/*:generateContent", "/v1/models/a:countTokens", false),
        ("/v1/models/*:generateContent", "/v1/models/a/b:generateContent", false),
        ("/*/*/c", "/a/b/c", true),
        ("/*/*", "/a/", true),
        ("/a*", "/ab", true),
        ("/a*", "/ab/c", false),
        ("/a*", "/a", false),
    ] {
        assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
    }
}

/// Each of these would be another path to some server.
const ESCAPES: &[&str] = &[
    "/%2e%2e%2ffiles",
    "/%2E%2E%5Cfiles",
    "/..%2ffiles",
    "/%252e%252e/files",
    "/%25252e%25252e/files",
    "/%2525252525252e%2525252525252e/files",
    "/a%2f..%2f..%2ffiles",
    "/..;/files",
    "/.;a=b/files",
    "/;/files",
    "/%2e%2e;/files",
    "//files",
    "/a//files",
    "/a%5c..%5cfiles",
    "/%c0%ae%c0%ae/files",
    "/%c0%afc",
    "/%00/files",
    "/a%0d%0afiles",
    "/%ff",
];

#[test]
fn no_path_that_can_be_read_in_two_ways_is_let_through() {
    for escape in ESCAPES {
        for (pattern, start) in [("/*", ""), ("/v1/*", "/v1"), ("/v1/*/*", "/v1/a")] {
            let fault = check(&endpoints("", &[pattern]), &format!("{start}{escape}"));
            assert_eq!(fault, Err(PathFault::Ambiguous), "{start}{escape}");
        }
        assert!(PathPattern::parse(&format!("/v1{escape}")).is_err(), "{escape}");
        let all = Endpoints::default();
        assert_eq!(check(&all, escape), Ok(()), "without paths, all goes out as it is");
    }
    for dots in ["/v1/../files", "/v1/%2e%2e/files", "/v1/.%2E/files", "/v1\\..\\files"] {
        assert_eq!(check(&endpoints("", &["/v1/*"]), dots), Err(PathFault::Other), "{dots}");
    }
    for plain in
        ["/v1/a%20b", "/v1/100%25", "/v1/%E4%BD%A0", "/v1/a..b/...", "/v1/a;b=c", "/v1/a%2Bb/"]
    {
        assert_eq!(check(&endpoints("", &["/v1/*"]), plain), Ok(()), "{plain}");
    }
}

#[test]
fn paths_are_below_the_path_of_the_base_url() {
    let endpoints = endpoints("/anthropic", &["/v1/messages"]);
    assert_eq!(check(&endpoints, "/anthropic/v1/messages"), Ok(()));
    assert_eq!(check(&endpoints, "/anthropic/v1/files"), Err(PathFault::Other));
    for path in
        ["/v1/messages", "/anthropicx/v1/messages", "/anthropic", "/anthropic/../v1/messages"]
    {
        assert_eq!(check(&endpoints, path), Err(PathFault::BesideBase), "{path}");
    }
}

#[test]
fn methods_are_compared_as_they_are() {
    let methods = Endpoints { methods: Some(vec![Method::POST]), ..Endpoints::default() };
    assert!(methods.allow_method(&Method::POST));
    for method in ["GET", "post", "POSTS", "DELETE"] {
        assert!(!methods.allow_method(&Method::from_bytes(method.as_bytes()).unwrap()), "{method}");
    }
    assert!(Endpoints::default().allow_method(&Method::DELETE));
}

/// A path as a strange server may read it: decoded as often as one likes, backslashes for slashes,
/// segments cut at `;`, slashes merged, and dots followed.
fn as_read(path: &str, decodings: usize) -> Vec<String> {
    let mut text = path.to_owned();
    for _ in 0..decodings {
        text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    }
    let text = text.split('\0').next().unwrap_or_default().replace('\\', "/");
    let mut segments: Vec<String> = Vec::new();
    for segment in text.split('/').map(|segment| segment.split(';').next().unwrap_or_default()) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment.to_owned()),
        }
    }
    segments
}

proptest! {
    /// Whatever is let through stays below the granted path, however a server reads it.
    #[test]
    fn what_is_let_through_is_below_the_granted_path_to_every_server(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("/"), Just("."), Just(".."), Just("%2e"), Just("%2E"), Just("%2f"), Just("%5C"), Just("\\"),
                Just("%25"), Just("2e"), Just("2f"), Just("5c"), Just(";"), Just("%3b"), Just("%00"), Just("%c0"),
                Just("%af"), Just("%ae"), Just("a"), Just("v1"), Just("messages"), Just("?"), Just("%"), Just("\t"),
                Just("é"), Just("files"), Just("*"),
            ],
            0..12,
        ),
        decodings in 0_usize..8,
    ) {
        let text = format!("https://api.example.com/v1/messages/{}", pieces.concat());
        let url = Url::parse(&text).unwrap();
        for (pattern, above) in [("/v1/messages/*", 2), ("/v1/*", 1), ("/v1/messages/*/a", 2)] {
            if endpoints("", &[pattern]).check_path(url.path()).is_ok() {
                let read = as_read(url.path(), decodings);
                let granted = ["v1", "messages"].iter().take(above);
                prop_assert!(granted.zip(&read).filter(|(a, b)| a == b).count() == above, "{text}: {read:?}");
            }
        }
    }
}
