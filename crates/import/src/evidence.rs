//! Everything that the given files say, sorted by what it is about.

use crate::content::{self, Content};
use crate::memory_stat::MemoryStat;
use crate::node_files::{Free, Meminfo};
use crate::objects::{ContainerDefaults, MakerFacts, NodeFacts, PodFacts, autoscaler, limit_range, path, text};
use crate::os_settings::{OsSettings, os_settings};
use crate::series::Series;
use crate::summary::Summary;
use crate::top::TopRow;
use oomsim_core::units::Bytes;
use oomsim_dmesg::LoggedOom;
use oomsim_scenario::reading::{KINDS, KubeletSettings, Problems, Value, ValueKind, is_kubelet_settings, kubelets};
use oomsim_scenario::{Diagnostic, Location, Source};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the files of one import say.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Nodes.
    pub nodes: Vec<NodeFacts>,
    /// Pods, finished ones among them.
    pub pods: Vec<PodFacts>,
    /// Deployments, DaemonSets and other objects that make pods.
    pub makers: Vec<MakerFacts>,
    /// Defaults for containers, by LimitRange.
    pub defaults: Vec<ContainerDefaults>,
    /// Priorities by class.
    pub priorities: BTreeMap<String, i64>,
    /// The class of pods that name none.
    pub default_priority: Option<i64>,
    /// `overhead.podFixed` by RuntimeClass.
    pub overheads: BTreeMap<String, Value>,
    /// What autoscalers would do.
    pub autoscalers: Vec<String>,
    /// Kubelet settings: a KubeletConfiguration or one of its wrappers.
    pub kubelets: Vec<KubeletEvidence>,
    /// Settings of the operating system in providers' files.
    pub os: Vec<OsSettings>,
    /// Answers of kubelets.
    pub summaries: Vec<Summary>,
    /// Recorded curves, each with its file.
    pub series: Vec<(Arc<Source>, Series)>,
    /// Rows of `kubectl top`, each with its file.
    pub top: Vec<(Arc<Source>, TopRow)>,
    /// `/proc/meminfo` of the node.
    pub meminfo: Option<Meminfo>,
    /// `free` on the node.
    pub free: Option<Free>,
    /// `memory.stat` files; only their names say whose they are.
    pub memory_stats: Vec<(Arc<Source>, MemoryStat)>,
    /// `memory.current` files; only their names say whose they are.
    pub memory_currents: Vec<(Arc<Source>, Bytes)>,
    /// OOM reports of the node's kernel, each with its file.
    pub kernel_logs: Vec<(Arc<Source>, LoggedOom)>,
    /// Objects that say nothing about memory, by kind.
    pub passed_over: BTreeMap<String, usize>,
    /// Objects with a pod template whose kind is not known, by kind.
    pub unread_makers: BTreeMap<String, usize>,
}

/// The settings of one kubelet.
#[derive(Debug)]
pub struct KubeletEvidence {
    /// Their file.
    pub source: Arc<Source>,
    /// The settings in it.
    pub settings: Vec<KubeletSettings>,
    /// What a running kubelet answered (`/configz`): all of its settings.
    pub live: bool,
    /// The file has the settings and nothing else.
    pub plain: bool,
}

impl Evidence {
    /// Reads files, in any order. What is wrong is reported to `p`; then the evidence is not complete.
    pub fn read(p: &Problems, inputs: &[Arc<Source>]) -> Self {
        let mut evidence = Evidence::default();
        for source in inputs {
            match content::read(p, source) {
                Some(content) => evidence.add(p, source, content),
                None => continue,
            }
        }
        evidence
    }

    fn add(&mut self, p: &Problems, source: &Arc<Source>, content: Content) {
        match content {
            Content::Documents(documents) => {
                let os: Vec<OsSettings> = documents.iter().filter_map(os_settings).collect();
                let known = self.kubelet_settings(source, &documents) || !os.is_empty();
                self.os.extend(os);
                // Beside settings stand parts of a provider's file that have no kind and say nothing about memory.
                let objects = documents.iter().filter(|d| !known || d.get("kind").is_some() || d.items().is_some());
                objects.for_each(|document| self.document(p, document));
            }
            Content::Summary(summary) => self.summaries.push(summary),
            Content::Series(list) => {
                if list.iter().all(|series| series.points.is_empty()) {
                    let message = format!("{}: no samples in it: nothing fitted the query", source.name);
                    p.push(Diagnostic::warning(&Location::new(source, 0..0), message));
                }
                self.series.extend(list.into_iter().map(|series| (Arc::clone(source), series)));
            }
            Content::Top(rows) => self.top.extend(rows.into_iter().map(|row| (Arc::clone(source), row))),
            Content::KernelLog(reports) => {
                self.kernel_logs.extend(reports.into_iter().map(|report| (Arc::clone(source), report)));
            }
            Content::Meminfo(meminfo) => once(p, source, &mut self.meminfo, meminfo, "a second /proc/meminfo"),
            Content::Free(free) => once(p, source, &mut self.free, free, "a second output of free"),
            Content::MemoryStat(stat) => self.memory_stats.push((Arc::clone(source), stat)),
            Content::MemoryCurrent(bytes) => self.memory_currents.push((Arc::clone(source), bytes)),
        }
    }

    /// True when there are any.
    fn kubelet_settings(&mut self, source: &Arc<Source>, documents: &[Value]) -> bool {
        let (live, plain) = match documents {
            [only] => (only.get("kubeletconfig").is_some(), text(only, &["kind"]) == "KubeletConfiguration"),
            _ => (false, false),
        };
        let one = |settings| KubeletEvidence { source: Arc::clone(source), settings, live, plain: live || plain };
        let before = self.kubelets.len();
        self.kubelets.extend(kubelets(documents).into_iter().map(one));
        self.kubelets.len() > before
    }

    fn document(&mut self, p: &Problems, value: &Value) {
        let kind = text(value, &["kind"]);
        // `kubectl … -o json | jq .items` is a list without a heading.
        let of_list = || value.get("items").filter(|_| kind.ends_with("List"));
        if let Some(items) = value.items().or_else(|| of_list().and_then(Value::items)) {
            return items.iter().for_each(|item| self.document(p, item));
        }
        if let Some(items) = of_list().filter(|items| items.kind != ValueKind::Null) {
            return p.expected(items, "a list of objects");
        }
        if is_kubelet_settings(value) {
            return;
        }
        if let Some((_, template)) = KINDS.iter().find(|(known, path)| *known == kind && !path.is_empty()) {
            return self.makers.extend(MakerFacts::read(p, &kind, template, value));
        }
        match kind.as_str() {
            "Node" => {
                let node = NodeFacts::read(p, value).filter(|node| self.nodes.iter().all(|n| n.name != node.name));
                self.nodes.extend(node);
            }
            "Pod" => {
                // Lists of one cluster overlap.
                let known =
                    |pod: &PodFacts| self.pods.iter().any(|p| (&p.namespace, &p.name) == (&pod.namespace, &pod.name));
                let pod = PodFacts::read(p, value).filter(|pod| !known(pod));
                self.pods.extend(pod);
            }
            "Status" if value.get("code").is_some() || text(value, &["status"]) == "Failure" => {
                let message = format!("the API server answered with an error: {}", text(value, &["message"]));
                p.error(&value.at, message);
            }
            "PodMetrics" | "NodeMetrics" => {
                let rows = crate::top::metrics(p, &kind, value);
                self.top.extend(rows.into_iter().map(|row| (Arc::clone(&value.at.source), row)));
            }
            "LimitRange" => self.defaults.extend(limit_range(p, value)),
            "PriorityClass" => self.priority_class(value),
            "RuntimeClass" => {
                let overhead = path(value, &["overhead", "podFixed"]).cloned();
                self.overheads.extend(overhead.map(|overhead| (text(value, &["metadata", "name"]), overhead)));
            }
            "HorizontalPodAutoscaler" | "VerticalPodAutoscaler" => self.autoscalers.extend(autoscaler(&kind, value)),
            // A machine configuration of Talos that says nothing about the kubelet.
            "" if value.get("machine").is_some() => {}
            "" => p.push(unknown_document(value)),
            other if path(value, &["spec", "template", "spec", "containers"]).is_some() => {
                *self.unread_makers.entry(other.to_string()).or_default() += 1;
            }
            other => *self.passed_over.entry(other.to_string()).or_default() += 1,
        }
    }

    fn priority_class(&mut self, value: &Value) {
        if let Some(ValueKind::Int(priority)) = value.get("value").map(|v| &v.kind) {
            self.priorities.insert(text(value, &["metadata", "name"]), *priority);
            if value.get("globalDefault").is_some_and(|default| default.kind == ValueKind::Bool(true)) {
                self.default_priority = Some(*priority);
            }
        }
    }
}

fn once<T>(p: &Problems, source: &Arc<Source>, place: &mut Option<T>, value: T, what: &str) {
    if place.is_some() {
        p.error(&Location::new(source, 0..0), format!("{what}: give the one of the node to import"));
    }
    *place = Some(value);
}

fn unknown_document(value: &Value) -> Diagnostic {
    Diagnostic::error(&value.at, "it is not known what this is: it has no `kind`").help(
        "known: Kubernetes objects (kubectl get -o json or yaml), kubelet settings and their wrappers, /stats/summary, \
         Prometheus answers, OpenMetrics, CSV, kubectl top, /proc/meminfo, free, memory.stat, memory.current, kernel logs with an OOM report",
    )
}
