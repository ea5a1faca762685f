//! Every table and key of studies and goals.

use crate::measure::MEASURES;
use crate::recommend::BadEvent;
use oomsim_scenario::reading::WhenAbsent::{Absent, Is, Required, Says};
use oomsim_scenario::reading::{Form, KeyGroup, TableSpec, key};

/// A value that a setting can take.
const SCALAR: Form =
    Form::OneOf(&[Form::Text, Form::Number, Form::Integer { min: i64::MIN, max: i64::MAX }, Form::Boolean]);
/// Seeds are 64-bit numbers that TOML can write.
const SEED: Form = Form::Integer { min: 0, max: i64::MAX };

/// A study (`oomsim sweep`).
pub static STUDY: TableSpec = TableSpec { groups: &[&STUDY_KEYS], ..TableSpec::new("the study") };

static STUDY_KEYS: KeyGroup = KeyGroup {
    name: "the study",
    keys: &[
        key("name", Form::Name, Says("the file's name"), "short name"),
        key("description", Form::Text, Absent, "what the study is for"),
        key("scenario", Form::Path, Required, "the scenario, relative to the study"),
        key("node", Form::Text, Says("the only one"), "the kind of node, if the scenario has several"),
        key(
            "repetitions",
            Form::Integer { min: 1, max: 100_000_000 },
            Is("1"),
            "runs of each point, each with its seed",
        ),
        key("seed", SEED, Is("1"), "seed of the first run"),
        key("set", Form::Map(&SCALAR), Absent, "settings that all runs share, as for `--set`"),
        key("sample", Form::Table(&SAMPLE), Absent, "points of the axes without steps"),
        key("axis", Form::Tables(&AXIS), Absent, "what is varied"),
        key("measures", Form::Array(&Form::Names(measure_names)), Says("all"), "the columns of the results"),
    ],
};

/// `sample`.
pub(crate) static SAMPLE: TableSpec = TableSpec { groups: &[&SAMPLE_KEYS], ..TableSpec::new("sample") };

static SAMPLE_KEYS: KeyGroup = KeyGroup {
    name: "sample",
    keys: &[
        key("method", Form::Words(&["latinHypercube", "random"]), Is("latinHypercube"), "how points are chosen"),
        key("points", Form::Integer { min: 1, max: 1_000_000 }, Required, "number of points"),
    ],
};

/// `[[axis]]` of a study.
pub(crate) static AXIS: TableSpec = TableSpec {
    groups: &[&AXIS_KEYS],
    any_of: &[&["key", "values"], &["keys", "values"], &["key", "from", "to"], &["keys", "from", "to"]],
    ..TableSpec::new("[[axis]]")
};

static AXIS_KEYS: KeyGroup = KeyGroup {
    name: "[[axis]], [[knob]]",
    keys: &[
        key("name", Form::Name, Required, "name of the column"),
        key("key", Form::Name, Absent, "the scenario key that takes the value, as for `--set`"),
        key("keys", Form::Array(&Form::Name), Absent, "several keys that take the same value"),
        key("values", Form::Array(&SCALAR), Absent, "the values"),
        key("from", SCALAR, Absent, "the first value"),
        key("to", SCALAR, Absent, "the last value"),
        key("steps", Form::Integer { min: 1, max: 100_000 }, Absent, "number of values from `from` to `to`"),
        key("scale", Form::Words(&["linear", "log"]), Is("linear"), "how the values are spread"),
    ],
};

/// A goal (`oomsim plan`).
pub static GOAL: TableSpec = TableSpec { groups: &[&GOAL_KEYS], ..TableSpec::new("the goal") };

static GOAL_KEYS: KeyGroup = KeyGroup {
    name: "the goal",
    keys: &[
        key("name", Form::Name, Says("the file's name"), "short name"),
        key("description", Form::Text, Absent, "what the goal is for"),
        key("seed", SEED, Is("1"), "seed of the first run"),
        key("runs", Form::Integer { min: 64, max: MAX_RUNS }, Is("20000"), "most runs of a setting in the search"),
        key(
            "confirm",
            Form::Integer { min: 64, max: MAX_RUNS },
            Says("`runs`"),
            "runs that confirm the recommendation",
        ),
        key("error", Form::Share, Is("0.01"), "probability of recommending a setting that does not reach the goal"),
        key("knob", Form::Tables(&KNOB), Required, "settings that may be changed"),
        key("instance", Form::Tables(&INSTANCE), Absent, "types of instance for a knob to choose from, with prices"),
        key("scenario", Form::Tables(&GOAL_SCENARIO), Required, "scenarios in which the goal must be reached"),
        key("target", Form::Tables(&TARGET), Required, "what must not happen, and how often it may"),
    ],
};

/// Most runs of one setting.
pub(crate) const MAX_RUNS: i64 = 10_000_000;

/// `[[knob]]` of a goal.
pub(crate) static KNOB: TableSpec = TableSpec {
    groups: &[&AXIS_KEYS, &KNOB_KEYS],
    any_of: &[
        &["instances"],
        &["nodes"],
        &["key", "values"],
        &["keys", "values"],
        &["key", "from", "to", "steps"],
        &["keys", "from", "to", "steps"],
    ],
    ..TableSpec::new("[[knob]]")
};

static KNOB_KEYS: KeyGroup = KeyGroup {
    name: "[[knob]]",
    keys: &[
        key(
            "instances",
            Form::OneOf(&[Form::Array(&Form::Text), Form::Words(&["all"])]),
            Absent,
            "types of instance to choose from, instead of `key`",
        ),
        key(
            "nodes",
            Form::Array(&Form::Integer { min: 1, max: 1_000 }),
            Absent,
            "numbers of nodes over which the pods are spread, instead of `key`",
        ),
    ],
};

/// `[[instance]]` of a goal.
pub(crate) static INSTANCE: TableSpec = TableSpec { groups: &[&INSTANCE_KEYS], ..TableSpec::new("[[instance]]") };

static INSTANCE_KEYS: KeyGroup = KeyGroup {
    name: "[[instance]]",
    keys: &[
        key("name", Form::Text, Required, "name in knobs and results, such as `m6i.large`"),
        key("memory", SCALAR, Required, "memory of the node: sets `node.memory`"),
        key("price", Form::Number, Required, "price of one, in any currency and for any time"),
        key("set", Form::Map(&SCALAR), Absent, "what else differs on it, as for `--set`, such as `kubelet.maxPods`"),
    ],
};

/// `[[scenario]]` of a goal.
pub(crate) static GOAL_SCENARIO: TableSpec =
    TableSpec { groups: &[&GOAL_SCENARIO_KEYS], ..TableSpec::new("[[scenario]]") };

static GOAL_SCENARIO_KEYS: KeyGroup = KeyGroup {
    name: "[[scenario]]",
    keys: &[
        key("file", Form::Path, Required, "the scenario, relative to the goal"),
        key("name", Form::Name, Says("the file's name"), "name in results and targets"),
        key("node", Form::Text, Says("the only one"), "the kind of node, if the scenario has several"),
        key(
            "weight",
            Form::Number,
            Is("1"),
            "how much it counts in targets that name no scenario, such as how many days of a year are like this",
        ),
    ],
};

/// `[[target]]` of a goal.
pub(crate) static TARGET: TableSpec = TableSpec { groups: &[&TARGET_KEYS], ..TableSpec::new("[[target]]") };

static TARGET_KEYS: KeyGroup = KeyGroup {
    name: "[[target]]",
    keys: &[
        key("event", Form::Names(event_names), Required, "what must not happen"),
        key(
            "qos",
            Form::Array(&Form::Words(&["Guaranteed", "Burstable", "BestEffort"])),
            Says("every class"),
            "with `event = \"kernelKill\"`: kills of pods of these classes",
        ),
        key(
            "below",
            Form::OneOf(&[Form::Number, Form::Text]),
            Required,
            "in which share of the runs it may, such as `\"0.1%\"`",
        ),
        key("scenario", Form::Text, Says("all, by weight"), "the scenario that it is about"),
        key(
            "pods",
            Form::Text,
            Says("all"),
            "kills or evictions of these pods: `web-*`, `namespace=shop`, `qos=Burstable`, `priorityClass=gold`, `app=web`",
        ),
    ],
};

fn measure_names() -> Vec<&'static str> {
    MEASURES.iter().map(|column| column.name).collect()
}

fn event_names() -> Vec<&'static str> {
    BadEvent::NAMES.iter().map(|(name, _)| *name).collect()
}
