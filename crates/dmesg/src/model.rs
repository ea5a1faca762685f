//! A read report in the simulator's own types, so that its rules and its log writer can be used on it.

use crate::explain::{Known, explain};
use crate::report::{Counter, LoggedOom, OomKind, Task};
use oomsim_core::node_api::{Constraint, CounterLine, MemInfo, MemoryStat, OomReport, TaskIx, TaskRow, ZoneInfo};
use oomsim_core::units::{Bytes, PAGE_SIZE, Pages, Pid, SimTime};

/// Keeps sums of hostile numbers from overflowing: 2^40 pages are 4 PiB.
const MOST_PAGES: u64 = 1 << 40;

fn pages(n: u64) -> Pages {
    Pages::new(n.min(MOST_PAGES))
}

fn kib(n: u64) -> Bytes {
    Bytes::new(n.min(u64::MAX >> 10) << 10)
}

fn counter(c: Option<Counter>) -> CounterLine {
    let Some(c) = c else {
        return CounterLine { limit: Bytes::MAX, ..CounterLine::default() };
    };
    CounterLine {
        usage: kib(c.usage_kb),
        limit: if c.unlimited() { Bytes::MAX } else { kib(c.limit_kb) },
        failcnt: c.failcnt,
    }
}

/// The zones of the first NUMA node by the names that the simulator knows.
fn zones(report: &LoggedOom) -> Vec<ZoneInfo> {
    let Some(info) = &report.mem_info else {
        return Vec::new();
    };
    let named = |name: &str| ["DMA", "DMA32", "Normal"].into_iter().find(|n| *n == name);
    info.zones
        .iter()
        .filter_map(|z| {
            let kb = |key: &str| z.get(key).unwrap_or(0);
            let of = |key: &str| pages(kb(key) / (PAGE_SIZE >> 10));
            Some(ZoneInfo {
                name: named(&z.name)?,
                free: of("free"),
                watermark: [of("min"), of("low"), of("high")],
                present: of("present"),
                managed: of("managed"),
                protection: pages(z.lowmem_reserve.iter().copied().max().unwrap_or(0)),
            })
        })
        .collect()
}

/// `memory.stat` of the cgroup that was at its limit.
fn cgroup_stat(report: &LoggedOom) -> Option<MemoryStat> {
    let s = report.cgroup_stats.first()?;
    let get = |key: &str| Bytes::new(s.values.iter().find(|(k, _)| k == key).map_or(0, |(_, v)| *v));
    Some(MemoryStat {
        usage: kib(report.memory.map_or(0, |c| c.usage_kb)),
        anon: get("anon"),
        file: get("file"),
        shmem: get("shmem"),
        kernel: get("kernel"),
        inactive_file: get("inactive_file"),
        active_file: get("active_file"),
        unevictable: get("unevictable"),
        swap: Bytes::ZERO,
    })
}

/// The `Mem-Info` block.
fn mem_info(report: &LoggedOom) -> Option<MemInfo> {
    let i = report.mem_info.as_ref()?;
    let of = |key: &str| pages(i.get(key).unwrap_or(0)).bytes();
    let cache = pages(i.pagecache_pages.unwrap_or(0)).bytes();
    Some(MemInfo {
        total: pages(i.ram_pages.unwrap_or(0).saturating_sub(i.reserved_pages.unwrap_or(0))).bytes(),
        free: of("free"),
        cached: cache.saturating_sub(of("shmem")),
        shmem: of("shmem"),
        swap_total: kib(i.total_swap_kb.unwrap_or(0)),
        swap_free: kib(i.free_swap_kb.unwrap_or(0)),
        ..MemInfo::default()
    })
}

/// The report as the simulated kernel would hand it over; what the log does not say is zero or empty.
pub fn to_oom_report(report: &LoggedOom) -> OomReport {
    let mut tasks: Vec<TaskRow> = report.tasks.iter().map(Task::to_row).collect();
    let index = |pid: u32| tasks.iter().position(|t| t.pid.0 == pid);
    let victim = report.victim_pid().and_then(index);
    let killed = report.killed.iter().filter_map(|k| index(k.pid)).map(TaskIx::new).collect();
    // Points and total by the rules of the report's own kernel.
    let explanation = explain(report, Known::default());
    for (task, candidate) in tasks.iter_mut().zip(&explanation.candidates) {
        task.points = candidate.points;
    }
    // The lines about kills tell the parts of the resident memory; the sum may have moved on since the table.
    for killed in &report.killed {
        let Some(task) = tasks.iter_mut().find(|t| t.pid.0 == killed.pid) else {
            continue;
        };
        let of = |kb: Option<u64>| kb.unwrap_or(0) / (PAGE_SIZE >> 10);
        let rss = task.rss().get();
        let file = of(killed.file_rss_kb).min(rss);
        let shmem = of(killed.shmem_rss_kb).min(rss - file);
        if report.task(killed.pid).is_some_and(|t| t.rss_split.is_none()) && killed.anon_rss_kb.is_some() {
            task.rss_file = pages(file);
            task.rss_shmem = pages(shmem);
            task.rss_anon = pages(rss - file - shmem);
        }
    }
    if let (Some(i), Some(path)) = (victim, &report.task_memcg) {
        tasks[i].cgroup = path.as_str().into();
    }
    let invoker = report.invoker.clone().unwrap_or_default();
    OomReport {
        at: SimTime::from_nanos(report.stamp.uptime_us.unwrap_or(0).saturating_mul(1000)),
        constraint: if report.kind == OomKind::Cgroup { Constraint::Memcg } else { Constraint::None },
        invoker: Pid(invoker.pid.unwrap_or(0)),
        invoker_comm: invoker.comm.as_str().into(),
        invoker_adj: i16::try_from(invoker.oom_score_adj.unwrap_or(0)).unwrap_or(0),
        invoker_uid: invoker.uid.unwrap_or(0),
        invoker_cgroup: invoker.cpuset.as_deref().unwrap_or("/").into(),
        oom_kill_allocating_task: report.oom_kill_allocating_task,
        oom_memcg: report.oom_memcg.as_deref().map(Into::into),
        memory: counter(report.memory),
        swap: counter(report.swap.or(report.memory_swap)),
        kmem: counter(report.kmem),
        stat: cgroup_stat(report).unwrap_or_default(),
        mem_info: mem_info(report).unwrap_or_default(),
        zones: zones(report),
        total_pages: Pages::new(explanation.total_pages.unwrap_or(0)),
        tasks,
        victim: victim.map(TaskIx::new),
        oom_group: report.oom_group.as_deref().map(Into::into),
        killed,
        panic: report.panic.is_some(),
        ..OomReport::default()
    }
}
