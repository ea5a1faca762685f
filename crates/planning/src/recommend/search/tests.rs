use super::*;
use crate::plan::{Axis, Levels, Setup};
use crate::recommend::BadEvent;
use oomsim_core::engine::StreamFactory;
use std::cell::Cell;

/// A node of 1000 whose knob value is taken off; the risk is a function of the setting.
struct Synthetic<F> {
    risk: F,
    /// From this setting on the kubelet does not start.
    refused_from: u64,
    price: u64,
    ran: Cell<u64>,
}

impl<F: Fn(usize, u64) -> f64> Runs for Synthetic<F> {
    fn run(&self, scenario: usize, setting: u64, seeds: std::ops::Range<u64>) -> Vec<Measures> {
        self.ran.set(self.ran.get() + seeds.end - seeds.start);
        let risk = (self.risk)(scenario, setting);
        let bad = |seed: u64| {
            let draw = StreamFactory::new(seed).stream(format!("{scenario}/{setting}").as_str()).next_u64();
            (draw as f64) < risk * u64::MAX as f64
        };
        let allocatable = Some(1000 - (setting * self.price) as i64);
        let measures = |seed| {
            let kills = u64::from(bad(seed));
            let outcome = if kills > 0 { RunOutcome::KubepodsOom } else { RunOutcome::None };
            Measures { allocatable, outcome, killed_burstable: kills, ..Measures::default() }
        };
        seeds.map(measures).collect()
    }

    fn unusable(&self, setting: u64) -> Option<Unusable> {
        (setting >= self.refused_from).then(|| Unusable::KubeletNotStarted(format!("{setting} is too much")))
    }
}

fn plan(sizes: &[u64]) -> Plan {
    let axis = |(i, n): (usize, &u64)| Axis {
        name: format!("knob{i}"),
        keys: vec![format!("k{i}")],
        levels: Levels::Grid((0..*n).map(|v| AxisValue::parse(&v.to_string())).collect()),
    };
    let axes = sizes.iter().enumerate().map(axis).collect();
    Plan::new(Setup { axes, points: 1, repetitions: 1, ..Setup::default() }).unwrap()
}

fn find(plan: &Plan, below: f64, risk: impl Fn(usize, u64) -> f64) -> (Recommendation, u64) {
    find_below(plan, below, u64::MAX, risk)
}

fn find_below(plan: &Plan, below: f64, refused_from: u64, risk: impl Fn(usize, u64) -> f64) -> (Recommendation, u64) {
    let target = RiskTarget { event: BadEvent::KernelKill([true; 3]), below, scenario: None, pods: None };
    let runs = Synthetic { risk, refused_from, price: 1, ran: Cell::new(0) };
    let targets = [target];
    let settings =
        SearchSettings { plan, weights: &[1.0], targets: &targets, runs: 20_000, confirm: 5_000, alpha: 0.01 };
    (search(&settings, &runs, &mut |_| {}), runs.ran.get())
}

#[test]
fn bisection_finds_the_first_setting_that_is_safe_enough() {
    let plan = plan(&[100]);
    // Risk 50 % below setting 37, then 0.1 %: the target of 1 % is met from 37 on.
    let (found, ran) = find(&plan, 0.01, |_, s| if s < 37 { 0.5 } else { 0.001 });
    let SearchResult::Setting(best) = &found.found else { panic!("{found:?}") };
    assert_eq!(best.trial.setting, 37);
    assert_eq!(best.trial.allocatable, 963);
    assert!(best.fresh.passes() && best.fresh.risk().1.contains(0.001), "{:?}", best.fresh);
    assert!(found.trials.len() < 16, "{} settings tried", found.trials.len());
    // Hopeless settings stop in the first round.
    let hopeless = found.trials.iter().find(|t| t.setting == 0).unwrap();
    assert!(hopeless.fails() && hopeless.counts[0].1 <= 64, "{hopeless:?}");
    assert_eq!(hopeless.causes[&RunOutcome::KubepodsOom], hopeless.counts[0].0);
    assert!(ran < 40_000, "{ran}");
    // Both neighbours are there, for the margins.
    assert!([36, 38].iter().all(|n| found.trials.iter().any(|t| t.setting == *n)));
    assert!(found.not_monotone.is_empty());
}

#[test]
fn a_risk_that_rises_again_is_noticed() {
    // Good from 30 to 70 only: both ends fail.
    let (found, _) = find(&plan(&[101]), 0.01, |_, s| if (30..=70).contains(&s) { 0.0005 } else { 0.4 });
    let SearchResult::Setting(best) = &found.found else { panic!() };
    assert_eq!((best.trial.setting, found.not_monotone.as_slice()), (30, ["knob0".to_string()].as_slice()));
}

#[test]
fn knobs_are_combined_and_the_cheapest_wins() {
    // knob0 has 3 values (stride 20), knob1 has 20: safe where 4·knob0 + knob1 ≥ 12.
    let (found, _) = find(&plan(&[3, 20]), 0.02, |_, s| if 4 * (s / 20) + s % 20 >= 12 { 0.001 } else { 0.3 });
    let SearchResult::Setting(best) = &found.found else { panic!() };
    assert_eq!(best.trial.setting, 12);
    assert!(found.front.len() <= found.trials.len());
    let risks: Vec<f64> = found.front.iter().map(|&i| found.trials[i].risk().0).collect();
    assert!(risks.is_sorted_by(|a, b| a > b), "{risks:?}");
}

#[test]
fn no_setting_is_no_setting() {
    let (found, _) = find(&plan(&[5]), 0.01, |_, s| 0.9 - s as f64 / 10.0);
    let SearchResult::Nothing { nearest } = found.found else { panic!() };
    assert_eq!(found.trials[nearest].setting, 4);
    let (found, _) = find(&plan(&[2]), 0.0, |_, s| if s == 0 { 0.001 } else { 0.0 });
    let SearchResult::Setting(best) = &found.found else { panic!() };
    assert_eq!(best.trial.setting, 1);
}

#[test]
fn a_setting_with_which_the_kubelet_does_not_start_is_never_recommended() {
    // Safe from 37 on; from 60 on the kubelet does not start, though "nothing" would be killed there.
    let (found, _) = find_below(&plan(&[100]), 0.01, 60, |_, s| if s < 37 { 0.5 } else { 0.0 });
    let SearchResult::Setting(best) = &found.found else { panic!("{found:?}") };
    assert_eq!((best.trial.setting, found.not_monotone.len()), (37, 0));
    // All 40 that do not start are known, without a run, with nothing allocatable and off the front.
    let refused: Vec<usize> = (0..found.trials.len()).filter(|&i| found.trials[i].unusable.is_some()).collect();
    assert_eq!(refused.len(), 40);
    for &i in &refused {
        let t = &found.trials[i];
        assert_eq!((t.allocatable, t.counts.as_slice(), t.fails(), t.passes()), (0, &[(0, 0)][..], true, false));
        assert!(!found.front.contains(&i));
    }
    // The least risk that is measured is 40 %: the nearest is none of those that were not measured.
    let (found, _) = find_below(&plan(&[5]), 0.01, 3, |_, _| 0.4);
    let SearchResult::Nothing { nearest } = found.found else { panic!("{found:?}") };
    assert!(found.trials[nearest].unusable.is_none());
    let (found, ran) = find_below(&plan(&[20]), 0.01, 0, |_, _| 0.0);
    assert!(matches!(found.found, SearchResult::Nothing { .. }) && ran == 0 && found.front.is_empty(), "{found:?}");
}

#[test]
fn lines_and_neighbours_by_hand() {
    assert_eq!(lines(6, &[2, 3], 1), [vec![0, 1, 2], vec![3, 4, 5]]);
    assert_eq!(lines(6, &[2, 3], 0), [vec![0, 3], vec![1, 4], vec![2, 5]]);
    assert_eq!(neighbours(&[2, 3], 1), [0, 2, 4]);
    assert_eq!(neighbours(&[2, 3], 5), [4, 2]);
}

#[test]
fn a_target_of_all_scenarios_is_about_their_weighted_runs() {
    // 40 % of the runs of the first scenario are bad, none of the second: 20 % of all runs where both weigh the same,
    // 8 % where the first weighs a quarter of the second (1 run of 5).
    let target = RiskTarget { event: BadEvent::KernelKill([true; 3]), below: 0.12, scenario: None, pods: None };
    for (weights, passes, share) in [([1.0, 1.0], false, 0.2), ([0.25, 1.0], true, 0.08)] {
        let risk = |scenario, _| if scenario == 0 { 0.4 } else { 0.0 };
        let runs = Synthetic { risk, refused_from: u64::MAX, price: 1, ran: Cell::new(0) };
        let (plan, targets) = (plan(&[1]), [target.clone()]);
        let settings = SearchSettings {
            plan: &plan,
            weights: &weights,
            targets: &targets,
            runs: 4000,
            confirm: 4000,
            alpha: 0.01,
        };
        let found = search(&settings, &runs, &mut |_| ());
        assert_eq!(matches!(found.found, SearchResult::Setting(_)), passes, "{weights:?}: {found:?}");
        let (bad, of) = found.trials[0].counts[0];
        assert!((bad as f64 / of as f64 - share).abs() < 0.08, "{bad} of {of}");
    }
}

#[test]
fn the_mixture_takes_its_share_of_the_runs() {
    let taken = |weight| (0..8).map(|nth| u8::from(in_mixture(weight, nth))).collect::<Vec<_>>();
    assert_eq!(taken(1.0), [1; 8]);
    assert_eq!(taken(0.25), [0, 0, 0, 1, 0, 0, 0, 1]);
    assert_eq!(share_of(0.25, 8), 2);
}
