//! The vendor's whole answer, and the caller's.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The vendor that answers.
pub(super) const VENDOR: &str = "anthropic";

/// The body of the vendor's answer; texts point into it.
#[derive(Deserialize)]
pub(super) struct VendorAnswer<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) model: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) content: Vec<Block<'a>>,
    #[serde(borrow)]
    pub(super) stop_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) usage: VendorUsage,
}

#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    text: Cow<'a, str>,
}

/// The vendor's counts.
#[derive(Clone, Copy, Default, Deserialize)]
pub(super) struct VendorUsage {
    pub(super) input_tokens: Option<u32>,
    pub(super) output_tokens: Option<u32>,
    pub(super) cache_read_input_tokens: Option<u32>,
    pub(super) cache_creation_input_tokens: Option<u32>,
}

/// The caller's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    pub(super) id: &'a str,
    pub(super) content: Cow<'a, str>,
    pub(super) model: &'a str,
    pub(super) usage: Usage,
    pub(super) finish_reason: &'a str,
    pub(super) provider: &'static str,
    pub(super) cached: bool,
}

/// As Arete counts: what went through the vendor's cache is input too.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Usage {
    input_tokens: u32,
    output_tokens: u32,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u32>,
}

impl<'a> Answer<'a> {
    /// An answer of text, which is what the benchmark's vendor gives.
    pub(super) fn new(answer: &'a VendorAnswer<'a>) -> Result<Self, &'static str> {
        if answer.content.iter().any(|block| block.kind != "text") {
            return Err("the vendor answered with a block that isn't text");
        }
        let content = match answer.content.as_slice() {
            [one] => Cow::Borrowed(&*one.text),
            all => all.iter().map(|block| &*block.text).collect(),
        };
        Ok(Self {
            id: &answer.id,
            content,
            model: &answer.model,
            usage: answer.usage.into(),
            finish_reason: answer.stop_reason.as_deref().ok_or("the vendor's answer isn't over")?,
            provider: VENDOR,
            cached: false,
        })
    }
}

impl VendorUsage {
    /// Counts of a stream are totals: a later one replaces an earlier one.
    pub(super) fn update(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.cache_read_input_tokens =
            later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.cache_creation_input_tokens =
            later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
    }
}

impl From<VendorUsage> for Usage {
    fn from(counts: VendorUsage) -> Self {
        let (read, written) = (counts.cache_read_input_tokens, counts.cache_creation_input_tokens);
        let cached = [read, written].into_iter().flatten();
        let input_tokens =
            cached.fold(counts.input_tokens.unwrap_or_default(), u32::saturating_add);
        let output_tokens = counts.output_tokens.unwrap_or_default();
        Self {
            input_tokens,
            output_tokens,
            total_tokens: u64::from(input_tokens) + u64::from(output_tokens),
            cache_read_tokens: read,
            cache_write_tokens: written,
        }
    }
}
