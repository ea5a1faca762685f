//! Which crate of the workspace depends on which.

use crate::Sources;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// By crate, the crates of this workspace that it is built with; what only its tests need does not count.
pub type Dependencies = BTreeMap<String, BTreeSet<String>>;

/// Those of the crates in these folders.
///
/// # Panics
/// When a manifest cannot be read.
pub fn dependencies(sources: &Sources, folders: &[&str]) -> Dependencies {
    let read = |folder: &&str| {
        let path = sources.top().join(folder).join("Cargo.toml");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        of_manifest(&text.parse().expect("a manifest"))
    };
    folders.iter().map(read).collect()
}

fn of_manifest(manifest: &Table) -> (String, BTreeSet<String>) {
    let name = manifest["package"]["name"].as_str().expect("a name").to_owned();
    let list = manifest.get("dependencies").and_then(Value::as_table);
    let ours = list.into_iter().flat_map(Table::keys).filter(|name| name.starts_with("oomsim-"));
    (name, ours.cloned().collect())
}
