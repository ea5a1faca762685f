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
    /// SwapTotal, where it is stated.
    #[serde(rename = "SwapTotal", default)]
    pub swap_total: Option<i64>,
}

/// Place of SwapFree in a row of the series.
const SWAP_FREE: usize = 7;

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
    /// Grace period of a deletion in seconds; negative: the pod's own.
    #[serde(default = "own_grace")]
    pub grace: i64,
    /// `oom_score_adj` of a host process.
    #[serde(default)]
    pub adj: Option<i16>,
}

fn own_grace() -> i64 {
    -1
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
    /// When the machine's root file system, which lies in memory, was full (`ENOSPC`): from then on the runtime cannot
    /// write, and makes no containers.
    pub fn root_full(&self) -> Option<f64> {
        let full = |e: &&Entry| e.ev == "host" && e.s.as_deref().is_some_and(|line| line.contains(" errno 28 "));
        self.timeline.iter().find(full).map(|entry| entry.t)
    }

    /// The story up to this time.
    #[must_use]
    pub fn until(mut self, end: f64) -> Story {
        self.timeline.retain(|entry| entry.t < end);
        self.inputs.duration = self.inputs.duration.min(end);
        self
    }

    /// Swap of the machine: what was free of it at the beginning.
    pub fn swap_total(&self) -> i64 {
        let free = |row: &Vec<Value>| row.get(SWAP_FREE).and_then(Value::as_i64);
        self.node.swap_total.or_else(|| self.series.iter().filter_map(free).max()).unwrap_or(0)
    }

    /// T0 in the scenario's time.
    pub fn t0(&self) -> f64 {
        let earliest = self.inputs.actions.iter().map(|a| a.t).chain(self.passes.first().copied());
        (-earliest.fold(0.0, f64::min)).ceil() + 1.0
    }
}
