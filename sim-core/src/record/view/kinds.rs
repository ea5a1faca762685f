//! Every kind of record with the meaning of its fields: the reference of the JSON output.

use crate::record::Record;

/// A field of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name in JSON.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
}

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordKind {
    /// Name in JSON.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Its fields except `t` and `kind`, in the order in which they are written.
    pub fields: &'static [Field],
}

impl RecordKind {
    /// True when `path` (`exitCode`, `victim.pid`) names a field of this kind.
    pub fn has(&self, path: &str) -> bool {
        let (head, tail) = path.split_once('.').unwrap_or((path, ""));
        self.fields.iter().any(|field| field.name == head)
            && (tail.is_empty() || head == "victim" && PROCESS_FIELDS.iter().any(|field| field.name == tail))
    }
}

/// The kind of that name.
pub fn kind_named(name: &str) -> Option<&'static RecordKind> {
    KINDS.iter().find(|kind| kind.name == name)
}

macro_rules! kinds {
    ($($name:ident $doc:literal { $($field:literal $field_doc:literal)* })*) => {
        /// Every kind of record.
        pub const KINDS: &[RecordKind] = &[$(RecordKind {
            name: stringify!($name),
            doc: $doc,
            fields: &[$(Field { name: $field, doc: $field_doc }),*],
        }),*];

        enum Index { $($name),* }

        /// The kind of a record.
        pub fn kind(record: &Record) -> &'static RecordKind {
            let index = match record { $(Record::$name { .. } => Index::$name),* };
            &KINDS[index as usize]
        }
    };
}

macro_rules! fields {
    ($($field:literal $doc:literal)*) => { &[$(Field { name: $field, doc: $doc }),*] };
}

/// Fields of `victim` and of each entry of `killed` in `OomKill`.
pub const PROCESS_FIELDS: &[Field] = fields! {
    "pid" "process id on the host"
    "comm" "process name, at most 15 bytes"
    "namespace" "namespace of its pod; null on the host"
    "pod" "name of its pod; null on the host"
    "container" "name of its container (`POD` is the pause container); null on the host"
    "oom_score_adj" "the kubelet's adjustment by QoS class, or the process's own"
    "points" "badness points by this kernel's arithmetic, in pages; null for a task that was not eligible"
    "score" "points in thousandths of the memory they are measured against, as kernels before 4.20 print it"
    "task_memcg" "cgroup of the process"
    "total_vm_kb" "virtual size"
    "anon_rss_kb" "anonymous resident memory"
    "file_rss_kb" "file-mapped resident memory"
    "shmem_rss_kb" "shared resident memory"
    "pgtables_kb" "page tables"
    "swap_kb" "swapped-out memory"
};

kinds! {
    SysctlSet "The scenario set a sysctl." {
        "name" "such as `vm.overcommit_memory`"
        "value" "new value"
    }
    ProcessStarted "A process began." {
        "pid" "process id on the host"
        "comm" "process name"
        "namespace" "namespace of its pod; null on the host"
        "pod" "name of its pod; null on the host"
        "container" "name of its container; null on the host"
        "host" "name of the host process in the scenario; null in a pod"
    }
    ProcessExited "A process is gone and its memory is free." {
        "pid" "process id on the host"
        "comm" "process name"
        "namespace" "namespace of its pod; null on the host"
        "pod" "name of its pod; null on the host"
        "container" "name of its container; null on the host"
        "host" "name of the host process in the scenario; null in a pod"
        "signal" "the signal that ended it (`SIGKILL`); null when it exited by itself"
        "exitCode" "exit status, 128 + signal for a signal"
        "cause" "`SelfExit`, `MemcgOom`, `GlobalOom`, `Eviction`, `ContainerStop`, `SessionHangup`, `Injected`, `UserspaceKiller` or `FailedProbe`"
    }
    AllocationRefused "`mmap` or `fork` failed with ENOMEM." {
        "pid" "process id on the host"
        "comm" "process name"
        "namespace" "namespace of its pod; null on the host"
        "pod" "name of its pod; null on the host"
        "container" "name of its container; null on the host"
        "host" "name of the host process in the scenario; null in a pod"
        "op" "`mmap` or `fork`"
        "errno" "`ENOMEM`"
        "requested_bytes" "bytes asked for"
        "committed_as_kb" "Committed_AS before"
        "commit_limit_kb" "CommitLimit"
    }
    RuntimeOutOfMemory
    "A managed runtime refused an allocation by its own limit, while the kernel had memory to give." {
        "pid" "process id on the host"
        "comm" "process name"
        "namespace" "namespace of its pod; null on the host"
        "pod" "name of its pod; null on the host"
        "container" "name of its container; null on the host"
        "host" "name of the host process in the scenario; null in a pod"
        "runtime" "`.NET`, `JVM`, …"
        "heap_bytes" "heap in use when it refused"
        "limit_bytes" "the runtime's own limit"
        "requested_bytes" "what was asked for"
    }
    RecordedGap "The recording that a process follows has nothing from here on." {
        "pid" "process id on the host"
        "comm" "process name"
        "namespace" "namespace of its pod; null on the host"
        "pod" "name of its pod; null on the host"
        "container" "name of its container; null on the host"
        "host" "name of the host process in the scenario; null in a pod"
        "until" "when the recording goes on; null: it does not"
    }
    RecordedRestart
    "The recording that a process follows restarts here: the process ends, and another one takes its place." {
        "pid" "process id on the host"
        "comm" "process name"
        "namespace" "namespace of its pod; null on the host"
        "pod" "name of its pod; null on the host"
        "container" "name of its container; null on the host"
        "host" "name of the host process in the scenario; null in a pod"
    }
    UserspaceKill "A daemon in user space sent a signal to a process, to free memory." {
        "killer" "`earlyoom`, `systemd-oomd` or `talos`"
        "pid" "process id on the host"
        "comm" "process name"
        "namespace" "namespace of its pod; null on the host"
        "pod" "name of its pod; null on the host"
        "container" "name of its container; null on the host"
        "host" "name of the host process in the scenario; null in a pod"
        "signal" "`SIGTERM` or `SIGKILL`"
        "message" "what the daemon logs"
    }
    Stalled "Processes spend a fifth of their time or more waiting for memory: they hardly go on, and nothing kills them." {
        "namespace" "namespace of their pod; null on the host"
        "pod" "name of their pod; null on the host"
        "container" "name of their container; null on the host"
        "host" "name of the host process in the scenario; null in a pod"
        "since" "when they began to wait, seconds"
        "memoryPressureSomeAvg10" "`some avg10` of the cgroup's `memory.pressure`, percent"
        "usage_kb" "`memory.current` of the cgroup"
        "limit_kb" "`memory.max`; null without"
    }
    StallEnded "Processes that were stalled go on, or have ended." {
        "namespace" "namespace of their pod; null on the host"
        "pod" "name of their pod; null on the host"
        "container" "name of their container; null on the host"
        "host" "name of the host process in the scenario; null in a pod"
        "stalledSeconds" "how long since they began to wait"
    }
    OomKill "The kernel's OOM killer ran." {
        "constraint" "`CONSTRAINT_MEMCG`: a cgroup's limit; `CONSTRAINT_NONE`: the node's memory"
        "scope" "whose limit it was: `container`, `pod`, `qos`, `kubepods`, `cgroup` (outside of kubepods) or `node`"
        "oom_memcg" "cgroup whose limit was hit; null for the node"
        "task_memcg" "cgroup of the victim; null without victim"
        "invoker" "name of the process whose allocation failed"
        "invoker_pid" "its process id"
        "invoker_oom_score_adj" "its adjustment"
        "usage_kb" "usage of `oom_memcg` (`memory: usage`), or of the node's memory"
        "limit_kb" "its limit, or MemTotal"
        "failcnt" "how often the limit was hit before"
        "total_pages" "pages that points are measured against"
        "victim" "the chosen process (fields below); null: no killable process"
        "oom_group" "cgroup killed as a whole for its `memory.oom.group`; null otherwise"
        "killed_pids" "process ids of all that were killed, the chosen one first"
        "killed" "all that were killed, with the same fields as `victim`"
        "candidates" "number of tasks in the report's table"
        "panic" "true when the kernel panicked instead"
    }
    CgroupWriteRefused "A limit could not be written (cgroup v1: EBUSY)." {
        "cgroup" "path"
        "limit_bytes" "the limit that was asked for"
        "errno" "`EBUSY`"
    }
    KernelPanic "The kernel gave up: the node is gone." {
        "message" "what it printed"
    }
    PodRunsAlready "A pod has been running since before the scenario began." {
        "namespace" "namespace of the pod"
        "pod" "its name"
        "ageSeconds" "for how long"
        "restarts" "how often its containers were restarted, in all"
    }
    PodScheduled "A pod was bound to the node." {
        "namespace" "of the pod"
        "pod" "name"
        "qosClass" "`Guaranteed`, `Burstable` or `BestEffort`"
    }
    PodRejected "The kubelet did not admit a pod, or the scheduler kept it away." {
        "namespace" "of the pod"
        "pod" "name"
        "reason" "status reason"
        "message" "status message"
    }
    PodPhase "A pod's phase changed." {
        "namespace" "of the pod"
        "pod" "name"
        "phase" "`Pending`, `Running`, `Succeeded` or `Failed`"
        "reason" "status reason, or empty"
        "message" "status message, or empty"
    }
    ContainerStarted "A container was started." {
        "namespace" "of the pod"
        "pod" "name"
        "container" "name"
        "restartCount" "how often it was restarted before"
    }
    ContainerTerminated "The kubelet saw that a container had terminated." {
        "namespace" "of the pod"
        "pod" "name"
        "container" "name"
        "reason" "`OOMKilled`, `Error` or `Completed`"
        "exitCode" "exit code of PID 1 as the runtime reports it: 128 + signal for a signal"
        "finishedAt" "when PID 1 ended, in seconds"
    }
    BackOff "A restart has to wait (`CrashLoopBackOff`)." {
        "namespace" "of the pod"
        "pod" "name"
        "container" "name"
        "delaySeconds" "how long in all, from the container's end"
        "message" "the waiting message"
    }
    EvictionPass "A pass of the eviction manager that met a threshold or changed a condition." {
        "thresholdsMet" "objects with signal, hard, quantity, available (bytes); before their grace period"
        "nodeWorkingSet" "working set of the node"
        "podsWorkingSet" "working set of kubepods"
    }
    EvictionThresholdMet "Event `EvictionThresholdMet` on the node." {
        "message" "event message"
    }
    Evicted "The kubelet decided to evict a pod." {
        "namespace" "of the pod"
        "pod" "name"
        "reason" "`Evicted`"
        "message" "status message"
        "gracePeriodSeconds" "grace period given to the pod's processes"
        "signal" "the signal that was crossed"
        "usageSeen" "the pod's memory figure the decision was made with; null without statistics"
        "usageSeenAt" "when that figure was taken, in seconds; null without statistics"
        "usageNow" "what the pod really used at that moment"
    }
    Killing "Event `Killing`: the kubelet asks the runtime to stop a container." {
        "namespace" "of the pod"
        "pod" "name"
        "container" "name"
        "message" "event message"
    }
    SignalSent "A signal was sent to a container's process or by the scenario." {
        "pid" "process id on the host"
        "comm" "process name"
        "signal" "`SIGTERM`, `SIGKILL`, …"
    }
    KillFailed "Stopping a container failed because it was gone already." {
        "namespace" "of the pod"
        "pod" "name"
        "container" "name"
        "message" "error text"
    }
    PodCleanedUp "An evicted pod's cgroup is gone." {
        "namespace" "of the pod"
        "pod" "name"
    }
    NodeCondition "A condition of the node changed." {
        "type" "`MemoryPressure`"
        "status" "`True` or `False`"
        "reason" "`KubeletHasInsufficientMemory` or `KubeletHasSufficientMemory`"
        "message" "message"
    }
    NodeTaint "The control plane put a taint on the node, or took it away." {
        "key" "`node.kubernetes.io/unreachable`"
        "effects" "`NoSchedule, NoExecute`"
        "present" "true: it is there now"
    }
    MarkedForDeletion "`TaintManagerEviction`: a pod on an unreachable node is marked for deletion; the kubelet stops it when it is back." {
        "namespace" "namespace of the pod"
        "pod" "its name"
        "message" "event message"
    }
    Unhealthy "`Unhealthy`: a probe of a container failed." {
        "namespace" "namespace of the pod"
        "pod" "its name"
        "container" "container name"
        "message" "event message, with the kind of the probe"
    }
    FailedPreStopHook "`FailedPreStopHook`: a container's preStop hook failed, or ended with its container." {
        "namespace" "namespace of the pod"
        "pod" "its name"
        "container" "container name"
        "message" "event message, which never says more"
    }
    ContainerReady "A container failed its readiness probe, or passes it again." {
        "namespace" "namespace of the pod"
        "pod" "its name"
        "container" "container name"
        "ready" "`ready` of its status"
    }
    SystemOom "Event `SystemOOM` on the node." {
        "message" "event message"
    }
    Warning "The scenario left the modelled area." {
        "message" "what is not modelled"
    }
    KubeletNotStarted "The kubelet refused to start: no pod runs." {
        "message" "every reason, separated by semicolons (the real kubelet names the first)"
    }
    NodeChanged "The kubelet restarted, a container was resized, or something else was changed from outside." {
        "message" "what"
    }
    PodEvent "What becomes of a resize in place, as an event of the pod." {
        "namespace" "of the pod"
        "pod" "name"
        "reason" "`ResizeStarted`, `ResizeCompleted` or `ResizeError`"
        "message" "event message"
    }
}
