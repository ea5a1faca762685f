//! What happens from outside, and what is expected.

use super::WhenAbsent::{Absent, Is, Required, Says};
use super::kubelet::KUBELET;
use super::pod::{MAX_REPLICAS, RESOURCES};
use super::workload::WORKLOAD;
use super::{Form, KeyGroup, TableSpec, key};
use oomsim_core::record::expect::{Curve, Total};
use oomsim_core::record::view::KINDS;
use oomsim_core::record::{Cause, Choice};

/// An amount that may be negative, as availability can be.
const SIGNED: Form = Form::OneOf(&[Form::Amount, Form::Integer { min: i64::MIN, max: i64::MAX }]);
/// A limit of a cgroup.
const LIMIT: Form = Form::OneOf(&[Form::Amount, Form::Words(&["max"])]);
/// An amount, or bounds.
const AMOUNTS: Form = Form::OneOf(&[SIGNED, Form::Table(&RANGE)]);
/// A number, or bounds.
const COUNTS: Form = Form::OneOf(&[Form::Integer { min: 0, max: i64::MAX }, Form::Table(&RANGE)]);
/// A plain value.
const VALUE: Form = Form::OneOf(&[Form::Text, Form::Integer { min: i64::MIN, max: i64::MAX }, Form::Boolean]);
/// A value, bounds on it, or tests on the fields of a process.
const TEST: Form = Form::OneOf(&[VALUE, Form::Table(&TEST_TABLE), Form::Map(&FIELD_TEST)]);
/// A test on a field of a process.
const FIELD_TEST: Form = Form::OneOf(&[VALUE, Form::Table(&TEST_TABLE)]);

/// `[[at]]`.
pub(crate) static AT: TableSpec = TableSpec {
    groups: &[&AT_KEYS],
    any_of: &[
        &["sysctl"],
        &["cgroup"],
        &["pod"],
        &["signal", "process"],
        &["deletePod"],
        &["fork"],
        &["scale", "replicas"],
        &["roll"],
        &["process", "workload"],
        &["kubelet"],
        &["kubeletProcess"],
        &["delay", "by"],
    ],
    ..TableSpec::new("[[at]]")
};

/// `[[expect]]`.
pub static EXPECT: TableSpec = TableSpec {
    groups: &[&EXPECT_KEYS],
    one_of: &["event", "final", "series", "total", "why"],
    ..TableSpec::new("[[expect]]")
};

/// `expect.after`.
pub(crate) static RELATION: TableSpec = TableSpec { groups: &[&RELATION_KEYS], ..TableSpec::new("expect.after") };

/// `expect.where`.
pub(crate) static TEST_TABLE: TableSpec = TableSpec { groups: &[&TEST_KEYS], ..TableSpec::new("expect.where") };

/// `expect.final.pod`.
pub(crate) static FINAL_POD: TableSpec = TableSpec { groups: &[&FINAL_POD_KEYS], ..TableSpec::new("expect.final.pod") };

/// `expect.final.process`.
pub(crate) static FINAL_PROCESS: TableSpec =
    TableSpec { groups: &[&FINAL_PROCESS_KEYS], ..TableSpec::new("expect.final.process") };

/// `expect.final.condition`.
pub(crate) static FINAL_CONDITION: TableSpec =
    TableSpec { groups: &[&FINAL_CONDITION_KEYS], ..TableSpec::new("expect.final.condition") };

/// `range`.
pub(crate) static RANGE: TableSpec = TableSpec { groups: &[&RANGE_KEYS], ..TableSpec::new("range") };

/// `[[at]]`.
pub(crate) static AT_KEYS: KeyGroup = KeyGroup {
    name: "[[at]]",
    keys: &[
        key("time", Form::Time, Required, "when"),
        key("node", Form::Name, Absent, "only on nodes of this kind"),
        key("sysctl", Form::Sysctls, Absent, "sets sysctls"),
        key("cgroup", Form::Path, Absent, "writes to this cgroup: its limit, or another of its files"),
        key(
            "pod",
            Form::Name,
            Absent,
            "`name` or `namespace/name`: writes to the cgroup of this pod or container, sends it a `signal`, or changes \
             its `resources`",
        ),
        key("container", Form::Name, Says("the pod, or its first container"), "with `pod`: the container")
            .with(&["pod"]),
        key(
            "resources",
            Form::Table(&RESOURCES),
            Absent,
            "with `pod`, `container`: in-place resize, as far as the kubelet's release does it",
        )
        .with(&["pod"]),
        key("limit", LIMIT, Absent, "with `cgroup` or `pod`: the limit (`memory.max`, `memory.limit_in_bytes`)")
            .with(&["cgroup", "pod"]),
        key("high", LIMIT, Absent, "with `cgroup` or `pod`, v2: `memory.high`").with(&["cgroup", "pod"]),
        key("low", Form::Amount, Absent, "with `cgroup` or `pod`, v2: `memory.low`").with(&["cgroup", "pod"]),
        key("min", Form::Amount, Absent, "with `cgroup` or `pod`, v2: `memory.min`").with(&["cgroup", "pod"]),
        key("swapMax", LIMIT, Absent, "with `cgroup` or `pod`: `memory.swap.max`; v1: `memory.memsw.limit_in_bytes`")
            .with(&["cgroup", "pod"]),
        key("oomGroup", Form::Boolean, Absent, "with `cgroup` or `pod`, v2: `memory.oom.group`")
            .with(&["cgroup", "pod"]),
        key(
            "swappiness",
            Form::Integer { min: 0, max: 100 },
            Absent,
            "with `cgroup` or `pod`, v1: `memory.swappiness`",
        )
        .with(&["cgroup", "pod"]),
        key("signal", Form::Words(&["SIGTERM", "SIGKILL", "SIGHUP", "SIGABRT", "SIGSEGV"]), Absent, "sends a signal"),
        key(
            "process",
            Form::Name,
            Absent,
            "with `signal` (without `pod`) or `workload`: `comm` of the process; the first one that is alive",
        )
        .with(&["signal", "workload"]),
        key(
            "deletePod",
            Form::Name,
            Absent,
            "deletes a pod, which its controller replaces; `name` or `namespace/name`",
        ),
        key(
            "gracePeriodSeconds",
            Form::Integer { min: 1, max: u32::MAX as i64 },
            Says("the pod's own"),
            "with `deletePod`: the grace period (`kubectl delete --grace-period`)",
        )
        .with(&["deletePod"]),
        key("scale", Form::Name, Absent, "a workload (the name of a `[[pod]]`) gets another number of pods"),
        key("replicas", Form::Integer { min: 0, max: MAX_REPLICAS }, Absent, "with `scale`: how many; 0 stops it")
            .with(&["scale"]),
        key("roll", Form::Name, Absent, "the pods of a workload are replaced one after the other"),
        key("every", Form::Duration, Says("10s"), "with `roll`: from one pod to the next").with(&["roll"]),
        key(
            "workload",
            Form::Table(&WORKLOAD),
            Absent,
            "a `process` does this from now on, with the memory that it has",
        ),
        key("kubelet", Form::Table(&KUBELET), Absent, "the kubelet restarts with these keys in place of those it had"),
        key(
            "keeps",
            Form::Boolean,
            Says("true"),
            "with `kubelet`: false: other keys of `[kubelet]` do not hold any more",
        )
        .with(&["kubelet"]),
        key(
            "delay",
            Form::Words(&["evictionManager", "nodeStatus", "housekeeping"]),
            Absent,
            "what a clock of the kubelet does next comes later, as on a node without processor time to spare; \
             `housekeeping` of a `pod`",
        ),
        key("by", Form::Duration, Absent, "with `delay`: how much later").with(&["delay"]),
        key("fork", Form::Name, Absent, "a process of this `comm` calls fork"),
        key(
            "kubeletProcess",
            Form::Words(&["stops", "starts"]),
            Absent,
            "the kubelet's process ends, or starts again: meanwhile nothing is evicted, restarted or admitted",
        ),
    ],
};

/// `[[expect]]`.
pub(crate) static EXPECT_KEYS: KeyGroup = KeyGroup {
    name: "[[expect]]",
    keys: &[
        key("source", Form::Text, Required, "where the expectation comes from: a document, a recording, a calculation"),
        key("node", Form::Name, Says("every node"), "kind of node that it applies to"),
        key(
            "holds",
            Form::Text,
            Says("all"),
            "with several seeds or nodes, on what share of them it must hold: `\"all\"` or, say, `\"≥ 95%\"`",
        ),
        key(
            "event",
            Form::Names(event_names),
            Absent,
            "an event of this kind happens; kinds and fields are listed in [output.md](output.md)",
        ),
        key("pod", Form::Pattern, Says("any"), "pod of the event; also for `series = \"pod.…\"`")
            .with(&["event", "series", "why"]),
        key("container", Form::Pattern, Says("any"), "container of the event").with(&["event", "why"]),
        key("comm", Form::Pattern, Says("any"), "process of the event; for `OomKill`, the victim")
            .with(&["event", "why"]),
        key("where", Form::Map(&TEST), Absent, "tests on the fields of the event").with(&["event"]),
        key("count", COUNTS, Says("at least 1"), "how often; also for `total`").with(&["event", "total", "why"]),
        key("never", Form::Boolean, Is("false"), "`count = 0`").with(&["event", "why"]),
        key(
            "between",
            Form::Tuple(&[Form::Time, Form::Time]),
            Says("the whole run"),
            "count only events in this period",
        )
        .with(&["event", "series"]),
        key("at", Form::Time, Absent, "exactly at this time").with(&["event", "series"]),
        key("after", Form::Table(&RELATION), Absent, "count only events that come after such an event")
            .with(&["event"]),
        key("before", Form::Table(&RELATION), Absent, "count only events that come before such an event")
            .with(&["event"]),
        key(
            "final",
            Form::OneOf(&[Form::Table(&FINAL_POD), Form::Table(&FINAL_PROCESS), Form::Table(&FINAL_CONDITION)]),
            Absent,
            "the state of something at the end",
        ),
        key("series", Form::Names(curve_names), Absent, "a curve"),
        key("min", SIGNED, Absent, "every value of the curve is at least this").with(&["series"]),
        key("max", SIGNED, Absent, "every value of the curve is at most this").with(&["series"]),
        key("peak", AMOUNTS, Absent, "its largest value").with(&["series"]),
        key("lowest", AMOUNTS, Absent, "its smallest value").with(&["series"]),
        key("total", Form::Names(total_names), Absent, "a count over the whole run"),
        key("why", Form::Names(cause_names), Absent, "something has this cause, as `oomsim why` lists them"),
        key("choice", Form::Names(choice_names), Says("any"), "how the OOM killer came to its victim").with(&["why"]),
    ],
};

/// `expect.after`.
pub(crate) static RELATION_KEYS: KeyGroup = KeyGroup {
    name: "expect.after",
    keys: &[
        key("event", Form::Names(event_names), Required, "the other event"),
        key("pod", Form::Pattern, Absent, "its pod"),
        key("container", Form::Pattern, Absent, "its container"),
        key("comm", Form::Pattern, Absent, "its process"),
        key("where", Form::Map(&TEST), Absent, "tests on its fields"),
        key("within", Form::Duration, Absent, "maximum time between the two"),
        key("least", Form::Duration, Absent, "minimum time between the two"),
    ],
};

/// `expect.where`.
pub(crate) static TEST_KEYS: KeyGroup = KeyGroup {
    name: "expect.where",
    keys: &[
        key("contains", VALUE, Absent, "contains this text, or this element of a list"),
        key("min", VALUE, Absent, "at least"),
        key("max", VALUE, Absent, "at most"),
        key("not", VALUE, Absent, "anything else"),
        key("present", Form::Boolean, Absent, "true: has a value; false: has none"),
    ],
};

/// `expect.final.pod`.
pub(crate) static FINAL_POD_KEYS: KeyGroup = KeyGroup {
    name: "expect.final.pod",
    keys: &[
        key("pod", Form::Pattern, Required, "which pods; without `*`, at least one must exist"),
        key("phase", Form::Words(&["Pending", "Running", "Succeeded", "Failed"]), Absent, "phase"),
        key("reason", Form::Pattern, Absent, "status reason; `\"\"` for none"),
        key("message", Form::Pattern, Absent, "status message"),
        key("status", Form::Pattern, Absent, "what `kubectl get pod` prints"),
        key("qos", Form::Words(&["Guaranteed", "Burstable", "BestEffort"]), Absent, "QoS class"),
        key("restarts", COUNTS, Absent, "restarts of its containers"),
        key("usage", AMOUNTS, Absent, "memory charged to it"),
        key("count", COUNTS, Absent, "how many pods match all of the above; default: all of that name"),
    ],
};

/// `expect.final.process`.
pub(crate) static FINAL_PROCESS_KEYS: KeyGroup = KeyGroup {
    name: "expect.final.process",
    keys: &[
        key("process", Form::Pattern, Required, "`comm`"),
        key("pod", Form::Pattern, Absent, "only processes of these pods"),
        key("alive", Form::Boolean, Absent, "true: at least one is alive; false: none is"),
        key("count", COUNTS, Absent, "how many are alive"),
        key("rss", AMOUNTS, Absent, "only processes with this much resident memory"),
    ],
};

/// `expect.final.condition`.
pub(crate) static FINAL_CONDITION_KEYS: KeyGroup = KeyGroup {
    name: "expect.final.condition",
    keys: &[
        key("condition", Form::Words(&["MemoryPressure", "Ready"]), Required, "which condition"),
        key("status", Form::Words(&["True", "False", "Unknown"]), Required, "its status"),
    ],
};

/// `range`.
pub(crate) static RANGE_KEYS: KeyGroup =
    KeyGroup { name: "range", keys: &[key("min", SIGNED, Absent, "at least"), key("max", SIGNED, Absent, "at most")] };

fn event_names() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.name).collect()
}

fn curve_names() -> Vec<&'static str> {
    Curve::ALL.iter().map(|(name, _)| *name).collect()
}

fn cause_names() -> Vec<&'static str> {
    Cause::ALL.iter().map(|cause| cause.as_str()).collect()
}

fn choice_names() -> Vec<&'static str> {
    Choice::ALL.iter().map(|choice| choice.as_str()).collect()
}

fn total_names() -> Vec<&'static str> {
    Total::ALL.iter().map(|(name, _)| *name).collect()
}
