//! The rules that explanations rest on, each with its source.

use serde::{Serialize, Serializer};

macro_rules! rules {
    ($($rule:ident = $id:literal, $says:literal, $source:literal;)+) => {
        /// A rule of the kernel, the kubelet or a runtime.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule {
            $(#[doc = $says] $rule,)+
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Rule] = &[$(Rule::$rule,)+];

            /// Its word in JSON.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Rule::$rule => $id,)+
                }
            }

            /// What it says, for a person who knows Linux but not Kubernetes.
            pub const fn says(self) -> &'static str {
                match self {
                    $(Rule::$rule => $says,)+
                }
            }

            /// Where it stands: file and function of the kernel or of Kubernetes, or a document.
            pub const fn source(self) -> &'static str {
                match self {
                    $(Rule::$rule => $source,)+
                }
            }
        }
    };
}

rules! {
    Charge = "charge",
        "Every new page is charged to the memory cgroup of its process and to each cgroup above that one. Where the sum would exceed a limit, the kernel first frees page cache inside that cgroup; when nothing more can be freed it kills a process there.",
        "Linux mm/memcontrol.c try_charge_memcg, mem_cgroup_out_of_memory";
    Stall = "stall",
        "A process waits for memory while memory.high delays it, while the kernel frees pages for it, and while pages that were pushed out are read back. The OOM killer needs 16 rounds of reclaim in a row that free nothing: a process that pushes out what it reads back a moment later never gets there up to Linux 6.12.",
        "Linux mm/memcontrol.c try_charge_memcg, __mem_cgroup_handle_over_high; kernel/sched/psi.c";
    PodCgroup = "pod-cgroup",
        "Each pod has a cgroup around those of its containers. When every container has a limit, the pod's limit is their sum; the pod's own pause process, which only holds its namespaces, is charged to the pod but to none of its containers.",
        "Kubernetes pkg/kubelet/cm/helpers_linux.go ResourceConfigForPod";
    KubepodsLimit = "kubepods-limit",
        "The cgroup /kubepods holds all pods of the node. Its limit is the node's capacity less kubeReserved and systemReserved; the eviction threshold is not taken off.",
        "Kubernetes pkg/kubelet/cm/node_container_manager_linux.go getNodeAllocatableAbsolute";
    NodeOom = "node-oom",
        "When an ordinary allocation finds free memory at the min watermarks and reclaim frees nothing more, the kernel kills a process of the whole node.",
        "Linux mm/page_alloc.c __alloc_pages_may_oom";
    Badness = "badness",
        "The victim is the process with the most points: resident pages + swapped-out pages + pages of page tables + oom_score_adj × (total pages / 1000), where the division comes first and drops its rest.",
        "Linux mm/oom_kill.c oom_badness";
    Floor = "points-floor",
        "Before Linux 5.9 points below 1 count as 1: processes of a Guaranteed pod, whose oom_score_adj of −997 or −998 takes nearly everything off, all have 1 point.",
        "Linux before 5.9, mm/oom_kill.c oom_badness";
    LastOfEquals = "last-of-equals",
        "Among processes with equal points the one that is looked at last wins: later in the order of process creation in the cgroup, nothing else counts.",
        "Linux from 5.3 on, mm/oom_kill.c oom_evaluate_task";
    FirstOfEquals = "first-of-equals",
        "Among processes with equal points the one that is looked at first keeps its place.",
        "Linux before 5.3, mm/oom_kill.c oom_evaluate_task";
    ScoreAdjust = "oom-score-adj",
        "oom_score_adj is set by Kubernetes from the pod's QoS class: BestEffort (no requests, no limits) 1000, Guaranteed (requests equal limits) −997, Burstable 1000 − 1000 × request / node memory, the pause process −998. A process outside of pods has 0 unless it sets another.",
        "Kubernetes pkg/kubelet/qos/policy.go GetContainerOOMScoreAdjust";
    GroupKill = "group-kill",
        "With memory.oom.group = 1 all processes of that cgroup die with the chosen one. The kubelet sets it for containers on cgroup v2 from Kubernetes 1.28 on.",
        "Linux mm/memcontrol.c mem_cgroup_get_oom_group; Kubernetes kuberuntime_container_linux.go";
    OneProcess = "one-process",
        "The OOM killer kills a process, not a container. When it is not the container's first process, the container goes on and Kubernetes reports nothing.",
        "Linux mm/oom_kill.c oom_kill_process";
    SacrificedChild = "sacrificed-child",
        "Old kernels kill a child of the chosen process in its place: the child with the most points.",
        "Linux 4.15 mm/oom_kill.c oom_kill_process";
    AllocatingTask = "allocating-task",
        "With vm.oom_kill_allocating_task = 1 the process that asked for memory dies, whatever the points are.",
        "Linux mm/oom_kill.c out_of_memory";
    LimitIsAWorld = "limit-is-a-world",
        "A cgroup's limit holds whatever else is free: memory of the node outside of the cgroup does not help.",
        "Linux mm/memcontrol.c try_charge_memcg";
    Pass = "eviction-pass",
        "The kubelet's eviction manager looks at memory every 10 s (counted from the end of the last look). Between two looks it sees nothing.",
        "Kubernetes pkg/kubelet/kubelet.go evictionMonitoringPeriod, eviction/eviction_manager.go Start";
    MemoryAvailable = "memory-available",
        "memory.available is the node's memory less its working set (usage without inactive page cache). It is neither MemFree nor MemAvailable: kernel memory that is charged to no process and the kernel's own reserve are not taken off.",
        "Kubernetes pkg/kubelet/eviction/helpers.go makeSignalObservations";
    AllocatableAvailable = "allocatable-available",
        "allocatableMemory.available is the limit of /kubepods less the pods' working set. It is compared with the hard threshold of memory.available.",
        "Kubernetes pkg/kubelet/eviction/helpers.go makeSignalObservations, addAllocatableThresholds";
    Ranking = "eviction-order",
        "One pod goes per look, the first in this order: pods without figures, pods that use more than they request, lower priority, larger use above the request. Critical and static pods never go.",
        "Kubernetes pkg/kubelet/eviction/helpers.go rankMemoryPressure";
    Statistics = "pod-statistics",
        "The figures of the node and of all pods together are taken when the kubelet looks. The figure of a single pod is the last that cAdvisor took on its own clock, every 10 to 15 s: up to that old.",
        "Kubernetes eviction_manager.go synchronize; cAdvisor manager/container.go housekeeping";
    SoftGrace = "soft-grace",
        "A soft threshold acts only when it has been met for its whole grace period.",
        "Kubernetes pkg/kubelet/eviction/eviction_manager.go synchronize";
    EvictedForGood = "evicted-for-good",
        "An evicted pod is Failed for good. Only a controller (Deployment, DaemonSet …) makes a new one.",
        "Kubernetes pkg/kubelet/eviction/eviction_manager.go evictPod";
    RestartPolicy = "restart-policy",
        "A pod is over when all of its containers have ended and its restartPolicy starts none of them again (Never, or OnFailure after exit code 0): Succeeded where every exit code is 0, Failed otherwise.",
        "Kubernetes pkg/kubelet/kubelet_pods.go getPhase";
    Transition = "pressure-transition",
        "The node condition MemoryPressure stays until the cause has been gone for 5 minutes (evictionPressureTransitionPeriod).",
        "Kubernetes pkg/kubelet/eviction/eviction_manager.go synchronize";
    Admission = "admission",
        "While the node has MemoryPressure, BestEffort pods are not admitted unless they tolerate it.",
        "Kubernetes pkg/kubelet/eviction/eviction_manager.go Admit";
    Requests = "requests-admission",
        "A pod is admitted only where its requests fit into what the node's allocatable memory has left.",
        "Kubernetes pkg/kubelet/lifecycle/predicate.go";
    NeverOvercommit = "never-overcommit",
        "With vm.overcommit_memory = 2 the kernel promises memory only up to CommitLimit = swap + RAM × vm.overcommit_ratio / 100 (or vm.overcommit_kbytes). What counts is what has been asked for, touched or not; beyond the limit mmap and fork fail with ENOMEM.",
        "Linux mm/util.c __vm_enough_memory; Documentation/mm/overcommit-accounting.rst";
    GuessOvercommit = "guess-overcommit",
        "With vm.overcommit_memory = 0 the kernel refuses only a single request that is larger than RAM and swap together (kernels before 5.2: than what is free or can be freed).",
        "Linux mm/util.c __vm_enough_memory";
    RefusedIsNotKilled = "refused-is-not-killed",
        "A refused allocation is an error that the program sees (ENOMEM). The OOM killer acts only when touched memory runs out, which has not happened.",
        "Linux mm/mmap.c, mm/util.c";
    HeapLimit = "runtime-heap-limit",
        "A .NET runtime in a container limits its own heap to 75 % of the container's limit (at least 20 MB) unless told otherwise. It counts what is allocated, touched or not, and fails by itself.",
        "dotnet/runtime src/coreclr/gc/gc.cpp compute_hard_limit";
    RuntimeLimit = "runtime-limit",
        "A language runtime with a heap limit refuses an allocation beyond it by itself. The kernel has no part in it.",
        "the runtime's documentation";
    ExitCode = "exit-code",
        "The exit code of a process that a signal ended is 128 + the signal's number: 137 is SIGKILL, 134 SIGABRT, 139 SIGSEGV, 143 SIGTERM. A runtime that aborts as the first process of a container ends with 139: its own SIGABRT is dropped there, and abort() faults instead. The reason OOMKilled is given only where the kernel's OOM killer acted in the container.",
        "containerd and CRI-O; Kubernetes core/v1 ContainerStateTerminated";
    BackOff = "crash-loop-back-off",
        "A container that ends is started again at once, then after 10 s, 20 s, 40 s … up to 5 minutes; ten good minutes reset the wait.",
        "Kubernetes pkg/kubelet/kuberuntime/kuberuntime_manager.go doBackOff";
    Probe = "failed-probe",
        "The kubelet asks each container that has a liveness probe whether it is well. One that does not answer in time (timeoutSeconds) failureThreshold times in a row is stopped and started again: SIGTERM, and SIGKILL when terminationGracePeriodSeconds are over. No OOM kill is counted, so that the reason is Error and not OOMKilled.",
        "Kubernetes pkg/kubelet/prober/worker.go doProbe; pkg/kubelet/kuberuntime/kuberuntime_container.go killContainer";
    StopIsLate = "stop-is-late",
        "Eviction is a decision on what was seen. The runtime is asked afterwards, and answers NotFound for a container that is gone by then.",
        "Kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go killContainer";
    Session = "session-hangup",
        "When the leader of a session ends, the kernel sends SIGHUP to the processes of its terminal.",
        "Linux kernel/exit.c, drivers/tty/tty_jobctrl.c disassociate_ctty";
    KubectlTop = "kubectl-top",
        "kubectl top node divides the node's whole working set – pods, system daemons, active page cache – by what is allocatable to pods. More than 100 % means that the rest of the node uses more than was reserved for it, not that a limit is full.",
        "Kubernetes kubectl pkg/cmd/top, metrics-server";
    Unmeasured = "no-rule",
        "Nothing in the kernel or the kubelet acts on this figure.",
        "Kubernetes pkg/kubelet/eviction; Linux mm";
    Static = "critical-pods",
        "Static pods, mirror pods and pods of priority 2000000000 or more are critical: they are never evicted for memory.",
        "Kubernetes pkg/kubelet/types/pod_update.go IsCriticalPod";
    Start = "kubelet-start",
        "A kubelet whose settings contradict each other or do not fit on the machine does not start; no pod runs.",
        "Kubernetes pkg/kubelet/apis/config/validation, pkg/kubelet/cm";
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}
