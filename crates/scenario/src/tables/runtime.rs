//! Language runtimes.

use super::WhenAbsent::{Is, Required, Says};
use super::{Form, KeyGroup, TableSpec, key};
use oomsim_core::workload::runtime::RUNTIMES;

/// `runtime`.
pub(crate) static RUNTIME: TableSpec = TableSpec { groups: &[&RUNTIME_KEYS], ..TableSpec::new("runtime") };

/// `onOutOfMemory`.
pub(crate) static AT_LIMIT: TableSpec = TableSpec { groups: &[&AT_LIMIT_KEYS], ..TableSpec::new("onOutOfMemory") };

/// `runtime`.
static RUNTIME_KEYS: KeyGroup = KeyGroup {
    name: "runtime",
    keys: &[
        key("name", Form::Names(runtime_names), Required, "which one"),
        key(
            "outside",
            Form::Amount,
            Is("0"),
            "memory outside the heap, touched at the start: classes, compiled code, thread stacks, buffers",
        ),
        key(
            "grows",
            Form::Words(&["heap", "direct", "native"]),
            Is("heap"),
            "what the workload fills: the heap, a JVM's direct buffers, or native memory that the runtime does not limit",
        ),
        key(
            "garbage",
            Form::Integer { min: 0, max: 1000 },
            Says("`GOGC` for Go, else 0"),
            "garbage in the heap between two collections, in percent of what is in use",
        ),
        key(
            "onOutOfMemory",
            Form::OneOf(&[Form::Words(&["livesOn", "aborts", "segfaults"]), Form::Table(&AT_LIMIT)]),
            Says("as the runtime and its flags say"),
            "what becomes of the process at its heap limit; `aborts`: exit code 139 for a container's first process, \
             134 for others",
        ),
    ],
};

/// `onOutOfMemory`.
static AT_LIMIT_KEYS: KeyGroup = KeyGroup {
    name: "onOutOfMemory",
    keys: &[key("exit", Form::Integer { min: 0, max: 255 }, Required, "exits with this code")],
};

/// The names of the runtimes.
pub(crate) fn runtime_names() -> Vec<&'static str> {
    RUNTIMES.iter().map(|row| row.name).collect()
}
