//! `kubelet.log`: the kubelet's own lines about memory, in klog's form.
//!
//! Wording and line numbers of the eviction manager are those of Kubernetes 1.32 (pkg/kubelet/eviction). The run's
//! beginning is midnight of January 1st. Where a line's number in the source is not known, it is 1.

use oomsim_core::record::view::back_off_message;
use oomsim_core::record::{ConditionStatus, Entry, History, Record};
use oomsim_core::units::SimTime;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Day and time of an instant, the run having begun on January 1st at midnight: `0102 03:04:05.000006`.
fn stamp(at: SimTime) -> String {
    let us = at.as_nanos() / 1_000;
    let s = us / 1_000_000;
    let (mut day, mut month) = (s / 86_400, 0);
    for length in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].into_iter().cycle().take(12_000) {
        if day < length {
            break;
        }
        day -= length;
        month = (month + 1) % 12;
    }
    let (h, m) = (s / 3600 % 24, s / 60 % 60);
    format!("{:02}{:02} {h:02}:{m:02}:{:02}.{:06}", month + 1, day + 1, s % 60, us % 1_000_000)
}

struct Log(String);

impl Log {
    fn line(&mut self, level: char, at: SimTime, place: &str, message: &str) {
        let _ = writeln!(self.0, "{level}{} {:>7} {place}] {message}", stamp(at), 1);
    }
}

const MANAGER: &str = "eviction_manager.go";

/// The whole file.
///
/// # Errors
/// When writing fails.
pub fn write(history: &History, out: &mut dyn Write) -> io::Result<()> {
    let mut log = Log(String::new());
    for entry in &history.entries {
        lines(&mut log, entry, &history.node.name);
        out.write_all(log.0.as_bytes())?;
        log.0.clear();
    }
    Ok(())
}

fn lines(log: &mut Log, entry: &Entry, node: &str) {
    let at = entry.at;
    match &entry.record {
        Record::EvictionThresholdMet { .. } => {
            let place = format!("{MANAGER}:376");
            log.line('I', at, &place, "\"Eviction manager: attempting to reclaim\" resourceName=\"memory\"");
            let place = format!("{MANAGER}:387");
            log.line('I', at, &place, "\"Eviction manager: must evict pod(s) to reclaim\" resourceName=\"memory\"");
        }
        Record::Evicted { pod, grace_period, .. } => {
            let message = format!(
                "\"Killing pod with a grace period override\" pod={pod:?} gracePeriod={}",
                grace_period.as_secs()
            );
            log.line('I', at, "kubelet.go:1", &message);
        }
        Record::PodCleanedUp { pod } => {
            let message = format!("\"Eviction manager: pod is evicted successfully\" pod={pod:?}");
            log.line('I', at, &format!("{MANAGER}:627"), &message);
            let message = format!("\"Eviction manager: pods successfully cleaned up\" pods=[{pod:?}]");
            log.line('I', at, &format!("{MANAGER}:458"), &message);
        }
        Record::Killing { pod, container, .. } => {
            let message = format!("\"Killing container with a grace period\" pod={pod:?} containerName={container:?}");
            log.line('I', at, "kuberuntime_container.go:1", &message);
        }
        Record::KillFailed { pod, container, message } => {
            let message = format!("\"Kill container failed\" err={message:?} pod={pod:?} containerName={container:?}");
            log.line('E', at, "kuberuntime_container.go:1", &message);
        }
        // The kubelet does not know that it is not heard of.
        Record::NodeCondition { status: ConditionStatus::Unknown, .. } => {}
        Record::FailedPreStopHook { pod, container } => {
            let message = format!("\"PreStop hook failed\" pod={pod:?} containerName={container:?}");
            log.line('E', at, "kuberuntime_container.go:797", &message);
        }
        Record::Unhealthy { pod, container, message } => {
            let message = format!("\"Probe failed\" pod={pod:?} containerName={container:?} output={message:?}");
            log.line('I', at, "prober.go:1", &message);
        }
        Record::NodeCondition { r#type, status } => {
            let event = r#type.event(*status);
            let message = format!("\"Recording event message for node\" node={node:?} event={event:?}");
            log.line('I', at, "kubelet_node_status.go:1", &message);
        }
        Record::PodRejected { pod, reason, message } => {
            let message = format!("\"Failed to admit pod\" pod={pod:?} reason=\"{reason}\" message={message:?}");
            log.line('I', at, "kubelet.go:1", &message);
        }
        Record::SystemOom { message } => {
            log.line('I', at, "oom_watcher_linux.go:1", &format!("\"Got sys oom event\" event={message:?}"));
        }
        Record::ContainerTerminated { pod, container, reason, exit_code, .. } => {
            let message = format!(
                "\"Container terminated\" pod={pod:?} containerName={container:?} reason=\"{reason}\" exitCode={exit_code}"
            );
            log.line('I', at, "generic.go:1", &message);
        }
        Record::BackOff { pod, container, uid, delay } => {
            let message = back_off_message(*delay, container, pod, uid);
            let message =
                format!("\"Error syncing pod, skipping\" err={message:?} pod={pod:?} containerName={container:?}");
            log.line('E', at, "pod_workers.go:1", &message);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_klogs() {
        assert_eq!(stamp(SimTime::from_secs(0)), "0101 00:00:00.000000");
        assert_eq!(stamp(SimTime::from_nanos(32 * 86_400_000_000_000 + 3_661_000_005_000)), "0202 01:01:01.000005");
    }

    /// The shape of a line is that of the recorded kubelet log: `I1121 09:20:19.342910     145 eviction_manager.go:376]
    /// "…"`.
    #[test]
    fn lines_have_klogs_shape() {
        let mut file = Vec::new();
        write(&crate::testdata::oom2(), &mut file).unwrap();
        let text = String::from_utf8(file).unwrap();
        assert!(
            text.starts_with(
                "I0101 00:04:28.300000       1 eviction_manager.go:376] \"Eviction manager: attempting to reclaim\" resourceName=\"memory\"\n"
            ),
            "{text}"
        );
        assert!(text.lines().all(|line| line.len() > 30 && line[1..].starts_with("01") && line.contains("] \"")));
    }
}
