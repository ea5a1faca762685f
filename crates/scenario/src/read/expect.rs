//! `[[expect]]`: what must or must not happen. The forms are described at [`oomsim_core::record::expect`].

use crate::reader::{Problems, TableReader};
use crate::scalar::{boolean, bytes, integer, one_of, sentence, text, time};
use crate::source::Location;
use crate::tables;
use crate::value::{Value, ValueKind};
use oomsim_core::node_api::{ConditionStatus, NodeConditionType, PodPhase, QosClass};
use oomsim_core::record::expect::{
    Bounds, Check, ConditionCheck, Curve, EventCheck, EventMatch, Expectation, Pattern, PodCheck, ProcessCheck,
    Relation, RequiredShare, SeriesCheck, Total, TotalCheck, WhyCheck, Window,
};
use oomsim_core::record::view::{KINDS, kind_named};
use oomsim_core::record::{Cause, Choice};
use oomsim_core::units::SimTime;

use super::expect_filter::filters;

/// Reads all `[[expect]]`.
pub(crate) fn expectations(p: &Problems, tables: &[&Value]) -> Vec<Expectation> {
    tables.iter().filter_map(|table| expectation(p, table)).collect()
}

fn expectation(p: &Problems, value: &Value) -> Option<Expectation> {
    let mut t = TableReader::open(p, &tables::EXPECT, value)?;
    let source = t.required("source", sentence);
    // Judged before: this table is for these nodes.
    t.get("node");
    let required = t.or("holds", RequiredShare::ALL, share);
    let check = check(p, value, &mut t);
    t.finish();
    Some(Expectation { source: source?, line: value.at.line(), required, check: check? })
}

/// What has to happen, with the keys of an `[[expect]]`, in a file that is its own source and runs one seed.
pub fn statement(p: &Problems, value: &Value) -> Option<Check> {
    let mut t = TableReader::open(p, &tables::EXPECT, value)?;
    for key in ["source", "node", "holds"] {
        if let Some(entry) = t.entry(key) {
            p.error(&entry.key_at, format!("`{key}` belongs to the `[[expect]]` of a scenario, not here"));
        }
    }
    let check = check(p, value, &mut t);
    t.finish();
    check
}

fn check(p: &Problems, value: &Value, t: &mut TableReader<'_>) -> Option<Check> {
    let kinds = ["event", "final", "series", "total", "why"];
    let given: Vec<&str> = kinds.into_iter().filter(|kind| value.get(kind).is_some()).collect();
    match given.as_slice() {
        ["event"] => event_check(p, t).map(|check| Check::Event(Box::new(check))),
        ["final"] => t.get("final").and_then(|value| final_check(p, value)),
        ["series"] => series_check(p, t),
        ["total"] => total_check(t),
        ["why"] => why_check(p, t),
        _ => {
            p.error(t.at(), "an expectation needs exactly one of `event`, `final`, `series`, `total` and `why`");
            t.rest();
            None
        }
    }
}

/// `"all"` or `"≥ 95%"`.
fn share(p: &Problems, value: &Value) -> Option<RequiredShare> {
    let share = text(p, value).map(|text| RequiredShare::parse(&text))?;
    if share.is_none() {
        p.expected(value, "`\"all\"` or a share such as `\"≥ 95%\"`");
    }
    share
}

fn event_check(p: &Problems, t: &mut TableReader<'_>) -> Option<EventCheck> {
    let what = event_match(p, t);
    let count = how_often(p, t);
    let between = window(p, t);
    let (after, before) = (t.optional("after", relation), t.optional("before", relation));
    Some(EventCheck { what: what?, count, between, after, before })
}

/// `count` or `never`.
fn how_often(p: &Problems, t: &mut TableReader<'_>) -> Bounds {
    let never = t.or("never", false, boolean);
    let count = t.optional("count", count);
    if never && count.is_some() {
        p.error(t.at(), "`never` and `count` exclude each other");
    }
    if never { Bounds::exactly(0) } else { count.unwrap_or(Bounds::at_least(1)) }
}

/// `event`, `pod`, `container`, `comm` and `where` of a table that has these keys.
pub fn event_match(p: &Problems, t: &mut TableReader<'_>) -> Option<EventMatch> {
    let event = t.required("event", |p, value| {
        let given = text(p, value)?;
        let kind = kind_named(&given);
        if kind.is_none() {
            p.unknown(&value.at, "event", &given, KINDS.iter().map(|kind| kind.name));
        }
        kind
    });
    let (pod, container, comm) =
        (t.optional("pod", pattern), t.optional("container", pattern), t.optional("comm", pattern));
    let filters = match (t.get("where"), event) {
        (Some(value), Some(kind)) => filters(p, kind, value),
        _ => Vec::new(),
    };
    Some(EventMatch { kind: event?.name.to_string(), pod, container, comm, filters })
}

fn relation(p: &Problems, value: &Value) -> Option<Relation> {
    let mut t = TableReader::open(p, &tables::RELATION, value)?;
    let other = event_match(p, &mut t);
    let within = t.optional("within", crate::scalar::duration);
    let least = t.optional("least", crate::scalar::duration);
    t.finish();
    Some(Relation { other: other?, within, least })
}

/// `between = ["4m", "5m"]` or `at = "90s"`.
fn window(p: &Problems, t: &mut TableReader<'_>) -> Window {
    let between = t.optional("between", |p, value| {
        let Some([from, to]) = value.items() else {
            p.expected(value, "two times such as `[\"4m\", \"5m\"]`");
            return None;
        };
        let (from, to) = (time(p, from)?, time(p, to)?);
        if from > to {
            p.error(&value.at, "the first time must be the earlier one");
        }
        Some(Window { from, to })
    });
    let at = t.optional("at", time).map(|at| Window { from: at, to: at });
    if between.is_some() && at.is_some() {
        p.error(t.at(), "`between` and `at` exclude each other");
    }
    between.or(at).unwrap_or(Window { from: SimTime::ZERO, to: SimTime::MAX })
}

fn final_check(p: &Problems, value: &Value) -> Option<Check> {
    let subjects = ["pod", "process", "condition"];
    let given: Vec<&str> = subjects.into_iter().filter(|subject| value.get(subject).is_some()).collect();
    match given.as_slice() {
        ["pod"] => pod_check(p, value),
        // A process may be narrowed to a pod.
        ["process"] | ["pod", "process"] => process_check(p, value),
        ["condition"] => condition_check(p, value),
        _ => {
            p.error(&value.at, "`final` needs exactly one of `pod`, `process` and `condition`");
            None
        }
    }
}

fn pod_check(p: &Problems, value: &Value) -> Option<Check> {
    let mut t = TableReader::open(p, &tables::FINAL_POD, value)?;
    let pod = t.required("pod", pattern);
    let phases: Vec<_> = PodPhase::ALL.iter().map(|&phase| (phase.as_str(), phase)).collect();
    let classes: Vec<_> = QosClass::ALL.iter().map(|&class| (class.as_str(), class)).collect();
    let check = PodCheck {
        pod: pod.unwrap_or_default(),
        phase: t.optional("phase", one_of("phase", &phases)),
        reason: t.optional("reason", pattern),
        message: t.optional("message", pattern),
        status: t.optional("status", pattern),
        qos: t.optional("qos", one_of("QoS class", &classes)),
        restarts: t.or("restarts", Bounds::default(), count),
        usage: t.or("usage", Bounds::default(), byte_range),
        count: t.optional("count", count),
    };
    if value.entries().is_some_and(|entries| entries.len() == 1) {
        p.error(t.at(), "checks nothing about the pod: add `phase`, `reason`, `restarts`, …");
    }
    t.finish();
    Some(Check::Pod(check))
}

fn process_check(p: &Problems, value: &Value) -> Option<Check> {
    let mut t = TableReader::open(p, &tables::FINAL_PROCESS, value)?;
    let comm = t.required("process", pattern);
    let pod = t.optional("pod", pattern);
    let alive = t.optional("alive", boolean);
    let given = t.optional("count", count);
    let rss = t.or("rss", Bounds::default(), byte_range);
    let count = match (alive, given) {
        (Some(_), Some(_)) => {
            p.error(t.at(), "`alive` and `count` exclude each other");
            Bounds::default()
        }
        (Some(false), None) => Bounds::exactly(0),
        (_, None) => Bounds::at_least(1),
        (None, Some(count)) => count,
    };
    t.finish();
    Some(Check::Process(ProcessCheck { comm: comm?, pod, count, rss }))
}

fn condition_check(p: &Problems, value: &Value) -> Option<Check> {
    let mut t = TableReader::open(p, &tables::FINAL_CONDITION, value)?;
    let types: Vec<_> = NodeConditionType::ALL.iter().map(|&name| (name.as_str(), name)).collect();
    let condition = t.required("condition", one_of("condition", &types));
    let words: Vec<_> = ConditionStatus::ALL.iter().map(|&status| (status.as_str(), status)).collect();
    let status = t.required("status", one_of("status", &words));
    t.finish();
    Some(Check::Condition(ConditionCheck { r#type: condition?, status: status? }))
}

fn series_check(p: &Problems, t: &mut TableReader<'_>) -> Option<Check> {
    let curve = t.required("series", one_of("series", &Curve::ALL));
    let pod = t.optional("pod", pattern);
    match (curve, &pod) {
        (Some(curve), None) if curve.of_pod() => p.error(t.at(), format!("`{}` needs a `pod`", curve.name())),
        (Some(curve), Some(_)) if !curve.of_pod() => {
            p.error(t.at(), format!("`{}` is not a curve of a pod", curve.name()))
        }
        _ => {}
    }
    let between = window(p, t);
    let signed = |p: &Problems, value: &Value| signed_bytes(p, value);
    let every = Bounds { min: t.optional("min", signed), max: t.optional("max", signed) };
    check_order(p, t.at(), every);
    let (peak, lowest) = (t.or("peak", Bounds::default(), byte_range), t.or("lowest", Bounds::default(), byte_range));
    if every.is_open() && peak.is_open() && lowest.is_open() {
        p.error(t.at(), "checks nothing about the series: add `min`, `max`, `peak` or `lowest`");
    }
    Some(Check::Series(SeriesCheck { curve: curve?, pod, between, every, peak, lowest }))
}

fn total_check(t: &mut TableReader<'_>) -> Option<Check> {
    let total = t.required("total", one_of("total", &Total::ALL));
    let count = t.required("count", count);
    Some(Check::Total(TotalCheck { total: total?, count: count? }))
}

fn why_check(p: &Problems, t: &mut TableReader<'_>) -> Option<Check> {
    let causes: Vec<_> = Cause::ALL.iter().map(|&cause| (cause.as_str(), cause)).collect();
    let choices: Vec<_> = Choice::ALL.iter().map(|&choice| (choice.as_str(), choice)).collect();
    let cause = t.required("why", one_of("cause", &causes));
    let choice = t.optional("choice", one_of("choice", &choices));
    if let (Some(cause), Some(_)) = (cause, choice)
        && !cause.is_oom_kill()
    {
        p.error(t.at(), format!("`choice` is about kills by the kernel; `{cause}` is none"));
    }
    let (pod, container, comm) =
        (t.optional("pod", pattern), t.optional("container", pattern), t.optional("comm", pattern));
    let count = how_often(p, t);
    Some(Check::Why(Box::new(WhyCheck { cause: cause?, choice, pod, container, comm, count })))
}

/// `1` or `{ min = 1, max = 3 }`.
fn count(p: &Problems, value: &Value) -> Option<Bounds> {
    range(p, value, integer(0, i64::MAX))
}

/// `"1Gi"` or `{ min = "1Gi", max = "2Gi" }`.
fn byte_range(p: &Problems, value: &Value) -> Option<Bounds> {
    range(p, value, signed_bytes)
}

/// One value, or bounds.
pub(super) fn range(p: &Problems, value: &Value, one: impl Fn(&Problems, &Value) -> Option<i64>) -> Option<Bounds> {
    if !matches!(value.kind, ValueKind::Table(_)) {
        return one(p, value).map(Bounds::exactly);
    }
    let mut t = TableReader::open(p, &tables::RANGE, value)?;
    let range = Bounds { min: t.optional("min", &one), max: t.optional("max", &one) };
    check_order(p, t.at(), range);
    t.finish();
    Some(range)
}

fn check_order(p: &Problems, at: &Location, range: Bounds) {
    if let (Some(min), Some(max)) = (range.min, range.max)
        && min > max
    {
        p.error(at, format!("nothing lies between {min} and {max}: `min` is larger than `max`"));
    }
}

/// An amount that may be negative (availability can be).
pub(super) fn signed_bytes(p: &Problems, value: &Value) -> Option<i64> {
    if let ValueKind::Int(n) = value.kind {
        return Some(n);
    }
    bytes(p, value).and_then(|amount| i64::try_from(amount.get()).ok())
}

fn pattern(p: &Problems, value: &Value) -> Option<Pattern> {
    text(p, value).map(Pattern)
}
