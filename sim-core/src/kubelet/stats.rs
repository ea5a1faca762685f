//! What the kubelet knows of a pod, and since when: cAdvisor's housekeeping.

use crate::engine::Stream;
use crate::units::{SimDuration, SimTime};
use std::sync::Arc;

/// How often cAdvisor looks at a cgroup (cAdvisor v0.51 manager/container.go; the kubelet's flags in
/// pkg/kubelet/cadvisor/cadvisor_linux.go).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HousekeepingTiming {
    /// Interval while the figures change (`housekeeping_interval`).
    pub interval: SimDuration,
    /// Longest interval, reached by doubling while they do not (`maxHousekeepingInterval`).
    pub max_interval: SimDuration,
    /// Largest random addition, in thousandths of the interval (jitter factor 1.0).
    pub jitter_permille: u64,
    /// Figures are taken at each eviction pass instead: no real kubelet does that for pods.
    pub fresh: bool,
}

impl Default for HousekeepingTiming {
    fn default() -> Self {
        HousekeepingTiming {
            interval: SimDuration::from_secs(10),
            max_interval: SimDuration::from_secs(15),
            jitter_permille: 1000,
            fresh: false,
        }
    }
}

/// The housekeeping clock of one cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Housekeeping {
    timing: HousekeepingTiming,
    interval: SimDuration,
    /// Instants at which figures are known to have been taken, instead of the clock.
    recorded: Option<Arc<[SimTime]>>,
}

impl Housekeeping {
    /// A clock for a new cgroup.
    pub fn new(timing: HousekeepingTiming) -> Self {
        Housekeeping { timing, interval: timing.interval, recorded: None }
    }

    /// A clock that follows a recording, possibly an empty one; after its last instant it goes on by itself.
    pub fn recorded(timing: HousekeepingTiming, at: Arc<[SimTime]>) -> Self {
        Housekeeping { recorded: Some(at), ..Housekeeping::new(timing) }
    }

    /// Time from `now`, when figures were taken, to the next time. `changed`: they differ from those before.
    pub fn next_delay(&mut self, now: SimTime, changed: bool, rng: &mut Stream) -> SimDuration {
        if let Some(next) = self.recorded.as_ref().and_then(|r| r.iter().find(|&&at| at > now)) {
            return next.since(now);
        }
        self.interval = if changed { self.timing.interval } else { (self.interval * 2).min(self.timing.max_interval) };
        let jitter = self.interval.mul_ratio(self.timing.jitter_permille, 1000);
        self.interval + rng.between(SimDuration::ZERO, jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::StreamFactory;

    #[test]
    fn busy_cgroups_are_seen_every_10_to_20_s_idle_ones_every_15_to_30_s() {
        // cAdvisor 0.51 container.go nextHousekeepingInterval, jitter: 10..20 s (15..30 s idle).
        let mut rng = StreamFactory::new(1).stream("housekeeping");
        let mut clock = Housekeeping::new(HousekeepingTiming::default());
        let s = SimDuration::from_secs;
        for _ in 0..200 {
            let busy = clock.next_delay(SimTime::ZERO, true, &mut rng);
            assert!(busy >= s(10) && busy <= s(20));
        }
        let idle: Vec<_> = (0..200).map(|_| clock.next_delay(SimTime::ZERO, false, &mut rng)).collect();
        assert!(idle.iter().all(|&d| d >= s(15) && d <= s(30)));
        assert!(idle.iter().any(|&d| d > s(25)));
    }

    #[test]
    fn a_recording_is_followed_to_its_end() {
        let mut rng = StreamFactory::new(1).stream("housekeeping");
        let at: Arc<[SimTime]> = [SimTime::from_secs(3), SimTime::from_secs(14)].into();
        let mut clock = Housekeeping::recorded(HousekeepingTiming::default(), at);
        assert_eq!(clock.next_delay(SimTime::ZERO, true, &mut rng), SimDuration::from_secs(3));
        assert_eq!(clock.next_delay(SimTime::from_secs(3), true, &mut rng), SimDuration::from_secs(11));
        assert!(clock.next_delay(SimTime::from_secs(14), true, &mut rng) >= SimDuration::from_secs(10));
    }
}
