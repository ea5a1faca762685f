//! States and reasons of pods, containers and the node, with the words of the Kubernetes API. Text is made of them
//! where something is written, and nowhere else.

use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A closed set of words: the enum, every variant in order, its text, and the same text for `Display` and serde.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$about])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        as_text!($name);
    )+};
}

/// `Display` and serde by `as_str`.
macro_rules! as_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

pub(crate) use {as_text, words};

words! {
    /// Quality of service of a pod (`status.qosClass`).
    QosClass {
        /// Requests equal limits for CPU and memory.
        Guaranteed = "Guaranteed",
        /// Some request or limit.
        Burstable = "Burstable",
        /// No request and no limit.
        BestEffort = "BestEffort",
    }

    /// `status.phase` of a pod.
    PodPhase {
        /// Not every container has run yet.
        Pending = "Pending",
        /// A container runs, or is to run again.
        Running = "Running",
        /// Every container has ended with code 0, for good.
        Succeeded = "Succeeded",
        /// A container has ended with an error, for good; or the kubelet ended the pod or did not admit it.
        Failed = "Failed",
    }

    /// `status.reason` of a pod.
    PodReason {
        /// Evicted, or not admitted because of the node's memory pressure.
        Evicted = "Evicted",
        /// Not admitted: its memory request does not fit beside those of the others.
        OutOfMemory = "OutOfmemory",
        /// Killed to make room for a critical pod.
        Preempting = "Preempting",
        /// Not admitted: it is critical, and no pods could make room for it.
        UnexpectedAdmissionError = "UnexpectedAdmissionError",
        /// Not admitted: there are as many pods on the node as it takes (`maxPods`).
        OutOfPods = "OutOfpods",
    }

    /// Reason of an event about a pod that is neither its start nor its end.
    PodEventReason {
        /// The kubelet has taken new requests and limits of a running pod.
        ResizeStarted = "ResizeStarted",
        /// The cgroups have the new limits.
        ResizeCompleted = "ResizeCompleted",
        /// They do not, and the kubelet tries again.
        ResizeError = "ResizeError",
    }

    /// Reason of a container's waiting state.
    WaitingReason {
        /// It has not been started yet.
        ContainerCreating = "ContainerCreating",
        /// Init containers come first.
        PodInitializing = "PodInitializing",
        /// It ended, and its restart has to wait.
        CrashLoopBackOff = "CrashLoopBackOff",
        /// The runtime could not start it.
        RunContainerError = "RunContainerError",
    }

    /// Reason of a container's terminated state.
    TerminatedReason {
        /// It ended with code 0.
        Completed = "Completed",
        /// It ended with another code.
        Error = "Error",
        /// The runtime saw an OOM event of the container's cgroup.
        OomKilled = "OOMKilled",
        /// The runtime lost its state.
        ContainerStatusUnknown = "ContainerStatusUnknown",
        /// The runtime could not start it: the exit code is 128.
        StartError = "StartError",
    }

    /// What an eviction threshold watches. Only the memory signals are ever observed by the model; the others are
    /// parsed, so that real configurations can be read and written back.
    EvictionSignal {
        /// Pods' working set against the limit of the `kubepods` cgroup.
        AllocatableMemoryAvailable = "allocatableMemory.available",
        /// Container file system.
        ContainerFsAvailable = "containerfs.available",
        /// Inodes of the container file system.
        ContainerFsInodesFree = "containerfs.inodesFree",
        /// Image file system.
        ImageFsAvailable = "imagefs.available",
        /// Inodes of the image file system.
        ImageFsInodesFree = "imagefs.inodesFree",
        /// Node capacity less the node's working set.
        MemoryAvailable = "memory.available",
        /// The kubelet's file system.
        NodeFsAvailable = "nodefs.available",
        /// Inodes of the kubelet's file system.
        NodeFsInodesFree = "nodefs.inodesFree",
        /// Process ids.
        PidAvailable = "pid.available",
    }

    /// `type` of a node condition.
    NodeConditionType {
        /// The node is short of memory.
        MemoryPressure = "MemoryPressure",
        /// The node takes pods and reports.
        Ready = "Ready",
    }

    /// `status` of a node condition.
    ConditionStatus {
        /// The condition holds.
        True = "True",
        /// The condition does not hold.
        False = "False",
        /// Nothing is known: the node no longer reports.
        Unknown = "Unknown",
    }

    /// A system call that failed with ENOMEM.
    RefusedCall {
        /// New memory, or memory made writable.
        Mmap = "mmap",
        /// A new process.
        Fork = "fork",
    }
}

impl EvictionSignal {
    /// True for the two signals that memory eviction acts on.
    pub const fn is_memory(self) -> bool {
        matches!(self, Self::MemoryAvailable | Self::AllocatableMemoryAvailable)
    }
}

impl NodeConditionType {
    /// Reason of the condition with this status (pkg/kubelet/nodestatus/setters.go; of Unknown
    /// pkg/controller/nodelifecycle/node_lifecycle_controller.go).
    pub const fn reason(self, status: ConditionStatus) -> &'static str {
        match (self, status) {
            (Self::MemoryPressure, ConditionStatus::True) => "KubeletHasInsufficientMemory",
            (Self::MemoryPressure, ConditionStatus::False) => "KubeletHasSufficientMemory",
            (Self::Ready, ConditionStatus::True) => "KubeletReady",
            (Self::Ready, ConditionStatus::False) => "KubeletNotReady",
            (_, ConditionStatus::Unknown) => "NodeStatusUnknown",
        }
    }

    /// Its message (same places).
    pub const fn message(self, status: ConditionStatus) -> &'static str {
        match (self, status) {
            (Self::MemoryPressure, ConditionStatus::True) => "kubelet has insufficient memory available",
            (Self::MemoryPressure, ConditionStatus::False) => "kubelet has sufficient memory available",
            (Self::Ready, ConditionStatus::True) => "kubelet is posting ready status",
            (Self::Ready, ConditionStatus::False) => "kubelet is not ready",
            (_, ConditionStatus::Unknown) => "Kubelet stopped posting node status.",
        }
    }

    /// The event that goes with the change (same places).
    pub const fn event(self, status: ConditionStatus) -> &'static str {
        match (self, status) {
            (Self::MemoryPressure, ConditionStatus::True) => "NodeHasInsufficientMemory",
            (Self::MemoryPressure, _) => "NodeHasSufficientMemory",
            (Self::Ready, ConditionStatus::True) => "NodeReady",
            (Self::Ready, _) => "NodeNotReady",
        }
    }
}

/// The state of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContainerStatus {
    /// It is to be started.
    Waiting(WaitingReason),
    /// It runs.
    Running,
    /// It has ended.
    Terminated(TerminatedReason),
}

impl ContainerStatus {
    /// The word that `kubectl get pod` shows for it: the reason of a state that has one.
    pub const fn as_str(self) -> &'static str {
        match self {
            ContainerStatus::Waiting(reason) => reason.as_str(),
            ContainerStatus::Running => "Running",
            ContainerStatus::Terminated(reason) => reason.as_str(),
        }
    }
}

as_text!(ContainerStatus);

/// What the STATUS column of `kubectl get pod` shows (kubernetes pkg/printers/internalversion printPod).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PodStatus {
    /// The reason of the pod's status.
    Reason(PodReason),
    /// It is being deleted.
    Terminating,
    /// The first container that does not run.
    Container(ContainerStatus),
    /// The init container that is due has not done its work yet.
    Init {
        /// How it stands.
        status: ContainerStatus,
        /// How many have.
        done: u32,
        /// How many there are.
        of: u32,
    },
    /// Nothing more to say than the phase.
    Phase(PodPhase),
}

impl PodStatus {
    /// The words.
    pub fn text(self) -> Cow<'static, str> {
        match self {
            PodStatus::Reason(reason) => reason.as_str().into(),
            PodStatus::Terminating => "Terminating".into(),
            PodStatus::Container(status) => status.as_str().into(),
            PodStatus::Init { status, done, of } => match status {
                ContainerStatus::Terminated(TerminatedReason::Completed) | ContainerStatus::Running => {
                    format!("Init:{done}/{of}").into()
                }
                ContainerStatus::Terminated(reason) => format!("Init:{reason}").into(),
                ContainerStatus::Waiting(WaitingReason::CrashLoopBackOff) => "Init:CrashLoopBackOff".into(),
                ContainerStatus::Waiting(_) => format!("Init:{done}/{of}").into(),
            },
            PodStatus::Phase(phase) => phase.as_str().into(),
        }
    }

    /// Nothing is wrong with the pod: it runs, or has ended well.
    pub const fn is_well(self) -> bool {
        matches!(
            self,
            PodStatus::Phase(PodPhase::Running | PodPhase::Succeeded)
                | PodStatus::Container(ContainerStatus::Terminated(TerminatedReason::Completed))
        )
    }
}

impl fmt::Display for PodStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl Serialize for PodStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

/// A pod as the kubelet writes it in messages: `web_default(<uid>)`.
pub fn format_pod(name: &str, namespace: &str, uid: &str) -> String {
    [name, "_", namespace, "(", uid, ")"].concat()
}

/// Message of a container's waiting state in back-off; `pod` as [`format_pod`] writes it.
pub fn waiting_message(wait: crate::units::SimDuration, container: &str, pod: &str) -> String {
    ["back-off ", &wait.to_string(), " restarting failed container=", container, " pod=", pod].concat()
}
