//! A streamed answer: the vendor's events as the caller's, as they come.

use std::borrow::Cow;
use std::convert::Infallible;

use axum::response::sse::Event;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};

use super::answer::{Usage, VENDOR, VendorAnswer, VendorUsage};
use super::frames::{Frame, Frames};

/// The caller's events. One that breaks off ends with an `error`.
pub(super) fn events(reply: reqwest::Response) -> impl Stream<Item = Result<Event, Infallible>> {
    let reading = Reading {
        chunks: reply.bytes_stream().boxed(),
        frames: Frames::default(),
        usage: VendorUsage::default(),
        stop_reason: None,
        over: false,
    };
    stream::unfold(reading, |mut reading| async move {
        if reading.over {
            return None;
        }
        let event = reading.next().await.unwrap_or_else(|problem| {
            reading.over = true;
            Event::default().event("error").data(problem.to_string())
        });
        Some((Ok(event), reading))
    })
}

/// A stream that is being read.
struct Reading {
    chunks: BoxStream<'static, reqwest::Result<Bytes>>,
    frames: Frames,
    usage: VendorUsage,
    stop_reason: Option<String>,
    /// The last event was told.
    over: bool,
}

#[derive(Deserialize)]
struct MessageStart<'a> {
    #[serde(borrow)]
    message: VendorAnswer<'a>,
}

#[derive(Deserialize)]
struct BlockDelta<'a> {
    #[serde(borrow)]
    delta: TextDelta<'a>,
}

#[derive(Deserialize)]
struct TextDelta<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

#[derive(Deserialize)]
struct MessageDelta {
    delta: Stop,
    #[serde(default)]
    usage: VendorUsage,
}

#[derive(Deserialize)]
struct Stop {
    stop_reason: Option<String>,
}

#[derive(Serialize)]
struct Start<'a> {
    id: &'a str,
    model: &'a str,
    provider: &'static str,
    cached: bool,
}

#[derive(Serialize)]
struct Delta<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done<'a> {
    finish_reason: &'a str,
    usage: Usage,
}

impl Reading {
    /// The next event of the caller's.
    async fn next(&mut self) -> Result<Event, axum::BoxError> {
        loop {
            while let Some(frame) = self.frames.next()? {
                if let Some(event) = self.told(&frame)? {
                    return Ok(event);
                }
            }
            let chunk = self
                .chunks
                .next()
                .await
                .ok_or("the vendor closed the connection before the answer's end")?;
            self.frames.feed(&chunk?);
        }
    }

    /// Returns the caller's event for one of the vendor's, if there is one.
    fn told(&mut self, frame: &Frame) -> Result<Option<Event>, axum::BoxError> {
        match frame.name.as_str() {
            "message_start" => {
                let MessageStart { message } = serde_json::from_str(&frame.data)?;
                self.usage = message.usage;
                told(
                    "start",
                    &Start {
                        id: &message.id,
                        model: &message.model,
                        provider: VENDOR,
                        cached: false,
                    },
                )
            }
            "content_block_delta" => {
                let BlockDelta { delta } = serde_json::from_str(&frame.data)?;
                told("delta", &Delta { text: &delta.text })
            }
            "message_delta" => {
                let MessageDelta { delta, usage } = serde_json::from_str(&frame.data)?;
                self.usage.update(usage);
                self.stop_reason = delta.stop_reason;
                Ok(None)
            }
            "message_stop" => {
                self.over = true;
                let finish_reason =
                    self.stop_reason.as_deref().ok_or("the vendor gave no reason to stop")?;
                told("done", &Done { finish_reason, usage: self.usage.into() })
            }
            "error" => Err("the vendor failed in the middle of its answer".into()),
            _ => Ok(None),
        }
    }
}

fn told(name: &str, data: &impl Serialize) -> Result<Option<Event>, axum::BoxError> {
    Ok(Some(Event::default().event(name).json_data(data)?))
}
