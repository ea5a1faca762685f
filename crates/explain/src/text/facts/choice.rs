//! Why this one and not another.

use super::who;
use crate::fact::{ChoiceFact, Who, WhyNot};
use crate::text::{amount, signed};
use oomsim_core::node_api::QosClass;
use oomsim_core::units::Bytes;

pub(super) fn sentence(fact: &ChoiceFact) -> String {
    match fact {
        ChoiceFact::NotChosen { who: whom, holds, why_not } => not_chosen(whom, *holds, why_not),
        ChoiceFact::MostPoints { points, of } => {
            format!("Of the {of} processes there it has the most points, {points}.")
        }
        ChoiceFact::Score { who: whom, oom_score_adj, qos, request, ram, own } => {
            let head = format!("The oom_score_adj of {} is {oom_score_adj}", who(whom));
            match qos {
                _ if *own => format!("{head}: the process has set it itself."),
                None => format!("{head}, as for everything that runs on the node outside of pods."),
                Some(QosClass::BestEffort) => format!(
                    "{head}, the most there is: its pod has no requests and no limits (class BestEffort), so that it goes \
                     first on a full node."
                ),
                Some(QosClass::Guaranteed) => format!(
                    "{head}, nearly the least: its pod's requests of CPU and memory equal its limits (class Guaranteed), so \
                     that it goes last on a full node."
                ),
                Some(QosClass::Burstable) => format!(
                    "{head}: its pod has requests or limits, but not equal ones of CPU and memory in every container \
                     (class Burstable). Its container requests {} of \
                     the node's {}; the more, the lower the figure.",
                    amount(*request),
                    amount(*ram)
                ),
            }
        }
        ChoiceFact::Group { cgroup, also } => {
            let list: Vec<String> = also.iter().map(who).collect();
            let also = if list.is_empty() { "no other process was in it".to_owned() } else { list.join(", ") };
            format!("The cgroup {cgroup} dies as a whole: {also}.")
        }
        ChoiceFact::Equals { points, count } => format!("{count} processes have the same points, {points}."),
        ChoiceFact::OrderDecides { last: true } => "Of these the one that the kernel looks at last dies.".into(),
        ChoiceFact::OrderDecides { last: false } => "Of these the one that the kernel looks at first dies.".into(),
        ChoiceFact::ChildDied { chosen } => {
            format!("{} had the most points, but a child of it died in its place.", who(chosen))
        }
        ChoiceFact::Allocating => "The process that asked for memory dies; no points are compared.".into(),
    }
}

fn not_chosen(whom: &Who, holds: Bytes, why_not: &WhyNot) -> String {
    let head = format!("Why not {}, which held {}?", who(whom), amount(holds));
    let because = match why_not {
        WhyNot::Adjusted { points, victim_points, oom_score_adj, victim_adj, step } => {
            let apart = i64::from(*victim_adj - *oom_score_adj).saturating_mul(*step);
            let worth = Bytes::new(apart.unsigned_abs().saturating_mul(4096));
            format!(
                "It has {points} points, the victim {victim_points}: its oom_score_adj is {oom_score_adj}, the victim's {victim_adj}, and \
                 that difference is worth {} here, whatever the two really hold.",
                amount(worth)
            )
        }
        WhyNot::Tied { points } => {
            format!("Its points are the same, {points}: size does not show in them, so it does not matter.")
        }
        WhyNot::Protected => "Its oom_score_adj is −1000: it can never be killed.".into(),
        WhyNot::OutsideTheLimit => {
            "It is outside of the cgroup whose limit was full; killing it would not help there.".into()
        }
        WhyNot::WithinRequest { request } => {
            format!("It was within its request of {}; pods above theirs go first.", amount(*request))
        }
        WhyNot::LessAbove { by, victim_by } => format!(
            "As the kubelet saw it, it was {} above its request, the victim {}.",
            signed(*by),
            signed(*victim_by)
        ),
        WhyNot::Priority { priority, victim_priority } => {
            format!("Its priority is {priority}, the victim's {victim_priority}.")
        }
        WhyNot::OldFigure { seen, age_s, now } => format!(
            "The kubelet believed {} of it, a figure {age_s:.1} s old; it really used {}.",
            amount(*seen),
            amount(*now)
        ),
        WhyNot::NoFigureOfVictim => {
            "The kubelet had no figure of the victim yet, and pods without figures go first.".into()
        }
        WhyNot::Critical => "It is critical and never evicted.".into(),
        WhyNot::NoPod => {
            "It is no pod: the kubelet can evict only pods, so it evicts one that may have nothing to do with it."
                .into()
        }
    };
    format!("{head} {because}")
}
