//! Admission by memory requests and by the number of pods (lifecycle/predicate.go), and the pods that make room for a
//! critical one (preemption/preemption.go). Other resources are not looked at.

use super::eviction::{EvictionFacts, Rejection};
use crate::node_api::{PodReason, QosClass};
use std::fmt;
use std::ops::Sub;

/// Message of the event and of the status of a pod that makes room.
pub const PREEMPTED: &str = "Preempted in order to admit critical pod";

/// Most pods on a node whose configuration does not say (v1beta1/defaults.go).
pub const DEFAULT_MAX_PODS: i64 = 110;

/// What admission counts: of a pod, of all pods, or of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Number of pods.
    pub pods: i64,
    /// Memory requested, bytes.
    pub memory: i64,
}

impl Sub for Room {
    type Output = Room;

    fn sub(self, other: Room) -> Room {
        Room { pods: self.pods.saturating_sub(other.pods), memory: self.memory.saturating_sub(other.memory) }
    }
}

impl Room {
    /// What a pod with this request in bytes takes.
    pub fn of_pod(memory: i64) -> Room {
        Room { pods: 1, memory }
    }

    /// True when nothing is lacking.
    fn is_enough(self) -> bool {
        self.pods <= 0 && self.memory <= 0
    }

    /// How far a pod's going is from what is lacking (preemption.go `admissionRequirementList.distance`).
    fn distance(self, pod: Room) -> f64 {
        let of = |lacking: i64, frees: i64| match lacking.saturating_sub(frees) {
            left if lacking > 0 && left > 0 => {
                let part = left as f64 / lacking as f64;
                part * part
            }
            _ => 0.0,
        };
        of(self.pods, pod.pods) + of(self.memory, pod.memory)
    }
}

/// A node has no room for a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insufficient {
    /// The pod.
    pub requested: Room,
    /// The other pods.
    pub used: Room,
    /// Node allocatable.
    pub capacity: Room,
}

impl Insufficient {
    /// What is to be freed.
    pub fn lacking(&self) -> Room {
        self.requested - (self.capacity - self.used)
    }

    /// The kubelet's refusal. It names the number of pods first (scheduler noderesources `fitsRequest`).
    pub fn rejection(&self) -> Rejection {
        let reason = if self.lacking().pods > 0 { PodReason::OutOfPods } else { PodReason::OutOfMemory };
        Rejection { reason, message: self.to_string() }
    }
}

impl fmt::Display for Insufficient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, of): (_, fn(&Room) -> i64) = match self.lacking().pods {
            1.. => ("pods", |room| room.pods),
            _ => ("memory", |room| room.memory),
        };
        let (requested, used, capacity) = (of(&self.requested), of(&self.used), of(&self.capacity));
        write!(
            f,
            "Node didn't have enough resource: {what}, requested: {requested}, used: {used}, capacity: {capacity}"
        )
    }
}

/// Whether a pod fits beside the others. For one without request there is always memory (scheduler noderesources
/// `fitsRequest`).
///
/// # Errors
/// What is lacking.
pub fn fits(requested: Room, used: Room, capacity: Room) -> Result<(), Insufficient> {
    let lacks = Insufficient { requested, used, capacity };
    let Room { pods, memory } = lacks.lacking();
    if pods > 0 || requested.memory > 0 && memory > 0 { Err(lacks) } else { Ok(()) }
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
    fn frees(&self) -> Room {
        // Whole bytes, rounded up, as Quantity.Value does.
        let bytes = (self.facts.request_nanos + 999_999_999).div_euclid(1_000_000_000);
        Room::of_pod(i64::try_from(bytes).unwrap_or(i64::MAX))
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
    lacking: Room,
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
    let without = |lists: &[&[Preemptee<P>]]| {
        lists.iter().flat_map(|list| list.iter()).fold(lacking, |left, pod| left - pod.frees())
    };
    let left = without(&[&best_effort, &burstable, &guaranteed]);
    if !left.is_enough() {
        return Err(none_found(left));
    }
    let guaranteed = nearest(guaranteed, without(&[&best_effort, &burstable])).map_err(none_found)?;
    let burstable = nearest(burstable, without(&[&best_effort, &guaranteed])).map_err(none_found)?;
    let best_effort = nearest(best_effort, without(&[&burstable, &guaranteed])).map_err(none_found)?;
    Ok(best_effort.into_iter().chain(burstable).chain(guaranteed).map(|pod| pod.pod).collect())
}

fn none_found(lacking: Room) -> Rejection {
    let lacks = [("pods", lacking.pods), ("memory", lacking.memory)].into_iter().filter(|(_, quantity)| *quantity > 0);
    let list: String = lacks.map(|(resource, quantity)| format!("(res: {resource}, q: {quantity}), ")).collect();
    Rejection {
        reason: PodReason::UnexpectedAdmissionError,
        message: format!(
            "Unexpected error while attempting to recover from admission failure: preemption: error finding a set of \
             pods to preempt: no set of running pods found to reclaim resources: [{list}]"
        ),
    }
}

/// Pods that free what is lacking: again and again the one that comes nearest to it, of those that come as near the one
/// with the smallest request, the later one of two alike.
///
/// # Errors
/// What is lacking when all of them have gone.
fn nearest<P: Copy>(mut pods: Vec<Preemptee<P>>, mut lacking: Room) -> Result<Vec<Preemptee<P>>, Room> {
    let mut found = Vec::new();
    while !lacking.is_enough() {
        let mut best: Option<(usize, f64, i64)> = None;
        for (index, pod) in pods.iter().enumerate() {
            let frees = pod.frees();
            let distance = lacking.distance(frees);
            let nearer = best.is_none_or(|(_, least, request)| {
                distance < least || distance.total_cmp(&least).is_eq() && frees.memory <= request
            });
            if nearer {
                best = Some((index, distance, frees.memory));
            }
        }
        let Some((index, ..)) = best else { return Err(lacking) };
        // The last one takes its place, as in the real list.
        let pod = pods.swap_remove(index);
        lacking = lacking - pod.frees();
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

    /// Lacking memory alone.
    fn memory(mib: i64) -> Room {
        Room { pods: 0, memory: mib << 20 }
    }

    #[test]
    fn a_pod_fits_beside_the_requests_of_others_or_the_message_has_the_three_numbers() {
        let room = |pods, memory| Room { pods, memory };
        assert_eq!(fits(Room::of_pod(300), room(5, 700), room(110, 1000)), Ok(()));
        assert_eq!(fits(Room::of_pod(0), room(5, 2000), room(110, 1000)), Ok(()));
        let lacks = fits(Room::of_pod(301), room(5, 700), room(110, 1000)).expect_err("one byte too much");
        assert_eq!(lacks.lacking().memory, 1);
        // lifecycle/predicate.go InsufficientResourceError.Error.
        let text = "Node didn't have enough resource: memory, requested: 301, used: 700, capacity: 1000";
        assert_eq!(lacks.rejection(), Rejection { reason: PodReason::OutOfMemory, message: text.into() });
    }

    /// noderesources/fit.go fitsRequest: "Too many pods" comes first, with `Requested: 1`, also for a pod without
    /// request.
    #[test]
    fn a_pod_too_many_is_refused_whatever_it_requests() {
        let (used, capacity) = (Room { pods: 110, memory: 900 }, Room { pods: 110, memory: 1000 });
        let text = "Node didn't have enough resource: pods, requested: 1, used: 110, capacity: 110";
        for request in [0, 50, 500] {
            let lacks = fits(Room::of_pod(request), used, capacity).expect_err("a pod too many");
            assert_eq!(lacks.rejection(), Rejection { reason: PodReason::OutOfPods, message: text.into() });
        }
    }

    /// A critical pod that is one too many takes the place of one other, the smallest BestEffort one first.
    #[test]
    fn one_pod_goes_for_a_critical_one_that_is_one_too_many() {
        let critical = facts(0, 2_000_000_000, true);
        let pods = [pod("b", QosClass::Burstable, 10), pod("be", QosClass::BestEffort, 0)];
        assert_eq!(preempted(&critical, Room { pods: 1, memory: -5 }, pods), Ok(vec!["be"]));
        let both = Room { pods: 1, memory: 5 << 20 };
        assert_eq!(preempted(&critical, both, pods), Ok(vec!["b"]));
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
        assert_eq!(preempted(&critical, memory(300), pods), Ok(vec!["b-400"]));
        assert_eq!(preempted(&critical, memory(1200), pods), Ok(vec!["b-900", "b-400"]));
        assert_eq!(preempted(&critical, memory(1350), pods), Ok(vec!["b-900", "b-400", "g-100"]));
        let refused = preempted(&critical, memory(2000), pods).expect_err("there is not as much");
        assert_eq!(refused.reason, PodReason::UnexpectedAdmissionError);
    }

    #[test]
    fn a_critical_pod_yields_only_to_a_higher_priority() {
        let critical = facts(0, 2_000_000_000, true);
        let node_critical = facts(0, 2_000_001_000, true);
        let other = Preemptee { pod: "c", qos: QosClass::Burstable, facts: facts(100, 2_000_000_000, true) };
        assert!(preempted(&critical, memory(1), [other]).is_err());
        assert_eq!(preempted(&node_critical, memory(1), [other]), Ok(vec!["c"]));
    }
}
