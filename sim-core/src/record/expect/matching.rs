//! Holding one record against a description, and saying what does not fit.

use super::{Bounds, EventMatch, Filter, Pattern, Scalar, Test, amount};
use crate::record::{Entry, Record, view};
use serde_json::{Map, Value};

impl EventMatch {
    /// What does not fit; nothing when the record fits. `None` for a record of another kind.
    pub fn misfits(&self, record: &Record) -> Option<Vec<String>> {
        if view::kind(record).name != self.kind {
            return None;
        }
        let subject = view::subject(record);
        let mut misfits = Vec::new();
        let mut check = |what: &str, pattern: &Option<Pattern>, got: Option<&str>, fits: fn(&Pattern, &str) -> bool| {
            let Some(pattern) = pattern else { return };
            if !got.is_some_and(|text| fits(pattern, text)) {
                misfits.push(format!("{what} is {}, not {pattern}", got.unwrap_or("none")));
            }
        };
        check("pod", &self.pod, subject.pod, Pattern::matches_pod);
        check("container", &self.container, subject.container, Pattern::matches);
        check("comm", &self.comm, subject.comm, Pattern::matches);
        if !self.filters.is_empty() {
            let fields = view::fields(record);
            misfits.extend(self.filters.iter().filter_map(|filter| filter.misfit(&fields)));
        }
        Some(misfits)
    }

    /// True when the record fits.
    pub fn fits(&self, record: &Record) -> bool {
        let subject = view::subject(record);
        let is = |pattern: &Option<Pattern>, got: Option<&str>, fits: fn(&Pattern, &str) -> bool| {
            pattern.as_ref().is_none_or(|pattern| got.is_some_and(|text| fits(pattern, text)))
        };
        view::kind(record).name == self.kind
            && is(&self.pod, subject.pod, Pattern::matches_pod)
            && is(&self.container, subject.container, Pattern::matches)
            && is(&self.comm, subject.comm, Pattern::matches)
            && (self.filters.is_empty() || {
                let fields = view::fields(record);
                self.filters.iter().all(|filter| filter.misfit(&fields).is_none())
            })
    }

    /// The description in words.
    pub fn describe(&self) -> String {
        let mut text = self.kind.clone();
        let mut add = |what: &str, pattern: &Option<Pattern>| {
            if let Some(pattern) = pattern {
                text.push_str(&format!(" {what} {pattern}"));
            }
        };
        add("pod", &self.pod);
        add("container", &self.container);
        add("comm", &self.comm);
        let filters: Vec<_> =
            self.filters.iter().map(|f| format!("{} {}", f.field, f.test.describe(&f.field))).collect();
        if !filters.is_empty() {
            text.push_str(&format!(" with {}", filters.join(" and ")));
        }
        text
    }
}

/// A record in a few words, with its time: `OomKill web/app (java) at 12.345 s`.
pub(super) fn brief(entry: &Entry) -> String {
    let subject = view::subject(&entry.record);
    let mut text = view::kind(&entry.record).name.to_owned();
    if let Some(pod) = subject.pod {
        text.push_str(&format!(" {pod}"));
    }
    if let Some(container) = subject.container {
        text.push_str(&format!("/{container}"));
    }
    if let Some(comm) = subject.comm {
        text.push_str(&format!(" ({comm})"));
    }
    format!("{text} at {}", super::state::instant(entry.at))
}

impl Filter {
    fn misfit(&self, fields: &Map<String, Value>) -> Option<String> {
        let mut value = &Value::Null;
        for (depth, part) in self.field.split('.').enumerate() {
            value = if depth == 0 { fields.get(part) } else { value.get(part) }.unwrap_or(&Value::Null);
        }
        if self.test.holds(value) {
            return None;
        }
        Some(format!("{} is {}, not {}", self.field, shown(&self.field, value), self.test.describe(&self.field)))
    }
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Test::Equals(scalar) => scalar.equals(value),
            Test::Not(scalar) => !scalar.equals(value),
            Test::Contains(scalar) => match (value, scalar) {
                (Value::Array(items), _) => items.iter().any(|item| scalar.equals(item)),
                (Value::String(text), Scalar::Text(part)) => text.contains(part.as_str()),
                _ => false,
            },
            Test::Bounds(range) => match (value.as_i64(), value.as_f64()) {
                (Some(value), _) => range.holds(value),
                (None, Some(value)) => {
                    range.min.is_none_or(|min| value >= min as f64) && range.max.is_none_or(|max| value <= max as f64)
                }
                (None, None) => false,
            },
            Test::Present(wanted) => {
                let nothing = match value {
                    Value::Null => true,
                    Value::String(text) => text.is_empty(),
                    Value::Array(items) => items.is_empty(),
                    _ => false,
                };
                *wanted != nothing
            }
        }
    }

    fn describe(&self, field: &str) -> String {
        match self {
            Test::Equals(scalar) => scalar.to_string(),
            Test::Not(scalar) => format!("anything but {scalar}"),
            Test::Contains(scalar) => format!("something with {scalar} in it"),
            Test::Bounds(range) => range.describe(|n| figure(field, n)),
            Test::Present(true) => "present".into(),
            Test::Present(false) => "absent".into(),
        }
    }
}

impl Scalar {
    fn equals(&self, value: &Value) -> bool {
        match self {
            Scalar::Int(int) => value.as_i64() == Some(*int) || value.as_f64() == Some(*int as f64),
            Scalar::Text(text) => value.as_str().is_some_and(|got| Pattern(text.clone()).matches(got)),
            Scalar::Bool(wanted) => value.as_bool() == Some(*wanted),
        }
    }
}

impl Bounds {
    /// The bounds in words.
    pub(super) fn describe(self, figure: impl Fn(i64) -> String) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) if min == max => figure(min),
            (Some(min), Some(max)) => format!("{} to {}", figure(min), figure(max)),
            (Some(min), None) => format!("at least {}", figure(min)),
            (None, Some(max)) => format!("at most {}", figure(max)),
            (None, None) => "anything".into(),
        }
    }
}

fn figure(field: &str, n: i64) -> String {
    if field.ends_with("_kb") { format!("{n} kB") } else { n.to_string() }
}

/// A field's value for people: long texts are cut.
fn shown(field: &str, value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::Number(n) => n.as_i64().map_or_else(|| n.to_string(), |n| figure(field, n)),
        Value::String(text) if text.chars().count() > 160 => {
            format!("{:?}…", text.chars().take(160).collect::<String>())
        }
        other => other.to_string(),
    }
}

/// Bounds on an amount of memory in words.
pub(super) fn amounts(range: Bounds) -> String {
    range.describe(amount)
}
