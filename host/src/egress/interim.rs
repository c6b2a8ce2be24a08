//! Interim answers (1xx), of which a vendor may send any number before the answer. hyper passes
//! over them; without a count that could keep a processor busy for as long as an answer may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::Request;
use tokio::sync::Notify;

/// The most interim answers to one request. Servers send one or two.
pub(super) const INTERIM_MAX: u32 = 32;

/// The count of the interim answers to one request.
#[derive(Default)]
pub(super) struct Interim {
    count: AtomicU32,
    too_many: Notify,
}

impl Interim {
    /// Counts those to this request. Over HTTP/2, which has no such hook, only time bounds them.
    pub(super) fn count<B>(request: &mut Request<B>) -> Arc<Self> {
        let interim = Arc::<Self>::default();
        let counts = interim.clone();
        hyper::ext::on_informational(request, move |_| {
            if counts.count.fetch_add(1, Ordering::Relaxed) == INTERIM_MAX {
                counts.too_many.notify_one();
            }
        });
        interim
    }

    /// Waits until there are too many of them, without end as a rule.
    pub(super) async fn too_many(&self) {
        self.too_many.notified().await;
    }
}
