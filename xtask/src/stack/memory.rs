//! What `/proc` tells of a process.

use std::fs;

/// Resident memory, KiB, of the largest process called `name` in a process group. `None` when there is none.
pub(crate) fn rss_kib(group: u32, name: &str) -> Option<u64> {
    let processes = fs::read_dir("/proc").ok()?;
    processes
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let stat = fs::read_to_string(folder.join("stat")).ok()?;
            // "pid (name) state ppid pgrp …"; the name may hold spaces.
            let (before, after) = stat.rsplit_once(')')?;
            let is_group = after.split_whitespace().nth(2)?.parse() == Ok(group);
            if !is_group || before.split_once('(')?.1 != name {
                return None;
            }
            let status = fs::read_to_string(folder.join("status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            line.trim().split(' ').next()?.parse().ok()
        })
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_without_such_a_process_has_no_memory() {
        assert_eq!(rss_kib(u32::MAX, "workerd"), None);
    }
}
