//! The kubelet's clocks. They are separate on purpose: the race lives in their difference.

use super::backoff::BackoffLimits;
use super::capability::RestartWakeup;
use super::config::KubeletConfig;
use super::profile::KubernetesProfile;
use super::stats::HousekeepingTiming;
use crate::units::{Bytes, SimDuration};

/// Periods and delays of the kubelet, each with its own default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From the end of one eviction pass to the start of the next (kubelet.go `evictionMonitoringPeriod`).
    pub monitoring_period: SimDuration,
    /// How long a pass takes (recorded stories: 3 to 15 ms).
    pub synchronize: SimDuration,
    /// How long the manager waits for an evicted pod to be cleaned up (eviction_manager.go `podCleanupTimeout`).
    pub cleanup_timeout: SimDuration,
    /// How often it looks (eviction_manager.go `podCleanupPollFreq`).
    pub cleanup_poll: SimDuration,
    /// Least time after which a kill call gives up (pod_workers.go killPodNow: max(10 s, 1.5 × grace)).
    pub kill_timeout_least: SimDuration,
    /// How often containers are listed (PLEG relist period, kubelet.go `genericPlegRelistPeriod`).
    pub relist_period: SimDuration,
    /// A pod worker that could not restart a container for its back-off tries again after this (kubelet.go
    /// `backOffPeriod`, pod_workers.go completeWork), until the back-off is over.
    pub resync_period: SimDuration,
    /// Largest random addition to each of these waits (pod_workers.go: `workerBackOffPeriodJitterFactor` 0.5).
    pub resync_jitter: SimDuration,
    /// Largest random addition to the node status period in thousandths (kubelet.go: 4 %).
    pub node_status_jitter_permille: u64,
    /// cAdvisor's housekeeping of pods.
    pub housekeeping: HousekeepingTiming,
    /// Which of several met thresholds leads is drawn as the real map iteration would, instead of the most frequent.
    pub random_lead: bool,
    /// Everything the kubelet does takes long while memory is nearly gone. An assumption, off unless asked for.
    pub slow: Option<SlowKubelet>,
    /// Base of the restart back-off (kubelet.go `backOffPeriod`).
    pub backoff_base: SimDuration,
    /// Wait before the first restart of a container (none in a real kubelet).
    pub backoff_first: SimDuration,
    /// Longest restart back-off (kubelet.go `MaxContainerBackOff`).
    pub backoff_max: SimDuration,
    /// How long a node may be silent until it is NotReady, the controller manager's node-monitor-grace-period: 40 s,
    /// 50 s since 1.32 (kubernetes#121793).
    pub node_monitor_grace: SimDuration,
}

/// A kubelet whose pages are reclaimed and read again all the time (P4 of docs/SOURCES.md, OOM scenario 3: nothing in
/// its log for 30 s, later for more than a minute).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowKubelet {
    /// While MemAvailable is less than this.
    pub below: Bytes,
    /// A pass or the start of a pod takes this much longer.
    pub takes: SimDuration,
}

/// Most visits of a pod worker during one back-off that are followed one by one (300 s are 30 visits).
const MAX_RESYNCS: u64 = 1000;

/// Longest wait of a pod worker (kubelet.go syncFrequency, 1 minute).
const RESYNC_INTERVAL: SimDuration = SimDuration::from_secs(60);

impl Timing {
    /// The clocks of a kubelet with this configuration (`crashLoopBackOff`, behind its gate).
    pub fn of(config: &KubeletConfig, profile: &KubernetesProfile) -> Timing {
        let limits = BackoffLimits::of(config, profile);
        let node_monitor_grace = SimDuration::from_secs(u64::try_from(profile.node_monitor_grace_s).unwrap_or(0));
        Timing { backoff_base: limits.base, backoff_max: limits.max, node_monitor_grace, ..Timing::default() }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            monitoring_period: SimDuration::from_secs(10),
            synchronize: SimDuration::from_millis(5),
            cleanup_timeout: SimDuration::from_secs(30),
            cleanup_poll: SimDuration::from_secs(1),
            kill_timeout_least: SimDuration::from_secs(10),
            relist_period: SimDuration::from_secs(1),
            resync_period: SimDuration::from_secs(10),
            resync_jitter: SimDuration::from_secs(5),
            node_status_jitter_permille: 40,
            housekeeping: HousekeepingTiming::default(),
            random_lead: false,
            slow: None,
            backoff_base: SimDuration::from_secs(10),
            backoff_first: SimDuration::ZERO,
            backoff_max: SimDuration::from_secs(300),
            node_monitor_grace: SimDuration::from_secs(50),
        }
    }
}

impl Timing {
    /// Bounds of the restart back-off.
    pub fn backoff(&self) -> BackoffLimits {
        BackoffLimits { base: self.backoff_base, max: self.backoff_max }
    }

    /// How long a restart takes that has to wait `remaining` more: the pod worker comes by again and again, and the
    /// first time that the back-off is over it starts the container. Without a period it comes when the time is there.
    /// `jitter` says what is added to a wait to which at most its argument may be added.
    pub fn restart_delay(
        &self,
        remaining: SimDuration,
        wakeup: RestartWakeup,
        jitter: &mut dyn FnMut(SimDuration) -> SimDuration,
    ) -> SimDuration {
        match wakeup {
            RestartWakeup::Poll => self.poll_delay(remaining, jitter),
            RestartWakeup::Expiry => self.expiry_delay(remaining, jitter),
        }
    }

    /// At the end of the back-off, within a minute and up to half of that later (pod_workers.go completeWork since
    /// 1.35).
    fn expiry_delay(&self, remaining: SimDuration, jitter: &mut dyn FnMut(SimDuration) -> SimDuration) -> SimDuration {
        let mut delay = SimDuration::ZERO;
        for _ in 0..MAX_RESYNCS {
            let wait = remaining.saturating_sub(delay).min(RESYNC_INTERVAL);
            if wait == SimDuration::ZERO {
                return delay;
            }
            // No resyncing, no jitter: the worker comes when the time is there.
            let late = if self.resync_jitter == SimDuration::ZERO { SimDuration::ZERO } else { wait.mul_ratio(1, 2) };
            delay = delay + wait + jitter(late);
        }
        delay.max(remaining)
    }

    fn poll_delay(&self, remaining: SimDuration, jitter: &mut dyn FnMut(SimDuration) -> SimDuration) -> SimDuration {
        let mut wait = || self.resync_period + jitter(self.resync_jitter);
        let period = self.resync_period.as_nanos();
        if period == 0 || remaining.as_nanos() / period > MAX_RESYNCS {
            return remaining + wait();
        }
        let mut delay = SimDuration::ZERO;
        while delay < remaining {
            delay = delay + wait();
        }
        delay
    }

    /// When a kill call with this grace period gives up.
    pub fn kill_timeout(&self, grace: SimDuration) -> SimDuration {
        self.kill_timeout_least.max(grace.mul_ratio(3, 2))
    }
}

/// The grace period in seconds that a pod gets when it is evicted with `grace_period_override` (pod_workers.go
/// calculateEffectiveGracePeriod).
pub fn effective_grace(grace_period_override: i64, pod_grace: i64, profile: &KubernetesProfile) -> i64 {
    match grace_period_override {
        0 if profile.zero_grace_override_ignored => pod_grace,
        seconds => seconds.min(pod_grace).max(1),
    }
}

/// When a container of a pod with this grace period in seconds gets SIGTERM and when SIGKILL: its preStop hook runs
/// first, as long as it takes but no longer than the grace period, and what is left is raised to the minimum
/// (kuberuntime_container.go killContainer).
pub fn container_grace(
    grace_seconds: i64,
    pre_stop: Option<SimDuration>,
    profile: &KubernetesProfile,
) -> (SimDuration, SimDuration) {
    let seconds = |s: i64| SimDuration::from_secs(s.max(0) as u64);
    let hook = pre_stop.unwrap_or(SimDuration::ZERO).min(seconds(grace_seconds));
    // The hook's time is counted in whole seconds.
    let left = grace_seconds - (hook.as_nanos() / 1_000_000_000) as i64;
    (hook, hook + seconds(left.max(profile.minimum_container_grace_s)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hard_eviction_gives_two_seconds_unless_the_override_is_lost() {
        let s = SimDuration::from_secs;
        let kill = |grace, own, profile: &KubernetesProfile| {
            container_grace(effective_grace(grace, own, profile), None, profile).1
        };
        // kuberuntime_container.go: a value below 1 becomes 1, killContainer raises it to 2 s.
        assert_eq!(kill(1, 30, &KubernetesProfile::V1_32), s(2));
        assert_eq!(kill(0, 30, &KubernetesProfile::V1_21), s(2));
        // kubernetes#115819: gracePeriodSeconds 0 meant the pod's own 30 s.
        assert_eq!(kill(0, 30, &KubernetesProfile::V1_28), s(30));
        assert_eq!(kill(20, 10, &KubernetesProfile::V1_32), s(10));
        // The hook is part of the grace period, of which at least 2 s are left for the program.
        let hook = |grace, hook| container_grace(grace, Some(s(hook)), &KubernetesProfile::V1_32);
        assert_eq!(hook(30, 10), (s(10), s(30)));
        assert_eq!(hook(30, 60), (s(30), s(32)));
        assert_eq!(hook(1, 60), (s(1), s(3)));
        assert_eq!(Timing::default().kill_timeout(s(30)), s(45));
    }
}
