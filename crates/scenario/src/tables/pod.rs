//! Pods, containers, and processes in them and on the node.

use super::WhenAbsent::{Absent, Is, Required, Says};
use super::node::FOOTPRINT;
use super::runtime::{RUNTIME, runtime_names};
use super::workload::WORKLOAD;
use super::{Form, I32_MAX, I32_MIN, KeyGroup, TableSpec, key};

/// Most replicas of one `[[pod]]`.
pub(crate) const MAX_REPLICAS: i64 = 10_000;

/// `[[pod]]`.
pub(crate) static POD: TableSpec =
    TableSpec { groups: &[&POD_KEYS], any_of: &[&["name", "container"], &["manifest"]], ..TableSpec::new("[[pod]]") };

/// `[[pod.container]]`.
pub(crate) static CONTAINER: TableSpec =
    TableSpec { groups: &[&CONTAINER_KEYS, &PROCESS_KEYS], ..TableSpec::new("[[pod.container]]") };

/// `[[pod.initContainer]]`.
pub(crate) static INIT_CONTAINER: TableSpec = TableSpec {
    groups: &[&CONTAINER_KEYS, &INIT_CONTAINER_KEYS, &PROCESS_KEYS],
    ..TableSpec::new("[[pod.initContainer]]")
};

/// `[[pod.container.process]]`.
pub(crate) static PROCESS: TableSpec =
    TableSpec { groups: &[&PROCESS_KEYS], required: &["comm"], ..TableSpec::new("[[pod.container.process]]") };

/// `onTerm`.
pub(crate) static ON_TERM: TableSpec = TableSpec { groups: &[&ON_TERM_KEYS], ..TableSpec::new("onTerm") };

/// `preStop`.
pub(crate) static PRE_STOP: TableSpec = TableSpec { groups: &[&PRE_STOP_KEYS], ..TableSpec::new("preStop") };

/// `resources`.
pub(crate) static RESOURCES: TableSpec = TableSpec { groups: &[&RESOURCES_KEYS], ..TableSpec::new("resources") };

/// `[[pod.volume]]`.
pub(crate) static VOLUME: TableSpec = TableSpec { groups: &[&VOLUME_KEYS], ..TableSpec::new("[[pod.volume]]") };

/// `recommender`.
pub(crate) static RECOMMENDER: TableSpec = TableSpec { groups: &[&RECOMMENDER_KEYS], ..TableSpec::new("recommender") };

/// `recommender`.
static RECOMMENDER_KEYS: KeyGroup = KeyGroup {
    name: "recommender",
    keys: &[
        key(
            "bumpPercent",
            Form::Integer { min: 100, max: 1000 },
            Is("120"),
            "the new request in percent of the limit at which the container was killed",
        ),
        key("minBump", Form::Amount, Is("100Mi"), "it grows by at least this"),
        key("maxAllowed", Form::Amount, Absent, "and becomes at most this"),
        key("after", Form::Duration, Is("1m"), "from the kill to the new amounts"),
    ],
};

/// A probe.
pub(crate) static PROBE: TableSpec = TableSpec { groups: &[&PROBE_KEYS], ..TableSpec::new("a probe") };

/// `[[pod.toleration]]`.
pub(crate) static TOLERATION: TableSpec =
    TableSpec { groups: &[&TOLERATION_KEYS], ..TableSpec::new("[[pod.toleration]]") };

/// `[[host]]`.
pub(crate) static HOST: TableSpec = TableSpec { groups: &[&HOST_KEYS, &PROCESS_KEYS], ..TableSpec::new("[[host]]") };

/// `hangsUpWith`.
pub(crate) static HANGS_UP_WITH: TableSpec =
    TableSpec { groups: &[&HANGS_UP_WITH_KEYS], ..TableSpec::new("hangsUpWith") };

/// `[[pod]]`.
pub(crate) static POD_KEYS: KeyGroup = KeyGroup {
    name: "[[pod]]",
    keys: &[
        key(
            "name",
            Form::Name,
            Says("required without `manifest`"),
            "pod name; with `manifest`: which pod of the file, or a new name for its only one",
        ),
        key("manifest", Form::Path, Absent, "a Kubernetes manifest, see below"),
        key("namespace", Form::Name, Is("default"), "namespace"),
        key(
            "nodeName",
            Form::Name,
            Says("every node"),
            "the kind of node that it runs on; overrides the manifest's. With one `[node]`, the \
             manifest's is ignored",
        ),
        key(
            "annotations",
            Form::Map(&Form::Text),
            Absent,
            "`kubernetes.io/config.source` and `kubernetes.io/config.mirror` mark static pods, which are never evicted",
        ),
        key(
            "labels",
            Form::Map(&Form::Text),
            Says("the manifest's"),
            "labels, by which settings and targets choose pods: `pod.\"app=web\".…`",
        ),
        key("uid", Form::Name, Says("derived from the name"), "used in the name of the pod's cgroup"),
        key("priority", Form::Integer { min: I32_MIN, max: I32_MAX }, Says("0"), "resolved priority"),
        key(
            "priorityClassName",
            Form::Text,
            Absent,
            "priority class; only the two `system-` classes have a known priority",
        ),
        key("resources", Form::Table(&RESOURCES), Absent, "pod-level resources (capability `pod_level_resources`)"),
        key("overhead", Form::Map(&Form::Quantity), Absent, "overhead of the runtime class"),
        key("toleration", Form::Tables(&TOLERATION), Absent, "tolerations"),
        key(
            "terminationGracePeriodSeconds",
            Form::Integer { min: 0, max: 1 << 31 },
            Says("30"),
            "between SIGTERM and SIGKILL",
        ),
        key("at", Form::Time, Is("0s"), "when it is bound to this node"),
        key("atSpread", Form::Duration, Is("0s"), "bound at a random time within this duration after `at`"),
        key(
            "age",
            Form::Duration,
            Absent,
            "it has been running for this long when the scenario begins: its containers hold what their workloads begin \
             with from 0s on, and the kubelet has figures of it",
        ),
        key(
            "restartCount",
            Form::Map(&Form::Integer { min: 0, max: i64::MAX }),
            Absent,
            "with `age`: how often its containers were restarted before, `{ app = 4 }`",
        )
        .with(&["age"]),
        key(
            "admitted",
            Form::Boolean,
            Is("false"),
            "the kubelet has taken it before: neither its request nor the node's pressure is looked at",
        ),
        key(
            "controller",
            Form::Words(&["None", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"]),
            Is("None"),
            "controller that replaces it on this node, after its back-off if it has one",
        ),
        key("recreateAfter", Form::Duration, Is("1s"), "how long the controller takes"),
        key(
            "backoffLimit",
            Form::Integer { min: 0, max: u32::MAX as i64 },
            Is("6"),
            "of a Job: how many of its pods may fail before it makes no more",
        ),
        key(
            "replicas",
            Form::Integer { min: 0, max: MAX_REPLICAS },
            Is("1"),
            "number of pods; 0: none, as in Kubernetes (`--set pod.NAME.replicas=0` leaves a pod out)",
        ),
        key(
            "restartPolicy",
            Form::Words(&["Always", "OnFailure", "Never"]),
            Is("Always"),
            "restart policy of the containers",
        ),
        key(
            "recommender",
            Form::Table(&RECOMMENDER),
            Absent,
            "raises its memory after an OOM kill, as the VerticalPodAutoscaler does",
        ),
        key("volume", Form::Tables(&VOLUME), Absent, "memory-backed volumes"),
        key(
            "housekeeping",
            Form::Array(&Form::Time),
            Says("by cAdvisor's clock"),
            "times at which cAdvisor measures this pod, if they are known",
        ),
        key(
            "restartJitterPermille",
            Form::Array(&Form::Integer { min: 0, max: 1000 }),
            Says("random"),
            "the random parts of this pod's waits for a restart in their order, in thousandths of the largest, if they \
             are known",
        ),
        key("container", Form::Tables(&CONTAINER), Says("required without `manifest`"), "containers"),
        key("initContainer", Form::Tables(&INIT_CONTAINER), Absent, "init containers"),
    ],
};

/// `[[pod.container]]` and `[[pod.initContainer]]`.
pub(crate) static CONTAINER_KEYS: KeyGroup = KeyGroup {
    name: "[[pod.container]] and [[pod.initContainer]]",
    keys: &[
        key("name", Form::Name, Required, "unique in the pod"),
        key("resources", Form::Table(&RESOURCES), Absent, "requests and limits"),
        key("pidNamespace", Form::Boolean, Is("true"), "false: the first process is an ordinary process"),
        key(
            "preStop",
            Form::OneOf(&[Form::Duration, Form::Table(&PRE_STOP)]),
            Absent,
            "its preStop hook, which comes before SIGTERM: how long the kubelet waits, or a command in the container",
        ),
        key(
            "resizePolicy",
            Form::Words(&["NotRequired", "RestartContainer"]),
            Says("the manifest's, else `NotRequired`"),
            "what a change of its memory in place does to it",
        ),
        key("livenessProbe", Form::Table(&PROBE), Absent, "it is killed when it fails this while it is stalled"),
        key("readinessProbe", Form::Table(&PROBE), Absent, "it is not ready when it fails this while it is stalled"),
        key("startupProbe", Form::Table(&PROBE), Absent, "read, but it counts as passed"),
        key("process", Form::Tables(&PROCESS), Absent, "additional processes: children, or started by `kubectl exec`"),
    ],
};

/// Probes.
pub(crate) static PROBE_KEYS: KeyGroup = KeyGroup {
    name: "Probes: livenessProbe, readinessProbe, startupProbe",
    keys: &[
        key("httpGet", Form::Map(&PORT_OR_PATH), Absent, "`{ port = 8080, path = \"/healthz\" }`"),
        key("tcpSocket", Form::Map(&PORT_OR_PATH), Absent, "`{ port = 8080 }`"),
        key("grpc", Form::Map(&PORT_OR_PATH), Absent, "`{ port = 8080 }`"),
        key("exec", Form::Map(&Form::Array(&Form::Text)), Absent, "`{ command = [\"cat\", \"/tmp/healthy\"] }`"),
        key("initialDelaySeconds", SECONDS, Is("0"), "from the container's start to the first probe"),
        key("periodSeconds", COUNT, Is("10"), "from one probe to the next"),
        key("timeoutSeconds", COUNT, Is("1"), "a probe that is not answered by then has failed"),
        key("failureThreshold", COUNT, Is("3"), "as many failures in a row count"),
        key("successThreshold", COUNT, Is("1"), "as many successes in a row count after a failure"),
        key("terminationGracePeriodSeconds", COUNT, Says("the pod's"), "between SIGTERM and SIGKILL"),
    ],
};

const PORT_OR_PATH: Form = Form::OneOf(&[Form::Integer { min: 1, max: 65_535 }, Form::Text]);
const SECONDS: Form = Form::Integer { min: 0, max: i32::MAX as i64 };
const COUNT: Form = Form::Integer { min: 1, max: i32::MAX as i64 };

/// `[[pod.initContainer]]`.
pub(crate) static INIT_CONTAINER_KEYS: KeyGroup = KeyGroup {
    name: "[[pod.initContainer]]",
    keys: &[key(
        "restartPolicy",
        Form::Words(&["Always"]),
        Absent,
        "makes it a sidecar; other init containers run to their end, one after the other, before the containers start",
    )],
};

/// Processes: `[[pod.container]]`, `[[pod.initContainer]]`, `[[pod.container.process]]`, `[[host]]`.
pub(crate) static PROCESS_KEYS: KeyGroup = KeyGroup {
    name: "Processes: [[pod.container]], [[pod.initContainer]], [[pod.container.process]], [[host]]",
    keys: &[
        key(
            "comm",
            Form::Name,
            Says("the container's or host entry's name"),
            "name as `ps` shows it; required for `process`",
        ),
        key("uid", Form::Integer { min: 0, max: u32::MAX as i64 }, Is("0"), "user id"),
        key("startAfter", Form::Duration, Is("0s"), "delay after the start of its container, or of the run"),
        key("pid", Form::Integer { min: 2, max: 4194304 }, Says("the next free one"), "host process id"),
        key(
            "workload",
            Form::Table(&WORKLOAD),
            Says("uses no memory"),
            "what it does: exactly one of the behaviours below",
        ),
        key("footprint", Form::Table(&FOOTPRINT), Absent, "its memory before the workload begins"),
        key(
            "runtime",
            Form::OneOf(&[Form::Names(runtime_names), Form::Table(&RUNTIME)]),
            Says("none: its memory is what the workload asks for"),
            "language runtime that it runs in, such as `jvm-17` (`oomsim runtimes`)",
        ),
        key(
            "env",
            Form::Map(&Form::Text),
            Says("the manifest's"),
            "environment variables that a runtime reads: `JAVA_TOOL_OPTIONS`, `JDK_JAVA_OPTIONS`, `NODE_OPTIONS`, `GOGC`, \
             `GOMEMLIMIT`, `DOTNET_GCHeapHardLimit` …",
        ),
        key(
            "args",
            Form::Array(&Form::Text),
            Says("the manifest's"),
            "arguments that a runtime reads: `-Xmx512m`, `-XX:MaxRAMPercentage=75`, `--max-old-space-size=300` …",
        ),
        key(
            "onTerm",
            Form::OneOf(&[Form::Words(&["dies", "ignores"]), Form::Table(&ON_TERM)]),
            Says("PID 1 ignores, others die"),
            "reaction to SIGTERM",
        ),
        key(
            "oomScoreAdj",
            Form::Integer { min: -1000, max: 1000 },
            Says("the container's; 0 on the host"),
            "`oom_score_adj`",
        ),
        key(
            "waitsForChildren",
            Form::Boolean,
            Is("false"),
            "the first process of a container: it ends when all others have, with the exit code of the last one, as a \
             shell or tini does",
        ),
    ],
};

/// `onTerm`.
pub(crate) static ON_TERM_KEYS: KeyGroup = KeyGroup {
    name: "onTerm",
    keys: &[
        key("exitsAfter", Form::Duration, Required, "exits by itself after this time"),
        key("exitCode", Form::Integer { min: 0, max: 255 }, Says("143"), "its exit code; a graceful server's is 0"),
    ],
};

/// `preStop`.
pub(crate) static PRE_STOP_KEYS: KeyGroup = KeyGroup {
    name: "preStop",
    keys: &[
        key("exec", Form::Duration, Required, "how long the command takes; it ends with its container at the latest"),
        key("exitCode", Form::Integer { min: 0, max: 255 }, Is("0"), "its exit code; another than 0 is an event"),
    ],
};

/// `resources`.
pub(crate) static RESOURCES_KEYS: KeyGroup = KeyGroup {
    name: "resources",
    keys: &[
        key(
            "requests",
            Form::Map(&Form::Quantity),
            Absent,
            "`{ memory = \"64Mi\", cpu = \"100m\" }`; default: the limits",
        ),
        key("limits", Form::Map(&Form::Quantity), Absent, "`{ memory = \"1Gi\" }`"),
    ],
};

/// `[[pod.volume]]`.
pub(crate) static VOLUME_KEYS: KeyGroup = KeyGroup {
    name: "[[pod.volume]]",
    keys: &[
        key("name", Form::Name, Required, "volume name, as scripts use it"),
        key("sizeLimit", Form::Amount, Absent, "`emptyDir.sizeLimit` of the volume, whose medium is Memory"),
    ],
};

/// `[[pod.toleration]]`.
pub(crate) static TOLERATION_KEYS: KeyGroup = KeyGroup {
    name: "[[pod.toleration]]",
    keys: &[
        key("key", Form::Text, Says("every key"), "key of the taint"),
        key("operator", Form::Words(&["", "Equal", "Exists"]), Says("`Equal`"), "how it is compared"),
        key("value", Form::Text, Absent, "value of the taint"),
        key(
            "effect",
            Form::Words(&["", "NoSchedule", "PreferNoSchedule", "NoExecute"]),
            Says("every effect"),
            "effect",
        ),
        key(
            "tolerationSeconds",
            Form::Integer { min: i64::MIN, max: i64::MAX },
            Says("for ever"),
            "for how long a taint with effect NoExecute is tolerated",
        ),
    ],
};

/// `[[host]]`.
pub(crate) static HOST_KEYS: KeyGroup = KeyGroup {
    name: "[[host]]",
    keys: &[
        key("name", Form::Name, Required, "unique among host processes"),
        key("node", Form::Name, Says("every node"), "the kind of node that it runs on"),
        key("cgroup", Form::Path, Says("`/system.slice/NAME.service`"), "its cgroup"),
        key(
            "session",
            Form::Name,
            Says("its own"),
            "host process that started it; it gets SIGHUP when that process dies",
        ),
        key(
            "hangsUpWith",
            Form::Table(&HANGS_UP_WITH),
            Absent,
            "a peer process: it ends when the peer ends, like sshd when its client is gone",
        ),
    ],
};

/// `hangsUpWith`.
pub(crate) static HANGS_UP_WITH_KEYS: KeyGroup = KeyGroup {
    name: "hangsUpWith",
    keys: &[
        key("process", Form::Name, Required, "`comm` of the peer"),
        key("after", Form::Duration, Is("0s"), "delay until it notices the end of the connection"),
    ],
};
