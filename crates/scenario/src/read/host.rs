//! `[[host]]`: processes on the node itself.

use super::process::process_keys;
use crate::reader::{Problems, TableReader};
use crate::scalar::{duration, name, text};
use crate::tables;
use crate::value::Value;
use oomsim_core::node_api::Name;
use oomsim_core::plan::{HangUp, HostPlan, ProcessPlan};
use oomsim_core::units::SimDuration;
use std::collections::BTreeSet;

/// Reads all `[[host]]`.
pub(crate) fn hosts(p: &Problems, tables: &[&Value]) -> Vec<HostPlan> {
    let mut hosts: Vec<HostPlan> = Vec::new();
    let mut names: BTreeSet<Name> = BTreeSet::new();
    for table in tables {
        let Some(host) = host(p, table) else { continue };
        if !names.insert(host.name.clone()) {
            p.error(&table.at, format!("two `[[host]]` have the name `{}`", host.name));
        }
        hosts.push(host);
    }
    for (host, table) in hosts.iter().zip(tables) {
        if let (Some(leader), Some(value)) = (&host.session_of, table.get("session"))
            && (!names.contains(leader) || *leader == host.name)
        {
            let others = names.iter().filter(|name| **name != host.name).map(|name| &**name);
            p.unknown(&value.at, "host process", leader, others);
        }
    }
    hosts
}

fn host(p: &Problems, value: &Value) -> Option<HostPlan> {
    let mut t = TableReader::open(p, &tables::HOST, value)?;
    let host_name = t.required("name", name);
    let process = process_keys(&mut t, ProcessPlan::idle(host_name.as_ref().unwrap_or(&"host".into())));
    let default_cgroup = HostPlan::default_cgroup(host_name.as_deref().unwrap_or("host"));
    let cgroup = t.or("cgroup", default_cgroup, cgroup_path);
    let session_of = t.optional("session", name);
    // Judged before: this table is for these nodes.
    t.get("node");
    let hangs_up_with = t.optional("hangsUpWith", hang_up);
    t.finish();
    Some(HostPlan { name: host_name?, process, cgroup, session_of, hangs_up_with })
}

/// `{ process = "ssh", after = "1s" }`.
fn hang_up(p: &Problems, value: &Value) -> Option<HangUp> {
    let mut t = TableReader::open(p, &tables::HANGS_UP_WITH, value)?;
    let process = t.required("process", name);
    let after = t.or("after", SimDuration::ZERO, duration);
    t.finish();
    Some(HangUp { process: process?, after })
}

/// `/system.slice/ssh.service`.
pub(crate) fn cgroup_path(p: &Problems, value: &Value) -> Option<Name> {
    let path = text(p, value)?;
    let parts = || path[1..].split('/');
    let fine = path == "/"
        || path.starts_with('/') && path.len() <= 4096 && parts().all(|part| !matches!(part, "" | "." | ".."));
    if !fine || path.chars().any(char::is_control) {
        p.expected(value, "the path of a cgroup such as \"/system.slice/ssh.service\"");
        return None;
    }
    Some(path.into())
}
