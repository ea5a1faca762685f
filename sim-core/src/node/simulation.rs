//! A run as an object: it can be stepped, changed, looked at, kept and taken up again.

use super::changes::{self, ChangeError};
use super::memory::Scope;
use super::observe::{Log, LogMarks};
use super::state::Node;
use super::view::NodeView;
use super::{BootedNode, Event};
use crate::engine::{self, EngineError, Key, Limits, Model, RunsBehind, Scheduler, Stop};
use crate::kernel::Imbalance;
use crate::plan::{Change, Scenario};
use crate::record::{Entry, History, Keep, Sample};
use crate::units::{Pid, SimTime};
use std::fmt;
use std::sync::Arc;

/// A run: the node and what is still to happen on it. Cloning it forks the run with all its records; a [`Checkpoint`]
/// is a fork without them.
#[derive(Clone, Debug)]
pub struct Simulation {
    node: Node,
    queue: Scheduler<Event>,
    seed: u64,
    events: u64,
    stop: Stop,
    until: SimTime,
}

impl Simulation {
    /// A run of `scenario` with `seed`, about to begin.
    pub fn new(scenario: Arc<Scenario>, seed: u64, keep: Keep) -> Self {
        BootedNode::new(scenario, keep).simulation(seed)
    }

    pub(super) fn begun(node: Node, queue: Scheduler<Event>, seed: u64) -> Self {
        let until = SimTime::ZERO.saturating_add(node.scenario.duration);
        Simulation { node, queue, seed, events: 0, stop: Stop::Time, until }
    }

    /// Steps through every allocation instead of computing when it matters. The outcome is the same, which a test
    /// holds; it only takes longer.
    pub fn stepwise(mut self) -> Self {
        self.node.machine.memory.stepwise();
        self
    }

    /// Handles the next event and says which it was; `None`: nothing is left to happen before the scenario's duration
    /// is over, or the kernel has panicked.
    pub fn step(&mut self) -> Option<Key> {
        if self.node.halted() {
            return None;
        }
        if self.queue.next_at().is_none_or(|at| at >= self.until) {
            self.queue.advance_to(self.until);
            self.stop = Stop::Time;
            return None;
        }
        let (key, event) = self.queue.pop()?;
        self.events += 1;
        self.node.handle(key, event, &mut self.queue);
        if self.node.halted() {
            self.stop = Stop::Halted;
        }
        Some(key)
    }

    /// Runs until `until`, or until the scenario's duration is over if that is earlier. Events at `until` have not
    /// happened yet.
    ///
    /// # Errors
    /// When the limits on the number of events are exceeded.
    pub fn run_until(&mut self, until: SimTime) -> Result<Stop, EngineError> {
        if self.node.halted() {
            return Ok(self.stop);
        }
        let limits = Limits { until: until.min(self.until), ..Limits::default() };
        let (stop, events) = engine::run(&mut self.node, &mut self.queue, &limits)?;
        self.events += events;
        self.stop = stop;
        if stop == Stop::Idle {
            // Time goes on when nothing is left to happen.
            self.queue.advance_to(limits.until);
            self.stop = Stop::Time;
        }
        Ok(self.stop)
    }

    /// Changes the node now, before anything else that happens at this instant: the run goes on like that of a scenario
    /// that states the same change for this time (`[[at]]`), which a test holds.
    ///
    /// # Errors
    /// When what is to be changed is not there; nothing has changed.
    pub fn apply(&mut self, change: &Change) -> Result<(), ChangeError> {
        if self.node.halted() {
            return Err(ChangeError::Panicked);
        }
        let now = self.now();
        self.node.at(now, &mut self.queue, |pods, lent| changes::change(change, pods, lent))?;
        self.events += 1;
        Ok(())
    }

    /// The instant up to which the run has come.
    pub fn now(&self) -> SimTime {
        self.queue.now()
    }

    /// Memory as it stands now.
    pub fn sample(&self) -> Sample {
        self.node.machine.sample_at(self.now(), self.node.recorder.pods())
    }

    /// Takes the samples since the last call, so that they do not grow with the length of the run. The last two stay,
    /// as others of the same instant may replace them: the history that [`Self::finish`] returns ends with them. Such a
    /// run has no way back to an earlier [`Checkpoint`].
    pub fn stream_samples(&mut self) -> Vec<Sample> {
        self.node.recorder.stream_samples()
    }

    /// Drops what has been recorded up to now, apart from samples. Such a run has no way back, either.
    pub fn drop_records(&mut self) {
        self.node.recorder.drop_records();
    }

    /// What each pass of the eviction manager sees ([`History::passes`]) is not kept with the series: passes that
    /// decide nothing are then quick, and memory does not grow with them.
    pub fn without_passes(mut self) -> Self {
        self.node.recorder.drop_passes();
        self
    }

    /// Samples from now on have these processes, too, while they live. Process ids are the same in every run of a
    /// scenario with the same seed: an earlier run says which are of interest.
    pub fn watch(&mut self, processes: Vec<Pid>) {
        self.node.recorder.watch(processes);
    }

    /// What has happened, if records are kept.
    pub fn entries(&self) -> &[Entry] {
        self.node.recorder.entries()
    }

    /// The node as it stands now. Looking changes nothing.
    pub fn view(&self) -> NodeView {
        let (mut node, mut queue) = (self.node.without_log(), self.queue.clone());
        node.view(&mut queue, self.now())
    }

    /// Adds up all memory from its owners and compares it with the kernel's books.
    ///
    /// # Errors
    /// With the first sum that differs: a defect of the model.
    pub fn audit(&self) -> Result<(), Imbalance> {
        let mut fork = self.without_log();
        fork.node.now = self.now();
        let (_, mut lent) = fork.node.lend(&mut fork.queue);
        lent.machine.settled(Scope::Node, &mut lent.cx).kernel().audit()
    }

    /// The run as it stands, without what it has recorded.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { run: self.without_log(), marks: self.node.recorder.marks() }
    }

    fn without_log(&self) -> Simulation {
        Simulation { node: self.node.without_log(), queue: self.queue.clone(), ..*self }
    }

    /// Goes back to a checkpoint of this run: what was recorded since is dropped.
    ///
    /// # Errors
    /// When the checkpoint is not one of this run: it has recorded more than this run has, or has another seed.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), ForeignCheckpoint> {
        if checkpoint.run.seed != self.seed || !self.node.recorder.has(&checkpoint.marks) {
            return Err(ForeignCheckpoint);
        }
        let mut log = self.node.recorder.take_log();
        log.go_back(&checkpoint.marks);
        *self = checkpoint.with_log(log);
        Ok(())
    }

    /// The outcome so far.
    pub fn finish(mut self) -> History {
        let ended_at = self.queue.now();
        self.node.history(&mut self.queue, self.seed, self.stop, (ended_at, self.events))
    }
}

/// A run as it stood at an instant, without what it had recorded: small, and quick to make. Any number of runs can be
/// taken up from it.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    run: Simulation,
    marks: LogMarks,
}

impl Checkpoint {
    /// When it was made.
    pub fn at(&self) -> SimTime {
        self.run.now()
    }

    /// A run that goes on from here. Its records begin here; its digest is that of the whole run.
    pub fn resume(&self) -> Simulation {
        self.with_log(Log::default())
    }

    fn with_log(&self, log: Log) -> Simulation {
        let mut run = self.run.clone();
        run.node.recorder.put_log(log);
        run
    }
}

/// A checkpoint of another run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignCheckpoint;

impl fmt::Display for ForeignCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the checkpoint is not one of this run, or a later one")
    }
}

impl std::error::Error for ForeignCheckpoint {}
