//! Restart back-off of one container (client-go flowcontrol/backoff.go, kuberuntime_manager.go doBackOff).

use super::config::KubeletConfig;
use super::profile::KubernetesProfile;
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
    /// The bounds of a configuration (kubelet.go newCrashLoopBackOff): a configured maximum has precedence over the
    /// gate `ReduceDefaultCrashLoopBackOffDecay`.
    pub fn of(config: &KubeletConfig, profile: &KubernetesProfile) -> Self {
        let reduced = BackoffLimits { base: SimDuration::from_secs(1), max: SimDuration::from_secs(60) };
        let limits = if profile.reduced_crash_loop_back_off { reduced } else { BackoffLimits::default() };
        if !profile.crash_loop_back_off_max {
            return limits;
        }
        let max = config.max_container_restart_period.unwrap_or(BackoffLimits::default().max);
        BackoffLimits { base: limits.base.min(max), max }
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

/// How long a Job's controller waits before it makes the next pod when this many failed: 10 s, doubled each time,
/// at most 10 minutes (pkg/controller/job DefaultJobPodFailureBackOff, MaxJobPodFailureBackOff). `None`: the Job has
/// failed.
pub fn job_backoff(failed: u32, backoff_limit: u32) -> Option<SimDuration> {
    const LONGEST: u64 = 600;
    let doubled = 10u64.checked_shl(failed.saturating_sub(1)).unwrap_or(LONGEST).min(LONGEST);
    (failed <= backoff_limit).then(|| SimDuration::from_secs(doubled))
}

/// Message of the event `BackOff` (Warning).
pub fn event_message(container: &str, pod: &str) -> String {
    format!("Back-off restarting failed container {container} in pod {pod}")
}

/// How long the DaemonSet controller waits before it replaces a failed pod on a node (pkg/controller/daemon
/// daemon_controller.go failedPodsBackoff: from 1 s to 15 minutes, doubled with each failure).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaemonSetBackoff {
    /// The wait in force and when a pod was replaced last.
    entry: Option<(SimDuration, SimTime)>,
}

impl DaemonSetBackoff {
    const FIRST: SimDuration = SimDuration::from_secs(1);
    const LONGEST: SimDuration = SimDuration::from_secs(900);

    /// How long a pod that failed at `now` waits for its replacement: the wait counts from the last replacement, and is
    /// forgotten after twice the longest one.
    pub fn next(&mut self, now: SimTime) -> SimDuration {
        let known = self.entry.filter(|(_, last)| now.since(*last) <= Self::LONGEST * 2);
        let (full, wait) = match known {
            None => (Self::FIRST, SimDuration::ZERO),
            Some((full, last)) => ((full * 2).min(Self::LONGEST), (last + full).since(now)),
        };
        self.entry = Some((full, now + wait));
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// daemon_controller.go: pods that fail as soon as they are there are replaced after 0, 1, 2, 4 … s; a pod that
    /// held for longer than the wait is replaced at once, and after more than half an hour the waits begin anew.
    #[test]
    fn a_daemon_set_waits_longer_each_time() {
        let (seconds, mut backoff, mut now) = (SimDuration::from_secs, DaemonSetBackoff::default(), SimTime::ZERO);
        for expected in [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            let wait = backoff.next(now);
            assert_eq!(wait, seconds(expected));
            now += wait;
        }
        now += seconds(901);
        assert_eq!(backoff.next(now), SimDuration::ZERO);
        assert_eq!(backoff.next(now), seconds(900));
        now += seconds(900 + 1801);
        assert_eq!((backoff.next(now), backoff.next(now)), (SimDuration::ZERO, seconds(1)));
    }

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
        let seconds = SimDuration::from_secs;
        let with_max = |max| {
            let config = KubeletConfig { max_container_restart_period: Some(seconds(max)), ..KubeletConfig::default() };
            BackoffLimits::of(&config, &KubernetesProfile::V1_35)
        };
        let limits = with_max(60);
        let mut backoff = ContainerBackoff::default();
        assert_eq!(backoff.attempt(SimTime::ZERO, SimTime::ZERO, limits), Ok(()));
        let end = SimTime::ZERO + seconds(600);
        assert_eq!(backoff.attempt(end, end, limits), Err(seconds(10)));
        assert_eq!(with_max(5), BackoffLimits { base: seconds(5), max: seconds(5) });
    }

    /// KEP-4603, and a node with kubelet 1.36.2 and the gate ReduceDefaultCrashLoopBackOffDecay: 1, 2, 4 … 32, 64 s.
    #[test]
    fn the_reduced_back_off_ends_at_60_seconds_unless_the_maximum_can_be_configured() {
        let seconds = SimDuration::from_secs;
        let of = |row: KubernetesProfile| {
            let profile = KubernetesProfile { reduced_crash_loop_back_off: true, ..row };
            let limits = BackoffLimits::of(&KubeletConfig::default(), &profile);
            (limits.base, limits.max)
        };
        assert_eq!(of(KubernetesProfile::V1_34), (seconds(1), seconds(60)));
        assert_eq!(of(KubernetesProfile::V1_36), (seconds(1), seconds(300)));
    }
}
