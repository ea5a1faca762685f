//! Questions about what comes next. The answers are not written down anywhere: the run decides.

use oomsim_core::node::NodeView;
use oomsim_core::record::{History, LimitScope, Owner, Record};
use oomsim_core::units::SimTime;
use serde::Serialize;

/// A question with its possible answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Question {
    /// The question.
    pub text: String,
    /// Possible answers.
    pub options: Vec<String>,
    /// Place of the right one.
    pub answer: u32,
    /// What to look at.
    pub hint: String,
    /// What happens, told once the question is answered.
    pub explanation: String,
}

/// What a question is made from.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The whole run.
    pub history: &'a History,
    /// The node as it stands.
    pub node: &'a NodeView,
    /// When.
    pub at: SimTime,
}

/// What a question made from a moment is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Who goes next.
    Who,
    /// By whose hand.
    Hand,
}

impl Subject {
    /// By the words of a lesson.
    pub(crate) const NAMES: [(&'static str, Subject); 2] = [(ASKED[0], Subject::Who), (ASKED[1], Subject::Hand)];
}

/// What a lesson can ask for.
pub(crate) const ASKED: [&str; 2] = ["who goes next", "by whose hand"];

const WHO_HINT: &str = "Which bar meets a limit first: its own, that of kubepods, or the node's? The kernel then takes \
                        the process with the most points below that limit; the kubelet ranks pods by how far they are \
                        above their requests.";
const HAND_HINT: &str = "The kubelet looks every ten seconds, at figures that may be older. The kernel acts at once when \
                         a limit is met. How far is it to the limit, how fast does memory grow, and when is the next \
                         look?";
const NOBODY: &str = "nobody";
/// Options with the right one; more are not read.
const MOST_OPTIONS: usize = 5;

/// The questions that make sense now.
pub fn questions(asked: &Asked<'_>) -> Vec<Question> {
    [Subject::Who, Subject::Hand].into_iter().filter_map(|subject| question(asked, subject)).collect()
}

/// A question about the moment; nothing where it makes no sense.
pub fn question(asked: &Asked<'_>, subject: Subject) -> Option<Question> {
    match subject {
        Subject::Who => who_dies_next(asked),
        Subject::Hand => whose_hand(asked),
    }
}

/// What ends a process or a pod next.
struct Next {
    at: SimTime,
    /// comm of the process, or the pod.
    who: Vec<String>,
    hand: Hand,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hand {
    Cgroup,
    Node,
    Kubelet,
}

impl Hand {
    const ALL: [(Hand, &str); 3] = [
        (Hand::Cgroup, "the kernel, at the limit of a cgroup"),
        (Hand::Node, "the kernel, because the node is full"),
        (Hand::Kubelet, "the kubelet, by eviction"),
    ];
}

fn next(asked: &Asked<'_>) -> Option<Next> {
    let later = asked.history.entries.iter().filter(|entry| entry.at >= asked.at);
    later.into_iter().find_map(|entry| match &entry.record {
        Record::OomKill { report, limit, .. } => {
            let who = report.killed_tasks().map(|task| task.comm.to_string()).collect();
            let hand = if *limit == LimitScope::Node { Hand::Node } else { Hand::Cgroup };
            Some(Next { at: entry.at, who, hand })
        }
        Record::Evicted { pod, .. } => Some(Next { at: entry.at, who: vec![pod.to_string()], hand: Hand::Kubelet }),
        _ => None,
    })
}

fn who_dies_next(asked: &Asked<'_>) -> Option<Question> {
    let next = next(asked);
    let names = those_there(asked.node);
    let right = match &next {
        // A process that the kernel kills stands for its pod.
        Some(next) => match next.hand {
            Hand::Kubelet => next.who.first()?.clone(),
            _ => owner(asked.node, next.who.first()?)?,
        },
        None => NOBODY.to_owned(),
    };
    let mut options: Vec<String> = names.into_iter().filter(|name| *name != right).take(MOST_OPTIONS - 2).collect();
    options.push(right.clone());
    if right != NOBODY {
        options.push(NOBODY.to_owned());
    }
    options.sort();
    let answer = options.iter().position(|option| *option == right)?;
    let explanation = match &next {
        Some(next) => {
            format!("At {:.3} s {} ends {}.", next.at.as_secs_f64(), hand_name(next.hand), next.who.join(" and "))
        }
        None => "Nothing is killed or evicted from here to the end of the run.".to_owned(),
    };
    (options.len() > 1).then(|| Question {
        text: "Who goes next?".to_owned(),
        options,
        answer: u32::try_from(answer).unwrap_or(0),
        hint: WHO_HINT.to_owned(),
        explanation,
    })
}

fn whose_hand(asked: &Asked<'_>) -> Option<Question> {
    let next = next(asked);
    let right = next.as_ref().map_or(NOBODY, |next| hand_name(next.hand));
    let mut options: Vec<String> = Hand::ALL.iter().map(|(_, name)| (*name).to_owned()).collect();
    options.push(NOBODY.to_owned());
    let answer = options.iter().position(|option| option == right)?;
    let explanation = match &next {
        Some(next) => format!("{right}, at {:.3} s.", next.at.as_secs_f64()),
        None => "Nothing is killed or evicted from here to the end of the run.".to_owned(),
    };
    Some(Question {
        text: "By whose hand?".to_owned(),
        options,
        answer: u32::try_from(answer).unwrap_or(0),
        hint: HAND_HINT.to_owned(),
        explanation,
    })
}

/// Pods and host processes of the node, by name.
fn those_there(node: &NodeView) -> Vec<String> {
    let mut names: Vec<String> = node.processes.iter().map(|process| pod_or_host(&process.owner)).collect();
    names.sort();
    names.dedup();
    names
}

/// Whose process has this name.
fn owner(node: &NodeView, comm: &str) -> Option<String> {
    node.processes.iter().find(|process| &*process.comm == comm).map(|process| pod_or_host(&process.owner))
}

fn pod_or_host(owner: &Owner) -> String {
    match owner {
        Owner::Container { pod, .. } => pod.to_string(),
        Owner::Host(name) => format!("host/{name}"),
    }
}

fn hand_name(hand: Hand) -> &'static str {
    Hand::ALL.iter().find(|(one, _)| *one == hand).map_or(NOBODY, |(_, name)| name)
}
