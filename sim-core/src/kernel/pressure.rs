//! Pressure stall information (`memory.pressure`): for what part of the time tasks waited for memory, as the kernel
//! adds it up and averages it (kernel/sched/psi.c update_averages, calc_avgs).

use crate::units::{SimDuration, SimTime};
use serde::Serialize;

/// The kernel averages once in this time (PSI_FREQ).
pub const PSI_PERIOD: SimDuration = SimDuration::from_secs(2);
/// Parts per thousand of its time that a thrashing process waits for memory (recordings stall: 250 to 410 of 5.10 and
/// 6.1, 390 to 550 of 6.12; races of several: 600 to 900).
pub const THRASHING_PERMILLE: u64 = 400;
/// FSHIFT: averages are fixed-point numbers with this many binary places.
const FSHIFT: u32 = 11;
const FIXED_1: u64 = 1 << FSHIFT;
/// What is left of an average over 10, 60 and 300 s after a period (EXP_10s, EXP_60s, EXP_300s).
const LEFT: [u64; 3] = [1677, 1981, 2034];

/// A line of `memory.pressure`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PressureLine {
    /// Average of the last 10 s, hundredths of a percent.
    pub avg10: u32,
    /// … of the last 60 s.
    pub avg60: u32,
    /// … of the last 300 s.
    pub avg300: u32,
    /// Time stalled since the cgroup was made.
    pub total: SimDuration,
}

/// The two lines of `memory.pressure`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct MemoryPressure {
    /// At least one task waited.
    pub some: PressureLine,
    /// All tasks that had something to do waited at once.
    pub full: PressureLine,
}

/// Stall time of a cgroup that is stalled, all the time or a part of it, between two changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stalls {
    /// Nanoseconds.
    total: u64,
    /// The same since the current period began.
    in_period: u64,
    period_began: SimTime,
    avg: [u64; 3],
    /// Parts per thousand of the time that are stalled now.
    permille: u64,
    /// Up to here everything is added up.
    at: SimTime,
}

impl Stalls {
    /// From `now` on this part of the time is stalled.
    pub fn set(&mut self, permille: u64, now: SimTime) {
        self.advance(now);
        self.permille = permille;
    }

    /// True when the line is as it was before the first stall, but for its total.
    pub fn is_calm(&self) -> bool {
        self.permille == 0 && self.in_period == 0 && self.avg == [0; 3]
    }

    /// Adds up what was stalled until `now`.
    pub fn advance(&mut self, now: SimTime) {
        if now <= self.at {
            return;
        }
        if self.is_calm() {
            // The kernel's worker sleeps as long as nothing is stalled, and keeps its beat.
            let whole = now.since(self.period_began).as_nanos() / PSI_PERIOD.as_nanos();
            self.period_began += SimDuration::from_nanos(whole * PSI_PERIOD.as_nanos());
            self.at = now;
            return;
        }
        let ends = self.period_began + PSI_PERIOD;
        if now < ends {
            return self.add(now);
        }
        self.add(ends);
        self.close(1);
        let whole = now.since(self.period_began).as_nanos() / PSI_PERIOD.as_nanos();
        if whole > 0 {
            // Every further period is like the others.
            let stalled = PSI_PERIOD.as_nanos() / 1000 * self.permille;
            self.total += stalled * whole;
            self.in_period = stalled;
            self.close(whole);
            self.at = self.period_began;
        }
        self.add(now);
    }

    fn add(&mut self, now: SimTime) {
        let stalled = now.since(self.at).as_nanos() / 1000 * self.permille;
        self.total += stalled;
        self.in_period += stalled;
        self.at = now;
    }

    /// `n` periods end that were alike.
    fn close(&mut self, n: u64) {
        let percent = self.in_period * 100 / PSI_PERIOD.as_nanos() * FIXED_1;
        for (avg, left) in self.avg.iter_mut().zip(LEFT) {
            *avg = decayed(*avg, power(left, n), percent);
        }
        self.in_period = 0;
        self.period_began += SimDuration::from_nanos(PSI_PERIOD.as_nanos() * n);
    }

    /// The line, of which `permille` count.
    pub fn line(&self, permille: u64) -> PressureLine {
        let avg = |avg: u64| u32::try_from(avg * 100 / FIXED_1 * permille / 1000).unwrap_or(u32::MAX);
        let [avg10, avg60, avg300] = self.avg.map(avg);
        PressureLine { avg10, avg60, avg300, total: SimDuration::from_nanos(self.total / 1000 * permille) }
    }
}

/// calc_load of include/linux/sched/loadavg.h.
fn decayed(load: u64, left: u64, active: u64) -> u64 {
    let new = load * left + active * (FIXED_1 - left);
    (if active >= load { new + FIXED_1 - 1 } else { new }) / FIXED_1
}

/// fixed_power_int of kernel/sched/loadavg.c.
fn power(mut x: u64, mut n: u64) -> u64 {
    let half = 1 << (FSHIFT - 1);
    let mut result = FIXED_1;
    while n > 0 {
        if n & 1 == 1 {
            result = (result * x + half) >> FSHIFT;
        }
        x = (x * x + half) >> FSHIFT;
        n >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand with calc_load: of one whole period avg10 = (2048 - 1677) / 2048 of 100 %, rounded up in the 11th
    /// place; of the second again 1677 / 2048 of that and as much more.
    #[test]
    fn averages_are_the_kernels() {
        let mut stalls = Stalls::default();
        stalls.set(1000, SimTime::ZERO);
        stalls.advance(SimTime::from_secs(2));
        assert_eq!(stalls.line(1000).avg10, 1811);
        stalls.advance(SimTime::from_secs(4));
        assert_eq!(stalls.line(1000).avg10, 3294);
        stalls.set(0, SimTime::from_secs(5));
        assert_eq!(stalls.line(1000).total, SimDuration::from_secs(5));
        assert_eq!(stalls.line(300).total, SimDuration::from_millis(1500));
    }

    /// Many periods at once are what they are one by one, but for the rounding of the kernel's power.
    #[test]
    fn periods_in_a_row_are_taken_at_once() {
        let (mut at_once, mut each) = (Stalls::default(), Stalls::default());
        at_once.set(400, SimTime::ZERO);
        each.set(400, SimTime::ZERO);
        for second in 0..240 {
            each.advance(SimTime::from_secs(second));
        }
        at_once.advance(SimTime::from_secs(239));
        let (a, b) = (at_once.line(1000), each.line(1000));
        assert_eq!(a.total, b.total);
        assert!(a.avg10.abs_diff(4000) <= 20 && b.avg10.abs_diff(4000) <= 20, "{a:?} {b:?}");
        assert!(a.avg300.abs_diff(b.avg300) <= 60, "{a:?} {b:?}");
    }
}
