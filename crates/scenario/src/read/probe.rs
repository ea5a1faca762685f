//! Probes of containers, in manifests and in `[[pod.container]]`: the same fields.

use super::manifest::{given, list};
use crate::reader::{Problems, TableReader};
use crate::scalar::integer;
use crate::tables;
use crate::value::{Value, ValueKind};
use oomsim_core::plan::{ProbeHandler, ProbeKind, ProbePlan};
use oomsim_core::units::SimDuration;

/// Longest period and timeout that are taken, seconds.
const MAX_SECONDS: i64 = i32::MAX as i64;

/// The probes of a container in a manifest.
pub(super) fn of_manifest(p: &Problems, container: &Value) -> Vec<ProbePlan> {
    let one = |kind: ProbeKind| {
        let value = given(container, kind.field())?;
        probe(p, kind, &|key| given(value, key))
    };
    ProbeKind::ALL.into_iter().filter_map(one).collect()
}

/// The probes of a `[[pod.container]]`.
pub(super) fn of_table(t: &mut TableReader<'_>) -> Vec<ProbePlan> {
    let one = |kind: ProbeKind| {
        t.optional(kind.field(), |p, value| {
            let mut inner = TableReader::open(p, &tables::PROBE, value)?;
            let values: Vec<(&str, Option<&Value>)> =
                tables::PROBE_KEYS.keys.iter().map(|key| (key.name, inner.get(key.name))).collect();
            inner.finish();
            probe(p, kind, &|key| values.iter().find(|(name, _)| *name == key).and_then(|(_, value)| *value))
        })
    };
    ProbeKind::ALL.into_iter().filter_map(one).collect()
}

fn probe<'v>(p: &Problems, kind: ProbeKind, get: &dyn Fn(&str) -> Option<&'v Value>) -> Option<ProbePlan> {
    let mut plan = ProbePlan::new(kind, handler(get));
    let number = |key, min| get(key).and_then(|value| integer::<i64>(min, MAX_SECONDS)(p, value));
    let seconds = |key, min| number(key, min).and_then(|n| u64::try_from(n).ok()).map(SimDuration::from_secs);
    let count = |key| number(key, 1).and_then(|n| u32::try_from(n).ok());
    plan.initial_delay = seconds("initialDelaySeconds", 0).unwrap_or(plan.initial_delay);
    plan.period = seconds("periodSeconds", 1).unwrap_or(plan.period);
    plan.timeout = seconds("timeoutSeconds", 1).unwrap_or(plan.timeout);
    plan.failure_threshold = count("failureThreshold").unwrap_or(plan.failure_threshold);
    plan.success_threshold = count("successThreshold").unwrap_or(plan.success_threshold);
    plan.grace_seconds = number("terminationGracePeriodSeconds", 1);
    Some(plan)
}

/// How the container is asked; one that says nothing of it is asked by HTTP.
fn handler<'v>(get: &dyn Fn(&str) -> Option<&'v Value>) -> ProbeHandler {
    let port = |of: &Value| of.get("port").map_or_else(|| "80".to_owned(), word).as_str().into();
    if let Some(exec) = get("exec") {
        let words: Vec<&str> = list(exec, "command").iter().filter_map(Value::as_text).collect();
        return ProbeHandler::Exec(words.join(" ").as_str().into());
    }
    if let Some(tcp) = get("tcpSocket") {
        return ProbeHandler::Tcp(port(tcp));
    }
    if let Some(grpc) = get("grpc") {
        return ProbeHandler::Grpc(port(grpc));
    }
    let http = get("httpGet");
    let path = http.and_then(|http| http.get("path")).and_then(Value::as_text).unwrap_or("/");
    ProbeHandler::Http { port: http.map_or_else(|| "80".into(), port), path: path.into() }
}

fn word(value: &Value) -> String {
    match &value.kind {
        ValueKind::Int(n) => n.to_string(),
        _ => value.as_text().unwrap_or_default().to_owned(),
    }
}
