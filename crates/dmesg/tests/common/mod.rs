//! The recorded logs and what the recordings say about them.
#![allow(dead_code)]

use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;

/// A usage line.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Counter {
    pub usage_kb: u64,
    pub limit_kb: u64,
    pub failcnt: u64,
}

/// A recorded report: fields of kernel/*.jsonl, read from the log by the recorder's own program.
#[derive(Clone, Debug, Deserialize)]
pub struct Recorded {
    pub dmesg: String,
    pub report_index: usize,
    pub cgroup_version: u8,
    pub invoker_comm: String,
    pub invoker_pid: u32,
    pub invoker_adj: i32,
    pub gfp_mask: String,
    pub gfp_names: String,
    pub order: i32,
    /// The summary's; absent when nobody was chosen.
    #[serde(default)]
    pub constraint: Option<String>,
    #[serde(default)]
    pub oom_memcg: Option<String>,
    #[serde(default)]
    pub task_memcg: Option<String>,
    #[serde(default)]
    pub usage_kb: Option<u64>,
    #[serde(default)]
    pub limit_kb: Option<u64>,
    #[serde(default)]
    pub failcnt: Option<u64>,
    #[serde(default)]
    pub swap: Option<Counter>,
    #[serde(default)]
    pub memory_swap: Option<Counter>,
    #[serde(default)]
    pub chosen_pid: Option<u32>,
    pub kill_lines_pids: Vec<u32>,
    #[serde(default)]
    pub oom_group_cg: Option<String>,
    #[serde(default)]
    pub no_killable: bool,
    #[serde(default)]
    pub extra_kills_report_suppressed: Vec<u32>,
    #[serde(default)]
    pub mem_total_kib: u64,
    #[serde(default)]
    pub swap_total_kib: u64,
    #[serde(default)]
    pub oom_kill_allocating_task: u8,
    pub file: String,
    pub memcg_stats_keys: usize,
    /// pid, uid, total_vm, rss, page-table bytes, swapents, adj, comm.
    #[allow(clippy::type_complexity)]
    pub tasks: Vec<(u32, u32, u64, u64, u64, u64, i32, String)>,
}

fn unpack(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).expect("the data is whole");
    text
}

/// The logs by file name.
pub fn logs() -> BTreeMap<String, String> {
    let text = unpack(include_bytes!("../data/recorded.log.gz"));
    text.split("### ")
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, log) = part.split_once('\n').expect("a name line");
            (name.to_string(), log.to_string())
        })
        .collect()
}

/// The recorded reports by log, in order.
pub fn recorded() -> BTreeMap<String, Vec<Recorded>> {
    let text = unpack(include_bytes!("../data/recorded.jsonl.gz"));
    let mut all: BTreeMap<String, Vec<Recorded>> = BTreeMap::new();
    for line in text.lines() {
        let report: Recorded = serde_json::from_str(line).expect("a report");
        all.entry(report.dmesg.clone()).or_default().push(report);
    }
    for reports in all.values_mut() {
        reports.sort_by_key(|r| r.report_index);
    }
    all
}
