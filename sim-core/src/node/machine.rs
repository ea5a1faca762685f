//! The machine: the kernel with the node's memory, and the programs that run on it. The two are one part, as the growth
//! of a program is a change of memory that is due. It knows nothing of pods but whose a process is; what its processes
//! do that others have to know leaves it as [`Notice`]s.

use super::ids::{ContainerRef, ProcIx};
use super::killers::KillerState;
use super::memory::{Memory, SystemText};
use super::observe::Cx;
use super::programs::{ProcessOwner, ProgramTable};
use crate::kernel::KernelConfig;
use crate::node_api::ExitStatus;
use crate::plan::{KubeletPlan, Scenario};
use crate::record::Sample;
use crate::units::{Bytes, CgroupId, SimTime};
use std::collections::VecDeque;
use std::sync::Arc;

/// The kernel, and the programs that run on it.
#[derive(Clone, Debug)]
pub(in crate::node) struct Machine {
    pub scenario: Arc<Scenario>,
    pub memory: Memory,
    pub programs: ProgramTable,
    /// What others have yet to hear, in order.
    pub notices: VecDeque<Notice>,
    /// What the figures of memory depend on.
    pub kubelet: KubeletFacts,
    /// The cgroup of all pods.
    pub kubepods: Option<CgroupId>,
    /// Text of the system's own programs.
    pub system_text: Option<SystemText>,
    /// What each killer in user space remembers.
    pub killers: Vec<KillerState>,
    /// A kubelet reads the kernel's log and reports OOM kills of the whole node.
    pub oom_watcher: bool,
    pub panicked: bool,
}

/// What figures of the node's memory, and its volumes, depend on the kubelet for.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::node) struct KubeletFacts {
    /// The node's use is what MemFree leaves of MemTotal (capability `root_usage_from_free`), with cgroup v2.
    pub root_usage_from_free: bool,
    /// Reserved huge pages that it takes off `memory.available`.
    pub hugepages: Bytes,
    /// It may crawl, which growth that is taken late would hide.
    pub crawls: bool,
    /// It mounts memory-backed volumes with `noswap`.
    pub tmpfs_noswap: bool,
}

impl KubeletFacts {
    pub fn of(plan: &KubeletPlan) -> Self {
        KubeletFacts {
            root_usage_from_free: plan.profile.root_usage_from_free,
            hugepages: plan.hugepages_seen(),
            crawls: plan.timing.slow.is_some(),
            tmpfs_noswap: plan.profile.tmpfs_noswap,
        }
    }
}

/// What a process did that concerns more than the machine.
#[derive(Clone, Copy, Debug)]
pub(in crate::node) enum Notice {
    /// A process of a container has a child.
    Forked { container: ContainerRef, child: ProcIx },
    /// The first process of a container with probes begins to wait for memory.
    Waits(ContainerRef),
    /// A process is gone and its memory is free.
    Exited { process: ProcIx, owner: ProcessOwner, status: ExitStatus },
}

impl Machine {
    pub fn new(scenario: Arc<Scenario>) -> Self {
        Machine {
            memory: Memory::new(KernelConfig {
                stock_displaced: scenario.kubelet.is_some() && scenario.node.kernel.cpus == 1,
                ..scenario.node.kernel.clone()
            }),
            programs: ProgramTable::default(),
            notices: VecDeque::new(),
            kubelet: scenario.kubelet.as_ref().map_or_else(KubeletFacts::default, KubeletFacts::of),
            kubepods: None,
            system_text: None,
            killers: Vec::new(),
            oom_watcher: false,
            panicked: false,
            scenario,
        }
    }

    /// Takes the samples between the last event and the next: nothing happens there but growth that meets nothing.
    pub fn take_samples_before(&mut self, next_event: SimTime, cx: &mut Cx<'_>) {
        if cx.log.next_sample() >= next_event {
            return;
        }
        let still = (!self.grows_at_random()).then(|| self.booked(cx));
        while cx.log.next_sample() < next_event {
            cx.now = cx.log.next_sample();
            let booked = still.clone().unwrap_or_else(|| {
                // Looking at what they have due draws it, which is done once.
                self.grow_until_now(cx);
                self.booked(cx)
            });
            cx.log.regular_sample(self.with_due(booked, cx.now), self.scenario.sample_every);
        }
    }

    /// Takes a sample of everything, if series are kept. Growing programs are looked at as they stand: what is due is
    /// added without taking the steps, so that looking changes nothing.
    pub fn sample_now(&mut self, cx: &mut Cx<'_>) {
        if !cx.log.takes_samples() {
            return;
        }
        self.grow_before_now(cx);
        let sample = self.with_due(self.booked(cx), cx.now);
        cx.log.keep_sample(sample);
    }

    fn booked(&self, cx: &Cx<'_>) -> Sample {
        self.still(cx.log.pods_in_samples(), cx.log.watched(), cx.now)
    }

    /// Memory at `at`, up to which nothing else happens, with these pods.
    pub fn sample_at(&self, at: SimTime, pods: &[(super::PodIx, CgroupId)]) -> Sample {
        self.with_due(self.still(pods, &[], at), at)
    }
}
