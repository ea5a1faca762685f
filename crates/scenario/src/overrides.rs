//! `--set key.path=value`: changes to the tree before it is read, so that they are checked like the file itself.

use super::diagnostic::Diagnostic;
use super::names::{nearest, quoted_list};
use super::reader::Problems;
use super::source::{Location, Source};
use super::toml_value::{parse_keys, parse_value};
use super::value::{Entry, Value, ValueKind};
use std::sync::Arc;

/// Tables whose keys have dots of their own: the rest of a path is one key.
const DOTTED_MAPS: [&str; 10] = [
    "annotations",
    "labels",
    "sysctl",
    "evictionHard",
    "evictionSoft",
    "evictionSoftGracePeriod",
    "evictionMinimumReclaim",
    "where",
    "requests",
    "limits",
];

/// One step of a path.
struct Step {
    key: String,
    at: Location,
}

/// One override.
pub(crate) struct Override {
    steps: Vec<Step>,
    value: Value,
}

impl Override {
    /// Reads it; what is wrong with it is reported at its text.
    pub fn parse(problems: &Problems, text: &str) -> Option<Override> {
        let source = Arc::new(Source { name: "--set".into(), text: text.into() });
        let whole = Location::new(&source, 0..text.len());
        let Some((keys, value)) = split(text) else {
            problems.push(Diagnostic::error(&whole, "expected KEY.PATH=VALUE").help("such as `--set node.memory=8Gi`"));
            return None;
        };
        let Some(steps) = parse_keys(&source, keys) else {
            let at = Location::new(&source, 0..keys.len());
            problems.error(&at, "expected a path of keys such as `pod.web.container.app.workload.leak.every`");
            return None;
        };
        let steps = steps.into_iter().map(|(key, at)| Step { key, at }).collect();
        let offset = keys.len() + 1;
        let value = parse_value(&source, value, offset).unwrap_or_else(|| {
            let trimmed = value.trim();
            Value::new(ValueKind::Text(trimmed.to_string()), &source, offset..text.len())
        });
        Some(Override { steps, value })
    }

    /// The second key of a path of three or more that begins with this key.
    pub fn below(&self, first: &str) -> Option<&str> {
        match self.steps.as_slice() {
            [step, second, _, ..] if step.key == first => Some(&second.key),
            _ => None,
        }
    }

    /// Changes a tree; what does not fit there is reported at the override's text.
    pub fn apply(&self, problems: &Problems, root: &mut Value) {
        set(problems, root, &self.steps, self.value.clone(), "");
    }
}

/// Splits at the first `=` outside of quotes.
pub(crate) fn split(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (None, '=') => return Some((&text[..i], &text[i + 1..])),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

/// Walks down and sets; `parent` is the key that led here.
fn set(problems: &Problems, target: &mut Value, steps: &[Step], value: Value, parent: &str) {
    let [step, rest @ ..] = steps else {
        *target = value;
        return;
    };
    match &mut target.kind {
        ValueKind::Table(entries) => {
            if DOTTED_MAPS.contains(&parent) {
                let key = steps.iter().map(|s| s.key.as_str()).collect::<Vec<_>>().join(".");
                entries.retain(|e| e.key != key);
                entries.push(Entry { key, key_at: step.at.clone(), value });
                return;
            }
            let index = entries.iter().position(|e| e.key == step.key).unwrap_or_else(|| {
                let empty = Value { kind: ValueKind::Table(Vec::new()), at: step.at.clone() };
                entries.push(Entry { key: step.key.clone(), key_at: step.at.clone(), value: empty });
                entries.len() - 1
            });
            set(problems, &mut entries[index].value, rest, value, &step.key);
        }
        ValueKind::Array(items) => {
            let named = |item: &Value| item.get("name").and_then(Value::as_text) == Some(step.key.as_str());
            if items.iter().any(named) {
                // Pods of different kinds of node may have the same name.
                let all = items.iter_mut().filter(|item| named(item));
                return all.for_each(|item| set(problems, item, rest, value.clone(), &step.key));
            }
            match step.key.parse().ok().filter(|i: &usize| *i < items.len()) {
                Some(index) => set(problems, &mut items[index], rest, value, &step.key),
                None => no_such_item(problems, step, items, parent),
            }
        }
        _ => {
            let message = format!("`{parent}` is {}, `{}` cannot be set in it", target.type_name(), step.key);
            problems.error(&step.at, message);
        }
    }
}

fn no_such_item(problems: &Problems, step: &Step, items: &[Value], parent: &str) {
    let names: Vec<&str> = items.iter().filter_map(|item| item.get("name")?.as_text()).collect();
    let mut problem = Diagnostic::error(&step.at, format!("no `[[{parent}]]` is called `{}`", step.key));
    if let Some(name) = nearest(&step.key, names.iter().copied()) {
        problem = problem.label(format!("did you mean `{name}`?"));
    }
    if !names.is_empty() {
        problem = problem.help(format!("legal: {}", quoted_list(names)));
    }
    if items.iter().any(|item| item.get("manifest").is_some() && item.get("name").is_none()) {
        problem = problem.help("a pod from a manifest can only be addressed by name if its `[[pod]]` has a `name`");
    }
    problems.push(problem.help(format!("or a number from 0 to {}", items.len().saturating_sub(1))));
}
