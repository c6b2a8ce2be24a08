//! Process entry: read the settings, build the app, serve until told to stop.
//!
//! Everything here happens once. What happens per request starts in `http/server.rs`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arete::app::{self, App};
use arete::cli::{self, EX_USAGE, PluginCommand};
use arete::config::{Config, DescriptorShares, Machine, Mistakes, Vars, raise_descriptors};
use arete::plugin::{CompileArgs, advise_on_grants, compile_component};
use arete::{api, http, observe, shutdown};
use clap::{Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::{info, warn};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An LLM backend: one HTTP API, every provider a sandboxed WebAssembly component.
///
/// Settings come from the environment and from a file .env in the working directory;
/// docs/settings.md lists them.
#[derive(Parser)]
#[command(version = env!("ARETE_VERSION"))]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves until SIGTERM or SIGINT (the default).
    Serve,
    /// Says whether the settings are right, and serves nothing.
    CheckConfig,
    /// For operators and authors of plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Compiles one component: the server starts this for each.
    #[command(hide = true)]
    CompileComponent(CompileArgs),
}

/// The time in which threads that are at work when all is done may end. A thread can't be stopped,
/// and nothing waits for what these do.
const LAST_WORK: Duration = Duration::from_secs(2);

/// The tasks after which a thread that always has one looks for what came over the network. With
/// Tokio's 61, guests that take their whole turn each time would keep it waiting for half a second.
const EVENT_INTERVAL: u32 = 8;

fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Serve);
    if let Command::CompileComponent(args) = command {
        return compile_component(&args);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .event_interval(EVENT_INTERVAL)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("Arete can't run: no threads can be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run(command));
    runtime.shutdown_timeout(LAST_WORK);
    code
}

async fn run(command: Command) -> ExitCode {
    let config = Vars::load()
        .map_err(|problem| Mistakes::one("DOTENV", problem.to_string()))
        .and_then(|vars| app::settings(&vars, &Machine::of_this_process()))
        .map(|mut config| {
            config.plugins.compile.executable = cli::own_executable();
            config
        });
    let done = match command {
        Command::CompileComponent(args) => return compile_component(&args),
        Command::CheckConfig => config.map_err(Into::into).and_then(|config| {
            let advice = advise_on_grants(&config.plugins)?;
            say("The settings are right.");
            advice.iter().for_each(|advice| say(&format!("  note  {advice}")));
            Ok(ExitCode::SUCCESS)
        }),
        Command::Plugin(command) => cli::plugin(command, config).await,
        Command::Serve => match config {
            Ok(mut config) => {
                let _logging = observe::init(&config.log);
                divide(&mut config);
                serve(&config).await.map(|()| ExitCode::SUCCESS)
            }
            Err(mistakes) => Err(mistakes.into()),
        },
    };
    done.unwrap_or_else(|error| match error.downcast_ref::<Mistakes>() {
        Some(mistakes) => wrong_settings(mistakes),
        None => {
            say(&format!("Arete can't run: {error:#}"));
            ExitCode::FAILURE
        }
    })
}

/// Divides what the machine has, and tells the operator how: what is promised to whom.
fn divide(config: &mut Config) {
    let descriptors = raise_descriptors();
    let of = DescriptorShares::new(descriptors, config.server.max_connections);
    config.server.fit(&of);
    config.plugins.descriptors = of.vendors;
    let (machine, memory) = (config.machine, config.memory_shares());
    let mib = |bytes: u64| bytes >> 20;
    info!(
        memory_mib = mib(machine.memory),
        memory_of = %machine.memory_of,
        bodies_mib = mib(memory.bodies),
        guests_mib = mib(memory.guests),
        compiling_mib = mib(memory.compiling),
        cache_mib = mib(memory.cache),
        process_mib = mib(memory.process),
        descriptors,
        for_clients = of.clients + of.standby,
        for_vendors = of.vendors,
        for_files = of.files,
        "Divided the machine"
    );
    if machine.memory < memory.sum() {
        warn!(
            "The settings promise {} MiB of memory, and there are {} MiB: HTTP_BODY_MEMORY, LLM_TOTAL_MEMORY, \
             LLM_COMPILE_MEMORY or LLM_CACHE_MEMORY should be lower",
            mib(memory.sum()),
            mib(machine.memory)
        );
    }
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    let app = App::build(config).await?;
    let front = api::front(&app, &config.server);
    let address = config.server.address;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("{address} can't be listened at"))?;
    let keys = config.server.api_keys.len();
    if keys == 0 {
        if config.server.cors_origins.iter().any(|origin| origin == "*") {
            warn!(
                "CORS_ORIGINS is * and ARETE_API_KEYS is not set; every web page that is opened on this \
                 machine may read from the server"
            );
        }
        info!("ARETE_API_KEYS is not set; accepting unauthenticated requests from localhost only");
    }
    // Before anybody can know that it listens, and so ask it to stop.
    let signal = shutdown::signal();
    let (version, providers) = (env!("ARETE_VERSION"), app.providers.ids().join(","));
    info!(address = %listener.local_addr()?, version, providers, keys, "Listening");
    let metrics = serve_metrics(&app, config).await?;
    http::server::run(listener, front, &config.server, &app.turns, &app.stop, signal).await;
    metrics.stop().await;
    app.chat.cache().close().await;
    info!("Stopped");
    Ok(())
}

/// Serves the metrics at an address of their own, if the operator named one.
async fn serve_metrics(app: &Arc<App>, config: &Config) -> anyhow::Result<Metrics> {
    let Some(address) = config.server.metrics_address else { return Ok(Metrics(None)) };
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("METRICS_ADDRESS {address} can't be listened at"))?;
    info!(address = %listener.local_addr()?, "Serving metrics");
    let server = config.server.for_metrics();
    let front = api::metrics_front(app, &server);
    let turns = app.turns.clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        let signal = async { drop(stopped.await) };
        let stop = shutdown::Stop::default();
        http::server::run(listener, front, &server, &turns, &stop, signal).await;
    });
    Ok(Metrics(Some((stop, serving))))
}

/// The listener for metrics: it outlives the other, so that a stop can be watched.
struct Metrics(Option<(oneshot::Sender<()>, JoinHandle<()>)>);

impl Metrics {
    async fn stop(self) {
        if let Some((stop, serving)) = self.0 {
            drop(stop);
            // It panics only where a handler can't be reached any more.
            let _ = serving.await;
        }
    }
}

fn wrong_settings(mistakes: &Mistakes) -> ExitCode {
    say(&format!("Arete can't start with these settings:\n{mistakes}"));
    ExitCode::from(EX_USAGE)
}

/// Before logging is set up, and for what isn't a log.
fn say(text: &str) {
    cli::complain(text);
}
