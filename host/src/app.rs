//! Everything a request needs, built once from the settings.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use jiff::Timestamp;

use crate::chat::{Cache, Pipeline};
use crate::config::{Config, Machine, Mistakes, Vars};
use crate::observe::metrics::Metrics;
use crate::plugin::{self, Loader, Providers};
use crate::shutdown::Stop;
use crate::store::redb::RedbUsers;
use crate::store::users::UserStore;
use crate::turns::Turns;

/// Everything a request needs.
pub struct App {
    /// The stages around every provider.
    pub chat: Pipeline,
    /// The providers.
    pub providers: Providers,
    /// The provider that answers when a caller names none.
    pub default_provider: String,
    /// The users.
    pub users: Arc<dyn UserStore>,
    /// True if clients of OpenAI and Anthropic get cached completions without asking for it.
    pub doors_cache: bool,
    /// The time for which a completion is cached by default.
    pub cache_ttl: Duration,
    /// The longest silence of a stream.
    pub heartbeat: Duration,
    /// The moment at which the server started.
    pub started: Instant,
    /// The same, by the clock.
    pub started_at: SystemTime,
    /// The metrics since then.
    pub metrics: Arc<Metrics>,
    /// The turns of all that computes for others.
    pub turns: Turns,
    /// The stop of the server.
    pub stop: Stop,
}

/// Reads all settings, those of the bundled providers too.
///
/// # Errors
/// All mistakes.
pub fn settings(vars: &Vars, machine: &Machine) -> Result<Config, Mistakes> {
    let config = Config::parse(vars, machine);
    let folder = config.as_ref().ok().and_then(|config| config.plugins.dir.as_deref());
    let bundled = plugin::check_bundled(vars, folder);
    match config {
        Ok(config) if bundled.is_empty() => Ok(config),
        Ok(_) => Err(bundled),
        Err(mut mistakes) => {
            mistakes.extend(bundled);
            Err(mistakes)
        }
    }
}

impl App {
    /// Opens the stores and loads the providers.
    ///
    /// # Errors
    /// The reason why the server can't work, for its operator; [`Mistakes`] when a setting is to
    /// blame.
    pub async fn build(config: &Config) -> anyhow::Result<Arc<Self>> {
        let data_dir = config.data_dir.clone();
        let users = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&data_dir)
                .with_context(|| format!("DATA_DIR {} can't be made", data_dir.display()))?;
            anyhow::Ok(RedbUsers::open(&data_dir, Timestamp::now)?)
        });
        let users = users.await??;
        let turns = Turns::of_this_machine();
        let loader = Loader::start(&config.plugins, turns.clone()).await?;
        let providers = loader.providers();
        let default_provider = config.llm.default_provider.clone();
        if providers.get(&default_provider).is_none() {
            let known = providers.ids().join(", ");
            let problem = format!("there is no provider {default_provider:?}; there are: {known}");
            return Err(Mistakes::one("LLM_DEFAULT_PROVIDER", problem).into());
        }
        let (cache, data_dir) = (config.llm.cache.clone(), config.data_dir.clone());
        let cache = tokio::task::spawn_blocking(move || Cache::open(&cache, &data_dir)).await?;
        let stop = Stop::default();
        tokio::spawn(loader.run(stop.draining()));
        Ok(Arc::new(Self {
            chat: Pipeline::new(&config.llm, Arc::new(cache)),
            providers,
            default_provider,
            users: Arc::new(users),
            doors_cache: config.llm.doors_cache,
            cache_ttl: config.llm.cache.ttl,
            heartbeat: config.server.heartbeat,
            started: Instant::now(),
            started_at: SystemTime::now(),
            metrics: Arc::default(),
            turns,
            stop,
        }))
    }
}
