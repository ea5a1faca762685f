//! What happened, as symbols and as labels in lanes above the chart.

use super::axis::memory_text;
use super::canvas::Symbol;
use super::palette;
use oomsim_core::node_api::{Name, TerminatedReason};
use oomsim_core::record::{DeathCause, History, LimitScope, Owner, Record, view};
use ordered_float::OrderedFloat;
use plotters::style::RGBColor;
use std::collections::BTreeSet;

/// The kinds of marks; each has its symbol and colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The kernel kills.
    Kill,
    /// The kubelet evicts.
    Evict,
    /// An allocation or a limit is refused.
    Refuse,
    /// Processes wait for memory and hardly go on.
    Stall,
    /// A pod is not let in, or stopping a container fails.
    Reject,
    /// A condition or a setting changes, a container ends.
    Change,
}

impl Class {
    /// Symbol and colour.
    pub fn look(self) -> (Symbol, RGBColor) {
        match self {
            Class::Kill => (Symbol::Cross, palette::VERMILION),
            Class::Evict => (Symbol::TriangleDown, palette::PURPLE),
            Class::Refuse | Class::Stall => (Symbol::Diamond, palette::ORANGE),
            Class::Reject => (Symbol::Ring, palette::GREY),
            Class::Change => (Symbol::Square, palette::SKY),
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Nanoseconds.
    pub at: u64,
    /// Kind.
    pub class: Class,
    /// First line of the label.
    pub title: String,
    /// Second line.
    pub detail: String,
    /// `namespace/name` of the pod, where there is one.
    pub pod: Option<Name>,
}

fn short(pod: &str) -> &str {
    pod.rsplit('/').next().unwrap_or(pod)
}

/// The limit that an out-of-memory kill was for, in words.
pub fn limit_name(limit: &LimitScope) -> &'static str {
    match limit {
        LimitScope::Node => "node out of memory",
        LimitScope::Kubepods => "kubepods limit",
        LimitScope::Qos(_) => "QoS cgroup's limit",
        LimitScope::Pod(_) => "pod's limit",
        LimitScope::Container { .. } => "container's limit",
        LimitScope::Cgroup => "cgroup's limit",
    }
}

fn describe(record: &Record) -> Option<(Class, String, String)> {
    Some(match record {
        Record::OomKill { report, limit, killed_owners: _ } => {
            let limit = limit_name(limit);
            let subject = view::subject(record);
            let title = match subject.comm {
                _ if report.panic => "kernel panic".into(),
                Some(comm) if report.killed.len() > 1 => format!("OOM kill {comm} +{}", report.killed.len() - 1),
                Some(comm) => format!("OOM kill {comm}"),
                None => "OOM, nothing to kill".into(),
            };
            (Class::Kill, title, subject.pod.map_or(limit.into(), |pod| format!("{} · {limit}", short(pod))))
        }
        Record::UserspaceKill { killer, comm, .. } => (Class::Kill, format!("{killer} kills {comm}"), String::new()),
        Record::Stalled { owner: Owner::Container { pod, container }, .. } => {
            (Class::Stall, format!("stalled: {container}"), short(pod).into())
        }
        Record::Stalled { owner: Owner::Host(name), .. } => (Class::Stall, format!("stalled: {name}"), String::new()),
        Record::Unhealthy { pod, .. } => (Class::Change, "Unhealthy".into(), short(pod).into()),
        Record::MarkedForDeletion { pod } => (Class::Change, "marked for deletion".into(), short(pod).into()),
        Record::KernelPanic { .. } => (Class::Kill, "kernel panic".into(), "the node is gone".into()),
        Record::Evicted { pod, .. } => (Class::Evict, "Evicted".into(), short(pod).into()),
        Record::AllocationRefused { comm, op, requested, .. } => {
            (Class::Refuse, format!("ENOMEM {comm}"), format!("{op} {}", memory_text(requested.get() as f64)))
        }
        Record::RuntimeOutOfMemory { runtime, limit, .. } => runtime_mark(record, runtime, limit.get() as f64),
        Record::CgroupWriteRefused { cgroup, .. } => {
            (Class::Refuse, "limit refused: EBUSY".into(), short(cgroup).into())
        }
        Record::PodRejected { pod, .. } => (Class::Reject, "Pod rejected".into(), short(pod).into()),
        Record::KillFailed { pod, .. } => (Class::Reject, "Kill failed".into(), short(pod).into()),
        Record::NodeCondition { r#type, status } => {
            (Class::Change, format!("{type}={status}", type = r#type), String::new())
        }
        Record::RecordedGap { owner, .. } => (Class::Change, "nothing recorded".into(), owner_name(owner).into()),
        Record::RecordedRestart { owner, .. } => {
            (Class::Change, "restart in the recording".into(), owner_name(owner).into())
        }
        Record::NodeChanged { message } => (Class::Change, message.to_string(), String::new()),
        Record::SysctlSet { name, value } => (Class::Change, name.to_string(), format!("= {value}")),
        Record::ContainerTerminated { pod, exit_code, .. } => {
            (Class::Change, format!("exit code {exit_code}"), short(pod).into())
        }
        Record::ProcessExited { comm, cause: DeathCause::SessionHangup, .. } => {
            (Class::Change, format!("SIGHUP {comm}"), "session ended".into())
        }
        _ => return None,
    })
}

fn owner_name(owner: &Owner) -> &str {
    match owner {
        Owner::Container { pod, .. } => short(pod),
        Owner::Host(name) => name,
    }
}

fn runtime_mark(record: &Record, runtime: &str, limit: f64) -> (Class, String, String) {
    let who = view::subject(record).pod.map_or(String::new(), |pod| format!("{} · ", short(pod)));
    (Class::Refuse, format!("{runtime} out of memory"), format!("{who}heap limit {}", memory_text(limit)))
}

/// Everything worth a mark. How the containers of an evicted pod end is part of the eviction, and the end that follows
/// an out-of-memory kill is part of the kill.
pub fn of(history: &History) -> Vec<Mark> {
    let mut evicted: BTreeSet<&Name> = BTreeSet::new();
    let mut shot: BTreeSet<&Name> = BTreeSet::new();
    let mut marks = Vec::new();
    for entry in &history.entries {
        match &entry.record {
            Record::Evicted { pod, .. } => {
                evicted.insert(pod);
            }
            Record::OomKill { killed_owners, .. } => {
                shot.extend(killed_owners.iter().filter_map(|owner| match owner {
                    Owner::Container { pod, .. } => Some(pod),
                    Owner::Host(_) => None,
                }))
            }
            Record::ContainerTerminated { pod, .. } if evicted.contains(pod) => continue,
            Record::ContainerTerminated { pod, exit_code: 137, .. } if shot.remove(pod) => continue,
            Record::ContainerTerminated { reason: TerminatedReason::OomKilled, .. } => continue,
            _ => {}
        }
        if let Some((class, title, detail)) = describe(&entry.record) {
            let pod = view::subject(&entry.record).pod.map(Name::from);
            marks.push(Mark { at: entry.at.as_nanos(), class, title, detail, pod });
        }
    }
    marks
}

/// A label with its place: like a flag whose pole stands at the first of its marks.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The pole's place, in pixels.
    pub x: f64,
    /// Lane, 0 nearest to the chart.
    pub lane: usize,
    /// Width of the text.
    pub width: f64,
    /// Kind.
    pub class: Class,
    /// First line, with `×12` for several.
    pub title: String,
    /// Second line.
    pub detail: String,
}

/// Most lanes of labels.
pub const LANES: usize = 7;
/// More labels than find room in all lanes of the widest picture, each being wider than 30 pixels with its gap.
const MOST_LABELS: usize = 500;
const GAP: f64 = 10.0;

struct Group<'a> {
    marks: Vec<&'a Mark>,
    first: f64,
    last: f64,
}

/// Places labels so that neither two labels nor a label and another's pole overlap: a label that reaches over later
/// poles stands in a higher lane than theirs. When that takes too many lanes, identical marks that follow each other
/// share a label, over ever longer stretches, at last all of a kind.
pub fn layout(marks: &[Mark], to_x: impl Fn(u64) -> f64, width: impl Fn(&str, &str) -> f64) -> Vec<Label> {
    let mut labels = Vec::new();
    for (reach, coarse) in [(90.0, false), (240.0, false), (600.0, false), (1e9, false), (240.0, true), (1e9, true)] {
        let Some(groups) = group(marks, &to_x, reach, coarse) else { continue };
        labels = groups.iter().map(|group| label(group, coarse, &width)).collect();
        assign_lanes(&mut labels);
        if labels.iter().all(|label| label.lane < LANES) {
            break;
        }
    }
    labels
}

/// Marks that share a label; `None`: there are too many labels for any picture.
fn group<'a>(marks: &'a [Mark], to_x: &impl Fn(u64) -> f64, reach: f64, coarse: bool) -> Option<Vec<Group<'a>>> {
    let same = |a: &Mark, b: &Mark| a.class == b.class && (coarse || (a.title == b.title && a.detail == b.detail));
    let mut groups: Vec<Group> = Vec::new();
    for mark in marks {
        let x = to_x(mark.at);
        match groups.iter().rposition(|g| same(g.marks[0], mark) && x - g.last <= reach) {
            Some(at) => {
                groups[at].marks.push(mark);
                groups[at].last = x;
            }
            None if groups.len() == MOST_LABELS => return None,
            None => groups.push(Group { marks: vec![mark], first: x, last: x }),
        }
    }
    Some(groups)
}

fn label(group: &Group, coarse: bool, width: &impl Fn(&str, &str) -> f64) -> Label {
    let first = group.marks[0];
    let count = group.marks.len();
    let one = |pick: fn(&Mark) -> &String| group.marks.iter().all(|mark| pick(mark) == pick(first));
    let topic = |mark: &Mark| mark.title.split('=').next().unwrap_or_default().to_owned();
    let same_topic = group.marks.iter().all(|mark| topic(mark) == topic(first));
    let mut title = match (one(|m| &m.title), same_topic) {
        (true, _) => first.title.clone(),
        (false, true) => topic(first),
        (false, false) => plural(first.class).into(),
    };
    let mut detail = first.detail.clone();
    if coarse && !one(|m| &m.detail) {
        let pods: BTreeSet<_> = group.marks.iter().filter_map(|mark| mark.pod.as_ref()).collect();
        let details: BTreeSet<_> = group.marks.iter().map(|mark| &mark.detail).collect();
        detail = match pods.len() {
            0 | 1 => format!("{detail} and {} more", details.len() - 1),
            many => format!("{many} pods"),
        };
    }
    if count > 1 {
        title.push_str(&format!(" ×{count}"));
    }
    let width = width(&title, &detail);
    Label { x: group.first, lane: 0, width, class: first.class, title, detail }
}

fn plural(class: Class) -> &'static str {
    match class {
        Class::Kill => "OOM kills",
        Class::Evict => "Evicted",
        Class::Refuse => "Refused",
        Class::Stall => "Stalled",
        Class::Reject => "Rejected",
        Class::Change => "Changes",
    }
}

fn assign_lanes(labels: &mut [Label]) {
    labels.sort_by_key(|label| OrderedFloat(label.x));
    for i in (0..labels.len()).rev() {
        let reach = labels[i].x + labels[i].width + GAP;
        let lane = labels[i + 1..].iter().filter(|later| later.x < reach).map(|later| later.lane + 1).max();
        labels[i].lane = lane.unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at: u64, class: Class, title: &str, detail: &str) -> Mark {
        Mark { at, class, title: title.into(), detail: detail.into(), pod: None }
    }

    fn place(marks: &[Mark]) -> Vec<Label> {
        layout(marks, |at| at as f64, |title, detail| 7.0 * title.chars().count().max(detail.chars().count()) as f64)
    }

    fn assert_no_overlap(labels: &[Label]) {
        assert!(labels.iter().all(|label| label.lane < LANES), "{labels:?}");
        for (n, a) in labels.iter().enumerate() {
            for b in &labels[n + 1..] {
                let side_by_side = a.x + a.width <= b.x || b.x + b.width <= a.x;
                assert!(a.lane != b.lane || side_by_side, "{a:?} and {b:?} overlap");
                let (low, high) = if a.lane < b.lane { (a, b) } else { (b, a) };
                let crossed = low.lane < high.lane && high.x > low.x && high.x < low.x + low.width;
                assert!(!crossed, "the pole of {high:?} goes through {low:?}");
            }
        }
    }

    #[test]
    fn labels_overlap_neither_each_other_nor_poles() {
        let marks: Vec<_> = (0..6)
            .map(|n| mark(100 + 20 * n, Class::Evict, "Evicted", &format!("node-exporter-{n}")))
            .chain([mark(150, Class::Kill, "OOM kill ssh", "node out of memory")])
            .collect();
        let labels = place(&marks);
        assert_no_overlap(&labels);
        assert_eq!(labels.len(), 7, "few marks keep their own labels");
    }

    #[test]
    fn identical_marks_close_together_share_a_label() {
        let labels = place(&(0..12).map(|n| mark(50 * n, Class::Kill, "OOM kill java", "web")).collect::<Vec<_>>());
        assert_eq!(labels.len(), 1);
        assert_eq!(labels[0].title, "OOM kill java ×12");
    }

    #[test]
    fn processes_that_stall_together_are_not_called_refused() {
        let stalled = |name: &str| Record::Stalled {
            owner: Owner::Host(name.into()),
            since: oomsim_core::units::SimTime::from_secs(3),
            some_avg10: 2027,
            usage: oomsim_core::units::Bytes::mib(64),
            limit: None,
        };
        let described = (0..12).filter_map(|n| describe(&stalled(&format!("hog-{n}"))));
        let marks: Vec<_> = described.map(|(class, title, detail)| mark(100, class, &title, &detail)).collect();
        let labels = place(&marks);
        assert_eq!(labels.iter().map(|label| label.title.as_str()).collect::<Vec<_>>(), ["Stalled ×12"]);
    }

    #[test]
    fn hundreds_of_different_marks_are_summed_up() {
        let classes = [Class::Kill, Class::Evict, Class::Refuse, Class::Reject, Class::Change];
        let marks: Vec<_> = (0..500)
            .map(|n| mark(3 * n, classes[n as usize % 5], &format!("title {n}"), &format!("a rather long detail {n}")))
            .collect();
        let labels = place(&marks);
        assert_no_overlap(&labels);
        let counted = |l: &Label| l.title.rsplit('×').next().and_then(|n| n.parse::<usize>().ok()).unwrap_or(1);
        assert_eq!(labels.iter().map(counted).sum::<usize>(), 500);
    }
}
