//! Records as JSON objects, with the names that the kernel and Kubernetes use.
//!
//! Every object has `t` (seconds since the run began) and `kind`; [`KINDS`] lists the other fields. Fields of the
//! kernel's are spelt as in its log and in `/proc` (`oom_memcg`, `anon_rss_kb`), fields of Kubernetes' as in its API
//! (`exitCode`). Sizes are bytes unless the name ends in `_kb` (KiB, as the kernel prints `kB`) or says otherwise.

mod fields;
mod kinds;

pub use fields::{EntryObject, fields};
pub use kinds::{Field, KINDS, PROCESS_FIELDS, RecordKind, kind, kind_named};

use super::{Entry, Owner, Record};
use crate::node_api::{format_pod, waiting_message};
use crate::units::{SimDuration, SimTime};
use serde_json::{Map, Value};

/// Seconds since the run began, as a JSON number.
pub fn seconds(at: SimTime) -> Value {
    at.as_secs_f64().into()
}

/// The whole object of one entry.
pub fn entry(entry: &Entry) -> Map<String, Value> {
    fields::map(EntryObject(entry))
}

/// `namespace` and name of a pod written as `namespace/name`.
pub fn split_pod(pod: &str) -> (&str, &str) {
    pod.split_once('/').unwrap_or(("", pod))
}

/// Message of the event `FailedPreStopHook`: the reason is kept out of it (kuberuntime_container.go
/// executePreStopHook).
pub const PRE_STOP_HOOK_FAILED: &str = "PreStopHook failed";

/// How containerd 2.1 says that runc's own process was killed before it became the container's program (stories A14 and
/// D02 of a node with 1.36.2).
pub const START_ERROR: &str = "failed to create containerd task: failed to create shim task: OCI runtime create failed: \
                               runc create failed: unable to start container process: container init was OOM-killed \
                               (memory limit too low?)";

/// The waiting message of a container in back-off, whose pod is written as `namespace/name`.
pub fn back_off_message(delay: SimDuration, container: &str, pod: &str, uid: &str) -> String {
    let (namespace, name) = split_pod(pod);
    waiting_message(delay, container, &format_pod(name, namespace, uid))
}

/// Who a record is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subject<'a> {
    /// `namespace/name` of the pod.
    pub pod: Option<&'a str>,
    /// Container.
    pub container: Option<&'a str>,
    /// Process name.
    pub comm: Option<&'a str>,
}

impl<'a> Subject<'a> {
    fn of_owner(owner: Option<&'a Owner>, comm: &'a str) -> Self {
        match owner {
            Some(Owner::Container { pod, container }) => {
                Subject { pod: Some(pod), container: Some(container), comm: Some(comm) }
            }
            Some(Owner::Host(_)) | None => Subject { comm: Some(comm), ..Subject::default() },
        }
    }

    fn of_stalled(owner: &'a Owner) -> Self {
        match owner {
            Owner::Container { pod, container } => Subject { pod: Some(pod), container: Some(container), comm: None },
            Owner::Host(name) => Subject { comm: Some(name), ..Subject::default() },
        }
    }
}

/// Who a record is about; for `OomKill` the chosen victim.
pub fn subject(record: &Record) -> Subject<'_> {
    match record {
        Record::ProcessStarted { comm, owner, .. }
        | Record::ProcessExited { comm, owner, .. }
        | Record::AllocationRefused { comm, owner, .. }
        | Record::UserspaceKill { comm, owner, .. }
        | Record::RecordedGap { comm, owner, .. }
        | Record::RecordedRestart { comm, owner, .. }
        | Record::RuntimeOutOfMemory { comm, owner, .. } => Subject::of_owner(Some(owner), comm),
        Record::Stalled { owner, .. } | Record::StallEnded { owner, .. } => Subject::of_stalled(owner),
        Record::OomKill { report, killed_owners, .. } => match report.chosen() {
            Some(task) => Subject::of_owner(killed_owners.first(), &task.comm),
            None => Subject::default(),
        },
        Record::SignalSent { comm, .. } => Subject { comm: Some(comm), ..Subject::default() },
        Record::ContainerStarted { pod, container, .. }
        | Record::ContainerTerminated { pod, container, .. }
        | Record::BackOff { pod, container, .. }
        | Record::Killing { pod, container, .. }
        | Record::Unhealthy { pod, container, .. }
        | Record::FailedPreStopHook { pod, container }
        | Record::ContainerReady { pod, container, .. }
        | Record::KillFailed { pod, container, .. } => {
            Subject { pod: Some(pod), container: Some(container), comm: None }
        }
        Record::PodScheduled { pod, .. }
        | Record::PodRunsAlready { pod, .. }
        | Record::PodRejected { pod, .. }
        | Record::PodPhase { pod, .. }
        | Record::Evicted { pod, .. }
        | Record::PodEvent { pod, .. }
        | Record::MarkedForDeletion { pod }
        | Record::PodCleanedUp { pod } => Subject { pod: Some(pod), ..Subject::default() },
        Record::SysctlSet { .. }
        | Record::CgroupWriteRefused { .. }
        | Record::KernelPanic { .. }
        | Record::EvictionPass { .. }
        | Record::EvictionThresholdMet { .. }
        | Record::NodeCondition { .. }
        | Record::NodeTaint { .. }
        | Record::SystemOom { .. }
        | Record::Warning { .. }
        | Record::KubeletNotStarted { .. }
        | Record::NodeChanged { .. } => Subject::default(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
