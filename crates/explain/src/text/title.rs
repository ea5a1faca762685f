//! What happened, in one line, and why, in one sentence.

use super::facts::who;
use super::{amount, clock, signed};
use crate::candidates::Candidates;
use crate::fact::{Fact, KernelFact, KubeletFact, Link, ProgramFact, Who};
use crate::run::Run;
use crate::why::{self, Explanation};
use oomsim_core::record::{Cause, Choice, Happening};

/// What happened: `dotnet (301) of pod/web/app was killed by the kernel at 21.000s`.
pub fn title(why: &Explanation) -> String {
    format!("{} at {}", headline(why), clock(why.at))
}

/// What happened, without the time: `dotnet (301) of pod/web/app was killed by the kernel`.
pub fn headline(why: &Explanation) -> String {
    happened(why.cause, why.who.as_ref())
}

fn happened(cause: Cause, whom: Option<&Who>) -> String {
    let whom = whom.map_or_else(String::new, who);
    match cause {
        cause if cause.is_oom_kill() => format!("{whom} was killed by the kernel"),
        cause if cause.is_eviction() => format!("{whom} was evicted by the kubelet"),
        Cause::NotAdmitted => format!("{whom} was not admitted"),
        Cause::CommitLimit => format!("{whom} was refused memory by the kernel"),
        Cause::RuntimeLimit => format!("{whom} was refused memory by its own runtime"),
        Cause::ContainerGone => format!("a container of {whom} could not be stopped"),
        Cause::SessionEnded => format!("{whom} was ended by the end of its session"),
        Cause::Exit => format!("{whom} ended by itself"),
        Cause::FailedProbe => format!("{whom} was killed by the kubelet (failed probe)"),
        Cause::UserspaceKiller => format!("{whom} was killed by a daemon in user space"),
        Cause::Signal => format!("{whom} was sent a signal by the scenario"),
        Cause::BackOff => format!("a restart in {whom} was put off"),
        Cause::Stalled => format!("{whom} was stalled waiting for memory"),
        Cause::KernelPanic => "the kernel panicked".into(),
        _ => "the kubelet did not start".into(),
    }
}

/// Everything that has a cause, numbered; equal ones in a row are put together.
pub fn listing(run: &Run) -> String {
    let all = run.happenings();
    let mut text = String::new();
    let mut at = 0;
    while at < all.len() {
        let line = |h: &Happening| happened(h.cause, why::who(&run.history().entries[h.entry].record).as_ref());
        let mut end = at + 1;
        let own = line(&all[at]);
        while end < all.len() && line(&all[end]) == own {
            end += 1;
        }
        let number = if end - at > 1 { format!("{}-{end}", at + 1) } else { (at + 1).to_string() };
        let again = if end - at > 1 { format!(" ({} times)", end - at) } else { String::new() };
        text.push_str(&format!("  {number:>7}  {:>11}  {own}{again}: {}\n", clock(all[at].at), all[at].cause));
        at = end;
    }
    text
}

/// The reason in one or two sentences.
pub fn because(why: &Explanation) -> String {
    let main = why.chain.iter().find_map(|link: &Link| of_fact(why.cause, &link.fact));
    let mut said = main.unwrap_or_else(|| of_cause(why.cause).to_owned());
    if let Some(chosen) = chosen(why) {
        said.push(' ');
        said.push_str(&chosen);
    }
    said
}

/// The fact that says it all.
fn of_fact(cause: Cause, fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::Kernel(KernelFact::LimitFull { limit, usage, .. }) => {
            format!(
                "{} was full: {} of {} were in use and nothing more could be freed.",
                limit_of(cause),
                amount(*usage),
                amount(*limit)
            )
        }
        Fact::Kernel(KernelFact::LimitLowered { limit, usage, .. }) => format!(
            "{} was lowered to {} while {} were in use, and not enough could be freed.",
            limit_of(cause),
            amount(*limit),
            amount(*usage)
        ),
        Fact::Kernel(KernelFact::NodeFull { free, .. }) => {
            format!(
                "The node was out of memory: {} were free, all of it kept back for the kernel's own use.",
                amount(*free)
            )
        }
        Fact::Kubelet(KubeletFact::ThresholdMet { threshold, .. }) => format!(
            "The kubelet saw {} = {}, below its threshold of {}, and evicts one pod at a time until that is over.",
            threshold.signal,
            signed(threshold.available),
            amount(threshold.quantity)
        ),
        Fact::Program(ProgramFact::Refused { requested, committed_as, commit_limit, mode: 2, .. }) => format!(
            "It asked for {}; {} were promised already, and CommitLimit allows {} in all.",
            amount(*requested),
            amount(*committed_as),
            amount(*commit_limit)
        ),
        Fact::Program(ProgramFact::Refused { requested, .. }) => {
            format!("It asked for {} at once, more than the kernel believes it could ever give.", amount(*requested))
        }
        Fact::Program(ProgramFact::RuntimeRefused { runtime, heap, limit, requested, .. }) => format!(
            "The {runtime} runtime has a limit of its own, {}; its heap held {} and {} more were asked for.",
            amount(*limit),
            amount(*heap),
            amount(*requested)
        ),
        _ => return None,
    })
}

/// What a cause says by itself.
fn of_cause(cause: Cause) -> &'static str {
    match cause {
        Cause::NotAdmitted => "The kubelet takes no such pod now.",
        Cause::ContainerGone => "It was gone when the kubelet got round to it.",
        Cause::FailedProbe => {
            "It did not answer its probe often enough in a row, and the kubelet starts such a container anew."
        }
        Cause::UserspaceKiller => "A daemon of the node's own decided, not the kernel's OOM killer.",
        Cause::Signal => "The scenario sent it a signal, as a person or another program would.",
        Cause::Stalled => {
            "It spends its time waiting for memory; as long as something can be freed, nothing is killed."
        }
        Cause::Exit => "It ended by itself; neither the kernel's OOM killer nor the kubelet did it.",
        Cause::KernelPanic => "The kernel gave up instead of killing a process.",
        Cause::KubeletNotStarted => {
            "Its settings contradict each other or do not fit on the machine; as long as that is so, no pod runs."
        }
        Cause::BackOff => "It keeps ending, so each restart waits longer.",
        Cause::SessionEnded => "The leader of its session had ended; the kernel's OOM killer did not choose it.",
        _ => "Neither the kernel's OOM killer nor the kubelet did it.",
    }
}

fn limit_of(cause: Cause) -> &'static str {
    match cause {
        Cause::ContainerLimit => "Its container's memory limit",
        Cause::PodLimit => "Its pod's memory limit",
        Cause::QosLimit => "The memory limit of its QoS class",
        Cause::KubepodsLimit => "The limit of all pods together",
        _ => "The limit of a cgroup",
    }
}

/// How the victim was chosen.
fn chosen(why: &Explanation) -> Option<String> {
    if let Some(choice) = why.choice {
        let innocent = if why.innocent { " It had not grown: another did." } else { "" };
        let how = match choice {
            Choice::MostPoints => "Of the processes there it had the most points.",
            Choice::Tie => "Several processes had equal points, and the kernel's order of looking at them decided.",
            Choice::OnlyCandidate => "It was the only process there that may be killed.",
            Choice::AllocatingTask => "It happened to be the one that asked for memory.",
            Choice::Child => "It died in place of its parent, which had the most points.",
        };
        return Some(format!("{how}{innocent}"));
    }
    let Some(Candidates::Kubelet { pods }) = &why.candidates else { return None };
    let victim = pods.iter().find(|pod| pod.evicted)?;
    let others = pods.iter().filter(|pod| !pod.critical && pod.pod != victim.pod);
    let how = if victim.seen.is_none() {
        "This pod had no figure yet, and such pods go first."
    } else if others.clone().next().is_none() {
        "There was no other pod to evict."
    } else if victim.exceeds_request && others.clone().all(|o| !o.exceeds_request) {
        "This pod was the only one seen above its request."
    } else if others.clone().any(|o| o.exceeds_request == victim.exceeds_request && o.priority == victim.priority) {
        match victim.exceeds_request {
            true => "Of the pods seen above their requests, with the same priority, this one was furthest above.",
            false => {
                "No pod was seen above its request; of those with the lowest priority, this one was nearest to it."
            }
        }
    } else {
        "This pod came first in the order of eviction."
    };
    let innocent = if why.innocent { " It had not grown: what grew was elsewhere." } else { "" };
    Some(format!("{how}{innocent}"))
}
