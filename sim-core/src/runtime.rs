//! The container runtime's clock: how long it takes to create, to notice and to clean up.

use crate::units::SimDuration;

/// Delays of the container runtime and of the kernel's exit path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeTiming {
    /// From the pod's admission to its sandbox with the pause process.
    pub sandbox_create: SimDuration,
    /// From the sandbox (or the decision to restart) to the container's first process.
    pub container_create: SimDuration,
    /// From the end of a container's last process to the kill call's return and the removal of its cgroup.
    pub container_remove: SimDuration,
    /// From the end of the last container to the removal of volumes and pod cgroup.
    pub pod_teardown: SimDuration,
    /// Making a sandbox or a container keeps a processor busy, and those that are made at once share the processors.
    pub shares_processors: bool,
}

impl Default for RuntimeTiming {
    /// `container_remove` and `pod_teardown` are those of the recorded stories (SIGKILL to `kill_returned` 0.02 s,
    /// teardown 0.4 s); creating takes about as long as containerd takes with a cached image.
    fn default() -> Self {
        RuntimeTiming {
            sandbox_create: SimDuration::from_millis(500),
            container_create: SimDuration::from_millis(500),
            container_remove: SimDuration::from_millis(20),
            pod_teardown: SimDuration::from_millis(400),
            shares_processors: false,
        }
    }
}

/// How long a dying process takes until its memory is free: `base`, and an amount of time per GiB resident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitTiming {
    /// Even a tiny process takes this long.
    pub base: SimDuration,
    /// Per GiB of resident memory.
    pub per_gib: SimDuration,
}

impl Default for ExitTiming {
    /// The recorded stories: kill line to reaped, median 24 ms over victims of a few hundred MiB.
    fn default() -> Self {
        ExitTiming { base: SimDuration::from_millis(10), per_gib: SimDuration::from_millis(40) }
    }
}
