//! `oom_rs`: at most ten full reports in five seconds (mm/oom_kill.c `oom_kill_process`, lib/ratelimit.c).

use crate::units::{SimDuration, SimTime};

const INTERVAL: SimDuration = SimDuration::from_secs(5);
const BURST: u32 = 10;

/// State of the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RateLimit {
    begin: Option<SimTime>,
    printed: u32,
    missed: u32,
}

/// What may be printed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The full report.
    pub report: bool,
    /// Say first that this many reports were suppressed.
    pub suppressed: Option<u32>,
}

impl RateLimit {
    /// Asks for one report at `now`.
    pub fn ask(&mut self, now: SimTime) -> Decision {
        let mut suppressed = None;
        let over = self.begin.is_some_and(|b| now > b.saturating_add(INTERVAL));
        if over {
            suppressed = (self.missed > 0).then_some(self.missed);
            *self = RateLimit::default();
        }
        self.begin.get_or_insert(now);
        let report = self.printed < BURST;
        if report {
            self.printed += 1;
        } else {
            self.missed += 1;
        }
        Decision { report, suppressed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_report_in_five_seconds_is_suppressed_and_counted() {
        // DEFAULT_RATELIMIT_INTERVAL (5 * HZ) and DEFAULT_RATELIMIT_BURST (10) of include/linux/ratelimit_types.h.
        let mut limit = RateLimit::default();
        for i in 0..10 {
            assert!(limit.ask(SimTime::from_nanos(i)).report);
        }
        assert!(!limit.ask(SimTime::from_secs(1)).report);
        assert!(!limit.ask(SimTime::from_secs(5)).report);
        let later = limit.ask(SimTime::from_secs(6));
        assert!(later.report);
        assert_eq!(later.suppressed, Some(2));
        assert_eq!(limit.ask(SimTime::from_secs(7)).suppressed, None);
    }
}
