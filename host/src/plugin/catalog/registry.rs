//! The providers and the state of each. Readers see one moment of it, whatever changes
//! meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::plugin::call::Provider;

/// Changes that a slow listener may be behind before it has to be told everything anew.
const CHANGES_KEPT: usize = 256;

/// All providers, by name. Clones are the same.
#[derive(Clone)]
pub struct Providers(Arc<Shared>);

struct Shared {
    slots: ArcSwap<Slots>,
    changes: broadcast::Sender<Change>,
}

type Slots = BTreeMap<String, Arc<Slot>>;

/// A provider's place.
#[derive(Clone)]
pub struct Slot {
    /// The provider's state.
    pub state: SlotState,
    /// Since when.
    pub since: Timestamp,
}

/// The state of a provider.
#[derive(Clone)]
pub enum SlotState {
    /// Its first version is being loaded. Nobody answers yet.
    Loading,
    /// Its newest version answers.
    Ready(Arc<Provider>),
    /// Its newest version can't be loaded, for this reason; the last good one goes on answering.
    Stale(Arc<Provider>, String),
    /// It can't be loaded, for this reason, and nobody answers.
    Failed(String),
}

/// A provider is otherwise than before.
#[derive(Clone)]
pub struct Change {
    /// Its name.
    pub id: String,
    /// Its slot now; nothing if it is gone.
    pub slot: Option<Arc<Slot>>,
}

impl Slot {
    /// Returns the version that serves, if one does.
    pub fn serving(&self) -> Option<&Arc<Provider>> {
        match &self.state {
            SlotState::Ready(provider) | SlotState::Stale(provider, _) => Some(provider),
            SlotState::Loading | SlotState::Failed(_) => None,
        }
    }
}

impl Providers {
    /// Returns a registry without a provider.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self::new()
    }

    pub(super) fn new() -> Self {
        Self(Arc::new(Shared {
            slots: ArcSwap::default(),
            changes: broadcast::Sender::new(CHANGES_KEPT),
        }))
    }

    /// The provider of this name, if there is one.
    pub fn get(&self, id: &str) -> Option<Arc<Slot>> {
        self.0.slots.load().get(id).cloned()
    }

    /// All of them, by name.
    pub fn all(&self) -> Arc<BTreeMap<String, Arc<Slot>>> {
        self.0.slots.load_full()
    }

    /// Their names.
    pub fn ids(&self) -> Vec<String> {
        self.0.slots.load().keys().cloned().collect()
    }

    /// Returns the changes from now on. A reader that subscribes first and then looks at all
    /// providers misses nothing.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// Puts a provider in its place. Calls under way go on with the version that they began with.
    pub(super) fn set(&self, id: &str, state: SlotState) {
        let slot = Arc::new(Slot { state, since: Timestamp::now() });
        self.update(|slots| drop(slots.insert(id.to_owned(), slot.clone())));
        self.tell(Change { id: id.to_owned(), slot: Some(slot) });
    }

    /// Takes a provider away. Calls under way go on.
    pub(super) fn remove(&self, id: &str) {
        self.update(|slots| drop(slots.remove(id)));
        self.tell(Change { id: id.to_owned(), slot: None });
    }

    /// The loader alone writes, so nothing is lost between reading and storing.
    fn update(&self, change: impl FnOnce(&mut Slots)) {
        let mut slots = (*self.all()).clone();
        change(&mut slots);
        self.0.slots.store(Arc::new(slots));
    }

    fn tell(&self, change: Change) {
        // Fails if nobody listens.
        let _ = self.0.changes.send(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(providers: &Providers, id: &str) -> String {
        match &providers.get(id).unwrap().state {
            SlotState::Failed(reason) => reason.clone(),
            _ => "loading".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_change_is_seen_and_told_in_the_order_in_which_it_came() {
        let providers = Providers::new();
        let mut changes = providers.changes();
        providers.set("a", SlotState::Loading);
        providers.set("a", SlotState::Failed("broken".into()));
        assert_eq!(state(&providers, "a"), "broken");
        providers.remove("a");
        assert!(providers.get("a").is_none());
        for present in [true, true, false] {
            let change = changes.recv().await.unwrap();
            assert_eq!((change.id.as_str(), change.slot.is_some()), ("a", present));
        }
    }

    #[test]
    fn a_reader_keeps_the_moment_that_it_read() {
        let providers = Providers::new();
        providers.set("a", SlotState::Loading);
        let then = providers.all();
        providers.remove("a");
        providers.set("b", SlotState::Loading);
        assert_eq!(then.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(providers.ids(), ["b"]);
    }

    #[test]
    fn only_versions_that_were_loaded_serve() {
        let slot = |state| Slot { state, since: Timestamp::UNIX_EPOCH };
        assert!(slot(SlotState::Loading).serving().is_none());
        assert!(slot(SlotState::Failed("x".into())).serving().is_none());
    }
}
