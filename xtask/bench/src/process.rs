//! The cost of a process so far, as Linux tells it in `/proc`. Elsewhere nothing is told, and the
//! table says so.

use std::fs;
use std::time::Duration;

/// The unit in which Linux tells programs the processors' time, on every machine it runs on here.
const TICK: Duration = Duration::from_millis(10);

/// A process, by its number.
#[derive(Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// The processors' time it has used, user and system, all threads together.
    pub(crate) fn cpu(self) -> Option<Duration> {
        cpu(&self.read("stat")?)
    }

    /// The memory it has, in bytes.
    pub(crate) fn resident(self) -> Option<u64> {
        status(&self.read("status")?, "VmRSS:")
    }

    /// The most memory it had since [`forget_peak`](Self::forget_peak), in bytes.
    pub(crate) fn peak(self) -> Option<u64> {
        status(&self.read("status")?, "VmHWM:")
    }

    pub(crate) fn forget_peak(self) {
        // Refused: the peak is that of the whole time.
        let _ = fs::write(format!("/proc/{}/clear_refs", self.0), "5");
    }

    fn read(self, file: &str) -> Option<String> {
        fs::read_to_string(format!("/proc/{}/{file}", self.0)).ok()
    }
}

fn cpu(stat: &str) -> Option<Duration> {
    // The second field, the name, may hold anything; the 14th and 15th are for programs and for the
    // system.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + system))
}

fn status(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 9 0 0 0 123 45 0 0 20 0 5 0 99";
        assert_eq!(cpu(stat), Some(Duration::from_millis(1680)));
        assert_eq!(cpu("7 (a) S 1"), None);
    }

    #[test]
    fn memory_is_in_bytes() {
        let text = "Name:\ta\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(
            (status(text, "VmRSS:"), status(text, "VmHWM:")),
            (Some(1 << 20), Some(2 << 20))
        );
        assert_eq!(status(text, "VmSwap:"), None);
    }
}
