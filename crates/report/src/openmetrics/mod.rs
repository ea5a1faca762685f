//! `metrics.om`: a run as OpenMetrics with time stamps, under the names and labels that cAdvisor, the kubelet,
//! kube-state-metrics and the node exporter use, as a Prometheus would store them that scrapes every 30 seconds.
//! `promtool tsdb create-blocks-from openmetrics` reads it.
//!
//! Names: cadvisor v0.51 metrics/prometheus.go; kubelet 1.32 pkg/kubelet/metrics and server/metrics/resource;
//! kube-state-metrics v2.15 docs/metrics; node_exporter 1.9 collector/meminfo.go and vmstat.go. `kubelet_evictions`
//! has no `_total`, so its type is unknown here.

mod families;
mod objects;

use crate::RunReport;
use crate::picture::SCRAPE;
use crate::pods::Pods;
use families::Families;
use oomsim_core::node::{CgroupView, NodeView};
use oomsim_core::node_api::MemInfo;
use oomsim_core::record::{LimitScope, Record, view};
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use std::io::{self, Write};

/// Time zero of the run as Unix time: 2026-01-01. A fixed one, so that the same run gives the same file.
pub(crate) const EPOCH: u64 = 1_767_225_600;

/// For how long tasks waited, and all of them at once: of the node, and of a cgroup (cadvisor v0.52
/// metrics/prometheus.go).
const NODE_PRESSURE: [&str; 2] =
    ["node_pressure_memory_waiting_seconds_total", "node_pressure_memory_stalled_seconds_total"];
const CONTAINER_PRESSURE: [&str; 2] =
    ["container_pressure_memory_waiting_seconds_total", "container_pressure_memory_stalled_seconds_total"];

/// The instants at which a run is scraped, up to its end.
pub fn scrape_times(end: SimTime) -> impl Iterator<Item = SimTime> {
    (0_u64..)
        .map(|n| SimTime::ZERO.saturating_add(SimDuration::from_nanos(SCRAPE.as_nanos().saturating_mul(n))))
        .take_while(move |at| *at <= end)
}

/// Labels as Prometheus writes them; empty ones are left out, which is the same for it.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let one = |(name, value): &(&str, &str)| format!("{name}=\"{}\"", escaped(value));
    pairs.iter().filter(|(_, value)| !value.is_empty()).map(one).collect::<Vec<_>>().join(",")
}

/// The whole file, of a run that was looked at at each of [`scrape_times`].
///
/// # Errors
/// When writing fails.
pub fn write(report: &RunReport, out: &mut dyn Write) -> io::Result<()> {
    families(report).write(out)
}

/// What the node's endpoints answer at the last scrape, as a program that asks them reads it: Prometheus' text format,
/// without time stamps.
///
/// # Errors
/// When writing fails.
pub fn write_last(report: &RunReport, out: &mut dyn Write) -> io::Result<()> {
    families(report).write_last(out)
}

fn families(report: &RunReport) -> Families {
    let history = &report.history;
    let node = &*history.node.name;
    let mut families = Families::default();
    let mut pods = Pods::default();
    let (mut entries, mut kills) = (history.entries.iter().peekable(), 0_u64);
    let mut evictions = std::collections::BTreeMap::new();
    for scrape in &report.scrapes {
        while let Some(entry) = entries.next_if(|entry| entry.at < scrape.at) {
            pods.apply(entry.at, &entry.record);
            match &entry.record {
                Record::OomKill { report, .. } => kills += report.killed.len() as u64,
                Record::Evicted { signal, .. } => *evictions.entry(signal.as_str()).or_insert(0_u64) += 1,
                _ => {}
            }
        }
        families.at(EPOCH * 1000 + scrape.at.as_nanos() / 1_000_000);
        let exporter = [("job", "node-exporter"), ("instance", node), ("node", node)];
        node_exporter(&mut families, &labels(&exporter), &scrape.memory, kills);
        if let Some(root) = scrape.cgroups.first() {
            let of = "of /proc/pressure/memory (node_exporter)";
            pressure(&mut families, NODE_PRESSURE, of, &labels(&exporter), root);
        }
        for cgroup in &scrape.cgroups {
            cadvisor(&mut families, node, cgroup);
        }
        kubelet(&mut families, node, scrape, &evictions);
        pods.add_to(&mut families, node, (&history.node, &report.scenario), scrape);
    }
    families
}

fn node_exporter(families: &mut Families, labels: &str, memory: &MemInfo, kills: u64) {
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
        ("container_memory_usage_bytes", "charged memory", stat.usage),
        ("container_memory_working_set_bytes", "usage less inactive file cache", stat.working_set()),
        ("container_memory_rss", "anonymous memory", stat.anon),
        ("container_memory_cache", "page cache", stat.file),
        ("container_memory_swap", "swap in use", stat.swap),
        ("container_spec_memory_limit_bytes", "limit; 0 for none", limit),
    ];
    for (name, help, value) in figures {
        families.add(name, "gauge", &format!("{help} (cAdvisor)"), &labels, value.get());
    }
    let help = "processes of the cgroup killed by the OOM killer (cAdvisor)";
    families.add("container_oom_events_total", "counter", help, &labels, cgroup.events.oom_kill);
    pressure(families, CONTAINER_PRESSURE, "of memory.pressure (cAdvisor)", &labels, cgroup);
}

/// For how long tasks have waited for memory, where any has.
fn pressure(families: &mut Families, names: [&'static str; 2], of: &str, labels: &str, cgroup: &CgroupView) {
    let lines = [("some", &cgroup.pressure.some), ("full", &cgroup.pressure.full)];
    for (name, (line, value)) in names.into_iter().zip(lines).filter(|(_, (_, line))| line.total > SimDuration::ZERO) {
        families.add(name, "counter", &format!("{line} total {of}"), labels, value.total);
    }
}

fn kubelet(families: &mut Families, node: &str, scrape: &NodeView, evictions: &std::collections::BTreeMap<&str, u64>) {
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
        assert_eq!(labels(&[("a", "x\"\\\n"), ("b", ""), ("c", "y")]), r#"a="x\"\\\n",c="y""#);
    }

    #[test]
    fn a_scrape_every_thirty_seconds() {
        let times: Vec<_> = scrape_times(SimTime::from_nanos(61_000_000_000)).map(|at| at.as_secs_f64()).collect();
        assert_eq!(times, [0.0, 30.0, 60.0]);
    }
}
