//! The curves of a run: the node's and single pods', made as its samples pass.

use super::line::{Line, Point};
use super::{palette, processes};
use oomsim_core::node_api::Name;
use oomsim_core::record::{History, PodSample, Sample};
use oomsim_core::units::Pid;
use plotters::style::RGBColor;
use std::collections::BTreeMap;

/// A curve with gaps: each run of points is drawn as one line.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Label.
    pub name: String,
    /// Colour.
    pub color: RGBColor,
    /// Length of dashes; 0 for a solid line.
    pub dash: f64,
    /// Points in order of time.
    pub runs: Vec<Vec<Point>>,
}

impl Curve {
    /// Largest value.
    pub fn peak(&self) -> f64 {
        self.runs.iter().flatten().map(|p| p.1).fold(0.0, f64::max)
    }

    /// Smallest value, at most 0.
    pub fn lowest(&self) -> f64 {
        self.runs.iter().flatten().map(|p| p.1).fold(0.0, f64::min)
    }

    /// The last point.
    pub fn end(&self) -> Option<Point> {
        self.runs.iter().rev().find_map(|run| run.last().copied())
    }
}

/// True for a machine without kubelet: its own figures are shown instead.
pub fn is_plain(history: &History) -> bool {
    history.node.kubepods_limit.is_none() && history.node.eviction_hard.is_none()
}

/// A curve of the node under way.
struct NodeLine {
    name: &'static str,
    color: RGBColor,
    of: fn(&Sample) -> f64,
    /// It is shown where this is not zero at some time.
    shown_by: fn(&Sample) -> u64,
    shown: bool,
    line: Line,
}

/// A pod's curves under way.
#[derive(Default)]
struct PodLines {
    working_set: Line,
    /// Usage, from the sample on in which it first differs from the working set; before, it is the same.
    usage: Option<Box<Line>>,
    /// Largest working set.
    peak: u64,
    /// How much more its usage has been than its working set, at most.
    cache: u64,
}

impl PodLines {
    fn push(&mut self, number: u64, column: i64, at: f64, pod: &PodSample) {
        let (used, working) = (pod.usage.get(), pod.working_set.get());
        if used != working && self.usage.is_none() {
            self.usage = Some(Box::new(self.working_set.clone()));
        }
        self.working_set.push(number, column, (at, working as f64));
        if let Some(usage) = &mut self.usage {
            usage.push(number, column, (at, used as f64));
        }
        self.peak = self.peak.max(working);
        self.cache = self.cache.max(used.saturating_sub(working));
    }
}

/// Collects the curves of a run from its samples, which it sees one after the other.
pub struct Collector {
    /// Columns of pixels in a second.
    columns: f64,
    samples: u64,
    node: Vec<NodeLine>,
    pods: Vec<Option<PodLines>>,
    processes: Vec<(Pid, String, Line)>,
}

/// The curves of a run.
pub struct Curves {
    /// The node's.
    pub node: Vec<Curve>,
    /// Those of the largest pods, with their index. Where a pod's usage is notably more than its working set, its cache
    /// matters: its usage follows as a dotted curve.
    pub pods: Vec<(u32, Curve)>,
    /// How many pods there are in addition.
    pub other_pods: usize,
    /// Those of single processes.
    pub processes: Vec<Curve>,
}

impl Collector {
    /// Of a run that is drawn over this many columns of pixels.
    pub fn new(history: &History, columns: f64) -> Collector {
        let mut node = Vec::new();
        let mut line = |name, color, of, shown_by| {
            node.push(NodeLine { name, color, of, shown_by, shown: false, line: Line::default() });
        };
        if is_plain(history) {
            line("MemAvailable", palette::BLUE, |s| s.mem_available.get() as f64, |_| 1);
            line("Committed_AS", palette::PURPLE, |s| s.committed_as.get() as f64, |s| s.committed_as.get());
        } else {
            line("node available", palette::BLUE, |s| s.available as f64, |_| 1);
        }
        line("node working set", palette::ORANGE, |s| s.working_set.get() as f64, |_| 1);
        let pods = "pods' working set";
        line(pods, palette::GREEN, |s| s.kubepods_working_set.get() as f64, |s| s.kubepods_usage.get());
        line("swap used", palette::SKY, |s| s.swap_used.get() as f64, |s| s.swap_used.get());
        let end = history.ended_at.as_secs_f64().max(1e-6);
        let processes = processes::of(history).into_iter().map(|(pid, name)| (pid, name, Line::default())).collect();
        Collector { columns: columns / end, samples: 0, node, pods: Vec::new(), processes }
    }

    /// The next sample.
    pub fn take(&mut self, sample: &Sample) {
        self.samples += 1;
        let at = sample.at.as_secs_f64();
        let column = (at * self.columns).round() as i64;
        for of in &mut self.node {
            of.line.push(self.samples, column, (at, (of.of)(sample)));
            of.shown |= (of.shown_by)(sample) > 0;
        }
        for pod in &sample.pods {
            let place = pod.pod as usize;
            if self.pods.len() <= place {
                self.pods.resize_with(place + 1, || None);
            }
            self.pods[place].get_or_insert_default().push(self.samples, column, at, pod);
        }
        for process in &sample.processes {
            if let Some((_, _, line)) = self.processes.iter_mut().find(|(pid, ..)| *pid == process.pid) {
                line.push(self.samples, column, (at, process.rss.get() as f64));
            }
        }
    }

    /// The curves of the node and of the `most` largest pods by their peak. More than `notable` bytes of cache matter.
    /// `None`: there was no sample.
    pub fn finish(self, names: &[Name], most: usize, notable: f64) -> Option<Curves> {
        if self.samples == 0 {
            return None;
        }
        let shown = self.node.into_iter().filter(|of| of.shown);
        let curve = |of: NodeLine| Curve { name: of.name.into(), color: of.color, dash: 0.0, runs: of.line.runs() };
        let node = shown.map(curve).collect();
        let mut order: Vec<(u32, PodLines)> = (0..).zip(self.pods).filter_map(|(pod, of)| Some((pod, of?))).collect();
        order.sort_by_key(|(pod, of)| (std::cmp::Reverse(of.peak), *pod));
        let other_pods = order.len().saturating_sub(most);
        order.truncate(most);
        let names = pod_names(names);
        let (mut pods, mut used) = (Vec::new(), Vec::new());
        for (n, (pod, of)) in order.into_iter().enumerate() {
            let color = palette::PODS[n % palette::PODS.len()];
            let dash = if n < palette::PODS.len() { 0.0 } else { 5.0 };
            let name = names.get(pod as usize).cloned().unwrap_or_default();
            if let Some(usage) = of.usage.filter(|_| of.cache as f64 > notable) {
                used.push((pod, Curve { name: format!("{name} usage"), color, dash: 2.0, runs: usage.runs() }));
            }
            pods.push((pod, Curve { name, color, dash, runs: of.working_set.runs() }));
        }
        pods.extend(used);
        let process = |(n, (_, name, line)): (usize, (Pid, String, Line))| {
            let color = palette::PODS[n % palette::PODS.len()];
            Curve { name, color, dash: 0.0, runs: line.runs() }
        };
        let processes = self.processes.into_iter().enumerate().map(process).filter(|curve| !curve.runs.is_empty());
        Some(Curves { node, pods, other_pods, processes: processes.collect() })
    }
}

/// The shortest distinct names of pods.
fn pod_names(pods: &[Name]) -> Vec<String> {
    let short = |pod: &str| pod.rsplit('/').next().unwrap_or(pod).to_owned();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for pod in pods {
        *seen.entry(short(pod)).or_default() += 1;
    }
    let name = |pod: &Name| {
        let name = short(pod);
        if seen.get(&name).is_some_and(|count| *count > 1) { pod.to_string() } else { name }
    };
    pods.iter().map(name).collect()
}
