//! The compiler of components: a process of its own for each component, with bounds on memory and
//! time.
//!
//! What is compiled comes from strangers, and how much memory and time it takes can't be told from
//! its size: 14 KB of nested loops keep a core busy for 39 seconds. A thread that compiles can't be
//! stopped, and the memory that it took stays with the process. A process can be ended at any
//! moment, and leaves nothing. It is this binary again, so that compiler and engine agree.

mod child;
mod lanes;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::{Instant, timeout_at};

pub use self::child::{CompileArgs, run as compile_component};
pub(in crate::plugin) use self::lanes::{Lane, Lanes, Place};
use crate::config::CompileConfig;
use crate::plugin::engine::Engine;

/// The most that is read of what the compiler says.
const WORDS_MAX: u64 = 16 << 10;
/// The threads of one compiler.
const THREADS: &str = "4";
/// The address space that the compiler's allocator reserves at once, in KiB: by default it reserves
/// as much as the compiler may have.
const RESERVED_AT_ONCE: &str = "32768";

/// The compiler, and the bounds that it has.
#[derive(Debug, Clone)]
pub(in crate::plugin) enum Compiler {
    /// Threads of this process, without any bound: for tests and benchmarks, which have no binary
    /// to start, and for components that are trusted.
    InProcess,
    /// A process for each component.
    Process {
        /// This program.
        executable: PathBuf,
        /// The address space that it may have, in bytes.
        memory: u64,
        /// The time that it may take.
        time: Duration,
    },
}

/// A reason why there is no machine code.
#[derive(Debug, thiserror::Error)]
pub(in crate::plugin) enum CompileError {
    /// The bytes are no valid component.
    #[error("the component is broken or cut off: {0}")]
    Invalid(String),
    /// The compiler needed more memory than it may have.
    #[error("compiling it took more than {} of memory; LLM_COMPILE_MEMORY raises it", show(*.0))]
    Memory(u64),
    /// The compiler needed more time than it may have.
    #[error("compiling it took longer than {0:?}; LLM_COMPILE_TIMEOUT raises it")]
    Time(Duration),
    /// The compiler broke down.
    #[error("the compiler broke down ({status}): {words}")]
    Broken { status: ExitStatus, words: String },
    /// The machine code couldn't be written.
    #[error("the machine code can't be written: {0}")]
    Unwritable(String),
    /// No compiler could be started.
    #[error("no process can be started to compile it: {0}")]
    Unstartable(io::Error),
    /// Its turn in the short lane is over, and the long lane is full. To be tried again there.
    #[error("compiling it takes long, and others that take long are compiled now")]
    Overlong,
}

fn show(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    if bytes.is_multiple_of(1 << 30) {
        format!("{} GiB", bytes >> 30)
    } else {
        format!("{} MiB", bytes.div_ceil(MIB))
    }
}

impl Compiler {
    /// Returns the compiler of these settings.
    pub(in crate::plugin) fn new(config: &CompileConfig) -> Self {
        match &config.executable {
            Some(executable) => Self::Process {
                executable: executable.clone(),
                memory: config.memory,
                time: config.timeout,
            },
            None => Self::InProcess,
        }
    }

    /// Writes a component's machine code into an empty file. Dropping the future ends the compiler,
    /// if it is a process.
    ///
    /// # Errors
    /// Why there is none. The file may hold a part of it then.
    pub(super) async fn compile(
        &self,
        engine: &Engine,
        component: &Bytes,
        code: &File,
        place: &mut Place,
    ) -> Result<(), CompileError> {
        let unwritable = |error: io::Error| CompileError::Unwritable(error.to_string());
        let mut code = code.try_clone().map_err(unwritable)?;
        match self {
            Self::InProcess => {
                let (engine, component) = (wasmtime::Engine::clone(engine), component.clone());
                let compiling = tokio::task::spawn_blocking(move || {
                    let compiled = engine
                        .precompile_component(&component)
                        .map_err(|error| CompileError::Invalid(format!("{error:#}")))?;
                    code.write_all(&compiled).map_err(unwritable)
                });
                compiling.await.map_err(|error| CompileError::Invalid(error.to_string()))?
            }
            Self::Process { executable, memory, time } => {
                let mut command = Command::new(executable);
                command
                    .arg(CompileArgs::COMMAND)
                    .arg(component.len().to_string())
                    .arg(memory.to_string())
                    .arg(engine.memory_reservation().to_string())
                    .env_clear()
                    .env("RAYON_NUM_THREADS", THREADS)
                    .env("MIMALLOC_ARENA_RESERVE", RESERVED_AT_ONCE)
                    .current_dir("/")
                    .stdin(Stdio::piped())
                    .stdout(code)
                    .stderr(Stdio::piped())
                    .kill_on_drop(true);
                // A terminal's Ctrl-C is for the server, which ends its compilers itself.
                #[cfg(unix)]
                command.process_group(0).arg0("arete");
                let (status, words) = run(command, component, *time, place).await?;
                judge(status, words, *memory)
            }
        }
    }
}

/// Runs a compiler to its end, or ends it.
async fn run(
    mut command: Command,
    component: &Bytes,
    time: Duration,
    place: &mut Place,
) -> Result<(ExitStatus, String), CompileError> {
    let began = Instant::now();
    let mut child = command.spawn().map_err(CompileError::Unstartable)?;
    // The command holds the file that the code goes to.
    drop(command);
    let (mut stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let mut work = Box::pin(async {
        if let Some(stdin) = &mut stdin {
            // Fails if the compiler has ended; its status says why.
            let _ = stdin.write_all(component).await;
        }
        let mut words = Vec::new();
        if let Some(mut stderr) = stderr {
            let _ = (&mut stderr).take(WORDS_MAX).read_to_end(&mut words).await;
            let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
        }
        let status = child.wait().await.map_err(CompileError::Unstartable)?;
        // Open until now: its end would tell the compiler that nobody waits any more.
        drop(stdin);
        Ok((status, String::from_utf8_lossy(&words).trim().to_owned()))
    });
    if let Some(turn) = place.turn().filter(|turn| *turn < time) {
        if let Ok(done) = timeout_at(began + turn, &mut work).await {
            return done;
        }
        if !place.change_lanes() {
            return Err(CompileError::Overlong);
        }
    }
    timeout_at(began + time, work).await.unwrap_or(Err(CompileError::Time(time)))
}

/// Tells success from the ways to fail.
fn judge(status: ExitStatus, words: String, memory: u64) -> Result<(), CompileError> {
    // The allocator's last words, and the system's for a mapping that was refused and for a thread
    // whose stack found no room.
    let out_of_memory = ["memory allocation of", "os error 12", "os error 11", "Os { code: 11,"];
    match status.code() {
        Some(child::DONE) => Ok(()),
        _ if out_of_memory.iter().any(|last| words.contains(last)) => {
            Err(CompileError::Memory(memory))
        }
        Some(child::INVALID) => Err(CompileError::Invalid(words)),
        Some(child::UNWRITABLE) => Err(CompileError::Unwritable(words)),
        _ => Err(CompileError::Broken { status, words }),
    }
}
