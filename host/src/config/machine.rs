//! The machine: how much memory the process may use, and how many descriptors. Most defaults of
//! sums are drawn from it.

use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::units::GIB;

/// The memory that is assumed where none can be found out.
const ASSUMED: u64 = 4 * GIB;

/// The machine as the process finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// The memory that the process may use, in bytes.
    pub memory: u64,
    /// The source of that number.
    pub memory_of: MemoryOf,
}

/// The source of the number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryOf {
    /// All that the machine has.
    Machine,
    /// The limit of a container or a service: a cgroup's.
    Cgroup,
    /// Nothing could be found out, so this is an assumption.
    Assumption,
}

impl fmt::Display for MemoryOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Machine => "machine",
            Self::Cgroup => "cgroup",
            Self::Assumption => "assumed",
        })
    }
}

impl Machine {
    /// Returns the machine of this process.
    pub fn of_this_process() -> Self {
        Self::read(Path::new("/"))
    }

    /// Reads what the system tells in the files below this folder, which is `/` except in tests.
    fn read(root: &Path) -> Self {
        let machine = total(root);
        let cgroup = cgroup_limit(root);
        match (machine, cgroup) {
            (Some(machine), Some(cgroup)) if machine <= cgroup => {
                Self { memory: machine, memory_of: MemoryOf::Machine }
            }
            (_, Some(cgroup)) => Self { memory: cgroup, memory_of: MemoryOf::Cgroup },
            (Some(machine), None) => Self { memory: machine, memory_of: MemoryOf::Machine },
            (None, None) => Self { memory: ASSUMED, memory_of: MemoryOf::Assumption },
        }
    }
}

/// Returns the memory of the machine.
fn total(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

/// Returns the lowest limit of the groups that the process is in, of either version.
fn cgroup_limit(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let limits = text.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        if number == "0" && controllers.is_empty() {
            let mounts = ["sys/fs/cgroup", "sys/fs/cgroup/unified"];
            mounts.iter().filter_map(|mount| lowest(&root.join(mount), path, "memory.max")).min()
        } else if controllers.split(',').any(|controller| controller == "memory") {
            lowest(&root.join("sys/fs/cgroup/memory"), path, "memory.limit_in_bytes")
        } else {
            None
        }
    });
    limits.min()
}

/// Returns the lowest limit from a group up to the root of what is mounted. Within a container the
/// path may be the host's, and only the root be there.
fn lowest(mount: &Path, group: &str, file: &str) -> Option<u64> {
    // Only names: a path that leads out of the mount is none of a group.
    let names = Path::new(group).components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    let group: PathBuf = mount.join(names.collect::<PathBuf>());
    let folders = group.ancestors().take_while(|folder| folder.starts_with(mount));
    // A group without a limit says `max`, or nothing.
    let limits = folders
        .filter_map(|folder| fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok());
    limits.min()
}

/// Raises the number of descriptors that the process may have to the most that the system allows,
/// and returns it.
#[cfg(unix)]
pub fn raise_descriptors() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Refused where the system has a lower limit of its own; what is there then stays.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Returns the number of descriptors that the process may have.
#[cfg(not(unix))]
pub fn raise_descriptors() -> u64 {
    u64::MAX
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const MEMINFO: &str = "MemTotal:       16384 kB\nMemFree:         1000 kB\n";
    const MIB: u64 = 1 << 20;

    fn machine(files: &[(&str, &str)]) -> Machine {
        let root = TempDir::new().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Machine::read(root.path())
    }

    #[test]
    fn the_lowest_limit_of_all_groups_counts() {
        let of = |memory, memory_of| Machine { memory, memory_of };
        let (cgroup, whole) = (MemoryOf::Cgroup, MemoryOf::Machine);
        for (files, expected) in [
            (vec![("proc/meminfo", MEMINFO)], of(16 * MIB, whole)),
            (vec![], of(ASSUMED, MemoryOf::Assumption)),
            (vec![("proc/meminfo", "MemTotal: lots kB\n")], of(ASSUMED, MemoryOf::Assumption)),
            // Version 2: the group has no limit, one above it has.
            (
                vec![
                    ("proc/meminfo", MEMINFO),
                    ("proc/self/cgroup", "0::/system.slice/arete.service\n"),
                    ("sys/fs/cgroup/system.slice/arete.service/memory.max", "max\n"),
                    ("sys/fs/cgroup/system.slice/memory.max", "8388608\n"),
                ],
                of(8 * MIB, cgroup),
            ),
            // A container: the path is that of the host, and only the container's root is mounted.
            (
                vec![
                    ("proc/meminfo", MEMINFO),
                    ("proc/self/cgroup", "0::/docker/0123\n"),
                    ("sys/fs/cgroup/memory.max", "4194304\n"),
                ],
                of(4 * MIB, cgroup),
            ),
            // Version 1, where no limit is a very large number.
            (
                vec![
                    ("proc/meminfo", MEMINFO),
                    ("proc/self/cgroup", "5:devices:/x\n4:cpu,memory:/pod/a\n0::/\n"),
                    ("sys/fs/cgroup/memory/pod/a/memory.limit_in_bytes", "2097152\n"),
                    ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ],
                of(2 * MIB, cgroup),
            ),
            (
                vec![
                    ("proc/meminfo", MEMINFO),
                    ("proc/self/cgroup", "4:memory:/\n"),
                    ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ],
                of(16 * MIB, whole),
            ),
            // Nothing outside of the mount is read.
            (
                vec![
                    ("proc/meminfo", MEMINFO),
                    ("proc/self/cgroup", "0::/../../elsewhere\n"),
                    ("elsewhere/memory.max", "1\n"),
                ],
                of(16 * MIB, whole),
            ),
        ] {
            assert_eq!(machine(&files), expected, "{files:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn descriptors_are_raised_to_what_the_system_allows() {
        let raised = raise_descriptors();
        assert_eq!(raise_descriptors(), raised);
        let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
        assert!(most.is_none_or(|most| raised <= most));
    }
}
