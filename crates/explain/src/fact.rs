//! The facts that explanations are made of: figures, no sentences.

use crate::rule::Rule;
use oomsim_core::node_api::{
    EvictionSignal, Name, NodeConditionType, PodPhase, QosClass, RefusedCall, TerminatedReason,
};
use oomsim_core::record::{Cause, ConditionStatus, Owner};
use oomsim_core::units::{Bytes, Pid, SimDuration, SimTime};
use serde::{Serialize, Serializer};

fn seconds<S: Serializer>(length: &SimDuration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(length.as_secs_f64())
}

pub(crate) fn instant<S: Serializer>(at: &SimTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(at.as_secs_f64())
}

pub(crate) fn some_instant<S: Serializer>(at: &Option<SimTime>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(SimTime::as_secs_f64).serialize(serializer)
}

/// One link of an explanation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Link {
    /// When; `None`: it holds all the time.
    #[serde(rename = "t", serialize_with = "some_instant")]
    pub at: Option<SimTime>,
    /// What.
    #[serde(flatten)]
    pub fact: Fact,
    /// By which rule.
    pub rule: Option<Rule>,
}

impl Link {
    /// Something at an instant.
    pub fn at(at: SimTime, fact: Fact) -> Link {
        Link { at: Some(at), fact, rule: None }
    }

    /// Something that holds.
    pub fn of(fact: Fact) -> Link {
        Link { at: None, fact, rule: None }
    }

    /// By this rule.
    #[must_use]
    pub fn by(self, rule: Rule) -> Link {
        Link { rule: Some(rule), ..self }
    }
}

/// A process, a pod or the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Who {
    /// A process.
    Process {
        /// Process id.
        pid: Pid,
        /// Name.
        comm: Name,
        /// The container (`pod/NAMESPACE/NAME/CONTAINER`) or the host process that it belongs to; empty: not known.
        of: String,
    },
    /// A pod, `namespace/name`.
    Pod(Name),
    /// All pods together.
    Pods,
    /// The node's own processes together.
    System,
}

impl Who {
    /// A process of an owner.
    pub fn process(pid: Pid, comm: &Name, owner: Option<&Owner>) -> Who {
        let of = match owner {
            Some(Owner::Container { pod, container }) => format!("pod/{}/{container}", short_pod(pod)),
            Some(Owner::Host(name)) => format!("host/{name}"),
            None => String::new(),
        };
        Who::Process { pid, comm: comm.clone(), of }
    }
}

/// A pod without the namespace `default`.
pub fn short_pod(pod: &str) -> &str {
    pod.strip_prefix("default/").unwrap_or(pod)
}

/// A threshold and how far it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdState {
    /// What it watches.
    pub signal: EvictionSignal,
    /// Hard thresholds act at once.
    pub hard: bool,
    /// The threshold.
    pub quantity: Bytes,
    /// What was available.
    pub available: i64,
}

impl ThresholdState {
    /// Less is available than the threshold asks for.
    pub fn met(&self) -> bool {
        i64::try_from(self.quantity.get()).is_ok_and(|quantity| self.available < quantity)
    }
}

/// Why a process or pod that seems the obvious one was not chosen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "why", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum WhyNot {
    /// It is larger, but `oom_score_adj` outweighs it.
    Adjusted {
        /// Its points.
        points: i64,
        /// Those of the victim.
        victim_points: i64,
        /// Its `oom_score_adj`.
        oom_score_adj: i16,
        /// That of the victim.
        victim_adj: i16,
        /// What one step of `oom_score_adj` is worth, in pages.
        step: i64,
    },
    /// Its points are equal, and it is looked at earlier or later.
    Tied {
        /// The points of both.
        points: i64,
    },
    /// It can never be killed (`oom_score_adj` −1000).
    Protected,
    /// It is outside of the cgroup whose limit was full.
    OutsideTheLimit,
    /// It is within its request, the victim is not.
    WithinRequest {
        /// Its request.
        request: Bytes,
    },
    /// Both are above their requests or both within, the victim by more.
    LessAbove {
        /// Its use above its request, as the kubelet saw it.
        by: i64,
        /// The victim's.
        victim_by: i64,
    },
    /// It has a higher priority.
    Priority {
        /// Its priority.
        priority: i32,
        /// The victim's.
        victim_priority: i32,
    },
    /// The kubelet's figure of it was old and smaller.
    OldFigure {
        /// What the kubelet believed.
        seen: Bytes,
        /// How old that was, in seconds.
        age_s: f64,
        /// What it really used.
        now: Bytes,
    },
    /// The kubelet had no figure of the victim yet: such pods go first.
    NoFigureOfVictim,
    /// It is critical.
    Critical,
    /// It is no pod: the kubelet can only evict pods.
    NoPod,
}

/// A fact with its figures. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "fact", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Fact {
    /// Something grew.
    Grew {
        /// Who.
        who: Who,
        /// From this much.
        from: Bytes,
        /// To this much.
        to: Bytes,
        /// In this time.
        #[serde(serialize_with = "seconds", rename = "seconds")]
        over: SimDuration,
    },
    /// Nothing that died had grown.
    Innocent {
        /// Who died.
        who: Who,
        /// Who grew.
        grower: Who,
        /// By this much.
        by: Bytes,
    },
    /// A cgroup's limit was full.
    LimitFull {
        /// Its path.
        cgroup: Name,
        /// Charged.
        usage: Bytes,
        /// Limit.
        limit: Bytes,
        /// Whose page did not fit.
        by: Who,
    },
    /// A cgroup's limit was set below what was charged to it already.
    LimitLowered {
        /// Its path.
        cgroup: Name,
        /// Charged.
        usage: Bytes,
        /// The new limit.
        limit: Bytes,
    },
    /// It is the limit of all pods together.
    LimitOfPods {
        /// It.
        limit: Bytes,
    },
    /// The pod's limit is full before that of its container.
    PauseCounts {
        /// Limit of pod and container.
        limit: Bytes,
        /// Charged to the container.
        container: Bytes,
        /// Charged to the pod outside of the container.
        rest: Bytes,
    },
    /// Page cache that was freed before.
    CacheFreed {
        /// Page cache some time before.
        before: Bytes,
        /// What was left.
        left: Bytes,
        /// Over this time.
        #[serde(serialize_with = "seconds", rename = "seconds")]
        over: SimDuration,
    },
    /// What the full cgroup or node held.
    Contents {
        /// Anonymous memory.
        anon: Bytes,
        /// tmpfs and shared memory.
        shmem: Bytes,
        /// Kernel memory.
        kernel: Bytes,
        /// Page cache that is left.
        file: Bytes,
        /// Swap that is free; `None`: the node has none.
        swap_free: Option<Bytes>,
    },
    /// Memory outside of the limit.
    NodeHad {
        /// Of the node.
        available: Bytes,
    },
    /// The node has no memory left.
    NodeFull {
        /// MemFree.
        free: Bytes,
        /// What the min watermarks keep back.
        kept_back: Bytes,
        /// Whose page did not fit.
        by: Who,
    },
    /// What the kubelet's figure does not contain.
    FigureMisleads {
        /// `memory.available` as the kubelet computes it.
        available: i64,
        /// MemAvailable at the same moment.
        mem_available: Bytes,
        /// MemFree.
        free: Bytes,
        /// Kernel memory, which no process is charged for.
        kernel: Bytes,
        /// The hard threshold.
        threshold: Option<Bytes>,
    },
    /// The eviction manager's last look.
    LastPass {
        /// Its thresholds.
        thresholds: Vec<ThresholdState>,
        /// Whether it evicted a pod.
        evicted: Option<Name>,
        /// Met thresholds waited for their grace period until then.
        #[serde(serialize_with = "some_instant")]
        waits_until: Option<SimTime>,
    },
    /// The eviction manager's next look.
    NextPass {
        /// How long after what is explained.
        #[serde(serialize_with = "seconds", rename = "seconds")]
        after: SimDuration,
        /// False: it would have been then.
        happened: bool,
    },
    /// All looks before.
    PassesBefore {
        /// How many.
        count: u64,
        /// In how many a threshold was met.
        met: u64,
        /// The least distance to a threshold.
        nearest: Option<ThresholdState>,
    },
    /// The least that was available of what a threshold watches.
    Nearest {
        /// The threshold then.
        threshold: ThresholdState,
    },
    /// A threshold is met.
    ThresholdMet {
        /// It.
        threshold: ThresholdState,
        /// Capacity, or the limit of kubepods.
        of: Bytes,
        /// Working set.
        working_set: i64,
    },
    /// The threshold is a soft one.
    SoftThreshold {
        /// It has to be met for this long.
        #[serde(serialize_with = "seconds", rename = "graceSeconds")]
        grace: SimDuration,
    },
    /// The kubelet's figure of a pod.
    PodFigure {
        /// The pod.
        pod: Name,
        /// What it believed; `None`: it had no figure.
        seen: Option<Bytes>,
        /// How old that was.
        age_s: Option<f64>,
        /// What the pod really used.
        now: Bytes,
    },
    /// Why another was not chosen.
    NotChosen {
        /// Who.
        who: Who,
        /// What it held.
        holds: Bytes,
        /// Why not.
        #[serde(flatten)]
        why_not: WhyNot,
    },
    /// Others died with the victim.
    Group {
        /// The cgroup.
        cgroup: Name,
        /// They.
        also: Vec<Who>,
    },
    /// A rule decided between equals.
    Equals {
        /// The points of all of them.
        points: i64,
        /// How many.
        count: u64,
    },
    /// The order of the kernel's list decided between equals.
    OrderDecides {
        /// The last one of the list dies, not the first.
        last: bool,
    },
    /// A child died for the chosen process.
    ChildDied {
        /// The chosen process.
        chosen: Who,
    },
    /// `vm.oom_kill_allocating_task`.
    Allocating,
    /// Memory was refused.
    Refused {
        /// By which call.
        call: RefusedCall,
        /// How much.
        requested: Bytes,
        /// `vm.overcommit_memory`.
        mode: u8,
        /// Committed_AS.
        committed_as: Bytes,
        /// CommitLimit.
        commit_limit: Bytes,
        /// RAM.
        ram: Bytes,
        /// Swap.
        swap: Bytes,
        /// MemFree at that moment.
        free: Option<Bytes>,
    },
    /// A runtime refused memory.
    RuntimeRefused {
        /// Which.
        runtime: &'static str,
        /// Its heap.
        heap: Bytes,
        /// Its limit.
        limit: Bytes,
        /// Asked for.
        requested: Bytes,
        /// Limit of the container.
        container_limit: Option<Bytes>,
    },
    /// The kernel was not asked.
    KernelUninvolved {
        /// Resident memory of the process then.
        rss: Option<Bytes>,
        /// Limit of its container.
        limit: Option<Bytes>,
    },
    /// The container's end as Kubernetes reports it.
    Terminated {
        /// Pod.
        pod: Name,
        /// Container.
        container: Name,
        /// Reason.
        reason: TerminatedReason,
        /// Exit code.
        exit_code: i32,
    },
    /// A restart waits.
    Waits {
        /// Pod.
        pod: Name,
        /// Container.
        container: Name,
        /// How long.
        #[serde(serialize_with = "seconds", rename = "seconds")]
        delay: SimDuration,
    },
    /// A container was started again.
    Restarted {
        /// Pod.
        pod: Name,
        /// Container.
        container: Name,
        /// How many restarts so far.
        restarts: u32,
    },
    /// A container lives on without the process that died.
    LivesOn {
        /// Pod.
        pod: Name,
        /// Container.
        container: Name,
    },
    /// The pod's phase.
    Phase {
        /// Pod.
        pod: Name,
        /// Phase.
        phase: PodPhase,
    },
    /// A controller made a new pod.
    Recreated {
        /// The new pod.
        pod: Name,
    },
    /// A pod was not admitted.
    Rejected {
        /// Pod.
        pod: Name,
        /// Its class.
        qos: Option<QosClass>,
        /// The message of its status.
        message: Name,
    },
    /// A node condition.
    Condition {
        /// Which.
        condition: NodeConditionType,
        /// Status.
        status: ConditionStatus,
    },
    /// Stopping a container failed.
    StopFailed {
        /// Pod.
        pod: Name,
        /// Container.
        container: Name,
        /// The container's end, before.
        #[serde(serialize_with = "some_instant")]
        ended_at: Option<SimTime>,
        /// It had not begun yet.
        never_started: bool,
    },
    /// Memory came back.
    Freed {
        /// How much of the node's working set.
        bytes: Bytes,
        /// After this time.
        #[serde(serialize_with = "seconds", rename = "seconds")]
        after: SimDuration,
    },
    /// The next thing that has a cause.
    Next {
        /// Its number.
        number: u64,
        /// Its cause.
        cause: Cause,
        /// Who.
        who: Option<Who>,
    },
    /// A process ended.
    Ended {
        /// Which.
        who: Who,
        /// How (`exited with code 1`, `killed by SIGSEGV`).
        how: String,
    },
    /// Something outside of the run's models did it.
    ByScenario,
    /// A container did not answer its probes.
    ProbesFailed {
        /// Pod.
        pod: Name,
        /// Container.
        container: Name,
        /// How often in a row.
        times: u64,
        /// The first time.
        #[serde(serialize_with = "instant")]
        since: SimTime,
        /// What the kubelet says of the last one.
        message: Name,
    },
    /// The kubelet stops a container for that.
    StoppedForProbe {
        /// What the kubelet says.
        message: Name,
        /// From SIGTERM to the end of the process.
        #[serde(serialize_with = "seconds", rename = "seconds")]
        after: SimDuration,
    },
    /// The message of a panic or of a kubelet that does not start.
    Message {
        /// It.
        text: Name,
    },
    /// A memory limit was never reached.
    Room {
        /// Whose limit (`container`, `pod`, `kubepods`, `node` …).
        of: &'static str,
        /// Name of the cgroup, if there is one.
        name: Name,
        /// Most that was charged.
        peak: Bytes,
        /// The limit.
        limit: Bytes,
    },
    /// Node working set as `kubectl top` shows it.
    TopNode {
        /// Highest working set of the node.
        working_set: Bytes,
        /// Allocatable.
        allocatable: Bytes,
        /// Working set of the pods at that moment.
        pods: Bytes,
        /// Capacity.
        capacity: Bytes,
    },
    /// A pod can never be evicted.
    NeverEvicted,
    /// No kubelet watches memory.
    NoThreshold,
    /// The least memory that the node had left.
    NodeRoom {
        /// MemAvailable at its lowest.
        lowest: Bytes,
        /// RAM.
        ram: Bytes,
    },
    /// Another pod went first in each of the passes.
    OthersFirst {
        /// They, with how often.
        pods: Vec<Name>,
    },
    /// Processes spend much of their time waiting for memory.
    WaitsForMemory {
        /// Whose they are.
        who: Who,
        /// When they began to wait.
        #[serde(serialize_with = "instant")]
        since: SimTime,
        /// `some avg10` of `memory.pressure`, hundredths of a percent.
        some_avg10: u32,
        /// Charged to their cgroup.
        usage: Bytes,
        /// Its limit, if there is one.
        limit: Option<Bytes>,
    },
    /// A process waits at a full limit for memory.
    Stalled {
        /// Who.
        who: Who,
        /// Since when nothing grew.
        cgroup: Name,
        /// Charged.
        usage: Bytes,
        /// Limit.
        limit: Bytes,
    },
}
