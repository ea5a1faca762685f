//! A story, as far as it is compared. Times are seconds relative to T0; sizes are bytes.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A recorded run of a whole node.
#[derive(Deserialize)]
pub struct Story {
    /// Its name.
    pub id: String,
    /// What it is about.
    #[serde(default)]
    pub note: String,
    /// Of the kubelet, containerd, runc and the kernel.
    pub versions: BTreeMap<String, String>,
    /// The virtual machine.
    pub vm: Vm,
    /// The node's size.
    pub node: Node,
    /// The KubeletConfiguration.
    pub kubelet_config: Map<String, Value>,
    /// What was done to it.
    pub inputs: Inputs,
    /// When passes of the eviction manager began.
    pub passes: Vec<f64>,
    /// What happened.
    pub timeline: Vec<Entry>,
    /// Time, available by the kubelet's reckoning, MemFree, MemAvailable, usage and working set of kubepods, and more.
    pub series: Vec<Vec<Value>>,
}

/// The virtual machine.
#[derive(Deserialize)]
pub struct Vm {
    /// Processors.
    pub smp: u32,
}

/// The node's size.
#[derive(Deserialize)]
pub struct Node {
    /// MemTotal.
    #[serde(rename = "MemTotal")]
    pub mem_total: i64,
}

/// What was done to the node.
#[derive(Deserialize)]
pub struct Inputs {
    /// How long the story lasts after T0.
    pub duration: f64,
    /// In order of time.
    pub actions: Vec<Action>,
}

/// What the driver did.
#[derive(Deserialize)]
pub struct Action {
    /// When.
    pub t: f64,
    /// `pod`, `static`, `delete`, `host`, …
    #[serde(rename = "do")]
    pub what: String,
    /// Of the pod or process.
    #[serde(default)]
    pub name: String,
    /// The whole object.
    #[serde(default)]
    pub pod: Value,
    /// What a resize changes.
    #[serde(default)]
    pub patch: Value,
    /// Instructions of a host process.
    #[serde(default)]
    pub args: Option<Vec<String>>,
    /// `oom_score_adj` of a host process.
    #[serde(default)]
    pub adj: Option<i16>,
}

/// Something that happened.
#[derive(Deserialize)]
pub struct Entry {
    /// When.
    pub t: f64,
    /// `event`, `patch_status`, `kernel`, …
    pub ev: String,
    /// Of an event: the pod or node.
    #[serde(default)]
    pub on: Option<String>,
    /// Of an event.
    #[serde(default)]
    pub reason: Option<String>,
    /// Of an event.
    #[serde(default)]
    pub message: Option<String>,
    /// A line of a log.
    #[serde(default)]
    pub s: Option<String>,
    /// The pod of a `patch_status`.
    #[serde(default)]
    pub pod: Option<String>,
    /// What of a pod's status changed; of a `node_condition` `True` or `False`.
    #[serde(default)]
    pub status: Value,
}

/// A container's status.
#[derive(Deserialize)]
pub struct ContainerStatus {
    /// Its name.
    pub name: String,
    /// How often it was restarted.
    pub restarts: u32,
    /// Its state.
    pub state: State,
    /// How it ended before that.
    #[serde(rename = "lastState", default)]
    pub last: Option<State>,
}

/// A container's state.
#[derive(Deserialize)]
pub struct State {
    /// `waiting`, `running` or `terminated`.
    pub is: String,
    /// Of waiting and of the end.
    #[serde(default)]
    pub reason: Option<String>,
    /// What the reason is.
    #[serde(default)]
    pub message: Option<String>,
    /// Of the end.
    #[serde(rename = "exitCode", default)]
    pub exit_code: Option<i32>,
}

impl Story {
    /// What the story needs and a scenario cannot say.
    pub fn not_modelled(&self) -> Option<&'static str> {
        let full = |e: &Entry| e.message.as_deref().is_some_and(|text| text.contains("failed to checkpoint status"));
        self.timeline.iter().any(full).then_some("full root file system")
    }

    /// Whether a feature gate is on.
    pub fn gate(&self, name: &str) -> bool {
        self.kubelet_config.get("featureGates").is_some_and(|gates| gates[name] == true)
    }

    /// T0 in the scenario's time.
    pub fn t0(&self) -> f64 {
        let earliest = self.inputs.actions.iter().map(|a| a.t).chain(self.passes.first().copied());
        (-earliest.fold(0.0, f64::min)).ceil() + 1.0
    }
}
