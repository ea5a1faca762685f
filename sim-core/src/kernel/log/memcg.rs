//! Usage, limits and statistics of the cgroup that hit its limit.

use super::record::{INFO, WARNING};
use super::style::{LogStyle, MemcgStats, NewAnon};
use super::{Hierarchy, Out};
use crate::node_api::{CounterLine, MemoryStat, OomReport};
use crate::units::{Bytes, PAGE_SIZE, Pages};
use std::fmt::Write;

pub(super) fn lines(out: &mut Out, style: &LogStyle, hierarchy: Hierarchy, report: &OomReport) {
    let limit_of = report.oom_memcg.as_deref().unwrap_or("/");
    if style.limit_sentence {
        match report.chosen() {
            Some(victim) => {
                out.push(INFO, format!("Task in {} killed as a result of limit of {limit_of}", victim.cgroup))
            }
            None => out.push(INFO, format!("Memory limit reached of cgroup {limit_of}")),
        }
    }
    counter(out, "memory", &report.memory);
    if hierarchy == Hierarchy::V2 && style.swap_line {
        counter(out, "swap", &report.swap);
    } else {
        counter(out, "memory+swap", &report.swap);
        counter(out, "kmem", &report.kmem);
    }
    match style.memcg_stats {
        MemcgStats::PerCgroup => per_cgroup(out, style, limit_of, report),
        MemcgStats::OneRecord => {
            out.push(INFO, format!("Memory cgroup stats for {limit_of}:"));
            out.push(INFO, stat_lines(style, report).join("\n"));
        }
        MemcgStats::RecordPerLine => {
            out.push(INFO, format!("Memory cgroup stats for {limit_of}:"));
            for line in stat_lines(style, report) {
                out.push(INFO, line);
            }
        }
    }
}

/// What `memory.min` and `memory.low` of the cgroups directly below protect (mm/memcontrol.c
/// mem_cgroup_show_protected_memory of 7.2).
pub(super) fn protection(out: &mut Out, report: &OomReport) {
    let [min, low] = report.protected.map(Pages::kib);
    out.push(WARNING, format!("Memory cgroup min protection {min}kB -- low protection {low}kB"));
}

fn counter(out: &mut Out, name: &str, c: &CounterLine) {
    // PAGE_COUNTER_MAX: 9007199254740988kB stands for "no limit".
    let max = (i64::MAX as u64 / PAGE_SIZE) * (PAGE_SIZE >> 10);
    let limit = c.limit.to_kib_floor().min(max);
    let usage = c.usage.to_kib_floor();
    out.push(INFO, format!("{name}: usage {usage}kB, limit {limit}kB, failcnt {}", c.failcnt));
}

/// Active and inactive anonymous memory. Shared memory is always on the inactive list at first.
pub(super) fn anon_lists(new_anon: NewAnon, stat: &MemoryStat) -> (Bytes, Bytes) {
    match new_anon {
        NewAnon::Active => (stat.anon, stat.shmem),
        NewAnon::Inactive => (Bytes::ZERO, stat.anon + stat.shmem),
    }
}

fn per_cgroup(out: &mut Out, style: &LogStyle, limit_of: &str, report: &OomReport) {
    let own = [(limit_of.into(), report.stat)];
    let stats = if report.cgroup_stats.is_empty() { &own[..] } else { &report.cgroup_stats };
    for (path, stat) in stats {
        let (active_anon, inactive_anon) = anon_lists(style.new_anon, stat);
        let mut line = format!("Memory cgroup stats for {path}:");
        let mut item = |name: &str, value: Bytes| {
            // Writing to a String cannot fail.
            let _ = write!(line, " {name}:{}KB", value.to_kib_floor());
        };
        item("cache", stat.file);
        item("rss", stat.anon);
        item("rss_huge", Bytes::ZERO);
        item("shmem", stat.shmem);
        item("mapped_file", Bytes::ZERO);
        item("dirty", Bytes::ZERO);
        item("writeback", Bytes::ZERO);
        if stat.swap > Bytes::ZERO {
            item("swap", stat.swap);
        }
        item("inactive_anon", inactive_anon);
        item("active_anon", active_anon);
        item("inactive_file", stat.inactive_file);
        item("active_file", stat.active_file);
        item("unevictable", stat.unevictable);
        out.push(INFO, line);
    }
}

fn stat_lines(style: &LogStyle, report: &OomReport) -> Vec<String> {
    let (active_anon, inactive_anon) = anon_lists(style.new_anon, &report.stat);
    let pagetables: Bytes = report
        .tasks
        .iter()
        .fold(Pages::ZERO, |sum, t| Pages::new(sum.get().saturating_add(t.pgtables.to_pages_floor().get())))
        .bytes();
    let slab = report.stat.kernel.saturating_sub(pagetables);
    let value = |key: &str| match key {
        "anon" => report.stat.anon,
        "file" => report.stat.file,
        "kernel" => report.stat.kernel,
        "pagetables" => pagetables,
        "slab" | "slab_unreclaimable" => slab,
        "shmem" | "file_mapped" => report.stat.shmem,
        "inactive_anon" => inactive_anon,
        "active_anon" => active_anon,
        "inactive_file" => report.stat.inactive_file,
        "active_file" => report.stat.active_file,
        "unevictable" => report.stat.unevictable,
        _ => Bytes::ZERO,
    };
    style.stat_keys.iter().map(|key| format!("{key} {}", value(key).get())).collect()
}
