//! Records, samples, and the outcome of a run.

use super::Event;
use super::memory::Settled;
use super::pods::{Pod, PodState};
use super::programs::{Activity, ProcessOwner};
use super::state::Node;
use crate::engine::{Scheduler, Stop};
use crate::node_api::{Name, PodPhase, PodStatus};
use crate::record::{
    Counts, Entry, History, Keep, NodeFacts, PassFigures, PodOutcome, ProcessOutcome, Record, Sample, Series,
    StableHasher,
};
use crate::units::{Bytes, SimTime};
use std::hash::Hash;

/// Collects what a run leaves behind. It cannot touch the node.
#[derive(Clone, Debug)]
pub(in crate::node) struct Recorder {
    keep: Keep,
    hasher: StableHasher,
    pub counts: Counts,
    log: Log,
}

/// What has been recorded, which a run does not need to go on.
#[derive(Clone, Debug, Default)]
pub(in crate::node) struct Log {
    entries: Vec<Entry>,
    series: Series,
    passes: Vec<PassFigures>,
    pod_limits: Vec<(Name, Bytes)>,
    warnings: Vec<String>,
}

/// How much had been recorded at an instant.
#[derive(Clone, Debug)]
pub(in crate::node) struct LogMarks {
    entries: usize,
    samples: usize,
    /// The last of them, which a later one of the same instant may replace.
    last_sample: Option<Sample>,
    pods: usize,
    passes: usize,
    pod_limits: usize,
    warnings: usize,
}

impl Log {
    fn marks(&self) -> LogMarks {
        LogMarks {
            entries: self.entries.len(),
            samples: self.series.samples.len(),
            last_sample: self.series.samples.last().cloned(),
            pods: self.series.pods.len(),
            passes: self.passes.len(),
            pod_limits: self.pod_limits.len(),
            warnings: self.warnings.len(),
        }
    }

    fn has(&self, marks: &LogMarks) -> bool {
        self.entries.len() >= marks.entries && self.series.samples.len() >= marks.samples
    }

    /// What was recorded after `marks` is dropped.
    pub fn go_back(&mut self, marks: &LogMarks) {
        self.entries.truncate(marks.entries);
        self.series.samples.truncate(marks.samples);
        if let (Some(place), Some(sample)) = (self.series.samples.last_mut(), &marks.last_sample) {
            place.clone_from(sample);
        }
        self.series.pods.truncate(marks.pods);
        self.passes.truncate(marks.passes);
        self.pod_limits.truncate(marks.pod_limits);
        self.warnings.truncate(marks.warnings);
    }
}

impl Recorder {
    pub fn new(keep: Keep, warnings: Vec<String>) -> Self {
        let log = Log { warnings, ..Log::default() };
        Recorder { keep, hasher: StableHasher::default(), counts: Counts::default(), log }
    }

    /// A copy that has recorded nothing; its digest goes on.
    pub fn without_log(&self) -> Self {
        Recorder { keep: self.keep, hasher: self.hasher.clone(), counts: self.counts, log: Log::default() }
    }

    pub fn marks(&self) -> LogMarks {
        self.log.marks()
    }

    /// Whether this much has been recorded.
    pub fn has(&self, marks: &LogMarks) -> bool {
        self.log.has(marks)
    }

    pub fn take_log(&mut self) -> Log {
        std::mem::take(&mut self.log)
    }

    pub fn put_log(&mut self, log: Log) {
        self.log = log;
    }

    pub fn entries(&self) -> &[Entry] {
        &self.log.entries
    }

    /// There will be about this many samples.
    pub fn expect_samples(&mut self, n: u64) {
        // A long run with few events does not take memory that it may never need.
        self.log.series.samples.reserve(n.min(10_000) as usize);
    }

    pub fn pod_appears(&mut self, name: &Name) {
        if self.keep == Keep::Series {
            self.log.series.pods.push(name.clone());
        }
    }

    pub fn pod_limit(&mut self, name: &Name, limit: Bytes) {
        if self.keep >= Keep::Events {
            self.log.pod_limits.push((name.clone(), limit));
        }
    }

    pub fn keeps_series(&self) -> bool {
        self.keep == Keep::Series
    }

    pub fn pass(&mut self, figures: PassFigures) {
        self.log.passes.push(figures);
    }

    pub fn record(&mut self, at: SimTime, record: Record) {
        let entry = Entry { at, record };
        entry.hash(&mut self.hasher);
        if self.keep >= Keep::Events {
            self.log.entries.push(entry);
        }
    }

    pub fn warn(&mut self, message: String) {
        if !self.log.warnings.contains(&message) {
            self.log.warnings.push(message);
        }
    }
}

/// What a part may use in addition to its own state while it handles something.
pub(in crate::node) struct Cx<'a> {
    pub now: SimTime,
    pub queue: &'a mut Scheduler<Event>,
    pub log: &'a mut Recorder,
}

impl Cx<'_> {
    pub fn record(&mut self, record: Record) {
        self.log.record(self.now, record);
    }
}

impl Node {
    pub(in crate::node) fn record(&mut self, record: Record) {
        self.recorder.record(self.now, record);
    }

    /// Takes the samples between the last event and the next: nothing happens there but growth that meets nothing.
    pub(in crate::node) fn take_samples_before(&mut self, next_event: SimTime) {
        if self.next_sample >= next_event {
            return;
        }
        let with_pods = self.recorder.keeps_series();
        let random = self.grows_at_random();
        let mut still = self.still(with_pods);
        while self.next_sample < next_event {
            self.now = self.next_sample;
            if random {
                // Looking at what they have due draws it, which is done once.
                self.grow_until_now();
                still = self.still(with_pods);
            }
            let sample = self.with_due(&still, self.now);
            self.keep_sample(sample);
            self.next_sample = self.now.saturating_add(self.scenario.sample_every);
        }
    }

    pub(in crate::node) fn takes_samples(&self) -> bool {
        self.recorder.keep >= Keep::Node
    }

    /// Takes a sample of everything, if series are kept. Ledger programs are looked at as they stand: what is due
    /// is added without taking the steps, so that looking changes nothing.
    pub(in crate::node) fn sample_now(&mut self) {
        if !self.takes_samples() {
            return;
        }
        self.grow_before_now();
        let sample = self.with_due(&self.still(self.recorder.keeps_series()), self.now);
        self.keep_sample(sample);
    }

    fn keep_sample(&mut self, sample: Sample) {
        let samples = &mut self.recorder.log.series.samples;
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

    pub(in crate::node) fn take_sample_at(&self, at: SimTime) -> Sample {
        self.with_due(&self.still(true), at)
    }

    /// What an observer keeps when the run is over.
    pub(in crate::node) fn history(
        mut self,
        settled: &Settled,
        seed: u64,
        stop: Stop,
        ended_at: SimTime,
        events: u64,
    ) -> History {
        self.now = ended_at;
        self.sample_now();
        for proc in self.programs.iter() {
            if let Some(program) = &proc.program {
                self.recorder.hasher.add(&program.random_position());
            }
        }
        let digest = {
            let mut hasher = self.recorder.hasher.clone();
            hasher.add(&(ended_at, self.recorder.counts));
            hasher.digest()
        };
        let figures = self.memory.figures(settled);
        let pods = self.pods.all().iter().map(|pod| PodOutcome {
            pod: pod.name.clone(),
            qos: self.pods.template_of_plan(pod.plan).qos,
            phase: pod.phase,
            reason: pod.reason,
            message: pod.message.clone(),
            restarts: pod.containers_summary().restarts,
            status: self.status_column(pod),
            usage: pod.cgroup.map_or(Bytes::ZERO, |c| figures.usage(c)),
        });
        let pods = pods.collect();
        let processes = self.living().filter_map(|p| {
            let proc = &self.programs[p as usize];
            let known = figures.process(proc.pid)?;
            (proc.activity != Activity::Dying && !matches!(proc.owner, ProcessOwner::Pause(_))).then(|| {
                ProcessOutcome {
                    pid: proc.pid,
                    comm: proc.comm.clone(),
                    owner: self.owner(&proc.owner),
                    rss: known.rss().bytes(),
                    virtual_size: known.total_vm.bytes(),
                }
            })
        });
        let processes = processes.collect();
        let node = self.node_facts();
        let (counts, log) = (self.recorder.counts, self.recorder.log);
        History {
            scenario: self.scenario.name.clone(),
            seed,
            digest,
            stop,
            ended_at,
            events,
            counts,
            node,
            entries: log.entries,
            series: log.series,
            passes: log.passes,
            pods,
            processes,
            warnings: log.warnings,
        }
    }

    fn node_facts(&self) -> NodeFacts {
        let capacity = self.scenario.node.kernel.mem_total;
        let mut facts = NodeFacts {
            name: self.scenario.node.name.clone(),
            capacity,
            allocatable: capacity,
            kubepods_limit: self.kubepods.and_then(|c| self.memory.limit(c)),
            pod_limits: self.recorder.log.pod_limits.clone(),
            ..NodeFacts::default()
        };
        if self.no_kubelet.is_some() {
            facts.kubelet_not_started = self.no_kubelet.clone();
            facts.allocatable = Bytes::ZERO;
        }
        if let Some(kubelet) = &self.kubelet {
            kubelet.facts(&mut facts);
        }
        facts
    }

    /// The STATUS column of `kubectl get pod`.
    fn status_column(&self, pod: &Pod) -> PodStatus {
        if let Some(reason) = pod.reason {
            return PodStatus::Reason(reason);
        }
        if pod.state == PodState::Terminating && pod.phase == PodPhase::Running {
            return PodStatus::Terminating;
        }
        pod.containers_summary().status.map_or(PodStatus::Phase(pod.phase), PodStatus::Container)
    }
}
