//! The keys of the blocks of a lesson.

use oomsim_scenario::reading::WhenAbsent::{Absent, Required, Says};
use oomsim_scenario::reading::{EXPECT, Form, KeyGroup, TableSpec, key};

/// A block `toml,lab`.
pub(crate) static MOMENT: TableSpec = TableSpec {
    groups: &[&KeyGroup {
        name: "a moment",
        keys: &[
            key("scenario", Form::Path, Required, "the scenario, relative to the lesson"),
            key("set", Form::Array(&Form::Text), Absent, "settings, as after `--set`"),
            key("seed", Form::Integer { min: 0, max: u32::MAX as i64 }, Says("the scenario's"), "seed of the run"),
            key("at", Form::Time, Says("the start"), "the instant that is shown: everything before it has happened"),
            key("event", Form::Text, Absent, "the first event of this kind instead of `at`"),
            key("pod", Form::Pattern, Absent, "… of this pod").with(&["event"]),
            key("container", Form::Pattern, Absent, "… of this container").with(&["event"]),
            key("comm", Form::Pattern, Absent, "… of this process").with(&["event"]),
            key("where", Form::Map(&Form::Text), Absent, "… with these fields").with(&["event"]),
            key("expect", Form::Tables(&EXPECT), Absent, "what the text says about this run"),
        ],
    }],
    ..TableSpec::new("a block `toml,lab`")
};

/// A block `toml,question`.
pub(crate) static QUESTION: TableSpec = TableSpec {
    groups: &[&KeyGroup {
        name: "a question",
        keys: &[
            key("ask", Form::Words(&super::question::ASKED), Absent, "a question that the lab makes from the moment"),
            key("answer", Form::Text, Absent, "what must come out of it").with(&["ask"]),
            key("text", Form::Text, Absent, "a question of the lesson's own"),
            key("hint", Form::Text, Absent, "what to look at").with(&["text"]),
            key("explanation", Form::Text, Says("what the run found"), "what the learner reads afterwards")
                .with(&["text"]),
            key("holds", Form::Table(&EXPECT), Absent, "what holds with the right option, and with no other")
                .with(&["text"]),
            key("option", Form::Tables(&OPTION), Absent, "two options at least").with(&["text"]),
        ],
    }],
    one_of: &["ask", "text"],
    ..TableSpec::new("a block `toml,question`")
};

/// `[[option]]`.
pub(crate) static OPTION: TableSpec = TableSpec {
    groups: &[&KeyGroup {
        name: "an option",
        keys: &[
            key("text", Form::Text, Required, "the option"),
            key("set", Form::Array(&Form::Text), Absent, "settings with which `holds` is tried"),
            key("holds", Form::Table(&EXPECT), Absent, "what holds if this option is the right one"),
        ],
    }],
    ..TableSpec::new("[[option]]")
};
