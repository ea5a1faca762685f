//! What providers and installers put into a kubelet's configuration, as rows: a formula for the reservation, the
//! thresholds, and where both come from.
//!
//! A machine has two sizes: the **nominal** one that its catalogue states (`7Gi`), and MemTotal, which is less by
//! firmware and kernel text. Most providers compute the reservation from the nominal size, and allocatable is then
//! taken off MemTotal; a preset therefore needs both.

use super::config::{CgroupDriver, ENFORCE_PODS, ENFORCE_SYSTEM_COMPRESSIBLE, KubeletConfig, TextMap};
use super::resources::MEMORY;
use crate::units::Bytes;
use std::fmt;

/// The size of a machine, as far as presets depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeSize {
    /// What the catalogue says (`7Gi` of a DS2_v2).
    pub nominal: Option<Bytes>,
    /// MemTotal, the capacity that the node reports.
    pub mem_total: Bytes,
    /// `maxPods`, if it is given.
    pub max_pods: Option<i64>,
}

/// How a reservation follows from the size of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// Nothing.
    None,
    /// A fixed number of MiB.
    Fixed(u64),
    /// [`tiers`] of the nominal size, in whole MiB, rounded down; below 1 GiB 255 MiB if `small`.
    Tiers {
        /// Machines below 1 GiB have their own rule.
        small: bool,
    },
    /// This many MiB for each of `maxPods`, plus a fixed number.
    PerPod {
        /// MiB for each pod.
        each: u64,
        /// Fixed number of MiB.
        base: u64,
        /// Never more than this share of the nominal size, in percent.
        at_most_percent: Option<u64>,
    },
    /// A fixed number of MiB and a share of the nominal size.
    BaseAndPercent {
        /// MiB.
        base: u64,
        /// Percent.
        percent: u64,
    },
    /// OpenShift's script: whole GiB of MemTotal in, whole GiB out.
    OpenShift,
}

/// Which of the two maps a reservation goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReservedFor {
    /// `kubeReserved`.
    Kube,
    /// `systemReserved`.
    System,
}

/// A provider's or installer's configuration of the kubelet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Name in scenarios and on the command line.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Where formula and thresholds come from.
    pub source: &'static str,
    /// The Kubernetes release that goes with it, if it is one.
    pub kubernetes: Option<&'static str>,
    /// The formula.
    pub reservation: Reservation,
    /// Where its result goes.
    pub reserved_for: ReservedFor,
    /// The reservation cannot be computed without the nominal size: MemTotal would give another one.
    pub needs_nominal: bool,
    /// `maxPods` when it is not given.
    pub max_pods: Option<i64>,
    /// `evictionHard`; `None`: no map, the kubelet's own defaults.
    pub eviction_hard: Option<&'static [(&'static str, &'static str)]>,
    /// `evictionMinimumReclaim`.
    pub minimum_reclaim: &'static [(&'static str, &'static str)],
    /// `enforceNodeAllocatable`; `None`: not given, so `pods`.
    pub enforce: Option<&'static [&'static str]>,
    /// `systemReservedCgroup`.
    pub system_reserved_cgroup: &'static str,
    /// `cgroupDriver`.
    pub cgroup_driver: CgroupDriver,
    /// `failSwapOn`, if given.
    pub fail_swap_on: Option<bool>,
}

/// A row with nothing in it: what kubeadm and kind write.
const PLAIN: Preset = Preset {
    name: "kubeadm",
    about: "kubeadm and kind: nothing reserved, the kubelet's own thresholds",
    source: "kubernetes pkg/kubelet/eviction/defaults_linux.go (1.32.10); kubeadm sets the systemd cgroup driver since 1.22",
    kubernetes: None,
    reservation: Reservation::None,
    reserved_for: ReservedFor::Kube,
    needs_nominal: false,
    max_pods: None,
    eviction_hard: None,
    minimum_reclaim: &[],
    enforce: None,
    system_reserved_cgroup: "",
    cgroup_driver: CgroupDriver::Systemd,
    fail_swap_on: None,
};

/// `evictionHard` with this amount of memory and the disk thresholds that AKS and EKS write.
macro_rules! eviction_hard {
    ($memory:literal) => {
        Some(&[("memory.available", $memory), ("nodefs.available", "10%"), ("nodefs.inodesFree", "5%")])
    };
}

/// All presets.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "aks-1.28",
        about: "Azure AKS up to 1.28: reservation in tiers of the nominal size, eviction at 750Mi",
        source: "learn.microsoft.com/azure/aks/node-resource-reservations; command line quoted by Mihai Albert, \
                 Out-of-memory (OOM) in Kubernetes, part 4: memory=1638Mi of 7 GiB, --enforce-node-allocatable=pods",
        kubernetes: Some("1.28"),
        reservation: Reservation::Tiers { small: false },
        needs_nominal: true,
        eviction_hard: eviction_hard!("750Mi"),
        enforce: Some(&[ENFORCE_PODS]),
        cgroup_driver: CgroupDriver::Cgroupfs,
        ..PLAIN
    },
    Preset {
        name: "aks-1.29",
        about: "Azure AKS from 1.29 on: 20 MiB a pod and 50 MiB, at most 25 % of the nominal size, eviction at 100Mi",
        source: "learn.microsoft.com/azure/aks/node-resource-reservations (which says MB); kubelet flags of a real node \
                 in Azure/AgentBaker: memory=2250Mi with --max-pods=110, so MiB. In early previews it did not take \
                 effect: AKS#4172",
        // The row of 1.28 holds for 1.29 as well.
        kubernetes: Some("1.29"),
        reservation: Reservation::PerPod { each: 20, base: 50, at_most_percent: Some(25) },
        needs_nominal: true,
        max_pods: Some(110),
        eviction_hard: eviction_hard!("100Mi"),
        enforce: Some(&[ENFORCE_PODS]),
        cgroup_driver: CgroupDriver::Cgroupfs,
        ..PLAIN
    },
    Preset {
        name: "gke",
        about: "Google GKE: reservation in tiers, eviction at 100Mi",
        source: "cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes; learnk8s.io/allocatable-resources",
        reservation: Reservation::Tiers { small: true },
        eviction_hard: eviction_hard!("100Mi"),
        cgroup_driver: CgroupDriver::Cgroupfs,
        ..PLAIN
    },
    Preset {
        name: "gke-on-vmware",
        about: "Google Distributed Cloud on VMware from 1.15 on: 330 MiB and 5 % of the machine",
        source: "cloud.google.com/anthos/clusters/docs/on-prem/1.15/how-to/resources-available-pods (its own example \
                 still adds 680 MiB)",
        reservation: Reservation::BaseAndPercent { base: 330, percent: 5 },
        eviction_hard: eviction_hard!("100Mi"),
        ..PLAIN
    },
    Preset {
        name: "eks",
        about: "Amazon EKS (AL2, AL2023): 11 MiB a pod and 255 MiB; maxPods follows from the instance type",
        source: "awslabs/amazon-eks-ami nodeadm/internal/kubelet/config.go (81fec2e8)",
        reservation: Reservation::PerPod { each: 11, base: 255, at_most_percent: None },
        eviction_hard: eviction_hard!("100Mi"),
        ..PLAIN
    },
    Preset {
        name: "eks-2020",
        about: "EKS AMI v20191119 and eksctl of 2020: reservation in tiers",
        source: "awslabs/amazon-eks-ami#387, eksctl#2395",
        reservation: Reservation::Tiers { small: false },
        eviction_hard: eviction_hard!("100Mi"),
        cgroup_driver: CgroupDriver::Cgroupfs,
        ..PLAIN
    },
    Preset {
        name: "bottlerocket",
        about: "Bottlerocket on EKS: as eks, with 110 pods where the instance type is not known",
        source: "bottlerocket#4472; aws/karpenter-provider-aws PR#1960",
        reservation: Reservation::PerPod { each: 11, base: 255, at_most_percent: None },
        max_pods: Some(110),
        eviction_hard: eviction_hard!("100Mi"),
        ..PLAIN
    },
    Preset {
        name: "openshift",
        about: "OpenShift workers with NODE_SIZING_ENABLED=true: system-reserved in whole GiB, default thresholds",
        source: "openshift/machine-config-operator templates/common/_base/files/kubelet-auto-sizing.yaml (7ff337a4f)",
        reservation: Reservation::OpenShift,
        reserved_for: ReservedFor::System,
        enforce: Some(&[ENFORCE_PODS, ENFORCE_SYSTEM_COMPRESSIBLE]),
        system_reserved_cgroup: "/system.slice",
        max_pods: Some(250),
        kubernetes: Some("1.32"),
        ..PLAIN
    },
    Preset {
        name: "k3s",
        about: "k3s: nothing reserved, a map of thresholds without memory.available (no memory eviction)",
        source: "k3s-io/k3s pkg/daemons/agent; seen in spatiumddi#1124",
        eviction_hard: Some(&[("imagefs.available", "5%"), ("nodefs.available", "5%")]),
        minimum_reclaim: &[("imagefs.available", "10%"), ("nodefs.available", "10%")],
        fail_swap_on: Some(false),
        ..PLAIN
    },
    PLAIN,
    Preset {
        name: "kubespray",
        about: "kubespray workers: 256 MiB for the kubelet, default thresholds",
        source: "kubernetes-sigs/kubespray roles/kubernetes/node/defaults/main.yml (007d3718): kube_memory_reserved \
                 256Mi, no eviction_hard; with an empty kubelet_enforce_node_allocatable the template leaves the field out",
        reservation: Reservation::Fixed(256),
        ..PLAIN
    },
    Preset {
        name: "kubespray-control-plane",
        about: "kubespray's control plane: 512 MiB for the kubelet, default thresholds",
        source: "kubernetes-sigs/kubespray roles/kubernetes/node/defaults/main.yml (007d3718): \
                 kube_master_memory_reserved 512Mi",
        reservation: Reservation::Fixed(512),
        ..PLAIN
    },
];

/// Why a preset cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresetError {
    /// The nominal size is needed.
    NominalMissing(&'static str),
    /// `maxPods` is needed.
    MaxPodsMissing(&'static str),
}

impl fmt::Display for PresetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NominalMissing(preset) => {
                write!(f, "{preset} reserves by the nominal size of the machine, which is more than MemTotal")
            }
            Self::MaxPodsMissing(preset) => {
                write!(f, "{preset} reserves by maxPods (17 on a t3.medium, 29 on an m5.large, 58 on an m5.xlarge)")
            }
        }
    }
}

impl std::error::Error for PresetError {}

/// 25 % of the first 4 GiB, 20 % of the next 4, 10 % of the next 8, 6 % of the next 112 and 2 % of the rest: the rule
/// that GKE began with and AKS and others took over.
pub fn tiers(memory: Bytes) -> Bytes {
    const GIB: u64 = 1 << 30;
    let mut rest = memory.get();
    let mut hundredths: u128 = 0;
    for (size, percent) in [(4 * GIB, 25), (4 * GIB, 20), (8 * GIB, 10), (112 * GIB, 6), (u64::MAX, 2)] {
        let part = rest.min(size);
        hundredths += u128::from(part) * percent;
        rest -= part;
    }
    Bytes::new((hundredths / 100) as u64)
}

/// OpenShift's `system-reserved` in GiB: 1 up to 8 GiB, then 6 % of the next 120 and 2 % above, rounded to whole GiB.
/// Above 128 GiB the script adds the 6 % of 112 GiB only, and 2 % of what lies beyond these.
fn openshift_gib(mem_total: Bytes) -> u64 {
    let total = mem_total.get() >> 30; // `free -g` rounds down.
    let above = total.saturating_sub(8);
    let hundredths = 100 + if above > 120 { 672 + (above - 112) * 2 } else { above * 6 };
    (hundredths + 50) / 100
}

impl Preset {
    /// The preset of this name.
    pub fn named(name: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// What it reserves on a machine.
    ///
    /// # Errors
    /// When a size that the formula depends on is not given.
    pub fn reserved(&self, size: &NodeSize) -> Result<Option<Bytes>, PresetError> {
        let nominal = match size.nominal {
            Some(nominal) => nominal,
            None if self.needs_nominal => return Err(PresetError::NominalMissing(self.name)),
            None => size.mem_total,
        };
        let mib = |bytes: Bytes| bytes.get() >> 20;
        let percent = |percent: u64| Bytes::new((u128::from(nominal.get()) * u128::from(percent) / 100) as u64);
        let reserved = match self.reservation {
            Reservation::None => return Ok(None),
            Reservation::Fixed(fixed) => fixed,
            Reservation::Tiers { small: true } if nominal < Bytes::gib(1) => 255,
            Reservation::Tiers { .. } => mib(tiers(nominal)),
            Reservation::PerPod { each, base, at_most_percent } => {
                let pods = size.max_pods.or(self.max_pods).ok_or(PresetError::MaxPodsMissing(self.name))?;
                let wanted = u64::try_from(pods).unwrap_or(0).saturating_mul(each).saturating_add(base);
                at_most_percent.map_or(wanted, |share| wanted.min(mib(percent(share))))
            }
            Reservation::BaseAndPercent { base, percent: share } => base + mib(percent(share)),
            Reservation::OpenShift => openshift_gib(size.mem_total) << 10,
        };
        Ok(Some(Bytes::mib(reserved.min(u64::MAX >> 20))))
    }

    /// The configuration that it gives the kubelet of a machine.
    ///
    /// # Errors
    /// When a size that the formula depends on is not given.
    pub fn config(&self, size: &NodeSize) -> Result<KubeletConfig, PresetError> {
        let texts = |pairs: &[(&str, &str)]| -> TextMap {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let mut config = KubeletConfig {
            eviction_hard: self.eviction_hard.map(texts),
            eviction_minimum_reclaim: texts(self.minimum_reclaim),
            enforce_node_allocatable: self.enforce.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect()),
            system_reserved_cgroup: self.system_reserved_cgroup.to_owned(),
            cgroup_driver: self.cgroup_driver,
            fail_swap_on: self.fail_swap_on,
            max_pods: size.max_pods.or(self.max_pods),
            ..KubeletConfig::default()
        };
        if let Some(reserved) = self.reserved(size)? {
            let map = match self.reserved_for {
                ReservedFor::Kube => &mut config.kube_reserved,
                ReservedFor::System => &mut config.system_reserved,
            };
            let mib = reserved.get() >> 20;
            let text = match mib % 1024 {
                0 if self.reserved_for == ReservedFor::System => format!("{}Gi", mib >> 10),
                _ => format!("{mib}Mi"),
            };
            map.insert(MEMORY.to_owned(), text);
        }
        Ok(config)
    }
}
