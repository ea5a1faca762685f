//! Pictures of a study: heat maps over two axes, shares with their bands over one, and who is still alive when.

use super::axis::{memory_text, time_text, time_ticks};
use super::canvas::{Anchor, Canvas, Font, Symbol, Xy};
use super::palette::{self, BLUE, GREEN, GREY, GRID, INK, ORANGE, PURPLE, SKY, VERMILION};
use super::{DrawError, described, font};
use oomsim_planning::axis::Unit;
use oomsim_planning::measure::RunOutcome;
use oomsim_planning::plan::{Axis, Levels};
use oomsim_planning::stats::{Z95, wilson};
use oomsim_planning::study::Study;
use oomsim_planning::summary::{Bins, Cell, Summary};
use ordered_float::OrderedFloat;
use plotters::prelude::{Color, DrawingBackend, RGBColor, SVGBackend, WHITE};
use std::collections::BTreeMap;

/// Most lines in one picture.
const MAX_LINES: usize = 7;
/// Width of a picture of curves.
const WIDTH: f64 = 860.0;
/// Height of a picture of curves.
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 58.0;
const RIGHT: f64 = 30.0;

/// A curve with a band around it, as (x, low, middle, high).
#[derive(Clone, Debug)]
pub struct Band {
    /// Name in the legend.
    pub name: String,
    /// Colour.
    pub color: RGBColor,
    /// Points in order of x.
    pub points: Vec<(f64, f64, f64, f64)>,
    /// How its points are joined.
    pub join: Join,
    /// Drawn with symbols at its points.
    pub dots: bool,
    /// Length of dashes; 0: solid.
    pub dash: f64,
}

/// How the points of a curve are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// By straight lines.
    Lines,
    /// By steps.
    Steps,
    /// Not at all: a bar shows the band at each point.
    Nothing,
}

/// What the numbers of an axis are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As they are.
    Linear,
    /// By their logarithm.
    Log,
}

/// A diagram of curves.
#[derive(Clone, Debug)]
pub struct Diagram {
    /// Title.
    pub title: String,
    /// Second line.
    pub subtitle: String,
    /// What x is.
    pub x: String,
    /// How x is written.
    pub unit: Unit,
    /// How x is divided.
    pub scale: Scale,
    /// Marks on the x axis; empty: at the points.
    pub ticks: Vec<f64>,
    /// What y is, a share.
    pub y: String,
    /// The curves.
    pub bands: Vec<Band>,
    /// A place on the x axis with its name.
    pub mark: Option<(f64, String)>,
}

/// The colour of an outcome.
pub fn outcome_color(outcome: &str) -> RGBColor {
    match RunOutcome::ALL.iter().find(|o| o.name() == outcome) {
        Some(RunOutcome::Eviction) => BLUE,
        Some(RunOutcome::KubepodsOom) => VERMILION,
        Some(RunOutcome::GlobalOom) => RGBColor(0x33, 0x33, 0x33),
        Some(RunOutcome::PodOom) => ORANGE,
        Some(RunOutcome::ContainerOom) => SKY,
        Some(RunOutcome::QosOom | RunOutcome::CgroupOom) => PURPLE,
        Some(RunOutcome::UserspaceKill | RunOutcome::SelfExit) => GREEN,
        Some(RunOutcome::None | RunOutcome::KubeletNotStarted | RunOutcome::Error) | None => GREY,
    }
}

/// All pictures of a study with their file names.
///
/// # Errors
/// When the drawing library fails.
pub fn pictures(study: &Study, summary: &Summary) -> Result<Vec<(String, String)>, DrawError> {
    let mut pictures = Vec::new();
    let plan = &study.plan;
    let numeric: Vec<usize> = plan
        .grid_axes()
        .enumerate()
        .filter(|(_, (axis, values))| axis.unit() != Unit::Word && values.len() > 1)
        .map(|(i, _)| i)
        .collect();
    let sizes: Vec<usize> = plan.grid_axes().map(|(_, values)| values.len()).collect();
    if let Some(&x) = numeric.iter().max_by_key(|&&i| sizes[i]) {
        pictures.push(("outcomes.svg".into(), diagram(&outcomes(study, summary, x))?));
    }
    for bins in &summary.bins {
        let name = plan.axes()[bins.axis].name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        pictures.push((format!("outcomes-{name}.svg"), diagram(&sampled(study, bins))?));
    }
    if sizes.iter().filter(|n| **n > 1).count() >= 2 {
        pictures.push(("kernel-first.svg".into(), heat_map(study, summary, &sizes)?));
    }
    pictures.push(("survival.svg".into(), diagram(&survival(study, summary))?));
    Ok(pictures)
}

/// A diagram as SVG.
///
/// # Errors
/// When the drawing library fails.
pub fn diagram(d: &Diagram) -> Result<String, DrawError> {
    let svg = sized(WIDTH, HEIGHT, |plot| plot.draw(d))?;
    Ok(described(&svg, &d.title, &d.about()))
}

impl Diagram {
    /// What it shows, for people who cannot see it: where each curve begins and ends.
    fn about(&self) -> String {
        let mut about = format!("{}, over {}.", self.subtitle, self.x);
        for band in &self.bands {
            let (Some(first), Some(last)) = (band.points.first(), band.points.last()) else { continue };
            let said = |p: &(f64, f64, f64, f64)| format!("{:.0} % at {}", p.2 * 100.0, number(p.0, self.unit));
            let name = if band.name.is_empty() { "The curve" } else { &band.name };
            about.push_str(&format!(" {name}: {}, {}.", said(first), said(last)));
        }
        about
    }
}

fn sized(
    width: f64,
    height: f64,
    draw: impl FnOnce(&Plot<SVGBackend<'_>>) -> Result<(), DrawError>,
) -> Result<String, DrawError> {
    if !font::register() {
        return Err(DrawError::NoFont);
    }
    let mut text = String::new();
    {
        let plot = Plot { canvas: Canvas::new(SVGBackend::with_string(&mut text, (width as u32, height as u32)), 1.0) };
        plot.canvas.background(WHITE)?;
        draw(&plot)?;
        plot.canvas.finish()?;
    }
    Ok(text)
}

/// Shares of the outcomes over one axis, all other axes taken together.
fn outcomes(study: &Study, summary: &Summary, axis: usize) -> Diagram {
    let plan = &study.plan;
    let grid: Vec<_> = plan.grid_axes().collect();
    let (x_axis, values) = grid[axis];
    let stride: usize = grid[axis + 1..].iter().map(|(_, v)| v.len()).product();
    let mut counts: Vec<(u64, BTreeMap<String, u64>)> = vec![Default::default(); values.len()];
    for (number, cell) in summary.cells.iter().enumerate() {
        let (runs, levels) = &mut counts[number / stride % values.len()];
        *runs += cell.runs;
        for (level, n) in cell.tally("outcome").map(|t| &t.levels).into_iter().flatten() {
            *levels.entry(level.clone()).or_default() += n;
        }
    }
    let points = values.iter().zip(counts).map(|(v, (runs, c))| (v.number.unwrap_or_default(), runs, c)).collect();
    let scale = scale_of(values.iter().filter_map(|v| v.number));
    let others: Vec<&str> =
        grid.iter().enumerate().filter(|(i, _)| *i != axis).map(|(_, (a, _))| a.name.as_str()).collect();
    Diagram {
        subtitle: with_others("share of the runs with 95 % interval", &others),
        ..shares(study, x_axis, scale, points)
    }
}

/// What is said of axes that a picture does not tell apart.
fn with_others(subtitle: &str, axes: &[&str]) -> String {
    match axes {
        [] => subtitle.to_string(),
        axes => format!("{subtitle}; all values of {} together", axes.join(", ")),
    }
}

/// Outcomes over a sampled axis, part by part.
fn sampled(study: &Study, bins: &Bins) -> Diagram {
    let axis = &study.plan.axes()[bins.axis];
    let log = matches!(&axis.levels, Levels::Sampled(range) if range.scale == oomsim_planning::axis::Scale::Log);
    let scale = if log { Scale::Log } else { Scale::Linear };
    let others: Vec<&str> = study.plan.axes().iter().filter(|a| a.name != axis.name).map(|a| a.name.as_str()).collect();
    let subtitle = with_others("share of the runs with 95 % interval", &others);
    Diagram { subtitle, ..shares(study, axis, scale, bins.parts.iter().filter(|p| p.1 > 0).cloned().collect()) }
}

/// One band for each outcome that comes at all: (x, runs, runs by outcome).
fn shares(study: &Study, axis: &Axis, scale: Scale, mut counts: Vec<(f64, u64, BTreeMap<String, u64>)>) -> Diagram {
    counts.sort_by_key(|count| OrderedFloat(count.0));
    let levels = RunOutcome::ALL.map(|o| o.name()).into_iter().filter(|l| counts.iter().any(|c| c.2.contains_key(*l)));
    let bands = levels.map(|level| {
        let point = |(x, runs, c): &(f64, u64, BTreeMap<String, u64>)| {
            let hits = c.get(level).copied().unwrap_or(0);
            let i = wilson(hits, *runs, Z95);
            (*x, i.low, hits as f64 / (*runs).max(1) as f64, i.high)
        };
        let points = counts.iter().map(point).collect();
        Band { name: level.into(), color: outcome_color(level), points, join: Join::Lines, dots: true, dash: 0.0 }
    });
    Diagram {
        title: format!("{}: first death", study.name),
        subtitle: "share of the runs with 95 % interval".into(),
        x: axis.name.clone(),
        unit: axis.unit(),
        scale,
        ticks: Vec::new(),
        y: "share of runs".into(),
        bands: bands.collect(),
        mark: None,
    }
}

/// Share of runs in which nothing has died yet, over time; a line for each of some cells. Runs whose kubelet does not
/// start have nothing that could die.
fn survival(study: &Study, summary: &Summary) -> Diagram {
    let end = |cell: &Cell| cell.tally("ended_at_s").and_then(|t| t.numbers.range()).map_or(0, |r| r.1);
    let last = summary.cells.iter().map(end).max().unwrap_or(0) as f64 / 1e9;
    let raced: Vec<_> = summary.cells.iter().enumerate().filter(|(_, cell)| not_started(cell) < cell.runs).collect();
    let (cells, refused) = (raced.len(), summary.cells.len() - raced.len());
    let step = cells.div_ceil(MAX_LINES).max(1);
    let bands = raced.into_iter().step_by(step).enumerate().map(|(line, (number, cell))| {
        let mut points = vec![(0.0, 1.0, 1.0, 1.0)];
        let runs = cell.runs - not_started(cell);
        let mut alive = |at: f64, dead: u64| {
            let i = wilson(runs - dead.min(runs), runs, Z95);
            points.push((at, i.low, 1.0 - dead as f64 / runs as f64, i.high));
        };
        let deaths = cell.tally("first_death_s").map(|t| &t.numbers);
        deaths.into_iter().flat_map(|d| d.cumulated()).for_each(|(at, dead)| alive((at as f64 / 1e9).min(last), dead));
        alive(last, deaths.map_or(0, |d| d.count()));
        let values: Vec<String> = study.plan.cell_values(number as u64).iter().map(|v| v.text.clone()).collect();
        let name = if values.is_empty() { "all runs".into() } else { values.join(", ") };
        Band {
            name,
            color: palette::PODS[line % palette::PODS.len()],
            points,
            join: Join::Steps,
            dots: false,
            dash: 0.0,
        }
    });
    let axes: Vec<&str> = study.plan.grid_axes().map(|(axis, _)| axis.name.as_str()).collect();
    let by = if axes.is_empty() { String::new() } else { format!(", by {}", axes.join(", ")) };
    let mut some =
        if step > 1 { format!(" ({} of {cells} combinations)", cells.div_ceil(step)) } else { String::new() };
    if refused > 0 {
        some.push_str(&format!("; excluding {refused} in which the kubelet does not start"));
    }
    Diagram {
        title: format!("{}: survival without a death", study.name),
        subtitle: format!("share of the runs with 95 % interval{by}{some}"),
        x: "time".into(),
        unit: Unit::Time,
        scale: Scale::Linear,
        ticks: Vec::new(),
        y: "share of runs".into(),
        bands: bands.collect(),
        mark: None,
    }
}

/// Logarithmic when the values span more than a decade and are far apart.
pub fn scale_of(values: impl Iterator<Item = f64>) -> Scale {
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
    if low > 0.0 && high / low > 10.0 { Scale::Log } else { Scale::Linear }
}

struct Plot<B: DrawingBackend> {
    canvas: Canvas<B>,
}

const TITLE: Font = Font { size: 17.0, bold: true, color: INK };
const LABEL: Font = Font { size: 12.0, bold: false, color: INK };
const SMALL: Font = Font { size: 11.0, bold: false, color: GREY };

impl<B: DrawingBackend> Plot<B> {
    fn heading(&self, title: &str, subtitle: &str) -> Result<(), DrawError> {
        self.canvas.text(title, (LEFT - 50.0, 24.0), Anchor::Start, TITLE)?;
        self.canvas.text(subtitle, (LEFT - 50.0, 45.0), Anchor::Start, SMALL)
    }

    fn draw(&self, d: &Diagram) -> Result<(), DrawError> {
        self.heading(&d.title, &d.subtitle)?;
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let xs = d.bands.iter().flat_map(|b| b.points.iter().map(|p| p.0));
        let (low, high) = xs.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        if !(low.is_finite() && high > low) {
            return self.canvas.text("nothing to show", (WIDTH / 2.0, HEIGHT / 2.0), Anchor::Middle, LABEL);
        }
        let place = |x: f64| match d.scale {
            Scale::Linear => (x - low) / (high - low),
            Scale::Log => (x / low).ln() / (high / low).ln(),
        };
        let at =
            |x: f64, y: f64| -> Xy { (LEFT + place(x) * (right - LEFT), bottom - y.clamp(0.0, 1.0) * (bottom - TOP)) };
        for tenth in (0..=10).step_by(2) {
            let y = f64::from(tenth) / 10.0;
            self.canvas.line(&[at(low, y), at(high, y)], GRID.to_rgba(), 1.0, 0.0)?;
            self.canvas.text(&format!("{} %", tenth * 10), (LEFT - 8.0, at(low, y).1), Anchor::End, SMALL)?;
        }
        let mut free = f64::NEG_INFINITY;
        for x in ticks(d, low, high) {
            let (px, text) = (at(x, 0.0).0, number(x, d.unit));
            let half = font::width(&text, SMALL.size, false) / 2.0 + 5.0;
            self.canvas.line(&[at(x, 0.0), at(x, 1.0)], GRID.to_rgba(), 1.0, 0.0)?;
            if px - half > free {
                self.canvas.text(&text, (px, bottom + 16.0), Anchor::Middle, SMALL)?;
                free = px + half;
            }
        }
        self.canvas.text(&d.x, ((LEFT + right) / 2.0, bottom + 40.0), Anchor::Middle, LABEL)?;
        self.canvas.text(&d.y, (LEFT - 50.0, TOP - 14.0), Anchor::Start, SMALL)?;
        for band in &d.bands {
            if band.join == Join::Nothing {
                for p in &band.points {
                    self.canvas.line(&[at(p.0, p.1), at(p.0, p.3)], band.color.to_rgba(), 1.5, 0.0)?;
                }
                continue;
            }
            let edge = |pick: fn(&(f64, f64, f64, f64)) -> f64| stepped(band, pick, &at);
            let (mut area, upper) = (edge(|p| p.1), edge(|p| p.3));
            area.extend(upper.iter().rev());
            if band.points.iter().any(|p| p.3 > p.1) {
                self.canvas.polygon(&area, band.color.mix(0.15))?;
            }
        }
        for band in &d.bands {
            if band.join != Join::Nothing {
                self.canvas.line(&stepped(band, |p| p.2, &at), band.color.to_rgba(), 2.0, band.dash)?;
            }
            for p in band.points.iter().filter(|_| band.dots) {
                self.canvas.symbol(Symbol::Square, at(p.0, p.2), band.color)?;
            }
        }
        if let Some((x, name)) = d.mark.as_ref().filter(|(x, _)| (low..=high).contains(x)) {
            let (px, width) = (at(*x, 0.0).0, font::width(name, LABEL.size, true));
            self.canvas.line(&[at(*x, 0.0), at(*x, 1.0)], INK.to_rgba(), 1.5, 5.0)?;
            let (edge, anchor) =
                if px - width - 10.0 > LEFT { (px - 8.0, Anchor::End) } else { (px + 8.0, Anchor::Start) };
            self.canvas.text(name, (edge, at(*x, 0.9).1), anchor, Font { bold: true, ..LABEL })?;
        }
        self.legend(d, right)
    }

    fn legend(&self, d: &Diagram, right: f64) -> Result<(), DrawError> {
        let mut x = right;
        for band in d.bands.iter().rev().filter(|b| !b.name.is_empty()) {
            let width = font::width(&band.name, LABEL.size, false);
            x -= width;
            let look = Font { color: palette::text(band.color), ..LABEL };
            self.canvas.text(&band.name, (x, TOP - 14.0), Anchor::Start, look)?;
            x -= 26.0;
            self.canvas.line(&[(x, TOP - 14.0), (x + 20.0, TOP - 14.0)], band.color.to_rgba(), 3.0, band.dash)?;
            x -= 14.0;
        }
        Ok(())
    }
}

fn stepped(band: &Band, y: fn(&(f64, f64, f64, f64)) -> f64, at: &impl Fn(f64, f64) -> Xy) -> Vec<Xy> {
    let mut line: Vec<Xy> = Vec::new();
    for p in &band.points {
        let point = at(p.0, y(p));
        if let Some(last) = line.last().copied().filter(|_| band.join == Join::Steps) {
            line.push((point.0, last.1));
        }
        line.push(point);
    }
    line
}

fn ticks(d: &Diagram, low: f64, high: f64) -> Vec<f64> {
    if d.unit == Unit::Time && d.scale == Scale::Linear {
        let factor = if d.x == "time" { 1.0 } else { 1e9 };
        return time_ticks(high / factor, 10).into_iter().map(|t| t * factor).filter(|t| *t >= low).collect();
    }
    if !d.ticks.is_empty() {
        return d.ticks.clone();
    }
    let mut xs: Vec<f64> = d.bands.iter().flat_map(|b| b.points.iter().map(|p| p.0)).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    xs
}

/// A number of an axis as people write it. The time axis of survival curves is in seconds.
fn number(x: f64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => memory_text(x),
        Unit::Time => time_text(if x > 1e6 { x / 1e9 } else { x }),
        Unit::Integer => format!("{x:.0}"),
        Unit::Real | Unit::Word => format!("{x:.3}").trim_end_matches('0').trim_end_matches('.').to_string(),
    }
}

/// Runs in which there was no race, as the kubelet did not start.
fn not_started(cell: &Cell) -> u64 {
    cell.count("outcome", RunOutcome::KubeletNotStarted.name())
}

/// Share of runs in which the kernel was first, over the two largest axes; other axes are taken together.
fn heat_map(study: &Study, summary: &Summary, sizes: &[usize]) -> Result<String, DrawError> {
    let plan = &study.plan;
    let grid: Vec<_> = plan.grid_axes().collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(sizes[i]));
    let (xi, yi) = (order[0], order[1]);
    let stride = |axis: usize| sizes[axis + 1..].iter().product::<usize>();
    let mut counts = vec![vec![(0u64, 0u64); sizes[xi]]; sizes[yi]];
    for (number, cell) in summary.cells.iter().enumerate() {
        let (x, y) = (number / stride(xi) % sizes[xi], number / stride(yi) % sizes[yi]);
        let lost: u64 = RunOutcome::ALL.iter().filter(|o| o.is_oom()).map(|o| cell.count("outcome", o.name())).sum();
        counts[y][x].0 += lost;
        counts[y][x].1 += cell.runs - not_started(cell);
    }
    let texts = |axis: usize| grid[axis].1.iter().map(|v| v.text.clone()).collect::<Vec<_>>();
    let heat = Heat {
        title: format!("{}: how often the kernel kills first", study.name),
        subtitle: with_others(
            "share of the runs in which the OOM killer acts before an eviction",
            &(0..grid.len()).filter(|i| *i != xi && *i != yi).map(|i| grid[i].0.name.as_str()).collect::<Vec<_>>(),
        ),
        x: (grid[xi].0.name.clone(), texts(xi)),
        y: (grid[yi].0.name.clone(), texts(yi)),
        shares: counts.iter().map(|row| row.iter().map(|&(lost, runs)| lost as f64 / runs as f64).collect()).collect(),
    };
    heat.svg()
}

/// Shares over two axes.
#[derive(Clone, Debug)]
pub struct Heat {
    /// Title.
    pub title: String,
    /// Second line.
    pub subtitle: String,
    /// Name and values of the horizontal axis.
    pub x: (String, Vec<String>),
    /// Name and values of the vertical axis.
    pub y: (String, Vec<String>),
    /// By row (y), then column (x); NaN where no kubelet started.
    pub shares: Vec<Vec<f64>>,
}

impl Heat {
    /// As SVG.
    ///
    /// # Errors
    /// When the drawing library fails.
    pub fn svg(&self) -> Result<String, DrawError> {
        let (columns, rows) = (self.x.1.len(), self.y.1.len());
        let widest = self.y.1.iter().map(|t| font::width(t, SMALL.size, false)).fold(30.0, f64::max);
        let left = widest + 34.0;
        let (w, h) = ((760.0 / columns as f64).clamp(14.0, 74.0), (360.0 / rows as f64).clamp(14.0, 44.0));
        let (width, height) = (left + w * columns as f64 + 40.0, TOP + h * rows as f64 + 70.0);
        let svg = sized(width.max(480.0), height, |plot| {
            let c = &plot.canvas;
            plot.heading(&self.title, &self.subtitle)?;
            for (row, shares) in self.shares.iter().enumerate() {
                let top = TOP + h * row as f64;
                c.text(&self.y.1[row], (left - 8.0, top + h / 2.0), Anchor::End, SMALL)?;
                for (column, &share) in shares.iter().enumerate() {
                    let at = (left + w * column as f64, top);
                    let color = if share.is_nan() { GRID } else { shade(share) };
                    c.rectangle(at, (at.0 + w - 1.0, at.1 + h - 1.0), color.to_rgba())?;
                    if w >= 30.0 && h >= 16.0 {
                        // Whichever stands out more.
                        let color = if share > 0.68 { WHITE } else { INK };
                        let middle = (at.0 + w / 2.0, at.1 + h / 2.0);
                        let said = if share.is_nan() { "–".into() } else { format!("{:.0} %", share * 100.0) };
                        c.text(&said, middle, Anchor::Middle, Font { color, ..SMALL })?;
                    }
                }
            }
            let bottom = TOP + h * rows as f64;
            let mut free = f64::NEG_INFINITY;
            for (column, text) in self.x.1.iter().enumerate() {
                let middle = left + w * (column as f64 + 0.5);
                let half = font::width(text, SMALL.size, false) / 2.0 + 4.0;
                if middle - half > free {
                    c.text(text, (middle, bottom + 15.0), Anchor::Middle, SMALL)?;
                    free = middle + half;
                }
            }
            c.text(&self.x.0, (left + w * columns as f64 / 2.0, bottom + 38.0), Anchor::Middle, LABEL)?;
            c.text(&self.y.0, (20.0, TOP - 14.0), Anchor::Start, LABEL)
        })?;
        Ok(described(&svg, &self.title, &self.about()))
    }

    /// What it shows, for people who cannot see it: its least and its greatest share.
    fn about(&self) -> String {
        let cells = self
            .shares
            .iter()
            .enumerate()
            .flat_map(|(row, shares)| shares.iter().enumerate().map(move |(column, share)| (*share, row, column)));
        let known: Vec<_> = cells.filter(|cell| !cell.0.is_nan()).collect();
        let said = |&(share, row, column): &(f64, usize, usize)| {
            let (x, y) = ((&self.x.0, &self.x.1[column]), (&self.y.0, &self.y.1[row]));
            format!("{:.0} % at {} = {}, {} = {}", share * 100.0, x.0, x.1, y.0, y.1)
        };
        let by_share = |cell: &&(f64, usize, usize)| OrderedFloat(cell.0);
        match (known.iter().min_by_key(by_share), known.iter().max_by_key(by_share)) {
            (Some(least), Some(most)) => format!("{}. From {} to {}.", self.subtitle, said(least), said(most)),
            _ => self.subtitle.clone(),
        }
    }
}

/// White for 0, dark red for 1; evenly darker in between, for any colour vision.
fn shade(share: f64) -> RGBColor {
    let share = share.clamp(0.0, 1.0);
    let mix = |from: f64, to: f64| (from + (to - from) * share) as u8;
    RGBColor(mix(250.0, 150.0), mix(246.0, 40.0), mix(242.0, 20.0))
}
