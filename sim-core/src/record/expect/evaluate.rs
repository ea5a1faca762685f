//! Judging expectations, with what was expected and what came nearest.

use super::matching::brief;
use super::state::{self, Judged, instant};
use super::why;
use super::{Check, EventCheck, Expectation, Relation, RequiredShare};
use crate::record::{Entry, History, Record, view};
use crate::units::{SimDuration, SimTime};
use std::collections::BTreeMap;

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
    let by_kind = ByKind::of(&history.entries);
    let judge = |expectation: &Expectation| {
        let judged = match &expectation.check {
            Check::Event(check) => event(check, history, &by_kind),
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

/// Which entries are of a kind: there may be as many expectations as there are entries.
struct ByKind<'h> {
    entries: &'h [Entry],
    kinds: BTreeMap<&'static str, Vec<usize>>,
}

impl<'h> ByKind<'h> {
    fn of(entries: &'h [Entry]) -> Self {
        let mut kinds: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, entry) in entries.iter().enumerate() {
            kinds.entry(view::kind(&entry.record).name).or_default().push(index);
        }
        ByKind { entries, kinds }
    }

    fn get(&self, kind: &str) -> &[usize] {
        self.kinds.get(kind).map_or(&[], Vec::as_slice)
    }

    /// What is wrong with an entry's place among others.
    fn place_misfits(&self, check: &EventCheck, index: usize) -> impl Iterator<Item = String> {
        let at = self.entries[index].at;
        let after = check.after.as_ref().and_then(|relation| {
            let others = self.get(&relation.other.kind);
            let earlier = &others[..others.partition_point(|other| *other < index)];
            relation_misfit(relation, "before", earlier.iter().rev().map(|other| &self.entries[*other]), at)
        });
        let before = check.before.as_ref().and_then(|relation| {
            let others = self.get(&relation.other.kind);
            let later = &others[others.partition_point(|other| *other <= index)..];
            relation_misfit(relation, "after", later.iter().map(|other| &self.entries[*other]), at)
        });
        after.into_iter().chain(before)
    }
}

fn event(check: &EventCheck, history: &History, by_kind: &ByKind<'_>) -> Judged {
    let fits = |index: &usize| {
        let entry = &history.entries[*index];
        check.between.contains(entry.at)
            && check.what.fits(&entry.record)
            && by_kind.place_misfits(check, *index).next().is_none()
    };
    let (fitting, others): (Vec<usize>, Vec<usize>) = by_kind.get(&check.what.kind).iter().partition(|i| fits(i));
    let count = i64::try_from(fitting.len()).unwrap_or(i64::MAX);
    let fitting: Vec<&Entry> = fitting.iter().map(|index| &history.entries[*index]).collect();
    let holds = if check.count.is_open() { count > 0 } else { check.count.holds(count) };
    let found = if holds || check.count.max.is_some_and(|max| count > max) {
        occurrences(&fitting)
    } else {
        let head = if fitting.is_empty() { String::new() } else { format!("only {}; ", occurrences(&fitting)) };
        match &nearest(check, &others, by_kind)[..] {
            [] if fitting.is_empty() => format!("no {} at all; {}", check.what.kind, deaths(history)),
            [] => format!("{head}nothing else of that kind"),
            some => format!("{head}nearest: {}", some.join("; ")),
        }
    };
    Judged { holds, expected: describe(check), found }
}

/// Of entries that do not fit, those that nearly do, and what is wrong with them.
fn nearest(check: &EventCheck, others: &[usize], by_kind: &ByKind<'_>) -> Vec<String> {
    let own_misfits = |index: &usize| {
        let entry = &by_kind.entries[*index];
        let mut misfits = check.what.misfits(&entry.record).unwrap_or_default();
        if !check.between.contains(entry.at) {
            misfits.push(format!("the time is not {}", window(check)));
        }
        (misfits, *index)
    };
    let mut near: Vec<(Vec<String>, usize)> = others.iter().map(own_misfits).collect();
    // Where nothing else is wrong, its place among others is.
    near.sort_by_key(|(misfits, _)| misfits.len().max(1));
    let shown = near.into_iter().take(3).map(|(mut misfits, index)| {
        misfits.extend(by_kind.place_misfits(check, index));
        format!("{}: {}", brief(&by_kind.entries[index]), misfits.join(", "))
    });
    shown.collect()
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
