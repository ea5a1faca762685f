//! The size and the number of nodes as knobs: a table of instance types with prices, and pods spread over nodes.

use super::axes::scalar_text;
use super::sweep::meant;
use super::tables;
use crate::axis::AxisValue;
use crate::plan::Levels;
use oomsim_core::kubelet::{KubernetesProfile, MEMORY, scheduling_requests};
use oomsim_core::plan::{Controller, Scenario};
use oomsim_core::units::Quantity;
use oomsim_scenario::Diagnostic;
use oomsim_scenario::reading::{Problems, TableReader, Value, ValueKind, integer, text};

/// Most nodes that pods are spread over.
const MAX_NODES: i64 = 1_000;

/// A type of instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Name, as knobs and results have it.
    pub name: String,
    /// Price of one, per hour or whatever the user compares by.
    pub price: f64,
    /// What it sets in a scenario: key and value.
    pub sets: Vec<(String, String)>,
}

/// What a knob turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turns {
    /// Keys of the scenario.
    #[default]
    Keys,
    /// The type of instance.
    Instances,
    /// The number of nodes.
    Nodes,
}

/// Reads `[[instance]]`.
pub(crate) fn instances(p: &Problems, tables: &[Value]) -> Vec<Instance> {
    let mut all: Vec<Instance> = Vec::new();
    for table in tables {
        let Some(mut t) = TableReader::open(p, &tables::INSTANCE, table) else { continue };
        let (name, memory) = (t.required("name", text), t.required("memory", scalar_text));
        let price = t.required("price", price);
        let more = t.get("set").and_then(Value::entries).unwrap_or_default();
        t.finish();
        let more = more.iter().filter_map(|entry| Some((entry.key.clone(), scalar_text(p, &entry.value)?)));
        let (Some(name), Some(memory), Some(price)) = (name, memory, price) else { continue };
        if all.iter().any(|other| other.name == name) {
            p.error(&table.at, format!("two instances have the name {name:?}"));
        }
        let sets = [("node.memory".to_string(), memory)].into_iter().chain(more).collect();
        all.push(Instance { name, price, sets });
    }
    all
}

fn price(p: &Problems, value: &Value) -> Option<f64> {
    let number = match &value.kind {
        ValueKind::Int(n) => Some(*n as f64),
        ValueKind::Number(text) => text.parse().ok(),
        _ => None,
    };
    let legal = number.filter(|price| price.is_finite() && *price >= 0.0);
    if legal.is_none() {
        p.expected(value, "a price such as 0.096");
    }
    legal
}

/// `instances = ["…", …]`, or `"all"`.
pub(crate) fn chosen(p: &Problems, value: &Value, all: &[Instance]) -> Option<Levels> {
    let level = |instance: &Instance| AxisValue { sets: instance.sets.clone(), ..AxisValue::parse(&instance.name) };
    if value.as_text() == Some("all") && !all.is_empty() {
        return Some(Levels::Grid(all.iter().map(level).collect()));
    }
    let Some(items) = value.items().filter(|items| !items.is_empty()) else {
        p.expected(value, "\"all\", or an array of names of `[[instance]]`");
        return None;
    };
    let one = |item: &Value| {
        let given = text(p, item)?;
        let found = all.iter().find(|instance| instance.name == given);
        if found.is_none() {
            let problem = Diagnostic::error(&item.at, format!("no `[[instance]]` is called {given:?}"));
            p.push(problem.label(meant(&given, all.iter().map(|instance| instance.name.as_str()))));
        }
        found.map(level)
    };
    items.iter().map(one).collect::<Option<Vec<_>>>().map(Levels::Grid)
}

/// `nodes = [2, 3, 4]`.
pub(crate) fn counts(p: &Problems, value: &Value) -> Option<Levels> {
    let Some(items) = value.items().filter(|items| !items.is_empty()) else {
        p.expected(value, "an array of numbers of nodes such as `[2, 3, 4]`");
        return None;
    };
    let count = integer::<u32>(1, MAX_NODES);
    let counts = items.iter().map(|item| count(p, item)).collect::<Option<Vec<_>>>()?;
    Some(Levels::Grid(counts.into_iter().map(|n| AxisValue::parse(&n.to_string())).collect()))
}

/// The replicas that one of several nodes has: those of all pods are dealt to the nodes in turn, in the order of the
/// scenario, and of the nodes the one is meant whose pods request the most memory. Each node has all DaemonSets' pods.
pub(crate) fn fullest(scenario: &Scenario, nodes: usize) -> Vec<(String, String)> {
    let profile = scenario.kubelet.as_ref().map_or_else(KubernetesProfile::default, |kubelet| kubelet.profile);
    let pods: Vec<_> = scenario.pods.iter().filter(|pod| pod.controller != Controller::DaemonSet).collect();
    let mut replicas = vec![vec![0_u32; pods.len()]; nodes];
    let mut requested = vec![0_i64; nodes];
    let mut turn = (0..nodes).cycle();
    for (i, pod) in pods.iter().enumerate() {
        let request = scheduling_requests(&pod.spec, &profile).get(MEMORY).map_or(0, Quantity::value);
        for node in turn.by_ref().take(pod.replicas as usize) {
            replicas[node][i] += 1;
            requested[node] = requested[node].saturating_add(request);
        }
    }
    // Of equals the first: `max_by_key` takes the last.
    let fullest = (0..nodes).rev().max_by_key(|&node| requested[node]).unwrap_or(0);
    let key = |pod: &str| format!("pod.\"{pod}\".replicas");
    pods.iter().zip(&replicas[fullest]).map(|(pod, n)| (key(&pod.spec.name), n.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use oomsim_scenario::{NoFiles, load};

    #[test]
    fn replicas_are_dealt_in_turn_and_the_fullest_node_is_meant() {
        let text = r#"
[node]
memory = "16Gi"
[kubelet]
[[pod]]
name = "web"
replicas = 5
[[pod.container]]
name = "app"
resources.requests.memory = "1Gi"
[[pod]]
name = "db"
[[pod.container]]
name = "app"
resources.requests.memory = "4Gi"
[[pod]]
name = "agent"
controller = "DaemonSet"
[[pod.container]]
name = "app"
"#;
        let scenario = load(text, "x.toml", &NoFiles, &[]).expect("a scenario").scenario;
        // Three nodes: web goes to 0, 1, 2, 0, 1 and db to 2, which then requests 1 + 4 GiB; the others 2 GiB.
        let on_two = [("pod.\"web\".replicas", "1"), ("pod.\"db\".replicas", "1")];
        let expected = on_two.map(|(key, value)| (key.to_string(), value.to_string()));
        assert_eq!(fullest(&scenario, 3), expected);
        // On two nodes: web 0, 1, 0, 1, 0 and db on 1: 6 GiB against 3.
        assert_eq!(fullest(&scenario, 2)[0].1, "2");
        assert_eq!(fullest(&scenario, 1)[0].1, "5");
    }
}
