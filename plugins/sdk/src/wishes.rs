//! The wishes of a request beyond its fields.

pub use crate::bindings::arete::provider::wishes::{OutputFormat, OutputSchema, WishList, get};

use crate::llm::{ErrorKind, ProviderError};
use crate::request::with_field;

/// Returns a list without wishes.
pub fn none() -> WishList {
    WishList {
        output: None,
        parallel_tool_calls: None,
        effort: None,
        thinking_tokens: None,
        show_thinking: None,
        seed: None,
        frequency_penalty: None,
        presence_penalty: None,
        end_user: None,
        service_tier: None,
        required: Vec::new(),
        extra: None,
    }
}

/// Passes over a wish that the vendor can't fulfil.
///
/// # Errors
/// When it is required. `name` is its name in the list, `field` the caller's.
pub fn pass_over(
    wishes: &WishList,
    name: &str,
    field: &str,
    says: &str,
) -> Result<(), ProviderError> {
    if wishes.required.iter().all(|required| required != name) {
        return Ok(());
    }
    Err(with_field(field, ProviderError::new(ErrorKind::Unsupported, says)))
}
