//! Signs in the container's own curves.

use super::{Noted, SignKind, mib};
use crate::diagnose::observed::{End, MemoryCurve, Observed};
use crate::diagnose::shape::{Form, Shape, shape};

/// From this share of the limit on, a level is at the limit.
const AT_THE_LIMIT: f64 = 0.92;
/// From this share of the limit on, a level is near it.
const NEAR_THE_LIMIT: f64 = 0.7;
/// More falls than this without a restart are no deaths of single processes, but the program's own way.
const FEW_FALLS: usize = 4;
/// A fall to more than this share of what was held before leaves most of it.
const FALLS_TO: f64 = 0.7;
/// Share of all time that a container waits for memory when it stalls.
const STALLS: f64 = 0.05;

pub(super) fn of_shape(observed: &Observed, shape: &Shape, to: &mut Noted) {
    let limit = observed.limit().map(|limit| limit.get() as f64);
    let share = limit.map(|limit| shape.end / limit);
    let of_limit = limit.map_or_else(String::new, |limit| format!(" of {}", mib(limit)));
    let level = format!("{}{of_limit}", mib(shape.end));
    match shape.form {
        Form::Ramp => {
            let rate = format!("{} to {level}, {} an hour", mib(shape.start), mib(shape.slope * 3600.0));
            to.has(SignKind::RisesSteadily, rate);
        }
        Form::Saturating if share.is_some_and(|s| s > 0.8) => to.has(SignKind::RisesSlower, level),
        Form::Plateau | Form::Flat if share.is_some_and(|s| s > AT_THE_LIMIT) => to.has(SignKind::AtTheLimit, level),
        Form::Plateau | Form::Flat if share.is_some_and(|s| s > NEAR_THE_LIMIT) => {
            to.has(SignKind::LevelBelowLimit, level);
            at_high(observed, shape, to);
        }
        Form::Bursty => to.has(SignKind::Bursts, format!("{} to {}", mib(shape.median), mib(shape.max))),
        Form::Uneven => to.has(SignKind::UpAndDown, format!("up to {}{of_limit}", mib(shape.max))),
        Form::Flat | Form::Plateau => to.has(SignKind::BelowTheLimit, level),
        Form::Saturating => {}
    }
    let killed = observed.facts().and_then(|c| c.ended.as_ref()).is_some_and(End::oom_killed);
    if killed && limit.is_some_and(|limit| shape.max < 0.75 * limit) {
        to.has(SignKind::LowYetKilled, format!("highest {}{of_limit}", mib(shape.max)));
    }
    if shape.same_ends {
        to.has(SignKind::SameEnds, format!("about {}", mib(shape.end)));
    }
}

/// The kubelet sets memory.high between request and limit (KEP-2570), at a factor of 0.9, before 1.27 of 0.8.
fn at_high(observed: &Observed, shape: &Shape, to: &mut Noted) {
    let facts = observed.facts();
    let Some((limit, request)) = facts.and_then(|c| c.limit.zip(c.request)).filter(|(l, r)| r < l) else { return };
    let (limit, request) = (limit.get() as f64, request.get() as f64);
    let high = [0.9, 0.8].map(|factor| request + factor * (limit - request));
    if let Some(high) = high.into_iter().find(|high| (shape.end / high - 1.0).abs() < 0.03) {
        to.has(SignKind::LevelAtHigh, mib(high));
    }
}

/// Whether a curve grows, as a share of its highest value.
fn growth(curve: &MemoryCurve) -> Option<f64> {
    let shape = shape(curve)?;
    Some((shape.end - shape.start) / shape.max.max(1.0))
}

pub(super) fn files(observed: &Observed, shape: Option<&Shape>, to: &mut Noted) {
    match observed.facts() {
        Some(facts) if !facts.memory_volumes.is_empty() => {
            to.has(SignKind::MemoryVolume, facts.memory_volumes.join(", "));
        }
        Some(facts) if facts.spec_known => to.has(SignKind::NoMemoryVolume, ""),
        _ => {}
    }
    let (Some(working_set), Some(rss)) = (shape, growth(&observed.rss)) else { return };
    let rises = (working_set.end - working_set.start) / working_set.max.max(1.0);
    let last = |curve: &MemoryCurve| curve.iter().rev().take(5).map(|(_, v)| *v).fold(0.0, f64::max);
    let files = 1.0 - last(&observed.rss) / last(&observed.working_set).max(1.0);
    if rss < 0.12 && (rises > 0.15 || files > 0.5) {
        to.has(SignKind::FilesGrow, format!("anonymous memory {}", mib(last(&observed.rss))));
    } else if rss > 0.15 && rises > 0.15 {
        to.has(SignKind::AnonGrows, format!("to {}", mib(last(&observed.rss))));
    }
}

pub(super) fn restarts(observed: &Observed, shape: &Shape, to: &mut Noted) {
    let Some(container) = observed.facts().filter(|c| c.status_known) else { return };
    let falls = shape.drops > 0 && shape.form != Form::Bursty;
    let volumes = !container.memory_volumes.is_empty();
    // What stays level far below the limit is no sign either way. With a volume, what the processes held falls, and
    // the rest stays.
    let near = observed.limit().is_some_and(|limit| shape.end > NEAR_THE_LIMIT * limit.get() as f64);
    let moves = shape.form != Form::Flat || volumes && near;
    let outlives = moves && if volumes { shape.lands > FALLS_TO } else { shape.drops == 0 };
    let restarted = container.restarts >= 2 && observed.pod.reason != "Evicted" && shape.form != Form::Bursty;
    if restarted && outlives {
        to.has(SignKind::OutlivesRestarts, format!("{} restarts", container.restarts));
    } else if container.restarts > 0 && falls && shape.lands <= FALLS_TO {
        to.has(SignKind::FallsAtRestarts, format!("to {:.0} % of what it was", shape.lands * 100.0));
    }
    let goes_on = container.restarts == 0 && falls && container.running;
    if goes_on && shape.drops > FEW_FALLS {
        to.has(SignKind::FallsAgainAndAgain, format!("{} times", shape.drops));
    } else if goes_on {
        to.has(SignKind::FallsAndGoesOn, format!("{} times", shape.drops));
    }
    let killed = rises(&observed.oom_events);
    let child = observed.kills.iter().flatten().any(|k| k.child == Some(true));
    if killed > f64::from(container.restarts) {
        to.has(SignKind::OomEventsWithoutRestart, format!("{killed:.0} times against {}", container.restarts));
    } else if !child && !goes_on {
        to.has(SignKind::NoKillSeen, "");
    }
}

/// By how much a counter rises in all; it begins anew with each container.
fn rises(counter: &MemoryCurve) -> f64 {
    let more = |w: &[(f64, f64)]| if w[1].1 >= w[0].1 { w[1].1 - w[0].1 } else { w[1].1 };
    counter.windows(2).map(more).sum::<f64>()
}

pub(super) fn slow(observed: &Observed, to: &mut Noted) {
    let most = observed.swap.iter().map(|(_, v)| *v).fold(0.0, f64::max);
    let node = &observed.node_swap;
    let of_node = node.last().zip(node.first()).map_or(0.0, |(last, first)| last.1 - first.1);
    if most > 16e6 {
        to.has(SignKind::Swaps, mib(most));
    } else if of_node > 64e6 && observed.swap.is_empty() {
        to.has(SignKind::NodeSwaps, format!("{} more than at the beginning", mib(of_node)));
    } else {
        to.has(SignKind::NoSwap, "");
    }
    match (observed.stalls.first(), observed.stalls.last()) {
        (Some((from, _)), Some((until, _))) if until > from => {
            let rate = rises(&observed.stalls) / (until - from);
            let kind = if rate > STALLS { SignKind::Stalls } else { SignKind::NoStalls };
            to.has(kind, format!("{rate:.2} a second"));
        }
        _ => to.has(SignKind::NoStallData, ""),
    }
}
