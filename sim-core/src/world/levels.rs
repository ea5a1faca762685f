//! What growing processes may have due, level by level: sums that are kept up as processes begin, take steps and end, so
//! that the next instant at which a shared limit can be met costs nothing to know.

use crate::units::{CgroupId, SimTime};

/// What one growing process adds to the sums of each cgroup that it is in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    /// Every step up to this instant has been taken.
    pub settled: SimTime,
    /// Pages per 2^32 ns, page tables included, rounded up.
    pub rate: u64,
    /// Pages of one step, with the page tables it may need.
    pub slack: u64,
    /// No step before this instant can meet a limit that the process has to itself, or be its last.
    pub deadline: SimTime,
}

/// Sums over the growing processes in one cgroup and below.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Level {
    pub growers: u32,
    /// Sum of their indices: the index of the only one, if it is one.
    pub indices: u64,
    slack: u64,
    rate: u64,
    /// Sum of rate × settled.
    settled: u128,
}

impl Level {
    pub fn join(&mut self, index: u32, share: &Share) {
        self.growers += 1;
        self.indices += u64::from(index);
        self.slack = self.slack.saturating_add(share.slack);
        self.rate = self.rate.saturating_add(share.rate);
        self.settled += weight(share);
    }

    pub fn leave(&mut self, index: u32, share: &Share) {
        if self.growers == 1 {
            *self = Level::default();
            return;
        }
        self.growers -= 1;
        self.indices -= u64::from(index);
        self.slack = self.slack.saturating_sub(share.slack);
        self.rate = self.rate.saturating_sub(share.rate);
        self.settled = self.settled.saturating_sub(weight(share));
    }

    /// A process has taken its steps; `more` is its rate × the time since it last did.
    pub fn settled(&mut self, more: u128) {
        self.settled += more;
    }

    /// At most so many pages are due at `at` and not taken: of each process the time since it took its last steps times
    /// its rate, and one step.
    #[inline]
    pub fn due(&self, at: SimTime) -> u64 {
        let grown = (u128::from(self.rate) * u128::from(at.as_nanos())).saturating_sub(self.settled) >> 32;
        u64::try_from(grown).unwrap_or(u64::MAX).saturating_add(self.slack).saturating_add(1)
    }

    /// The last instant at which [`Level::due`] is no more than `room`.
    pub fn until(&self, room: u64) -> SimTime {
        let Some(spare) = room.checked_sub(self.slack).filter(|&s| s > 0) else { return SimTime::ZERO };
        let Some(ns) = ((u128::from(spare) << 32) - 1 + self.settled).checked_div(u128::from(self.rate)) else {
            return SimTime::MAX;
        };
        SimTime::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
    }
}

/// rate × settled.
fn weight(share: &Share) -> u128 {
    u128::from(share.rate) * u128::from(share.settled.as_nanos())
}

/// The levels of a node, indexed like cgroups.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels {
    levels: Vec<Level>,
    /// Those with several growing processes.
    pub shared: Vec<CgroupId>,
}

impl Levels {
    #[inline]
    pub fn get(&self, cg: CgroupId) -> &Level {
        const NOBODY: Level = Level { growers: 0, indices: 0, slack: 0, rate: 0, settled: 0 };
        self.levels.get(cg.index()).unwrap_or(&NOBODY)
    }

    pub fn get_mut(&mut self, cg: CgroupId) -> Option<&mut Level> {
        self.levels.get_mut(cg.index())
    }

    pub fn join(&mut self, cg: CgroupId, index: u32, share: &Share) {
        if self.levels.len() <= cg.index() {
            let missing = cg.index() + 1 - self.levels.len();
            self.levels.reserve_exact(missing + self.levels.len() / 16 + 4);
            self.levels.resize(cg.index() + 1, Level::default());
        }
        let level = &mut self.levels[cg.index()];
        level.join(index, share);
        if level.growers == 2 {
            self.shared.push(cg);
        }
    }

    /// Every process has taken its steps up to `at`.
    pub fn all_settled(&mut self, at: SimTime) {
        for level in self.levels.iter_mut().filter(|level| level.growers > 0) {
            level.settled = u128::from(level.rate) * u128::from(at.as_nanos());
        }
    }

    /// The only process left, if there is only one.
    pub fn leave(&mut self, cg: CgroupId, index: u32, share: &Share) -> Option<u32> {
        let level = self.levels.get_mut(cg.index())?;
        level.leave(index, share);
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
        let share =
            |settled| Share { settled: SimTime::from_secs(settled), rate: 1 << 33, slack: 7, ..Share::default() };
        let mut level = Level::default();
        level.join(3, &share(10));
        level.join(4, &share(20));
        for room in [15, 16, 17, 40, 1_000_000_007] {
            let until = level.until(room);
            assert!(level.due(until) <= room, "{room}");
            assert!(level.due(SimTime::from_nanos(until.as_nanos() + 1)) > room, "{room}");
        }
        assert_eq!(level.until(14), SimTime::ZERO); // one step of each is more than that
    }
}
