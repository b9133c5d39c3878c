//! What this process uses, from `/proc` (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>); nothing on other systems.

use std::fmt::Write as _;
use std::time::Duration;

use crate::metrics::head;
use crate::telemetry::Usage;

/// The kernel's unit of CPU time in `/proc`, whatever its own is.
const TICK_MS: u64 = 10;
/// `VmRSS` is in KiB.
const KIB: u64 = 1_024;

/// CPU, memory and what was read from and written to disks, as Prometheus text.
pub(crate) fn to_prometheus() -> String {
    let mut text = String::new();
    let Some(usage) = usage() else { return text };
    head(&mut text, "process_cpu_seconds_total", "User and system CPU time.", "counter");
    let _ = writeln!(text, "process_cpu_seconds_total {}", usage.cpu.as_secs_f64());
    head(&mut text, "process_resident_memory_bytes", "Memory in use.", "gauge");
    let _ = writeln!(text, "process_resident_memory_bytes {}", usage.memory_bytes);
    head(&mut text, "process_disk_read_bytes_total", "Bytes that came from disks.", "counter");
    let _ = writeln!(text, "process_disk_read_bytes_total {}", usage.read_bytes);
    head(&mut text, "process_disk_written_bytes_total", "Bytes that went, or will go, to disks.", "counter");
    let _ = writeln!(text, "process_disk_written_bytes_total {}", usage.written_bytes);
    text
}

/// What this process has used so far; `None` where there is no `/proc`.
pub(crate) fn usage() -> Option<Usage> {
    let memory_bytes = number("/proc/self/status", "VmRSS:")? * KIB;
    // Some sandboxes hide it: then nothing was read and written, as far as anybody knows.
    let io = |name| number("/proc/self/io", name).unwrap_or(0);
    Some(Usage { cpu: cpu()?, memory_bytes, read_bytes: io("read_bytes:"), written_bytes: io("write_bytes:") })
}

/// The most memory that it ever used, KiB.
pub(crate) fn peak_rss_kib() -> Option<u64> {
    number("/proc/self/status", "VmHWM:")
}

fn cpu() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may hold blanks; user and system time are the 14th and 15th field, the third comes behind the bracket.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks()? + ticks()?) * TICK_MS))
}

/// The number behind a name at the beginning of a line.
fn number(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_uses_something() {
        let usage = usage().unwrap();
        assert!(usage.memory_bytes > 1_000_000 && peak_rss_kib().is_some_and(|kib| kib * KIB >= usage.memory_bytes));
        assert!(number("/proc/self/io", "read_bytes:").is_some() && number("/proc/self/io", "write_bytes:").is_some());
        assert!(to_prometheus().contains("\nprocess_resident_memory_bytes "));
    }
}
