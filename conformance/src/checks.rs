//! Every check that needs no more of the author than a plain cassette and a streamed one, and those
//! that look for what only a cassette of the vendor can show.

pub(super) mod advice;
pub(super) mod broken;
pub(super) mod cassettes;
pub(super) mod encodings;
pub(super) mod halves;
pub(super) mod leaving;
pub(super) mod many;
pub(super) mod numbers;
pub(super) mod refusals;
pub(super) mod shown;
pub(super) mod texts;
pub(super) mod wrappings;
