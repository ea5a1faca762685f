//! Kills by other programs than the kernel, and what other programs say of the kernel's.

use serde::Serialize;

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Killer {
    /// systemd-oomd killed a cgroup.
    SystemdOomd,
    /// Facebook's oomd killed a cgroup.
    Oomd,
    /// earlyoom killed a process.
    Earlyoom,
    /// nohang killed a process.
    Nohang,
    /// Talos' OOM controller killed a cgroup.
    Talos,
    /// Android's lowmemorykiller, in the kernel or lmkd.
    LowMemoryKiller,
    /// The kubelet evicted a pod.
    KubeletEviction,
    /// The kubelet saw a kill by the kernel (OOMWatcher).
    KubeletOomWatcher,
    /// The container runtime saw a kill by the kernel.
    ContainerRuntime,
    /// Slurm saw a kill by the kernel in a step of a job.
    Slurm,
    /// systemd saw a kill by the kernel in a unit.
    Systemd,
}

impl Killer {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Killer::SystemdOomd => "systemd-oomd",
            Killer::Oomd => "oomd",
            Killer::Earlyoom => "earlyoom",
            Killer::Nohang => "nohang",
            Killer::Talos => "Talos' OOM controller",
            Killer::LowMemoryKiller => "the low memory killer of Android",
            Killer::KubeletEviction => "the kubelet",
            Killer::KubeletOomWatcher => "the kubelet's OOM watcher",
            Killer::ContainerRuntime => "the container runtime",
            Killer::Slurm => "Slurm",
            Killer::Systemd => "systemd",
        }
    }

    /// True for one that kills by itself; the others tell of the kernel's kills.
    pub fn kills(self) -> bool {
        !matches!(self, Killer::KubeletOomWatcher | Killer::ContainerRuntime | Killer::Slurm | Killer::Systemd)
    }

    /// What to do about its kills.
    pub fn advice(self) -> &'static str {
        match self {
            Killer::SystemdOomd => {
                "systemd-oomd acts on memory pressure or swap use of a cgroup, before the kernel has run out: oomctl shows what it watches; ManagedOOMMemoryPressure=, ManagedOOMMemoryPressureLimit= and ManagedOOMPreference= of the unit set it."
            }
            Killer::Oomd => "oomd acts by the rules in its configuration, on memory pressure and swap of cgroups.",
            Killer::Earlyoom => {
                "earlyoom acts when available memory and free swap fall below its -m and -s: --avoid and --prefer say whom it takes."
            }
            Killer::Nohang => "nohang acts by the thresholds in its configuration: see there for whom it takes.",
            Killer::Talos => {
                "Talos acts on memory pressure of the node: an OOMConfig document sets triggerExpression and cgroupRankingExpression; requests decide which pods it takes last."
            }
            Killer::LowMemoryKiller => "It frees memory of apps in the background; its thresholds go by oom_score_adj.",
            Killer::KubeletEviction => {
                "The kubelet evicts pods when memory.available of the node falls below evictionHard or evictionSoft: those first that use more than they requested. Set requests near to real use."
            }
            Killer::KubeletOomWatcher | Killer::ContainerRuntime | Killer::Slurm | Killer::Systemd => {
                "The kernel killed; its own report is not in this log: journalctl -k, or dmesg, on that machine has it."
            }
        }
    }
}

/// What another program says of a kill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OtherKill {
    /// Line of the log.
    pub line: u64,
    /// Who says it.
    pub by: Killer,
    /// The process, cgroup, unit or pod.
    pub victim: Option<String>,
    /// Process id, where one is named.
    pub pid: Option<u32>,
    /// Its own words, shortened.
    pub text: String,
}
