//! Figures of memory that is booked or due, without taking the steps that are due: for those who only look.

use super::{Memory, Scope, Settled};
use crate::engine::RunsBehind;
use crate::kernel::{CgroupVersion, Kernel};
use crate::node::ids::PodIx;
use crate::node::machine::Machine;
use crate::node::observe::Cx;
use crate::record::{PodSample, ProcessSample, Sample};
use crate::units::{Bytes, CgroupId, Pages, Pid, SimDuration, SimTime};

/// What the kubelet's stats provider reads of the node and of the cgroup of all pods.
#[derive(Clone, Copy, Debug)]
pub(in crate::node) struct StatsFigures {
    /// Working set of the node.
    pub node_working_set: Bytes,
    /// Limit and working set of kubepods, where there is one.
    pub pods: Option<(Option<Bytes>, Bytes)>,
}

/// What programs have due and have not taken, as the last look of the kubelet's statistics added it up.
#[derive(Clone, Debug, Default)]
pub(super) struct Looked {
    /// Of the whole node.
    pub node: Pages,
    /// Of all pods.
    pub pods: Pages,
    /// Of each pod, by index.
    of_pods: Vec<Pages>,
    /// Those with something.
    some: Vec<PodIx>,
}

impl Looked {
    /// Of a pod.
    #[inline]
    pub fn of(&self, pod: PodIx) -> Pages {
        self.of_pods.get(pod as usize).copied().unwrap_or(Pages::ZERO)
    }

    /// A pod has taken everything.
    pub fn settled(&mut self, pod: PodIx) {
        if let Some(due) = self.of_pods.get_mut(pod as usize) {
            *due = Pages::ZERO;
        }
    }

    #[inline]
    fn add(&mut self, pod: PodIx, due: Pages) {
        if self.of_pods.len() <= pod as usize {
            self.of_pods.resize(pod as usize + 1, Pages::ZERO);
        }
        let of_pod = &mut self.of_pods[pod as usize];
        if of_pod.is_zero() {
            self.some.push(pod);
        }
        *of_pod += due;
        self.pods += due;
    }

    fn forget(&mut self) {
        for pod in self.some.drain(..) {
            self.of_pods[pod as usize] = Pages::ZERO;
        }
        (self.node, self.pods) = (Pages::ZERO, Pages::ZERO);
    }
}

impl Machine {
    /// The node's use is what MemFree leaves of MemTotal (capability `root_usage_from_free`).
    fn root_usage_from_free(&self) -> bool {
        self.kubelet.root_usage_from_free && self.memory.kernel.config().cgroup == CgroupVersion::V2
    }

    /// The node's working set as the kubelet sees it, without what is due.
    fn node_working_set(&self) -> Bytes {
        let kernel = &self.memory.kernel;
        let root = kernel.root();
        if !self.root_usage_from_free() {
            return kernel.working_set(root);
        }
        let used = kernel.config().mem_total.saturating_sub(kernel.free_pages().bytes());
        used.saturating_sub(kernel.stat(root).inactive_file)
    }

    /// With this much more in use than is booked.
    #[inline]
    fn stats_figures(&self, node_more: Pages, pods_more: Pages) -> StatsFigures {
        let kernel = &self.memory.kernel;
        let of_pods = |cgroup| (kernel.limit(cgroup), kernel.working_set(cgroup) + pods_more.bytes());
        StatsFigures { node_working_set: self.node_working_set() + node_more.bytes(), pods: self.kubepods.map(of_pods) }
    }

    /// Figures that the real ones cannot exceed, found without looking at what each program has due; `None`: not known.
    pub(in crate::node) fn stats_at_most(&self, now: SimTime) -> Option<StatsFigures> {
        // What is due on the whole node is known without page tables.
        let node = self.most_due(self.memory.kernel.root(), now).filter(|_| !self.root_usage_from_free())?;
        let pods = self.kubepods.map_or(Some(Pages::ZERO), |cgroup| self.most_due(cgroup, now))?;
        Some(self.stats_figures(node, pods))
    }

    /// What the kubelet's statistics show, as it is.
    pub(in crate::node) fn look(&mut self, cx: &mut Cx<'_>) -> (Settled<'_>, StatsFigures) {
        let settled = self.settled(Scope::Stats, cx);
        let machine = settled.get();
        (settled, machine.stats_figures(machine.memory.looked.node, machine.memory.looked.pods))
    }

    /// Everything that growing programs have due is taken, or added up without being taken ([`Looked`]).
    pub(super) fn look_at_all(&mut self, cx: &mut Cx<'_>) {
        self.memory.looked.forget();
        if !self.grows_plainly(cx.now) || self.grows_at_random() {
            return self.settle_all(cx);
        }
        // Without page tables, unless the node's figure has them.
        let with_tables = self.root_usage_from_free();
        let Memory { kernel, growth, looked, .. } = &mut self.memory;
        growth.each_due(kernel, &self.programs, cx.now, |program, due| {
            looked.node += if with_tables { due.anon + due.tables } else { due.anon };
            if let Some(c) = program.container() {
                looked.add(c.pod, due.anon + due.tables);
            }
        });
    }

    /// Everything as it is booked, without what growing programs have due, with the pods `shown` and the processes
    /// `watched`.
    pub(in crate::node) fn still(&self, shown: &[(PodIx, CgroupId)], watched: &[Pid], now: SimTime) -> Sample {
        let kernel = &self.memory.kernel;
        let pods = shown.iter().map(|&(pod, cgroup)| PodSample {
            pod,
            usage: kernel.usage(cgroup),
            working_set: kernel.working_set(cgroup),
        });
        let processes = watched.iter().filter_map(|&pid| {
            let rss = kernel.process(pid)?.rss().bytes();
            Some(ProcessSample { pid, rss })
        });
        let working_set = self.node_working_set();
        let kubepods =
            |figure: fn(&Kernel, CgroupId) -> Bytes| self.kubepods.map_or(Bytes::ZERO, |c| figure(kernel, c));
        Sample {
            at: now,
            available: kernel.config().mem_total.get() as i64 - (working_set + self.kubelet.hugepages).get() as i64,
            working_set,
            mem_available: Bytes::ZERO, // depends on what is due
            mem_free: kernel.free_pages().bytes(),
            swap_used: kernel.config().swap_total.saturating_sub(kernel.swap_free().bytes()),
            committed_as: kernel.committed().bytes(),
            kubepods_usage: kubepods(Kernel::usage),
            kubepods_working_set: kubepods(Kernel::working_set),
            waited: SimDuration::ZERO, // goes on with time
            pods: pods.collect(),
            processes: processes.collect(),
        }
    }

    /// The same at `at`, with what is due then.
    pub(in crate::node) fn with_due(&self, mut sample: Sample, at: SimTime) -> Sample {
        sample.at = at;
        sample.waited = self.memory.pressure(self.memory.kernel.root(), at).some.total;
        let (mut anon, mut tables, mut below_pods, mut mapped) = (Pages::ZERO, Pages::ZERO, Pages::ZERO, Bytes::ZERO);
        self.memory.growth.each_due(&self.memory.kernel, &self.programs, at, |program, due| {
            anon += due.anon;
            tables += due.tables;
            mapped += program.mapped_by(due.steps);
            if let Some(watched) = sample.processes.iter_mut().find(|watched| watched.pid == program.pid) {
                watched.rss += due.anon.bytes();
            }
            let Some(c) = program.container() else { return };
            let charged = due.anon + due.tables;
            below_pods += charged;
            if let Ok(place) = sample.pods.binary_search_by_key(&c.pod, |pod| pod.pod) {
                let pod = &mut sample.pods[place];
                (pod.usage, pod.working_set) = (pod.usage + charged.bytes(), pod.working_set + charged.bytes());
            }
        });
        // The root's usage has no kernel memory in it (see Kernel::stat), unless it is what MemFree leaves.
        let node = if self.root_usage_from_free() { anon + tables } else { anon };
        sample.working_set += node.bytes();
        sample.available -= node.bytes().get() as i64;
        sample.mem_available = self.memory.kernel.available_after(anon + tables).bytes();
        sample.mem_free = sample.mem_free.saturating_sub((anon + tables).bytes());
        sample.committed_as += mapped;
        if self.kubepods.is_some() {
            sample.kubepods_usage += below_pods.bytes();
            sample.kubepods_working_set += below_pods.bytes();
        }
        sample
    }

    /// At most this many pages are due in a cgroup and below, and not taken; `None`: that is not known.
    fn most_due(&self, cgroup: CgroupId, now: SimTime) -> Option<Pages> {
        let lazy = &self.memory.growth.lazy;
        let due = || Pages::new(lazy.bounds.get(cgroup).due(now)).min(Pages::new(1 << 48));
        (lazy.on && lazy.cursor.is_none()).then(due)
    }
}
