//! What can be changed about a scenario, one thing at a time.

use super::change::Change;
use super::outcome::Target;
use oomsim_core::kernel::CgroupVersion;
use oomsim_core::kubelet::{ContainerSpec, MEMORY};
use oomsim_core::node_api::Signo;
use oomsim_core::plan::{self, Injection, PodPlan, ProcessPlan, Scenario};
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use oomsim_core::workload::Behavior;
use oomsim_scenario::{assignment, injection_to_toml};
use serde::Serialize;

/// Something that can be changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Knob {
    /// What it is, for people.
    pub name: String,
    /// Where it can be put.
    pub steps: Steps,
    kind: KnobKind,
}

/// The positions of a knob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Steps {
    /// Numbers from `low` to `high` in steps from `now`.
    Numbers {
        /// Where it stands.
        now: i64,
        /// Least.
        low: i64,
        /// Most.
        high: i64,
        /// One step.
        step: i64,
    },
    /// One of these.
    Choices(Vec<String>),
}

/// How a position is written.
#[derive(Clone, Debug, PartialEq)]
enum KnobKind {
    Bytes(Vec<String>),
    Millis(Vec<String>),
    Plain(Vec<String>),
    Soft,
    Swap,
    Action(plan::Change),
}

/// What a position is, for people and in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    /// As text.
    pub text: String,
    /// The change that puts the knob there.
    pub change: Change,
}

const MIB: i64 = 1 << 20;

fn signed(bytes: Bytes) -> i64 {
    i64::try_from(bytes.get()).unwrap_or(i64::MAX)
}

/// An amount in whole Mi or Ki where it is one.
fn quantity(bytes: i64) -> String {
    match bytes {
        b if b % MIB == 0 => format!("{}Mi", b / MIB),
        b if b % 1024 == 0 => format!("{}Ki", b / 1024),
        b => b.to_string(),
    }
}

/// A key path as `--set` reads it.
fn path(keys: &[&str]) -> String {
    let line = assignment(keys, "");
    line.rsplit_once(" = ").map_or(line.clone(), |(path, _)| path.to_owned())
}

impl Knob {
    fn numbers(name: impl Into<String>, kind: KnobKind, (now, low, high, step): (i64, i64, i64, i64)) -> Option<Knob> {
        let step = step.max(1);
        (low < high).then(|| Knob { name: name.into(), steps: Steps::Numbers { now, low, high, step }, kind })
    }

    /// The change that puts the knob to a number, and its text.
    pub fn position(&self, value: i64) -> Position {
        let quoted = |text: &str| format!("\"{text}\"");
        let all = |keys: &[String], value: &str| Change {
            set: keys.iter().map(|key| (key.clone(), quoted(value))).collect(),
            at: None,
        };
        let (text, change) = match &self.kind {
            KnobKind::Bytes(keys) => (quantity(value), all(keys, &quantity(value))),
            KnobKind::Millis(keys) => (format!("{value}ms"), all(keys, &format!("{value}ms"))),
            KnobKind::Plain(keys) => {
                let set = keys.iter().map(|key| (key.clone(), value.to_string())).collect();
                (value.to_string(), Change { set, at: None })
            }
            KnobKind::Soft => {
                let signal = "kubelet.evictionSoft.\"memory.available\"";
                let grace = "kubelet.evictionSoftGracePeriod.\"memory.available\"";
                let change = Change::set(signal, quoted(&quantity(value))).and(grace, quoted("30s"));
                (format!("{} for 30s", quantity(value)), change)
            }
            KnobKind::Swap => {
                let change = Change::set("node.swap", quoted(&quantity(value))).and("kubelet.failSwapOn", "false");
                (quantity(value), change)
            }
            KnobKind::Action(action) => {
                let at = SimTime::from_nanos(value.max(0).unsigned_abs().saturating_mul(1_000_000));
                let at = injection_to_toml(&Injection { at, change: action.clone() });
                (format!("at {:.1}s", value as f64 / 1000.0), Change { set: Vec::new(), at: Some(at) })
            }
        };
        Position { text, change }
    }

    /// The change that makes a choice.
    pub fn choice(&self, choice: &str) -> Position {
        let keys = match &self.kind {
            KnobKind::Bytes(keys) | KnobKind::Millis(keys) | KnobKind::Plain(keys) => keys.as_slice(),
            _ => &[],
        };
        let set = keys.iter().map(|key| (key.clone(), choice.to_owned())).collect();
        Position { text: choice.trim_matches('"').to_owned(), change: Change { set, at: None } }
    }

    /// True for actions, whose latest instant is looked for.
    pub fn is_action(&self) -> bool {
        matches!(self.kind, KnobKind::Action(_))
    }

    /// True for what only moves the instant at which the kubelet looks.
    pub(super) fn is_phase(&self) -> bool {
        matches!(&self.kind, KnobKind::Millis(keys) if keys.iter().any(|key| key == "kubelet.firstPass"))
    }
}

/// Every knob of a scenario that can have to do with a target, which came to harm at an instant; `growers` are pods
/// and host processes that had grown.
pub(super) fn knobs(scenario: &Scenario, target: &Target, growers: &[Target], at: SimTime) -> Vec<Knob> {
    let mut all = Vec::new();
    for plan in &scenario.pods {
        let is = |t: &Target| t.pod() == Some(plan.full_name().as_str());
        if is(target) || growers.iter().any(is) {
            all.extend(of_pod(scenario, plan, is(target), at));
        }
    }
    for host in &scenario.hosts {
        let is = |t: &Target| matches!(t, Target::Host(name) if **name == *host.name);
        if is(target) || growers.iter().any(is) {
            all.extend(pace(&["host", &host.name, "workload"], &host.process, &format!("host {}", host.name)));
        }
        if !is(target) && growers.iter().any(is) {
            let kill = plan::Change::Signal { process: host.process.comm.clone(), signal: Signo::Kill };
            let now = i64::try_from(at.as_nanos() / 1_000_000).unwrap_or(i64::MAX);
            let name = format!("kill {} at the latest", host.name);
            all.extend(Knob::numbers(name, KnobKind::Action(kill), (now, 0, now, 1000)));
        }
    }
    all.extend(of_node(scenario));
    all.extend(of_kubelet(scenario));
    all
}

fn of_pod(scenario: &Scenario, plan: &PodPlan, is_target: bool, at: SimTime) -> Vec<Knob> {
    let mut all = Vec::new();
    let capacity = signed(scenario.node.kernel.mem_total);
    let name = &*plan.spec.name;
    for spec in plan.spec.containers.iter() {
        all.extend(of_container(plan, spec, capacity));
    }
    for container in &plan.containers {
        if let Some(first) = container.processes.first() {
            let about = format!("{name}/{}", container.name);
            all.extend(pace(&["pod", name, "container", &container.name, "workload"], first, &about));
        }
    }
    let priority = KnobKind::Plain(vec![path(&["pod", name, "priority"])]);
    let now = i64::from(plan.spec.priority());
    all.extend(Knob::numbers(format!("priority of {name}"), priority, (now, -1_000_000, 1_000_000, 1)));
    let start = KnobKind::Millis(vec![path(&["pod", name, "at"])]);
    let now = i64::try_from(plan.at.as_nanos() / 1_000_000).unwrap_or(0);
    let end = i64::try_from(scenario.duration.as_nanos() / 1_000_000).unwrap_or(0);
    all.extend(Knob::numbers(format!("start of {name}"), start, (now, 0, end, 1000)));
    if !is_target {
        let delete = plan::Change::DeletePod { pod: plan.full_name().into() };
        let now = i64::try_from(at.as_nanos() / 1_000_000).unwrap_or(i64::MAX);
        let knob = format!("delete {name} at the latest");
        all.extend(Knob::numbers(knob, KnobKind::Action(delete), (now, 0, now, 1000)));
    }
    all
}

fn of_container(plan: &PodPlan, spec: &ContainerSpec, capacity: i64) -> Vec<Knob> {
    let (pod, container) = (&*plan.spec.name, &*spec.name);
    let key = |what: &str| path(&["pod", pod, "container", container, "resources", what, "memory"]);
    let given = |list: &oomsim_core::kubelet::ResourceList| list.get(MEMORY).map(|q| q.value());
    let (limit, request) = (given(&spec.resources.limits), given(&spec.resources.requests));
    // In a Guaranteed pod both stay equal.
    let equal = limit.is_some() && limit == request;
    let both = if equal { vec![key("limits"), key("requests")] } else { vec![key("limits")] };
    let name = |what: &str| format!("{what} of {pod}/{container}");
    let mut all = Vec::new();
    let (now, low) = (limit.unwrap_or(capacity), request.filter(|_| !equal).unwrap_or(0).max(MIB));
    all.extend(Knob::numbers(name("limit"), KnobKind::Bytes(both), (now, low, capacity, MIB)));
    let most = limit.unwrap_or(capacity);
    if !equal {
        let now = request.unwrap_or(0);
        all.extend(Knob::numbers(name("request"), KnobKind::Bytes(vec![key("requests")]), (now, 0, most, MIB)));
    }
    all
}

/// How fast a program grows.
fn pace(keys: &[&str], process: &ProcessPlan, about: &str) -> Vec<Knob> {
    let key = |more: &[&str]| vec![path(&[keys, more].concat())];
    let slower = |every: SimDuration, kind: &str| {
        let now = i64::try_from(every.as_nanos() / 1_000_000).unwrap_or(i64::MAX / 64);
        let kind = KnobKind::Millis(key(&[kind, "every"]));
        Knob::numbers(format!("pause between blocks of {about}"), kind, (now, now, now.saturating_mul(64), now / 100))
    };
    match &*process.behavior {
        Behavior::Leak(leak) => slower(leak.every, "leak").into_iter().collect(),
        Behavior::DotNet(dotnet) => slower(dotnet.leak.every, "dotnet").into_iter().collect(),
        Behavior::Ramp(ramp) => {
            let now = signed(ramp.rate);
            let kind = KnobKind::Plain(key(&["ramp", "rate"]));
            Knob::numbers(format!("growth of {about} in bytes a second"), kind, (now, 1, now, now / 100))
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

fn of_node(scenario: &Scenario) -> Vec<Knob> {
    let kernel = &scenario.node.kernel;
    let now = signed(kernel.mem_total);
    let mut all = Vec::new();
    let bytes = |key: &str| KnobKind::Bytes(vec![key.to_owned()]);
    all.extend(Knob::numbers("memory of the node", bytes("node.memory"), (now, now, now.saturating_mul(4), MIB)));
    let swap = if scenario.kubelet.is_some() { KnobKind::Swap } else { bytes("node.swap") };
    let swap_now = signed(kernel.swap_total);
    all.extend(Knob::numbers("swap of the node", swap, (swap_now, swap_now, now.max(swap_now), MIB)));
    let version = &kernel.profile.version;
    let others = ["4.15", "5.4", "6.1", "6.12"].iter().filter(|v| *v != version).map(|v| format!("\"{v}\""));
    let plain = |key: &str| KnobKind::Plain(vec![key.to_owned()]);
    all.push(Knob { name: "kernel".into(), steps: Steps::Choices(others.collect()), kind: plain("kernel.version") });
    let mode = kernel.sysctl.overcommit_memory;
    if scenario.kubelet.is_none() {
        let others = (0..3).filter(|m| *m != mode).map(|m| m.to_string()).collect();
        let kind = plain("kernel.sysctl.vm.overcommit_memory");
        all.push(Knob { name: "vm.overcommit_memory".into(), steps: Steps::Choices(others), kind });
        let ratio = i64::try_from(kernel.sysctl.overcommit_ratio).unwrap_or(i64::MAX);
        let kind = plain("kernel.sysctl.vm.overcommit_ratio");
        all.extend(Knob::numbers("vm.overcommit_ratio", kind, (ratio, 0, 400, 1)));
    }
    all
}

fn of_kubelet(scenario: &Scenario) -> Vec<Knob> {
    let Some(plan) = &scenario.kubelet else { return Vec::new() };
    let effective = plan.readable();
    let capacity = signed(scenario.node.kernel.mem_total);
    let mut all = Vec::new();
    let bytes = |key: &str| KnobKind::Bytes(vec![key.to_owned()]);
    let hard = effective.eviction_hard().map_or(0, signed);
    let key = "kubelet.evictionHard.\"memory.available\"";
    all.extend(Knob::numbers("evictionHard memory.available", bytes(key), (hard, MIB, capacity / 2, MIB)));
    all.extend(Knob::numbers("evictionSoft memory.available", KnobKind::Soft, (hard, hard, capacity / 2, MIB)));
    let reclaim = bytes("kubelet.evictionMinimumReclaim.\"memory.available\"");
    all.extend(Knob::numbers("evictionMinimumReclaim memory.available", reclaim, (0, 0, capacity / 4, MIB)));
    for (name, now) in [("kubeReserved", effective.kube_reserved), ("systemReserved", effective.system_reserved)] {
        let kind = bytes(&format!("kubelet.{name}.memory"));
        all.extend(Knob::numbers(format!("{name} memory"), kind, (signed(now), 0, capacity / 2, MIB)));
    }
    if let Some(first) = plan.first_pass {
        let now = i64::try_from(first.as_nanos() / 1_000_000).unwrap_or(0);
        let period = i64::try_from(plan.timing.monitoring_period.as_nanos() / 1_000_000).unwrap_or(10_000);
        let kind = KnobKind::Millis(vec!["kubelet.firstPass".into()]);
        let low = now.saturating_sub(period).max(0);
        all.extend(Knob::numbers("phase of the kubelet's check", kind, (now, low, now + period, 100)));
    }
    let period = i64::try_from(plan.config.pressure_transition_period().as_nanos() / 1_000_000).unwrap_or(0);
    let kind = KnobKind::Millis(vec!["kubelet.evictionPressureTransitionPeriod".into()]);
    all.extend(Knob::numbers("evictionPressureTransitionPeriod", kind, (period, 1000, period, 1000)));
    let plain = |key: &str| KnobKind::Plain(vec![key.to_owned()]);
    let releases = ["1.21", "1.28", "1.32", "1.34"].iter().filter(|v| **v != plan.profile.version);
    let choices = Steps::Choices(releases.map(|v| format!("\"{v}\"")).collect());
    all.push(Knob { name: "Kubernetes".into(), steps: choices, kind: plain("kubelet.version") });
    if scenario.node.kernel.cgroup == CgroupVersion::V2 {
        let steps = Steps::Choices(vec!["true".into(), "false".into()]);
        all.push(Knob { name: "singleProcessOOMKill".into(), steps, kind: plain("kubelet.singleProcessOOMKill") });
    }
    all
}
