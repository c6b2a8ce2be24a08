//! The machine: which cores the servers get and which the load, and what the figures were measured
//! on.

use std::fs;
use std::io;
use std::process::{Child, Command};
use std::thread::available_parallelism;

use anyhow::{Result, ensure};

/// Files that a process with 1,000 connections on each side opens, with some to spare.
pub(crate) const OPEN_FILES: u64 = 8192;

/// The cores, shared out: the servers under measurement on some, the clients and the vendor on the
/// others. The servers take turns on theirs.
pub(crate) struct Cores {
    servers: Vec<usize>,
    load: Vec<usize>,
    pinned: bool,
}

impl Cores {
    /// The servers get so many, or half of them, and from here on this thread and those it starts
    /// run on the others. A machine of one core has nothing to share out, and nor has a system
    /// without a way to.
    pub(crate) fn share(servers: Option<usize>) -> Result<Self> {
        let all = affinity::get()
            .unwrap_or_else(|| (0..available_parallelism().map_or(1, usize::from)).collect());
        let servers = servers.unwrap_or(all.len() / 2).max(1);
        ensure!(servers <= all.len(), "there are {} cores", all.len());
        let (servers, load) = all.split_at(servers);
        let mut cores = Self { servers: servers.to_vec(), load: load.to_vec(), pinned: false };
        cores.pinned = !load.is_empty() && affinity::set(load).is_ok();
        Ok(cores)
    }

    pub(crate) fn of_servers(&self) -> usize {
        self.servers.len()
    }

    pub(crate) fn of_load(&self) -> usize {
        self.load.len().max(1)
    }

    /// Starts a server on the servers' cores: a process begins where the thread is that starts it.
    pub(crate) fn start(&self, command: &mut Command) -> io::Result<Child> {
        if !self.pinned {
            return command.spawn();
        }
        affinity::set(&self.servers)?;
        let child = command.spawn();
        affinity::set(&self.load)?;
        child
    }

    /// Returns the cores of each process in words.
    pub(crate) fn description(&self) -> String {
        if !self.pinned {
            let (servers, load) = (self.of_servers(), self.of_load());
            return format!(
                "Nothing is pinned: servers have {servers} threads, the vendor and the clients {load}."
            );
        }
        let list =
            |cores: &[usize]| cores.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        let (servers, load) = (list(&self.servers), list(&self.load));
        format!(
            "Servers are pinned to cores {servers}; the vendor and the clients to cores {load}."
        )
    }

    /// Returns the time of the cores that has been used so far.
    pub(crate) fn usage(&self) -> Usage {
        let stat = if self.pinned {
            fs::read_to_string("/proc/stat").unwrap_or_default()
        } else {
            String::new()
        };
        Usage { servers: time(&stat, &self.servers), load: time(&stat, &self.load) }
    }

    /// The processor, how many cores and how much memory: `Intel Xeon, 4 cores, 23 GiB`.
    pub(crate) fn machine(&self) -> String {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let model =
            processor(&read("/proc/cpuinfo")).unwrap_or_else(|| std::env::consts::ARCH.to_owned());
        let memory = memory_gib(&read("/proc/meminfo"))
            .map_or_else(String::new, |gib| format!(", {gib:.0} GiB"));
        format!("{model}, {} cores{memory}", self.servers.len() + self.load.len())
    }
}

/// The time of the servers' cores and of the load's, where something is pinned and the system
/// tells.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    servers: Option<Time>,
    load: Option<Time>,
}

/// The shares of it that weren't idle.
pub(crate) struct Shares {
    pub(crate) servers: Option<f64>,
    pub(crate) load: Option<f64>,
}

/// Time of some cores, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Time {
    all: u64,
    idle: u64,
}

impl Usage {
    /// Returns the time that was used since then.
    pub(crate) fn since(self, earlier: Self) -> Shares {
        let share = |now: Option<Time>, then: Option<Time>| {
            let (now, then) = now.zip(then)?;
            // What is idle is estimated, and may go back by a tick.
            let (all, idle) =
                (now.all.saturating_sub(then.all), now.idle.saturating_sub(then.idle));
            Some(all.saturating_sub(idle) as f64 / all.max(1) as f64)
        };
        Shares {
            servers: share(self.servers, earlier.servers),
            load: share(self.load, earlier.load),
        }
    }
}

fn time(stat: &str, cores: &[usize]) -> Option<Time> {
    let mut time = Time::default();
    for core in cores {
        let line = stat.lines().find_map(|line| line.strip_prefix(&format!("cpu{core} ")))?;
        // user, nice, system, idle, iowait, irq, softirq, steal; what guests take is in user
        // already.
        let ticks: Vec<u64> =
            line.split_whitespace().take(8).map_while(|ticks| ticks.parse().ok()).collect();
        time.all += ticks.iter().sum::<u64>();
        time.idle += ticks.get(3)? + ticks.get(4)?;
    }
    Some(time)
}

/// The cores that a thread, and whatever it starts, may run on.
#[cfg(target_os = "linux")]
mod affinity {
    use std::io;

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    pub(super) fn get() -> Option<Vec<usize>> {
        let set = sched_getaffinity(None).ok()?;
        Some((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
    }

    pub(super) fn set(cores: &[usize]) -> io::Result<()> {
        let mut set = CpuSet::new();
        cores.iter().for_each(|core| set.set(*core));
        Ok(sched_setaffinity(None, &set)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod affinity {
    use std::io;

    pub(super) fn get() -> Option<Vec<usize>> {
        None
    }

    pub(super) fn set(_: &[usize]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Lets this process, and those it starts, open as many files as the system allows.
#[cfg(target_os = "linux")]
pub(crate) fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Refused: the limit stays, and the benchmark says what it wants.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn raise_open_files() {}

/// Returns the number of files that a process may have open, where the system tells.
#[cfg(target_os = "linux")]
pub(crate) fn open_files() -> Option<u64> {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn open_files() -> Option<u64> {
    None
}

fn processor(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    let (_, model) = line.split_once(':')?;
    let words =
        model.split_whitespace().map(|word| word.trim_end_matches("(R)").trim_end_matches("(TM)"));
    Some(words.collect::<Vec<_>>().join(" "))
}

fn memory_gib(meminfo: &str) -> Option<f64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described_as_the_system_tells() {
        let cpuinfo =
            "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Processor @ 2.00GHz\nstepping\t: 1\n";
        assert_eq!(processor(cpuinfo).as_deref(), Some("Intel Xeon Processor @ 2.00GHz"));
        assert_eq!(processor("CPU implementer : 0x41\n"), None);
        let gib = memory_gib("MemTotal:       16777216 kB\nMemFree:  1 kB\n");
        assert_eq!(gib, Some(16.0));
    }

    #[test]
    fn what_was_used_is_what_was_not_idle() {
        let stat = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 1 2 3 90 4 0 0 0 50 0\ncpu1 5 0 5 90 0 0 0 0 0 0\ncpu10 1 1 1 1 1 1 1 1\n";
        assert_eq!(time(stat, &[0, 1]), Some(Time { all: 200, idle: 184 }));
        assert_eq!(time(stat, &[2]), None);
        let at = |all, idle| Usage { servers: Some(Time { all, idle }), load: None };
        let shares = at(200, 175).since(at(100, 100));
        assert_eq!((shares.servers, shares.load), (Some(0.25), None));
    }
}
