//! `/proc/PID/oom_score` of one process.

use super::row::{MOST, kib, parse, profile};
use crate::Verdict;
use oomsim_core::kernel::oom;
use oomsim_core::node_api::TaskRow;
use oomsim_core::units::{Bytes, Pages, Pid};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

#[derive(Deserialize)]
struct BadnessRow {
    kernel: String,
    smp: u32,
    #[serde(default)]
    thp: String,
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

/// The score by the profile's formula, from the counters in `/proc/PID/status`, less what the killer's own view of them
/// may be behind. When that leaves two scores open the row is undecided.
pub fn check(row: &Value) -> Verdict {
    let read = parse::<BadnessRow>(row).and_then(|row| Ok((profile(&row.kernel)?, row)));
    let (profile, row) = match read {
        Ok(read) => read,
        Err(why) => return Verdict::unreadable(why),
    };
    let figures = [row.rss_anon_pages, row.rss_file_pages, row.rss_shmem_pages, row.vm_swap_kib, row.vm_pte_bytes];
    if figures.into_iter().chain([row.mem_total_kib, row.swap_total_kib]).any(|figure| figure > MOST) {
        return Verdict::unreadable(format!("a figure is more than {MOST}"));
    }
    let total = kib(row.mem_total_kib) + kib(row.swap_total_kib);
    let score = |behind: u64| {
        let rss = row.rss_anon_pages + row.rss_file_pages + row.rss_shmem_pages;
        let task = TaskRow {
            pid: Pid(1),
            uid: 0,
            comm: "".into(),
            cgroup: "/".into(),
            total_vm: Pages::ZERO,
            rss_anon: Pages::new(rss.saturating_sub(behind)),
            rss_file: Pages::ZERO,
            rss_shmem: Pages::ZERO,
            pgtables: Bytes::new(row.vm_pte_bytes),
            swapents: kib(row.vm_swap_kib),
            oom_score_adj: row.oom_score_adj,
            points: None,
        };
        oom::oom_score(&profile, oom::badness(&profile, &task, false, total), total)
    };
    let behind = if profile.rss_counters_batched { held_back(&row) } else { vec![0] };
    let scores: BTreeSet<i64> = behind.iter().map(|pages| score(*pages)).collect();
    if scores.len() > 1 {
        return Verdict::Undecided(format!(
            "the rss counters are {behind:?} pages behind, which leaves {scores:?} open"
        ));
    }
    if row.oom_score != row.oom_score_after {
        return Verdict::Undecided("the score changed while the process was looked at".into());
    }
    let got = scores.first().copied().unwrap_or_default();
    Verdict::compare("oom_score", &row.oom_score, &got)
}

/// One of the numbers of pages that a row's counters may be behind; where they decide, the row is undecided.
pub fn pages_behind(row: &Value) -> Result<u64, String> {
    let row = parse::<BadnessRow>(row)?;
    let behind = if profile(&row.kernel)?.rss_counters_batched { held_back(&row) } else { Vec::new() };
    Ok(behind.first().copied().unwrap_or(0))
}

/// Pages that a per-CPU counter collects before it flushes (percpu_counter_batch).
const BATCH: u64 = 32;
/// Text pages that the recorded program maps while it starts. The task tables of memcg_oom_v2 on 6.12 show 177 or 170
/// of them, on two CPUs also 140: the rest had not been flushed.
const PROGRAM_TEXT: u64 = 177;
const TEXT_BEHIND: [u64; 2] = [0, 7];
const TEXT_BEHIND_SMP: u64 = 37;
/// Anonymous pages that it has touched when it starts to work, on a CPU that may not be the one where it works.
const PROGRAM_ANON: u64 = 15;

/// How far the counters that badness reads may be behind those of `/proc/PID/status`, which sum up all CPUs (6.2 on).
/// Anonymous and shared pages come one by one, so each CPU holds back its count modulo 32; file pages come up to 16
/// at a time, and what is held back is known only until the next flush.
///
/// A huge page adds 512 pages at once and flushes the counter: what the CPUs hold back since then may be any number.
fn held_back(row: &BadnessRow) -> Vec<u64> {
    let smp = row.smp > 1;
    let mut anon = vec![row.rss_anon_pages % BATCH];
    if row.thp == "always" {
        anon.extend([0, (u64::from(row.smp) * (BATCH - 1)).min(row.rss_anon_pages)]);
    }
    if smp && row.rss_anon_pages % BATCH < PROGRAM_ANON && row.rss_anon_pages >= BATCH + PROGRAM_ANON {
        anon.push(row.rss_anon_pages % BATCH + BATCH);
    }
    let files = row.rss_file_pages.saturating_sub(PROGRAM_TEXT);
    let mut text = match files < BATCH - TEXT_BEHIND[1] {
        true => TEXT_BEHIND.map(|held| held + files).to_vec(),
        false => vec![0, BATCH - 1],
    };
    if smp {
        text.push(text[0] + TEXT_BEHIND_SMP);
    }
    let shmem = row.rss_shmem_pages % BATCH;
    anon.iter().flat_map(|a| text.iter().map(move |t| a + t + shmem)).collect()
}
