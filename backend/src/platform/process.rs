//! What this process uses, from `/proc` (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>); nothing on other systems.

use std::fmt::Write as _;

use crate::metrics::head;

/// The kernel's unit of CPU time in `/proc`, whatever its own is.
const TICKS_PER_S: f64 = 100.0;
/// `VmRSS` is in KiB.
const KIB: u64 = 1_024;

/// CPU and memory as Prometheus text.
pub(crate) fn to_prometheus() -> String {
    let mut text = String::new();
    if let Some(seconds) = cpu_seconds() {
        head(&mut text, "process_cpu_seconds_total", "User and system CPU time.", "counter");
        let _ = writeln!(text, "process_cpu_seconds_total {seconds}");
    }
    if let Some(bytes) = status_kib("VmRSS:").map(|kib| kib * KIB) {
        head(&mut text, "process_resident_memory_bytes", "Memory in use.", "gauge");
        let _ = writeln!(text, "process_resident_memory_bytes {bytes}");
    }
    text
}

/// The most memory that it ever used, KiB.
pub(crate) fn peak_rss_kib() -> Option<u64> {
    status_kib("VmHWM:")
}

fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may hold blanks; user and system time are the 14th and 15th field, the third comes behind the bracket.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_S)
}

fn status_kib(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_uses_something() {
        assert!(cpu_seconds().is_some() && peak_rss_kib().is_some_and(|kib| kib > 1_000));
        assert!(to_prometheus().contains("\nprocess_resident_memory_bytes "));
    }
}
