//! The curves of a run: the truth, single pods, and what a monitoring system would have seen.

use super::palette;
use oomsim_core::record::{History, PodSample, Sample, Series};
use oomsim_core::units::{SimDuration, SimTime};
use ordered_float::OrderedFloat;
use plotters::style::RGBColor;
use std::collections::BTreeMap;

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

fn curve(series: &Series, name: &str, color: RGBColor, dash: f64, of: impl Fn(&Sample) -> f64) -> Curve {
    let points = series.samples.iter().map(|s| (s.at.as_secs_f64(), of(s))).collect();
    Curve::new(name, color, dash, points)
}

/// True for a machine without kubelet: its own figures are shown instead.
pub fn is_plain(history: &History) -> bool {
    history.node.kubepods_limit.is_none() && history.node.eviction_hard.is_none()
}

/// The curves of the node.
pub fn node(history: &History, series: &Series) -> Vec<Curve> {
    let bytes = |b: oomsim_core::units::Bytes| b.get() as f64;
    let samples = &series.samples;
    let mut curves = Vec::new();
    if is_plain(history) {
        curves.push(curve(series, "MemAvailable", palette::BLUE, 0.0, |s| bytes(s.mem_available)));
        if samples.iter().any(|s| s.committed_as.get() > 0) {
            curves.push(curve(series, "Committed_AS", palette::PURPLE, 0.0, |s| bytes(s.committed_as)));
        }
    } else {
        curves.push(curve(series, "node available", palette::BLUE, 0.0, |s| s.available as f64));
    }
    curves.push(curve(series, "node working set", palette::ORANGE, 0.0, |s| bytes(s.working_set)));
    if samples.iter().any(|s| s.kubepods_usage.get() > 0) {
        curves.push(curve(series, "pods' working set", palette::GREEN, 0.0, |s| bytes(s.kubepods_working_set)));
    }
    if samples.iter().any(|s| s.swap_used.get() > 0) {
        curves.push(curve(series, "swap used", palette::SKY, 0.0, |s| bytes(s.swap_used)));
    }
    curves
}

/// The shortest distinct names of pods.
pub fn pod_names(series: &Series) -> Vec<String> {
    let short = |pod: &str| pod.rsplit('/').next().unwrap_or(pod).to_owned();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for pod in &series.pods {
        *seen.entry(short(pod)).or_default() += 1;
    }
    let name = |pod: &oomsim_core::node_api::Name| {
        let name = short(pod);
        if seen.get(&name).is_some_and(|count| *count > 1) { pod.to_string() } else { name }
    };
    series.pods.iter().map(name).collect()
}

/// The `most` largest pods by their peak, with their index, and how many others there are. Where a pod's usage is more
/// than its working set by a good part of `notable`, its cache matters: its usage follows as a dotted curve.
pub fn pods(series: &Series, most: usize, notable: f64) -> (Vec<(u32, Curve)>, usize) {
    let mut peaks: Vec<Option<u64>> = vec![None; series.pods.len()];
    for pod in series.samples.iter().flat_map(|s| &s.pods) {
        let Some(peak) = peaks.get_mut(pod.pod as usize) else { continue };
        *peak = (*peak).max(Some(pod.working_set.get()));
    }
    let mut order: Vec<(u32, u64)> = (0..).zip(peaks).filter_map(|(pod, peak)| Some((pod, peak?))).collect();
    order.sort_by_key(|&(pod, peak)| (std::cmp::Reverse(peak), pod));
    let others = order.len().saturating_sub(most);
    order.truncate(most);

    let names = pod_names(series);
    let kept: Vec<u32> = order.iter().map(|&(pod, _)| pod).collect();
    let mut lines = runs_of(series, &kept, |pod| pod.working_set.get() as f64);
    let cached_pods = cached(series, &kept, notable);
    let mut usage = runs_of(series, &cached_pods, |pod| pod.usage.get() as f64);
    let curve = |(n, (pod, _)): (usize, (u32, u64))| {
        let color = palette::PODS[n % palette::PODS.len()];
        let dash = if n < palette::PODS.len() { 0.0 } else { 5.0 };
        let name = names.get(pod as usize).cloned().unwrap_or_default();
        (pod, Curve { name, color, dash, runs: lines.remove(&pod).unwrap_or_default() })
    };
    let mut curves: Vec<(u32, Curve)> = order.into_iter().enumerate().map(curve).collect();
    let used = |(pod, curve): &(u32, Curve)| {
        let runs = usage.remove(pod)?;
        Some((*pod, Curve { name: format!("{} usage", curve.name), color: curve.color, dash: 2.0, runs }))
    };
    let used: Vec<_> = curves.iter().filter_map(used).collect();
    curves.extend(used);
    (curves, others)
}

/// Which of these pods at some time use more than their working set by more than `notable`.
fn cached(series: &Series, pods: &[u32], notable: f64) -> Vec<u32> {
    // Of each pod whether it is still in question; the samples of a long run are many.
    let mut open = vec![false; series.pods.len()];
    for pod in pods {
        open[*pod as usize] = true;
    }
    let mut found = Vec::new();
    for pod in series.samples.iter().flat_map(|s| &s.pods) {
        let place = pod.pod as usize;
        if open.get(place) != Some(&true) {
            continue;
        }
        if pod.usage.get().saturating_sub(pod.working_set.get()) as f64 > notable {
            open[place] = false;
            found.push(pod.pod);
        }
    }
    found.sort_unstable();
    found
}

/// A figure of each of these pods over time, with gaps where it has no cgroup.
fn runs_of(series: &Series, pods: &[u32], of: impl Fn(&PodSample) -> f64) -> BTreeMap<u32, Vec<Vec<Point>>> {
    if pods.is_empty() {
        return BTreeMap::new();
    }
    let mut places: Vec<Option<usize>> = vec![None; pods.iter().max().map_or(0, |pod| *pod as usize + 1)];
    pods.iter().enumerate().for_each(|(place, pod)| places[*pod as usize] = Some(place));
    let mut lines: Vec<Vec<Vec<Point>>> = vec![vec![Vec::new()]; pods.len()];
    let mut here: Vec<Option<f64>> = vec![None; pods.len()];
    for sample in &series.samples {
        let at = sample.at.as_secs_f64();
        here.fill(None);
        for pod in &sample.pods {
            if let Some(Some(place)) = places.get(pod.pod as usize) {
                here[*place] = Some(of(pod));
            }
        }
        for (value, runs) in here.iter().zip(&mut lines) {
            match (value, runs.last_mut()) {
                (Some(value), Some(run)) => run.push((at, *value)),
                (None, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
                _ => {}
            }
        }
    }
    pods.iter().copied().zip(lines).collect()
}

/// Seconds between two scrapes.
pub const SCRAPE: SimDuration = SimDuration::from_secs(30);
/// A series that stops keeps its last value this long.
pub const STALENESS: SimDuration = SimDuration::from_secs(300);

/// The run as a monitoring system draws it: values of the last scrape, and pods that are gone counted with their last
/// value until it is stale (Prometheus: 30 s scrapes, 5 min lookback; cAdvisor's samples carry their own time, so no
/// staleness marker ends them earlier).
pub fn scraped(series: &Series) -> Series {
    let samples = &series.samples;
    let mut kept = Vec::new();
    let mut seen: BTreeMap<u32, (SimTime, PodSample)> = BTreeMap::new();
    let (mut index, mut scrape) = (0, SimTime::ZERO);
    let Some(last) = samples.last() else { return Series::default() };
    while scrape <= last.at {
        while samples.get(index + 1).is_some_and(|next| next.at <= scrape) {
            index += 1;
        }
        for pod in &samples[index].pods {
            seen.insert(pod.pod, (scrape, *pod));
        }
        seen.retain(|_, (at, _)| scrape.since(*at) < STALENESS);
        let pods: Vec<_> = seen.values().map(|(_, pod)| *pod).collect();
        let kubepods_working_set = pods.iter().map(|pod| pod.working_set).sum();
        kept.push(Sample { at: scrape, pods, kubepods_working_set, ..samples[index].clone() });
        scrape += SCRAPE;
    }
    let held = kept.last().map(|sample| Sample { at: last.at, ..sample.clone() });
    kept.extend(held.filter(|sample| kept.last().is_some_and(|before| before.at < sample.at)));
    Series { pods: series.pods.clone(), samples: kept }
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
            let height = |point: &&Point| OrderedFloat(point.1);
            let mut keep = vec![group[0], group[group.len() - 1]];
            keep.extend(group.iter().min_by_key(height));
            keep.extend(group.iter().max_by_key(height));
            keep.sort_by_key(|point| OrderedFloat(point.0));
            thinned.extend(keep);
        }
        start = end;
    }
    thinned
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A figure of P4 (docs/SOURCES.md): the node's curve drops at once, the pods' stays flat for five minutes.
    #[test]
    fn monitoring_keeps_a_gone_pod_for_five_minutes() {
        let truth = crate::testdata::oom2();
        let seen = scraped(&truth.series);
        let at = |seconds: f64| {
            let found = seen.samples.iter().rev().find(|s| s.at.as_secs_f64() <= seconds);
            found.map(|s| (s.kubepods_working_set.get() >> 20, s.available >> 20)).unwrap_or_default()
        };
        // Evicted at 268.3 s; the last scrape before is at 240 s, so the value is shown up to the scrape at 510 s.
        assert!(at(245.0).0 > 4000 && at(245.0).1 < 2300);
        assert!(at(275.0).0 > 4000 && at(275.0).1 > 6000);
        assert!(at(539.0).0 > 4000);
        assert!(at(541.0).0 < 200);
    }

    #[test]
    fn thinning_keeps_the_extremes() {
        let points: Vec<Point> =
            (0..1000).map(|n| (f64::from(n), if n == 500 { 99.0 } else { f64::from(n % 3) })).collect();
        let thinned = thin(&points, |at| (at / 100.0) as i64);
        assert!(thinned.len() <= 40 && thinned.contains(&(500.0, 99.0)));
        assert_eq!((thinned.first(), thinned.last()), (points.first(), points.last()));
    }
}
