//! Priorities of pods.

use super::manifest::given;
use crate::reader::Problems;
use crate::scalar::integer;
use crate::value::{Value, ValueKind};
use std::collections::BTreeMap;

/// Priorities of the classes that every cluster has (scheduling/types.go).
const SYSTEM_CLASSES: [(&str, i32); 2] =
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];

/// Priorities by the name of their class; that of pods without a class has no name (`globalDefault`).
pub(super) type Classes = BTreeMap<String, i32>;

/// The PriorityClasses among some documents.
pub(super) fn classes(documents: &[Value]) -> Classes {
    let lists = documents.iter().flat_map(|document| match document.get("items").and_then(Value::items) {
        Some(items) => items,
        None => std::slice::from_ref(document),
    });
    let classes = lists.filter(|object| object.get("kind").and_then(Value::as_text) == Some("PriorityClass"));
    let mut found = Classes::new();
    for class in classes {
        let name = class.get("metadata").and_then(|meta| given(meta, "name")?.as_text());
        let ValueKind::Int(priority) = class.get("value").map_or(ValueKind::Null, |value| value.kind.clone()) else {
            continue;
        };
        let (Some(name), Ok(priority)) = (name, i32::try_from(priority)) else { continue };
        found.insert(name.to_owned(), priority);
        if given(class, "globalDefault").is_some_and(|value| value.kind == ValueKind::Bool(true)) {
            found.insert(String::new(), priority);
        }
    }
    found
}

/// The priority of a pod: its own, else that of its class, else the one that the cluster gives to pods without a class.
pub(super) fn priority(p: &Problems, spec: &Value, class: &str, classes: &Classes) -> Option<i32> {
    if let Some(value) = given(spec, "priority") {
        return integer(i32::MIN.into(), i32::MAX.into())(p, value);
    }
    let of_system = SYSTEM_CLASSES.iter().find(|(name, _)| *name == class).map(|(_, priority)| *priority);
    let known = of_system.or_else(|| classes.get(class).copied());
    if known.is_none()
        && !class.is_empty()
        && let Some(value) = spec.get("priorityClassName")
    {
        p.warn(&value.at, format!("the priority of `{class}` is unknown and counts as 0: set `priority`"));
    }
    known
}
