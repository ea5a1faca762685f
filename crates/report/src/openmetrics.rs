//! `metrics.om`: the run's curves as OpenMetrics with time stamps, under the names that cAdvisor, the kubelet,
//! kube-state-metrics and the node exporter use. `promtool tsdb create-blocks-from openmetrics` reads it.

use crate::picture::SCRAPE;
use oomsim_core::record::{History, Record, Sample, view};
use oomsim_core::units::SimTime;
use std::fmt::Write;

/// Time zero of the run as Unix time: 2026-01-01. A fixed one, so that the same run gives the same file.
const EPOCH: u64 = 1_767_225_600;

struct Out {
    text: String,
    node: String,
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl Out {
    fn family(&mut self, name: &str, kind: &str, unit: &str, help: &str) {
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.text, "# HELP {name} {help}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display, at: SimTime) {
        let ms = at.as_nanos() / 1_000_000;
        let comma = if labels.is_empty() { "" } else { "," };
        let node = &self.node;
        let (s, ms) = (EPOCH + ms / 1000, ms % 1000);
        let _ = writeln!(self.text, "{name}{{node=\"{node}\"{comma}{labels}}} {value} {s}.{ms:03}");
    }
}

/// What a scrape every 30 seconds would have got.
fn scrapes(history: &History) -> Vec<(SimTime, &Sample)> {
    let samples = &history.series.samples;
    let mut found = Vec::new();
    let (mut index, mut at) = (0, SimTime::ZERO);
    while samples.last().is_some_and(|last| at <= last.at) {
        while samples.get(index + 1).is_some_and(|next| next.at <= at) {
            index += 1;
        }
        found.push((at, &samples[index]));
        at += SCRAPE;
    }
    found
}

/// The whole file.
pub fn render(history: &History) -> String {
    let mut out = Out { text: String::new(), node: escaped(&history.node.name) };
    let scrapes = scrapes(history);
    let node = [
        ("node_memory_MemAvailable_bytes", "MemAvailable", (|s| s.mem_available) as fn(&Sample) -> _),
        ("node_memory_MemFree_bytes", "MemFree", |s| s.mem_free),
        ("node_memory_Committed_AS_bytes", "Committed_AS", |s| s.committed_as),
        ("node_memory_working_set_bytes", "working set of the node (kubelet, /metrics/resource)", |s| s.working_set),
    ];
    for (name, help, of) in node {
        out.family(name, "gauge", "bytes", help);
        for (at, sample) in &scrapes {
            out.sample(name, "", of(sample).get(), *at);
        }
    }
    let pods: Vec<String> = history.series.pods.iter().map(|pod| pod_labels(pod)).collect();
    for (name, help, usage) in [
        ("container_memory_working_set_bytes", "working set of the pod's cgroup (cAdvisor)", false),
        ("container_memory_usage_bytes", "charged memory of the pod's cgroup (cAdvisor)", true),
    ] {
        out.family(name, "gauge", "bytes", help);
        for (index, labels) in pods.iter().enumerate() {
            for (at, sample) in &scrapes {
                if let Some(pod) = sample.pods.iter().find(|pod| pod.pod as usize == index) {
                    let value = if usage { pod.usage } else { pod.working_set };
                    out.sample(name, labels, value.get(), *at);
                }
            }
        }
    }
    constants(&mut out, history, &scrapes);
    counters(&mut out, history, &scrapes, &pods);
    out.text.push_str("# EOF\n");
    out.text
}

fn pod_labels(pod: &str) -> String {
    let (namespace, name) = view::split_pod(pod);
    format!("namespace=\"{}\",pod=\"{}\"", escaped(namespace), escaped(name))
}

fn constants(out: &mut Out, history: &History, scrapes: &[(SimTime, &Sample)]) {
    let node = &history.node;
    for (name, help, value) in [
        ("kube_node_status_capacity", "capacity (kube-state-metrics)", node.capacity),
        ("kube_node_status_allocatable", "allocatable (kube-state-metrics)", node.allocatable),
    ] {
        out.family(name, "gauge", "", help);
        for (at, _) in scrapes {
            out.sample(name, "resource=\"memory\",unit=\"byte\"", value.get(), *at);
        }
    }
}

/// Counts up to each scrape.
fn counters(out: &mut Out, history: &History, scrapes: &[(SimTime, &Sample)], pods: &[String]) {
    out.family("container_oom_events", "counter", "", "processes of the pod killed by the OOM killer (cAdvisor)");
    for (index, labels) in pods.iter().enumerate() {
        let times: Vec<SimTime> =
            history.entries.iter().flat_map(|entry| kills_of(entry, &history.series.pods[index])).collect();
        if times.is_empty() {
            continue;
        }
        for (at, _) in scrapes {
            out.sample("container_oom_events_total", labels, times.iter().filter(|t| *t <= at).count(), *at);
        }
    }
    out.family("kubelet_evictions", "counter", "", "pods evicted (kubelet)");
    let evictions = history.entries.iter().filter_map(|entry| match &entry.record {
        Record::Evicted { signal, .. } => Some((entry.at, *signal)),
        _ => None,
    });
    let evictions: Vec<_> = evictions.collect();
    let mut signals: Vec<_> = evictions.iter().map(|(_, signal)| *signal).collect();
    signals.sort();
    signals.dedup();
    for signal in signals {
        let labels = format!("eviction_signal=\"{}\"", escaped(signal.as_str()));
        for (at, _) in scrapes {
            let count = evictions.iter().filter(|(t, s)| t <= at && *s == signal).count();
            out.sample("kubelet_evictions_total", &labels, count, *at);
        }
    }
}

fn kills_of(entry: &oomsim_core::record::Entry, pod: &str) -> Vec<SimTime> {
    match &entry.record {
        Record::OomKill { killed_owners, .. } => killed_owners
            .iter()
            .filter(|owner| matches!(owner, oomsim_core::record::Owner::Container { pod: of, .. } if **of == *pod))
            .map(|_| entry.at)
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_every_thirty_seconds_and_an_end() {
        let text = render(&crate::testdata::oom4());
        let first = "node_memory_MemAvailable_bytes{node=\"aks-nodepool1-0\"} ";
        assert_eq!(text.lines().filter(|line| line.starts_with(first)).count(), 4, "at 0, 30, 60 and 90 s");
        assert!(text.contains("container_oom_events_total{node=\"aks-nodepool1-0\",namespace=\"default\",pod=\"alloc-mem-4\"} 1 1767225630.000\n"));
        assert!(text.contains("kubelet_evictions_total{node=\"aks-nodepool1-0\",eviction_signal=\"allocatableMemory.available\"} 1 1767225660.000\n"));
        assert!(text.ends_with("# EOF\n"));
    }
}
