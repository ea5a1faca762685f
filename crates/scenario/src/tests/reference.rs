//! The reference of the format (`docs/reference/scenario.md`) and the reader have the keys of the tables.

use super::files::Given;
use super::rendered;
use crate::document::{Choice, Document};
use crate::reader::Problems;
use crate::tables::{CONFIGURATION, Form, KeyGroup, SCENARIO, TableSpec, WhenAbsent};
use crate::{load, load_kinds};
use expect_test::expect_file;
use std::collections::BTreeMap;

const REFERENCE: &str = include_str!("../../../../docs/reference/scenario.md");

/// Every table and key.
pub(super) const EVERYTHING: &str = include_str!("everything.toml");

/// What only nodes of several kinds have.
const KINDS: &str = "[[node]]\nname = \"a\"\nmemory = \"8Gi\"\ncount = 2\nkubelet = { version = \"1.32\" }\n";

/// The files that it names.
pub(super) const FILES: Given<'static> = Given(&[
    (
        "kubelet.yaml",
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nsystemReserved: {memory: 100Mi}\n",
    ),
    ("kubelet.conf.d/10.conf", "evictionMinimumReclaim: {memory.available: 50Mi}\n"),
    (
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: front}\nspec:\n  containers:\n  - name: app\n    resources: {limits: {memory: 256Mi}}\n",
    ),
]);

/// Every table that a scenario can have.
fn tables() -> Vec<&'static TableSpec> {
    fn below(form: Form, found: &mut Vec<&'static TableSpec>) {
        match form {
            Form::Table(table) | Form::Tables(table) => add(table, found),
            Form::Map(of) | Form::Array(of) => below(*of, found),
            Form::Tuple(forms) | Form::OneOf(forms) => forms.iter().for_each(|form| below(*form, found)),
            _ => {}
        }
    }
    fn add(table: &'static TableSpec, found: &mut Vec<&'static TableSpec>) {
        if !found.iter().any(|known| known.name == table.name) {
            found.push(table);
            table.keys().for_each(|key| below(key.form, found));
        }
    }
    let mut found = Vec::new();
    [&SCENARIO, &CONFIGURATION].into_iter().for_each(|root| add(root, &mut found));
    found
}

/// Every group of keys, by its heading.
fn groups() -> BTreeMap<&'static str, &'static KeyGroup> {
    let of = |table: &&'static TableSpec| {
        let capabilities = table.capabilities.map(|group| group());
        table.groups.iter().copied().chain(capabilities).map(|group| (group.name, group)).collect::<Vec<_>>()
    };
    tables().iter().flat_map(of).collect()
}

/// The form of a value, as the reference says it.
fn form(form: Form) -> String {
    match form {
        Form::Text => "text".into(),
        Form::Path => "path".into(),
        Form::Name => "name".into(),
        Form::Pattern => "pattern".into(),
        Form::Version => "version".into(),
        Form::Boolean => "boolean".into(),
        Form::True => "`true`".into(),
        Form::Integer { .. } | Form::Number => "number".into(),
        Form::Amount => "amount".into(),
        Form::Quantity => "quantity".into(),
        Form::Duration => "duration".into(),
        Form::Time => "time".into(),
        Form::Share => "share".into(),
        Form::Words(words) => {
            words.iter().filter(|word| !word.is_empty()).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        Form::Names(_) => "name".into(),
        Form::Sysctls => "sysctls".into(),
        Form::Table(table) if !table.name.starts_with('[') && !table.name.contains('.') => format!("`{}`", table.name),
        Form::Table(_) => "table".into(),
        Form::Tables(_) => "tables".into(),
        Form::Map(of) => format!("{} by name", plural(&self::form(*of))),
        Form::Array(of) => format!("array of {}", plural(&self::form(*of))),
        Form::Tuple(forms) => format!("[{}]", forms.iter().map(|one| self::form(*one)).collect::<Vec<_>>().join(", ")),
        Form::OneOf(forms) => {
            let mut said: Vec<String> = forms.iter().map(|one| self::form(*one)).collect();
            said.dedup();
            said.join(" or ")
        }
    }
}

fn plural(form: &str) -> String {
    match form {
        "text" | "name" | "time" | "duration" | "boolean" | "table" => format!("{form}s"),
        "quantity" => "quantities".into(),
        other => other.into(),
    }
}

/// The rows of a group.
fn rows(group: &KeyGroup) -> String {
    let mut text = String::from("| key | form | default | meaning |\n|---|---|---|---|\n");
    for key in group.keys {
        let default = match key.default {
            WhenAbsent::Required => "required".into(),
            WhenAbsent::Is(value) => format!("`{value}`"),
            WhenAbsent::Says(words) => words.to_owned(),
            WhenAbsent::Absent => "none".into(),
        };
        text += &format!("| `{}` | {} | {default} | {} |\n", key.name, form(key.form), key.doc);
    }
    text
}

/// The page with its generated parts as they have to be.
fn generated(page: &str) -> String {
    let groups = groups();
    let mut lines = page.lines().peekable();
    let mut text = String::new();
    while let Some(line) = lines.next() {
        text += &format!("{line}\n");
        if let Some(name) = line.strip_prefix("<!-- keys: ").and_then(|rest| rest.strip_suffix(" -->")) {
            text += &rows(groups.get(name).unwrap_or_else(|| panic!("there are no keys called {name:?}")));
            while lines.next_if(|line| line.starts_with('|')).is_some() {}
        }
    }
    text
}

#[test]
fn the_example_of_everything_is_right() {
    let loaded = load(EVERYTHING, "everything.toml", &FILES, &[]).unwrap_or_else(|list| panic!("{}", rendered(&list)));
    let scenario = &loaded.scenario;
    assert_eq!((scenario.pods.len(), scenario.hosts.len(), scenario.injections.len()), (2, 4, 5));
    // Only the priority class of the example is not known.
    assert!(loaded.warnings.is_empty(), "{}", rendered(&loaded.warnings));
}

/// `UPDATE_EXPECT=1` writes the page.
#[test]
fn the_reference_is_made_of_the_tables() {
    expect_file!["../../../../docs/reference/scenario.md"].assert_eq(&generated(REFERENCE));
    for name in groups().keys() {
        assert_eq!(REFERENCE.matches(&format!("<!-- keys: {name} -->\n")).count(), 1, "{name}");
    }
}

/// The other way round every reading holds: [`crate::reader::TableReader::entry`] takes no key that is not in its
/// table.
#[test]
fn every_key_of_the_tables_is_asked_for() {
    let problems = Problems::default();
    for text in [EVERYTHING, KINDS] {
        Document::parse(text, "everything.toml").unwrap().read_into(&FILES, &[], Choice::All, &problems);
    }
    let asked = problems.asked_keys();
    let mut missing = Vec::new();
    for table in tables().iter().filter(|table| table.name != "workload") {
        let keys = asked.get(table.name).cloned().unwrap_or_default();
        missing.extend(table.keys().filter(|key| !keys.contains(key.name)).map(|key| (table.name, key.name)));
    }
    assert_eq!(missing, []);
}

#[test]
fn the_examples_of_the_reference_are_right() {
    let mut count = 0;
    for block in REFERENCE.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap_or_default();
        let text = if text.contains("memory = ") && (text.contains("[node]") || text.contains("[[node]]")) {
            text.to_string()
        } else {
            format!("node.memory = \"8Gi\"\n{text}")
        };
        if let Err(list) = load_kinds(&text, "reference.toml", &FILES, &[]) {
            panic!("{text}\n{}", rendered(&list));
        }
        count += 1;
    }
    assert!(count >= 5, "{count} examples");
}
