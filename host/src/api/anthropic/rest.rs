//! Fields of Anthropic's API that the contract has no place for.

use std::cell::RefCell;

use crate::api::door::{Fates, ObjectText, Speaks, decide};
use crate::http::json::{At, compact};

/// Fields that the contract has no place for: a vendor of the same API gets them, another doesn't.
pub(super) struct Rest {
    speaks: Speaks,
    table: &'static Fates,
    kept: RefCell<ObjectText>,
}

impl Rest {
    pub(super) fn new(speaks: Speaks, table: &'static Fates) -> Self {
        Self { speaks, table, kept: RefCell::default() }
    }

    /// Takes a field.
    pub(super) fn take(&self, name: &str, json: &str, at: &At<'_>) {
        if self.speaks == Speaks::Anthropic {
            self.keep(name, &compact(json).0);
        } else {
            decide(self.table, name, json, at);
        }
    }

    /// Keeps a field, whatever the vendor's API is.
    pub(super) fn keep(&self, name: &str, json: &str) {
        self.kept.replace_with(|kept| std::mem::take(kept).with(name, json));
    }

    /// Returns the fields that are kept.
    pub(super) fn extra(self) -> Option<String> {
        self.kept.into_inner().unless_empty()
    }
}
