//! The present state, looked at when somebody reads: providers, cache, process.

use std::time::SystemTime;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::{names, process};
use crate::chat::CacheStats;
use crate::plugin::{Providers, SlotState};

/// The present state.
pub(crate) struct Now {
    version: &'static str,
    started: SystemTime,
    providers: Vec<ProviderNow>,
    cache: CacheStats,
}

struct ProviderNow {
    id: String,
    state: &'static str,
    serving: Option<Serving>,
}

/// The labels of a version that serves.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Serving {
    provider: String,
    vendor: String,
    version: String,
    sha256: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    provider: String,
    state: &'static str,
}

/// The states of a provider, as the listing of providers names them.
const STATES: [&str; 5] = ["ready", "unconfigured", "loading", "stale", "failed"];

impl Now {
    /// Looks at everything.
    pub(crate) fn look(
        version: &'static str,
        started: SystemTime,
        providers: &Providers,
        cache: CacheStats,
    ) -> Self {
        let all = providers.all();
        let providers = all.iter().map(|(id, slot)| ProviderNow {
            id: id.clone(),
            state: match &slot.state {
                SlotState::Loading => "loading",
                SlotState::Ready(provider) if provider.definition.missing.is_some() => {
                    "unconfigured"
                }
                SlotState::Ready(_) => "ready",
                SlotState::Stale(..) => "stale",
                SlotState::Failed(_) => "failed",
            },
            serving: slot.serving().map(|provider| Serving {
                provider: id.clone(),
                vendor: provider.info.vendor.clone(),
                version: provider.info.version.clone(),
                sha256: provider.digest.to_string(),
            }),
        });
        Self { version, started, providers: providers.collect(), cache }
    }

    /// Returns it as metrics.
    pub(super) fn registry(&self) -> Registry {
        let mut to = Registry::default();
        let version = Info::new([("version", self.version)]);
        to.register(names::BUILD, "The version of the server", version);
        self.add_providers(&mut to);
        self.add_cache(&mut to);
        process::add(&mut to, self.started);
        to
    }

    fn add_providers(&self, to: &mut Registry) {
        let states = Family::<StateLabels, Gauge>::default();
        let serving = Family::<Serving, Gauge>::default();
        for provider in &self.providers {
            for state in STATES {
                let labels = StateLabels { provider: provider.id.clone(), state };
                states.get_or_create(&labels).set((state == provider.state).into());
            }
            if let Some(labels) = &provider.serving {
                serving.get_or_create(labels).set(1);
            }
        }
        to.register(names::PROVIDER_STATE, "1 for the state of the provider", states);
        let help = "The version of the provider that serves";
        to.register(format!("{}_info", names::PROVIDER), help, serving);
    }

    fn add_cache(&self, to: &mut Registry) {
        let cache = &self.cache;
        let gauge = |value: u64| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        to.register(names::CACHE_ENTRIES, "Completions in the cache", gauge(cache.size));
        let help = "The size of the cache";
        to.register_with_unit(names::CACHE_SIZE, help, Unit::Bytes, gauge(cache.bytes));
        for (name, help, value) in [
            (names::CACHE_HITS, "Calls answered from the cache", cache.hits),
            (names::CACHE_MISSES, "Calls that the cache could not answer", cache.misses),
            (names::JOINED, "Calls that joined an equal one under way", cache.coalesced),
            (names::CACHE_DROPPED, "Completions not written for want of room", cache.dropped),
            (names::CACHE_WARNINGS, "Failures of the cache's file", cache.disk_warnings),
        ] {
            to.register(name, help, ConstCounter::new(value));
        }
    }
}
