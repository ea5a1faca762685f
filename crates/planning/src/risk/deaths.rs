//! Who dies in a run, and by whose hand.

use crate::measure::RunOutcome;
use oomsim_core::node_api::{ExitStatus, Name};
use oomsim_core::record::{DeathCause, Entry, History, Owner, Record};
use oomsim_core::units::SimTime;
use std::collections::BTreeMap;

/// First deaths by container: `namespace/name` of its pod, its name.
pub type FirstDeaths = BTreeMap<(Name, Name), (SimTime, RunOutcome)>;

/// In how many runs a container dies, by who kills it first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeathTally {
    /// Runs.
    pub runs: u64,
    /// Runs by container (`namespace/name` of its pod, its name) and by its first death.
    pub containers: BTreeMap<(Name, Name), BTreeMap<RunOutcome, u64>>,
    /// Runs in which a process of the node itself is killed.
    pub host: u64,
}

impl DeathTally {
    /// Adds a run.
    pub fn add(&mut self, history: &History) {
        self.runs += 1;
        let (first, host) = deaths(history);
        for (container, (_, outcome)) in first {
            *self.containers.entry(container).or_default().entry(outcome).or_default() += 1;
        }
        self.host += u64::from(host);
    }

    /// Adds the runs of another tally.
    pub fn merge(mut self, other: DeathTally) -> DeathTally {
        self.runs += other.runs;
        self.host += other.host;
        for (container, outcomes) in other.containers {
            let mine = self.containers.entry(container).or_default();
            outcomes.into_iter().for_each(|(outcome, n)| *mine.entry(outcome).or_default() += n);
        }
        self
    }
}

/// The first death of each container in a run, and whether a process of the node itself was killed.
pub fn deaths(history: &History) -> (FirstDeaths, bool) {
    let (mut first, mut host) = (FirstDeaths::new(), false);
    for entry in &history.entries {
        for (owner, outcome) in killed(entry) {
            match owner {
                Owner::Container { pod, container } => {
                    first.entry((pod.clone(), container.clone())).or_insert((entry.at, outcome));
                }
                Owner::Host(_) => host |= outcome.is_oom(),
            }
        }
    }
    (first, host)
}

/// Whose processes died with an entry of the log.
fn killed(entry: &Entry) -> Vec<(&Owner, RunOutcome)> {
    match &entry.record {
        Record::OomKill { limit, killed_owners, .. } => {
            killed_owners.iter().map(|owner| (owner, RunOutcome::of_oom(limit))).collect()
        }
        Record::ProcessExited { owner, cause: DeathCause::Eviction, .. } => vec![(owner, RunOutcome::Eviction)],
        Record::ProcessExited { owner, cause: DeathCause::UserspaceKiller, .. } => {
            vec![(owner, RunOutcome::UserspaceKill)]
        }
        Record::ProcessExited { owner, cause: DeathCause::SelfExit, status, .. } if *status != ExitStatus::Code(0) => {
            vec![(owner, RunOutcome::SelfExit)]
        }
        _ => Vec::new(),
    }
}
