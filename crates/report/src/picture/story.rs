//! A recorded whole-node story and its simulation in one chart: the recorded curves broad and pale, the simulated ones
//! thin and dark upon them, both kinds of deaths in strips above, and the difference below.

use super::canvas::{Anchor, Canvas, Font, Xy};
use super::curves::Curve;
use super::difference::Scale;
use super::line::{Point, thin};
use super::marks::{self, Class, Label, Mark};
use super::panel::{Panel, SideLabel, Threshold, shortened};
use super::{DrawError, Sheet, font, palette};
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor, WHITE};

/// One quantity, recorded and simulated.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Label.
    pub name: String,
    /// Seconds after T0 and bytes.
    pub recorded: Vec<Point>,
    /// The same instants or others.
    pub simulated: Vec<Point>,
    /// Simulated less recorded.
    pub difference: Vec<Point>,
}

/// A death or an eviction, in one of the two or in both.
#[derive(Clone, Debug)]
pub struct Happening {
    /// Kind.
    pub class: Class,
    /// First line of its label.
    pub title: String,
    /// Seconds after T0.
    pub recorded: Option<f64>,
    /// Seconds after T0.
    pub simulated: Option<f64>,
}

/// All that the picture shows.
#[derive(Clone, Debug, Default)]
pub struct StoryComparison {
    /// Title.
    pub title: String,
    /// Second line.
    pub facts: String,
    /// Last second.
    pub end: f64,
    /// Highest amount: MemTotal.
    pub capacity: f64,
    /// The kubepods cgroup's limit.
    pub kubepods_limit: Option<f64>,
    /// Hard eviction threshold.
    pub eviction_hard: Option<f64>,
    /// Soft eviction threshold.
    pub eviction_soft: Option<f64>,
    /// The curves, in the order of `COLORS`.
    pub pairs: Vec<Pair>,
    /// What happened.
    pub happenings: Vec<Happening>,
}

/// Colours of the pairs.
const COLORS: [RGBColor; 2] = [palette::BLUE, palette::GREEN];
const WIDTH: f64 = 1400.0;
const LEFT: f64 = 96.0;
const RIGHT: f64 = 1150.0;
const HEAD: f64 = 92.0;
const LANE: f64 = 36.0;
/// Two strips of symbols.
const STRIPS: f64 = 52.0;
const HEIGHT: f64 = 420.0;
const AXIS: f64 = 30.0;
const DIFFERENCE: f64 = 120.0;
const TITLE_SIZE: f64 = 13.0;
const DETAIL_SIZE: f64 = 12.0;

/// The picture, placed.
pub struct StoryPage<'a> {
    of: &'a StoryComparison,
    panel: Panel,
    difference: Panel,
    scale: Scale,
    thresholds: Vec<Threshold>,
    side: Vec<SideLabel>,
    labels: Vec<Label>,
}

impl<'a> StoryPage<'a> {
    /// Places everything.
    ///
    /// # Errors
    /// When the built-in font cannot be used.
    pub fn new(of: &'a StoryComparison) -> Result<Self, DrawError> {
        if !font::register() {
            return Err(DrawError::NoFont);
        }
        let end = of.end.max(1e-3);
        let list: Vec<Mark> = of.happenings.iter().filter_map(mark).collect();
        let to_x = |at: u64| LEFT + (RIGHT - LEFT) * (at as f64 / 1e9 / end).clamp(0.0, 1.0);
        let labels = marks::layout(&list, to_x, |title, detail| {
            font::width(title, TITLE_SIZE, true).max(font::width(detail, DETAIL_SIZE, false)) + 8.0
        });
        let lanes = labels.iter().map(|label| label.lane + 1).max().unwrap_or(0);
        let top = HEAD + LANE * lanes as f64 + STRIPS;
        let high = of.capacity.max(1.0) * 1.02;
        let panel =
            Panel { left: LEFT, right: RIGHT, top, bottom: top + HEIGHT, end, low: 0.0, high, title: String::new() };
        let scale = Scale::of(of.pairs.iter().map(|pair| &pair.difference[..]));
        let top = panel.bottom + AXIS + 34.0;
        let difference = Panel { top, bottom: top + DIFFERENCE, low: -scale.edge, high: scale.edge, ..panel.clone() };
        let thresholds = thresholds(of);
        let curves: Vec<Curve> = of.pairs.iter().zip(COLORS).map(|(pair, color)| simulated(pair, color)).collect();
        let side = panel.side_labels(curves.iter(), &thresholds);
        Ok(StoryPage { of, panel, difference, scale, thresholds, side, labels })
    }

    fn head<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Result<(), DrawError> {
        let title = Font { size: 20.0, bold: true, color: palette::INK };
        canvas.text(&shortened(&self.of.title, WIDTH - LEFT - 20.0, title), (LEFT, 28.0), Anchor::Start, title)?;
        let look = Font { size: 13.0, bold: false, color: palette::GREY };
        canvas.text(&shortened(&self.of.facts, WIDTH - LEFT - 20.0, look), (LEFT, 52.0), Anchor::Start, look)?;
        let mut x = LEFT;
        for (text, width, mix) in [("recorded", 7.0, 0.35), ("simulated", 1.8, 1.0)] {
            canvas.line(&[(x, 74.0), (x + 34.0, 74.0)], palette::INK.mix(mix), width, 0.0)?;
            canvas.text(text, (x + 42.0, 74.0), Anchor::Start, look)?;
            x += 130.0;
        }
        Ok(())
    }

    /// The symbols of both strips, and lines through the chart: dashed where recorded and simulated times differ.
    fn strips<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Result<(), DrawError> {
        let panel = &self.panel;
        let grey = Font { size: 13.0, bold: false, color: palette::GREY };
        let rows = [("recorded", panel.top - 34.0), ("simulated", panel.top - 13.0)];
        for (name, y) in rows.iter().filter(|_| !self.of.happenings.is_empty()) {
            canvas.text(name, (LEFT - 8.0, *y), Anchor::End, grey)?;
            canvas.line(&[(LEFT, *y), (RIGHT, *y)], palette::GRID.into(), 1.0, 0.0)?;
        }
        for happening in &self.of.happenings {
            let (symbol, color) = happening.class.look();
            for ((_, y), t) in rows.iter().zip([happening.recorded, happening.simulated]) {
                let Some(t) = t else { continue };
                let x = panel.x(t.clamp(0.0, panel.end));
                let dash = if *y < panel.top - 20.0 { 3.0 } else { 0.0 };
                canvas.line(&[(x, panel.top), (x, panel.bottom)], color.mix(0.45), 1.0, dash)?;
                canvas.symbol(symbol, (x, *y), color)?;
            }
        }
        for label in &self.labels {
            let color = label.class.look().1;
            let top = panel.top - STRIPS - LANE * (label.lane as f64 + 1.0);
            canvas.line(&[(label.x, top + 3.0), (label.x, panel.top - 42.0)], color.mix(0.8), 1.2, 0.0)?;
            let bold = Font { size: TITLE_SIZE, bold: true, color: palette::text(color) };
            let plain = Font { size: DETAIL_SIZE, bold: false, color: palette::GREY };
            canvas.text(&label.title, (label.x + 5.0, top + 10.0), Anchor::Start, bold)?;
            canvas.text(&label.detail, (label.x + 5.0, top + 24.0), Anchor::Start, plain)?;
        }
        Ok(())
    }

    fn curves<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Result<(), DrawError> {
        let draw = |panel: &Panel, points: &[Point], color, width| {
            let points = thin(points, |at| panel.x(at).round() as i64);
            let pixels: Vec<Xy> = points.iter().map(|&(at, bytes)| (panel.x(at), panel.y(bytes))).collect();
            canvas.line(&pixels, color, width, 0.0)
        };
        for (pair, color) in self.of.pairs.iter().zip(COLORS) {
            draw(&self.panel, &pair.recorded, color.mix(0.35), 7.0)?;
        }
        for (pair, color) in self.of.pairs.iter().zip(COLORS) {
            draw(&self.panel, &pair.simulated, palette::text(color).into(), 1.8)?;
            for run in self.scale.within(&pair.difference) {
                draw(&self.difference, &run, palette::text(color).into(), 1.8)?;
            }
        }
        Ok(())
    }
}

impl Sheet for StoryPage<'_> {
    fn size(&self, scale: u32) -> (u32, u32) {
        (WIDTH as u32 * scale, (self.difference.bottom + AXIS + 12.0).ceil() as u32 * scale)
    }

    fn about(&self) -> (String, String) {
        let of = self.of;
        let happened = of.happenings.len();
        (
            of.title.clone(),
            format!("{}. Recorded and simulated memory over time; deaths and evictions: {happened}.", of.facts),
        )
    }

    fn draw<B: DrawingBackend>(&self, backend: B, scale: f64) -> Result<(), DrawError> {
        let canvas = Canvas::new(backend, scale);
        canvas.background(WHITE)?;
        self.head(&canvas)?;
        self.panel.ground(&canvas, &[], true)?;
        self.panel.thresholds(&canvas, &self.thresholds)?;
        self.difference.ground(&canvas, &[], true)?;
        let zero = self.difference.y(0.0);
        canvas.line(&[(LEFT, zero), (RIGHT, zero)], palette::GREY.into(), 1.0, 0.0)?;
        let bold = Font { size: 13.0, bold: true, color: palette::INK };
        canvas.text(&self.scale.title(), (LEFT, self.difference.top - 14.0), Anchor::Start, bold)?;
        self.curves(&canvas)?;
        self.strips(&canvas)?;
        self.panel.draw_side_labels(&canvas, &self.side, WIDTH - RIGHT)?;
        canvas.finish()
    }
}

fn simulated(pair: &Pair, color: RGBColor) -> Curve {
    Curve { name: pair.name.clone(), color, dash: 0.0, runs: vec![pair.simulated.clone()] }
}

fn thresholds(of: &StoryComparison) -> Vec<Threshold> {
    let line = |name: &str, value: f64, color, dash| Threshold { name: name.into(), value, color, dash };
    let mut lines = vec![line("capacity", of.capacity, palette::INK, 0.0)];
    let limit = of.kubepods_limit.filter(|v| *v < of.capacity);
    lines.extend(limit.map(|v| line("kubepods limit", v, palette::GREEN, 7.0)));
    lines.extend(of.eviction_soft.map(|v| line("eviction-soft", v, palette::BLUE, 3.0)));
    lines.extend(of.eviction_hard.map(|v| line("eviction-hard", v, palette::BLUE, 7.0)));
    lines
}

/// The label of something that happened, at the earlier of its two instants.
fn mark(of: &Happening) -> Option<Mark> {
    let time = |what: &str, t: Option<f64>| match t {
        Some(t) => format!("{what} {t:.2} s"),
        None => format!("not {what}"),
    };
    let first = [of.recorded, of.simulated].into_iter().flatten().reduce(f64::min)?;
    Some(Mark {
        at: (first.max(0.0) * 1e9) as u64,
        class: of.class,
        title: of.title.clone(),
        detail: format!("{}, {}", time("recorded", of.recorded), time("simulated", of.simulated)),
        pod: None,
    })
}
