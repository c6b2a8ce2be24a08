//! Words for a failure that aren't made of its code: those of a vendor.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};

/// Words that replace those made of the problem's code.
#[derive(Debug, Clone)]
pub(crate) enum Wording {
    /// The dialect's error object, and a status where it isn't that of the code.
    Error { status: Option<StatusCode>, error: Map<String, Value> },
    /// A whole body of the vendor's, with its status.
    Raw { status: StatusCode, body: Bytes },
}
