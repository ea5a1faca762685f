//! `metrics.om`: a run as OpenMetrics with time stamps, under the names and labels that cAdvisor, the kubelet,
//! kube-state-metrics and the node exporter use, as a Prometheus would store them that scrapes every 30 seconds.
//! `promtool tsdb create-blocks-from openmetrics` reads it.
//!
//! Names: cadvisor v0.51 metrics/prometheus.go; kubelet 1.32 pkg/kubelet/metrics and server/metrics/resource;
//! kube-state-metrics v2.15 docs/metrics; node_exporter 1.9 collector/meminfo.go and vmstat.go. `kubelet_evictions`
//! has no `_total`, so its type is unknown here.

mod families;
mod objects;

use crate::picture::SCRAPE;
use crate::pods::Pods;
use crate::samples::Scrapes;
use crate::{Out, RunReport, WriteError};
use families::Families;
use oomsim_core::node::{CgroupView, NodeView};
use oomsim_core::node_api::MemInfo;
use oomsim_core::record::{Entry, LimitScope, Record, view};
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Time zero of the run as Unix time: 2026-01-01. A fixed one, so that the same run gives the same file.
pub(crate) const EPOCH: u64 = 1_767_225_600;

/// For how long tasks waited, and all of them at once: of the node, and of a cgroup (cadvisor v0.52
/// metrics/prometheus.go).
const NODE_PRESSURE: PressureNames = [
    ("node_pressure_memory_waiting_seconds_total", "some total of /proc/pressure/memory (node_exporter)"),
    ("node_pressure_memory_stalled_seconds_total", "full total of /proc/pressure/memory (node_exporter)"),
];
const CONTAINER_PRESSURE: PressureNames = [
    ("container_pressure_memory_waiting_seconds_total", "some total of memory.pressure (cAdvisor)"),
    ("container_pressure_memory_stalled_seconds_total", "full total of memory.pressure (cAdvisor)"),
];
/// The metrics of both, with what they are.
type PressureNames = [(&'static str, &'static str); 2];

/// The instants at which a run is scraped, up to its end.
pub fn scrape_times(end: SimTime) -> impl Iterator<Item = SimTime> {
    (0_u64..)
        .map(|n| SimTime::ZERO.saturating_add(SimDuration::from_nanos(SCRAPE.as_nanos().saturating_mul(n))))
        .take_while(move |at| *at <= end)
}

/// Labels as Prometheus writes them; empty ones are left out, which is the same for it.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> Arc<str> {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let one = |(name, value): &(&str, &str)| format!("{name}=\"{}\"", escaped(value));
    pairs.iter().filter(|(_, value)| !value.is_empty()).map(one).collect::<Vec<_>>().join(",").into()
}

/// The metrics of a run under way. It sees the node at each of [`scrape_times`].
pub struct Metrics<'a> {
    report: &'a RunReport,
    /// What has happened since the last scrape, and after it.
    entries: std::slice::Iter<'a, Entry>,
    pods: Pods,
    kills: u64,
    evictions: BTreeMap<&'static str, u64>,
    families: Families,
    /// Only what the last scrape finds is of interest.
    only_last: bool,
    out: Out<'a>,
}

impl<'a> Metrics<'a> {
    /// `metrics.om`: every scrape, with its time.
    pub fn of_all(report: &'a RunReport, out: Out<'a>) -> Self {
        let (pods, evictions, families) = (Pods::of(&report.scenario), BTreeMap::new(), Families::default());
        let entries = report.history.entries.iter();
        Metrics { report, entries, pods, kills: 0, evictions, families, only_last: false, out }
    }

    /// `metrics.prom`: what the node's endpoints answer at the last scrape, as a program that asks them reads it, in
    /// Prometheus' text format without time stamps.
    pub fn of_last(report: &'a RunReport, out: Out<'a>) -> Self {
        Metrics { only_last: true, ..Metrics::of_all(report, out) }
    }

    /// Learns what has happened before a scrape.
    fn catch_up(&mut self, until: SimTime) {
        while let Some(entry) = self.entries.as_slice().first().filter(|entry| entry.at < until) {
            self.entries.next();
            self.pods.apply(entry.at, &entry.record);
            match &entry.record {
                Record::OomKill { report, .. } => self.kills += report.killed.len() as u64,
                Record::Evicted { signal, .. } => *self.evictions.entry(signal.as_str()).or_default() += 1,
                _ => {}
            }
        }
    }
}

impl Scrapes for Metrics<'_> {
    fn take(&mut self, scrape: &NodeView) {
        self.catch_up(scrape.at);
        if self.only_last {
            self.families = Families::default();
        }
        let (families, history) = (&mut self.families, &self.report.history);
        let node = &*history.node.name;
        families.at(EPOCH * 1000 + scrape.at.as_nanos() / 1_000_000);
        let exporter = labels(&[("job", "node-exporter"), ("instance", node), ("node", node)]);
        node_exporter(families, &exporter, &scrape.memory, self.kills);
        if let Some(root) = scrape.cgroups.first() {
            pressure(families, &NODE_PRESSURE, &exporter, root);
        }
        for cgroup in &scrape.cgroups {
            cadvisor(families, node, cgroup);
        }
        kubelet(families, node, scrape, &self.evictions);
        self.pods.add_to(families, node, (&history.node, &self.report.scenario), scrape);
    }

    fn finish(self: Box<Self>) -> Result<(), WriteError> {
        let Metrics { families, only_last, out, .. } = *self;
        Ok(if only_last { families.write_last(out) } else { families.write(out) }?)
    }
}

fn node_exporter(families: &mut Families, labels: &Arc<str>, memory: &MemInfo, kills: u64) {
    let figures = [
        ("node_memory_MemTotal_bytes", memory.total),
        ("node_memory_MemFree_bytes", memory.free),
        ("node_memory_MemAvailable_bytes", memory.available),
        ("node_memory_Cached_bytes", memory.cached),
        ("node_memory_Shmem_bytes", memory.shmem),
        ("node_memory_AnonPages_bytes", memory.anon),
        ("node_memory_SwapTotal_bytes", memory.swap_total),
        ("node_memory_SwapFree_bytes", memory.swap_free),
        ("node_memory_CommitLimit_bytes", memory.commit_limit),
        ("node_memory_Committed_AS_bytes", memory.committed_as),
    ];
    for (name, value) in figures {
        families.add(name, "gauge", "of /proc/meminfo (node_exporter)", labels, value.get());
    }
    families.add("node_vmstat_oom_kill", "unknown", "oom_kill of /proc/vmstat (node_exporter)", labels, kills);
}

fn cadvisor(families: &mut Families, node: &str, cgroup: &CgroupView) {
    let (pod, container) = match &cgroup.of {
        LimitScope::Container { pod, container } => (view::split_pod(pod), &**container),
        LimitScope::Pod(pod) => (view::split_pod(pod), ""),
        _ => (("", ""), ""),
    };
    let labels = labels(&[
        ("job", "kubelet"),
        ("metrics_path", "/metrics/cadvisor"),
        ("instance", node),
        ("node", node),
        ("id", &cgroup.path),
        ("namespace", pod.0),
        ("pod", pod.1),
        ("container", container),
    ]);
    let stat = &cgroup.stat;
    let limit = cgroup.limit.unwrap_or(Bytes::ZERO);
    let figures = [
        ("container_memory_usage_bytes", "charged memory (cAdvisor)", stat.usage),
        ("container_memory_working_set_bytes", "usage less inactive file cache (cAdvisor)", stat.working_set()),
        ("container_memory_rss", "anonymous memory (cAdvisor)", stat.anon),
        ("container_memory_cache", "page cache (cAdvisor)", stat.file),
        ("container_memory_swap", "swap in use (cAdvisor)", stat.swap),
        ("container_spec_memory_limit_bytes", "limit; 0 for none (cAdvisor)", limit),
    ];
    for (name, help, value) in figures {
        families.add(name, "gauge", help, &labels, value.get());
    }
    let help = "processes of the cgroup killed by the OOM killer (cAdvisor)";
    families.add("container_oom_events_total", "counter", help, &labels, cgroup.events.oom_kill);
    pressure(families, &CONTAINER_PRESSURE, &labels, cgroup);
}

/// For how long tasks have waited for memory, where any has.
fn pressure(families: &mut Families, names: &PressureNames, labels: &Arc<str>, cgroup: &CgroupView) {
    let lines = [&cgroup.pressure.some, &cgroup.pressure.full];
    for ((name, help), line) in names.iter().zip(lines).filter(|(_, line)| line.total > SimDuration::ZERO) {
        families.add(name, "counter", help, labels, line.total);
    }
}

fn kubelet(families: &mut Families, node: &str, scrape: &NodeView, evictions: &BTreeMap<&str, u64>) {
    let of = |path: &str, more: &[(&str, &str)]| {
        labels(&[&[("job", "kubelet"), ("metrics_path", path), ("instance", node), ("node", node)], more].concat())
    };
    for (signal, count) in evictions {
        let labels = of("/metrics", &[("eviction_signal", signal)]);
        families.add("kubelet_evictions", "unknown", "pods evicted (kubelet)", &labels, *count);
    }
    for cgroup in &scrape.cgroups {
        let (name, more) = match &cgroup.of {
            LimitScope::Node => ("node_memory_working_set_bytes", Vec::new()),
            LimitScope::Pod(pod) => {
                let (namespace, name) = view::split_pod(pod);
                ("pod_memory_working_set_bytes", vec![("namespace", namespace), ("pod", name)])
            }
            _ => continue,
        };
        let labels = of("/metrics/resource", &more);
        let value = cgroup.stat.working_set().get();
        families.add(name, "gauge", "working set (kubelet, /metrics/resource)", &labels, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_empty_ones_left_out() {
        assert_eq!(&*labels(&[("a", "x\"\\\n"), ("b", ""), ("c", "y")]), r#"a="x\"\\\n",c="y""#);
    }

    #[test]
    fn a_scrape_every_thirty_seconds() {
        let times: Vec<_> = scrape_times(SimTime::from_nanos(61_000_000_000)).map(|at| at.as_secs_f64()).collect();
        assert_eq!(times, [0.0, 30.0, 60.0]);
    }
}
