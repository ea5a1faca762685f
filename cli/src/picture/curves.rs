//! The curves of a run: the truth, single pods, and what a monitoring system would have seen.

use super::palette;
use plotters::style::RGBColor;
use sim_core::record::{History, Sample};
use std::collections::{BTreeMap, VecDeque};

/// Seconds and bytes.
pub type Point = (f64, f64);

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
    fn new(name: &str, color: RGBColor, dash: f64, points: Vec<Point>) -> Curve {
        Curve { name: name.into(), color, dash, runs: vec![points] }
    }

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

fn curve(history: &History, name: &str, color: RGBColor, dash: f64, of: impl Fn(&Sample) -> f64) -> Curve {
    let points = history.series.samples.iter().map(|s| (s.at.as_secs_f64(), of(s))).collect();
    Curve::new(name, color, dash, points)
}

/// True for a machine without kubelet: its own figures are shown instead.
pub fn is_plain(history: &History) -> bool {
    history.node.kubepods_limit.is_none() && history.node.eviction_hard.is_none()
}

/// The curves of the node.
pub fn node(history: &History) -> Vec<Curve> {
    let bytes = |b: sim_core::units::Bytes| b.get() as f64;
    let samples = &history.series.samples;
    let mut curves = Vec::new();
    if is_plain(history) {
        curves.push(curve(history, "MemAvailable", palette::BLUE, 0.0, |s| bytes(s.mem_available)));
        if samples.iter().any(|s| s.committed_as.get() > 0) {
            curves.push(curve(history, "Committed_AS", palette::PURPLE, 0.0, |s| bytes(s.committed_as)));
        }
    } else {
        curves.push(curve(history, "node available", palette::BLUE, 0.0, |s| s.available as f64));
    }
    curves.push(curve(history, "node working set", palette::ORANGE, 0.0, |s| bytes(s.working_set)));
    if samples.iter().any(|s| s.kubepods_usage.get() > 0) {
        curves.push(curve(history, "pods' working set", palette::GREEN, 0.0, |s| bytes(s.kubepods_working_set)));
    }
    if samples.iter().any(|s| s.swap_used.get() > 0) {
        curves.push(curve(history, "swap used", palette::SKY, 0.0, |s| bytes(s.swap_used)));
    }
    curves
}

/// Names of pods as short as they can be told apart.
pub fn pod_names(history: &History) -> Vec<String> {
    let short = |pod: &str| pod.rsplit('/').next().unwrap_or(pod).to_owned();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for pod in &history.series.pods {
        *seen.entry(short(pod)).or_default() += 1;
    }
    let name = |pod: &sim_core::node_api::Name| {
        let name = short(pod);
        if seen.get(&name).is_some_and(|count| *count > 1) { pod.to_string() } else { name }
    };
    history.series.pods.iter().map(name).collect()
}

/// The `most` largest pods by their peak, with their index, and how many others there are.
pub fn pods(history: &History, most: usize) -> (Vec<(u32, Curve)>, usize) {
    let mut peaks: BTreeMap<u32, u64> = BTreeMap::new();
    for pod in history.series.samples.iter().flat_map(|s| &s.pods) {
        let peak = peaks.entry(pod.pod).or_default();
        *peak = (*peak).max(pod.working_set.get());
    }
    let mut order: Vec<_> = peaks.into_iter().collect();
    order.sort_by_key(|&(pod, peak)| (std::cmp::Reverse(peak), pod));
    let others = order.len().saturating_sub(most);
    order.truncate(most);

    let names = pod_names(history);
    let mut lines: BTreeMap<u32, Vec<Vec<Point>>> = order.iter().map(|&(pod, _)| (pod, vec![Vec::new()])).collect();
    for sample in &history.series.samples {
        let at = sample.at.as_secs_f64();
        let here: BTreeMap<u32, u64> = sample.pods.iter().map(|p| (p.pod, p.working_set.get())).collect();
        for (pod, runs) in &mut lines {
            match (here.get(pod), runs.last_mut()) {
                (Some(&value), Some(run)) => run.push((at, value as f64)),
                (None, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
                _ => {}
            }
        }
    }
    let curve = |(n, (pod, _)): (usize, (u32, u64))| {
        let color = palette::PODS[n % palette::PODS.len()];
        let dash = if n < palette::PODS.len() { 0.0 } else { 5.0 };
        let name = names.get(pod as usize).cloned().unwrap_or_default();
        (pod, Curve { name, color, dash, runs: lines.remove(&pod).unwrap_or_default() })
    };
    (order.into_iter().enumerate().map(curve).collect(), others)
}

/// Seconds between two scrapes.
pub const SCRAPE: f64 = 30.0;
/// A series that stops keeps its last value this long.
pub const STALENESS: f64 = 300.0;

/// The node's curves as a monitoring system draws them: values of the last scrape, and pods that are gone counted
/// with their last value until it is stale (Prometheus: 30 s scrapes, 5 min lookback; cAdvisor's samples carry their
/// own time, so no staleness marker ends them earlier).
pub fn prometheus(history: &History) -> Vec<Curve> {
    let samples = &history.series.samples;
    let Some(last) = samples.last() else { return Vec::new() };
    let end = last.at.as_secs_f64();
    let (mut node, mut pods, mut index) = (VecDeque::new(), VecDeque::new(), 0);
    let mut seen: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    let mut scrape = 0.0;
    while scrape <= end && node.len() < 1_000_000 {
        while index + 1 < samples.len() && samples[index + 1].at.as_secs_f64() <= scrape {
            index += 1;
        }
        let sample = &samples[index];
        for pod in &sample.pods {
            seen.insert(pod.pod, (scrape, pod.working_set.get() as f64));
        }
        seen.retain(|_, (at, _)| scrape - *at < STALENESS);
        node.push_back((scrape, sample.available as f64, sample.working_set.get() as f64));
        pods.push_back((scrape, seen.values().map(|(_, value)| value).sum::<f64>()));
        scrape += SCRAPE;
    }
    let of = |pick: fn(&(f64, f64, f64)) -> f64| node.iter().map(|p| (p.0, pick(p))).collect::<Vec<_>>();
    vec![
        Curve::new("node available", palette::BLUE, 0.0, of(|p| p.1)),
        Curve::new("node working set", palette::ORANGE, 0.0, of(|p| p.2)),
        Curve::new("sum over pods", palette::GREEN, 0.0, pods.into()),
    ]
}

/// At most about four points per column of the picture, with the extremes kept: a spike stays visible.
pub fn thin(points: &[Point], column: impl Fn(f64) -> i64) -> Vec<Point> {
    let mut thinned: Vec<Point> = Vec::new();
    let mut start = 0;
    while start < points.len() {
        let here = column(points[start].0);
        let end = start + points[start..].iter().take_while(|p| column(p.0) == here).count();
        let group = &points[start..end];
        if group.len() <= 4 {
            thinned.extend_from_slice(group);
        } else {
            let by = |a: &&Point, b: &&Point| a.1.total_cmp(&b.1);
            let mut keep = vec![group[0], group[group.len() - 1]];
            keep.extend(group.iter().min_by(by));
            keep.extend(group.iter().max_by(by));
            keep.sort_by(|a, b| a.0.total_cmp(&b.0));
            thinned.extend(keep);
        }
        start = end;
    }
    thinned
}
