//! Each fact as a sentence, in a file for each topic.

mod after;
mod choice;
mod kernel;
mod kubelet;
mod program;
mod room;

use crate::fact::{Fact, Who, short_pod};
use oomsim_core::node_api::Name;
use oomsim_core::units::SimDuration;

/// A process, a pod or the node, for a sentence.
pub(super) fn who(whom: &Who) -> String {
    match whom {
        Who::Process { pid, comm, of } if of.is_empty() => format!("{comm} ({pid})"),
        Who::Process { pid, comm, of } => format!("{comm} ({pid}) of {of}"),
        Who::Pod(pod) => format!("pod/{}", short_pod(pod)),
        Who::Pods => "all pods together".into(),
        Who::System => "what runs on the node outside of pods".into(),
    }
}

fn pod(name: &Name) -> String {
    format!("pod/{}", short_pod(name))
}

fn secs(length: SimDuration) -> String {
    let seconds = length.as_secs_f64();
    match seconds {
        10.0.. => format!("{seconds:.0} s"),
        0.05.. => format!("{seconds:.1} s"),
        0.001.. => format!("{:.0} ms", seconds * 1000.0),
        _ => "less than 1 ms".to_owned(),
    }
}

/// A fact as a sentence.
pub fn sentence(fact: &Fact) -> String {
    match fact {
        Fact::Program(fact) => program::sentence(fact),
        Fact::Kernel(fact) => kernel::sentence(fact),
        Fact::Kubelet(fact) => kubelet::sentence(fact),
        Fact::Choice(fact) => choice::sentence(fact),
        Fact::After(fact) => after::sentence(fact),
        Fact::Room(fact) => room::sentence(fact),
    }
}
