//! The race between the kubelet's check and the kernel's limit, in closed form.
//!
//! A program grows at a constant rate. The kubelet looks once in a period, with an unknown phase: every phase
//! is equally likely. It wins when it looks between the instant at which the signal falls below the threshold and the
//! instant at which the kernel's limit is reached – less the time until the program stops growing once it has been
//! asked to. With a window of w seconds and a period of T seconds it therefore wins with probability min(1, w / T);
//! where kubepods is the limit that counts, w is the hard threshold divided by the rate.

use crate::measure::RunOutcome;

/// Bytes of page tables for each byte of touched memory: eight for a page of 4096. They are charged to the cgroup, but
/// are no part of the node's working set.
const PAGE_TABLES: f64 = 1.0 / 512.0;

/// A node, a threshold and a program that grows. Amounts in bytes, times in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Race {
    /// MemTotal.
    pub capacity: f64,
    /// Limit of kubepods.
    pub kubepods_limit: f64,
    /// Working set outside of kubepods.
    pub system: f64,
    /// Memory that is in no working set and that no program can have: the kernel's own, and what its watermarks keep
    /// free.
    pub unseen: f64,
    /// How long the kernel reclaims in vain, when the node has run out, before it kills.
    pub stall: f64,
    /// Working set of all pods before the program grows.
    pub pods: f64,
    /// How much more the program may take until its own limit, if it has one.
    pub own_room: Option<f64>,
    /// Hard threshold on memory.available.
    pub hard: f64,
    /// Bytes per second.
    pub rate: f64,
    /// From one check to the next.
    pub period: f64,
    /// How long the program goes on growing after the decision.
    pub lag: f64,
}

/// How it comes out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Odds {
    /// Probability that the kernel kills first.
    pub kernel_first: f64,
    /// Which limit does it.
    pub limit: RunOutcome,
    /// Seconds between the threshold and that limit.
    pub window: f64,
    /// Mean time from the threshold to the decision, over the runs in which there is one in time.
    pub latency: f64,
    /// Mean overshoot at that decision.
    pub overshoot: f64,
}

impl Race {
    /// Seconds of growth until the first of the two signals crosses the threshold: `memory.available` of the node, or
    /// `allocatableMemory.available` of kubepods, for which the kubelet uses the same threshold.
    fn crossing(&self) -> f64 {
        let node = (self.capacity - self.hard - self.system - self.pods) / self.rate;
        let kubepods = (self.kubepods_limit - self.hard - self.pods) / self.charged();
        node.min(kubepods).max(0.0)
    }

    /// Seconds of growth until a limit is reached, and which.
    fn limit(&self) -> (f64, RunOutcome) {
        let node = (self.capacity - self.system - self.unseen - self.pods) / self.charged() + self.stall;
        let mut first = ((self.kubepods_limit - self.pods) / self.charged(), RunOutcome::KubepodsOom);
        if node < first.0 {
            first = (node, RunOutcome::GlobalOom);
        }
        match self.own_room.map(|room| room / self.charged()) {
            Some(own) if own < first.0 => (own, RunOutcome::PodOom),
            _ => first,
        }
    }

    /// Bytes that the program takes until some limit is reached.
    pub fn room(&self) -> f64 {
        self.limit().0 * self.rate
    }

    fn charged(&self) -> f64 {
        self.rate * (1.0 + PAGE_TABLES)
    }

    /// How the race comes out.
    pub fn odds(&self) -> Odds {
        let (limit_at, limit) = self.limit();
        let window = (limit_at - self.crossing()).max(0.0);
        let in_time = (window - self.lag).clamp(0.0, self.period);
        let latency = in_time / 2.0;
        let kernel_first = 1.0 - in_time / self.period;
        Odds { kernel_first, limit, window, latency, overshoot: latency * self.rate }
    }

    /// The rate at which the kernel wins with this probability (more than 0, less than 1): above it more often. `None`
    /// when the kernel's limit comes before the threshold at every rate.
    pub fn rate_for(&self, kernel_first: f64) -> Option<f64> {
        // The window is inversely proportional to the rate, but for the stall, which does not depend on it.
        let still = Race { rate: 1.0, stall: 0.0, ..*self }.odds();
        let stall = if still.limit == RunOutcome::GlobalOom { self.stall } else { 0.0 };
        let needed = (1.0 - kernel_first) * self.period + self.lag - stall;
        (still.window > 0.0 && needed > 0.0).then(|| still.window / needed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: f64 = 1_048_576.0;

    /// 8 GiB, 1 GiB reserved, 500 MiB used by the system: kubepods decides.
    fn race(hard: f64, rate: f64) -> Race {
        Race {
            capacity: 8192.0 * MIB,
            kubepods_limit: 7168.0 * MIB,
            system: 500.0 * MIB,
            unseen: 150.0 * MIB,
            stall: 0.0,
            pods: 100.0 * MIB,
            own_room: None,
            hard: hard * MIB,
            rate: rate * MIB,
            period: 10.0,
            lag: 0.0,
        }
    }

    #[test]
    fn the_window_is_threshold_over_rate() {
        // 100Mi at 20 MiB/s: 5 s less the page tables' share, of 10 s.
        let odds = race(100.0, 20.0).odds();
        assert!((odds.window - 5.0 / (1.0 + 1.0 / 512.0)).abs() < 1e-9, "{odds:?}");
        assert!((odds.kernel_first - 0.5).abs() < 2e-3);
        assert_eq!(odds.limit, RunOutcome::KubepodsOom);
        assert!((odds.latency - odds.window / 2.0).abs() < 1e-9);
        assert_eq!(race(100.0, 5.0).odds().kernel_first, 0.0); // 20 s > 10 s
        assert!((race(750.0, 5.0).odds().latency - 5.0).abs() < 1e-9); // the next check is 5 s away on average
        assert!((Race { lag: 2.0, ..race(100.0, 20.0) }.odds().kernel_first - 0.7).abs() < 2e-3); // (5 − 2) / 10
    }

    #[test]
    fn the_nearest_limit_wins() {
        let own = Race { own_room: Some(100.0 * MIB), ..race(100.0, 20.0) };
        assert_eq!((own.odds().limit, own.odds().kernel_first), (RunOutcome::PodOom, 1.0));
        assert_eq!(own.rate_for(0.4), None);
        // Without reservation the node runs out first: 150 MiB unseen of a threshold of 100 MiB leave nothing.
        let bare = Race { kubepods_limit: 8192.0 * MIB, ..race(100.0, 1.0) };
        assert_eq!((bare.odds().limit, bare.odds().kernel_first), (RunOutcome::GlobalOom, 1.0));
    }

    #[test]
    fn forty_percent_by_hand() {
        // w = 6 s of 10 s: 100 MiB / 6 s = 16.67 MiB/s, less the page tables' 0.2 %.
        let rate = race(100.0, 1.0).rate_for(0.4).unwrap() / MIB;
        assert!((rate - 100.0 / 6.0 / (1.0 + 1.0 / 512.0)).abs() < 1e-6, "{rate}");
        let back = race(100.0, rate).odds().kernel_first;
        assert!((back - 0.4).abs() < 1e-9);
        // 750Mi: 125 MiB/s.
        assert!((race(750.0, 1.0).rate_for(0.4).unwrap() / MIB - 124.76).abs() < 0.01);
    }
}
