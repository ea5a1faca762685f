//! What becomes of a container's end in its status (kuberuntime_container.go, container_helper).

use crate::node_api::TerminatedReason;

/// The terminated state of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminated<'a> {
    /// `reason`: the runtime's word, whatever it is.
    pub reason: &'a str,
    /// `exitCode`.
    pub exit_code: i32,
}

/// The state for a container that the runtime reports as exited: copied, never derived. The kubelet itself never says
/// OOMKilled.
pub fn from_runtime(reason: &str, exit_code: i32) -> Terminated<'_> {
    Terminated { reason, exit_code }
}

/// The state of a container that should exist and does not.
pub const LOST: Terminated<'static> =
    Terminated { reason: TerminatedReason::ContainerStatusUnknown.as_str(), exit_code: 137 };

/// Whether an exited init container counts as failed: by its code, or because something in it was OOM-killed.
pub fn init_container_failed(terminated: Terminated<'_>) -> bool {
    terminated.exit_code != 0 || terminated.reason == TerminatedReason::OomKilled.as_str()
}
