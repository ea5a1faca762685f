//! A cure for one phase of the kubelet's check is not a cure: the same with other seeds and phases.

use super::change::Change;
use super::outcome::harm;
use super::search::Search;
use oomsim_planning::stats::{Z95, wilson};
use serde::Serialize;

/// In how many runs the target is not harmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Helped {
    /// Runs without harm.
    pub unharmed: u64,
    /// Runs.
    pub runs: u64,
    /// Lower end of the 95 % interval of the share without harm.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Runs with successive seeds; where the scenario fixes the phase of the kubelet's check, the phases are spread evenly
/// over one period, unless the change is about the phase.
pub(super) fn over_seeds(search: &mut Search<'_>, change: &Change, keep_phase: bool, seeds: u64) -> Helped {
    let Ok(scenario) = search.source.with(&[change]) else { return Helped::default() };
    let fixed = scenario.kubelet.as_ref().filter(|k| k.first_pass.is_some() && !keep_phase);
    let period_ms = fixed.map(|plan| plan.timing.monitoring_period.as_nanos() / 1_000_000);
    let (mut unharmed, mut runs) = (0, 0);
    for n in 0..seeds {
        let phase = period_ms.map(|ms| {
            let at = (2 * n + 1) * ms / (2 * seeds);
            Change::set("kubelet.firstPass", format!("\"{at}ms\""))
        });
        let changes: Vec<&Change> = [Some(change), phase.as_ref()].into_iter().flatten().collect();
        let Ok((_, fates)) = search.fates(&changes, search.seed + n) else { continue };
        runs += 1;
        unharmed += u64::from(harm(&search.target, &fates).is_none());
    }
    let interval = wilson(unharmed, runs, Z95);
    Helped { unharmed, runs, low: interval.low, high: interval.high }
}
