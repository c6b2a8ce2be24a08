//! A chat call as a door makes it.

use std::sync::Arc;
use std::time::Duration;

use crate::contract::{Request, WishList};
use crate::plugin::{DialectContext, Provider};

/// A request and how it shall be answered.
pub struct Call {
    /// The provider that is asked.
    pub provider: Arc<Provider>,
    /// The request, its model filled in.
    pub request: Request,
    /// The wishes beyond it.
    pub wishes: WishList,
    /// The words outside the body of a caller who speaks a vendor's dialect.
    pub(crate) dialect: Option<Arc<DialectContext>>,
    /// True if a kept completion will do, and this one may be kept.
    pub use_cache: bool,
    /// The time for which it may be kept, if not the default.
    pub cache_ttl: Option<Duration>,
    /// The caller: completions aren't shared between callers.
    pub tenant: Option<Arc<str>>,
}
