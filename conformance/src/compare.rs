//! Comparisons of expected and seen values, with the differences in words.

use mock_vendor::Request;
use serde_json::{Map, Value};

use super::exchange::{Wanted, json};

/// Differences that are told; what is wrong in more places is commonly wrong for one reason.
const DIFFERENCES_MAX: usize = 8;
/// Characters of a value that are shown.
const SHOWN_MAX: usize = 240;

/// All differences between two JSON values, as lines: the place, what was expected, what was seen.
pub(super) fn values(expected: &Value, seen: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    value("", expected, seen, &mut differences);
    let more = differences.len().saturating_sub(DIFFERENCES_MAX);
    differences.truncate(DIFFERENCES_MAX);
    differences.extend((more != 0).then(|| format!("and {more} more differences")));
    differences
}

/// Compares a request with the one that the plugin has to send.
pub(super) fn request(wanted: &Wanted, seen: &Request) -> Vec<String> {
    let differ = |what: &str, wanted: &str, seen: &str| {
        (wanted != seen)
            .then(|| format!("{what}: expected {}, sent {}", shown(wanted), shown(seen)))
    };
    let mut differences = Vec::new();
    differences.extend(differ("method", &wanted.method, &seen.method));
    differences.extend(differ("path", &wanted.path, &seen.path));
    differences.extend(wanted.headers.iter().filter_map(|(name, value)| match seen.header(name) {
        Some(sent) => differ(&format!("header {name}"), value, sent),
        None => Some(format!("header {name}: expected {}, not sent", shown(value))),
    }));
    differences.extend(body(&wanted.body, &seen.body));
    differences
}

fn body(wanted: &[u8], seen: &[u8]) -> Vec<String> {
    if let (Some(wanted), Some(seen)) = (json(wanted), json(seen)) {
        return values(&wanted, &seen)
            .into_iter()
            .map(|difference| format!("body: {difference}"))
            .collect();
    }
    // An editor ends the last line of a file; the body need not.
    if wanted == seen || wanted.strip_suffix(b"\n") == Some(seen) {
        return Vec::new();
    }
    let text = |bytes: &[u8]| shown(&String::from_utf8_lossy(bytes));
    vec![format!("body: expected {}, sent {}", text(wanted), text(seen))]
}

fn value(place: &str, expected: &Value, seen: &Value, differences: &mut Vec<String>) {
    match (expected, seen) {
        (Value::Object(expected), Value::Object(seen)) => {
            object(place, expected, seen, differences)
        }
        (Value::Array(expected), Value::Array(seen)) => {
            for (index, pair) in expected.iter().zip(seen).enumerate() {
                value(&format!("{place}[{index}]"), pair.0, pair.1, differences);
            }
            for (index, missing) in expected.iter().enumerate().skip(seen.len()) {
                differences
                    .push(format!("{place}[{index}]: expected {}, there is none", brief(missing)));
            }
            for (index, more) in seen.iter().enumerate().skip(expected.len()) {
                differences
                    .push(format!("{place}[{index}]: not expected, there is {}", brief(more)));
            }
        }
        // `1` and `1.0` are one number; two large integers that differ in their last digit aren't.
        (Value::Number(one), Value::Number(other))
            if (one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64() => {}
        (Value::String(one), Value::String(other)) if one != other => {
            differences.push(format!("{}: {}", named(place), texts(one, other)));
        }
        (one, other) if one == other => {}
        (one, other) => {
            differences.push(format!(
                "{}: expected {}, saw {}",
                named(place),
                brief(one),
                brief(other)
            ));
        }
    }
}

fn object(
    place: &str,
    expected: &Map<String, Value>,
    seen: &Map<String, Value>,
    differences: &mut Vec<String>,
) {
    let at = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    for (key, wanted) in expected {
        match seen.get(key) {
            Some(seen) => value(&at(key), wanted, seen, differences),
            None => {
                differences.push(format!("{}: expected {}, there is none", at(key), brief(wanted)))
            }
        }
    }
    for (key, more) in seen.iter().filter(|(key, _)| !expected.contains_key(*key)) {
        differences.push(format!("{}: not expected, there is {}", at(key), brief(more)));
    }
}

/// Two texts that differ: from where on, when they are long.
fn texts(expected: &str, seen: &str) -> String {
    let same: usize =
        expected.chars().zip(seen.chars()).take_while(|(one, other)| one == other).count();
    if same <= 40 {
        return format!("expected {}, saw {}", shown(expected), shown(seen));
    }
    let from = |text: &str| shown(&text.chars().skip(same - 20).collect::<String>());
    format!(
        "the same for {same} characters, then expected …{}, saw …{}",
        from(expected),
        from(seen)
    )
}

fn named(place: &str) -> &str {
    if place.is_empty() { "the whole" } else { place }
}

fn brief(value: &Value) -> String {
    cut(value.to_string())
}

/// A text in quotes, cut when it is long.
pub(super) fn shown(text: &str) -> String {
    cut(format!("{text:?}"))
}

/// A text, cut when it is long.
pub(super) fn cut(text: String) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => {
            format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len())
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_have_no_difference() {
        let value = json!({"a": [1, 2.0, null], "b": {"c": "x"}});
        assert!(values(&value, &value).is_empty());
        assert!(values(&json!({"n": 1}), &json!({"n": 1.0})).is_empty(), "a number is its value");
        assert!(
            values(&json!({"a": 1, "b": 2}), &json!({"b": 2, "a": 1})).is_empty(),
            "fields have no order"
        );
    }

    #[test]
    fn each_difference_names_its_place() {
        let expected = json!({"a": [{"b": 1}, 2], "c": "x", "d": null});
        let seen = json!({"a": [{"b": 2}], "c": true, "e": []});
        assert_eq!(
            values(&expected, &seen),
            [
                "a[0].b: expected 1, saw 2",
                "a[1]: expected 2, there is none",
                "c: expected \"x\", saw true",
                "d: expected null, there is none",
                "e: not expected, there is []",
            ]
        );
        assert_eq!(values(&json!(1), &json!("1")), ["the whole: expected 1, saw \"1\""]);
    }

    #[test]
    fn long_texts_are_shown_from_where_they_differ() {
        let (one, other) = ("x".repeat(100) + "left", "x".repeat(100) + "right");
        let difference = values(&json!({"t": one}), &json!({"t": other})).concat();
        assert!(
            difference.contains("the same for 100 characters") && difference.contains("left"),
            "{difference}"
        );
        assert!(difference.len() < 200, "{difference}");
    }

    #[test]
    fn many_differences_are_counted() {
        let expected: Vec<u32> = (0..100).collect();
        let seen: Vec<u32> = (1..101).collect();
        let differences = values(&json!(expected), &json!(seen));
        assert_eq!(differences.len(), DIFFERENCES_MAX + 1);
        assert_eq!(differences.last().unwrap(), "and 92 more differences");
    }

    #[test]
    fn a_request_may_have_more_headers_than_wanted_but_not_another_body() {
        let wanted = Wanted::parse(b"POST /a HTTP/1.1\nx-api-key: k\n\n{\"a\": 1}\n").unwrap();
        let sent = |headers: &[(&str, &str)], body: &[u8]| Request {
            method: "POST".into(),
            path: "/a".into(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.to_vec(),
        };
        assert!(
            request(&wanted, &sent(&[("X-Api-Key", "k"), ("accept", "*/*")], b"{\"a\":1}"))
                .is_empty()
        );
        let differences = request(&wanted, &sent(&[], b"{\"a\":2}"));
        assert_eq!(
            differences,
            ["header x-api-key: expected \"k\", not sent", "body: a: expected 1, saw 2"]
        );
        assert_eq!(request(&wanted, &sent(&[("x-api-key", "k")], b"a=1")).len(), 1);
        let form = Wanted::parse(b"POST /a HTTP/1.1\n\na=1\n").unwrap();
        assert!(request(&form, &sent(&[], b"a=1")).is_empty());
    }
}
