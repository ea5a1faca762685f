//! What a scenario says must or must not happen, and how a run is held against it.
//!
//! An [`Expectation`] is plain data, read from one `[[expect]]` table. Exactly one of the keys `event`, `final`,
//! `series`, `total` or `why` says what kind of statement it is; `source` says where it comes from. The form of every
//! key stands at the field it fills.
//!
//! ```toml
//! [[expect]]
//! source = "part 4, OOM2: the kubelet evicts the pod at the first check above allocatable"
//! event = "Evicted"
//! pod = "alloc-mem-2"
//! where = { message = { contains = "exceeds its request of 0" } }
//! count = 1
//! between = ["4m", "4m40s"]
//! after = { event = "EvictionThresholdMet", within = "1s" }
//!
//! [[expect]]
//! source = "part 4, OOM2"
//! final = { pod = "alloc-mem-2", phase = "Failed", reason = "Evicted", restarts = 0 }
//!
//! [[expect]]
//! source = "part 4, OOM2: overshoot below two blocks"
//! series = "kubepods.working_set"
//! max = "4765Mi"
//!
//! [[expect]]
//! source = "part 4, OOM2: the kernel has nothing to do"
//! total = "oom_kills"
//! count = 0
//!
//! [[expect]]
//! source = "part 4, OOM2: the pods together use more than the node has promised"
//! why = "pods-above-allocatable"
//! pod = "alloc-mem-2"
//! ```

mod evaluate;
mod matching;
mod pattern;
mod share;
mod state;
mod why;

pub use evaluate::{ExpectationResult, evaluate};
pub use pattern::Pattern;
pub use share::RequiredShare;

use super::{Cause, Choice, Keep};
use crate::node_api::{ConditionStatus, NodeConditionType, PodPhase, QosClass};
use crate::units::{Bytes, SimDuration, SimTime};
use std::fmt;

/// One `[[expect]]` of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// `source = "text"`, required: where the statement comes from (a document, a recording, a calculation).
    pub source: String,
    /// Line of the `[[expect]]` header in the scenario file, from 1; 0 when there is no file.
    pub line: usize,
    /// `holds = "≥ 95%"`: on what share of seeds, when more than one is run.
    pub required: RequiredShare,
    /// What is stated.
    pub check: Check,
}

/// The kinds of statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// `event = "Kind"`: how many events of this kind happen.
    Event(Box<EventCheck>),
    /// `final = { pod = … }`: how a pod stands at the end.
    Pod(PodCheck),
    /// `final = { process = … }`: whether a process lives at the end.
    Process(ProcessCheck),
    /// `final = { condition = … }`: how a node condition stands at the end.
    Condition(ConditionCheck),
    /// `series = "name"`: how much memory at which time.
    Series(SeriesCheck),
    /// `total = "name"`: one of the run's counts.
    Total(TotalCheck),
    /// `why = "cause"`: how often something has this cause.
    Why(Box<WhyCheck>),
}

impl Expectation {
    /// How much of the run has to be kept to judge this statement.
    pub fn needs(&self) -> Keep {
        match self.check {
            Check::Series(_) => Keep::Series,
            Check::Event(_) | Check::Condition(_) | Check::Why(_) => Keep::Events,
            Check::Pod(_) | Check::Process(_) | Check::Total(_) => Keep::Outcome,
        }
    }
}

/// Which records are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventMatch {
    /// `event = "OomKill"`: one of the names in [`super::view::KINDS`], as `--format json` prints them.
    pub kind: String,
    /// `pod = "name"`, `pod = "namespace/name"`; `*` stands for any text. For `OomKill` the chosen victim's pod.
    pub pod: Option<Pattern>,
    /// `container = "name"`; `*` stands for any text.
    pub container: Option<Pattern>,
    /// `comm = "name"`: the process, for `OomKill` the chosen victim; `*` stands for any text.
    pub comm: Option<Pattern>,
    /// `where = { FIELD = TEST, … }`: all have to hold.
    pub filters: Vec<Filter>,
}

/// A condition on one field of a record's view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Name of a field in [`super::view::KINDS`]; a part of an object after a dot: `victim.points`. In TOML either
    /// `where = { "victim.points" = 1 }`, `where.victim.points = 1` or `where = { victim.points = 1 }`.
    pub field: String,
    /// What is asked of it.
    pub test: Test,
}

/// What is asked of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// `exitCode = 137`, `reason = "OOMKilled"`, `panic = false`; in a text `*` stands for any text.
    Equals(Scalar),
    /// `message = { contains = "text" }`; for a list (`killed_pids = { contains = 12 }`) one of its values.
    Contains(Scalar),
    /// `{ min = 1, max = 3 }`, both inclusive, either may be missing. Text values are quantities (`"100Mi"`: bytes;
    /// for a field that ends in `_kb` or `kB` the reader divides by 1024, for one in seconds it takes a duration).
    Bounds(Bounds),
    /// `{ not = VALUE }`: anything else, also nothing.
    Not(Scalar),
    /// `{ present = true }`: the field has (or has not) a value other than null, "" and an empty list.
    Present(bool),
}

/// A plain value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Whole number.
    Int(i64),
    /// Text, in comparisons with `*` for any text.
    Text(String),
    /// True or false.
    Bool(bool),
}

/// Bounds, both inclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// At least this.
    pub min: Option<i64>,
    /// At most this.
    pub max: Option<i64>,
}

impl Bounds {
    /// Exactly this value.
    pub const fn exactly(value: i64) -> Bounds {
        Bounds { min: Some(value), max: Some(value) }
    }

    /// At least this value.
    pub const fn at_least(value: i64) -> Bounds {
        Bounds { min: Some(value), max: None }
    }

    /// True when nothing is asked.
    pub fn is_open(self) -> bool {
        self.min.is_none() && self.max.is_none()
    }

    /// True when the value is within the bounds.
    pub fn holds(self, value: i64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }
}

/// A time window on the run's clock, both ends inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From.
    pub from: SimTime,
    /// To.
    pub to: SimTime,
}

impl Default for Window {
    fn default() -> Self {
        Window { from: SimTime::ZERO, to: SimTime::MAX }
    }
}

impl Window {
    /// True when the instant lies in the window.
    pub fn contains(self, at: SimTime) -> bool {
        self.from <= at && at <= self.to
    }
}

/// Another event that an event is placed against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// `after = { event = "Killing", pod = …, container = …, comm = …, where = { … } }`: at least one such record.
    pub other: EventMatch,
    /// `within = "30s"`: the two are at most this far apart.
    pub within: Option<SimDuration>,
    /// `least = "10s"`: the two are at least this far apart.
    pub least: Option<SimDuration>,
}

/// How many events of a kind happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventCheck {
    /// What and who.
    pub what: EventMatch,
    /// `count = 1`, `count = { min = 1, max = 3 }`, `never = true` (0). Without any of them: at least once.
    pub count: Bounds,
    /// `between = ["4m", "5m"]`, `at = "90s"`; durations since the run's beginning. Only records in it count.
    pub between: Window,
    /// `after = { … }`: only records with such a record before them count.
    pub after: Option<Relation>,
    /// `before = { … }`: only records with such a record after them count.
    pub before: Option<Relation>,
}

/// The state of pods at the end. Keys of `final = { pod = "name", … }`; at least one in addition to `pod`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodCheck {
    /// `pod = "name"` or `"namespace/name"`; `*` stands for any text. Without `*` one pod has to be there.
    pub pod: Pattern,
    /// `phase = "Failed"`.
    pub phase: Option<PodPhase>,
    /// `reason = "Evicted"`; `""` for none. `*` stands for any text, here and below.
    pub reason: Option<Pattern>,
    /// `message = "…"`.
    pub message: Option<Pattern>,
    /// `status = "CrashLoopBackOff"`: what `kubectl get pod` prints.
    pub status: Option<Pattern>,
    /// `qos = "BestEffort"`.
    pub qos: Option<QosClass>,
    /// `restarts = 3` or `{ min = 1 }`.
    pub restarts: Bounds,
    /// `usage = { min = "1Gi", max = "2Gi" }`: `memory.current`, in bytes.
    pub usage: Bounds,
    /// `count = 2` or `{ min = 1 }`: how many pods fit all of the above; without it every pod of that name has to,
    /// and there has to be one.
    pub count: Option<Bounds>,
}

/// Whether processes live at the end. Keys of `final = { process = "comm", … }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessCheck {
    /// `process = "bash"`: the comm; `*` stands for any text.
    pub comm: Pattern,
    /// `pod = "name"`: only processes of such pods.
    pub pod: Option<Pattern>,
    /// `alive = true` is `count = { min = 1 }`, `alive = false` is `count = 0`; or `count` itself.
    pub count: Bounds,
    /// `rss = { min = …, max = … }`: only processes with this many resident bytes are counted.
    pub rss: Bounds,
}

/// How a node condition stands at the end. Keys of `final = { condition = "MemoryPressure", … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionCheck {
    /// `condition = "MemoryPressure"`.
    pub r#type: NodeConditionType,
    /// `status = "True"`. A condition that never changed is `False`.
    pub status: ConditionStatus,
}

/// A curve of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// `node.available`: `memory.available` as the kubelet would compute it.
    NodeAvailable,
    /// `node.working_set`.
    NodeWorkingSet,
    /// `node.mem_available`: MemAvailable.
    MemAvailable,
    /// `node.mem_free`: MemFree.
    MemFree,
    /// `node.swap_used`.
    SwapUsed,
    /// `node.committed_as`.
    CommittedAs,
    /// `kubepods.usage`.
    KubepodsUsage,
    /// `kubepods.working_set`.
    KubepodsWorkingSet,
    /// `pod.usage`: the sum over all pods that fit `pod = "name"`.
    PodUsage,
    /// `pod.working_set`: the sum over all pods that fit `pod = "name"`.
    PodWorkingSet,
}

impl Curve {
    /// Every curve with the name it has in a scenario.
    pub const ALL: [(&'static str, Curve); 10] = [
        ("node.available", Curve::NodeAvailable),
        ("node.working_set", Curve::NodeWorkingSet),
        ("node.mem_available", Curve::MemAvailable),
        ("node.mem_free", Curve::MemFree),
        ("node.swap_used", Curve::SwapUsed),
        ("node.committed_as", Curve::CommittedAs),
        ("kubepods.usage", Curve::KubepodsUsage),
        ("kubepods.working_set", Curve::KubepodsWorkingSet),
        ("pod.usage", Curve::PodUsage),
        ("pod.working_set", Curve::PodWorkingSet),
    ];

    /// The curve of that name.
    pub fn by_name(name: &str) -> Option<Curve> {
        Self::ALL.iter().find(|(n, _)| *n == name).map(|(_, curve)| *curve)
    }

    /// The name in a scenario.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, curve)| *curve == self).map_or("?", |(name, _)| name)
    }

    /// True for the curves that take a `pod`.
    pub fn of_pod(self) -> bool {
        matches!(self, Curve::PodUsage | Curve::PodWorkingSet)
    }
}

/// How much memory at which time. All amounts in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesCheck {
    /// `series = "node.available"`: a name of [`Curve::ALL`].
    pub curve: Curve,
    /// `pod = "name"`: for `pod.usage` and `pod.working_set`.
    pub pod: Option<Pattern>,
    /// `between = ["1m", "2m"]`, or `at = "90s"` for the value at one instant.
    pub between: Window,
    /// `min = "1Gi"`, `max = "2Gi"`: every value in the window.
    pub every: Bounds,
    /// `peak = { min = "4565Mi", max = "4765Mi" }`: the largest value in the window.
    pub peak: Bounds,
    /// `lowest = { min = …, max = … }`: the smallest value in the window.
    pub lowest: Bounds,
}

/// How often something has a cause: a death, an eviction, a refusal, as `oomsim why` lists and explains them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhyCheck {
    /// `why = "pod-limit"`: the word of a [`Cause`].
    pub cause: Cause,
    /// `choice = "tie"`: how the kernel came to its victim, the word of a [`Choice`].
    pub choice: Option<Choice>,
    /// `pod = "name"`, `pod = "namespace/name"`; `*` stands for any text.
    pub pod: Option<Pattern>,
    /// `container = "name"`.
    pub container: Option<Pattern>,
    /// `comm = "name"`: the process.
    pub comm: Option<Pattern>,
    /// `count = 1`, `count = { min = 1 }`, `never = true` (0). Without any of them: at least once.
    pub count: Bounds,
}

/// One of the run's counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Total {
    /// `oom_kills`: processes killed by the OOM killer.
    OomKills,
    /// `evictions`: pods evicted.
    Evictions,
    /// `restarts`: containers started again.
    Restarts,
    /// `refusals`: allocations refused.
    Refusals,
    /// `passes`: passes of the eviction manager.
    Passes,
    /// `allocations`: blocks and steps allocated.
    Allocations,
}

impl Total {
    /// Every count with the name it has in a scenario.
    pub const ALL: [(&'static str, Total); 6] = [
        ("oom_kills", Total::OomKills),
        ("evictions", Total::Evictions),
        ("restarts", Total::Restarts),
        ("refusals", Total::Refusals),
        ("passes", Total::Passes),
        ("allocations", Total::Allocations),
    ];

    /// The count of that name.
    pub fn by_name(name: &str) -> Option<Total> {
        Self::ALL.iter().find(|(n, _)| *n == name).map(|(_, total)| *total)
    }

    /// The name in a scenario.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, total)| *total == self).map_or("?", |(name, _)| name)
    }
}

/// Bounds on one of the run's counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotalCheck {
    /// `total = "evictions"`: a name of [`Total::ALL`].
    pub total: Total,
    /// `count = 2` or `count = { min = 1, max = 3 }`.
    pub count: Bounds,
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Scalar::Text(text.to_owned())
    }
}

impl From<i64> for Scalar {
    fn from(number: i64) -> Self {
        Scalar::Int(number)
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Scalar::Bool(value)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Int(value) => write!(f, "{value}"),
            Scalar::Text(text) => write!(f, "{text:?}"),
            Scalar::Bool(value) => write!(f, "{value}"),
        }
    }
}

/// An amount of bytes for people: a round binary unit, otherwise with one or two decimals.
pub fn amount(bytes: i64) -> String {
    let size = Bytes::new(bytes.unsigned_abs());
    let sign = if bytes < 0 { "-" } else { "" };
    let exact = size.to_string();
    if exact.len() <= 6 || size < Bytes::kib(1) {
        return format!("{sign}{exact}");
    }
    let (shift, unit, digits) = match size.get().ilog2() {
        40.. => (40, "Ti", 2),
        34.. => (30, "Gi", 2),
        20.. => (20, "Mi", 1),
        _ => (10, "Ki", 1),
    };
    let scale = 10_u128.pow(digits);
    let parts = (u128::from(size.get()) * scale) >> shift;
    format!("{sign}{}.{:0width$}{unit}", parts / scale, parts % scale, width = digits as usize)
}

#[cfg(test)]
mod tests;
