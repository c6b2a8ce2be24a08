//! The process as Prometheus' own clients report it. Linux tells it in `/proc`; elsewhere only the
//! start is known.

use std::time::SystemTime;

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

/// Adds what is known of the process.
pub(super) fn add(to: &mut Registry, started: SystemTime) {
    let since = started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    to.register_with_unit(
        "process_start_time",
        "The start of the process, since 1970",
        Unit::Seconds,
        ConstGauge::new(since),
    );
    let Some(usage) = Usage::read() else { return };
    to.register_with_unit(
        "process_cpu",
        "The processor time used",
        Unit::Seconds,
        ConstCounter::new(usage.cpu_seconds),
    );
    to.register_with_unit(
        "process_resident_memory",
        "The memory in use",
        Unit::Bytes,
        ConstGauge::new(usage.resident),
    );
    to.register("process_threads", "Threads", ConstGauge::new(usage.threads));
    to.register("process_open_fds", "Open file descriptors", ConstGauge::new(usage.open_files));
    if let Some(most) = usage.open_files_max {
        to.register("process_max_fds", "The most file descriptors", ConstGauge::new(most));
    }
}

struct Usage {
    cpu_seconds: f64,
    resident: i64,
    threads: i64,
    open_files: i64,
    open_files_max: Option<i64>,
}

#[cfg(target_os = "linux")]
impl Usage {
    fn read() -> Option<Self> {
        use rustix::process::{Resource, getrlimit};
        use rustix::time::{ClockId, clock_gettime};

        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        #[allow(clippy::cast_precision_loss, reason = "centuries of processor time fit")]
        let cpu_seconds = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        // Lines such as `VmRSS:	   12345 kB`.
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.strip_prefix(':')?.split_whitespace().next()?.parse::<i64>().ok()
        };
        let open_files = std::fs::read_dir("/proc/self/fd").ok()?.count();
        let most = getrlimit(Resource::Nofile).current;
        Some(Self {
            cpu_seconds,
            resident: field("VmRSS")?.saturating_mul(1024),
            threads: field("Threads")?,
            open_files: i64::try_from(open_files).ok()?,
            open_files_max: most.and_then(|most| i64::try_from(most).ok()),
        })
    }
}

#[cfg(not(target_os = "linux"))]
impl Usage {
    fn read() -> Option<Self> {
        None
    }
}
