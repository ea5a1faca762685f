//! Recorded programs as host processes of a scenario.

use oomsim_core::units::Pages;
use std::fmt::Write;

/// A program, in pages.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    pub name: String,
    /// Its cgroup; empty: one of its own below `/system.slice`.
    pub cgroup: String,
    pub adj: i16,
    pub uid: u32,
    pub anon: u64,
    /// Resident pages that are charged elsewhere.
    pub file: u64,
    /// Page tables in all; those for `anon` are among them.
    pub page_tables: u64,
    /// Address space in addition to `anon` and `file`.
    pub virtual_size: u64,
    pub kernel: u64,
    /// Instructions in TOML.
    pub script: Vec<String>,
}

/// Pages that one page of page tables maps.
pub(super) const PER_TABLE: u64 = 512;

impl Program {
    /// The recorded worker before it is asked for anything.
    pub fn worker(name: &str) -> Program {
        let worker = crate::kernel::WORKER;
        let pages = |pages: Pages| pages.get();
        Program {
            name: name.to_owned(),
            anon: pages(worker.anon),
            file: pages(worker.file),
            page_tables: pages(worker.pgtables),
            virtual_size: pages(worker.total_vm - worker.anon - worker.file),
            kernel: pages(worker.kernel),
            ..Program::default()
        }
    }

    /// Its `[[host]]`.
    pub fn to_toml(&self) -> String {
        let bytes = |pages: u64| pages * 4096;
        let mut text = format!("[[host]]\nname = \"{}\"\noomScoreAdj = {}\nuid = {}\n", self.name, self.adj, self.uid);
        if !self.cgroup.is_empty() {
            let _ = writeln!(text, "cgroup = \"{}\"", self.cgroup);
        }
        let _ = writeln!(
            text,
            "footprint = {{ anon = {}, file = {}, pageTables = {}, virtual = {}, kernel = {} }}",
            bytes(self.anon),
            bytes(self.file),
            bytes(self.page_tables.saturating_sub(self.anon.div_ceil(PER_TABLE))),
            bytes(self.virtual_size),
            bytes(self.kernel),
        );
        if !self.script.is_empty() {
            let _ = writeln!(text, "workload.script = [{}]", self.script.join(", "));
        }
        text
    }
}
