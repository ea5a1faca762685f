//! Overcommit: who may promise how much memory (mm/util.c __vm_enough_memory, mm/mmap.c accountable_mapping).

use super::api::Mapping;
use super::profile::OvercommitGuess;
use super::sysctl::Sysctls;
use crate::units::Pages;

/// The figures that a decision on a request is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitState {
    /// MemTotal.
    pub ram: Pages,
    /// SwapTotal.
    pub swap: Pages,
    /// Committed_AS before the request.
    pub committed: Pages,
    /// Memory free at boot; sizes the default reserves.
    pub boot_free: Pages,
    /// What the old heuristic of mode 0 takes for available: free + page cache − shmem + free swap + reclaimable slab −
    /// totalreserve. Only read with [`OvercommitGuess::Free`].
    pub guess_free: Pages,
}

/// The caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester {
    /// Virtual size of its address space.
    pub total_vm: Pages,
    /// CAP_SYS_ADMIN: may use the admin reserve.
    pub cap_sys_admin: bool,
}

/// CommitLimit: `overcommit_kbytes`, or the ratio of RAM without huge pages, plus swap (mm/util.c vm_commit_limit).
pub fn commit_limit(sysctl: &Sysctls, ram: Pages, swap: Pages) -> Pages {
    let allowed = if sysctl.overcommit_kbytes != 0 {
        Pages::new(sysctl.overcommit_kbytes / 4)
    } else {
        let plain = ram.saturating_sub(sysctl.hugetlb()).get();
        Pages::new((u128::from(plain) * u128::from(sysctl.overcommit_ratio) / 100) as u64)
    };
    allowed + swap
}

/// True when a mapping counts in Committed_AS: private writable or shared memory; MAP_NORESERVE is honoured except in
/// mode 2 (recordings overcommit). Shared memory is accounted whatever its protection (mm/shmem.c
/// shmem_kernel_file_setup).
pub fn accountable(sysctl: &Sysctls, mapping: Mapping) -> bool {
    (mapping.shared || mapping.writable) && (!mapping.noreserve || sysctl.overcommit_memory == 2)
}

/// True when a request for accounted memory is granted.
pub fn enough_memory(
    sysctl: &Sysctls,
    guess: OvercommitGuess,
    state: &CommitState,
    who: &Requester,
    request: Pages,
) -> bool {
    match sysctl.overcommit_memory {
        1 => true,
        0 => match guess {
            OvercommitGuess::TotalRam => request <= state.ram + state.swap,
            OvercommitGuess::Free => {
                let reserve = if who.cap_sys_admin { Pages::ZERO } else { sysctl.admin_reserve(state.boot_free) };
                state.guess_free.saturating_sub(reserve) > request
            }
        },
        _ => state.committed + request < mode2_allowed(sysctl, state, who),
    }
}

/// Mode 2: Committed_AS must stay below this. The limit less the admin reserve (not for root) and less what the
/// caller's user may need to recover: a 32nd of the caller, at most the user reserve.
pub fn mode2_allowed(sysctl: &Sysctls, state: &CommitState, who: &Requester) -> Pages {
    let mut allowed = commit_limit(sysctl, state.ram, state.swap);
    if !who.cap_sys_admin {
        allowed = allowed.saturating_sub(sysctl.admin_reserve(state.boot_free));
    }
    let reserve = Pages::new(who.total_vm.get() / 32).min(sysctl.user_reserve(state.boot_free));
    allowed.saturating_sub(reserve)
}

/// How far Committed_AS may be off, as each CPU counts by itself up to a batch (mm/mm_init.c mm_compute_batch:
/// max(RAM / CPUs / 256, 2 × CPUs, 32); mode 2 exactly RAM/CPUs/256, others four times that).
pub fn committed_slack(ram: Pages, cpus: u32) -> Pages {
    let cpus = u64::from(cpus.max(1));
    Pages::new((ram.get() / cpus / 256).max(32) * cpus)
}
