//! `[node.earlyoom]`, `[node.systemdOomd]`, `[node.talosOom]`: daemons that kill before the kernel has to.

use crate::reader::{Problems, TableReader};
use crate::scalar::{duration, integer, name};
use crate::tables;
use crate::value::Value;
use oomsim_core::node_api::Name;
use oomsim_core::plan::{Earlyoom, SystemdOomd, TalosOom, UserspaceKiller};

/// All that a `[node]` has.
pub(super) fn killers(t: &mut TableReader<'_>) -> Vec<UserspaceKiller> {
    let earlyoom = t.optional("earlyoom", earlyoom).map(UserspaceKiller::Earlyoom);
    let oomd = t.optional("systemdOomd", systemd_oomd).map(UserspaceKiller::SystemdOomd);
    let talos = t.optional("talosOom", talos).map(UserspaceKiller::Talos);
    [earlyoom, oomd, talos].into_iter().flatten().collect()
}

fn percent(p: &Problems, value: &Value) -> Option<u32> {
    integer(0, 100)(p, value)
}

/// `PERCENT`, half of which is the limit of SIGKILL, or `[PERCENT, KILL_PERCENT]`.
fn limits(p: &Problems, value: &Value) -> Option<(u32, u32)> {
    match value.items() {
        Some([term, kill]) => Some((percent(p, term)?, percent(p, kill)?)),
        Some(_) => {
            p.expected(value, "a percentage, or two: of SIGTERM and of SIGKILL");
            None
        }
        None => percent(p, value).map(|term| (term, term / 2)),
    }
}

fn earlyoom(p: &Problems, value: &Value) -> Option<Earlyoom> {
    let mut t = TableReader::open(p, &tables::EARLYOOM, value)?;
    let d = Earlyoom::default();
    let plan = Earlyoom {
        memory: t.or("memory", d.memory, limits),
        swap: t.or("swap", d.swap, limits),
        prefer: t.optional("prefer", name),
        avoid: t.optional("avoid", name),
    };
    t.finish();
    Some(plan)
}

fn paths(p: &Problems, value: &Value) -> Option<Vec<Name>> {
    let Some(items) = value.items() else {
        p.expected(value, "an array of paths of cgroups");
        return None;
    };
    items.iter().map(|item| name(p, item)).collect()
}

fn systemd_oomd(p: &Problems, value: &Value) -> Option<SystemdOomd> {
    let mut t = TableReader::open(p, &tables::SYSTEMD_OOMD, value)?;
    let d = SystemdOomd::default();
    let plan = SystemdOomd {
        swap_used_limit: t.or("swapUsedLimit", d.swap_used_limit, percent),
        swap: t.or("managedOOMSwap", d.swap, paths),
        pressure: t.or("managedOOMMemoryPressure", d.pressure, paths),
        pressure_limit: t.or("defaultMemoryPressureLimit", d.pressure_limit, percent),
        pressure_duration: t.or("defaultMemoryPressureDuration", d.pressure_duration, duration),
    };
    t.finish();
    Some(plan)
}

fn talos(p: &Problems, value: &Value) -> Option<TalosOom> {
    let mut t = TableReader::open(p, &tables::TALOS_OOM, value)?;
    let d = TalosOom::default();
    let plan = TalosOom {
        full_avg10: t.or("memoryFullAvg10", d.full_avg10, percent),
        pause: t.or("timeSinceTrigger", d.pause, duration),
    };
    t.finish();
    Some(plan)
}
