//! The settings of the engine that runs providers.

use std::path::PathBuf;
use std::time::Duration;

use super::limits::Limits;
use super::machine::Machine;
use super::mistakes::Mistakes;
use super::shares;
use super::units::{GIB, HOUR, MIB, SECOND};
use super::vars::{ReadSetting as _, Vars};

/// The engine that runs providers, and what they are made of.
#[derive(Debug, Clone)]
pub struct PluginConfig {
    /// A folder of providers: `<id>.toml` files and components. `LLM_PLUGIN_DIR`, default none.
    pub dir: Option<PathBuf>,
    /// True if the folder is watched, so that changes there take effect at once.
    /// `LLM_PLUGIN_WATCH`, default true.
    pub watch: bool,
    /// The folder for compiled code: `code` below `DATA_DIR`.
    pub code_dir: PathBuf,
    /// The most bytes of it. `LLM_CODE_CACHE_MAX_BYTES`, default 1 GiB; 0 keeps none.
    pub code_cache_bytes: u64,
    /// The bounds of compiling.
    pub compile: CompileConfig,
    /// The time for which a start waits for providers that are being loaded. `LLM_START_WAIT`,
    /// default 10 s.
    pub start_wait: Duration,
    /// A file of certificates in PEM: authorities that vendors' certificates may be signed by,
    /// beside the system's. `LLM_CA_FILE`, default none.
    pub ca_file: Option<PathBuf>,
    /// The descriptors for connections to vendors, over all providers. No setting: a start divides
    /// those that there are.
    pub descriptors: u64,
    /// The bytes of all guests' memories. `LLM_TOTAL_MEMORY`, default what the other sums leave of
    /// the memory.
    pub total_memory: u64,
    /// The limits of one call, where the provider's file doesn't say otherwise.
    pub limits: Limits,
    /// The values that `${NAME}` stands for in a provider's file.
    pub vars: Vars,
}

/// The bounds of compiling a component.
#[derive(Debug, Clone)]
pub struct CompileConfig {
    /// The program that is started for each component: this one. Without it, components are
    /// compiled in this process and without bounds. No setting: `main` knows it.
    pub executable: Option<PathBuf>,
    /// The memory that compiling one may take, in bytes. `LLM_COMPILE_MEMORY`, default 2 GiB, or
    /// all that the machine has: address space, of which a Python component of 18 MiB takes between
    /// 1 and 1.5 GiB, and half a GiB of memory.
    pub memory: u64,
    /// The number of components that are compiled at once. No setting: as many as there is memory
    /// for.
    pub at_once: usize,
    /// The time that compiling one may take. `LLM_COMPILE_TIMEOUT`, default 60 s.
    pub timeout: Duration,
}

impl PluginConfig {
    /// `others` is the memory that is promised to others beside compilers and guests, `code_dir` the
    /// folder for compiled code.
    pub(super) fn parse(
        vars: &Vars,
        machine: &Machine,
        others: u64,
        code_dir: PathBuf,
        mistakes: &mut Mistakes,
    ) -> Self {
        let compile = CompileConfig::parse(vars, machine, mistakes);
        let others = [shares::process_memory(machine), compile.memory_in_use()]
            .into_iter()
            .fold(others, u64::saturating_add);
        let guests = shares::guest_memory(machine, others);
        Self {
            dir: vars.get("LLM_PLUGIN_DIR").map(PathBuf::from),
            watch: vars.switch("LLM_PLUGIN_WATCH", true, mistakes),
            code_dir,
            code_cache_bytes: vars.count("LLM_CODE_CACHE_MAX_BYTES", GIB, 0..=1024 * GIB, mistakes),
            compile,
            start_wait: vars.duration("LLM_START_WAIT", 10 * SECOND, SECOND / 10..=HOUR, mistakes),
            ca_file: vars.get("LLM_CA_FILE").map(PathBuf::from),
            descriptors: u64::MAX,
            total_memory: vars.count("LLM_TOTAL_MEMORY", guests, MIB..=1024 * GIB, mistakes),
            limits: Limits::parse(vars, mistakes),
            vars: vars.clone(),
        }
    }
}

impl CompileConfig {
    fn parse(vars: &Vars, machine: &Machine, mistakes: &mut Mistakes) -> Self {
        let memory = shares::compile_memory(machine);
        let memory = vars.count("LLM_COMPILE_MEMORY", memory, 256 * MIB..=64 * GIB, mistakes);
        Self {
            executable: None,
            at_once: shares::compiling_at_once(machine, memory),
            memory,
            timeout: vars.duration("LLM_COMPILE_TIMEOUT", 60 * SECOND, SECOND..=HOUR, mistakes),
        }
    }
}

impl CompileConfig {
    /// Returns the memory that all compilers together may have in use.
    pub(super) fn memory_in_use(&self) -> u64 {
        shares::compiling_memory(self.memory, self.at_once)
    }
}
