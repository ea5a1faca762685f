//! The event queue and its total order.

use super::heap::Heap;
use crate::units::{SimDuration, SimTime};

/// Order of events at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Phase {
    /// Changes from outside (sysctl, pods created): everything at this instant sees them.
    Inject = 0,
    /// Memory freed by dying processes: it is free before the next allocation.
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
    /// Time of the event.
    pub at: SimTime,
    /// What goes first at one instant.
    pub phase: Phase,
    /// Stable number of the actor: which one goes first within a phase.
    pub lane: u32,
    /// Order of insertion, which breaks the remaining ties. Once in 2^29 insertions the gaps between the numbers of
    /// pending events are closed; their order stays.
    pub seq: u64,
}

/// Bits of a packed key below the time: phase, lane and number.
const NUMBER_BITS: u32 = 29;
const LANE_BITS: u32 = 32;
const PHASE_BITS: u32 = 3;

/// Time (64 bits), phase (3), lane (32) and number of insertion (29): the order of [`Key`] as one integer.
#[inline]
fn pack(at: SimTime, phase: Phase, lane: u32, number: u32) -> u128 {
    let below = (phase as u64) << LANE_BITS | u64::from(lane);
    u128::from(at.as_nanos()) << 64 | u128::from(below) << NUMBER_BITS | u128::from(number)
}

#[inline]
fn time_of(packed: u128) -> SimTime {
    SimTime::from_nanos((packed >> 64) as u64)
}

#[inline]
fn phase_of(packed: u128) -> Phase {
    match packed as u64 >> (u64::BITS - PHASE_BITS) {
        0 => Phase::Inject,
        1 => Phase::Kernel,
        2 => Phase::Workload,
        3 => Phase::Runtime,
        4 => Phase::Kubelet,
        _ => Phase::Observe,
    }
}

/// The pending events and the current instant.
#[derive(Clone, Debug)]
pub struct Scheduler<E> {
    /// Packed time and phase of the event being handled: nothing is scheduled before.
    floor: u128,
    /// Number of the next event in packed keys, which have fewer bits than a long run has events.
    number: u32,
    /// What has to be added to such a number to make it a `seq`.
    numbers_before: u64,
    heap: Heap<E>,
}

impl<E> Default for Scheduler<E> {
    fn default() -> Self {
        Scheduler { floor: 0, number: 0, numbers_before: 0, heap: Heap::default() }
    }
}

impl<E> Scheduler<E> {
    /// An empty queue at time zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The instant of the event being handled.
    #[inline]
    pub fn now(&self) -> SimTime {
        time_of(self.floor)
    }

    /// When the next event is due, if there is one.
    #[inline]
    pub fn next_at(&self) -> Option<SimTime> {
        self.heap.peek().map(time_of)
    }

    /// Number of pending events.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// True when nothing is left to happen.
    pub fn is_empty(&self) -> bool {
        self.heap.len() == 0
    }

    /// Schedules `event` for the instant `at`.
    ///
    /// # Panics
    /// When `at` is in the past, or is now but in a phase that is already over: both are defects of the model.
    #[inline]
    pub fn at(&mut self, at: SimTime, phase: Phase, lane: u32, event: E) {
        if self.number >> NUMBER_BITS != 0 {
            self.renumber();
        }
        let key = pack(at, phase, lane, self.number);
        assert!(
            key >= self.floor,
            "event scheduled for {at} {phase:?} at {} {:?}: the past cannot be changed",
            self.now(),
            phase_of(self.floor)
        );
        self.number += 1;
        self.heap.push(key, event);
    }

    /// Schedules `event` after `delay`. Should the delay be zero and the phase already be over, the event comes one
    /// nanosecond later: cause stays before effect.
    #[inline]
    pub fn after(&mut self, delay: SimDuration, phase: Phase, lane: u32, event: E) {
        let mut at = self.now().saturating_add(delay);
        if delay == SimDuration::ZERO && phase < phase_of(self.floor) {
            at += SimDuration::from_nanos(1);
        }
        self.at(at, phase, lane, event);
    }

    /// Takes the next event and moves time to it.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(Key, E)> {
        let (packed, event) = self.heap.pop()?;
        debug_assert!(packed >= self.floor, "time runs backwards");
        self.floor = packed >> (NUMBER_BITS + LANE_BITS) << (NUMBER_BITS + LANE_BITS);
        let number = packed as u64 & ((1 << NUMBER_BITS) - 1);
        let key = Key {
            at: time_of(packed),
            phase: phase_of(packed),
            lane: (packed >> NUMBER_BITS) as u32,
            seq: self.numbers_before + number,
        };
        Some((key, event))
    }

    /// Moves time forward to `at` without an event, at the end of a run.
    pub fn advance_to(&mut self, at: SimTime) {
        if at > self.now() {
            self.floor = pack(at, Phase::Inject, 0, 0);
        }
    }

    /// Gives the pending events the least numbers that keep their order, when numbers run out (once in 2^29 events).
    /// Later events get the `seq` that they would have had anyway.
    #[cold]
    fn renumber(&mut self) {
        let mut pending: Vec<(u128, E)> = self.heap.drain().collect();
        pending.sort_unstable_by_key(|&(key, _)| key);
        self.numbers_before += u64::from(self.number) - pending.len() as u64;
        self.number = 0;
        for (key, event) in pending {
            self.heap.push(key >> NUMBER_BITS << NUMBER_BITS | u128::from(self.number), event);
            self.number += 1;
        }
        assert!(self.number >> NUMBER_BITS == 0, "more than {} pending events", self.number);
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
    fn numbers_of_insertion_run_out_without_being_noticed() {
        let mut q = Scheduler { number: (1 << NUMBER_BITS) - 3, ..Scheduler::new() };
        let t = SimTime::from_secs;
        (0..8).for_each(|n| q.at(t(1), Phase::Workload, 7, n));
        q.at(t(1), Phase::Workload, 3, 100);
        let order: Vec<_> = std::iter::from_fn(|| q.pop()).collect();
        assert_eq!(order.iter().map(|x| x.1).collect::<Vec<_>>(), [100, 0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(order[0].0.seq, (1 << NUMBER_BITS) + 5); // the ninth after 2^29 - 3
        assert!(order[1..].is_sorted_by_key(|x| x.0.seq));
        let first = Key { at: t(1), phase: Phase::Workload, lane: 7, seq: (1 << NUMBER_BITS) - 3 };
        assert_eq!(order[1].0, first);
    }

    #[test]
    fn keys_come_back_as_they_were_packed() {
        let phases = [Phase::Inject, Phase::Kernel, Phase::Workload, Phase::Runtime, Phase::Kubelet, Phase::Observe];
        let mut q = Scheduler::new();
        for at in [SimTime::ZERO, SimTime::from_nanos(1), SimTime::MAX] {
            for phase in phases {
                [0, 1, u32::MAX].into_iter().for_each(|lane| q.at(at, phase, lane, (at, phase, lane)));
            }
        }
        for seq in 0..54 {
            let (key, (at, phase, lane)) = q.pop().unwrap();
            assert_eq!(key, Key { at, phase, lane, seq });
        }
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
