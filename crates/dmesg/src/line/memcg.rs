//! Lines about a cgroup: usage and limits, statistics.

use super::{CounterName, LogLine, Parsed, leading_number};
use crate::report::{CgroupStats, Counter};

/// `memory: usage 8kB, limit 8kB, failcnt 1`.
pub(super) fn counter(name: CounterName, rest: &str) -> Parsed {
    let number = |key: &str, unit: &str| {
        let (_, after) = rest.split_once(key)?;
        let (n, after) = leading_number(after)?;
        after.starts_with(unit).then_some(n)
    };
    let (usage, limit, fail) = (number("usage ", "kB"), number("limit ", "kB"), number("failcnt ", ""));
    let whole = usage.is_some() && limit.is_some() && fail.is_some();
    let c = Counter { usage_kb: usage.unwrap_or(0), limit_kb: limit.unwrap_or(0), failcnt: fail.unwrap_or(0) };
    Parsed { line: LogLine::Counter(name, c), whole }
}

/// `PATH:` or `PATH: cache:0KB rss:48KB …`.
pub(super) fn stats(rest: &str) -> Parsed {
    let rest = rest.trim_start();
    let (cgroup, tail) = match rest.find(": ").map(|at| (&rest[..at], &rest[at + 2..])) {
        Some(split) => split,
        None => match rest.strip_suffix(':') {
            Some(path) => (path, ""),
            None => (rest, ""),
        },
    };
    let whole = cgroup.len() < rest.len() && (tail.is_empty() || tail.ends_with("KB"));
    let mut values = Vec::new();
    for item in tail.split_whitespace().take(64) {
        let Some((key, value)) = item.rsplit_once(':') else { continue };
        if let Some((n, unit)) = leading_number(value) {
            let factor = if unit == "KB" { 1024 } else { 1 };
            values.push((key.to_string(), n.saturating_mul(factor)));
        }
    }
    let cgroup = cgroup.to_string();
    Parsed { line: LogLine::Stats(CgroupStats { cgroup, values }), whole }
}

/// Keys of `memory.stat` by their beginnings (3.10 to 6.12, v1 and v2).
pub(crate) fn is_stat_key(key: &str) -> bool {
    const WORDS: [&str; 24] = [
        "anon",
        "file",
        "kernel",
        "pagetables",
        "percpu",
        "sock",
        "vmalloc",
        "shmem",
        "swapcached",
        "slab",
        "unevictable",
        "cache",
        "rss",
        "dirty",
        "writeback",
        "swap",
        "zswap",
        "zswapped",
        "hugetlb",
        "oom",
        "oom_kill",
        "mapped_file",
        "rss_huge",
        "vmpressure",
    ];
    const STARTS: [&str; 21] = [
        "pg",
        "workingset_",
        "thp_",
        "numa_",
        "file_",
        "anon_",
        "shmem_",
        "slab_",
        "inactive_",
        "active_",
        "kernel_",
        "sec_pagetables",
        "total_",
        "hierarchical_",
        "swp",
        "zswp",
        "nr_",
        "recent_",
        "zswap",
        "balloon",
        "gpu_",
    ];
    WORDS.contains(&key) || STARTS.iter().any(|s| key.starts_with(s))
}
