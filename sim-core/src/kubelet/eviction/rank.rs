//! Who is evicted first.

use crate::kubelet::pod::PodSpec;
use crate::kubelet::{KubernetesProfile, is_critical, ranking_request};
use crate::node_api::Name;
use std::cmp::Ordering;

/// A container's figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStats {
    /// Name.
    pub name: Name,
    /// Working set in bytes; `None`: missing.
    pub working_set: Option<u64>,
}

/// A pod's figures, as old as its cgroup's last sample.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodStats {
    /// Working set of the pod's cgroup; `None`: missing, counts as 0.
    pub working_set: Option<u64>,
    /// Its containers in the order of the stats provider.
    pub containers: Vec<ContainerStats>,
}

impl PodStats {
    /// What the pod is ranked by, in bytes: a missing figure counts as 0.
    pub fn usage(&self) -> u64 {
        self.working_set.unwrap_or(0)
    }
}

/// What eviction needs to know of a pod's specification, computed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvictionFacts {
    /// Memory request for the ranking, in billionths of a byte.
    pub request_nanos: i128,
    /// Priority.
    pub priority: i32,
    /// Never evicted.
    pub critical: bool,
    /// Its own grace period.
    pub termination_grace_period_seconds: Option<i64>,
}

impl EvictionFacts {
    /// The facts of a pod.
    pub fn of(pod: &PodSpec, profile: &KubernetesProfile) -> Self {
        EvictionFacts {
            request_nanos: ranking_request(pod, profile).nanos(),
            priority: pod.priority(),
            critical: is_critical(pod),
            termination_grace_period_seconds: pod.termination_grace_period_seconds,
        }
    }
}

/// A pod that could be evicted. `P` is what the caller knows pods by.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<P> {
    /// The pod.
    pub pod: P,
    /// Facts drawn from its specification.
    pub facts: EvictionFacts,
    /// Its working set in bytes, 0 if the figure is missing; `None`: the stats provider knows nothing of the pod yet.
    pub usage: Option<u64>,
}

/// Sort key; smaller is evicted earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// Has figures, is within its request, priority, from the highest bit to the lowest: compared at once.
    class: u64,
    /// Request minus usage.
    spare_nanos: i128,
}

impl<P> Candidate<P> {
    #[inline]
    fn key(&self) -> Key {
        // No product of 64 and 30 bits is too large.
        let used = |usage: u64| i128::from(usage as i64).wrapping_mul(1_000_000_000);
        let spare = self.usage.map_or(0, |usage| self.facts.request_nanos.saturating_sub(used(usage)));
        let priority = self.facts.priority.cast_unsigned() ^ 1 << 31;
        let class = u64::from(self.usage.is_some()) << 33 | u64::from(spare >= 0) << 32 | u64::from(priority);
        Key { class, spare_nanos: spare }
    }
}

/// Compares two candidates (eviction/helpers.go rankMemoryPressure): pods without figures first; then pods above
/// their request; then lower priority; then the larger excess. Equal pods keep their order.
///
/// Pods without figures are all "within" and without excess here; they differ by priority alone, as there.
pub fn eviction_order<P>(a: &Candidate<P>, b: &Candidate<P>) -> Ordering {
    a.key().cmp(&b.key())
}

/// Sorts candidates, first = evicted first.
pub fn rank<P>(candidates: &mut [Candidate<P>]) {
    candidates.sort_by_cached_key(Candidate::key);
}

/// The first candidate in eviction order that may be evicted at all, without sorting the others.
#[inline]
pub fn first_victim<P>(candidates: impl IntoIterator<Item = Candidate<P>>) -> Option<Candidate<P>> {
    let mut first: Option<(Key, Candidate<P>)> = None;
    for candidate in candidates.into_iter().filter(|candidate| !candidate.facts.critical) {
        let key = candidate.key();
        if first.as_ref().is_none_or(|(least, _)| key < *least) {
            first = Some((key, candidate));
        }
    }
    first.map(|(_, candidate)| candidate)
}
