//! Every check that needs no more of the author than a plain cassette and a streamed one.

pub(super) mod broken;
pub(super) mod cassettes;
pub(super) mod leaving;
pub(super) mod many;
pub(super) mod refusals;
pub(super) mod texts;
