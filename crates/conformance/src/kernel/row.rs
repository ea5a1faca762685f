//! What the kernel's recordings have in common.

use oomsim_core::kernel::{Profile, Release};
use oomsim_core::node_api::TaskRow;
use oomsim_core::units::{Bytes, Pages, Pid};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// Reads a row, or says why it cannot be read.
pub fn parse<T: DeserializeOwned>(row: &Value) -> Result<T, String> {
    T::deserialize(row).map_err(|e| e.to_string())
}

/// A field that is absent or null stands for its type's default.
pub fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The profile of a kernel release such as `6.1.0-50-cloud-amd64`: its own row or the nearest older one.
pub fn profile(release: &str) -> Result<Profile, String> {
    Release::parse(release).map(|r| r.profile()).ok_or_else(|| format!("no profile for kernel {release}"))
}

/// Most pages of a figure, and most KiB: no machine has a PiB, and there is room for arithmetic.
pub const MOST: u64 = 1 << 40;

/// KiB as pages.
pub fn kib(n: u64) -> Pages {
    Pages::new(n / 4)
}

/// A printed limit in kB; the largest stands for "no limit".
pub fn limit_kb(n: u64) -> Pages {
    if n >= 9_007_199_254_740_988 { Pages::MAX } else { kib(n) }
}

/// A line of the recorded task table.
#[derive(Clone, Debug, Deserialize)]
pub struct Task {
    pub pid: u32,
    pub uid: u32,
    pub comm: String,
    pub cgroup: String,
    pub total_vm_pages: u64,
    pub rss_pages: u64,
    pub rss_anon: Option<u64>,
    pub rss_file: Option<u64>,
    pub rss_shmem: Option<u64>,
    pub pgtables_bytes: u64,
    pub swapents: u64,
    pub oom_score_adj: i16,
}

impl Task {
    /// The same line as the model writes it, points not yet filled in. Kernels that print only `rss` have it as
    /// anonymous.
    pub fn to_row(&self) -> TaskRow {
        let (file, shmem) = (self.rss_file.unwrap_or(0), self.rss_shmem.unwrap_or(0));
        let anon = self.rss_anon.unwrap_or(self.rss_pages.saturating_sub(file + shmem));
        TaskRow {
            pid: Pid(self.pid),
            uid: self.uid,
            comm: self.comm.as_str().into(),
            cgroup: self.cgroup.as_str().into(),
            total_vm: Pages::new(self.total_vm_pages),
            rss_anon: Pages::new(anon),
            rss_file: Pages::new(file),
            rss_shmem: Pages::new(shmem),
            pgtables: Bytes::new(self.pgtables_bytes),
            swapents: Pages::new(self.swapents),
            oom_score_adj: self.oom_score_adj,
            points: None,
        }
    }
}

/// A usage with its limit as printed.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Counter {
    pub limit_kb: u64,
}

/// A configured process.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Proc {
    pub name: String,
    #[serde(default, deserialize_with = "nullable")]
    pub cg: String,
    pub adj: i16,
    #[serde(default, deserialize_with = "nullable")]
    pub uid: u32,
    #[serde(default, deserialize_with = "nullable")]
    pub anon: u64,
    #[serde(default, deserialize_with = "nullable")]
    pub shm: u64,
    #[serde(default, deserialize_with = "nullable")]
    pub file: u64,
    #[serde(default, deserialize_with = "nullable")]
    pub sparse: u64,
}

/// What was set up before a memcg OOM.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Configured {
    #[serde(default, deserialize_with = "nullable")]
    pub limits: BTreeMap<String, u64>,
    #[serde(default, deserialize_with = "nullable")]
    pub oom_group: BTreeMap<String, u8>,
    pub swap_max: Option<BTreeMap<String, u64>>,
    pub memsw_limit: Option<BTreeMap<String, u64>>,
    pub swappiness: Option<BTreeMap<String, u8>>,
    #[serde(default, deserialize_with = "nullable")]
    pub cg_creation_order: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub spawn_order: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub procs: Vec<Proc>,
    pub grower: Option<String>,
    pub grow_pages: Option<u64>,
}

/// `memory.events` of one cgroup; v1 has only some of them.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Events {
    #[serde(default, deserialize_with = "nullable")]
    pub oom_kill: u64,
    #[serde(default, deserialize_with = "nullable")]
    pub oom_group_kill: u64,
}

/// An OOM report; the fields that a check needs.
#[derive(Clone, Debug, Deserialize)]
pub struct RecordedOom {
    #[serde(default, deserialize_with = "nullable")]
    pub invoker_pid: u32,
    pub oom_memcg: Option<String>,
    pub task_memcg: Option<String>,
    pub chosen_pid: Option<u32>,
    pub chosen_comm: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub victim_pids: Vec<u32>,
    pub oom_group_cg: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub no_killable: bool,
    #[serde(default, deserialize_with = "nullable")]
    pub kill_lines_pids: Vec<u32>,
    #[serde(default, deserialize_with = "nullable")]
    pub extra_kills_report_suppressed: Vec<Value>,
    #[serde(default, deserialize_with = "nullable")]
    pub tasks: Vec<Task>,
    #[serde(default, deserialize_with = "nullable")]
    pub limit_bytes: u64,
    pub swap: Option<Counter>,
    pub memory_swap: Option<Counter>,
    pub memcg_stats: Option<BTreeMap<String, u64>>,
}
