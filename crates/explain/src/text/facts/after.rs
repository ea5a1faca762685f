//! What followed.

use super::{pod, secs, who};
use crate::fact::AfterFact;
use crate::text::{amount, clock};
use oomsim_core::node_api::{NodeConditionType, PodPhase};
use oomsim_core::record::ConditionStatus;

pub(super) fn sentence(fact: &AfterFact) -> String {
    match fact {
        AfterFact::Terminated { pod: name, container, reason, exit_code } => {
            format!("{}: container {container} ended, reason {reason}, exit code {exit_code}.", pod(name))
        }
        AfterFact::Waits { pod: name, container, delay } => {
            format!("{}: the next start of {container} waits {delay} (CrashLoopBackOff).", pod(name))
        }
        AfterFact::Restarted { pod: name, container, restarts } => {
            format!("{}: container {container} was started again (restart {restarts}).", pod(name))
        }
        AfterFact::LivesOn { pod: name, container } => format!(
            "{}: container {container} goes on without the process that died; Kubernetes shows it as Running, without a restart.",
            pod(name)
        ),
        AfterFact::Phase { pod: name, phase: PodPhase::Failed, evicted: true } => {
            format!("{} is Failed, with the reason Evicted, and is not started again.", pod(name))
        }
        AfterFact::Phase { pod: name, phase: phase @ (PodPhase::Failed | PodPhase::Succeeded), .. } => {
            format!("{} is over: {phase}. Its restartPolicy starts no container of it again.", pod(name))
        }
        AfterFact::Phase { pod: name, phase, .. } => format!("{} is {phase}.", pod(name)),
        AfterFact::Recreated { pod: name } => format!("Its controller made a new pod: {}.", pod(name)),
        AfterFact::Rejected { pod: name, message, .. } => format!("{} was not admitted: {message}", pod(name)),
        AfterFact::Condition { condition: NodeConditionType::Ready, status } => match status {
            ConditionStatus::True => "The node is Ready again.".into(),
            _ => "The control plane has not heard of the node for too long: it is NotReady.".into(),
        },
        AfterFact::Condition { condition, status: ConditionStatus::True } => {
            format!("The node reports {condition}; BestEffort pods stay away while it does.")
        }
        AfterFact::Condition { condition, status: ConditionStatus::False } => {
            format!("The node no longer reports {condition}.")
        }
        AfterFact::Condition { condition, status: ConditionStatus::Unknown } => {
            format!("Whether the node has {condition} is not known any more.")
        }
        AfterFact::StopFailed { pod: name, container, ended_at, never_started } => {
            let why = match (ended_at, never_started) {
                (_, true) => "it had not been started yet".to_owned(),
                (Some(at), _) => format!("it had ended at {}", clock(*at)),
                (None, _) => "it was gone already".to_owned(),
            };
            format!("{}: container {container} could not be stopped (NotFound): {why}.", pod(name))
        }
        AfterFact::StopComesLate { pod: name, container } => format!(
            "{}: container {container} is gone. A look of the kubelet that began before, on a slow node, may still end with the \
             eviction of this pod; its runtime then answers the stop with NotFound.",
            pod(name)
        ),
        AfterFact::Freed { bytes, after } => {
            format!("{} of the node's memory were free again {} later.", amount(*bytes), secs(*after))
        }
        AfterFact::Next { number, cause, who: whom } => {
            let whom = whom.as_ref().map_or_else(String::new, |w| format!(": {}", who(w)));
            format!("See number {number} of the list ({cause}){whom}.")
        }
    }
}
