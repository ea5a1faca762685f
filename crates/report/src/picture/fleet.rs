//! The picture of a fleet: how many nodes have lost something, when, and how.

use super::study::{Band, Diagram, Join, Scale, diagram, outcome_color};
use super::{DrawError, palette};
use crate::fleet::{Fleet, NodeRun, kinds};
use oomsim_planning::axis::Unit;
use oomsim_planning::measure::RunOutcome;

/// As SVG: the share of the nodes whose first death was of each kind, over time. Of several kinds of node the share
/// of each on which nothing has died.
///
/// # Errors
/// When the drawing library fails.
pub fn svg(fleet: &Fleet) -> Result<String, DrawError> {
    let end = fleet.nodes.iter().map(|node| node.measures.ended_at).max().unwrap_or(0) as f64 / 1e9;
    let kinds = kinds(&fleet.nodes);
    let bands = match &kinds[..] {
        [only] => by_outcome(only, end),
        several => {
            let line = |(n, kind): (usize, &&[NodeRun])| {
                let color = palette::PODS[n % palette::PODS.len()];
                alive(kind, format!("{}: nothing has died", kind[0].kind), color, end)
            };
            several.iter().enumerate().map(line).collect()
        }
    };
    diagram(&Diagram {
        title: format!("{}: first death on each node", fleet.name),
        subtitle: format!("share of {} nodes", fleet.nodes.len()),
        x: "time".into(),
        unit: Unit::Time,
        scale: Scale::Linear,
        ticks: Vec::new(),
        y: "share of nodes".into(),
        bands,
        mark: None,
    })
}

fn by_outcome(nodes: &[NodeRun], end: f64) -> Vec<Band> {
    let mut bands = vec![alive(nodes, "nothing has died".into(), palette::GREY, end)];
    for outcome in RunOutcome::ALL {
        let times = deaths(nodes, |node| node.measures.outcome == outcome);
        if !times.is_empty() {
            let share = |died: usize| died as f64 / nodes.len() as f64;
            bands.push(band(outcome.name().into(), outcome_color(outcome.name()), &times, share, end));
        }
    }
    bands
}

fn alive(nodes: &[NodeRun], name: String, color: plotters::style::RGBColor, end: f64) -> Band {
    let share = |died: usize| 1.0 - died as f64 / nodes.len() as f64;
    band(name, color, &deaths(nodes, |_| true), share, end)
}

/// When the first process died on each of these nodes, in order.
fn deaths(nodes: &[NodeRun], of: impl Fn(&NodeRun) -> bool) -> Vec<u64> {
    let mut times: Vec<u64> = nodes.iter().filter(|node| of(node)).filter_map(|n| n.measures.first_death).collect();
    times.sort_unstable();
    times
}

/// A curve of steps: after each death what `share` makes of their number.
fn band(name: String, color: plotters::style::RGBColor, times: &[u64], share: impl Fn(usize) -> f64, end: f64) -> Band {
    let point = |at: f64, died: usize| (at, share(died), share(died), share(died));
    let mut points = vec![point(0.0, 0)];
    points.extend((1..).zip(times).map(|(died, at)| point(*at as f64 / 1e9, died)));
    points.push(point(end, times.len()));
    Band { name, color, points, join: Join::Steps, dots: false, dash: 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_steps_at_each_death() {
        let of = |times: &[u64]| band(String::new(), palette::GREY, times, |died| died as f64 / 4.0, 9.0).points;
        let shares: Vec<(f64, f64)> = of(&[2_000_000_000, 5_000_000_000]).iter().map(|p| (p.0, p.2)).collect();
        assert_eq!(shares, [(0.0, 0.0), (2.0, 0.25), (5.0, 0.5), (9.0, 0.5)]);
    }
}
