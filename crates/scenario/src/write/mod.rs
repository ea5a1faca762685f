//! Writes scenarios as TOML: the inverse of the reader.
//!
//! What is read from the written text is the same plan, but for what belongs to a text: the lines of the expectations
//! and the warnings. Keys that have their default are left out. What came from other files (manifests, kubelet
//! configurations) stands in the scenario itself.

mod comments;
mod expect;
mod injection;
mod kubelet;
mod node;
mod pod;
mod process;
mod value;

pub use comments::{Comments, NoSuchKey};

use self::value::{Form, Keys};
use oomsim_core::plan::{Injection, PodPlan, Scenario};
use oomsim_core::record::expect::Scalar;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Key};
use toml_writer::{ToTomlValue, TomlStringBuilder};

/// A scenario as TOML.
///
/// ```
/// use oomsim_core::plan::{NodePlan, Scenario};
/// use oomsim_core::units::Bytes;
/// use oomsim_scenario::{NoFiles, load, to_toml};
///
/// let scenario = Scenario::new("small", NodePlan::new(Bytes::gib(4)));
/// let text = to_toml(&scenario);
/// assert_eq!(text, "name = \"small\"\n\n[node]\nmemory = \"4Gi\"\n");
/// assert_eq!(*load(&text, "small.toml", &NoFiles, &[]).unwrap().scenario, scenario);
/// ```
pub fn to_toml(scenario: &Scenario) -> String {
    document(scenario).to_string()
}

/// A scenario as TOML, with comments above some of its keys.
///
/// # Errors
/// When a comment is for a key that the text does not have.
pub fn to_toml_with(scenario: &Scenario, comments: &Comments) -> Result<String, NoSuchKey> {
    let mut document = document(scenario);
    comments.apply(document.as_table_mut())?;
    Ok(document.to_string())
}

/// A pod as `[[pod]]`, to be added to the text of a scenario.
pub fn pod_to_toml(pod: &PodPlan) -> String {
    let mut document = DocumentMut::new();
    document.insert("pod", Item::ArrayOfTables([pod::pod(pod)].into_iter().collect()));
    document.to_string()
}

/// A change from outside as `[[at]]`, to be added to the text of a scenario.
pub fn injection_to_toml(injection: &Injection) -> String {
    let mut document = DocumentMut::new();
    let table = injection::injection_keys(injection).into_table();
    document.insert("at", Item::ArrayOfTables([table].into_iter().collect()));
    document.to_string()
}

/// One line `key.path = "value"`, with the quotes that keys and value need.
///
/// ```
/// let line = oomsim_scenario::assignment(&["kubelet", "evictionHard", "memory.available"], "1Gi");
/// assert_eq!(line, "kubelet.evictionHard.\"memory.available\" = \"1Gi\"");
/// ```
pub fn assignment(path: &[&str], value: impl Into<Scalar>) -> String {
    let keys: Vec<String> = path.iter().map(|key| Key::new(*key).display_repr().into_owned()).collect();
    let value = match value.into() {
        // Not in the form of several lines, whatever the text has.
        Scalar::Text(text) => TomlStringBuilder::new(&text).as_basic().to_toml_value(),
        other => other.form().to_string(),
    };
    format!("{} = {value}", keys.join("."))
}

fn document(scenario: &Scenario) -> DocumentMut {
    let defaults = Scenario::new(&scenario.name, scenario.node.clone());
    let mut keys = Keys::default();
    keys.put("name", &scenario.name);
    keys.unless("description", &scenario.description, &defaults.description);
    keys.unless("seed", &scenario.seed, &defaults.seed);
    keys.unless("nodes", &scenario.nodes, &defaults.nodes);
    keys.unless("duration", &scenario.duration, &defaults.duration);
    keys.unless("sample", &scenario.sample_every, &defaults.sample_every);
    let mut document = DocumentMut::from(keys.into_table());
    document.insert("node", node::node(&scenario.node).into_item());
    let kernel = node::kernel(&scenario.node.kernel, scenario.kubelet.is_some());
    if !kernel.is_empty() {
        document.insert("kernel", kernel.into_item());
    }
    if let Some(plan) = &scenario.kubelet {
        document.insert("kubelet", kubelet::kubelet(plan).into_item());
    }
    let at = scenario.injections.iter().map(|injection| injection::injection_keys(injection).into_table());
    let expect = scenario.expectations.iter().map(|expectation| expect::expectation(expectation).into_table());
    for (key, tables) in [
        ("pod", scenario.pods.iter().map(pod::pod).collect::<ArrayOfTables>()),
        ("host", scenario.hosts.iter().map(|host| process::host(host).into_table()).collect()),
        ("at", at.collect()),
        ("expect", expect.collect()),
    ] {
        if !tables.is_empty() {
            document.insert(key, Item::ArrayOfTables(tables));
        }
    }
    document
}
