//! `[[at]]`: changes from outside during the run.

use super::host::cgroup_path;
use super::kernel::{each_sysctl, report};
use crate::reader::{Problems, TableReader};
use crate::scalar::{boolean, bytes, integer, name, one_of, time};
use crate::tables;
use crate::value::Value;
use oomsim_core::kernel::Sysctls;
use oomsim_core::node_api::{CgroupWrite, Signo};
use oomsim_core::plan::{Change, Injection};
use oomsim_core::units::{Bytes, SimTime};

/// Reads all `[[at]]`, sorted by time; those at the same time stay in the order of the file.
pub(crate) fn injections(p: &Problems, tables: &[&Value]) -> Vec<Injection> {
    let mut injections: Vec<Injection> = Vec::new();
    for table in tables {
        injection(p, table, &mut injections);
    }
    injections.sort_by_key(|injection| injection.at);
    injections
}

fn injection(p: &Problems, value: &Value, out: &mut Vec<Injection>) {
    let Some(mut t) = TableReader::open(p, &tables::AT, value) else { return };
    let at = t.required("time", time).unwrap_or(SimTime::ZERO);
    // Judged before: this table is for these nodes.
    t.get("node");
    let (before, errors) = (out.len(), p.errors());
    let mut push = |change| out.push(Injection { at, change });
    if let Some(sysctls) = t.get("sysctl") {
        let mut scratch = Sysctls::default();
        each_sysctl(p, sysctls, &mut |entry, name, number| match scratch.set(name, number) {
            Ok(()) => push(Change::Sysctl { name: name.into(), value: number.unsigned_abs() }),
            Err(error) => report(p, entry, name, &error),
        });
    }
    if let Some(cgroup) = t.optional("cgroup", cgroup_path) {
        let write = cgroup_files(&mut t);
        if write == CgroupWrite::default() {
            p.error(t.at(), "`cgroup` without what is written to it: add `limit`");
        }
        push(Change::Cgroup { cgroup, write });
    }
    if let Some(signal) = t.optional("signal", signal) {
        let process = t.required("process", name);
        push(Change::Signal { process: process.unwrap_or_default(), signal });
    }
    if let Some(pod) = t.optional("deletePod", name) {
        let pod = if pod.contains('/') { pod } else { format!("default/{pod}").into() };
        push(Change::DeletePod { pod });
    }
    if let Some(process) = t.optional("fork", name) {
        push(Change::Fork { process });
    }
    let at = t.at();
    t.finish();
    if out.len() == before && p.errors() == errors {
        p.error(at, "`[[at]]` changes nothing: add `sysctl`, `cgroup` with `limit` or another of its files, `signal` with `process`, `deletePod` or `fork`");
    }
}

/// What is written to a cgroup.
fn cgroup_files(t: &mut TableReader<'_>) -> CgroupWrite {
    CgroupWrite {
        max: t.optional("limit", limit),
        high: t.optional("high", limit),
        low: t.optional("low", bytes),
        min: t.optional("min", bytes),
        swap_max: t.optional("swapMax", limit),
        oom_group: t.optional("oomGroup", boolean),
        swappiness: t.optional("swappiness", integer(0, 100)),
    }
}

fn limit(p: &Problems, value: &Value) -> Option<Bytes> {
    if value.as_text() == Some("max") { Some(Bytes::MAX) } else { bytes(p, value) }
}

fn signal(p: &Problems, value: &Value) -> Option<Signo> {
    let signals = [
        ("SIGHUP", Signo::Hup),
        ("SIGABRT", Signo::Abrt),
        ("SIGKILL", Signo::Kill),
        ("SIGSEGV", Signo::Segv),
        ("SIGTERM", Signo::Term),
    ];
    one_of("signal", &signals)(p, value)
}
