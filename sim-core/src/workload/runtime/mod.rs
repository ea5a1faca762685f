//! Language runtimes, which stand between a program and the kernel. What a program asks for is its behaviour; what a
//! runtime makes of it – how large it lets the heap become, what it does there, what it gives back – is a row with
//! versioned facts, as for a kernel.

mod flags;
mod heap;
mod rows;
mod words;

pub use flags::{Collector, Flags, Gogc, JAVA_VARIABLES};
pub use heap::{Around, Heap};
pub use rows::{AtLimit, HeapRule, Known, Language, RUNTIMES, RuntimeRow, SeesCgroup, V8Young};

use crate::node_api::Name;
use crate::units::Bytes;
use std::collections::BTreeMap;

/// A program's environment and arguments, as far as a runtime reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Launch {
    /// Environment variables by name.
    pub env: BTreeMap<String, String>,
    /// Command line, one argument each.
    pub args: Vec<String>,
}

impl Launch {
    /// The language of a program that is started like this, where its command, variables or flags say so.
    pub fn language(&self, comm: &Name) -> Option<Language> {
        let named = |name: &str| Language::ALL.into_iter().find(|language| language.commands().contains(&name));
        let words = self.words();
        let command = words.iter().map(|word| words::base(word)).find(|word| named(word).is_some());
        let command = command.or_else(|| self.args.first().map(|path| words::base(path))).unwrap_or(comm);
        let variable = || {
            let of = |language: &Language| self.env.keys().any(|name| flags::is_variable_of(name, *language));
            Language::ALL.into_iter().find(of)
        };
        let flag = || Language::ALL.into_iter().find(|l| words.iter().any(|word| flags::is_flag_of(word, *l)));
        named(command).or_else(|| named(comm)).or_else(variable).or_else(flag)
    }

    /// Only what a runtime reads: other variables and arguments say nothing about memory.
    pub fn about_memory(mut self) -> Launch {
        self.args = self.words();
        self.env.retain(|name, _| Language::ALL.into_iter().any(|language| flags::is_variable_of(name, language)));
        let of_some = |arg: &str| {
            let command = arg.rsplit('/').next().unwrap_or_default();
            Language::ALL.into_iter().any(|l| flags::is_flag_of(arg, l) || l.commands().contains(&command))
        };
        self.args.retain(|arg| of_some(arg));
        self
    }
}

/// Which memory of a runtime a program's behaviour fills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Grows {
    /// The heap, which the runtime limits.
    #[default]
    Heap,
    /// Direct buffers of a JVM, which it limits too (`-XX:MaxDirectMemorySize`, by default the size of the heap).
    Direct,
    /// Memory that the runtime knows nothing of: a native library's leak.
    Native,
}

/// A runtime that a process runs in.
#[derive(Clone, Debug, PartialEq)]
pub struct Runtime {
    /// Which one.
    pub row: &'static RuntimeRow,
    /// What its variables and arguments say.
    pub flags: Flags,
    /// Memory outside the heap, touched at the start: classes, code, thread stacks, buffers.
    pub outside: Bytes,
    /// What the behaviour fills.
    pub grows: Grows,
    /// Garbage between two collections, in percent of what is in use; `None`: what the runtime's rule says.
    pub garbage: Option<u16>,
    /// What it does at its limit; `None`: as its row and flags say.
    pub at_limit: Option<AtLimit>,
}

impl Runtime {
    /// This runtime with these variables and arguments; the rest as it comes.
    pub fn new(row: &'static RuntimeRow, launch: &Launch) -> Self {
        let flags = Flags::of(row, launch);
        Runtime { row, flags, outside: Bytes::ZERO, grows: Grows::Heap, garbage: None, at_limit: None }
    }

    /// What it does when an allocation does not fit into its limit.
    pub fn at_limit(&self) -> AtLimit {
        let by_flag = match self.row.language {
            Language::Jvm if self.flags.crash_on_oom => Some(AtLimit::Aborts),
            Language::Jvm if self.flags.exit_on_oom => Some(AtLimit::Exits(3)),
            _ => None,
        };
        self.at_limit.or(by_flag).unwrap_or(self.row.at_limit.value)
    }
}
