//! The facts that explanations are made of: figures, no sentences. One file for each topic; the sentences are in
//! `text/facts`, in files of the same names.

mod after;
mod choice;
mod kernel;
mod kubelet;
mod program;
mod room;

pub use after::AfterFact;
pub use choice::{ChoiceFact, WhyNot};
pub use kernel::KernelFact;
pub use kubelet::{KubeletFact, ThresholdState};
pub use program::ProgramFact;
pub use room::RoomFact;

use crate::rule::Rule;
use oomsim_core::node_api::Name;
use oomsim_core::record::Owner;
use oomsim_core::units::{Pid, SimDuration, SimTime};
use serde::{Serialize, Serializer};

fn seconds<S: Serializer>(length: &SimDuration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(length.as_secs_f64())
}

pub(crate) fn instant<S: Serializer>(at: &SimTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(at.as_secs_f64())
}

pub(crate) fn some_instant<S: Serializer>(at: &Option<SimTime>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(SimTime::as_secs_f64).serialize(serializer)
}

/// One link of an explanation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Link {
    /// When; `None`: it holds all the time.
    #[serde(rename = "t", serialize_with = "some_instant")]
    pub at: Option<SimTime>,
    /// What.
    #[serde(flatten)]
    pub fact: Fact,
    /// By which rule.
    pub rule: Option<Rule>,
}

impl Link {
    /// Something at an instant.
    pub fn at(at: SimTime, fact: impl Into<Fact>) -> Link {
        Link { at: Some(at), fact: fact.into(), rule: None }
    }

    /// Something that holds.
    pub fn of(fact: impl Into<Fact>) -> Link {
        Link { at: None, fact: fact.into(), rule: None }
    }

    /// By this rule.
    #[must_use]
    pub fn by(self, rule: Rule) -> Link {
        Link { rule: Some(rule), ..self }
    }
}

/// A fact with its figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Fact {
    /// What programs did, and what became of their requests.
    Program(ProgramFact),
    /// What the kernel found when memory ran out.
    Kernel(KernelFact),
    /// What the kubelet saw and decided.
    Kubelet(KubeletFact),
    /// Why this one and not another.
    Choice(ChoiceFact),
    /// What followed.
    After(AfterFact),
    /// How much room there was.
    Room(RoomFact),
}

macro_rules! into_fact {
    ($($topic:ident($fact:ident))+) => {
        $(impl From<$fact> for Fact {
            fn from(fact: $fact) -> Fact {
                Fact::$topic(fact)
            }
        })+
    };
}

into_fact! {
    Program(ProgramFact) Kernel(KernelFact) Kubelet(KubeletFact) Choice(ChoiceFact) After(AfterFact) Room(RoomFact)
}

/// A process, a pod or the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Who {
    /// A process.
    Process {
        /// Process id.
        pid: Pid,
        /// Name.
        comm: Name,
        /// The container (`pod/NAMESPACE/NAME/CONTAINER`) or the host process that it belongs to; empty: not known.
        of: String,
    },
    /// A pod, `namespace/name`.
    Pod(Name),
    /// All pods together.
    Pods,
    /// The node's own processes together.
    System,
}

impl Who {
    /// A process of an owner.
    pub fn process(pid: Pid, comm: &Name, owner: Option<&Owner>) -> Who {
        let of = match owner {
            Some(Owner::Container { pod, container }) => format!("pod/{}/{container}", short_pod(pod)),
            Some(Owner::Host(name)) => format!("host/{name}"),
            None => String::new(),
        };
        Who::Process { pid, comm: comm.clone(), of }
    }
}

/// A pod without the namespace `default`.
pub fn short_pod(pod: &str) -> &str {
    pod.strip_prefix("default/").unwrap_or(pod)
}
