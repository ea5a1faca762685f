//! Admission by memory requests (lifecycle/predicate.go), and the pods that make room for a critical one
//! (preemption/preemption.go). Other resources than memory are not looked at.

use super::eviction::{EvictionFacts, Rejection};
use crate::node_api::{PodReason, QosClass};
use std::fmt;

/// Message of the event and of the status of a pod that makes room.
pub const PREEMPTED: &str = "Preempted in order to admit critical pod";

/// A node has not the memory that a pod requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsufficientMemory {
    /// The pod's request, bytes.
    pub requested: i64,
    /// Requests of the other pods.
    pub used: i64,
    /// Node allocatable.
    pub capacity: i64,
}

impl InsufficientMemory {
    /// What is to be freed.
    pub fn lacking(&self) -> i64 {
        self.requested.saturating_sub(self.capacity.saturating_sub(self.used))
    }

    /// The kubelet's refusal.
    pub fn rejection(&self) -> Rejection {
        Rejection { reason: PodReason::OutOfMemory, message: self.to_string() }
    }
}

impl fmt::Display for InsufficientMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InsufficientMemory { requested, used, capacity } = self;
        write!(
            f,
            "Node didn't have enough resource: memory, requested: {requested}, used: {used}, capacity: {capacity}"
        )
    }
}

/// Whether a pod's request fits beside those of the others. One without request always does (scheduler
/// noderesources fitsRequest).
///
/// # Errors
/// What is lacking.
pub fn fits(requested: i64, used: i64, capacity: i64) -> Result<(), InsufficientMemory> {
    if requested > 0 && requested > capacity.saturating_sub(used) {
        return Err(InsufficientMemory { requested, used, capacity });
    }
    Ok(())
}

/// A pod that may have to make room. `P` is what the caller knows pods by.
#[derive(Clone, Copy, Debug)]
pub struct Preemptee<P> {
    /// The pod.
    pub pod: P,
    /// Its class.
    pub qos: QosClass,
    /// Facts drawn from its specification.
    pub facts: EvictionFacts,
}

impl<P> Preemptee<P> {
    fn request(&self) -> i64 {
        // Whole bytes, rounded up, as Quantity.Value does.
        let bytes = (self.facts.request_nanos + 999_999_999).div_euclid(1_000_000_000);
        i64::try_from(bytes).unwrap_or(i64::MAX)
    }

    /// Whether a critical pod may take its place (types/pod_update.go Preemptable).
    fn yields_to(&self, critical: &EvictionFacts) -> bool {
        !self.facts.critical || critical.priority > self.facts.priority
    }
}

/// The pods that a critical pod takes the place of: first as few and as small Guaranteed pods as possible, then
/// Burstable ones, then BestEffort ones; in the order in which they are killed.
///
/// # Errors
/// The refusal, when all pods that could go do not make room.
pub fn preempted<P: Copy>(
    critical: &EvictionFacts,
    lacking: i64,
    pods: impl IntoIterator<Item = Preemptee<P>>,
) -> Result<Vec<P>, Rejection> {
    let (mut best_effort, mut burstable, mut guaranteed) = (Vec::new(), Vec::new(), Vec::new());
    for pod in pods.into_iter().filter(|pod| pod.yields_to(critical)) {
        match pod.qos {
            QosClass::BestEffort => best_effort.push(pod),
            QosClass::Burstable => burstable.push(pod),
            QosClass::Guaranteed => guaranteed.push(pod),
        }
    }
    let sum = |list: &[Preemptee<P>]| list.iter().fold(0i64, |sum, pod| sum.saturating_add(pod.request()));
    let without = lacking - sum(&best_effort) - sum(&burstable);
    let guaranteed = nearest(guaranteed, without).map_err(none_found)?;
    let without = lacking - sum(&best_effort) - sum(&guaranteed);
    let burstable = nearest(burstable, without).map_err(none_found)?;
    let without = lacking - sum(&burstable) - sum(&guaranteed);
    let best_effort = nearest(best_effort, without).map_err(none_found)?;
    Ok(best_effort.into_iter().chain(burstable).chain(guaranteed).map(|pod| pod.pod).collect())
}

fn none_found(lacking: i64) -> Rejection {
    Rejection {
        reason: PodReason::UnexpectedAdmissionError,
        message: format!(
            "Unexpected error while attempting to recover from admission failure: preemption: error finding a set of \
             pods to preempt: no set of running pods found to reclaim resources: [(res: memory, q: {lacking}), ]"
        ),
    }
}

/// Pods whose requests come to what is lacking: again and again the one that leaves least of it, of those that leave
/// nothing the one with the smallest request, the later one of two alike.
///
/// # Errors
/// What is lacking when all of them have gone.
fn nearest<P: Copy>(mut pods: Vec<Preemptee<P>>, mut lacking: i64) -> Result<Vec<Preemptee<P>>, i64> {
    let mut found = Vec::new();
    while lacking > 0 {
        let left = |pod: &Preemptee<P>| lacking.saturating_sub(pod.request()).max(0);
        let mut best = None;
        for (index, pod) in pods.iter().enumerate() {
            let key = (left(pod), pod.request());
            if best.is_none_or(|(_, least)| key <= least) {
                best = Some((index, key));
            }
        }
        let Some((index, _)) = best else { return Err(lacking) };
        // The last one takes its place, as in the real list.
        let pod = pods.swap_remove(index);
        lacking -= pod.request();
        found.push(pod);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(mib: i64, priority: i32, critical: bool) -> EvictionFacts {
        EvictionFacts {
            request_nanos: i128::from(mib << 20) * 1_000_000_000,
            priority,
            critical,
            termination_grace_period_seconds: None,
        }
    }

    fn pod(name: &'static str, qos: QosClass, mib: i64) -> Preemptee<&'static str> {
        Preemptee { pod: name, qos, facts: facts(mib, 0, false) }
    }

    #[test]
    fn a_pod_fits_beside_the_requests_of_others_or_the_message_has_the_three_numbers() {
        assert_eq!(fits(300, 700, 1000), Ok(()));
        assert_eq!(fits(0, 2000, 1000), Ok(()));
        let lacks = fits(301, 700, 1000).expect_err("one byte too much");
        assert_eq!(lacks.lacking(), 1);
        // lifecycle/predicate.go InsufficientResourceError.Error.
        let text = "Node didn't have enough resource: memory, requested: 301, used: 700, capacity: 1000";
        assert_eq!(lacks.rejection(), Rejection { reason: PodReason::OutOfMemory, message: text.into() });
    }

    /// preemption.go: "fewest pods evicted > fewest total requests of pods", minimal for Guaranteed pods first.
    #[test]
    fn the_smallest_pod_that_is_enough_goes_and_guaranteed_ones_only_when_others_are_not() {
        let critical = facts(500, 2_000_000_000, true);
        let pods = [
            pod("be", QosClass::BestEffort, 0),
            pod("b-900", QosClass::Burstable, 900),
            pod("b-400", QosClass::Burstable, 400),
            pod("g-100", QosClass::Guaranteed, 100),
            pod("g-300", QosClass::Guaranteed, 300),
        ];
        assert_eq!(preempted(&critical, 300 << 20, pods), Ok(vec!["b-400"]));
        assert_eq!(preempted(&critical, 1200 << 20, pods), Ok(vec!["b-900", "b-400"]));
        assert_eq!(preempted(&critical, 1350 << 20, pods), Ok(vec!["b-900", "b-400", "g-100"]));
        let refused = preempted(&critical, 2000 << 20, pods).expect_err("there is not as much");
        assert_eq!(refused.reason, PodReason::UnexpectedAdmissionError);
    }

    #[test]
    fn a_critical_pod_yields_only_to_a_higher_priority() {
        let critical = facts(0, 2_000_000_000, true);
        let node_critical = facts(0, 2_000_001_000, true);
        let other = Preemptee { pod: "c", qos: QosClass::Burstable, facts: facts(100, 2_000_000_000, true) };
        assert!(preempted(&critical, 1, [other]).is_err());
        assert_eq!(preempted(&node_critical, 1, [other]), Ok(vec!["c"]));
    }
}
