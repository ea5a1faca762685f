//! Times in which containers, or processes of the node, hardly went on.

use super::{Entry, Owner, Record};
use crate::units::{SimDuration, SimTime};

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Whose processes waited for memory.
    pub owner: Owner,
    /// Since when.
    pub since: SimTime,
    /// How long; up to the end of the run if it did not end before.
    pub lasted: SimDuration,
    /// It ended.
    pub ended: bool,
}

/// All of a run that was over at `ended_at`, in order of time.
pub fn stalls(entries: &[Entry], ended_at: SimTime) -> Vec<Stall> {
    let mut all: Vec<Stall> = Vec::new();
    for entry in entries {
        match &entry.record {
            Record::Stalled { owner, since, .. } => {
                let lasted = ended_at.since(*since);
                all.push(Stall { owner: owner.clone(), since: *since, lasted, ended: false });
            }
            Record::StallEnded { owner, lasted } => {
                if let Some(open) = all.iter_mut().find(|stall| stall.owner == *owner && !stall.ended) {
                    (open.lasted, open.ended) = (*lasted, true);
                }
            }
            _ => {}
        }
    }
    all
}
