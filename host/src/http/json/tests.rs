//! Every mistake is named with its path, whatever its depth.

use super::*;

#[derive(Debug)]
struct Body {
    name: String,
    items: Vec<u64>,
}

struct Item;

impl<'de> Shape<'de> for Item {
    type Value = u64;

    fn expected(&self) -> Cow<'static, str> {
        "an object with n".into()
    }

    fn object<A: MapAccess<'de>>(self, mut item: A, at: &At<'_>) -> Result<Option<u64>, A::Error> {
        read_fields!(item, at, { "n" => n: Whole(1..=9), "deep" => deep: List::of(|| Text) });
        let _ = deep.optional();
        Ok(n.required(&at.field("n")))
    }
}

impl FromJson for Body {
    const FIELDS: &'static [&'static str] = &["name", "items"];

    fn read<'de, A: MapAccess<'de>>(mut body: A, at: &At<'_>) -> Result<Option<Self>, A::Error> {
        read_fields!(body, at, {
            "items" => items: List { of: || Item, max: 100 },
            "name" => name: Text,
        });
        let name = name.required(&at.field("name"));
        Ok(name.map(|name| Self { name, items: items.optional().unwrap_or_default() }))
    }
}

fn mistakes(json: &str) -> Vec<String> {
    let problem = Body::from_json(json.as_bytes()).unwrap_err().body(None);
    problem.errors.into_iter().map(|error| format!("{} {}", error.field, error.message)).collect()
}

fn detail(json: &str) -> String {
    Body::from_json(json.as_bytes()).unwrap_err().body(None).detail
}

#[test]
fn a_body_without_mistakes_is_read() {
    let body =
        Body::from_json(br#"{"items": [{"n": 1}, {"deep": null, "n": 9}], "name": "\u00fc"}"#);
    let body = body.unwrap();
    assert_eq!((body.name.as_str(), body.items), ("ü", vec![1, 9]));
}

#[test]
fn every_mistake_is_named_at_every_depth_in_the_order_of_fields() {
    let json = r#"{
        "nmae": {"x": [1]},
        "items": [{"n": 0}, {"n": "1", "deep": ["a", 1, null]}, 5, {"m": 1, "deep": {}}],
        "name": 5
    }"#;
    assert_eq!(
        mistakes(json),
        [
            "name is the number `5`, must be a string",
            "items[0].n must be a whole number from 1 to 9",
            "items[1].n must be a whole number from 1 to 9",
            "items[1].deep[1] is the number `1`, must be a string",
            "items[1].deep[2] is null, must be a string",
            "items[2] is the number `5`, must be an object with n",
            "items[3].m is not a field of this request",
            "items[3].deep is an object, must be an array",
            "items[3].n is required",
            "nmae is not a field of this request",
        ]
    );
}

#[test]
fn a_key_that_comes_twice_is_a_mistake_on_every_level() {
    let json = r#"{"name": "a", "items": [{"n": 1, "n": 2}], "name": "b"}"#;
    assert_eq!(
        mistakes(json),
        ["name is there more than once", "items[0].n is there more than once"]
    );
}

#[test]
fn null_is_absent() {
    assert_eq!(mistakes(r#"{"name": null, "items": null}"#), ["name is required"]);
}

#[test]
fn the_first_fifty_are_named_and_the_others_counted() {
    let items = vec!["5"; 60].join(",");
    let json = format!(r#"{{"name": "a", "items": [{items}]}}"#);
    assert_eq!(mistakes(&json).len(), 50);
    assert!(detail(&json).ends_with("; and 57 more"), "{}", detail(&json));
}

#[test]
fn text_of_the_caller_is_bounded_and_never_quoted() {
    let name = format!("{}\\n{}", "x".repeat(99), "y".repeat(1_000));
    let found = mistakes(&format!(r#"{{"name": ["a prompt"], "{name}": 1}}"#));
    assert_eq!(found[0], "name is an array, must be a string");
    assert!(found[1].starts_with(&format!("{}\u{fffd}… is not", "x".repeat(99))), "{found:?}");
}

#[test]
fn what_is_no_object_is_told_of_the_body_as_a_whole() {
    for (json, expected) in [
        ("[]", "the body is an array, must be a JSON object"),
        ("5", "the body is the number `5`, must be a JSON object"),
        ("null", "the body is null, must be a JSON object"),
        ("{} {}", "there is more in the body than one JSON object: "),
        ("{", "the body isn't JSON: "),
        (r#"{"name": "a", "items": [{"n": }]}"#, "the body isn't JSON: "),
    ] {
        assert!(detail(json).starts_with(expected), "{json}: {}", detail(json));
    }
}
