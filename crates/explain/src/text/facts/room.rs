//! How much room there was.

use super::pod;
use crate::fact::RoomFact;
use crate::text::amount;

pub(super) fn sentence(fact: &RoomFact) -> String {
    match fact {
        RoomFact::Room { of: "kubepods", peak, limit, .. } => {
            format!("All pods together never held more than {}; their limit is {}.", amount(*peak), amount(*limit))
        }
        RoomFact::Room { name, peak, limit, .. } => {
            format!("{} never held more than {}; its limit is {}.", pod(name), amount(*peak), amount(*limit))
        }
        RoomFact::NodeRoom { lowest, ram } => {
            format!("The node never had less than {} available (MemAvailable), of {}.", amount(*lowest), amount(*ram))
        }
        RoomFact::TopNode { working_set, allocatable, pods, capacity } => format!(
            "The node's working set was at most {}: kubectl top node shows {} % of the allocatable {}, but {} are the pods' and \
             the node has {}.",
            amount(*working_set),
            // kubectl cuts the rest off.
            u128::from(working_set.get()) * 100 / u128::from(allocatable.get().max(1)),
            amount(*allocatable),
            amount(*pods),
            amount(*capacity)
        ),
    }
}
