//! The reference of the format (`docs/reference/scenario.md`) has exactly the keys that the reader takes.

use super::files::Given;
use super::rendered;
use crate::document::{Choice, Document};
use crate::reader::Problems;
use crate::{load, load_kinds};
use std::collections::{BTreeMap, BTreeSet};

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

/// Keys of the tables under each heading: ``### `[node]` `` and rows ``| `key` | …``.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current: Vec<String> = Vec::new();
    for line in REFERENCE.lines() {
        if line.starts_with('#') {
            current = line.split('`').skip(1).step_by(2).map(str::to_string).collect();
        } else if let Some(row) = line.strip_prefix("| `") {
            let cell = row.split('|').next().unwrap_or_default();
            let keys: Vec<String> = format!("`{cell}").split('`').skip(1).step_by(2).map(str::to_string).collect();
            for table in &current {
                tables.entry(table.clone()).or_default().extend(keys.iter().cloned());
            }
        }
    }
    tables
}

#[test]
fn the_example_of_everything_is_right() {
    let loaded = load(EVERYTHING, "everything.toml", &FILES, &[]).unwrap_or_else(|list| panic!("{}", rendered(&list)));
    let scenario = &loaded.scenario;
    assert_eq!((scenario.pods.len(), scenario.hosts.len(), scenario.injections.len()), (2, 4, 5));
    // Only the priority class of the example is not known.
    assert!(loaded.warnings.is_empty(), "{}", rendered(&loaded.warnings));
}

#[test]
fn the_reference_has_every_key_and_no_other() {
    let problems = Problems::default();
    for text in [EVERYTHING, KINDS] {
        Document::parse(text, "everything.toml").unwrap().read_into(&FILES, &[], Choice::All, &problems);
    }
    let read = problems.legal_keys();
    let written = documented();
    let mut wrong = Vec::new();
    for (table, keys) in &read {
        let Some(known) = written.get(*table) else {
            wrong.push(format!("no section on `{table}`: {keys:?}"));
            continue;
        };
        wrong.extend(keys.iter().filter(|key| !known.contains(**key)).map(|key| format!("`{table}` lacks `{key}`")));
        let surplus = known.iter().filter(|key| !keys.contains(key.as_str()));
        wrong.extend(surplus.map(|key| format!("`{table}` has no `{key}`")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
