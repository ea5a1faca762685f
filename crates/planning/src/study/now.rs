//! How far a setting is from what a scenario has now.

use crate::axis::AxisValue;
use crate::plan::Plan;
use oomsim_core::plan::Scenario;
use oomsim_scenario::reading::parse_keys;
use oomsim_scenario::{Source, amount_at};
use std::sync::Arc;

/// The sum over all keys of how far their values are from those of the scenario: the logarithm of their ratio. Where
/// the scenario has no such value, a limit counts as none now: the larger it is, the less it changes.
pub(super) fn intrusion(now: &Scenario, plan: &Plan, setting: u64) -> f64 {
    let values = plan.cell_values(setting);
    let knobs = plan.grid_axes().zip(values);
    let each = knobs.flat_map(|((axis, all), value)| axis.keys.iter().map(move |key| distance(now, key, value, all)));
    each.sum()
}

fn distance(now: &Scenario, key: &str, value: &AxisValue, all: &[AxisValue]) -> f64 {
    let source = Arc::new(Source::new("key", key));
    // A key that is none was refused with the goal.
    let Some(path) = parse_keys(&source, key) else { return 0.0 };
    let path: Vec<String> = path.into_iter().map(|(step, _)| step).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let largest = || all.iter().filter_map(|v| v.number).fold(0.0, f64::max);
    let reference = match (amount_at(now, &path), path.contains(&"limits")) {
        (Some(bytes), _) => bytes.get() as f64,
        (None, true) => largest(),
        (None, false) => return 0.0,
    };
    match value.number {
        Some(number) if number > 0.0 && reference > 0.0 => libm::log(number / reference).abs(),
        Some(number) => (number != reference).into(),
        None => 1.0,
    }
}
