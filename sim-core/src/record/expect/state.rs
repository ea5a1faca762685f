//! Statements about how things stand at the end, about curves and about counts.

use super::matching::amounts;
use super::{Bounds, ConditionCheck, Curve, Pattern, PodCheck, ProcessCheck, SeriesCheck, Total, TotalCheck, amount};
use crate::node_api::{NodeConditionType, PodReason};
use crate::record::{ConditionStatus, History, Owner, PodOutcome, Record, Sample, Series};
use crate::units::{Bytes, SimTime};

/// What was asked, whether it holds, and what came.
pub(super) struct Judged {
    pub holds: bool,
    pub expected: String,
    pub found: String,
}

/// An instant for people: seconds with milliseconds; minutes from two minutes on, then hours.
pub(super) fn instant(at: SimTime) -> String {
    let ms = at.as_nanos() / 1_000_000;
    match ms / 1000 {
        0..120 => format!("{}.{:03} s", ms / 1000, ms % 1000),
        s @ 120..3600 => format!("{}m{:02}.{:03}s", s / 60, s % 60, ms % 1000),
        s => format!("{}h{:02}m{:02}.{:03}s", s / 3600, s / 60 % 60, s % 60, ms % 1000),
    }
}

fn signed(bytes: Bytes) -> i64 {
    i64::try_from(bytes.get()).unwrap_or(i64::MAX)
}

fn times(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn pod_misfits(check: &PodCheck, pod: &PodOutcome) -> Vec<String> {
    let mut misfits = Vec::new();
    let mut text = |what: &str, wanted: Option<&Pattern>, got: &str| {
        if let Some(wanted) = wanted.filter(|wanted| !wanted.matches(got)) {
            misfits.push(format!("{what} is {got:?}, not {:?}", wanted.0));
        }
    };
    text("phase", check.phase.map(|phase| Pattern::from(phase.as_str())).as_ref(), pod.phase.as_str());
    text("reason", check.reason.as_ref(), pod.reason.map_or("", PodReason::as_str));
    text("message", check.message.as_ref(), &pod.message);
    text("status", check.status.as_ref(), &pod.status.text());
    text("qos", check.qos.map(|qos| Pattern::from(qos.as_str())).as_ref(), pod.qos.as_str());
    if !check.restarts.holds(pod.restarts.into()) {
        misfits.push(format!("restarts is {}, not {}", pod.restarts, check.restarts.describe(|n| n.to_string())));
    }
    if !check.usage.holds(signed(pod.usage)) {
        misfits.push(format!("usage is {}, not {}", amount(signed(pod.usage)), amounts(check.usage)));
    }
    misfits
}

fn pod_expected(check: &PodCheck) -> String {
    let mut parts = Vec::new();
    parts.extend(check.phase.map(|phase| format!("phase \"{phase}\"")));
    let patterns = [("reason", &check.reason), ("message", &check.message), ("status", &check.status)];
    parts.extend(patterns.iter().filter_map(|(what, p)| p.as_ref().map(|p| format!("{what} {:?}", p.0))));
    parts.extend(check.qos.map(|qos| format!("qos \"{qos}\"")));
    if !check.restarts.is_open() {
        parts.push(format!("restarts {}", check.restarts.describe(|n| n.to_string())));
    }
    if !check.usage.is_open() {
        parts.push(format!("usage {}", amounts(check.usage)));
    }
    let count = check.count.map(|range| format!("{} × ", range.describe(|n| n.to_string()))).unwrap_or_default();
    format!("at the end {count}pod {}: {}", check.pod, parts.join(", "))
}

pub(super) fn pod(check: &PodCheck, history: &History) -> Judged {
    let named: Vec<_> = history.pods.iter().filter(|pod| check.pod.matches_pod(&pod.pod)).collect();
    let states: Vec<_> = named.iter().map(|pod| (pod, pod_misfits(check, pod))).collect();
    let fitting = states.iter().filter(|(_, misfits)| misfits.is_empty()).count();
    let holds = match check.count {
        Some(count) => count.holds(times(fitting)),
        None => fitting > 0 && fitting == named.len(),
    };
    let misfits = |pod: &PodOutcome, misfits: &[String]| match misfits {
        [] => format!("{} ({} {}) fits", pod.pod, pod.phase, pod.status),
        some => format!("{}: {}", pod.pod, some.join(", ")),
    };
    let mut found: Vec<_> = states.iter().take(5).map(|(pod, m)| misfits(pod, m)).collect();
    if named.is_empty() {
        let all: Vec<_> = history.pods.iter().take(12).map(|pod| &*pod.pod).collect();
        found.push(format!(
            "no pod of that name; there are {}",
            if all.is_empty() { "none".into() } else { all.join(", ") }
        ));
    } else if named.len() > 5 {
        found.push(format!("and {} more; {fitting} of {} fit", named.len() - 5, named.len()));
    }
    Judged { holds, expected: pod_expected(check), found: found.join("; ") }
}

pub(super) fn process(check: &ProcessCheck, history: &History) -> Judged {
    let named = history.processes.iter().filter(|process| {
        check.comm.matches(&process.comm)
            && check.pod.as_ref().is_none_or(
                |pattern| matches!(&process.owner, Owner::Container { pod, .. } if pattern.matches_pod(pod)),
            )
    });
    let (fit, others): (Vec<_>, Vec<_>) = named.partition(|process| check.rss.holds(signed(process.rss)));
    let who = check.pod.as_ref().map_or(String::new(), |pod| format!(" of pod {pod}"));
    let size = if check.rss.is_open() { String::new() } else { format!(" with {} resident", amounts(check.rss)) };
    let expected =
        format!("at the end {} living process(es) {}{who}{size}", check.count.describe(|n| n.to_string()), check.comm);
    let mut found = match &fit[..] {
        [] => "none".into(),
        some => {
            let list: Vec<_> =
                some.iter().take(5).map(|p| format!("pid {} with {}", p.pid, amount(signed(p.rss)))).collect();
            format!("{}: {}", some.len(), list.join(", "))
        }
    };
    if let (Some(other), false) = (others.first(), check.rss.is_open()) {
        found.push_str(&format!("; pid {} has {}", other.pid, amount(signed(other.rss))));
    }
    if fit.is_empty()
        && let Some((at, cause)) = history.entries.iter().rev().find_map(|entry| match &entry.record {
            Record::ProcessExited { comm, cause, .. } if check.comm.matches(comm) => Some((entry.at, *cause)),
            _ => None,
        })
    {
        found.push_str(&format!("; the last one died at {} ({cause:?})", instant(at)));
    }
    Judged { holds: check.count.holds(times(fit.len())), expected, found }
}

pub(super) fn condition(check: &ConditionCheck, history: &History) -> Judged {
    let last = history.entries.iter().rev().find_map(|entry| match &entry.record {
        Record::NodeCondition { r#type, status } if *r#type == check.r#type => Some((entry.at, *status)),
        _ => None,
    });
    let at_first = match check.r#type {
        NodeConditionType::MemoryPressure => ConditionStatus::False,
        NodeConditionType::Ready => ConditionStatus::True,
    };
    let status = last.map_or(at_first, |(_, status)| status);
    let found = match last {
        Some((at, status)) => format!("{status:?} since {}", instant(at)),
        None => format!("it never changed: {at_first:?}"),
    };
    let expected = format!("at the end node condition {} is {:?}", check.r#type, check.status);
    Judged { holds: status == check.status, expected, found }
}

fn curve_value(check: &SeriesCheck, sample: &Sample, series: &Series) -> i64 {
    let pods = |of: fn(&crate::record::PodSample) -> Bytes| {
        let named = sample.pods.iter().filter(|p| {
            let name = series.pods.get(p.pod as usize);
            check.pod.as_ref().is_none_or(|pattern| name.is_some_and(|name| pattern.matches_pod(name)))
        });
        named.fold(0_i64, |sum, p| sum.saturating_add(signed(of(p))))
    };
    match check.curve {
        Curve::NodeAvailable => sample.available,
        Curve::NodeWorkingSet => signed(sample.working_set),
        Curve::MemAvailable => signed(sample.mem_available),
        Curve::MemFree => signed(sample.mem_free),
        Curve::SwapUsed => signed(sample.swap_used),
        Curve::CommittedAs => signed(sample.committed_as),
        Curve::KubepodsUsage => signed(sample.kubepods_usage),
        Curve::KubepodsWorkingSet => signed(sample.kubepods_working_set),
        Curve::PodUsage => pods(|p| p.usage),
        Curve::PodWorkingSet => pods(|p| p.working_set),
    }
}

/// The samples that say something about the window: those in it, and the last one before it begins.
fn in_window(check: &SeriesCheck, samples: &[Sample]) -> std::ops::Range<usize> {
    let first_after = |at: SimTime| samples.partition_point(|sample| sample.at <= at);
    let start = samples.partition_point(|sample| sample.at < check.between.from);
    let exact = samples.get(start).is_some_and(|sample| sample.at == check.between.from);
    let start = if exact { start } else { start.saturating_sub(1) };
    start..first_after(check.between.to).max(start)
}

pub(super) fn series(check: &SeriesCheck, history: &History) -> Judged {
    let window = match (check.between.from, check.between.to) {
        (SimTime::ZERO, SimTime::MAX) => String::new(),
        (from, to) if from == to => format!(" at {}", instant(from)),
        (from, SimTime::MAX) => format!(" from {}", instant(from)),
        (from, to) => format!(" from {} to {}", instant(from), instant(to)),
    };
    let mut wanted = Vec::new();
    for (what, range) in [("always", check.every), ("peak", check.peak), ("lowest", check.lowest)] {
        if !range.is_open() {
            wanted.push(format!("{what} {}", amounts(range)));
        }
    }
    let who = check.pod.as_ref().map_or(String::new(), |pod| format!(" of {pod}"));
    let expected = format!("{}{who}{window}: {}", check.curve.name(), wanted.join(", "));
    let samples = &history.series.samples;
    let known = check.pod.as_ref().is_none_or(|p| history.series.pods.iter().any(|name| p.matches_pod(name)));
    let values = samples.get(in_window(check, samples)).unwrap_or_default().iter();
    let mut values = values.map(|sample| (sample.at, curve_value(check, sample, &history.series)));
    let Some(first) = values.next().filter(|_| known) else {
        let found = if known { "no sample there" } else { "no pod of that name" };
        return Judged { holds: false, expected, found: found.into() };
    };
    let (mut low, mut high) = (first, first);
    for value in values {
        if value.1 < low.1 {
            low = value;
        }
        if value.1 > high.1 {
            high = value;
        }
    }
    let both = |range: Bounds| range.holds(low.1) && range.holds(high.1);
    let holds = both(check.every) && check.peak.holds(high.1) && check.lowest.holds(low.1);
    let at = |(at, value): (SimTime, i64)| format!("{} ({value} bytes) at {}", amount(value), instant(at));
    let found = if low == high { at(low) } else { format!("lowest {}, peak {}", at(low), at(high)) };
    Judged { holds, expected, found }
}

pub(super) fn total(check: &TotalCheck, history: &History) -> Judged {
    let counts = &history.counts;
    let value = match check.total {
        Total::OomKills => counts.oom_kills,
        Total::Evictions => counts.evictions,
        Total::Restarts => counts.restarts,
        Total::Refusals => counts.refusals,
        Total::Passes => counts.passes,
        Total::Allocations => counts.allocations,
    };
    Judged {
        holds: check.count.holds(i64::try_from(value).unwrap_or(i64::MAX)),
        expected: format!("{} {}", check.count.describe(|n| n.to_string()), check.total.name()),
        found: value.to_string(),
    }
}
