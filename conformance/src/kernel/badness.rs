//! `/proc/PID/oom_score` of one process.

use super::row::{kib, parse, profile};
use crate::Verdict;
use serde::Deserialize;
use serde_json::Value;
use sim_core::kernel::oom;
use sim_core::node_api::TaskRow;
use sim_core::units::{Bytes, Pages, Pid};

#[derive(Deserialize)]
struct Row {
    kernel: String,
    rss_anon_pages: u64,
    rss_file_pages: u64,
    rss_shmem_pages: u64,
    vm_swap_kib: u64,
    vm_pte_bytes: u64,
    oom_score_adj: i16,
    mem_total_kib: u64,
    swap_total_kib: u64,
    oom_score: i64,
    oom_score_after: i64,
}

/// The score by the profile's formula, from the counters in `/proc/PID/status`.
pub fn check(row: &Value) -> Verdict {
    let read = parse::<Row>(row).and_then(|row| Ok((profile(&row.kernel)?, row)));
    let (profile, row) = match read {
        Ok(read) => read,
        Err(why) => return Verdict::unreadable(why),
    };
    let total = kib(row.mem_total_kib) + kib(row.swap_total_kib);
    let score = |flushed: fn(u64) -> u64| {
        let task = TaskRow {
            pid: Pid(1),
            uid: 0,
            comm: "".into(),
            cgroup: "/".into(),
            total_vm: Pages::ZERO,
            rss_anon: Pages::new(flushed(row.rss_anon_pages)),
            rss_file: Pages::new(flushed(row.rss_file_pages)),
            rss_shmem: Pages::new(flushed(row.rss_shmem_pages)),
            pgtables: Bytes::new(row.vm_pte_bytes),
            swapents: kib(row.vm_swap_kib),
            oom_score_adj: row.oom_score_adj,
            points: None,
        };
        oom::oom_score(&profile, oom::badness(&profile, &task, false, total), total)
    };
    let exact = score(|pages| pages);
    if profile.rss_counters_batched && exact != score(flushed) {
        return Verdict::Undecided(format!(
            "the per-CPU rss counters run up to 31 pages behind each: {} or {exact}",
            score(flushed)
        ));
    }
    if row.oom_score != row.oom_score_after {
        return Verdict::Undecided("the score changed while the process was looked at".into());
    }
    Verdict::compare("oom_score", &row.oom_score, &exact)
}

/// What a per-CPU counter of one CPU has flushed: whole batches of 32 (kernel/mm percpu_counter_batch).
fn flushed(pages: u64) -> u64 {
    pages / 32 * 32
}
