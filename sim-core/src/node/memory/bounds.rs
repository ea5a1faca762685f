//! What growing processes may have due, level by level: sums that are kept up as processes begin, take steps and end,
//! so that the next instant at which a shared limit can be met costs nothing to know.

use crate::units::{CgroupId, SimTime};

/// What one growing process adds to the sums of each cgroup that it is in.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::node) struct Contribution {
    /// Every step up to this instant has been taken.
    pub settled: SimTime,
    /// Pages per 2^32 ns, page tables included, rounded up.
    pub rate: u64,
    /// Pages of one step, with the page tables it may need.
    pub one_step: u64,
    /// No step before this instant can meet a limit that the process has to itself, or be its last.
    pub deadline: SimTime,
}

/// Sums over the growing processes in one cgroup and below.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CgroupBound {
    pub growers: u32,
    /// Sum of their indices: the index of the only one, if it is one.
    pub indices: u64,
    one_step: u64,
    rate: u64,
    /// Sum of rate × settled.
    settled: u128,
}

impl CgroupBound {
    pub fn join(&mut self, index: u32, contribution: &Contribution) {
        self.growers += 1;
        self.indices += u64::from(index);
        self.one_step = self.one_step.saturating_add(contribution.one_step);
        self.rate = self.rate.saturating_add(contribution.rate);
        self.settled += weight(contribution);
    }

    pub fn leave(&mut self, index: u32, contribution: &Contribution) {
        if self.growers == 1 {
            *self = CgroupBound::default();
            return;
        }
        self.growers -= 1;
        self.indices -= u64::from(index);
        self.one_step = self.one_step.saturating_sub(contribution.one_step);
        self.rate = self.rate.saturating_sub(contribution.rate);
        self.settled = self.settled.saturating_sub(weight(contribution));
    }

    /// A process has taken its steps; `more` is its rate × the time since it last did.
    pub fn settled(&mut self, more: u128) {
        self.settled += more;
    }

    /// At most this many pages are due at `at` and not taken: of each process the time since it took its last steps
    /// times its rate, and one step.
    #[inline]
    pub fn due(&self, at: SimTime) -> u64 {
        let grown = (u128::from(self.rate) * u128::from(at.as_nanos())).saturating_sub(self.settled) >> 32;
        u64::try_from(grown).unwrap_or(u64::MAX).saturating_add(self.one_step).saturating_add(1)
    }

    /// The last instant at which [`CgroupBound::due`] is no more than `room`.
    pub fn until(&self, room: u64) -> SimTime {
        let Some(spare) = room.checked_sub(self.one_step).filter(|&s| s > 0) else { return SimTime::ZERO };
        let Some(ns) = ((u128::from(spare) << 32) - 1 + self.settled).checked_div(u128::from(self.rate)) else {
            return SimTime::MAX;
        };
        SimTime::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
    }
}

/// rate × settled.
fn weight(contribution: &Contribution) -> u128 {
    u128::from(contribution.rate) * u128::from(contribution.settled.as_nanos())
}

/// The levels of a node, indexed like cgroups.
#[derive(Clone, Debug, Default)]
pub(super) struct CgroupBounds {
    all: Vec<CgroupBound>,
    /// Those with several growing processes.
    pub shared: Vec<CgroupId>,
}

impl CgroupBounds {
    #[inline]
    pub fn get(&self, cg: CgroupId) -> &CgroupBound {
        const NONE: CgroupBound = CgroupBound { growers: 0, indices: 0, one_step: 0, rate: 0, settled: 0 };
        self.all.get(cg.index()).unwrap_or(&NONE)
    }

    pub fn get_mut(&mut self, cg: CgroupId) -> Option<&mut CgroupBound> {
        self.all.get_mut(cg.index())
    }

    pub fn join(&mut self, cg: CgroupId, index: u32, contribution: &Contribution) {
        if self.all.len() <= cg.index() {
            let missing = cg.index() + 1 - self.all.len();
            self.all.reserve_exact(missing + self.all.len() / 16 + 32);
            self.all.resize(cg.index() + 1, CgroupBound::default());
        }
        let level = &mut self.all[cg.index()];
        level.join(index, contribution);
        if level.growers == 2 {
            self.shared.push(cg);
        }
    }

    /// Every process has taken its steps up to `at`.
    pub fn all_settled(&mut self, at: SimTime) {
        for level in self.all.iter_mut().filter(|level| level.growers > 0) {
            level.settled = u128::from(level.rate) * u128::from(at.as_nanos());
        }
    }

    /// The only process left, if there is only one.
    pub fn leave(&mut self, cg: CgroupId, index: u32, contribution: &Contribution) -> Option<u32> {
        let level = self.all.get_mut(cg.index())?;
        level.leave(index, contribution);
        if level.growers != 1 {
            return None;
        }
        let only = u32::try_from(level.indices).ok();
        self.shared.retain(|&s| s != cg);
        only
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_and_instant_are_inverse() {
        let contribution = |settled| Contribution {
            settled: SimTime::from_secs(settled),
            rate: 1 << 33,
            one_step: 7,
            ..Contribution::default()
        };
        let mut level = CgroupBound::default();
        level.join(3, &contribution(10));
        level.join(4, &contribution(20));
        for room in [15, 16, 17, 40, 1_000_000_007] {
            let until = level.until(room);
            assert!(level.due(until) <= room, "{room}");
            assert!(level.due(SimTime::from_nanos(until.as_nanos() + 1)) > room, "{room}");
        }
        assert_eq!(level.until(14), SimTime::ZERO); // one step of each is more than that
    }
}
