//! What the operating system itself holds: the figure that decides whether a reservation is enough.

use crate::build::ChosenNode;
use crate::curve::Period;
use crate::evidence::Evidence;
use crate::kernel_log;
use crate::machine;
use crate::memory_stat::{CgroupOwner, owner};
use crate::series::{Metric, Sample, Series};
use crate::usage::split;
use oomsim_core::units::Bytes;

/// Memory outside the pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemMemory {
    /// Anonymous memory of daemons.
    pub anon: Bytes,
    /// Active page cache.
    pub active_file: Bytes,
    /// Inactive page cache, which can be reclaimed.
    pub inactive_file: Bytes,
    /// Kernel memory that no cgroup is charged for.
    pub kernel: Bytes,
    /// Where the figures come from.
    pub from: String,
    /// What had to be assumed; empty: nothing.
    pub assumed: String,
}

/// What the pods hold together, which the node's own figures contain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodsTotal {
    /// Anonymous memory.
    pub anon: Bytes,
    /// Active page cache.
    pub active_file: Bytes,
}

/// From `/stats/summary`, else cAdvisor's root cgroup or the `memory.stat` of system.slice, else `/proc/meminfo` or
/// node_exporter, else an OOM report of the kernel, else `free`, else `kubectl top nodes`; `None`: no file
/// says.
pub(crate) fn system(evidence: &Evidence, chosen: &ChosenNode<'_>, pods: PodsTotal) -> Option<SystemMemory> {
    let (node, capacity) = (chosen.name.as_str(), chosen.memory);
    let huge_pages = machine::huge_pages(evidence, chosen).map_or(Bytes::ZERO, |huge| huge.bytes);
    from_summary(evidence, node)
        .or_else(|| from_cadvisor(evidence, node, pods))
        .or_else(|| from_slice(evidence))
        .map(|system| with_kernel(evidence, node, huge_pages, system))
        .or_else(|| from_meminfo(evidence, node, huge_pages, pods))
        .or_else(|| kernel_log::Machine::of(evidence)?.system(pods))
        .or_else(|| from_free(evidence, pods, huge_pages, capacity))
        .or_else(|| from_top(evidence, node, pods))
}

/// The series of a cgroup that is no pod's, by its path; `/kubepods` is `/kubepods.slice` to systemd.
pub(crate) fn of_cgroup<'a>(evidence: &'a Evidence, node: &str, metric: &Metric, path: &str) -> Option<&'a Series> {
    let is = |s: &&Series| s.metric.as_ref() == Some(metric) && s.cgroup() == Some(path) && !s.points.is_empty();
    let mut all = evidence.series.iter().map(|(_, s)| s).filter(is);
    let of_node = all.clone().find(|s| s.node().is_some_and(|n| n.split(':').next() == Some(node)));
    of_node.or_else(|| all.next().filter(|_| all.next().is_none()))
}

/// What a series of the node has when those of the pods begin: the two are held against each other.
fn at_start(series: &Series, start: Option<Period>) -> Option<Bytes> {
    let far = |sample: &&Sample| start.map_or(0, |start| sample.at_ms.abs_diff(start.from_ms));
    series.points.iter().min_by_key(far).map(|sample| Bytes::new(sample.bytes))
}

fn from_cadvisor(evidence: &Evidence, node: &str, pods: PodsTotal) -> Option<SystemMemory> {
    let start = Period::of(evidence);
    let first = |metric: Metric, path: &str| at_start(of_cgroup(evidence, node, &metric, path)?, start);
    let of_pods = |metric: Metric| first(metric.clone(), "/kubepods.slice").or_else(|| first(metric, "/kubepods"));
    let whole = first(Metric::WorkingSet, "/")?;
    let Some(anon) = first(Metric::Rss, "/") else {
        let pods = of_pods(Metric::WorkingSet).unwrap_or(pods.anon + pods.active_file);
        return Some(SystemMemory {
            anon: whole.saturating_sub(pods),
            from: "container_memory_working_set_bytes of the node less its pods".into(),
            assumed: "all of the working set is anonymous memory".into(),
            ..SystemMemory::default()
        });
    };
    let pods_anon = of_pods(Metric::Rss).unwrap_or(pods.anon);
    let pods_whole = of_pods(Metric::WorkingSet).unwrap_or(pods.anon + pods.active_file);
    Some(SystemMemory {
        anon: anon.saturating_sub(pods_anon),
        active_file: whole.saturating_sub(anon).saturating_sub(pods_whole.saturating_sub(pods_anon)),
        from: "cAdvisor's metrics: the node less its pods".into(),
        ..SystemMemory::default()
    })
}

/// `memory.stat` of system.slice, which has the daemons but not the kernel.
fn from_slice(evidence: &Evidence) -> Option<SystemMemory> {
    let of_system = |name: &str| owner(name, "", "", "") == CgroupOwner::System;
    let (file, stat) = evidence.memory_stats.iter().find(|(file, _)| of_system(&file.name))?;
    Some(SystemMemory {
        anon: stat.anon,
        active_file: stat.active_file,
        inactive_file: stat.inactive_file,
        from: file.name.clone(),
        ..SystemMemory::default()
    })
}

fn from_summary(evidence: &Evidence, node: &str) -> Option<SystemMemory> {
    let summary = evidence.summaries.iter().find(|s| s.node.node_name == node)?;
    let (anon, active) = split(summary.node.memory?)?;
    let pods = summary.node.system_containers.iter().find(|c| c.name == "pods").and_then(|c| c.memory);
    let own = || summary.pods.iter().filter_map(|pod| split(pod.memory?));
    let (pods_anon, pods_active) = match pods.and_then(split) {
        Some(pods) => pods,
        None => own().fold((Bytes::ZERO, Bytes::ZERO), |sum, pod| (sum.0 + pod.0, sum.1 + pod.1)),
    };
    Some(SystemMemory {
        anon: anon.saturating_sub(pods_anon),
        active_file: active.saturating_sub(pods_active),
        from: "/stats/summary: the node less its pods".into(),
        ..SystemMemory::default()
    })
}

/// The kubelet's own figures leave out kernel memory and inactive cache; meminfo has them.
fn with_kernel(evidence: &Evidence, node: &str, huge_pages: Bytes, system: SystemMemory) -> SystemMemory {
    let Some(meminfo) = Meminfo::of(evidence, node).filter(Meminfo::is_whole) else {
        return SystemMemory { assumed: "no kernel memory outside cgroups, no inactive page cache".into(), ..system };
    };
    let (kernel, inactive_file) = (meminfo.kernel(huge_pages), meminfo.get("Inactive(file)", "Inactive_file"));
    SystemMemory { kernel, inactive_file, from: format!("{}; {}", system.from, meminfo.from), ..system }
}

fn from_meminfo(evidence: &Evidence, node: &str, huge_pages: Bytes, pods: PodsTotal) -> Option<SystemMemory> {
    let meminfo = Meminfo::of(evidence, node)?;
    if !meminfo.is_whole() {
        let left = meminfo.get("MemAvailable", "MemAvailable").max(meminfo.get("MemFree", "MemFree"));
        let used = meminfo.get("MemTotal", "MemTotal").saturating_sub(left).saturating_sub(huge_pages);
        return (left > Bytes::ZERO).then(|| SystemMemory {
            anon: used.saturating_sub(pods.anon).saturating_sub(pods.active_file),
            from: format!("{}, less the pods", meminfo.from),
            assumed: "what is neither free nor available is anonymous memory".into(),
            ..SystemMemory::default()
        });
    }
    Some(SystemMemory {
        anon: meminfo.get("AnonPages", "AnonPages").saturating_sub(pods.anon),
        active_file: meminfo.get("Active(file)", "Active_file").saturating_sub(pods.active_file),
        inactive_file: meminfo.get("Inactive(file)", "Inactive_file"),
        kernel: meminfo.kernel(huge_pages),
        from: format!("{}, less the pods", meminfo.from),
        assumed: "all inactive page cache is the system's".into(),
    })
}

/// `/proc/meminfo` of the node, from the file or from node_exporter.
pub(crate) struct Meminfo<'a> {
    evidence: &'a Evidence,
    node: String,
    pub from: String,
    start: Option<Period>,
}

impl<'a> Meminfo<'a> {
    pub fn of(evidence: &'a Evidence, node: &str) -> Option<Self> {
        let found =
            |from: &str| Meminfo { evidence, node: node.into(), from: from.into(), start: Period::of(evidence) };
        if evidence.meminfo.is_some() {
            return Some(found("/proc/meminfo"));
        }
        let exported = found("node_exporter's node_memory_*");
        exported.series("MemTotal").is_some().then_some(exported)
    }

    /// All lines that tell kernel memory from the rest are there.
    fn is_whole(&self) -> bool {
        let there = |name: &str| match &self.evidence.meminfo {
            Some(meminfo) => meminfo.get(name).is_some(),
            None => self.series(name).is_some(),
        };
        ["MemFree", "AnonPages", "Cached"].into_iter().all(there)
    }

    /// A line of the file, or the metric at the start.
    fn get(&self, line: &str, metric: &str) -> Bytes {
        self.found(line, metric).unwrap_or(Bytes::ZERO)
    }

    /// A line that is there, of which the metric has the same name.
    pub fn known(&self, name: &str) -> Option<Bytes> {
        self.found(name, name)
    }

    fn found(&self, line: &str, metric: &str) -> Option<Bytes> {
        match &self.evidence.meminfo {
            Some(meminfo) => meminfo.get(line),
            None => at_start(self.series(metric)?, self.start),
        }
    }

    /// Memory in huge pages: of all sizes (`Hugetlb`, since Linux 4.15), else of the usual one.
    pub fn huge_pages(&self) -> Option<Bytes> {
        let usual = || {
            let (count, size) = (self.known("HugePages_Total")?, self.known("Hugepagesize")?);
            Some(Bytes::new(count.get().saturating_mul(size.get())))
        };
        self.known("Hugetlb").or_else(usual)
    }

    /// The series of this node; with one node in the file its name does not matter (`instance` is often an address).
    fn series(&self, name: &str) -> Option<&'a Series> {
        let metric = Metric::Meminfo(name.into());
        let mut all = self.evidence.series.iter().map(|(_, s)| s).filter(|s| s.metric.as_ref() == Some(&metric));
        let of_node = all.clone().find(|s| s.node().is_some_and(|n| n.split(':').next() == Some(self.node.as_str())));
        of_node.or_else(|| all.next().filter(|_| all.next().is_none()))
    }

    /// What is neither free nor anonymous nor page cache, nor in huge pages that the run has as such.
    fn kernel(&self, huge_pages: Bytes) -> Bytes {
        let rest = |line: &str, metric: &str| self.get(line, metric);
        let known = rest("MemFree", "MemFree") + rest("AnonPages", "AnonPages") + rest("Cached", "Cached");
        let known = known + rest("Buffers", "Buffers") + rest("SwapCached", "SwapCached") + huge_pages;
        rest("MemTotal", "MemTotal").saturating_sub(known)
    }
}

fn from_free(evidence: &Evidence, pods: PodsTotal, huge_pages: Bytes, capacity: Bytes) -> Option<SystemMemory> {
    let free = evidence.free?;
    let unit = unit_of(free.total, capacity);
    let cache = free.cache.map_or(Bytes::ZERO, |cache| cache.bytes(unit));
    let used = free.total.bytes(unit).saturating_sub(free.free.bytes(unit)).saturating_sub(cache);
    let used = used.saturating_sub(huge_pages);
    Some(SystemMemory {
        anon: used.saturating_sub(pods.anon),
        inactive_file: cache.saturating_sub(pods.active_file),
        from: "free, less the pods".into(),
        assumed: "all used memory is anonymous, all page cache inactive".into(),
        ..SystemMemory::default()
    })
}

/// The machine's memory as `free` has it: without a unit it is guessed, so that the machine has between half a GiB and
/// 4 TiB.
pub(crate) fn of_free(free: crate::node_files::Free) -> Bytes {
    let unit = match free.total {
        crate::node_files::Amount::Number(n) if n < 512 => 1 << 30,
        crate::node_files::Amount::Number(n) if n < 1 << 19 => 1 << 20,
        crate::node_files::Amount::Number(n) if n < 1 << 32 => 1 << 10,
        _ => 1,
    };
    free.total.bytes(unit)
}

/// `free` prints KiB unless it was asked otherwise: the unit is the one that comes nearest to the node's size.
pub(crate) fn unit_of(total: crate::node_files::Amount, capacity: Bytes) -> u64 {
    let units = [1024, 1, 1 << 20, 1 << 30];
    let fits = |unit: &&u64| total.bytes(**unit).get().abs_diff(capacity.get()) <= capacity.get() / 8;
    units.iter().find(fits).copied().unwrap_or(1024)
}

fn from_top(evidence: &Evidence, node: &str, pods: PodsTotal) -> Option<SystemMemory> {
    let (_, row) = evidence.top.iter().find(|(_, row)| row.node.as_deref() == Some(node))?;
    Some(SystemMemory {
        anon: row.working_set.saturating_sub(pods.anon + pods.active_file),
        from: "kubectl top nodes, less the pods".into(),
        assumed: "all of the working set is anonymous memory".into(),
        ..SystemMemory::default()
    })
}
