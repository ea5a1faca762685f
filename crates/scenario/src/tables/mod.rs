//! Every table and key of a scenario: name, form, default and meaning. From here come the keys that the reader takes,
//! the tables of `docs/reference/scenario.md` and the JSON Schema.

mod expect;
mod kubelet;
mod node;
mod pod;
mod runtime;
mod scenario;
mod workload;

pub use expect::EXPECT;
pub(crate) use expect::{AT, FINAL_CONDITION, FINAL_POD, FINAL_PROCESS, RANGE, RELATION, TEST_TABLE};
pub(crate) use kubelet::{CONFIGURATION, CRASH_LOOP_BACK_OFF, HOUSEKEEPING, KUBELET, MEMORY_SWAP, SLOW, TIMING};
pub(crate) use node::{
    EARLYOOM, FOOTPRINT, KERNEL, MAX_NODES, NODE, NODE_DISK, NODE_EXIT, NODE_KIND, NODE_RUNTIME, NODE_SYSTEM,
    SYSTEMD_OOMD, TALOS_OOM,
};
pub(crate) use pod::{
    CONTAINER, HANGS_UP_WITH, HOST, INIT_CONTAINER, MAX_REPLICAS, ON_TERM, POD, PRE_STOP, PROBE, PROBE_KEYS, PROCESS,
    RECOMMENDER, RESOURCES, TOLERATION, VOLUME,
};
pub(crate) use runtime::{AT_LIMIT, RUNTIME};
pub use scenario::SCENARIO;
pub(crate) use workload::{BURST, DOTNET, JITTER, LEAK, PAGE_CACHE, RAMP, SAWTOOTH, SCRIPT, STEADY, THEN_TABLE, TRACE};

const I32_MIN: i64 = i32::MIN as i64;
const I32_MAX: i64 = i32::MAX as i64;

/// The form of a value.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Any text.
    Text,
    /// A path, as far as its form shows it.
    Path,
    /// A name.
    Name,
    /// A name in which `*` stands for any text.
    Pattern,
    /// A version, as text or as number.
    Version,
    /// `true` or `false`.
    Boolean,
    /// `true`.
    True,
    /// A whole number within bounds.
    Integer {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A number.
    Number,
    /// An amount of memory: a Kubernetes quantity or a number of bytes.
    Amount,
    /// A quantity of any resource.
    Quantity,
    /// A duration as Go writes it.
    Duration,
    /// A duration since the scenario began.
    Time,
    /// A share of a whole.
    Share,
    /// One of these words.
    Words(&'static [&'static str]),
    /// One of the names that the model has.
    Names(fn() -> Vec<&'static str>),
    /// Sysctls by name.
    Sysctls,
    /// A table.
    Table(&'static TableSpec),
    /// An array of tables.
    Tables(&'static TableSpec),
    /// A table with keys of any name.
    Map(&'static Form),
    /// An array.
    Array(&'static Form),
    /// An array with just these elements.
    Tuple(&'static [Form]),
    /// One of several forms.
    OneOf(&'static [Form]),
}

/// What holds when a key is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenAbsent {
    /// It may not be absent.
    Required,
    /// The same as with this value, as it stands after `--set KEY=`.
    Is(&'static str),
    /// What these words say.
    Says(&'static str),
    /// There is none.
    Absent,
}

/// A key of a table.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// Its name.
    pub name: &'static str,
    /// The form of its value.
    pub form: Form,
    /// What holds when it is absent.
    pub default: WhenAbsent,
    /// What it means, as a line of Markdown.
    pub doc: &'static str,
    /// It is legal beside one of these keys only; empty: always.
    pub with: &'static [&'static str],
}

/// A key that is legal always.
pub const fn key(name: &'static str, form: Form, default: WhenAbsent, doc: &'static str) -> KeySpec {
    KeySpec { name, form, default, doc, with: &[] }
}

impl KeySpec {
    /// The same, legal beside one of these keys only.
    #[must_use]
    pub const fn with(self, with: &'static [&'static str]) -> Self {
        KeySpec { with, ..self }
    }
}

/// Keys that belong together: one table of the reference page.
#[derive(Debug)]
pub struct KeyGroup {
    /// Its heading there.
    pub name: &'static str,
    /// In the order of the page.
    pub keys: &'static [KeySpec],
}

/// A table of a file.
#[derive(Debug)]
pub struct TableSpec {
    /// What messages call it, such as `[node.system]`.
    pub name: &'static str,
    /// Its keys.
    pub groups: &'static [&'static KeyGroup],
    /// More keys, which the model has a table of.
    pub capabilities: Option<fn() -> &'static KeyGroup>,
    /// Keys that are required here, and are not in other tables with the same keys.
    pub required: &'static [&'static str],
    /// Exactly one of these keys is there; empty: as may be.
    pub one_of: &'static [&'static str],
    /// At least one of these sets of keys is there; empty: as may be.
    pub any_of: &'static [&'static [&'static str]],
}

impl TableSpec {
    /// A table without keys.
    pub const fn new(name: &'static str) -> Self {
        TableSpec { name, groups: &[], capabilities: None, required: &[], one_of: &[], any_of: &[] }
    }

    /// Its keys, in the order of the reference page.
    pub fn keys(&self) -> impl Iterator<Item = &'static KeySpec> {
        let capabilities = self.capabilities.map(|group| group());
        self.groups.iter().copied().chain(capabilities).flat_map(|group| group.keys)
    }

    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static KeySpec> {
        self.keys().find(|key| key.name == name)
    }
}
