//! The page: title, labels in lanes, and the charts of the node, the pods and single processes.

use super::axis::{memory_text, time_text};
use super::canvas::{Anchor, Canvas, Font, Xy};
use super::curves::{self, Collector, Curve};
use super::marks::{self, Class, Label, Mark};
use super::panel::{Band, Panel, SideLabel, Threshold, shortened};
use super::{DrawError, Sheet, font, palette};
use oomsim_core::record::{History, Record};
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBAColor, WHITE};
use std::collections::BTreeSet;

/// What the picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// The node as a monitoring system would have drawn it, instead of the truth.
    pub prometheus: bool,
}

const WIDTH: f64 = 1600.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 1330.0;
/// Columns of pixels of a chart.
pub const COLUMNS: f64 = RIGHT - LEFT;
const LANE: f64 = 36.0;
const HEAD: f64 = 78.0;
const TITLE: f64 = 26.0;
const NODE_HEIGHT: f64 = 430.0;
const PODS_HEIGHT: f64 = 270.0;
const PROCESSES_HEIGHT: f64 = 180.0;
const AXIS: f64 = 30.0;
const MOST_PODS: usize = 7;
const DENSE: usize = 60;
/// Deaths that the description of a picture names.
const MOST_DEATHS: usize = 12;

/// Everything placed, ready to be drawn at any scale.
pub struct Page<'a> {
    history: &'a History,
    height: f64,
    node: Chart,
    pods: Option<Chart>,
    processes: Option<Chart>,
    pod_curves: Vec<(u32, Curve)>,
    other_pods: usize,
    marks: Vec<Mark>,
    labels: Vec<Label>,
    prometheus: bool,
}

struct Chart {
    panel: Panel,
    curves: Vec<Curve>,
    thresholds: Vec<Threshold>,
    bands: Vec<Band>,
    side: Vec<SideLabel>,
    /// The first curve, the largest, is drawn below the others instead of above them.
    largest_below: bool,
}

impl<'a> Page<'a> {
    /// Places everything.
    ///
    /// # Errors
    /// When the built-in font cannot be used or the run has no series.
    pub fn new(history: &'a History, curves: Collector, prometheus: bool) -> Result<Self, DrawError> {
        if !font::register() {
            return Err(DrawError::NoFont);
        }
        let notable = 0.03 * history.node.capacity.get() as f64;
        let curves = curves.finish(&history.series.pods, MOST_PODS, notable).ok_or(DrawError::NoSeries)?;
        let end = history.ended_at.as_secs_f64().max(1e-6);
        let marks = marks::of(history);
        let to_x = |at: u64| LEFT + (RIGHT - LEFT) * (at as f64 / 1e9 / end);
        let mut labels = marks::layout(&marks, to_x, |title, detail| {
            font::width(title, TITLE_SIZE, true).max(font::width(detail, DETAIL_SIZE, false)) + 8.0
        });
        for label in &mut labels {
            // Long names end at the edge of the picture.
            let room = WIDTH - label.x - 2.0 * LABEL_GAP;
            let look = |size, bold| Font { size, bold, color: palette::INK };
            label.title = shortened(&label.title, room, look(TITLE_SIZE, true));
            label.detail = shortened(&label.detail, room, look(DETAIL_SIZE, false));
            label.width = label.width.min(WIDTH - label.x);
        }
        let lanes = labels.iter().map(|label| label.lane + 1).max().unwrap_or(0);
        let top = HEAD + LANE * lanes as f64 + TITLE;
        let curves::Curves { node, pods: pod_curves, other_pods, processes } = curves;
        let node = node_chart(history, node, (top, top + NODE_HEIGHT), end);
        let mut height = top + NODE_HEIGHT + AXIS;
        let pods = (!pod_curves.is_empty()).then(|| {
            let top = height + TITLE + 8.0;
            height = top + PODS_HEIGHT + AXIS;
            pods_chart(history, &pod_curves, (top, top + PODS_HEIGHT), end)
        });
        let processes = (!processes.is_empty()).then(|| {
            let top = height + TITLE + 8.0;
            height = top + PROCESSES_HEIGHT + AXIS;
            processes_chart(processes, (top, top + PROCESSES_HEIGHT), end)
        });
        let height = height + 12.0;
        Ok(Page { history, height, node, pods, processes, pod_curves, other_pods, marks, labels, prometheus })
    }

    fn head<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Result<(), DrawError> {
        let title = Font { size: 20.0, bold: true, color: palette::INK };
        let view =
            if self.prometheus { " – as Prometheus would have seen it (30 s scrapes, 5 min staleness)" } else { "" };
        let name = format!("{}{view}", self.history.scenario);
        canvas.text(&shortened(&name, WIDTH - LEFT - 20.0, title), (LEFT, 28.0), Anchor::Start, title)?;
        let node = &self.history.node;
        let amount = |b: oomsim_core::units::Bytes| memory_text(b.get() as f64);
        let name = if &*node.name == "node" { "node".into() } else { format!("node {}", node.name) };
        let mut facts = vec![name, format!("capacity {}", amount(node.capacity))];
        if !curves::is_plain(self.history) {
            facts.push(format!("allocatable {}", amount(node.allocatable)));
        }
        facts.push(format!("{} simulated", time_text(self.history.ended_at.as_secs_f64())));
        facts.push(format!("seed {}", self.history.seed));
        let look = Font { size: 13.0, bold: false, color: palette::GREY };
        canvas.text(&facts.join("  ·  "), (LEFT, 54.0), Anchor::Start, look)
    }

    fn charts(&self) -> impl Iterator<Item = &Chart> {
        [Some(&self.node), self.pods.as_ref(), self.processes.as_ref()].into_iter().flatten()
    }

    /// True when there are too many marks of a kind for a symbol each: they become short strokes.
    fn is_dense(&self, class: Class) -> bool {
        self.marks.iter().filter(|mark| mark.class == class).nth(DENSE).is_some()
    }

    /// A thin vertical line through a chart at every mark.
    fn poles<B: DrawingBackend>(&self, canvas: &Canvas<B>, panel: &Panel) -> Result<(), DrawError> {
        let mut drawn = BTreeSet::new();
        for mark in self.marks.iter().filter(|mark| !self.is_dense(mark.class)) {
            let x = panel.x(mark.at as f64 / 1e9);
            if drawn.insert((x.round() as i64, mark.class)) {
                let color = mark.class.look().1.mix(0.45);
                canvas.line(&[(x, panel.top), (x, panel.bottom)], color, 1.0, 0.0)?;
            }
        }
        Ok(())
    }

    /// Labels in their lanes, their poles, and a symbol for every mark at the chart's upper edge.
    fn flags<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Result<(), DrawError> {
        let panel = &self.node.panel;
        for label in &self.labels {
            let color = label.class.look().1;
            let top = panel.top - TITLE - LANE * (label.lane as f64 + 1.0);
            let x = label.x;
            canvas.line(&[(x, top + 3.0), (x, panel.top)], color.mix(0.8), 1.2, 0.0)?;
            let bold = Font { size: TITLE_SIZE, bold: true, color: palette::text(color) };
            let plain = Font { size: DETAIL_SIZE, bold: false, color: palette::GREY };
            canvas.text(&label.title, (x + LABEL_GAP, top + 10.0), Anchor::Start, bold)?;
            canvas.text(&label.detail, (x + LABEL_GAP, top + 24.0), Anchor::Start, plain)?;
        }
        let mut drawn = BTreeSet::new();
        let mut order: Vec<_> = self.marks.iter().collect();
        order.sort_by_key(|mark| std::cmp::Reverse(mark.class));
        for mark in order {
            let x = panel.x(mark.at as f64 / 1e9);
            let (symbol, color) = mark.class.look();
            if self.is_dense(mark.class) {
                if drawn.insert((x.round() as i64, mark.class)) {
                    canvas.line(&[(x, panel.top - 5.0), (x, panel.top + 5.0)], color.into(), 1.0, 0.0)?;
                }
            } else if drawn.insert(((x / 3.0).round() as i64, mark.class)) {
                canvas.symbol(symbol, (x, panel.top), color)?;
            }
        }
        Ok(())
    }

    /// Symbols on the curves of the pods that something happened to.
    fn pod_symbols<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Result<(), DrawError> {
        let Some(chart) = &self.pods else { return Ok(()) };
        let mut drawn = BTreeSet::new();
        let mut order: Vec<_> = self.marks.iter().collect();
        order.sort_by_key(|mark| std::cmp::Reverse(mark.class));
        for mark in order {
            let Some(pod) = &mark.pod else { continue };
            if mark.class == Class::Reject || self.is_dense(mark.class) {
                continue;
            }
            let index = self.history.series.pods.iter().position(|name| name == pod);
            let curve = self.pod_curves.iter().find(|(id, _)| Some(*id as usize) == index);
            let Some((_, curve)) = curve else { continue };
            let at = mark.at as f64 / 1e9;
            let x = chart.panel.x(at);
            let Some(value) = value_before(curve, at, chart.panel.end) else { continue };
            let y = chart.panel.y(value);
            let (symbol, color) = mark.class.look();
            if drawn.insert(((x / 4.0).round() as i64, (y / 4.0).round() as i64, mark.class)) {
                canvas.symbol(symbol, (x, y), color)?;
            }
        }
        Ok(())
    }
}

/// What the picture of a run shows, for people who cannot see it: its `<desc>`.
pub fn description(history: &History) -> String {
    let counts = &history.counts;
    let mut about = format!(
        "Memory of node {} over {}: {}, {}.",
        history.node.name,
        time_text(history.ended_at.as_secs_f64()),
        crate::text::plural(counts.oom_kills, "OOM kill"),
        crate::text::plural(counts.evictions, "eviction")
    );
    for death in crate::deaths::deaths(history).take(MOST_DEATHS) {
        let at = death.at.as_secs_f64();
        about.push_str(&format!(" {at:.3} s: {} of {}, by {}.", death.process(), death.of, death.by));
    }
    about
}

impl Sheet for Page<'_> {
    fn size(&self, scale: u32) -> (u32, u32) {
        (WIDTH as u32 * scale, self.height.ceil() as u32 * scale)
    }

    fn about(&self) -> (String, String) {
        (format!("oomsim: {}", self.history.scenario), description(self.history))
    }

    fn draw<B: DrawingBackend>(&self, backend: B, scale: f64) -> Result<(), DrawError> {
        let canvas = Canvas::new(backend, scale);
        canvas.background(WHITE)?;
        self.head(&canvas)?;
        for chart in self.charts() {
            chart.panel.ground(&canvas, &chart.bands, true)?;
            chart.panel.thresholds(&canvas, &chart.thresholds)?;
            self.poles(&canvas, &chart.panel)?;
            if chart.largest_below {
                chart.panel.curves(&canvas, chart.curves.iter().rev())?;
            } else {
                chart.panel.curves(&canvas, chart.curves.iter())?;
            }
            chart.panel.draw_side_labels(&canvas, &chart.side, WIDTH - RIGHT)?;
        }
        if let (Some(chart), 1..) = (&self.pods, self.other_pods) {
            let look = Font { size: 12.0, bold: false, color: palette::GREY };
            let text = format!("and {} smaller pods", self.other_pods);
            canvas.text(&text, (RIGHT + 22.0, chart.panel.bottom + 15.0), Anchor::Start, look)?;
        }
        self.flags(&canvas)?;
        self.pod_symbols(&canvas)?;
        canvas.finish()
    }
}

/// From a label's pole to its text.
const LABEL_GAP: f64 = 5.0;
const TITLE_SIZE: f64 = 13.0;
const DETAIL_SIZE: f64 = 12.0;

/// The larger of the curve's last two values up to an instant: a kill is drawn where the pod came from. Nothing for
/// a pod that was gone long before, as seen on an axis that ends at `end`.
fn value_before(curve: &Curve, at: f64, end: f64) -> Option<f64> {
    let mut before: Option<(f64, f64)> = None;
    let mut last: Option<(f64, f64)> = None;
    for point in curve.runs.iter().flatten().take_while(|point| point.0 <= at + 1e-9) {
        (before, last) = (last, Some(*point));
    }
    let last = last.filter(|last| at - last.0 <= 0.02 * end)?;
    Some(before.map_or(last.1, |before| before.1.max(last.1)))
}

fn node_chart(history: &History, curves: Vec<Curve>, (top, bottom): Xy, end: f64) -> Chart {
    let node = &history.node;
    let capacity = node.capacity.get() as f64;
    let mut thresholds = Vec::new();
    let mut bands = Vec::new();
    let mut line = |name: &str, value: f64, color, dash| {
        thresholds.push(Threshold { name: name.into(), value, color, dash });
    };
    line("capacity", capacity, palette::INK, 0.0);
    let tint = |color: plotters::style::RGBColor, alpha| RGBAColor(color.0, color.1, color.2, alpha);
    if let Some(limit) = node.kubepods_limit {
        let (limit, allocatable) = (limit.get() as f64, node.allocatable.get() as f64);
        if limit < capacity {
            line("kubepods limit", limit, palette::VERMILION, 7.0);
            bands.push(Band { low: limit, high: capacity, color: tint(palette::VERMILION, 0.08) });
        }
        if allocatable < limit {
            line("allocatable", allocatable, palette::GREEN, 7.0);
        }
        // Equal to allocatable for a threshold that is a quantity; a percentage is of the kubepods limit here.
        if let Some(above) = node.pods_evicted_above.map(|b| b.get() as f64).filter(|above| *above < limit) {
            if (above - allocatable).abs() > 0.001 * capacity {
                line("pods evicted above", above, palette::GREEN, 3.0);
            }
            bands.push(Band { low: above, high: limit, color: tint(palette::GREEN, 0.09) });
        }
    }
    for (name, threshold) in [("eviction-soft", node.eviction_soft), ("eviction-hard", node.eviction_hard)] {
        let Some(value) = threshold.map(|b| b.get() as f64).filter(|v| *v > 0.0) else { continue };
        line(name, value, palette::BLUE, if name == "eviction-soft" { 3.0 } else { 7.0 });
        bands.push(Band { low: 0.0, high: value, color: tint(palette::BLUE, 0.07) });
    }
    if let Some(limit) = history.entries.iter().rev().find_map(|entry| match &entry.record {
        Record::AllocationRefused { commit_limit, .. } => Some(commit_limit.get() as f64),
        _ => None,
    }) && limit < 4.0 * capacity
    {
        line("CommitLimit", limit, palette::PURPLE, 7.0);
    }
    let peak = curves.iter().map(Curve::peak).fold(capacity, f64::max);
    let low = curves.iter().map(Curve::lowest).fold(0.0, f64::min).max(-capacity);
    let high = peak.min(3.0 * capacity) * 1.02;
    let title = "Node".to_owned();
    let panel = Panel { left: LEFT, right: RIGHT, top, bottom, end, low, high, title };
    let side = panel.side_labels(curves.iter(), &thresholds);
    Chart { panel, curves, thresholds, bands, side, largest_below: false }
}

fn pods_chart(history: &History, pods: &[(u32, Curve)], (top, bottom): Xy, end: f64) -> Chart {
    let curves: Vec<_> = pods.iter().map(|(_, curve)| curve.clone()).collect();
    let mut limits: Vec<(f64, Vec<String>)> = Vec::new();
    let mut seen = BTreeSet::new();
    for (pod, curve) in pods.iter().filter(|(pod, _)| seen.insert(*pod)) {
        let name = history.series.pods.get(*pod as usize);
        let limit = history.node.pod_limits.iter().find(|(limited, _)| Some(limited) == name);
        let Some((_, limit)) = limit else { continue };
        let limit = limit.get() as f64;
        match limits.iter_mut().find(|(known, _)| *known == limit) {
            Some((_, names)) => names.push(curve.name.clone()),
            None => limits.push((limit, vec![curve.name.clone()])),
        }
    }
    let peak = curves.iter().map(Curve::peak).fold(0.0, f64::max);
    let high = limits.iter().map(|(limit, _)| *limit).filter(|l| *l < 1.6 * peak).fold(peak, f64::max) * 1.08;
    limits.retain(|(limit, _)| *limit <= high);
    limits.truncate(4);
    let name = |names: &[String]| match names {
        [one] => format!("limit {one}"),
        some => format!("limit of {} pods", some.len()),
    };
    let threshold = |(limit, names): &(f64, Vec<String>)| Threshold {
        name: name(names),
        value: *limit,
        color: palette::GREY,
        dash: 5.0,
    };
    let thresholds: Vec<_> = limits.iter().map(threshold).collect();
    let title = "Pods".to_owned();
    let panel = Panel { left: LEFT, right: RIGHT, top, bottom, end, low: 0.0, high: high.max(1.0), title };
    let side = panel.side_labels(curves.iter(), &thresholds);
    Chart { panel, curves, thresholds, bands: Vec::new(), side, largest_below: true }
}

fn processes_chart(curves: Vec<Curve>, (top, bottom): Xy, end: f64) -> Chart {
    let high = curves.iter().map(Curve::peak).fold(1.0, f64::max) * 1.08;
    let panel = Panel { left: LEFT, right: RIGHT, top, bottom, end, low: 0.0, high, title: "Processes".into() };
    let side = panel.side_labels(curves.iter(), &[]);
    Chart { panel, curves, thresholds: Vec::new(), bands: Vec::new(), side, largest_below: true }
}

#[cfg(test)]
impl Page<'_> {
    /// Labels in lanes and labels in margins, for tests of their places.
    pub fn placed(&self) -> (&[Label], Vec<&[SideLabel]>) {
        (&self.labels, self.charts().map(|c| &c.side[..]).collect())
    }

    /// What is shaded in the node's chart, from and to.
    pub fn shaded(&self) -> Vec<(f64, f64)> {
        self.node.bands.iter().map(|band| (band.low, band.high)).collect()
    }
}
