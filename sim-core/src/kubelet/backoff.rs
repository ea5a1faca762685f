//! Restart back-off of one container (client-go flowcontrol/backoff.go, kuberuntime_manager.go doBackOff).

use crate::units::{SimDuration, SimTime};

/// Bounds of the back-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffLimits {
    /// The first wait (kubelet.go backOffPeriod, 10 s).
    pub base: SimDuration,
    /// The longest wait (kubelet.go MaxContainerBackOff, 300 s).
    pub max: SimDuration,
}

impl Default for BackoffLimits {
    fn default() -> Self {
        BackoffLimits { base: SimDuration::from_secs(10), max: SimDuration::from_secs(300) }
    }
}

impl BackoffLimits {
    /// The bounds with `crashLoopBackOff.maxContainerRestartPeriod` set: the base never exceeds it.
    pub fn with_max(max: SimDuration) -> Self {
        BackoffLimits { base: BackoffLimits::default().base.min(max), max }
    }

    /// A container that ended more than this after its last start decision begins anew, whatever the maximum is
    /// (kubelet.go HasExpiredFunc).
    pub const RESET_AFTER: SimDuration = SimDuration::from_secs(600);
}

/// What the kubelet remembers of a container's restarts. A container with a changed specification starts with a new
/// one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerBackoff {
    /// The wait in force and the time of the last (re)start decision.
    entry: Option<(SimDuration, SimTime)>,
}

impl ContainerBackoff {
    /// The wait in force for a container that ended at `finished`, counted from there, if it has to wait at all.
    pub fn current(&self, finished: SimTime) -> Option<SimDuration> {
        let (wait, last) = self.entry?;
        (finished.since(last) <= BackoffLimits::RESET_AFTER).then_some(wait)
    }

    /// The wait that was noted at the last start, however long ago.
    pub fn noted(&self) -> Option<SimDuration> {
        self.entry.map(|(wait, _)| wait)
    }

    /// Tries to start a container again that ended at `finished`. When it starts, the wait for the next time doubles,
    /// or goes back to the base after a long run. The real kubelet tries only when a pod worker comes by, so a
    /// container that has to wait starts up to 15 s after the end of its wait.
    ///
    /// # Errors
    /// It is still in back-off; nothing changes. The wait in force.
    pub fn attempt(&mut self, now: SimTime, finished: SimTime, limits: BackoffLimits) -> Result<(), SimDuration> {
        let current = self.current(finished);
        if let Some(wait) = current.filter(|wait| now.since(finished) < *wait) {
            return Err(wait);
        }
        let next = current.map_or(limits.base, |wait| (wait * 2).min(limits.max));
        self.entry = Some((next, now));
        Ok(())
    }
}

/// Message of the event `BackOff` (Warning).
pub fn event_message(container: &str, pod: &str) -> String {
    format!("Back-off restarting failed container {container} in pod {pod}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SOURCES OOM1: a pod that dies within 2 s of each start waits nothing, 10, 20, 40, 80 s; kuberuntime_manager.go
    /// doBackOff: then 160 and 300 s; after a run of more than 600 s the first restart is at once again.
    #[test]
    fn waits_double_up_to_five_minutes_and_a_long_run_forgets_them() {
        let limits = BackoffLimits::default();
        let mut backoff = ContainerBackoff::default();
        let mut now = SimTime::ZERO;
        for expected in [0, 10, 20, 40, 80, 160, 300, 300] {
            let finished = now + SimDuration::from_secs(2);
            let wait = backoff.current(finished).unwrap_or_default();
            assert_eq!(wait, SimDuration::from_secs(expected));
            if expected > 0 {
                assert_eq!(backoff.attempt(finished, finished, limits), Err(wait));
            }
            now = finished + wait;
            assert_eq!(backoff.attempt(now, finished, limits), Ok(()));
        }
        let exactly = now + SimDuration::from_secs(600);
        assert_eq!(backoff.attempt(exactly, exactly, limits), Err(SimDuration::from_secs(300)));
        let longer = exactly + SimDuration::from_nanos(1);
        assert_eq!(backoff.attempt(longer, longer, limits), Ok(()));
        assert_eq!(backoff.noted(), Some(SimDuration::from_secs(10)));
    }

    /// 600 s are not twice the maximum, but a constant (kubelet.go HasExpiredFunc, 1.32.10).
    #[test]
    fn a_lower_maximum_is_not_forgotten_sooner() {
        let (limits, seconds) = (BackoffLimits::with_max(SimDuration::from_secs(60)), SimDuration::from_secs);
        let mut backoff = ContainerBackoff::default();
        assert_eq!(backoff.attempt(SimTime::ZERO, SimTime::ZERO, limits), Ok(()));
        let end = SimTime::ZERO + seconds(600);
        assert_eq!(backoff.attempt(end, end, limits), Err(seconds(10)));
        assert_eq!(BackoffLimits::with_max(seconds(5)), BackoffLimits { base: seconds(5), max: seconds(5) });
    }
}
