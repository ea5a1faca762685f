//! The file itself.

use super::WhenAbsent::{Absent, Is, Required, Says};
use super::expect::{AT, EXPECT};
use super::kubelet::KUBELET;
use super::node::{KERNEL, MAX_NODES, NODE, NODE_KIND};
use super::pod::{HOST, POD};
use super::{Form, KeyGroup, TableSpec, key};

/// `the scenario`.
pub static SCENARIO: TableSpec = TableSpec { groups: &[&SCENARIO_KEYS], ..TableSpec::new("the scenario") };

/// `the scenario`.
pub(crate) static SCENARIO_KEYS: KeyGroup = KeyGroup {
    name: "the scenario",
    keys: &[
        key("name", Form::Name, Says("the file's name"), "short name"),
        key("description", Form::Text, Absent, "what the scenario shows"),
        key("seed", Form::Integer { min: 0, max: i64::MAX }, Is("1"), "default seed of all random draws"),
        key(
            "nodes",
            Form::Integer { min: 1, max: MAX_NODES },
            Is("1"),
            "number of nodes (a fleet, at most 100000); node *n* uses the seed `seed` + *n*; not with \
             `[[node]]`",
        ),
        key("duration", Form::Duration, Is("10m"), "the run ends at this time at the latest"),
        key("sample", Form::Duration, Is("1s"), "interval of the curves; at most 10 million samples"),
        key(
            "node",
            Form::OneOf(&[Form::Table(&NODE), Form::Tables(&NODE_KIND)]),
            Required,
            "the machine, or several kinds of machines (`[[node]]`)",
        ),
        key("kernel", Form::Table(&KERNEL), Says("newest version, cgroup v2"), "the kernel"),
        key("kubelet", Form::Table(&KUBELET), Says("defaults if there are pods, else none"), "the kubelet"),
        key("pod", Form::Tables(&POD), Absent, "pods"),
        key("host", Form::Tables(&HOST), Absent, "processes on the node itself"),
        key("at", Form::Tables(&AT), Absent, "changes during the run"),
        key("expect", Form::Tables(&EXPECT), Absent, "what must or must not happen"),
    ],
};
