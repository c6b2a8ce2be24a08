//! Answers that come encoded although nobody asked for it, and answers that don't tell their length:
//! proxies and gateways make both. The host decodes and waits for the end, so a plugin in any
//! language passes unless it decodes or counts by itself.

use std::io;

use compression_codecs::brotli::params::EncoderParams;
use compression_codecs::core::Level;
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::{BrotliEncoder, EncodeV2, GzipEncoder, ZlibEncoder, ZstdEncoder};
use mock_vendor::Reply;

use super::super::cassette::Cassette;
use super::super::compare;
use super::super::exchange::Response;
use super::super::report::{Finding, Outcome};
use super::super::stage::{Stage, mode, with_last};

/// The codings of HTTP, by the names that `content-encoding` has for them.
const CODINGS: [&str; 4] = ["gzip", "deflate", "br", "zstd"];
/// The bytes of a piece of an encoded body, so that pieces end inside of events.
const PIECE: usize = 61;

/// The answers are the cassettes' in every coding, and without a `content-length`.
pub(in super::super) async fn encoded(stage: &Stage) -> Outcome {
    let subjects = stage.asking();
    if subjects.is_empty() {
        return Outcome::not_applicable(stage.nobody_asked());
    }
    let mut findings = Vec::new();
    for cassette in subjects {
        let Some(last) = cassette.last() else { continue };
        for coding in CODINGS {
            let body = match body_in(coding, &last.body) {
                Ok(body) => body,
                Err(error) => return Outcome::not_applicable(format!("{coding}: {error}")),
            };
            let reply = last.with_body(body).reply().header("content-encoding", coding);
            for (way, reply) in
                [("whole", reply.clone()), ("in pieces", reply.chunked().cut_every(PIECE))]
            {
                let advice = "read the body as the host gives it, which is decoded, whatever the headers say";
                let case = format!("{coding}, {way}");
                findings.extend(difference(stage, cassette, reply, advice, &case).await);
            }
        }
        for (case, reply) in lengths(last) {
            let advice = "read the body to its end; an answer needn't have a content-length";
            findings.extend(difference(stage, cassette, reply, advice, case).await);
        }
    }
    Outcome::of(findings)
}

/// The answer in the ways of HTTP that tell no length.
fn lengths(response: &Response) -> [(&'static str, Reply); 2] {
    let reply = response.reply();
    [
        ("without content-length, in chunks", reply.clone().chunked()),
        ("without content-length, up to the end of the connection", reply.until_close()),
    ]
}

async fn difference(
    stage: &Stage,
    cassette: &Cassette,
    reply: Reply,
    advice: &str,
    case: &str,
) -> Option<Finding> {
    let answer = stage.play(&cassette.question, with_last(cassette, reply)).await.answer;
    let expected = cassette.answer.clone().unwrap_or_default();
    let differences = compare::values(&expected, &answer.to_value());
    let case = format!("{}, {case}", mode(cassette));
    (!differences.is_empty()).then(|| {
        Finding::new("the cassette's answer", differences.join("\n"), advice).in_case(&case)
    })
}

/// Returns a body in a coding.
///
/// # Errors
/// A fault of the encoder.
fn body_in(coding: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let level = compression_codecs::flate::params::FlateEncoderParams::from(Level::Default);
    let mut encoder: Box<dyn EncodeV2> = match coding {
        "gzip" => Box::new(GzipEncoder::new(level)),
        "deflate" => Box::new(ZlibEncoder::new(level)),
        "br" => Box::new(BrotliEncoder::new(EncoderParams::default())),
        _ => Box::new(ZstdEncoder::new(3)),
    };
    let mut buffer = vec![0; 16 << 10];
    let mut encoded = Vec::new();
    let mut input = PartialBuffer::new(body);
    while !input.unwritten().is_empty() {
        let mut output = WriteBuffer::new_initialized(&mut buffer);
        encoder.encode(&mut input, &mut output)?;
        encoded.extend_from_slice(output.written());
    }
    loop {
        let mut output = WriteBuffer::new_initialized(&mut buffer);
        let finished = encoder.finish(&mut output)?;
        encoded.extend_from_slice(output.written());
        if finished {
            return Ok(encoded);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_encoded_whole_in_every_coding() {
        // Noise, so that the encoded body is larger than the encoder's buffer.
        let mut state = 1_u32;
        let body: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(100_000)
        .collect();
        let begins: [&[u8]; 4] = [&[0x1f, 0x8b], &[0x78], &[], &[0x28, 0xb5, 0x2f, 0xfd]];
        for (coding, begin) in CODINGS.iter().zip(begins) {
            let encoded = body_in(coding, &body).unwrap();
            assert!(encoded.starts_with(begin) && 50_000 < encoded.len(), "{coding}");
            assert_ne!(encoded, body);
        }
    }
}
