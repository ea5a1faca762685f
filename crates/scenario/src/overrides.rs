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
#[derive(Clone)]
struct Step {
    key: String,
    at: Location,
}

/// One override.
#[derive(Clone)]
pub(crate) struct Override {
    steps: Vec<Step>,
    value: Value,
}

impl Override {
    /// Reads it; what is wrong with it is reported at its text.
    pub fn parse(problems: &Problems, text: &str) -> Option<Override> {
        let source = Arc::new(Source::new("--set", text));
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

    /// True for what is said of a pod that comes from a manifest: the tree does not have it, its reader does.
    pub fn of_manifest(&self, root: &Value) -> bool {
        let (Some(name), Some(tables)) = (self.below("pod"), root.get("pod").and_then(Value::items)) else {
            return false;
        };
        let called = |table: &&Value| table.get("name").and_then(Value::as_text) == Some(name);
        let from_file = |table: &Value| table.get("manifest").is_some();
        match tables.iter().find(called) {
            Some(table) => from_file(table) && !IN_TABLE.contains(&self.steps[2].key.as_str()),
            None => {
                let whole = |table: &Value| from_file(table) && table.get("name").is_none();
                let number = name.parse().is_ok_and(|index: usize| index < tables.len());
                !number && tables.iter().any(whole)
            }
        }
    }

    /// The pod that it names.
    pub fn pod(&self) -> Option<&str> {
        self.below("pod")
    }

    /// Changes what the table of one pod says, and has in `pod` only what changes: a container or a key that is changed
    /// in part begins as `table`, and its amounts as `resources`, have it.
    pub fn apply_to_pod(&self, problems: &Problems, pod: &mut Value, table: &Value, resources: &Resources<'_>) {
        let steps = self.steps.get(2..).unwrap_or_default();
        match steps {
            [list, container, key, ..] if CONTAINERS.contains(&list.key.as_str()) => {
                let item = container_of(pod, table, list, container);
                if let Some(item) = item.filter(|_| key.key == "resources" && steps.len() > 3) {
                    begin(item, None, key, || resources(Some(&container.key)));
                }
            }
            [key, _, ..] => begin(pod, table.get(&key.key), key, || match key.key.as_str() {
                "resources" => resources(None),
                _ => None,
            }),
            _ => {}
        }
        set(problems, pod, steps, self.value.clone(), "pod");
    }

    /// Reports that no pod has the name.
    pub fn no_such_pod<'n>(&self, problems: &Problems, names: impl Iterator<Item = &'n str> + Clone) {
        if let Some(step) = self.steps.get(1) {
            let mut problem = Diagnostic::error(&step.at, format!("no pod is called `{}`", step.key));
            if let Some(name) = nearest(&step.key, names.clone()) {
                problem = problem.label(format!("did you mean `{name}`?"));
            }
            problems.push(problem.help(format!("there are: {}", quoted_list(names))));
        }
    }
}

/// What the manifest gives a container, or the pod itself.
pub(crate) type Resources<'a> = dyn Fn(Option<&str>) -> Option<ValueKind> + 'a;

/// Keys of a `[[pod]]` by which its manifest is read.
const IN_TABLE: [&str; 3] = ["manifest", "name", "nodeName"];
/// The lists of a pod's containers.
const CONTAINERS: [&str; 2] = ["container", "initContainer"];

/// Puts a key that a table lacks there with what it has elsewhere.
fn begin(table: &mut Value, given: Option<&Value>, key: &Step, or: impl FnOnce() -> Option<ValueKind>) {
    let ValueKind::Table(entries) = &mut table.kind else { return };
    if entries.iter().any(|entry| entry.key == key.key) {
        return;
    }
    let value = given.cloned().or_else(|| or().map(|kind| Value { kind, at: key.at.clone() }));
    entries.extend(value.map(|value| Entry { key: key.key.clone(), key_at: key.at.clone(), value }));
}

/// The container of this name in a list of `pod`; it begins as the table has it, or as nothing but its name.
fn container_of<'p>(pod: &'p mut Value, table: &Value, list: &Step, container: &Step) -> Option<&'p mut Value> {
    let called = |item: &Value| item.get("name").and_then(Value::as_text) == Some(container.key.as_str());
    begin(pod, None, list, || Some(ValueKind::Array(Vec::new())));
    let ValueKind::Table(entries) = &mut pod.kind else { return None };
    let entry = entries.iter_mut().find(|entry| entry.key == list.key)?;
    let ValueKind::Array(items) = &mut entry.value.kind else { return None };
    let index = items.iter().position(called).unwrap_or_else(|| {
        let given = table.get(&list.key).and_then(Value::items).and_then(|items| items.iter().find(|i| called(i)));
        items.push(given.cloned().unwrap_or_else(|| {
            let name = Value { kind: ValueKind::Text(container.key.clone()), at: container.at.clone() };
            let entry = Entry { key: "name".into(), key_at: container.at.clone(), value: name };
            Value { kind: ValueKind::Table(vec![entry]), at: container.at.clone() }
        }));
        items.len() - 1
    });
    items.get_mut(index)
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
    problems.push(problem.help(format!("or a number from 0 to {}", items.len().saturating_sub(1))));
}
