//! One request for memory: granted or refused, and what Committed_AS says afterwards.

use super::row::{kib, parse, profile};
use crate::Verdict;
use oomsim_core::kernel::overcommit::{self, CommitState, Requester};
use oomsim_core::kernel::{Mapping, Sysctls};
use oomsim_core::units::{Bytes, Pages};
use serde::Deserialize;
use serde_json::Value;

/// What fork copies in addition to `VmData`: the stack and the program's own writable pages (32 granted forks recorded:
/// 30 or 37 pages; less when MAP_NORESERVE mappings of modes 0 and 1 are in `VmData`).
pub const BESIDES_DATA: u64 = 37;

#[derive(Deserialize)]
struct OvercommitRow {
    kernel: String,
    smp: u32,
    op: String,
    mode_at_request: u8,
    overcommit_ratio: u64,
    overcommit_kbytes: u64,
    admin_reserve_kbytes: u64,
    user_reserve_kbytes: u64,
    hugepages_total: u64,
    root: bool,
    mem_total_kib: u64,
    swap_total_kib: u64,
    commit_limit_kib: u64,
    committed_before_kib: u64,
    committed_after_kib: u64,
    vm_size_before_kib: u64,
    granted: bool,
    request_bytes: Option<u64>,
    map_noreserve: Option<bool>,
    map_shared: Option<bool>,
    prot_write: Option<bool>,
    vm_data_kib: Option<u64>,
}

/// CommitLimit, the decision, and Committed_AS after it.
pub fn check(row: &Value) -> Verdict {
    let read = parse::<OvercommitRow>(row).and_then(|row| Ok((profile(&row.kernel)?, row)));
    let (profile, row) = match read {
        Ok(read) => read,
        Err(why) => return Verdict::unreadable(why),
    };
    let sysctl = sysctls(&row);
    let ram = kib(row.mem_total_kib);
    let state = CommitState {
        ram,
        swap: kib(row.swap_total_kib),
        committed: kib(row.committed_before_kib),
        boot_free: ram,
        guess_free: Pages::ZERO,
    };
    let limit = overcommit::commit_limit(&sysctl, state.ram, state.swap);
    let verdict = Verdict::compare("CommitLimit", &kib(row.commit_limit_kib), &limit);
    let who = Requester { total_vm: kib(row.vm_size_before_kib), cap_sys_admin: row.root };
    let decide = |pages| overcommit::enough_memory(&sysctl, profile.overcommit_guess, &state, &who, pages);
    let near = |pages: Pages| {
        let allowed = overcommit::mode2_allowed(&sysctl, &state, &who).get();
        let slack = overcommit::committed_slack(ram, row.smp).get();
        row.mode_at_request == 2 && allowed.abs_diff((state.committed + pages).get()) <= slack
    };
    let open = |pages: Pages| {
        near(pages).then(|| {
            let slack = overcommit::committed_slack(ram, row.smp);
            Verdict::Undecided(format!("within {slack} of the edge, which per-CPU counters of Committed_AS may be off"))
        })
    };
    verdict.and(|| match row.op.as_str() {
        "mmap" => {
            let mapping = Mapping {
                shared: row.map_shared.unwrap_or(false),
                noreserve: row.map_noreserve.unwrap_or(false),
                writable: row.prot_write.unwrap_or(true),
            };
            let pages = Bytes::new(row.request_bytes.unwrap_or(0)).to_pages_ceil();
            if !overcommit::accountable(&sysctl, mapping) {
                return outcome(&row, true, Pages::ZERO);
            }
            open(pages).unwrap_or_else(|| outcome(&row, decide(pages), pages))
        }
        "mprotect_rw" => {
            let pages = Bytes::new(row.request_bytes.unwrap_or(0)).to_pages_ceil();
            if !decide(pages) || near(pages) {
                // The row does not say whether the mapping was accounted already; if so, the call costs nothing.
                return Verdict::Undecided("open whether the mapping was accounted before".into());
            }
            Verdict::compare("granted", &row.granted, &true).and(|| match delta(&row) {
                0 => Verdict::Matched,
                delta => Verdict::compare("Committed_AS grows by pages", &delta, &(pages.get() as i64)),
            })
        }
        "fork" => {
            let pages = kib(row.vm_data_kib.unwrap_or(0)) + Pages::new(BESIDES_DATA);
            if row.mode_at_request == 0 && !decide(pages) {
                return Verdict::Undecided("mode 0 looks at each mapping, of which the row has only the sum".into());
            }
            open(pages).unwrap_or_else(|| {
                Verdict::compare("granted", &row.granted, &decide(pages)).and(|| fork_delta(&row, pages))
            })
        }
        other => Verdict::unreadable(format!("op {other:?}")),
    })
}

fn sysctls(row: &OvercommitRow) -> Sysctls {
    Sysctls {
        overcommit_memory: row.mode_at_request,
        overcommit_ratio: row.overcommit_ratio,
        overcommit_kbytes: row.overcommit_kbytes,
        admin_reserve_kbytes: Some(row.admin_reserve_kbytes),
        user_reserve_kbytes: Some(row.user_reserve_kbytes),
        nr_hugepages: row.hugepages_total,
        ..Sysctls::default()
    }
}

/// Pages that Committed_AS grew by.
fn delta(row: &OvercommitRow) -> i64 {
    (row.committed_after_kib as i64 - row.committed_before_kib as i64) / 4
}

fn outcome(row: &OvercommitRow, granted: bool, charged: Pages) -> Verdict {
    let charged = if granted { charged.get() as i64 } else { 0 };
    grown((row.granted, delta(row)), (granted, charged))
}

/// What a run made of the request of a row: granted or not, and by how many pages Committed_AS grew.
pub fn compare_run(row: &Value, got: (bool, i64)) -> Result<Verdict, String> {
    let row = parse::<OvercommitRow>(row)?;
    if row.op == "fork" {
        let most = kib(row.vm_data_kib.unwrap_or(0)) + Pages::new(BESIDES_DATA);
        return Ok(Verdict::compare("granted", &row.granted, &got.0).and(|| fork_delta(&row, most)));
    }
    if row.op == "mprotect_rw" && delta(&row) == 0 {
        // The row does not say whether the mapping counted before.
        return Ok(Verdict::compare("granted", &row.granted, &got.0));
    }
    Ok(grown((row.granted, delta(&row)), got))
}

fn grown(recorded: (bool, i64), got: (bool, i64)) -> Verdict {
    Verdict::compare("granted", &recorded.0, &got.0)
        .and(|| Verdict::compare("Committed_AS grows by pages", &recorded.1, &got.1))
}

/// A fork charges what the parent was charged for its private memory: at most `VmData` and the rest described above.
fn fork_delta(row: &OvercommitRow, most: Pages) -> Verdict {
    let delta = delta(row);
    if (row.granted && delta > 0 && delta <= most.get() as i64) || (!row.granted && delta == 0) {
        return Verdict::Matched;
    }
    Verdict::compare("Committed_AS grows by pages", &delta, &(most.get() as i64))
}
