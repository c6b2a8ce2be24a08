//! The compiler's side: a process that takes a component from its standard input, gives machine
//! code to its standard output, and ends.
//!
//! It begins by giving up what it doesn't need, and ends with its parent: the parent holds the
//! other end of its standard input open for as long as it waits.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use clap::Args;

use crate::plugin::engine::compiling_engine;

/// The machine code is written.
pub(super) const DONE: i32 = 0;
/// The bytes are no valid component; standard error says why.
pub(super) const INVALID: i32 = 65;
/// The machine code can't be written; standard error says why.
pub(super) const UNWRITABLE: i32 = 74;
/// The steps by which a compiler is less urgent than what serves.
#[cfg(unix)]
const NICE: i32 = 5;

/// The parameters of one compilation.
#[derive(Debug, Args)]
pub struct CompileArgs {
    /// The component's size in bytes.
    size: usize,
    /// The address space that compiling may take, in bytes.
    memory: u64,
    /// The address space of each memory of a guest, in bytes.
    memory_reservation: u64,
}

impl CompileArgs {
    /// The name of the command.
    pub(super) const COMMAND: &str = "compile-component";
}

/// Compiles one component.
pub fn run(args: &CompileArgs) -> ExitCode {
    let done = restrict(args.memory).map_err(|error| (INVALID, error.to_string()));
    let code = match done.and_then(|()| compile(args)) {
        Ok(()) => DONE,
        Err((code, words)) => {
            // Fails only if nobody listens.
            let _ = writeln!(io::stderr(), "{words}");
            code
        }
    };
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

fn compile(args: &CompileArgs) -> Result<(), (i32, String)> {
    let invalid = |error: &dyn std::fmt::Display| (INVALID, format!("{error:#}"));
    let mut component = vec![0; args.size];
    io::stdin().read_exact(&mut component).map_err(|error| invalid(&error))?;
    end_with_parent().map_err(|error| invalid(&error))?;
    let engine = compiling_engine(args.memory_reservation).map_err(|error| invalid(&error))?;
    let code = engine.precompile_component(&component).map_err(|error| invalid(&error))?;
    let mut out = io::stdout().lock();
    out.write_all(&code).and_then(|()| out.flush()).map_err(|error| (UNWRITABLE, error.to_string()))
}

/// Gives up memory beyond the bound, core files and urgency.
#[cfg(unix)]
fn restrict(memory: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, nice, setrlimit};

    let most = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    setrlimit(Resource::As, most(memory))?;
    setrlimit(Resource::Core, most(0))?;
    nice(NICE)?;
    end_first();
    Ok(())
}

#[cfg(not(unix))]
fn restrict(_memory: u64) -> io::Result<()> {
    Ok(())
}

/// Asks the system to end this process before the server, should memory run out.
#[cfg(target_os = "linux")]
fn end_first() {
    // Refused in some containers, where it then is as likely as without.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

#[cfg(all(unix, not(target_os = "linux")))]
fn end_first() {}

/// Ends this process when the parent is gone, by whatever way it went.
fn end_with_parent() -> io::Result<()> {
    let watch = std::thread::Builder::new().name("parent".into());
    watch.spawn(|| {
        // Nothing more is sent, so this returns when the other end is closed.
        let _ = io::stdin().read(&mut [0]);
        #[allow(clippy::disallowed_methods, reason = "nothing of this process is to be kept")]
        std::process::exit(INVALID);
    })?;
    Ok(())
}
