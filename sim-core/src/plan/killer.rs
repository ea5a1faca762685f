//! Killers in user space: daemons that kill before the kernel has to.

use crate::node_api::Name;
use crate::units::SimDuration;

/// A daemon that watches the node's memory and kills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserspaceKiller {
    /// earlyoom.
    Earlyoom(Earlyoom),
    /// systemd-oomd.
    SystemdOomd(SystemdOomd),
    /// Talos Linux's OOM controller, with the expressions of 1.12.
    Talos(TalosOom),
}

impl UserspaceKiller {
    /// Its name in records.
    pub const fn name(&self) -> &'static str {
        match self {
            UserspaceKiller::Earlyoom(_) => "earlyoom",
            UserspaceKiller::SystemdOomd(_) => "systemd-oomd",
            UserspaceKiller::Talos(_) => "talos",
        }
    }
}

/// earlyoom 1.8 (earlyoom(1)): when both memory and swap are low it signals the process with the highest `oom_score`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlyoom {
    /// `-m`: available memory in percent of MemAvailable + AnonPages at which it sends SIGTERM, and SIGKILL.
    pub memory: (u32, u32),
    /// `-s`: the same for free swap in percent of SwapTotal.
    pub swap: (u32, u32),
    /// `--prefer`: a name of which this is a part gets 300 points more.
    pub prefer: Option<Name>,
    /// `--avoid`: … 300 points less.
    pub avoid: Option<Name>,
}

impl Default for Earlyoom {
    fn default() -> Self {
        Earlyoom { memory: (10, 5), swap: (10, 5), prefer: None, avoid: None }
    }
}

/// systemd-oomd (oomd.conf(5), systemd-oomd.service(8)): kills whole cgroups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemdOomd {
    /// `SwapUsedLimit=`, percent, of memory and of swap.
    pub swap_used_limit: u32,
    /// Cgroups below which it kills then (`ManagedOOMSwap=kill`).
    pub swap: Vec<Name>,
    /// Cgroups whose pressure it watches (`ManagedOOMMemoryPressure=kill`).
    pub pressure: Vec<Name>,
    /// `DefaultMemoryPressureLimit=`, percent of `full avg10`.
    pub pressure_limit: u32,
    /// `DefaultMemoryPressureDurationSec=`.
    pub pressure_duration: SimDuration,
}

impl Default for SystemdOomd {
    fn default() -> Self {
        SystemdOomd {
            swap_used_limit: 90,
            swap: vec!["/".into()],
            pressure: Vec::new(),
            pressure_limit: 60,
            pressure_duration: SimDuration::from_secs(30),
        }
    }
}

/// The Talos controller (OOMConfig of 1.12): the cgroup with the highest rank goes when the node's pressure is high and
/// rises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TalosOom {
    /// `memory_full_avg10` above which it acts, percent.
    pub full_avg10: u32,
    /// Least time between two actions.
    pub pause: SimDuration,
}

impl Default for TalosOom {
    fn default() -> Self {
        TalosOom { full_avg10: 12, pause: SimDuration::from_millis(500) }
    }
}
