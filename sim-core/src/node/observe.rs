//! What a run leaves behind while it goes on: records and samples.

use super::Event;
use super::ids::PodIx;
use crate::engine::{Scheduler, StreamFactory};
use crate::node_api::Name;
use crate::record::{Counts, Digest, Entry, Keep, PassFigures, Record, Sample, Series, StableHasher};
use crate::units::{Bytes, CgroupId, Pid, SimDuration, SimTime};
use std::hash::Hash;

/// Collects what a run leaves behind. It cannot touch the node.
#[derive(Clone, Debug)]
pub(in crate::node) struct Recorder {
    keep: Keep,
    /// What each pass of the eviction manager sees is kept.
    keeps_passes: bool,
    hasher: StableHasher,
    pub counts: Counts,
    log: Log,
    /// When the series are sampled next.
    next_sample: SimTime,
    /// The pods that samples have, by index, with their cgroups.
    pods: Vec<(PodIx, CgroupId)>,
    /// The processes that samples have while they live.
    watched: Vec<Pid>,
    /// Place of each pod in the series, by index: a pod that bears the name of an earlier one continues its curve.
    curves: Vec<u32>,
}

/// What has been recorded, which a run does not need to go on.
#[derive(Clone, Debug, Default)]
pub(in crate::node) struct Log {
    pub entries: Vec<Entry>,
    pub series: Series,
    pub passes: Vec<PassFigures>,
    pub pod_limits: Vec<(Name, Bytes)>,
    pub warnings: Vec<String>,
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
        let next_sample = if keep >= Keep::Node { SimTime::ZERO } else { SimTime::MAX };
        let (hasher, counts) = (StableHasher::default(), Counts::default());
        let (pods, watched, curves) = (Vec::new(), Vec::new(), Vec::new());
        let keeps_passes = keep == Keep::Series;
        Recorder { keep, keeps_passes, hasher, counts, log, next_sample, pods, watched, curves }
    }

    /// A copy that has recorded nothing; its digest goes on.
    pub fn without_log(&self) -> Self {
        Recorder {
            keep: self.keep,
            keeps_passes: self.keeps_passes,
            hasher: self.hasher.clone(),
            counts: self.counts,
            log: Log::default(),
            next_sample: self.next_sample,
            pods: self.pods.clone(),
            watched: self.watched.clone(),
            curves: self.curves.clone(),
        }
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

    /// A new pod; `again`: an earlier one had its name.
    pub fn pod_appears(&mut self, name: &Name, again: bool) {
        if self.keep < Keep::Events {
            return;
        }
        let names = &mut self.log.series.pods;
        let earlier = if again { names.iter().rposition(|other| other == name) } else { None };
        let curve = earlier.unwrap_or_else(|| {
            names.push(name.clone());
            names.len() - 1
        });
        self.curves.push(curve as u32);
    }

    pub fn pod_limit(&mut self, name: &Name, limit: Bytes) {
        if self.keep >= Keep::Events {
            self.log.pod_limits.push((name.clone(), limit));
        }
    }

    /// Samples have a pod from now on.
    pub fn pod_has_cgroup(&mut self, pod: PodIx, cgroup: CgroupId) {
        let place = self.pods.partition_point(|&(other, _)| other < pod);
        self.pods.insert(place, (pod, cgroup));
    }

    /// Samples have a pod no longer.
    pub fn pod_has_no_cgroup(&mut self, pod: PodIx) {
        if let Ok(place) = self.pods.binary_search_by_key(&pod, |&(pod, _)| pod) {
            self.pods.remove(place);
        }
    }

    /// The pods that have a cgroup.
    pub fn pods(&self) -> &[(PodIx, CgroupId)] {
        &self.pods
    }

    /// The pods that samples are to have.
    pub fn pods_in_samples(&self) -> &[(PodIx, CgroupId)] {
        if self.keeps_series() { &self.pods } else { &[] }
    }

    pub fn watch(&mut self, pids: Vec<Pid>) {
        self.watched = pids;
    }

    /// The processes that samples are to have.
    pub fn watched(&self) -> &[Pid] {
        &self.watched
    }

    pub fn takes_samples(&self) -> bool {
        self.keep >= Keep::Node
    }

    #[inline]
    pub fn next_sample(&self) -> SimTime {
        self.next_sample
    }

    /// The sample that was due; the next one comes after `every`.
    pub fn regular_sample(&mut self, sample: Sample, every: SimDuration) {
        self.next_sample = sample.at.saturating_add(every);
        self.keep_sample(sample);
    }

    pub fn keep_sample(&mut self, mut sample: Sample) {
        for pod in &mut sample.pods {
            pod.pod = self.curves.get(pod.pod as usize).copied().unwrap_or(pod.pod);
        }
        if !sample.pods.is_sorted_by_key(|pod| pod.pod) {
            sample.pods.sort_by_key(|pod| pod.pod);
        }
        let samples = &mut self.log.series.samples;
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

    /// Takes the samples that no later one replaces.
    pub fn stream_samples(&mut self) -> Vec<Sample> {
        let samples = &mut self.log.series.samples;
        let replaceable = samples.len().min(2);
        samples.drain(..samples.len() - replaceable).collect()
    }

    /// The digest, with what the run ended with.
    pub fn digest(&self, positions: impl Iterator<Item = u128>, ended_at: SimTime) -> Digest {
        let mut hasher = self.hasher.clone();
        positions.for_each(|position| hasher.add(&position));
        hasher.add(&(ended_at, self.counts));
        hasher.digest()
    }

    pub fn pod_limits(&self) -> &[(Name, Bytes)] {
        &self.log.pod_limits
    }

    pub fn keeps_series(&self) -> bool {
        self.keep == Keep::Series
    }

    pub fn keeps_passes(&self) -> bool {
        self.keeps_passes
    }

    pub fn drop_passes(&mut self) {
        self.keeps_passes = false;
    }

    pub fn drop_records(&mut self) {
        self.log.entries.clear();
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
    /// Where what is drawn comes from.
    pub streams: &'a StreamFactory,
}

impl Cx<'_> {
    pub fn record(&mut self, record: Record) {
        self.log.record(self.now, record);
    }
}
