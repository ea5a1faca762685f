//! The event queue and its total order.

use crate::units::{SimDuration, SimTime};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// What is handled first when several things happen at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Phase {
    /// Changes from outside (sysctl, pods created): everything at this instant sees them.
    Inject = 0,
    /// Memory that dying processes gave back: it is free before anyone else asks.
    Kernel = 1,
    /// Programs allocate. A check at the same instant sees what they did.
    Workload = 2,
    /// The container runtime notices exits and starts or kills containers.
    Runtime = 3,
    /// The kubelet looks at the node as programs and runtime left it.
    Kubelet = 4,
    /// Samples for the series are taken when the instant is over.
    Observe = 5,
}

/// The place of an event in the total order: time, phase, lane, insertion.
///
/// The lane is a stable number of the actor (a process, a pod), so that events of different actors at one instant
/// come in an order that does not depend on how often each was scheduled before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// When.
    pub at: SimTime,
    /// Which kind of thing goes first at that instant.
    pub phase: Phase,
    /// Which actor goes first within the phase.
    pub lane: u32,
    /// Order of insertion, which breaks the remaining ties.
    pub seq: u64,
}

#[derive(Clone, Debug)]
struct Entry<E> {
    key: Key,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl<E> Eq for Entry<E> {}
impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

/// The pending events and the current instant.
#[derive(Clone, Debug)]
pub struct Scheduler<E> {
    now: SimTime,
    phase: Phase,
    seq: u64,
    heap: BinaryHeap<Reverse<Entry<E>>>,
}

impl<E> Default for Scheduler<E> {
    fn default() -> Self {
        Scheduler { now: SimTime::ZERO, phase: Phase::Inject, seq: 0, heap: BinaryHeap::new() }
    }
}

impl<E> Scheduler<E> {
    /// An empty queue at time zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The instant of the event being handled.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// When the next event is due, if there is one.
    pub fn next_at(&self) -> Option<SimTime> {
        self.heap.peek().map(|e| e.0.key.at)
    }

    /// Number of pending events.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// True when nothing is left to happen.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Schedules `event` for the instant `at`.
    ///
    /// # Panics
    /// When `at` is in the past, or is now but in a phase that is already over: both are defects of the model.
    pub fn at(&mut self, at: SimTime, phase: Phase, lane: u32, event: E) {
        assert!(
            (at, phase) >= (self.now, self.phase),
            "event scheduled for {at} {phase:?} at {} {:?}: the past cannot be changed",
            self.now,
            self.phase
        );
        let key = Key { at, phase, lane, seq: self.seq };
        self.seq += 1;
        self.heap.push(Reverse(Entry { key, event }));
    }

    /// Schedules `event` after `delay`. Should the delay be zero and the phase already be over, the event comes one
    /// nanosecond later: cause stays before effect.
    pub fn after(&mut self, delay: SimDuration, phase: Phase, lane: u32, event: E) {
        let mut at = self.now.saturating_add(delay);
        if (at, phase) < (self.now, self.phase) {
            at += SimDuration::from_nanos(1);
        }
        self.at(at, phase, lane, event);
    }

    /// Takes the next event and moves time to it.
    pub(super) fn pop(&mut self) -> Option<(Key, E)> {
        let Reverse(entry) = self.heap.pop()?;
        debug_assert!(entry.key.at >= self.now, "time runs backwards");
        self.now = entry.key.at;
        self.phase = entry.key.phase;
        Some((entry.key, entry.event))
    }

    /// Moves time forward to `at` without an event, at the end of a run.
    pub(super) fn advance_to(&mut self, at: SimTime) {
        if at > self.now {
            self.now = at;
            self.phase = Phase::Inject;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_time_then_phase_then_lane_then_insertion() {
        let mut q = Scheduler::new();
        let t = SimTime::from_secs;
        q.at(t(2), Phase::Inject, 0, "late");
        q.at(t(1), Phase::Kubelet, 0, "check");
        q.at(t(1), Phase::Workload, 9, "third");
        q.at(t(1), Phase::Workload, 2, "first");
        q.at(t(1), Phase::Workload, 2, "second");
        let order: Vec<_> = std::iter::from_fn(|| q.pop()).map(|(_, e)| e).collect();
        assert_eq!(order, ["first", "second", "third", "check", "late"]);
    }

    #[test]
    #[should_panic(expected = "past")]
    fn scheduling_into_the_past_panics() {
        let mut q = Scheduler::new();
        q.at(SimTime::from_secs(5), Phase::Kubelet, 0, ());
        q.pop();
        q.at(SimTime::from_secs(5), Phase::Workload, 0, ());
    }
}
