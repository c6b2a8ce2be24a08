//! Each promise that types can't make, broken in one place.

use super::*;
use crate::contract::{
    Finish, FinishReason, Image, ImageSource, NativeBody, PartDelta, Start, Text, TextDelta,
    Thinking, ToolResult, ToolUse, Usage,
};

/// Puts a name into a description.
type Change = fn(&mut Info, String);

fn info() -> Info {
    Info {
        vendor: "v".into(),
        version: "1.0.0".into(),
        models: vec!["m".into()],
        default_model: Some("m".into()),
        features: vec![Feature::Tools, Feature::Other("audio".into())],
        extra: Some(r#"{"a":1}"#.into()),
    }
}

/// The first breach in a sentence, or nothing.
fn says(checked: Checked) -> String {
    checked.err().map(|breach| breach.to_string()).unwrap_or_default()
}

#[test]
fn names_that_end_up_in_headers_and_logs_are_short_and_printable() {
    assert_eq!(says(super::info(&info())), "");
    let changes: [(&str, Change); 5] = [
        ("info.vendor", |info, name| info.vendor = name),
        ("info.version", |info, name| info.version = name),
        ("info.default-model", |info, name| info.default_model = Some(name)),
        ("each of info.models", |info, name| info.models.push(name)),
        ("each of info.features", |info, name| info.features.push(Feature::Other(name))),
    ];
    for (place, change) in changes {
        for bad in ["", "a\nb", "a\u{9b}b", &"x".repeat(NAME_MAX + 1)] {
            let mut info = info();
            change(&mut info, bad.to_owned());
            let breach = format!("{place} must be 1 to {NAME_MAX} printable characters");
            assert_eq!(says(super::info(&info)), breach, "{bad:?}");
        }
        let mut longest = info();
        change(&mut longest, "x".repeat(NAME_MAX));
        assert_eq!(says(super::info(&longest)), "", "{place}");
    }
}

#[test]
fn what_is_kept_as_long_as_the_provider_is_bounded() {
    let mut many = info();
    many.models = vec!["m".into(); LISTED_MAX + 1];
    assert_eq!(says(super::info(&many)), "info.models has 1001 entries, and may have 1000");
    many.models.pop();
    assert_eq!(says(super::info(&many)), "");
    let mut many = info();
    many.features = vec![Feature::Tools; LISTED_MAX + 1];
    assert_eq!(says(super::info(&many)), "info.features has 1001 entries, and may have 1000");
    let mut large = info();
    large.extra = Some(format!(r#"{{"a":"{}"}}"#, "x".repeat(INFO_EXTRA_MAX)));
    assert_eq!(says(super::info(&large)), "info.extra has 65544 bytes, and may have 65536");
}

/// Every kind of part with this JSON in one place of it, and the place's name.
fn parts(json: &str) -> Vec<(&'static str, Part)> {
    let (text, extra) = (String::new, Some(json.to_owned()));
    let source = || ImageSource::Url("https://a.example/b".into());
    let other = || OtherPart { kind: "k".into(), json: json.into() };
    let call = |input: &str, extra| {
        Part::ToolUse(ToolUse { id: "t".into(), name: "n".into(), input: input.into(), extra })
    };
    let result = |part, extra| {
        let content = Vec::from_iter(part);
        Part::ToolResult(ToolResult { tool_use_id: "t".into(), content, is_error: false, extra })
    };
    let of_result = |part| result(Some(part), None);
    vec![
        ("text.extra", Part::Text(Text { text: text(), extra: extra.clone() })),
        ("image.extra", Part::Image(Image { source: source(), extra: extra.clone() })),
        ("tool-use.input", call(json, None)),
        ("tool-use.extra", call("{}", extra.clone())),
        ("tool-result.extra", result(None, extra.clone())),
        ("text.extra", of_result(ResultPart::Text(Text { text: text(), extra: extra.clone() }))),
        (
            "image.extra",
            of_result(ResultPart::Image(Image { source: source(), extra: extra.clone() })),
        ),
        ("other.json", of_result(ResultPart::Other(other()))),
        (
            "thinking.extra",
            Part::Thinking(Thinking { text: text(), signature: None, extra: extra.clone() }),
        ),
        ("other.json", Part::Other(other())),
    ]
}

fn completion(parts: Vec<Part>) -> Completion {
    Completion {
        id: "c".into(),
        model: "m".into(),
        parts,
        finish_reason: FinishReason::EndTurn,
        usage: Usage::default(),
        native: None,
        extra: None,
    }
}

fn delta(event: Event) -> Delta {
    Delta { event, native: None }
}

#[test]
fn json_in_every_part_is_an_object_whether_whole_or_streamed() {
    for (place, part) in parts(r#" {"a": [1, "\ud83d"]}"#) {
        assert_eq!(says(super::completion(&completion(vec![part]))), "", "{place}");
    }
    for (json, breach) in [
        ("[]", " must be a JSON object"),
        ("", " must be a JSON object"),
        ("{", " isn't JSON: EOF while parsing an object at line 1 column 1"),
        ("{} {}", " isn't JSON: trailing characters at line 1 column 4"),
    ] {
        for (place, part) in parts(json) {
            let said = format!("{place}{breach}");
            assert_eq!(says(super::completion(&completion(vec![part.clone()]))), said);
            let event = Event::Part(PartDelta { index: 0, part });
            assert_eq!(says(super::delta(&delta(event))), said);
        }
    }
}

#[test]
fn json_beside_the_parts_is_checked_too() {
    let bad = || Some("[]".to_owned());
    let usage = || Usage { extra: bad(), ..Usage::default() };
    let whole = Completion { usage: usage(), ..completion(vec![]) };
    assert_eq!(says(super::completion(&whole)), "usage.extra must be a JSON object");
    let whole = Completion { extra: bad(), ..completion(vec![]) };
    assert_eq!(says(super::completion(&whole)), "completion.extra must be a JSON object");
    // A dialect's body may be any JSON.
    for (body, breach) in
        [("[1]", ""), ("x", "native.body isn't JSON: expected value at line 1 column 1")]
    {
        let native = Some(NativeBody { dialect: "d".into(), body: body.into() });
        let whole = Completion { native: native.clone(), ..completion(vec![]) };
        assert_eq!(says(super::completion(&whole)), breach);
        let event = Event::Text(TextDelta { index: 0, text: String::new() });
        assert_eq!(says(super::delta(&Delta { event, native })), breach);
    }
    for (event, place) in [
        (Event::Start(Start { id: "c".into(), model: "m".into(), extra: bad() }), "start.extra"),
        (Event::Usage(usage()), "usage.extra"),
        (Event::Finish(Finish { reason: FinishReason::EndTurn, extra: bad() }), "finish.extra"),
        (Event::Other(OtherPart { kind: "k".into(), json: "[]".into() }), "other.json"),
    ] {
        let said = format!("{place} must be a JSON object");
        assert_eq!(says(super::delta(&delta(event))), said);
    }
}
