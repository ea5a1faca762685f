//! Records, samples, and the outcome of a run.

use super::state::{CgroupScope, Doing, PodIx, PodState, Whose, World};
use crate::engine::Stop;
use crate::kernel::Kernel;
use crate::node_api::{Name, PodPhase, PodStatus};
use crate::record::{
    Counts, Entry, History, Keep, NodeFacts, PassFigures, PodOutcome, PodSample, ProcessOutcome, Record, Sample,
    Series, StableHasher,
};
use crate::units::{Bytes, CgroupId, Pages, SimTime, VolumeId};
use std::hash::Hash;

/// Collects what a run leaves behind. It cannot touch the world.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    keep: Keep,
    hasher: StableHasher,
    pub counts: Counts,
    entries: Vec<Entry>,
    series: Series,
    passes: Vec<PassFigures>,
    pod_limits: Vec<(Name, Bytes)>,
    warnings: Vec<String>,
}

impl Recorder {
    pub fn new(keep: Keep, warnings: Vec<String>) -> Self {
        Recorder {
            keep,
            hasher: StableHasher::default(),
            counts: Counts::default(),
            entries: Vec::new(),
            series: Series::default(),
            passes: Vec::new(),
            pod_limits: Vec::new(),
            warnings,
        }
    }

    /// There will be about so many samples.
    pub fn expect_samples(&mut self, n: u64) {
        // A long run with few events does not take memory that it may never need.
        self.series.samples.reserve(n.min(10_000) as usize);
    }

    pub fn pod_appears(&mut self, name: &Name) {
        if self.keep == Keep::Series {
            self.series.pods.push(name.clone());
        }
    }

    pub fn pod_limit(&mut self, name: &Name, limit: Bytes) {
        if self.keep >= Keep::Events {
            self.pod_limits.push((name.clone(), limit));
        }
    }

    pub fn keeps_series(&self) -> bool {
        self.keep == Keep::Series
    }

    pub fn pass(&mut self, figures: Option<PassFigures>) {
        self.passes.extend(figures);
    }

    pub fn warn(&mut self, message: String) {
        if !self.warnings.contains(&message) {
            self.warnings.push(message);
        }
    }
}

impl World {
    pub(super) fn record(&mut self, record: Record) {
        let recorder = &mut self.recorder;
        let entry = Entry { at: self.now, record };
        entry.hash(&mut recorder.hasher);
        if recorder.keep >= Keep::Events {
            recorder.entries.push(entry);
        }
    }

    /// Takes the samples between the last event and the next: nothing happens there but growth that meets nothing.
    pub(super) fn take_samples_before(&mut self, next_event: SimTime) {
        if self.next_sample >= next_event {
            return;
        }
        let with_pods = self.recorder.keeps_series();
        let random = self.grows_at_random();
        let mut still = self.still(with_pods);
        while self.next_sample < next_event {
            self.now = self.next_sample;
            if random {
                // Whoever looks at what they have due has to draw it, and should do so once.
                self.grow_until_now();
                still = self.still(with_pods);
            }
            let sample = self.with_due(&still, self.now);
            self.keep_sample(sample);
            self.next_sample = self.now.saturating_add(self.scenario.sample_every);
        }
    }

    pub(super) fn takes_samples(&self) -> bool {
        self.recorder.keep >= Keep::Node
    }

    /// Takes a sample of everything, if series are kept. Growing programs are looked at as they stand: what is due
    /// is added without taking the steps, so that looking changes nothing.
    pub(super) fn sample_now(&mut self) {
        if !self.takes_samples() {
            return;
        }
        self.grow_before_now();
        let sample = self.with_due(&self.still(self.recorder.keeps_series()), self.now);
        self.keep_sample(sample);
    }

    fn keep_sample(&mut self, sample: Sample) {
        let samples = &mut self.recorder.series.samples;
        // Several things at one instant: the state before and after them is kept.
        if let [.., before, last] = &mut samples[..]
            && before.at == sample.at
            && last.at == sample.at
        {
            *last = sample;
        } else {
            samples.push(sample);
        }
    }

    pub(super) fn take_sample_at(&self, at: SimTime) -> Sample {
        self.with_due(&self.still(true), at)
    }

    /// Everything as it is booked, without what growing programs have due.
    fn still(&self, with_pods: bool) -> Sample {
        let kernel = &self.kernel;
        let shown = if with_pods { self.pods.as_slice() } else { &[] };
        let pods = shown.iter().zip(0..).filter_map(|(pod, ix)| {
            let cgroup = pod.cgroup?;
            Some(PodSample { pod: ix, usage: kernel.usage(cgroup), working_set: kernel.working_set(cgroup) })
        });
        let working_set = kernel.working_set(kernel.root());
        let kubepods =
            |figure: fn(&Kernel, CgroupId) -> Bytes| self.kubepods.map_or(Bytes::ZERO, |c| figure(kernel, c));
        Sample {
            at: self.now,
            available: kernel.config().mem_total.get() as i64 - working_set.get() as i64,
            working_set,
            mem_available: Bytes::ZERO, // depends on what is due
            mem_free: kernel.free_pages().bytes(),
            swap_used: kernel.config().swap_total.saturating_sub(kernel.swap_free().bytes()),
            committed_as: kernel.committed().bytes(),
            kubepods_usage: kubepods(Kernel::usage),
            kubepods_working_set: kubepods(Kernel::working_set),
            pods: pods.collect(),
        }
    }

    /// The same at `at`, with what is due then.
    fn with_due(&self, still: &Sample, at: SimTime) -> Sample {
        let mut sample = still.clone();
        sample.at = at;
        let (mut anon, mut tables, mut below_pods, mut mapped) = (Pages::ZERO, Pages::ZERO, Pages::ZERO, Bytes::ZERO);
        self.each_due(at, |proc, due| {
            anon += due.anon;
            tables += due.tables;
            mapped += proc.mapped_by(due.steps);
            let Some(c) = proc.container() else { return };
            let charged = due.anon + due.tables;
            below_pods += charged;
            if let Ok(place) = sample.pods.binary_search_by_key(&c.pod, |pod| pod.pod) {
                let pod = &mut sample.pods[place];
                (pod.usage, pod.working_set) = (pod.usage + charged.bytes(), pod.working_set + charged.bytes());
            }
        });
        // The root's usage has no kernel memory in it; see Kernel::stat.
        sample.working_set += anon.bytes();
        sample.available -= anon.bytes().get() as i64;
        sample.mem_available = self.kernel.available_after(anon + tables).bytes();
        sample.mem_free = sample.mem_free.saturating_sub((anon + tables).bytes());
        sample.committed_as += mapped;
        if self.kubepods.is_some() {
            sample.kubepods_usage += below_pods.bytes();
            sample.kubepods_working_set += below_pods.bytes();
        }
        sample
    }

    pub(super) fn volumes_of(&self, pod: PodIx) -> Vec<((CgroupScope, String), VolumeId)> {
        let wanted = CgroupScope::Pod(pod);
        self.files.iter().filter(|((scope, _), _)| *scope == wanted).map(|(k, v)| (k.clone(), *v)).collect()
    }

    /// What an observer keeps when the run is over.
    pub(super) fn history(mut self, seed: u64, stop: Stop, ended_at: SimTime, events: u64) -> History {
        self.now = ended_at;
        self.sample_now();
        for proc in self.procs.iter() {
            if let Some(program) = &proc.program {
                self.recorder.hasher.add(&program.random_position());
            }
        }
        let digest = {
            let mut hasher = self.recorder.hasher.clone();
            hasher.add(&(ended_at, self.recorder.counts));
            hasher.digest()
        };
        let pods = self.pods.iter().map(|pod| PodOutcome {
            pod: pod.name.clone(),
            qos: self.templates[pod.plan as usize].qos,
            phase: pod.phase,
            reason: pod.reason,
            message: pod.message.clone(),
            restarts: pod.containers_summary().restarts,
            status: self.status_column(pod),
            usage: pod.cgroup.map_or(Bytes::ZERO, |c| self.kernel.stat(c).usage),
        });
        let pods = pods.collect();
        let processes = self.living().filter_map(|p| {
            let proc = &self.procs[p as usize];
            let known = self.kernel.process(proc.pid)?;
            (proc.doing != Doing::Dying && !matches!(proc.whose, Whose::Pause(_))).then(|| ProcessOutcome {
                pid: proc.pid,
                comm: proc.comm.clone(),
                owner: self.owner(&proc.whose),
                rss: known.rss().bytes(),
                virtual_size: known.total_vm.bytes(),
            })
        });
        let processes = processes.collect();
        let node = self.node_facts();
        let recorder = self.recorder;
        History {
            scenario: self.scenario.name.clone(),
            seed,
            digest,
            stop,
            ended_at,
            events,
            counts: recorder.counts,
            node,
            entries: recorder.entries,
            series: recorder.series,
            passes: recorder.passes,
            pods,
            processes,
            warnings: recorder.warnings,
        }
    }

    fn node_facts(&self) -> NodeFacts {
        let capacity = self.scenario.node.kernel.mem_total;
        let mut facts = NodeFacts {
            name: self.scenario.node.name.clone(),
            capacity,
            allocatable: capacity,
            kubepods_limit: self.kubepods.and_then(|c| self.kernel.limit(c)),
            pod_limits: self.recorder.pod_limits.clone(),
            ..NodeFacts::default()
        };
        self.kubelet_facts(&mut facts);
        facts
    }

    /// The STATUS column of `kubectl get pod`.
    fn status_column(&self, pod: &super::state::Pod) -> PodStatus {
        if let Some(reason) = pod.reason {
            return PodStatus::Reason(reason);
        }
        if pod.state == PodState::Terminating && pod.phase == PodPhase::Running {
            return PodStatus::Terminating;
        }
        pod.containers_summary().status.map_or(PodStatus::Phase(pod.phase), PodStatus::Container)
    }
}
