//! Indices of what a run has: never used twice, so that a late event about something that is gone finds that out.

/// Index of a running program, in the order in which they began.
pub type ProcIx = u32;
/// Index of a pod, in the order in which they arrived.
pub type PodIx = u32;

/// A container of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerRef {
    /// The pod.
    pub pod: PodIx,
    /// Index among its containers.
    pub index: u32,
}
