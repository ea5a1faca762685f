//! Judging expectations, with what was expected and what came nearest.

use super::matching::brief;
use super::state::{self, Judged, instant};
use super::why;
use super::{Check, EventCheck, Expectation, Relation, RequiredShare};
use crate::record::{Entry, History, Record, view};
use crate::units::{SimDuration, SimTime};

/// How one expectation fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectationResult {
    /// True when it holds.
    pub holds: bool,
    /// What was expected, in words.
    pub expected: String,
    /// What came; for one that does not hold, what came nearest and what does not fit.
    pub found: String,
    /// Where the statement comes from.
    pub source: String,
    /// On what share of several runs it has to hold.
    pub required: RequiredShare,
    /// Line of its `[[expect]]` in the scenario file, from 1; 0 when there is no file.
    pub line: usize,
}

/// Judges all expectations of a scenario by its run. A statement about something that the run did not keep (see
/// [`Expectation::needs`]) finds nothing.
pub fn evaluate(expectations: &[Expectation], history: &History) -> Vec<ExpectationResult> {
    let judge = |expectation: &Expectation| {
        let judged = match &expectation.check {
            Check::Event(check) => event(check, history),
            Check::Pod(check) => state::pod(check, history),
            Check::Process(check) => state::process(check, history),
            Check::Condition(check) => state::condition(check, history),
            Check::Series(check) => state::series(check, history),
            Check::Total(check) => state::total(check, history),
            Check::Why(check) => why::why(check, history),
        };
        let Judged { holds, expected, found } = judged;
        let Expectation { required, line, .. } = *expectation;
        ExpectationResult { holds, expected, found, source: expectation.source.clone(), required, line }
    };
    expectations.iter().map(judge).collect()
}

fn event(check: &EventCheck, history: &History) -> Judged {
    let entries = &history.entries;
    let (mut fitting, mut near) = (Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        let Some(mut misfits) = check.what.misfits(&entry.record) else { continue };
        misfits.extend(time_misfits(check, index, entries));
        if misfits.is_empty() { fitting.push(entry) } else { near.push((misfits, entry)) }
    }
    let count = i64::try_from(fitting.len()).unwrap_or(i64::MAX);
    let holds = if check.count.is_open() { count > 0 } else { check.count.holds(count) };
    let found = if holds || check.count.max.is_some_and(|max| count > max) {
        occurrences(&fitting)
    } else {
        near.sort_by_key(|(misfits, _)| misfits.len());
        let head = if fitting.is_empty() { String::new() } else { format!("only {}; ", occurrences(&fitting)) };
        match &near[..] {
            [] if fitting.is_empty() => format!("no {} at all; {}", check.what.kind, deaths(history)),
            [] => format!("{head}nothing else of that kind"),
            some => {
                let list: Vec<_> = some
                    .iter()
                    .take(3)
                    .map(|(misfits, entry)| format!("{}: {}", brief(entry), misfits.join(", ")))
                    .collect();
                format!("{head}nearest: {}", list.join("; "))
            }
        }
    };
    Judged { holds, expected: describe(check), found }
}

fn occurrences(fitting: &[&Entry]) -> String {
    match fitting {
        [] => "none".into(),
        [one] => brief(one),
        some => {
            let list: Vec<_> = some.iter().take(5).map(|entry| brief(entry)).collect();
            let more = if some.len() > 5 { format!(", … and {} more", some.len() - 5) } else { String::new() };
            format!("{} times: {}{more}", some.len(), list.join(", "))
        }
    }
}

/// Which deaths and refusals the run has, for an expectation that found nothing of its kind.
fn deaths(history: &History) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for entry in &history.entries {
        let telling = matches!(
            entry.record,
            Record::OomKill { .. }
                | Record::Evicted { .. }
                | Record::ContainerTerminated { .. }
                | Record::AllocationRefused { .. }
                | Record::RuntimeOutOfMemory { .. }
                | Record::PodRejected { .. }
                | Record::Stalled { .. }
                | Record::KernelPanic { .. }
        );
        if !telling {
            continue;
        }
        let name = view::kind(&entry.record).name;
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    if counts.is_empty() {
        return format!("nothing died up to {}", instant(history.ended_at));
    }
    let list: Vec<_> = counts.iter().map(|(name, count)| format!("{name} ×{count}")).collect();
    format!("the run has {}", list.join(", "))
}

fn time_misfits(check: &EventCheck, index: usize, entries: &[Entry]) -> Vec<String> {
    let mut misfits = Vec::new();
    let at = entries[index].at;
    if !check.between.contains(at) {
        misfits.push(format!("the time is not {}", window(check)));
    }
    let (earlier, later) = (&entries[..index], &entries[index + 1..]);
    if let Some(relation) = &check.after {
        misfits.extend(relation_misfit(relation, "before", earlier.iter().rev(), at));
    }
    if let Some(relation) = &check.before {
        misfits.extend(relation_misfit(relation, "after", later.iter(), at));
    }
    misfits
}

/// `others` come nearest first.
fn relation_misfit<'a>(
    relation: &Relation,
    side: &str,
    others: impl Iterator<Item = &'a Entry>,
    at: SimTime,
) -> Option<String> {
    let distance = |other: &Entry| if other.at > at { other.at.since(at) } else { at.since(other.at) };
    let mut nearest: Option<SimDuration> = None;
    for other in others {
        let apart = distance(other);
        if relation.within.is_some_and(|within| apart > within) && nearest.is_some() {
            break;
        }
        if !relation.other.fits(&other.record) {
            continue;
        }
        if relation.within.is_none_or(|within| apart <= within) && relation.least.is_none_or(|least| apart >= least) {
            return None;
        }
        nearest.get_or_insert(apart);
    }
    let what = relation.other.describe();
    Some(match nearest {
        Some(apart) => format!("the nearest {what} {side} it is {apart} away"),
        None => format!("there is no {what} {side} it"),
    })
}

fn window(check: &EventCheck) -> String {
    match (check.between.from, check.between.to) {
        (from, to) if from == to => format!("at {}", instant(from)),
        (from, SimTime::MAX) => format!("from {} on", instant(from)),
        (SimTime::ZERO, to) => format!("up to {}", instant(to)),
        (from, to) => format!("between {} and {}", instant(from), instant(to)),
    }
}

fn describe(check: &EventCheck) -> String {
    let mut parts = vec![check.what.describe()];
    parts.push(match (check.count.min, check.count.max) {
        (_, Some(0)) => "never".into(),
        (Some(1), None) | (None, None) => "at least once".into(),
        (Some(1), Some(1)) => "exactly once".into(),
        _ => format!("{} times", check.count.describe(|n| n.to_string())),
    });
    if (check.between.from, check.between.to) != (SimTime::ZERO, SimTime::MAX) {
        parts.push(window(check));
    }
    for (side, relation) in [("after", &check.after), ("before", &check.before)] {
        let Some(relation) = relation else { continue };
        let distance = match (relation.least, relation.within) {
            (None, None) => String::new(),
            (Some(least), None) => format!("at least {least} "),
            (None, Some(within)) => format!("at most {within} "),
            (Some(least), Some(within)) => format!("{least} to {within} "),
        };
        parts.push(format!("{distance}{side} {}", relation.other.describe()));
    }
    parts.join(", ")
}
