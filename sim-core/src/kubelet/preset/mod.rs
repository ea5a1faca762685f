//! What providers and installers put into a kubelet's configuration, as rows: formulas for the reservations, the
//! thresholds, and where both come from.
//!
//! A machine has two sizes: the **nominal** one that its catalogue states (`7Gi`), and MemTotal, which is less by
//! firmware and kernel text. Most providers compute the reservation from the nominal size, and allocatable is then
//! taken off MemTotal; a preset therefore needs both.

mod reservation;
mod rows;

pub use reservation::{Reservation, gke_tiers, tiers};
pub use rows::PRESETS;

use super::config::{CgroupDriver, KubeletConfig, TextMap};
use super::profile::KubernetesProfile;
use super::resources::MEMORY;
use crate::units::{Bytes, SimDuration};
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

/// Which size a preset goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeBy {
    /// MemTotal, or none at all.
    MemTotal,
    /// The nominal size; MemTotal stands in for it with a warning.
    Nominal,
    /// The nominal size, without which it is refused: MemTotal gives quite another result.
    NominalOnly,
}

/// `maxPods` of a kubelet to which it is not given (apis/config/v1beta1/defaults.go).
const DEFAULT_MAX_PODS: i64 = 110;

/// Entries of a map, in the order of its keys.
pub type Entries = &'static [(&'static str, &'static str)];

/// Thresholds of `memory.available` that follow from the size of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThresholdBySize {
    /// Machines of less than this many MiB of nominal size.
    pub below: u64,
    /// Hard threshold.
    pub hard: &'static str,
    /// Soft threshold.
    pub soft: &'static str,
}

/// A provider's or installer's configuration of the kubelet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Name in scenarios and on the command line.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Where formulas and thresholds come from.
    pub source: &'static str,
    /// The Kubernetes release that goes with it, if it is one.
    pub kubernetes: Option<&'static str>,
    /// `kubeReserved`.
    pub kube_reserved: Reservation,
    /// `systemReserved`.
    pub system_reserved: Reservation,
    /// Which size these go by.
    pub size: SizeBy,
    /// From this minor release of Kubernetes on `kubeReserved` is at most this many MiB for each of `maxPods` and a
    /// base that is not published: the model leaves the bound out.
    pub bounded_by_pods: Option<(u32, u64)>,
    /// `maxPods` when it is not given.
    pub max_pods: Option<i64>,
    /// `evictionHard`; `None`: no map, the kubelet's own defaults.
    pub eviction_hard: Option<Entries>,
    /// `evictionSoft`, without those by size.
    pub eviction_soft: Entries,
    /// `evictionSoftGracePeriod`.
    pub soft_grace_period: Entries,
    /// Hard and soft thresholds by size, the smallest first.
    pub by_size: &'static [ThresholdBySize],
    /// `evictionMaxPodGracePeriod`.
    pub max_pod_grace_period: i64,
    /// `evictionPressureTransitionPeriod`, if given.
    pub pressure_transition_period: Option<SimDuration>,
    /// `evictionMinimumReclaim`.
    pub minimum_reclaim: Entries,
    /// `enforceNodeAllocatable`; `None`: not given, so `pods`.
    pub enforce: Option<&'static [&'static str]>,
    /// `kubeReservedCgroup`.
    pub kube_reserved_cgroup: &'static str,
    /// `systemReservedCgroup`.
    pub system_reserved_cgroup: &'static str,
    /// `cgroupDriver`.
    pub cgroup_driver: CgroupDriver,
    /// `cgroupRoot`.
    pub cgroup_root: &'static str,
    /// `failSwapOn`, if given.
    pub fail_swap_on: Option<bool>,
}

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

fn texts(pairs: Entries) -> TextMap {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

impl Preset {
    /// The preset of this name.
    pub fn named(name: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The size that its formulas go by.
    fn sized(&self, size: &NodeSize) -> Result<Bytes, PresetError> {
        match (self.size, size.nominal) {
            (SizeBy::Nominal | SizeBy::NominalOnly, Some(nominal)) => Ok(nominal),
            (SizeBy::NominalOnly, None) => Err(PresetError::NominalMissing(self.name)),
            _ => Ok(size.mem_total),
        }
    }

    /// What it reserves on a machine: `kubeReserved` and `systemReserved`.
    ///
    /// # Errors
    /// When a size that the formulas depend on is not given.
    pub fn reserved(&self, size: &NodeSize) -> Result<[Option<Bytes>; 2], PresetError> {
        let by = self.sized(size)?;
        let max_pods = size.max_pods.or(self.max_pods);
        let amount = |reservation: Reservation| {
            if reservation.needs_max_pods() && max_pods.is_none() {
                return Err(PresetError::MaxPodsMissing(self.name));
            }
            Ok(reservation.amount(by, u64::try_from(max_pods.unwrap_or(0)).unwrap_or(0)))
        };
        Ok([amount(self.kube_reserved)?, amount(self.system_reserved)?])
    }

    /// The most that it may reserve with this release, without the base that is not published, where it reserves more.
    pub fn bound_left_out(&self, size: &NodeSize, profile: &KubernetesProfile) -> Option<Bytes> {
        let (_, each) = self.bounded_by_pods.filter(|(since, _)| profile.minor >= *since)?;
        let max_pods = size.max_pods.or(self.max_pods).unwrap_or(DEFAULT_MAX_PODS);
        let bound = Bytes::mib(each.saturating_mul(u64::try_from(max_pods).unwrap_or(0)));
        self.reserved(size).ok()?[0].is_some_and(|reserved| reserved > bound).then_some(bound)
    }

    /// The configuration that it gives the kubelet of a machine.
    ///
    /// # Errors
    /// When a size that the formulas depend on is not given.
    pub fn config(&self, size: &NodeSize) -> Result<KubeletConfig, PresetError> {
        let mut config = KubeletConfig {
            eviction_hard: self.eviction_hard.map(texts),
            eviction_soft: texts(self.eviction_soft),
            eviction_soft_grace_period: texts(self.soft_grace_period),
            eviction_max_pod_grace_period: self.max_pod_grace_period,
            eviction_pressure_transition_period: self.pressure_transition_period,
            eviction_minimum_reclaim: texts(self.minimum_reclaim),
            enforce_node_allocatable: self.enforce.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect()),
            kube_reserved_cgroup: self.kube_reserved_cgroup.to_owned(),
            system_reserved_cgroup: self.system_reserved_cgroup.to_owned(),
            cgroup_driver: self.cgroup_driver,
            cgroup_root: self.cgroup_root.to_owned(),
            fail_swap_on: self.fail_swap_on,
            max_pods: size.max_pods.or(self.max_pods),
            ..KubeletConfig::default()
        };
        let mib = self.sized(size)?.get() >> 20;
        if let Some(row) = self.by_size.iter().find(|row| mib < row.below) {
            let hard = config.eviction_hard.get_or_insert_default();
            hard.insert("memory.available".to_owned(), row.hard.to_owned());
            config.eviction_soft.insert("memory.available".to_owned(), row.soft.to_owned());
        }
        let [kube, system] = self.reserved(size)?;
        for (map, reserved) in [(&mut config.kube_reserved, kube), (&mut config.system_reserved, system)] {
            map.extend(reserved.map(|reserved| (MEMORY.to_owned(), format!("{}Mi", reserved.get() >> 20))));
        }
        Ok(config)
    }
}
