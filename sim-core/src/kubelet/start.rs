//! What a kubelet finds when it starts, and what keeps it from starting, as far as memory is concerned.

use super::allocatable::{NotConfigured, ReservationError, ReservationExceedsCapacity};
use super::config::ConfigProblem;
use super::effective::EffectiveKubelet;
use super::eviction::ThresholdProblem;
use super::pod::ResourceList;
use super::resources::MEMORY;
use crate::units::{Bytes, Quantity};
use std::fmt;

/// The machine that a kubelet is about to start on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    /// What it has: `memory` is MemTotal.
    pub capacity: ResourceList,
    /// Memory in reserved huge pages.
    pub hugepages: Bytes,
    /// SwapTotal.
    pub swap_total: Bytes,
    /// Unified cgroup hierarchy.
    pub cgroup_v2: bool,
    /// `vm.overcommit_memory`.
    pub overcommit_memory: u8,
    /// `vm.panic_on_oom`.
    pub panic_on_oom: u8,
}

impl Machine {
    /// The capacity of a machine of which only memory counts.
    pub fn capacity_of(mem_total: Bytes) -> ResourceList {
        let memory = Quantity::bytes(i64::try_from(mem_total.get()).unwrap_or(i64::MAX));
        [(MEMORY.to_owned(), memory)].into()
    }
}

/// One reason why the kubelet does not start.
#[derive(Clone, Debug, PartialEq)]
pub enum StartProblem {
    /// A field is wrong (apis/config/validation).
    Config(ConfigProblem),
    /// `kubeReserved` or `systemReserved` cannot be read.
    Reservation(&'static str, ReservationError),
    /// A threshold, grace period or minimum reclaim cannot be read.
    Threshold(ThresholdProblem),
    /// `qosReserved`: only memory can be reserved, in percent from 0 to 100. Key and value.
    QosReserved(String, String),
    /// More is reserved than there is, the hard threshold counted in.
    Exceeded(ReservationExceedsCapacity),
    /// Enforced, but nothing is reserved.
    NotConfigured(NotConfigured),
    /// Swap is on and `failSwapOn` is not false (cm/container_manager_linux.go NewContainerManager).
    SwapOn,
    /// `protectKernelDefaults` and a sysctl is not as the kubelet wants it
    /// (cm/container_manager_linux.go setupKernelTunables).
    Sysctl {
        /// Name.
        name: &'static str,
        /// Its value.
        value: u8,
        /// What the kubelet wants.
        wanted: u8,
    },
}

impl fmt::Display for StartProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(problem) => problem.fmt(f),
            Self::Reservation(field, error) => write!(f, "{field}: {error}"),
            Self::Threshold(problem) => problem.fmt(f),
            Self::QosReserved(name, text) => {
                write!(f, "qosReserved: {name} = {text:?}: only memory can be reserved, from 0% to 100%")
            }
            Self::Exceeded(exceeded) => exceeded.fmt(f),
            Self::NotConfigured(missing) => missing.fmt(f),
            Self::SwapOn => write!(f, "swap is on and failSwapOn is not false"),
            Self::Sysctl { name, value, wanted } => {
                write!(f, "protectKernelDefaults: {name} is {value}, the kubelet wants {wanted}")
            }
        }
    }
}

/// A kubelet that does not start.
#[derive(Clone, Debug, PartialEq)]
pub struct NotStarted {
    /// Every reason; the real kubelet stops at the first.
    pub problems: Vec<StartProblem>,
    /// What its configuration comes to as far as it can be read: what cannot is one of the problems, and left out here.
    pub readable: EffectiveKubelet,
}

impl fmt::Display for NotStarted {
    /// All reasons in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if n > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for NotStarted {}
