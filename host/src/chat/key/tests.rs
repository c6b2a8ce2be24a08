//! Every field counts, and nothing else does.

use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const COMPONENT: Sha256Digest = Sha256Digest([1; 32]);
const CONFIG: Sha256Digest = Sha256Digest([2; 32]);
const PARTS: KeyParts<'static> = KeyParts {
    provider: "claude",
    digest: &COMPONENT,
    config_digest: &CONFIG,
    tenant: Some("team"),
};

fn key(request: &Request) -> Key {
    Key::new(&PARTS, request, &WishList::default())
}

#[test]
fn wishes_count_once_there_are_some() {
    let wished = |wishes: WishList| Key::new(&PARTS, &full(), &wishes);
    let none = WishList::default;
    assert_eq!(wished(none()), key(&full()));
    let schema = |strict| OutputSchema {
        name: Some("n".into()),
        description: Some("d".into()),
        schema: "{}".into(),
        strict,
    };
    let keys = [
        none(),
        WishList { output: Some(OutputFormat::Text), ..none() },
        WishList { output: Some(OutputFormat::JsonObject), ..none() },
        WishList { output: Some(OutputFormat::JsonSchema(schema(None))), ..none() },
        WishList { output: Some(OutputFormat::JsonSchema(schema(Some(true)))), ..none() },
        WishList { output: Some(OutputFormat::Other("{}".into())), ..none() },
        WishList { parallel_tool_calls: Some(false), ..none() },
        WishList { parallel_tool_calls: Some(true), ..none() },
        WishList { effort: Some("low".into()), ..none() },
        WishList { thinking_tokens: Some(1), ..none() },
        WishList { show_thinking: Some(true), ..none() },
        WishList { seed: Some("1".into()), ..none() },
        WishList { frequency_penalty: Some(1.0), ..none() },
        WishList { presence_penalty: Some(1.0), ..none() },
        WishList { end_user: Some("u".into()), ..none() },
        WishList { service_tier: Some("flex".into()), ..none() },
        WishList { required: vec!["output".into()], ..none() },
        WishList { extra: Some("{}".into()), ..none() },
    ]
    .map(wished);
    let distinct: std::collections::HashSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len());
}

/// A request in which nothing is absent and every kind of part occurs.
fn full() -> Request {
    let extra = || Some(r#"{"a":1}"#.to_owned());
    let text = || Text { text: "text".into(), extra: extra() };
    let image = |source| Image { source, extra: extra() };
    let data = || ImageData { media_type: "image/png".into(), base64: "AAAA".into() };
    let other = || OtherPart { kind: "document".into(), json: r#"{"b":2}"#.into() };
    let content = vec![
        Part::Text(text()),
        Part::Image(image(ImageSource::Data(data()))),
        Part::Image(image(ImageSource::Url("https://example.com/a.png".into()))),
        Part::ToolUse(ToolUse {
            id: "call".into(),
            name: "tool".into(),
            input: "{}".into(),
            extra: extra(),
        }),
        Part::ToolResult(ToolResult {
            tool_use_id: "call".into(),
            content: vec![
                ResultPart::Text(text()),
                ResultPart::Image(image(ImageSource::Data(data()))),
                ResultPart::Other(other()),
            ],
            is_error: false,
            extra: extra(),
        }),
        Part::Thinking(Thinking {
            text: "hm".into(),
            signature: Some("sig".into()),
            extra: extra(),
        }),
        Part::Other(other()),
    ];
    Request {
        model: "model".into(),
        messages: vec![
            Message { role: Role::User, content, extra: extra() },
            Message {
                role: Role::Other("tool".into()),
                content: vec![Part::Text(text())],
                extra: extra(),
            },
        ],
        max_tokens: Some(100),
        temperature: Some(0.7),
        top_p: Some(0.9),
        top_k: Some(40),
        stop_sequences: vec!["stop".into()],
        tools: vec![Tool {
            name: "tool".into(),
            description: Some("what it does".into()),
            input_schema: r#"{"type":"object"}"#.into(),
            extra: extra(),
        }],
        tool_choice: Some(ToolChoice::Tool("tool".into())),
        native: Some(NativeBody { dialect: "anthropic-messages".into(), body: "{}".into() }),
        extra: extra(),
    }
}

/// The JSON pointers of everything in a tree.
fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| pointers(value, &format!("{at}/{name}"), into));
        }
        Value::Array(values) => {
            values
                .iter()
                .enumerate()
                .for_each(|(index, value)| pointers(value, &format!("{at}/{index}"), into));
        }
        _ => {}
    }
}

/// Other values that may stand in a place.
fn others(value: &Value) -> Vec<Value> {
    let mut others = vec![Value::Null];
    match value {
        Value::String(text) => {
            others.extend([json!(format!("{text} ")), json!("")]);
            // Where the string is the name of a case.
            others.extend(
                ["System", "User", "Assistant", "Auto", "Any", "None"].map(|case| json!(case)),
            );
            others.extend([json!({"Other": text}), json!({"Tool": text})]);
        }
        Value::Number(number) => {
            others.extend([json!(0), json!(number.as_f64().unwrap_or_default() / 2.0), json!(7)]);
        }
        Value::Bool(value) => others.push(json!(!value)),
        Value::Array(values) => {
            others.push(json!([]));
            others.push(Value::Array(values.iter().rev().cloned().collect()));
            others.push(Value::Array(values.iter().chain(values.first()).cloned().collect()));
        }
        Value::Object(fields) => {
            // Where the object is a case with its content.
            for content in fields.values() {
                others.extend([
                    json!({"Other": content}),
                    json!({"Tool": content}),
                    json!({"Text": content}),
                ]);
                others.push(json!({"Url": "text"}));
            }
            others.extend([json!("User"), json!("Auto"), json!("None")]);
        }
        Value::Null => {}
    }
    others
}

#[test]
fn any_change_in_any_place_changes_the_key() {
    let request = full();
    let tree = serde_json::to_value(&request).unwrap();
    let mut places = Vec::new();
    pointers(&tree, "", &mut places);
    let mut keys = vec![(key(&request), request.clone())];
    for place in &places {
        let mut changed = false;
        for other in others(tree.pointer(place).unwrap()) {
            let mut tree = tree.clone();
            *tree.pointer_mut(place).unwrap() = other;
            // Most are of the wrong type for the place; what can be read is another request.
            let Ok(other) = serde_json::from_value::<Request>(tree) else { continue };
            if other == request {
                continue;
            }
            changed = true;
            match keys.iter().find(|(known, _)| *known == key(&other)) {
                Some((_, known)) => assert_eq!(*known, other, "{place}"),
                None => keys.push((key(&other), other)),
            }
        }
        // The whole, each element and each case's content have changes only within.
        let last = place.rsplit('/').next().unwrap_or_default();
        let is_field = last.starts_with(|c: char| c.is_ascii_lowercase());
        assert!(changed || !is_field, "nothing tried at {place}");
    }
    assert!(100 < keys.len(), "{}", keys.len());
}

#[test]
fn every_absent_field_differs_from_an_empty_one() {
    let mut absent = full();
    absent.extra = None;
    let mut empty = full();
    empty.extra = Some(String::new());
    assert_ne!(key(&absent), key(&empty));
    absent.tool_choice = None;
    let mut none = absent.clone();
    none.tool_choice = Some(ToolChoice::None);
    assert_ne!(key(&absent), key(&none));
}

#[test]
fn who_is_asked_and_for_whom_is_in_the_key() {
    let request = full();
    let other = Sha256Digest([9; 32]);
    let all = [
        PARTS,
        KeyParts { provider: "other", ..PARTS },
        KeyParts { digest: &other, ..PARTS },
        KeyParts { config_digest: &other, ..PARTS },
        KeyParts { digest: &CONFIG, config_digest: &COMPONENT, ..PARTS },
        KeyParts { tenant: Some("other"), ..PARTS },
        KeyParts { tenant: Some(""), ..PARTS },
        KeyParts { tenant: None, ..PARTS },
    ];
    let keys: std::collections::HashSet<Key> =
        all.iter().map(|parts| Key::new(parts, &request, &WishList::default())).collect();
    assert_eq!(keys.len(), all.len());
}

#[test]
fn both_zeros_are_one_number() {
    let at = |temperature| key(&Request { temperature: Some(temperature), ..full() });
    assert_eq!(at(0.0), at(-0.0));
    assert_ne!(at(0.0), at(f64::MIN_POSITIVE));
}

#[test]
fn a_key_is_the_same_in_every_run() {
    // A new value here means that answers of earlier versions are not found again: then raise
    // DOMAIN with it.
    assert_eq!(key(&full()).to_string(), "d958253107f7d9a3");
}

/// Few and short, so that equal requests and texts that only differ in where they are cut come up
/// often.
fn text() -> BoxedStrategy<String> {
    prop_oneof![Just(""), Just("a"), Just("b"), Just("ab"), Just("\0"), Just("{}")]
        .prop_map(String::from)
        .boxed()
}

fn list<S: Strategy + 'static>(of: S) -> BoxedStrategy<Vec<S::Value>>
where
    S::Value: std::fmt::Debug,
{
    proptest::collection::vec(of, 0..3).boxed()
}

fn text_part() -> BoxedStrategy<Text> {
    (text(), of(text())).prop_map(|(text, extra)| Text { text, extra }).boxed()
}

fn other_part() -> BoxedStrategy<OtherPart> {
    (text(), text()).prop_map(|(kind, json)| OtherPart { kind, json }).boxed()
}

fn image() -> BoxedStrategy<Image> {
    let data = (text(), text())
        .prop_map(|(media_type, base64)| ImageSource::Data(ImageData { media_type, base64 }));
    (prop_oneof![data, text().prop_map(ImageSource::Url)], of(text()))
        .prop_map(|(source, extra)| Image { source, extra })
        .boxed()
}

fn part() -> BoxedStrategy<Part> {
    let result_part = prop_oneof![
        text_part().prop_map(ResultPart::Text),
        image().prop_map(ResultPart::Image),
        other_part().prop_map(ResultPart::Other),
    ];
    let tool_use = (text(), text(), text(), of(text()))
        .prop_map(|(id, name, input, extra)| ToolUse { id, name, input, extra });
    let tool_result = (text(), list(result_part), any::<bool>(), of(text())).prop_map(
        |(tool_use_id, content, is_error, extra)| ToolResult {
            tool_use_id,
            content,
            is_error,
            extra,
        },
    );
    let thinking = (text(), of(text()), of(text())).prop_map(|(text, signature, extra)| Thinking {
        text,
        signature,
        extra,
    });
    prop_oneof![
        text_part().prop_map(Part::Text),
        image().prop_map(Part::Image),
        tool_use.prop_map(Part::ToolUse),
        tool_result.prop_map(Part::ToolResult),
        thinking.prop_map(Part::Thinking),
        other_part().prop_map(Part::Other),
    ]
    .boxed()
}

fn message() -> BoxedStrategy<Message> {
    let role = prop_oneof![
        Just(Role::System),
        Just(Role::User),
        Just(Role::Assistant),
        text().prop_map(Role::Other),
    ];
    (role, list(part()), of(text()))
        .prop_map(|(role, content, extra)| Message { role, content, extra })
        .boxed()
}

fn request() -> BoxedStrategy<Request> {
    let number = || of(prop_oneof![Just(0.0), Just(-0.0), Just(0.5), Just(1.0)].boxed()).boxed();
    let count = || of(0_u32..3);
    let tool = (text(), of(text()), text(), of(text()))
        .prop_map(|(name, description, input_schema, extra)| Tool {
            name,
            description,
            input_schema,
            extra,
        })
        .boxed();
    let choice = prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::Any),
        Just(ToolChoice::None),
        text().prop_map(ToolChoice::Tool),
        text().prop_map(ToolChoice::Other),
    ]
    .boxed();
    let native = (text(), text()).prop_map(|(dialect, body)| NativeBody { dialect, body }).boxed();
    let sampling = (count(), number(), number(), count());
    let rest = (list(text()), list(tool), of(choice), of(native), of(text()));
    (text(), list(message()), sampling, rest)
        .prop_map(|(model, messages, sampling, rest)| {
            let (max_tokens, temperature, top_p, top_k) = sampling;
            let (stop_sequences, tools, tool_choice, native, extra) = rest;
            Request {
                model,
                messages,
                max_tokens,
                temperature,
                top_p,
                top_k,
                stop_sequences,
                tools,
                tool_choice,
                native,
                extra,
            }
        })
        .boxed()
}

proptest! {
    #[test]
    fn keys_are_equal_exactly_when_messages_are(one in list(part()), other in list(part())) {
        let ask = |content| Request { messages: vec![Message { role: Role::User, content, extra: None }], ..full() };
        let (one, other) = (ask(one), ask(other));
        prop_assert_eq!(one == other, key(&one) == key(&other));
    }

    #[test]
    fn keys_are_equal_exactly_when_requests_are(one in request(), other in request()) {
        prop_assert_eq!(one == other, key(&one) == key(&other));
        prop_assert_eq!(key(&one), key(&one.clone()));
    }
}
