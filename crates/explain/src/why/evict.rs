//! Evictions.

use super::kill::{LOOK_BACK, STILL};
use super::{Explanation, passes};
use crate::candidates::{Candidates, PodCandidate, of_pass};
use crate::fact::{ChoiceFact, KubeletFact, Link, ProgramFact, ThresholdState, Who, WhyNot};
use crate::rule::Rule;
use crate::run::Run;
use oomsim_core::node_api::{EvictionSignal, Name};
use oomsim_core::record::{PassFigures, PassVerdict, Record, Sample};
use oomsim_core::units::{Bytes, SimDuration, SimTime};

pub(super) fn evicted(run: &Run, to: &mut Explanation, pod: &Name, record: &Record) {
    let Record::Evicted { signal, usage_seen, usage_seen_at, usage_now, .. } = record else { return };
    let at = to.at;
    let growth = growth(run, at);
    let over = growth.over(at);
    for (who, from, now) in growth.grown.iter().take(3) {
        to.chain.push(Link::at(at, ProgramFact::Grew { who: who.clone(), from: *from, to: *now, over }));
    }
    if let Some((place, pass)) = run.pass_before(at) {
        before(run, to, place);
        met(run, to, pass, *signal);
        choosing(run, to, pass, pod, &growth);
    }
    let age_s = usage_seen_at.map(|taken| at.since(taken).as_secs_f64());
    let figure = KubeletFact::PodFigure { pod: pod.clone(), seen: *usage_seen, age_s, now: *usage_now };
    to.choosing.push(Link::at(at, figure).by(Rule::Statistics));
    let own = growth.grown.iter().find(|(who, ..)| *who == Who::Pod(pod.clone())).map(|(_, f, n)| n.saturating_sub(*f));
    if let Some((grower, from, now)) = growth.grown.first()
        && own.unwrap_or_default().get() < now.saturating_sub(*from).get() / 8
    {
        to.innocent = true;
        let (who, by) = (Who::Pod(pod.clone()), now.saturating_sub(*from));
        to.chain.push(Link::of(ProgramFact::Innocent { who, grower: grower.clone(), by }));
    }
}

/// Who grew lately.
pub(super) struct Growth {
    /// By how much they grew, the most first.
    pub grown: Vec<(Who, Bytes, Bytes)>,
    from: SimTime,
}

impl Growth {
    fn over(&self, at: SimTime) -> SimDuration {
        at.since(self.from)
    }
}

/// Growth of pods, and of everything else on the node, over the last half minute.
pub(super) fn growth(run: &Run, at: SimTime) -> Growth {
    let from = SimTime::from_nanos(at.as_nanos().saturating_sub(LOOK_BACK.as_nanos()));
    let (Some(earlier), Some(now)) = (run.sample(from), run.sample(at)) else {
        return Growth { grown: Vec::new(), from };
    };
    let before = |pod: &str| run.pod_in(earlier, pod).map_or(Bytes::ZERO, |p| p.working_set);
    let of_pod = |(pod, working_set): (&Name, Bytes)| (Who::Pod(pod.clone()), before(pod), working_set);
    let mut grown: Vec<_> = run.pods_in(now).map(of_pod).collect();
    let system = |sample: &Sample| sample.working_set.saturating_sub(sample.kubepods_working_set);
    grown.push((Who::System, system(earlier), system(now)));
    grown.retain(|(_, from, now)| now.saturating_sub(*from) >= STILL);
    grown.sort_by_key(|(_, from, now)| std::cmp::Reverse(now.saturating_sub(*from)));
    Growth { grown, from: earlier.at }
}

/// The looks before this one.
fn before(run: &Run, to: &mut Explanation, place: usize) {
    if place == 0 {
        return;
    }
    let earlier = &run.history().passes[..place];
    let states: Vec<Vec<ThresholdState>> = earlier.iter().map(|pass| passes::thresholds(run, pass)).collect();
    let met = states.iter().filter(|pass| pass.iter().any(ThresholdState::met)).count() as u64;
    let last = states.last().cloned().unwrap_or_default();
    let nearest = states.into_iter().flatten().min_by_key(passes::distance);
    to.chain.push(Link::of(KubeletFact::PassesBefore { count: place as u64, met, nearest }));
    let waits_until = match earlier[place - 1].verdict {
        PassVerdict::GracePeriod { until } => Some(until),
        _ => None,
    };
    let evicted = earlier[place - 1].evicted().cloned();
    let fact = KubeletFact::LastPass { thresholds: last, evicted, waits_until };
    to.chain.push(Link::at(earlier[place - 1].at, fact).by(Rule::Pass));
}

/// Which threshold was met, and the subtraction behind it.
fn met(run: &Run, to: &mut Explanation, pass: &PassFigures, signal: EvictionSignal) {
    let Some(kubelet) = run.kubelet() else { return };
    let of_pods = signal == EvictionSignal::AllocatableMemoryAvailable;
    let (of, rule) = match of_pods {
        true => (kubelet.kubepods_limit, Rule::AllocatableAvailable),
        false => (kubelet.capacity(), Rule::MemoryAvailable),
    };
    let acting = pass.acting.iter().find(|seen| seen.signal == signal).or(pass.met.first());
    let Some(seen) = acting else { return };
    let threshold =
        ThresholdState { signal: seen.signal, hard: seen.hard, quantity: seen.quantity, available: seen.available };
    let working_set = i64::try_from(of.get()).unwrap_or(i64::MAX).saturating_sub(seen.available);
    to.chain.push(Link::at(pass.at, KubeletFact::ThresholdMet { threshold, of, working_set }).by(rule));
    if !seen.hard {
        to.chain.push(Link::of(KubeletFact::SoftThreshold { grace: grace(run, signal) }).by(Rule::SoftGrace));
    }
}

/// Grace period of the soft threshold of a signal.
fn grace(run: &Run, signal: EvictionSignal) -> SimDuration {
    let soft = run.kubelet().into_iter().flat_map(|kubelet| &kubelet.thresholds.soft);
    soft.filter(|t| t.signal == signal).map(|t| t.grace).max().unwrap_or_default()
}

/// Why this pod, and why not the one that uses or grows most.
fn choosing(run: &Run, to: &mut Explanation, pass: &PassFigures, victim: &Name, growth: &Growth) {
    let pods = of_pass(run, pass);
    if let Some(first) = pods.iter().find(|p| p.pod == *victim) {
        let largest = pods.iter().max_by_key(|p| p.now.unwrap_or_default());
        let mut others: Vec<&PodCandidate> = largest.into_iter().filter(|p| p.pod != *victim).collect();
        let grower = growth.grown.iter().find_map(|(who, ..)| match who {
            Who::Pod(pod) => pods.iter().find(|p| p.pod == *pod && p.pod != *victim),
            _ => None,
        });
        others.extend(grower.filter(|g| others.iter().all(|o| o.pod != g.pod)));
        for other in others.into_iter().filter(|other| other.now > first.now) {
            let fact = ChoiceFact::NotChosen {
                who: Who::Pod(other.pod.clone()),
                holds: other.now.unwrap_or_default(),
                why_not: why_not(other, first),
            };
            to.choosing.push(Link::of(fact).by(Rule::Ranking));
        }
    }
    if let Some((Who::System, _, now)) = growth.grown.first() {
        let fact = ChoiceFact::NotChosen { who: Who::System, holds: *now, why_not: WhyNot::NoPod };
        to.choosing.push(Link::of(fact).by(Rule::Ranking));
    }
    to.candidates = Some(Candidates::Kubelet { pods });
}

fn why_not(other: &PodCandidate, victim: &PodCandidate) -> WhyNot {
    if other.critical {
        return WhyNot::Critical;
    }
    match (other.seen, victim.seen) {
        (Some(_), None) => WhyNot::NoFigureOfVictim,
        (Some(_), Some(_)) if victim.exceeds_request && !other.exceeds_request && !outgrew(other) => {
            WhyNot::WithinRequest { request: other.request }
        }
        _ if victim.priority < other.priority => {
            WhyNot::Priority { priority: other.priority, victim_priority: victim.priority }
        }
        (Some(seen), _) if other.now.is_some_and(|now| now > seen + STILL) => {
            let (age_s, now) = (other.age_s.unwrap_or_default(), other.now.unwrap_or_default());
            WhyNot::OldFigure { seen, age_s, now }
        }
        _ => WhyNot::LessAbove { by: other.excess, victim_by: victim.excess },
    }
}

/// It is above its request by now, although the kubelet's figure says otherwise.
fn outgrew(pod: &PodCandidate) -> bool {
    pod.now.is_some_and(|now| now > pod.request)
}
