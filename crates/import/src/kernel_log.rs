//! A kernel log of the node: its OOM reports tell how large the machine is, which kernel runs, and what was held when
//! memory ran out.

use crate::curve::Curve;
use crate::evidence::Evidence;
use crate::system::{PodsTotal, SystemMemory};
use crate::text::TextProblem;
use crate::toml_text::counted;
use crate::usage::{ContainerId, Usage};
use oomsim_core::units::Bytes;
use oomsim_dmesg::{CgroupPlace, LoggedOom, MemInfo, OomKind, Task, place};

/// Wordings that only an OOM report has.
const MARKS: [&str; 4] =
    ["invoked oom-killer", "oom-kill:constraint=", "Out of memory: Kill", "Memory cgroup out of memory: Kill"];

/// True for a kernel log with an OOM report, behind whatever prefix.
pub(crate) fn looks_like(text: &str) -> bool {
    text.lines().take(20_000).any(|line| MARKS.iter().any(|mark| line.contains(mark)))
}

/// The reports of a log.
pub(crate) fn read(text: &str) -> Result<Vec<LoggedOom>, Vec<TextProblem>> {
    let reports = oomsim_dmesg::read(text.as_bytes())
        .map_err(|why| vec![TextProblem::whole(format!("the kernel log cannot be read: {why}"))])?;
    match reports.is_empty() {
        true => Err(vec![TextProblem::whole("the kernel log has no whole OOM report".into())]),
        false => Ok(reports),
    }
}

/// The machine as its latest report of the whole node shows it.
pub(crate) struct Machine<'a> {
    report: &'a LoggedOom,
    info: &'a MemInfo,
    /// The file.
    pub from: String,
}

impl<'a> Machine<'a> {
    pub fn of(evidence: &'a Evidence) -> Option<Self> {
        let (file, report) = evidence.kernel_logs.iter().rev().find(|(_, r)| r.mem_info.is_some())?;
        Some(Machine { report, info: report.mem_info.as_ref()?, from: format!("the OOM report in {}", file.name) })
    }

    fn bytes(&self, pages: u64) -> Bytes {
        Bytes::new(pages.saturating_mul(self.report.page_size_kb).saturating_mul(1024))
    }

    /// MemTotal: what the kernel does not keep to itself.
    pub fn memory(&self) -> Option<Bytes> {
        let pages = self.info.ram_pages?.checked_sub(self.info.reserved_pages?)?;
        Some(self.bytes(pages)).filter(|bytes| *bytes > Bytes::ZERO)
    }

    /// Swap, if the machine has some.
    pub fn swap(&self) -> Option<Bytes> {
        let kb = self.info.total_swap_kb.filter(|kb| *kb > 0)?;
        Some(Bytes::new(kb.saturating_mul(1024)))
    }

    /// Memory in huge pages of all sizes.
    pub fn huge_pages(&self) -> Bytes {
        let kib = self.info.huge_pages.iter().map(|pages| pages.total.saturating_mul(pages.size_kb));
        Bytes::new(kib.fold(0, u64::saturating_add).saturating_mul(1024))
    }

    /// What the daemons of the node held, page cache less that of the pods, and the kernel's own memory.
    pub fn system(&self, pods: PodsTotal) -> Option<SystemMemory> {
        if self.report.tasks.is_empty() {
            return None;
        }
        let daemons = self.report.tasks.iter().filter(|task| !in_pod(task));
        let count = daemons.clone().count();
        let anon = daemons.map(anonymous).fold(0, u64::saturating_add);
        let pages = |key: &str| self.info.get(key).unwrap_or(0);
        let kernel = ["slab_reclaimable", "slab_unreclaimable", "pagetables", "sec_pagetables"];
        let stacks = self.info.zones.iter().filter_map(|zone| zone.get("kernel_stack")).fold(0, u64::saturating_add);
        let kernel = self.bytes(kernel.map(pages).iter().fold(0, |sum, n| sum.saturating_add(*n)));
        let missing = if self.report.cut_rows > 0 || !self.report.lost.is_empty() { "; rows are missing" } else { "" };
        Some(SystemMemory {
            anon: self.bytes(anon),
            active_file: self.bytes(pages("active_file")).saturating_sub(pods.active_file),
            inactive_file: self.bytes(pages("inactive_file")),
            kernel: kernel + Bytes::new(stacks.saturating_mul(1024)),
            from: format!(
                "{}: {} outside of pods, page cache and kernel memory{missing}",
                self.from,
                counted(count, "process")
            ),
            assumed: format!(
                "processes with an oom_score_adj of -997, -998 or more than 1 are in pods, {}",
                match self.report.tasks.iter().any(|task| task.rss_split.is_some()) {
                    true => "all page cache that no pod is known to hold is the system's",
                    false => "all resident memory of the others is anonymous",
                }
            ),
        })
    }

    /// What the processes of pods held together, and how many they were.
    pub fn in_pods(&self) -> (usize, Bytes) {
        let tasks = self.report.tasks.iter().filter(|task| in_pod(task));
        (tasks.clone().count(), self.bytes(tasks.map(anonymous).fold(0, u64::saturating_add)))
    }
}

/// The latest release that a report names.
pub(crate) fn release(evidence: &Evidence) -> Option<(&str, String)> {
    let named = evidence.kernel_logs.iter().rev().find_map(|(file, r)| Some((file, r.kernel.as_deref()?)));
    named.map(|(file, release)| (release, format!("the OOM report in {}", file.name)))
}

/// The size of a page, where a report shows that it is not 4 KiB.
pub(crate) fn page_kib(evidence: &Evidence) -> Option<u64> {
    evidence.kernel_logs.iter().map(|(_, r)| r.page_size_kb).find(|kb| *kb != 4)
}

/// Containers of Kubernetes have −997 (Guaranteed), 1000 (BestEffort) or 2 to 999 (Burstable), pause containers −998
/// (kubelet `qos/policy.go`); daemons of the node have 0 or what their unit says.
fn in_pod(task: &Task) -> bool {
    matches!(task.oom_score_adj, -998 | -997 | 2..=1000)
}

/// Anonymous and shared memory in pages; before 6.8 the table has one figure for all.
fn anonymous(task: &Task) -> u64 {
    task.rss_split.map_or(task.rss, |[anon, _, shmem]| anon.saturating_add(shmem))
}

/// What a container held when its own limit, or its pod's, was reached the last time.
pub(crate) fn usage(evidence: &Evidence, id: ContainerId<'_>) -> Option<Usage> {
    evidence.kernel_logs.iter().rev().find_map(|(file, report)| {
        let path = report.oom_memcg.as_deref().filter(|_| report.kind == OomKind::Cgroup)?;
        let (uid, whole) = match place(path) {
            CgroupPlace::Pod { uid, .. } => (uid, true),
            // The path has the runtime's id of the container, not its name.
            CgroupPlace::Container { pod_uid, .. } => (pod_uid, id.alone()),
            _ => return None,
        };
        if uid != id.uid || id.uid.is_empty() || !whole {
            return None;
        }
        let stat = |keys: &[&str]| {
            let stats = report.cgroup_stats.first()?;
            keys.iter().find_map(|key| Some(stats.values.iter().find(|(k, _)| k == key)?.1))
        };
        let charged = report.memory.map(|counter| counter.usage_kb.saturating_mul(1024));
        let anon = stat(&["anon", "total_rss", "rss"]);
        let shared = stat(&["shmem", "total_shmem"]).unwrap_or(0);
        let held = anon.map(|anon| anon.saturating_add(shared)).or(charged)?;
        let split = if anon.is_some() { "" } else { "all that is charged is anonymous memory" };
        let assumed: Vec<&str> = [split, id.of_pod_said()].into_iter().filter(|text| !text.is_empty()).collect();
        Some(Usage {
            anon: Curve::Steady(Bytes::new(id.of_pod(held))),
            active_file: Bytes::new(id.of_pod(stat(&["active_file", "total_active_file"]).unwrap_or(0))),
            from: format!("what was held when the limit was reached, in {}", file.name),
            assumed: assumed.join("; "),
        })
    })
}
