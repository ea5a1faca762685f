//! `[[expect]]`.

use super::value::{Amounts, Form, Keys, list, signed_bytes};
use oomsim_core::node_api::{PodPhase, QosClass};
use oomsim_core::record::Choice;
use oomsim_core::record::expect::{
    Bounds, Check, EventCheck, EventMatch, Expectation, Filter, PodCheck, ProcessCheck, Relation, RequiredShare,
    SeriesCheck, Test, WhyCheck, Window,
};

/// `[[expect]]`.
pub(super) fn expectation(expectation: &Expectation) -> Keys {
    let mut keys = Keys::default();
    keys.put("source", &expectation.source);
    match &expectation.check {
        Check::Event(check) => event(&mut keys, check),
        Check::Pod(check) => keys.table("final", pod(check)),
        Check::Process(check) => keys.table("final", process(check)),
        Check::Condition(check) => {
            let mut inner = Keys::default();
            inner.put("condition", check.r#type.as_str());
            inner.put("status", check.status.as_str());
            keys.table("final", inner);
        }
        Check::Series(check) => series(&mut keys, check),
        Check::Total(check) => {
            keys.put("total", check.total.name());
            keys.put("count", &check.count);
        }
        Check::Why(check) => why(&mut keys, check),
    }
    keys.unless("holds", &expectation.required.to_string(), &RequiredShare::ALL.to_string());
    keys
}

fn why(keys: &mut Keys, check: &WhyCheck) {
    keys.put("why", check.cause.as_str());
    keys.some("choice", check.choice.map(Choice::as_str).as_ref());
    keys.some("pod", check.pod.as_ref());
    keys.some("container", check.container.as_ref());
    keys.some("comm", check.comm.as_ref());
    how_often(keys, check.count);
}

fn event(keys: &mut Keys, check: &EventCheck) {
    event_match(keys, &check.what);
    how_often(keys, check.count);
    window(keys, check.between);
    for (key, relation) in [("after", &check.after), ("before", &check.before)] {
        if let Some(other) = relation {
            keys.table(key, related(other));
        }
    }
}

fn how_often(keys: &mut Keys, count: Bounds) {
    match count {
        never if never == Bounds::exactly(0) => keys.put("never", &true),
        count => keys.unless("count", &count, &Bounds::at_least(1)),
    }
}

fn event_match(keys: &mut Keys, what: &EventMatch) {
    keys.put("event", &what.kind);
    keys.some("pod", what.pod.as_ref());
    keys.some("container", what.container.as_ref());
    keys.some("comm", what.comm.as_ref());
    let mut filters = Keys::default();
    what.filters.iter().for_each(|filter| one(&mut filters, filter));
    keys.table("where", filters);
}

fn one(keys: &mut Keys, Filter { field, test }: &Filter) {
    let mut inner = Keys::default();
    match test {
        Test::Equals(value) => return keys.put(field, value),
        Test::Contains(value) => inner.put("contains", value),
        Test::Not(value) => inner.put("not", value),
        Test::Present(present) => inner.put("present", present),
        Test::Bounds(range) => {
            inner.some("min", range.min.as_ref());
            inner.some("max", range.max.as_ref());
        }
    }
    keys.table(field, inner);
}

fn related(relation: &Relation) -> Keys {
    let mut keys = Keys::default();
    event_match(&mut keys, &relation.other);
    keys.some("within", relation.within.as_ref());
    keys.some("least", relation.least.as_ref());
    keys
}

fn window(keys: &mut Keys, window: Window) {
    match window {
        all if all == Window::default() => {}
        Window { from, to } if from == to => keys.put("at", &from),
        Window { from, to } => keys.value("between", list([from.form(), to.form()])),
    }
}

fn pod(check: &PodCheck) -> Keys {
    let mut keys = Keys::default();
    keys.put("pod", &check.pod);
    keys.some("phase", check.phase.map(PodPhase::as_str).as_ref());
    keys.some("reason", check.reason.as_ref());
    keys.some("message", check.message.as_ref());
    keys.some("status", check.status.as_ref());
    keys.some("qos", check.qos.map(QosClass::as_str).as_ref());
    keys.unless("restarts", &check.restarts, &Bounds::default());
    amounts(&mut keys, "usage", check.usage);
    keys.some("count", check.count.as_ref());
    keys
}

fn process(check: &ProcessCheck) -> Keys {
    let mut keys = Keys::default();
    keys.put("process", &check.comm);
    keys.some("pod", check.pod.as_ref());
    match check.count {
        living if living == Bounds::at_least(1) => keys.put("alive", &true),
        none if none == Bounds::exactly(0) => keys.put("alive", &false),
        count => keys.put("count", &count),
    }
    amounts(&mut keys, "rss", check.rss);
    keys
}

fn series(keys: &mut Keys, check: &SeriesCheck) {
    keys.put("series", check.curve.name());
    keys.some("pod", check.pod.as_ref());
    window(keys, check.between);
    for (key, bound) in [("min", check.every.min), ("max", check.every.max)] {
        if let Some(bound) = bound {
            keys.value(key, signed_bytes(bound));
        }
    }
    amounts(keys, "peak", check.peak);
    amounts(keys, "lowest", check.lowest);
}

fn amounts(keys: &mut Keys, key: &str, range: Bounds) {
    if !range.is_open() {
        keys.put(key, &Amounts(range));
    }
}
