//! The machine and its kubelet.

use super::killer::UserspaceKiller;
use crate::kernel::{CgroupVersion, KernelConfig};
use crate::kubelet::start::{Machine, NotStarted, StartProblem};
use crate::kubelet::{EffectiveKubelet, KubeletConfig, KubernetesProfile, Timing};
use crate::node_api::Name;
use crate::runtime::{ExitTiming, RuntimeTiming};
use crate::units::{Bytes, SimDuration, SimTime};
use crate::workload::Footprint;
use std::sync::Arc;

/// The machine.
#[derive(Clone, Debug, PartialEq)]
pub struct NodePlan {
    /// Node name.
    pub name: Name,
    /// The size that the machine's catalogue states; MemTotal is less.
    pub nominal: Option<Bytes>,
    /// Kernel, memory, sysctls.
    pub kernel: KernelConfig,
    /// Anonymous memory of the operating system's own processes, in system.slice, there from the start.
    pub system_anon: Bytes,
    /// Active page cache of the operating system (counts in the working set, can be reclaimed).
    pub system_active_file: Bytes,
    /// Inactive page cache of the operating system.
    pub system_inactive_file: Bytes,
    /// Locked file memory of the operating system's daemons (never reclaimed).
    pub system_mlocked_file: Bytes,
    /// Commit charge of the operating system's processes beyond what they hold.
    pub system_committed: Bytes,
    /// Memory of a pod's pause process.
    pub pause: Footprint,
    /// The container runtime's delays.
    pub runtime: RuntimeTiming,
    /// What the container runtime and the kubelet hold for each pod outside its cgroup: the shim, and their growth.
    pub runtime_per_pod: Bytes,
    /// How long a dying process takes until its memory is free.
    pub exit: ExitTiming,
    /// Daemons that kill before the kernel has to.
    pub killers: Vec<UserspaceKiller>,
}

/// A pause process as the task tables of P2 of docs/SOURCES.md show it (logs of 16 and 17 January: total_vm 241
/// pages, rss 1 page, pgtables_bytes 28672), with the 6 pages of kernel stack and slab that small processes have in the
/// recordings (memcg_oom_v2, timing). It is charged to the pod, so a pod's limit trips before its only container's.
const PAUSE: Footprint = Footprint {
    anon: Bytes::kib(4),
    file: Bytes::ZERO,
    text: Bytes::ZERO,
    page_tables: Bytes::kib(28),
    virtual_size: Bytes::kib(960),
    kernel: Bytes::kib(24),
};

impl NodePlan {
    /// Name of a node that has none.
    pub const DEFAULT_NAME: &str = "node";

    /// A machine with this MemTotal, two processors, no swap, the newest kernel with cgroup v2 and nothing of its own.
    pub fn new(memory: Bytes) -> Self {
        let mut kernel = KernelConfig { cpus: 2, ..KernelConfig::new(memory) };
        kernel.node_oom_stall = SimDuration::from_millis(kernel.profile.node_oom_stall_ms.into());
        NodePlan {
            name: NodePlan::DEFAULT_NAME.into(),
            nominal: None,
            kernel,
            system_anon: Bytes::ZERO,
            system_active_file: Bytes::ZERO,
            system_inactive_file: Bytes::ZERO,
            system_mlocked_file: Bytes::ZERO,
            system_committed: Bytes::ZERO,
            pause: PAUSE,
            runtime: RuntimeTiming::default(),
            runtime_per_pod: Bytes::ZERO,
            exit: ExitTiming::default(),
            killers: Vec::new(),
        }
    }

    /// What a kubelet finds when it starts here.
    pub fn machine(&self) -> Machine {
        let kernel = &self.kernel;
        Machine {
            capacity: Machine::capacity_of(kernel.mem_total),
            hugepages: Bytes::new(kernel.sysctl.nr_hugepages.saturating_mul(2 << 20)),
            swap_total: kernel.swap_total,
            cgroup_v2: kernel.cgroup == CgroupVersion::V2,
            overcommit_memory: kernel.sysctl.overcommit_memory,
            panic_on_oom: kernel.sysctl.panic_on_oom,
        }
    }
}

/// The kubelet.
#[derive(Clone, Debug, PartialEq)]
pub struct KubeletPlan {
    /// KubeletConfiguration.
    pub config: KubeletConfig,
    /// Row of the Kubernetes version.
    pub profile: KubernetesProfile,
    /// What the configuration comes to on this node, or why the kubelet does not start on it.
    pub effective: Result<Arc<EffectiveKubelet>, Arc<NotStarted>>,
    /// Clocks and delays.
    pub timing: Timing,
    /// When the first pass of the eviction manager starts; `None`: drawn from the seed within one period.
    pub first_pass: Option<SimTime>,
    /// When passes of the eviction manager are known to have begun, in order. After the last one they come as usual.
    pub passes: Arc<[SimTime]>,
    /// A time at which containers are known to have been listed; `None`: the phase of the relists is drawn.
    pub first_relist: Option<SimTime>,
    /// Its process has just been started: the first pass is its first, with which its other clocks begin. One that has
    /// run for long has them at any time.
    pub just_started: bool,
}

impl KubeletPlan {
    /// A kubelet with this configuration, started on this node, with its own clocks.
    pub fn new(config: KubeletConfig, profile: KubernetesProfile, node: &NodePlan) -> Self {
        let effective = EffectiveKubelet::start(&config, &node.machine(), &profile).map(Arc::new).map_err(Arc::from);
        let timing = Timing::of(&config, &profile);
        let (first_pass, passes, first_relist, just_started) = (None, Arc::from([]), None, false);
        KubeletPlan { config, profile, effective, timing, first_pass, passes, first_relist, just_started }
    }

    /// What the configuration comes to, as far as it can be read if the kubelet does not start.
    pub fn readable(&self) -> &EffectiveKubelet {
        match &self.effective {
            Ok(effective) => effective,
            Err(refused) => &refused.readable,
        }
    }

    /// Reserved huge pages that the kubelet takes off `memory.available` (capability `hugepage_aware_eviction`).
    pub fn hugepages_seen(&self) -> Bytes {
        let pages = Bytes::new(self.readable().node.hugepages);
        if self.profile.hugepage_aware_eviction { pages } else { Bytes::ZERO }
    }

    /// Why the kubelet does not start.
    pub fn start_problems(&self) -> &[StartProblem] {
        self.effective.as_ref().err().map_or(&[], |refused| &refused.problems)
    }
}
