//! The reference of the format (`docs/reference/scenario.md`) and the reader have the keys of the tables.

use super::files::Given;
use super::rendered;
use crate::document::{Choice, Document};
use crate::reader::Problems;
use crate::reference;
use crate::tables::{CONFIGURATION, SCENARIO, TableSpec};
use crate::{load, load_kinds};
use expect_test::expect_file;

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
    reference::tables(&[&SCENARIO, &CONFIGURATION])
}

#[test]
fn the_example_of_everything_is_right() {
    let loaded = load(EVERYTHING, "everything.toml", &FILES, &[]).unwrap_or_else(|list| panic!("{}", rendered(&list)));
    let scenario = &loaded.scenario;
    assert_eq!((scenario.pods.len(), scenario.hosts.len(), scenario.injections.len()), (2, 5, 13));
    // Only the priority class of the example is not known.
    assert!(loaded.warnings.is_empty(), "{}", rendered(&loaded.warnings));
}

/// `UPDATE_EXPECT=1` writes the page.
#[test]
fn the_reference_is_made_of_the_tables() {
    expect_file!["../../../../docs/reference/scenario.md"]
        .assert_eq(&reference::page(REFERENCE, &[&SCENARIO, &CONFIGURATION]));
    for name in reference::groups(&[&SCENARIO, &CONFIGURATION]).keys() {
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
