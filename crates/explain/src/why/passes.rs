//! What the kubelet saw, and when.

use crate::fact::{KubeletFact, Link, ThresholdState};
use crate::rule::Rule;
use crate::run::Run;
use oomsim_core::kubelet::eviction::Threshold;
use oomsim_core::node_api::EvictionSignal;
use oomsim_core::record::{PassFigures, PassVerdict};
use oomsim_core::units::SimTime;

/// The thresholds of a pass with what was available; those that watch memory.
pub(super) fn thresholds(run: &Run, pass: &PassFigures) -> Vec<ThresholdState> {
    let Some(kubelet) = run.kubelet() else { return Vec::new() };
    let all = kubelet.thresholds.iter();
    let state = |threshold: &Threshold| {
        let available = match threshold.signal {
            EvictionSignal::MemoryAvailable => Some(pass.memory_available),
            EvictionSignal::AllocatableMemoryAvailable => pass.allocatable_available,
            _ => None,
        }?;
        let (signal, hard) = (threshold.signal, threshold.is_hard());
        Some(ThresholdState { signal, hard, quantity: kubelet.amount(signal, &threshold.value), available })
    };
    all.filter_map(state).collect()
}

/// How far a threshold is from being met, in bytes.
pub(super) fn distance(state: &ThresholdState) -> i64 {
    state.available.saturating_sub(i64::try_from(state.quantity.get()).unwrap_or(i64::MAX))
}

/// The passes before an instant, the last of them, and the next.
pub(super) fn around(run: &Run, at: SimTime, to: &mut Vec<Link>) {
    let Some((place, last)) = run.pass_before(at) else { return };
    let passes = &run.history().passes;
    if place > 0 {
        let states: Vec<Vec<ThresholdState>> = passes[..place].iter().map(|pass| thresholds(run, pass)).collect();
        let met = states.iter().filter(|pass| pass.iter().any(ThresholdState::met)).count();
        let nearest = states.into_iter().flatten().min_by_key(distance);
        to.push(Link::of(KubeletFact::PassesBefore { count: place as u64, met: met as u64, nearest }));
    }
    to.push(Link::at(last.at, one(run, last)).by(Rule::Pass));
    let next = passes.get(place + 1).map(|pass| pass.at);
    let would = last.at.saturating_add(run.monitoring_period());
    let after = next.unwrap_or(would).since(at);
    to.push(Link::of(KubeletFact::NextPass { after, happened: next.is_some() }));
}

fn one(run: &Run, pass: &PassFigures) -> KubeletFact {
    let waits_until = match pass.verdict {
        PassVerdict::GracePeriod { until } => Some(until),
        _ => None,
    };
    KubeletFact::LastPass { thresholds: thresholds(run, pass), evicted: pass.evicted().cloned(), waits_until }
}
