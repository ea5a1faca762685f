//! What becomes of a container's end in its status (kuberuntime_container.go, container_helper).

/// Reason of a container whose state the runtime lost.
pub const REASON_CONTAINER_STATUS_UNKNOWN: &str = "ContainerStatusUnknown";
/// Reason that containerd and CRI-O give when they saw an OOM event of the container's cgroup.
pub const REASON_OOM_KILLED: &str = "OOMKilled";
/// Reason of any other end with a code other than 0.
pub const REASON_ERROR: &str = "Error";
/// Reason of an end with code 0.
pub const REASON_COMPLETED: &str = "Completed";

/// The terminated state of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminated<'a> {
    /// `reason`.
    pub reason: &'a str,
    /// `exitCode`.
    pub exit_code: i32,
}

/// The state for a container that the runtime reports as exited: copied, never derived.
pub fn from_runtime(reason: &str, exit_code: i32) -> Terminated<'_> {
    Terminated { reason, exit_code }
}

/// The state of a container that should exist and does not.
pub const LOST: Terminated<'static> = Terminated { reason: REASON_CONTAINER_STATUS_UNKNOWN, exit_code: 137 };

/// What the container runtime reports: the kubelet itself never says OOMKilled. `oom_event`: the runtime saw the
/// cgroup's OOM event, which kills by a limit above the pod or by the node do not give.
pub fn runtime_reason(exit_code: i32, oom_event: bool) -> &'static str {
    match (oom_event, exit_code) {
        (true, _) => REASON_OOM_KILLED,
        (false, 0) => REASON_COMPLETED,
        (false, _) => REASON_ERROR,
    }
}

/// Whether an exited init container counts as failed: by its code, or because something in it was OOM-killed.
pub fn init_container_failed(terminated: Terminated<'_>) -> bool {
    terminated.exit_code != 0 || terminated.reason == REASON_OOM_KILLED
}
