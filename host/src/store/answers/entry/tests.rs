//! Entries come back as they were written; any other bytes are refused.

use super::*;
use crate::contract::{
    FinishReason, Image, ImageData, ImageSource, NativeBody, OtherPart, Part, ResultPart, Text,
    Thinking, ToolResult, ToolUse, Usage,
};

fn completion() -> Completion {
    let extra = || Some("{}".to_owned());
    let other = || OtherPart { kind: "document".into(), json: r#"{"b":2}"#.into() };
    let image = |source| Image { source, extra: extra() };
    let text = || Text { text: "Grüße\n\0".into(), extra: None };
    Completion {
        id: "msg".into(),
        model: "model".into(),
        parts: vec![
            Part::Text(text()),
            Part::Image(image(ImageSource::Url("u".into()))),
            Part::ToolUse(ToolUse {
                id: "i".into(),
                name: "n".into(),
                input: r#"{"x":1.10}"#.into(),
                extra: extra(),
            }),
            Part::ToolResult(ToolResult {
                tool_use_id: "i".into(),
                content: vec![
                    ResultPart::Text(text()),
                    ResultPart::Image(image(ImageSource::Data(ImageData {
                        media_type: "m".into(),
                        base64: "AA==".into(),
                    }))),
                    ResultPart::Other(other()),
                ],
                is_error: true,
                extra: extra(),
            }),
            Part::Thinking(Thinking {
                text: "hm".into(),
                signature: Some("s".into()),
                extra: None,
            }),
            Part::Other(other()),
        ],
        finish_reason: FinishReason::Other("why".into()),
        usage: Usage {
            input_tokens: Some(1),
            output_tokens: Some(u32::MAX),
            cache_read_tokens: None,
            cache_write_tokens: Some(0),
            reasoning_tokens: Some(5),
            extra: extra(),
        },
        native: Some(NativeBody {
            dialect: "anthropic-messages".into(),
            body: r#"{"id":"msg"}"#.into(),
        }),
        extra: extra(),
    }
}

fn entry() -> Entry {
    Entry { completion: Arc::new(completion()), stored_at: 1_000, expires_at: 2_000 }
}

#[test]
fn an_entry_comes_back_whole() {
    let key = [1; 32];
    let back = Entry::decode(&key, &entry().encode(&key).unwrap()).unwrap();
    assert_eq!(back.completion, entry().completion);
    assert_eq!((back.stored_at, back.expires_at), (1_000, 2_000));
}

#[test]
fn a_changed_byte_anywhere_makes_it_nothing() {
    let key = [1; 32];
    let bytes = entry().encode(&key).unwrap();
    for index in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[index] ^= 1;
        assert!(Entry::decode(&key, &bytes).is_none(), "byte {index}");
    }
}

#[test]
fn a_missing_or_a_further_byte_makes_it_nothing() {
    let key = [1; 32];
    let bytes = entry().encode(&key).unwrap();
    for end in 0..bytes.len() {
        assert!(Entry::decode(&key, &bytes[..end]).is_none(), "{end} bytes");
    }
    assert!(Entry::decode(&key, &[&bytes[..], b" "].concat()).is_none());
}

#[test]
fn an_entry_under_another_key_is_nothing() {
    let bytes = entry().encode(&[1; 32]).unwrap();
    assert!(Entry::decode(&[2; 32], &bytes).is_none());
}

#[test]
fn what_is_written_stays_the_same() {
    // A field that joins the contract, or changes, shows here. Then raise FORMAT with it: serde
    // takes a missing optional field for an absent one, so an older entry would be read as an
    // answer that it wasn't.
    let completion = serde_json::to_string(&completion()).unwrap();
    assert_eq!(completion, GOLDEN, "{completion}");
    assert_eq!(FORMAT, 1);
}

const GOLDEN: &str = concat!(
    r#"{"id":"msg","model":"model","parts":[{"Text":{"text":"Grüße\n\u0000","extra":null}},"#,
    r#"{"Image":{"source":{"Url":"u"},"#,
    r#""extra":"{}"}},"#,
    r#"{"ToolUse":{"id":"i","name":"n","input":"{\"x\":1.10}","extra":"{}"}},"#,
    r#"{"ToolResult":{"tool_use_id":"i","content":[{"Text":{"text":"Grüße\n\u0000","extra":null}},"#,
    r#"{"Image":{"source":{"Data":{"media_type":"m","base64":"AA=="}},"#,
    r#""extra":"{}"}},"#,
    r#"{"Other":{"kind":"document","json":"{\"b\":2}"}}],"is_error":true,"extra":"{}"}},"#,
    r#"{"Thinking":{"text":"hm","signature":"s","extra":null}},"#,
    r#"{"Other":{"kind":"document","json":"{\"b\":2}"}}],"finish_reason":{"Other":"why"},"#,
    r#""usage":{"input_tokens":1,"output_tokens":4294967295,"cache_read_tokens":null,"cache_write_tokens":0,"reasoning_tokens":5,"extra":"{}"},"#,
    r#""native":{"dialect":"anthropic-messages","body":"{\"id\":\"msg\"}"},"#,
    r#""extra":"{}"}"#,
);

#[test]
fn every_text_weighs() {
    let weight = |completion| Entry { completion: Arc::new(completion), ..entry() }.weight();
    let light = weight(completion());
    let mut heavy = completion();
    heavy.native =
        Some(NativeBody { dialect: "anthropic-messages".into(), body: "x".repeat(1_000_012) });
    assert_eq!(weight(heavy.clone()), light + 1_000_000);
    heavy.parts.push(Part::Text(Text { text: "x".repeat(1_000_000), extra: None }));
    assert!(light + 2_000_000 <= weight(heavy));
}

#[test]
fn an_entry_is_fresh_until_it_expires_and_not_before_it_was_stored() {
    let entry = Entry { stored_at: 1_000_000, expires_at: 2_000_000, ..entry() };
    let fresh =
        [0, 939_999, 940_000, 1_000_000, 1_999_999, 2_000_000].map(|now_ms| entry.is_fresh(now_ms));
    assert_eq!(fresh, [false, false, true, true, true, false]);
}

#[test]
fn the_bytes_of_an_entry_stay_the_same() {
    // Format, seal, both times, then the JSON above. Files that are on disks today begin so.
    let bytes = entry().encode(&[1; 32]).unwrap();
    let head = crate::digest::Hex(&bytes[..HEAD_BYTES]).to_string();
    assert_eq!(head, HEAD_GOLDEN);
    assert_eq!(&bytes[HEAD_BYTES..], GOLDEN.as_bytes());
}

const HEAD_GOLDEN: &str = "01743e99036b9ef143e803000000000000d007000000000000";
