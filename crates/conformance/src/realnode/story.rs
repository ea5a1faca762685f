//! A story, as far as it is compared. Times are seconds relative to T0; sizes are bytes.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub struct Story {
    pub id: String,
    #[serde(default)]
    pub note: String,
    pub versions: BTreeMap<String, String>,
    pub vm: Vm,
    pub node: Node,
    pub kubelet_config: Map<String, Value>,
    pub inputs: Inputs,
    pub passes: Vec<f64>,
    pub timeline: Vec<Entry>,
    pub series: Vec<Vec<Value>>,
    #[serde(rename = "final", default)]
    pub end: Option<BTreeMap<String, Status>>,
}

#[derive(Deserialize)]
pub struct Vm {
    pub smp: u32,
}

#[derive(Deserialize)]
pub struct Node {
    #[serde(rename = "MemTotal")]
    pub mem_total: i64,
}

#[derive(Deserialize)]
pub struct Inputs {
    pub duration: f64,
    pub actions: Vec<Action>,
}

/// What the driver did: `pod`, `static`, `delete`, `host`, …
#[derive(Deserialize)]
pub struct Action {
    pub t: f64,
    #[serde(rename = "do")]
    pub what: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub pod: Value,
    #[serde(default)]
    pub args: Option<Vec<String>>,
    #[serde(default)]
    pub adj: Option<i16>,
}

#[derive(Deserialize)]
pub struct Entry {
    pub t: f64,
    pub ev: String,
    #[serde(default)]
    pub on: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub s: Option<String>,
}

/// A pod's status at the end.
#[derive(Deserialize)]
pub struct Status {
    pub phase: String,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(rename = "containerStatuses", default)]
    pub containers: Vec<ContainerStatus>,
}

#[derive(Deserialize)]
pub struct ContainerStatus {
    pub name: String,
    pub restarts: u32,
    pub state: State,
}

#[derive(Deserialize)]
pub struct State {
    pub is: String,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(rename = "exitCode", default)]
    pub exit_code: Option<i32>,
}

impl Story {
    /// What the story needs and a scenario cannot say.
    pub fn not_modelled(&self) -> Option<&'static str> {
        let does = |what: &str| self.inputs.actions.iter().any(|a| a.what == what);
        let gate = |name: &str| self.kubelet_config.get("featureGates").is_some_and(|gates| gates[name] == true);
        let has = |part: &str| self.inputs.actions.iter().any(|a| a.pod.to_string().contains(part));
        match () {
            () if does("kubelet_kill") => Some("restart of the kubelet"),
            () if does("patchpod") => Some("resize in place"),
            () if has("\"preStop\"") => Some("preStop hooks"),
            () if gate("EventedPLEG") => Some("EventedPLEG"),
            () => None,
        }
    }

    /// T0 in the scenario's time.
    pub fn t0(&self) -> f64 {
        let earliest = self.inputs.actions.iter().map(|a| a.t).chain(self.passes.first().copied());
        (-earliest.fold(0.0, f64::min)).ceil() + 1.0
    }
}
