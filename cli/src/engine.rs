//! Running scenarios.

use crate::exit::Failure;
use crate::memory;
use oomsim_core::BootedNode;
use oomsim_core::kernel::CgroupVersion;
use oomsim_core::kernel::log::{Hierarchy, KernelLog, LogStyle, STYLES};
use oomsim_core::plan::Scenario;
use oomsim_core::record::{History, Keep};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps the text of a panic for [`guarded`] instead of printing it.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| LAST_PANIC.with(|last| *last.borrow_mut() = info.to_string())));
}

/// Runs something that must not fail; a defect in it becomes an internal error.
///
/// # Errors
/// What `work` returns, or an internal error when it panicked.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let what = LAST_PANIC.with(|last| std::mem::take(&mut *last.borrow_mut()));
        Err(Failure::internal(format!(
            "internal error: {what}\n  help: this is a defect of oomsim, not of the input; please report it with the command and its files"
        )))
    })
}

/// A scenario's node, of whose runs at least `keep` is kept and what its expectations need.
///
/// # Errors
/// When what is kept would not fit in memory.
pub fn boot(scenario: &Arc<Scenario>, keep: Keep) -> Result<BootedNode, Failure> {
    let needed = scenario.expectations.iter().map(|expectation| expectation.needs()).max().unwrap_or(Keep::Outcome);
    let keep = keep.max(needed);
    if keep == Keep::Series {
        memory::check_series(scenario)?;
    }
    Ok(BootedNode::new(Arc::clone(scenario), keep))
}

/// Runs a node to the end.
///
/// # Errors
/// When the run had to be broken off.
pub fn run(node: BootedNode, seed: u64) -> Result<History, Failure> {
    let name = node.scenario().name.clone();
    guarded(|| node.run(seed).map_err(|why| Failure::internal(format!("{name}: the run was stopped: {why}"))))
}

/// An empty kernel log in the wording of the scenario's kernel.
pub fn kernel_log(scenario: &Scenario) -> KernelLog {
    let kernel = &scenario.node.kernel;
    let newest = &STYLES[STYLES.len() - 1];
    let style = LogStyle::named(&kernel.profile.version).unwrap_or(newest);
    let hierarchy = match kernel.cgroup {
        CgroupVersion::V1 => Hierarchy::V1,
        CgroupVersion::V2 => Hierarchy::V2,
    };
    KernelLog::new(style, hierarchy, &kernel.profile.version).with_huge_pages(kernel.sysctl.nr_hugepages)
}
