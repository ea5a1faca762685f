//! What the points of a race say, in sentences.

use super::{ThresholdRow, share};
use crate::picture::memory_text;
use oomsim_planning::measure::RunOutcome;
use oomsim_planning::race::Point;
use oomsim_planning::recommend::percent;
use ordered_float::OrderedFloat;

impl ThresholdRow<'_> {
    /// What the table says, in a sentence: from which rate on the threshold loses, by the simulated shares.
    pub(super) fn sentence(&self) -> String {
        let mut sorted: Vec<&Point> = self.grid.iter().collect();
        sorted.sort_by_key(|p| OrderedFloat(p.rate.number.unwrap_or_default()));
        let always_won = sorted.iter().take_while(|p| p.lost == 0).last();
        // From where on it stays so; single rates below that are named.
        let lost: Vec<bool> = sorted.iter().map(|p| share(p) > 0.5).collect();
        let stays = lost.iter().rposition(|lost| !*lost).map_or(0, |at| at + 1);
        let (Some(first), true) = (lost.iter().position(|lost| *lost), stays < lost.len()) else {
            let single: Vec<&str> =
                sorted.iter().zip(&lost).filter(|(_, l)| **l).map(|(p, _)| p.rate.text.as_str()).collect();
            return match single.as_slice() {
                [] => "at none of these rates is the kernel first in more than half of the runs".into(),
                some => {
                    format!(
                        "the kernel is first in more than half of the runs at {}/s, but not above",
                        some.join("/s, ")
                    )
                }
            };
        };
        let also: Vec<&str> = (first..stays).filter(|i| lost[*i]).map(|i| sorted[i].rate.text.as_str()).collect();
        let also = if also.is_empty() { String::new() } else { format!("; also at {}/s", also.join("/s, ")) };
        let first = stays;
        let limit = sorted[first].killer.map_or("the kernel", |k| match k {
            RunOutcome::KubepodsOom => "at the kubepods limit",
            RunOutcome::QosOom => "at the limit of its QoS class",
            RunOutcome::GlobalOom => "when the node's memory is used up",
            RunOutcome::PodOom | RunOutcome::ContainerOom => "at the program's own limit",
            _ => "at another limit",
        });
        let above = match first {
            0 => format!("from {}/s on", sorted[0].rate.text),
            _ => format!("above {}/s", memory_text(crossing(sorted[first - 1], sorted[first]))),
        };
        let below =
            always_won.map_or(String::new(), |p| format!("; up to {}/s the kubelet was always in time", p.rate.text));
        format!("{above} the kernel is first in more than half of the runs, {limit}{also}{below}")
    }

    /// "Fails about 40 % of the time" as the band of rates in which it is true.
    pub(super) fn band_sentence(&self, about: u8) -> String {
        let [low, middle, high] = self.band else {
            return format!(
                "there is no rate at which the kubelet fails about {about} % of the time: another limit is reached first"
            );
        };
        let seen: Vec<String> = [low, middle, high]
            .iter()
            .map(|p| format!("{} at {}/s", percent(share(p)), memory_text(p.rate.number.unwrap_or(0.0))))
            .collect();
        let (from, to) = (memory_text(low.rate.number.unwrap_or(0.0)), memory_text(high.rate.number.unwrap_or(0.0)));
        // Where the simulation has it otherwise, the formula is not the answer.
        let apart = |p: &Point| (share(p) - f64::from(about) / 100.0).abs();
        if [low, middle, high].into_iter().any(|p| apart(p) > 0.15) {
            return format!(
                "by the formula the kubelet fails about {about} % of the time between {from}/s and {to}/s, but simulated it is {}: \
                 trust the table",
                seen.join(", ")
            );
        }
        format!(
            "the kubelet fails about {about} % of the time between {from}/s and {to}/s (simulated: {})",
            seen.join(", ")
        )
    }
}

/// The rate of one half between two points, on a logarithmic scale of rates.
fn crossing(below: &Point, above: &Point) -> f64 {
    let rate = |p: &Point| p.rate.number.unwrap_or(1.0).max(1.0);
    let part = (0.5 - share(below)) / (share(above) - share(below)).max(1e-9);
    rate(below) * (rate(above) / rate(below)).powf(part.clamp(0.0, 1.0))
}
