//! Which knob is missing when no setting reaches the target.

use crate::measure::RunOutcome;
use std::collections::BTreeMap;

/// A knob that acts on what went wrong and that the search was not allowed to turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingKnob {
    /// What went wrong most often.
    pub cause: RunOutcome,
    /// Scenario keys that act on it.
    pub keys: Vec<&'static str>,
    /// Why these keys act on the cause; shown to the user.
    pub why: &'static str,
}

/// What acts on which cause.
const CURES: &[Cure] = &[
    (
        RunOutcome::KubepodsOom,
        &["kubelet.evictionHard", "kubelet.evictionSoft", "resources.limits"],
        "the pods reach the kubepods limit before the eviction manager checks: a larger or a soft threshold gives it more \
         time, and limits keep the pods' sum lower",
    ),
    (
        RunOutcome::GlobalOom,
        &["kubelet.systemReserved", "kubelet.kubeReserved", "kubelet.evictionHard"],
        "the node runs out of memory while the pods are below the kubepods limit: the reservations are smaller than what \
         the node itself uses (including kernel memory and watermarks)",
    ),
    (
        RunOutcome::ContainerOom,
        &["resources.limits"],
        "a container reaches its own limit: no setting of the kubelet acts on that",
    ),
    (RunOutcome::PodOom, &["resources.limits"], "a pod reaches its own limit: no setting of the kubelet acts on that"),
    (
        RunOutcome::QosOom,
        &["resources.limits"],
        "a QoS class reaches the limit of its cgroup: nothing of the kubelet's acts on that",
    ),
    (
        RunOutcome::CgroupOom,
        &["kubelet.systemReserved", "kubelet.kubeReserved"],
        "a cgroup of the node itself reaches its limit: an enforced reservation is too small",
    ),
    (
        RunOutcome::Eviction,
        &["resources.requests", "kubelet.evictionHard", "kubelet.evictionSoft"],
        "the pods need more than the threshold leaves: a smaller threshold evicts later, and with larger requests fewer pods are \
         scheduled",
    ),
    (RunOutcome::SelfExit, &["resources.limits"], "a program ends by itself"),
];

/// The knobs that act on the causes seen and that are not among `turned`, commonest cause first. `turned` are the keys
/// that were turned, and whether turning them is seen to change the risk: a key that does not help is no cure.
pub fn missing_knobs(causes: &BTreeMap<RunOutcome, u64>, turned: &[(String, bool)]) -> Vec<MissingKnob> {
    let cure = |(cause, keys, why)| {
        let keys: Vec<&str> = untouched(keys, turned);
        (!keys.is_empty()).then_some(MissingKnob { cause, keys, why })
    };
    uncured(causes, turned).into_iter().filter_map(cure).collect()
}

/// The causes seen on which nothing acts but knobs that were turned, within whose values no difference is seen; with
/// their keys.
pub fn exhausted_knobs(causes: &BTreeMap<RunOutcome, u64>, turned: &[(String, bool)]) -> Vec<MissingKnob> {
    let left = |(cause, keys, why): Cure| {
        untouched(keys, turned).is_empty().then(|| MissingKnob { cause, keys: keys.to_vec(), why })
    };
    uncured(causes, turned).into_iter().filter_map(left).collect()
}

type Cure = (RunOutcome, &'static [&'static str], &'static str);

/// What acts on the causes on which no knob is seen to act, commonest cause first.
fn uncured(causes: &BTreeMap<RunOutcome, u64>, turned: &[(String, bool)]) -> Vec<Cure> {
    let mut seen: Vec<(RunOutcome, u64)> = causes.iter().map(|(&outcome, &n)| (outcome, n)).collect();
    seen.sort_by_key(|&(outcome, n)| (std::cmp::Reverse(n), outcome));
    let helps = |key: &&str| turned.iter().any(|(t, acts)| t.contains(key) && *acts);
    let cures = seen.into_iter().filter_map(|(cause, _)| CURES.iter().find(|(outcome, ..)| *outcome == cause).copied());
    cures.filter(|(_, keys, _)| !keys.iter().any(&helps)).collect()
}

/// The keys that were not turned.
fn untouched(keys: &'static [&'static str], turned: &[(String, bool)]) -> Vec<&'static str> {
    keys.iter().copied().filter(|key| !turned.iter().any(|(t, _)| t.contains(key))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_no_knob_acts_on_is_named() {
        let causes = BTreeMap::from([(RunOutcome::PodOom, 3), (RunOutcome::KubepodsOom, 50), (RunOutcome::None, 9)]);
        let turned = |acts| [("kubelet.evictionHard.memory.available".to_string(), acts)];
        let missing = missing_knobs(&causes, &turned(true));
        assert_eq!(missing.iter().map(|m| m.cause).collect::<Vec<_>>(), [RunOutcome::PodOom]);
        // A threshold that was turned in vain is not proposed again.
        let missing = missing_knobs(&causes, &turned(false));
        assert_eq!(missing[0].keys, ["kubelet.evictionSoft", "resources.limits"]);
        assert_eq!((missing[0].cause, missing.len()), (RunOutcome::KubepodsOom, 2));
        let missing = missing_knobs(&causes, &[("pod.web.container.app.resources.limits.memory".to_string(), true)]);
        assert!(missing.is_empty(), "limits act on both: {missing:?}");
        // Limits that were turned in vain: nothing else acts on a pod's own limit, but a threshold does on kubepods.
        let turned = [("pod.web.container.app.resources.limits.memory".to_string(), false)];
        let left = exhausted_knobs(&causes, &turned);
        assert_eq!(left.iter().map(|m| m.cause).collect::<Vec<_>>(), [RunOutcome::PodOom]);
        assert_eq!(left[0].keys, ["resources.limits"]);
        assert!(exhausted_knobs(&causes, &[]).is_empty());
    }
}
