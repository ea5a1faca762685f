//! Signs in what surrounds a container: its pod's other containers, other pods, the node.

use super::{Noted, SignKind, mib};
use crate::diagnose::observed::{ContainerFacts, End, MemoryCurve, Observed};
use crate::diagnose::shape::{Form, Shape, shape};

pub(super) fn neighbours(observed: &Observed, own: Option<&Shape>, to: &mut Noted) {
    let pod = &observed.pod;
    if pod.containers.len() + pod.init.len() < 2 {
        if observed.facts().is_none_or(|c| !c.spec_known) {
            return;
        }
        return to.has(SignKind::OnlyContainer, "");
    }
    let others = || pod.containers.iter().filter(|c| c.name != observed.container);
    if let Some(other) = others().find(|c| c.limit.is_none()) {
        to.has(SignKind::OtherUnlimited, other.name.clone());
    }
    let most = own.map_or(0.0, |s| s.max);
    let limit = observed.limit().map(|limit| limit.get() as f64);
    let mut grows = false;
    // Where all is well, a large neighbour takes nothing from anyone.
    if well(observed) {
        return;
    }
    for (name, curve) in &observed.others {
        if let Some(figures) = takes(name, curve, pod.container(name), most, limit) {
            grows = true;
            to.has(SignKind::OtherGrows, figures);
        }
    }
    let ended = |c: &ContainerFacts| c.ended.as_ref().is_some_and(End::oom_killed);
    let beside = observed.facts().is_some_and(|c| c.beside);
    if !grows && !beside && !others().any(ended) && !pod.init.iter().any(ended) {
        let known = !observed.others.is_empty();
        to.has(if known { SignKind::OthersQuiet } else { SignKind::OthersLive }, "");
    }
}

/// No container of the pod has ended badly or been restarted, and the pod is not evicted.
fn well(observed: &Observed) -> bool {
    let pod = &observed.pod;
    let fine =
        |c: &ContainerFacts| c.status_known && c.restarts == 0 && c.ended.as_ref().is_none_or(|e| e.exit_code == 0);
    let kills = observed.kills.as_ref().is_some_and(|kills| !kills.is_empty());
    !kills && pod.reason.is_empty() && pod.containers.iter().chain(&pod.init).all(fine)
}

/// Another container grows, or uses much that was not asked for.
fn takes(
    name: &str,
    curve: &MemoryCurve,
    facts: Option<&ContainerFacts>,
    own: f64,
    limit: Option<f64>,
) -> Option<String> {
    let other = shape(curve)?;
    let asked = facts.and_then(|c| c.limit.or(c.request)).map_or(0.0, |b| b.get() as f64);
    let grows = other.end - other.start > 0.25 * other.max && other.max > own * 0.25;
    let unaccounted = asked == 0.0 && limit.is_some_and(|limit| other.max > 0.2 * limit);
    (grows || unaccounted).then(|| format!("{name} holds up to {}", mib(other.max)))
}

/// Highest and lowest value.
fn ends(curve: &MemoryCurve) -> (f64, f64) {
    let least = curve.iter().map(|(_, v)| *v).fold(f64::INFINITY, f64::min);
    (curve.iter().map(|(_, v)| *v).fold(0.0, f64::max), least)
}

pub(super) fn node(observed: &Observed, own: Option<&Shape>, to: &mut Noted) {
    if observed.node_available.len() > 3 {
        let (most, least) = ends(&observed.node_available);
        let total = observed.node_total.map_or(most, |total| total.get() as f64);
        let level = |s: &Shape| matches!(s.form, Form::Flat | Form::Bursty | Form::Uneven) || s.max < total * 0.15;
        if least < total * 0.12 && own.is_none_or(level) {
            to.has(SignKind::NodeFalls, format!("MemAvailable from {} to {}", mib(most), mib(least)));
        } else if least > total * 0.2 {
            to.has(SignKind::NodeHasRoom, format!("never less than {} (MemAvailable)", mib(least)));
        }
    }
    other_pods(observed, own, to);
    let Some(allocatable) = observed.allocatable.map(|a| a.get() as f64) else { return };
    if observed.all_pods.len() > 3 {
        let (most, _) = ends(&observed.all_pods);
        let kind = if most > 0.94 * allocatable { SignKind::PodsAtAllocatable } else { SignKind::PodsBelow };
        if !(0.85..=0.94).contains(&(most / allocatable)) {
            to.has(kind, format!("{} of {}", mib(most), mib(allocatable)));
        }
    }
    if let (Some(total), true) = (observed.node_total, observed.node_system.len() > 3) {
        let (most, _) = ends(&observed.node_system);
        let reserved = (total.get() as f64 - allocatable).max(0.0);
        let kind = if most > reserved * 1.1 { SignKind::DaemonsOver } else { SignKind::DaemonsWithin };
        to.has(kind, format!("{} used, {} not allocatable", mib(most), mib(reserved)));
    }
}

/// Another pod that grows by far more than this container holds.
fn other_pods(observed: &Observed, own: Option<&Shape>, to: &mut Noted) {
    let held = own.map_or(0.0, |s| s.max);
    let grown = observed.other_pods.iter().filter_map(|(name, curve)| {
        let of = shape(curve)?;
        (of.end - of.start > 0.3 * of.max && of.max > held).then_some((name, of))
    });
    if let Some((name, of)) = grown.max_by(|(_, a), (_, b)| a.max.total_cmp(&b.max)) {
        to.has(SignKind::OtherPodGrows, format!("{name} from {} to {}", mib(of.start), mib(of.end)));
    }
}
