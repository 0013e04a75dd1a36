//! How much memory the process may use.

use std::path::Path;

/// Bytes that the store, the loops' tables and request bodies share. Code, stacks and the allocator's slack come
/// on top, so it is three quarters of what the machine or the cgroup allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryBudget {
    bytes: u64,
}

/// Where neither a cgroup nor the kernel says anything.
const FALLBACK_BYTES: u64 = 1 << 30;
const BYTES_MIN: u64 = 64 << 20;

impl MemoryBudget {
    /// A budget that somebody chose.
    pub const fn from_mebibytes(mebibytes: u64) -> Self {
        Self {
            bytes: mebibytes.saturating_mul(1 << 20),
        }
    }

    /// Three quarters of the memory limit of the process's cgroup, or of the machine's memory.
    pub fn of_machine() -> Self {
        Self::under(Path::new("/"))
    }

    /// The whole of it.
    pub const fn bytes(self) -> u64 {
        self.bytes
    }

    /// The share of request bodies, compressed ones after decompression.
    pub const fn body_bytes(self) -> u64 {
        self.bytes / 4
    }

    fn under(root: &Path) -> Self {
        let machine = meminfo_total(root).unwrap_or(FALLBACK_BYTES);
        let limit = cgroup_limit(root).map_or(machine, |limit| limit.min(machine));
        Self {
            bytes: (limit / 4 * 3).max(BYTES_MIN),
        }
    }
}

/// The tightest limit from the process's cgroup (version 2) up to the root, else version 1's.
fn cgroup_limit(root: &Path) -> Option<u64> {
    let mounted = root.join("sys/fs/cgroup");
    let membership = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let own = membership
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .unwrap_or_default();
    let own_group = mounted.join(own);
    own_group
        .ancestors()
        .take_while(|group| group.starts_with(&mounted))
        .filter_map(|group| read_number(&group.join("memory.max")))
        .min()
        .or_else(|| read_number(&mounted.join("memory/memory.limit_in_bytes")))
}

/// `max` is no number: no limit.
fn read_number(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn meminfo_total(root: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes.saturating_mul(1_024))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        root
    }

    const MEMINFO: (&str, &str) = (
        "proc/meminfo",
        "MemTotal:        8388608 kB\nMemFree: 1 kB\n",
    );

    #[test]
    fn the_tightest_cgroup_on_the_way_up_counts() {
        let root = machine(&[
            MEMINFO,
            ("proc/self/cgroup", "0::/pod/container\n"),
            ("sys/fs/cgroup/pod/container/memory.max", "max\n"),
            ("sys/fs/cgroup/pod/memory.max", "1073741824\n"),
        ]);
        assert_eq!(MemoryBudget::under(root.path()).bytes(), 768 << 20);
    }

    #[test]
    fn without_a_limit_the_machine_counts() {
        let root = machine(&[MEMINFO, ("sys/fs/cgroup/memory.max", "max\n")]);
        assert_eq!(MemoryBudget::under(root.path()).bytes(), 6 << 30);
        // Version 1 writes "no limit" as a huge number.
        let root = machine(&[
            MEMINFO,
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
        ]);
        assert_eq!(MemoryBudget::under(root.path()).bytes(), 6 << 30);
    }

    #[test]
    fn nothing_to_read_is_a_small_machine() {
        let root = machine(&[]);
        assert_eq!(MemoryBudget::under(root.path()).bytes(), 768 << 20);
    }
}
