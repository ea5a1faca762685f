//! What keeps the kubelet from starting at all, as far as memory is concerned.

use super::allocatable::{NodeAllocatable, NotConfigured, ReservationError, ReservationExceedsCapacity};
use super::cgroups::CgroupLayout;
use super::config::{ConfigProblem, KubeletConfig, TextMap};
use super::eviction::{ThresholdError, parse_hard_thresholds, parse_thresholds};
use super::parse_reservation;
use super::pod::ResourceList;
use super::profile::KubernetesProfile;
use std::fmt;

/// The machine that a kubelet is about to start on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// MemTotal in bytes.
    pub mem_total: u64,
    /// Bytes in reserved hugepages.
    pub hugepages: u64,
    /// SwapTotal in bytes.
    pub swap_total: u64,
    /// Unified cgroup hierarchy.
    pub cgroup_v2: bool,
    /// `vm.overcommit_memory`.
    pub overcommit_memory: u8,
    /// `vm.panic_on_oom`.
    pub panic_on_oom: u8,
}

/// One reason why the kubelet does not start.
#[derive(Clone, Debug, PartialEq)]
pub enum StartProblem {
    /// A field is wrong (apis/config/validation).
    Config(ConfigProblem),
    /// `kubeReserved` or `systemReserved` cannot be read.
    Reservation(&'static str, ReservationError),
    /// A threshold, grace period or minimum reclaim cannot be read.
    Threshold(ThresholdError),
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
            Self::Threshold(error) => error.fmt(f),
            Self::Exceeded(exceeded) => exceeded.fmt(f),
            Self::NotConfigured(missing) => missing.fmt(f),
            Self::SwapOn => write!(f, "swap is on and failSwapOn is not false"),
            Self::Sysctl { name, value, wanted } => {
                write!(f, "protectKernelDefaults: {name} is {value}, the kubelet wants {wanted}")
            }
        }
    }
}

fn reservation(field: &'static str, map: &TextMap, problems: &mut Vec<StartProblem>) -> ResourceList {
    parse_reservation(map).unwrap_or_else(|errors| {
        problems.extend(errors.into_iter().map(|error| StartProblem::Reservation(field, error)));
        ResourceList::new()
    })
}

/// Everything that keeps the kubelet from starting; the real one stops at the first.
pub fn start_problems(config: &KubeletConfig, machine: &Machine, profile: &KubernetesProfile) -> Vec<StartProblem> {
    let mut problems: Vec<StartProblem> =
        config.validate(machine.cgroup_v2, profile).into_iter().map(StartProblem::Config).collect();
    let kube = reservation("kubeReserved", &config.kube_reserved, &mut problems);
    let system = reservation("systemReserved", &config.system_reserved, &mut problems);
    if let Err(errors) = parse_thresholds(config) {
        problems.extend(errors.into_iter().map(StartProblem::Threshold));
    }
    let node = NodeAllocatable {
        hugepages: machine.hugepages,
        hard_thresholds: parse_hard_thresholds(config).unwrap_or_default(),
        ..NodeAllocatable::of_memory(machine.mem_total, kube, system)
    };
    problems.extend(node.exceeded().into_iter().map(StartProblem::Exceeded));
    let enforcement = node.enforcement(config, &CgroupLayout::new(config), machine.cgroup_v2, profile);
    problems.extend(enforcement.failed.map(StartProblem::NotConfigured));
    if machine.swap_total > 0 && config.fail_swap_on != Some(false) {
        problems.push(StartProblem::SwapOn);
    }
    if config.protect_kernel_defaults {
        let sysctls =
            [("vm.overcommit_memory", machine.overcommit_memory, 1), ("vm.panic_on_oom", machine.panic_on_oom, 0)];
        let wrong = sysctls.into_iter().filter(|(_, value, wanted)| value != wanted);
        problems.extend(wrong.map(|(name, value, wanted)| StartProblem::Sysctl { name, value, wanted }));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Machine = Machine {
        mem_total: 8 << 30,
        hugepages: 0,
        swap_total: 0,
        cgroup_v2: true,
        overcommit_memory: 0,
        panic_on_oom: 0,
    };

    fn problems(config: &KubeletConfig, machine: &Machine) -> Vec<String> {
        let found = start_problems(config, machine, &KubernetesProfile::V1_32);
        found.iter().map(ToString::to_string).collect()
    }

    fn memory(amount: &str) -> TextMap {
        [("memory".to_owned(), amount.to_owned())].into()
    }

    #[test]
    fn a_default_kubelet_starts() {
        assert!(problems(&KubeletConfig::default(), &MACHINE).is_empty());
    }

    /// cm/node_container_manager_linux.go validateNodeAllocatable (reserved > capacity, eviction counted in), container_manager_linux.go (swap), field report moby#31834 (overcommit mode 2).
    #[test]
    fn what_the_kubelet_refuses() {
        let full =
            KubeletConfig { kube_reserved: memory("7Gi"), system_reserved: memory("1000Mi"), ..Default::default() };
        assert!(problems(&full, &MACHINE)[0].contains("8268Mi reserved, eviction threshold included"));
        let exactly = KubeletConfig { system_reserved: memory("924Mi"), ..full };
        assert!(problems(&exactly, &MACHINE).is_empty());
        let swap = Machine { swap_total: 1 << 30, ..MACHINE };
        assert_eq!(problems(&KubeletConfig::default(), &swap).len(), 1);
        let allowed = KubeletConfig { fail_swap_on: Some(false), ..Default::default() };
        assert!(problems(&allowed, &swap).is_empty());
        let protect = KubeletConfig { protect_kernel_defaults: true, ..Default::default() };
        assert!(problems(&protect, &Machine { overcommit_memory: 1, ..MACHINE }).is_empty());
        assert!(
            problems(&protect, &Machine { overcommit_memory: 2, ..MACHINE })[0].contains("is 2, the kubelet wants 1")
        );
    }

    #[test]
    fn every_reason_is_given_at_once() {
        let config = KubeletConfig {
            kube_reserved: memory("-1"),
            eviction_soft: [("memory.available".to_owned(), "1Gi".to_owned())].into(),
            enforce_node_allocatable: Some(vec!["system-reserved".into()]),
            ..Default::default()
        };
        let found = problems(&config, &Machine { swap_total: 1, ..MACHINE });
        for part in ["kubeReserved", "grace period", "systemReservedCgroup", "swap is on"] {
            assert!(found.iter().any(|text| text.contains(part)), "{part}: {found:?}");
        }
    }
}
