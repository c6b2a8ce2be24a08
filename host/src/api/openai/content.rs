//! The content of messages: a string, or parts of the types that OpenAI has.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess};

use crate::api::chat::is_base64;
use crate::api::door::{Fate, Fates, ObjectText, Speaks, decide, quoted};
use crate::contract::{self, Image, ImageData, ImageSource, OtherPart, Part};
use crate::http::json::{At, Json, List, Shape, Text, read_fields};

/// Content for a provider of this API.
pub(super) struct Content {
    pub(super) speaks: Speaks,
}

impl<'de> Shape<'de> for Content {
    type Value = Vec<Part>;

    fn expected(&self) -> Cow<'static, str> {
        "a string or an array of parts".into()
    }

    fn text(self, text: &str, _: &At<'_>) -> Option<Vec<Part>> {
        Some(vec![text_part(text.to_owned())])
    }

    fn array<A: SeqAccess<'de>>(
        self,
        parts: A,
        at: &At<'_>,
    ) -> Result<Option<Vec<Part>>, A::Error> {
        let speaks = self.speaks;
        List::of(|| PartShape { speaks }).array(parts, at)
    }
}

/// Returns a part that is this text.
pub(super) fn text_part(text: String) -> Part {
    Part::Text(contract::Text { text, extra: None })
}

struct PartShape {
    speaks: Speaks,
}

/// The types of parts.
const TYPES: [&str; 5] = ["text", "image_url", "file", "input_audio", "refusal"];

impl<'de> Shape<'de> for PartShape {
    type Value = Part;

    fn expected(&self) -> Cow<'static, str> {
        "an object with a type".into()
    }

    fn object<A: MapAccess<'de>>(self, mut part: A, at: &At<'_>) -> Result<Option<Part>, A::Error> {
        const OTHERS: &Fates =
            &[("cache_control", Fate::Dropped), ("prompt_cache_breakpoint", Fate::Dropped)];
        read_fields!(part, at, {
            "type" => kind: Text,
            "text" => text: Text,
            "image_url" => image_url: ImageUrl,
            "file" => file: Json,
            "input_audio" => input_audio: Json,
            "refusal" => refusal: Text,
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        let place = at.field("type");
        let Some(kind) = kind.required(&place) else { return Ok(None) };
        Ok(match kind.as_str() {
            "text" => text.required(&at.field("text")).map(text_part),
            "refusal" => refusal.required(&at.field("refusal")).map(text_part),
            "image_url" => image_url.required(&at.field("image_url")).map(Part::Image),
            "file" => {
                let place = at.field("file");
                file.required(&place).and_then(|file| document(&file, self.speaks, &place))
            }
            "input_audio" => match (self.speaks, input_audio.required(&at.field("input_audio"))) {
                (_, None) => None,
                (Speaks::OpenAi, Some(audio)) => Some(other("input_audio", &audio)),
                (Speaks::Anthropic | Speaks::Other, Some(_)) => at
                    .field("input_audio")
                    .wrong("can't be passed on to this provider, whose API is another one"),
            },
            other => place.unknown_word(other, TYPES.into_iter()),
        })
    }
}

fn other(kind: &str, json: &str) -> Part {
    let json = ObjectText::default().with_text("type", Some(kind)).with(kind, json).text();
    Part::Other(OtherPart { kind: kind.into(), json })
}

/// A file of the caller's.
#[derive(Deserialize)]
struct File {
    file_data: Option<String>,
    filename: Option<String>,
}

/// Returns a file as the vendor's API has it. Only bytes can be passed on: an id means something
/// only to OpenAI.
pub(super) fn document(json: &str, speaks: Speaks, at: &At<'_>) -> Option<Part> {
    let Ok(file) = serde_json::from_str::<File>(json) else {
        return at.wrong("must be an object with file_data");
    };
    match speaks {
        Speaks::OpenAi => return Some(other("file", json)),
        Speaks::Other => {
            return at.wrong("can't be passed on to this provider, whose API is another one");
        }
        Speaks::Anthropic => {}
    }
    let Some(data) = file.file_data else {
        return at.field("file_id").wrong("can't be passed on to this provider; send file_data");
    };
    let Some((kind, base64)) = data_url(&data) else {
        return at.field("file_data").wrong("must be a data URL with base64");
    };
    let source = ObjectText::default()
        .with("type", r#""base64""#)
        .with("media_type", &quoted(kind))
        .with("data", &quoted(base64))
        .text();
    let json = ObjectText::default()
        .with("type", r#""document""#)
        .with("source", &source)
        .with_text("title", file.filename.as_deref())
        .text();
    Some(Part::Other(OtherPart { kind: "document".into(), json }))
}

/// Returns the media type and the base64 of a data URL.
fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let kind = head.strip_suffix(";base64")?;
    is_base64(data.as_bytes()).then(|| (kind.split(';').next().unwrap_or_default(), data))
}

/// A picture: an object with its address, or with its bytes in a data URL.
struct ImageUrl;

impl<'de> Shape<'de> for ImageUrl {
    type Value = Image;

    fn expected(&self) -> Cow<'static, str> {
        "an object with a url".into()
    }

    /// Some clients leave the object out.
    fn text(self, url: &str, at: &At<'_>) -> Option<Image> {
        image(url, at)
    }

    fn object<A: MapAccess<'de>>(
        self,
        mut object: A,
        at: &At<'_>,
    ) -> Result<Option<Image>, A::Error> {
        const OTHERS: &Fates = &[("detail", Fate::Dropped), ("format", Fate::Dropped)];
        read_fields!(object, at, {
            "url" => url: Text,
        }, |name: &str, json: &str, at: &At<'_>| decide(OTHERS, name, json, at));
        let place = at.field("url");
        Ok(url.required(&place).and_then(|url| image(&url, &place)))
    }
}

pub(super) fn image(url: &str, at: &At<'_>) -> Option<Image> {
    let source = if url.starts_with("data:") {
        let Some((media_type, base64)) = data_url(url) else {
            return at.wrong("must be an address, or a data URL with base64");
        };
        let (media_type, base64) = (media_type.to_owned(), base64.to_owned());
        ImageSource::Data(ImageData { media_type, base64 })
    } else {
        ImageSource::Url(url.to_owned())
    };
    Some(Image { source, extra: None })
}
