//! The budget of memory: `--memory-limit`. What can be computed is refused before the run; everything else ends when
//! the process holds more, as a machine that swaps or an OOM killer would take more with it.

use crate::exit::{Exit, Failure};
use crate::stop;
use oomsim_core::plan::Scenario;
use oomsim_core::record::{PodSample, Sample};
use oomsim_core::units::Bytes;
use std::sync::OnceLock;
use std::time::Duration;

/// How often the process is looked at.
const EVERY: Duration = Duration::from_millis(50);
/// Share of the memory that there is, in percent, when no limit is given.
const SHARE: u64 = 75;
/// The budget in bytes; not set: none is known.
static BUDGET: OnceLock<u64> = OnceLock::new();

/// Begins to watch over the budget: the one given, or a share of what the machine has left.
pub fn watch(limit: Option<Bytes>) {
    let Some(budget) = limit.map(Bytes::get).or_else(|| Some(left()? / 100 * SHARE)) else { return };
    if BUDGET.set(budget).is_err() || resident().is_none() {
        return; // Where the system does not say what the process holds, only what can be computed is refused.
    }
    std::thread::spawn(move || {
        while resident().is_none_or(|held| held <= budget) {
            std::thread::sleep(EVERY);
        }
        let what = format!("this needs more than {} of memory (--memory-limit)", rounded(budget));
        let help = "record less with --record events or outcome, simulate fewer pods, or raise --memory-limit";
        stop::end_because(Failure { exit: Exit::BadInput, message: format!("{what}\n  help: {help}") });
    });
}

/// Refuses a run whose series would not fit.
///
/// # Errors
/// With what it would take.
pub fn check_series(scenario: &Scenario) -> Result<(), Failure> {
    let samples = scenario.duration.as_nanos() / scenario.sample_every.as_nanos().max(1);
    let pods = scenario.pods.iter().map(|pod| u64::from(pod.replicas)).fold(0, u64::saturating_add);
    let each = (size_of::<Sample>() as u64).saturating_add(pods.saturating_mul(size_of::<PodSample>() as u64));
    let needed = samples.saturating_mul(each);
    match BUDGET.get() {
        Some(&budget) if needed > budget => Err(Failure::bad_input(format!(
            "{samples} samples of {pods} pods take {}, and {} may be used (--memory-limit)\n  \
             help: make `sample` longer",
            rounded(needed),
            rounded(budget)
        ))),
        _ => Ok(()),
    }
}

fn rounded(bytes: u64) -> Bytes {
    Bytes::mib(bytes >> 20)
}

/// What the machine, or the container that this runs in, has left.
fn left() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = kib(&read("/proc/meminfo")?, "MemAvailable:")?;
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let container = limits.into_iter().filter_map(|path| read(path)?.trim().parse().ok()).min();
    Some(container.map_or(machine, |limit: u64| limit.min(machine)))
}

/// What the process holds.
fn resident() -> Option<u64> {
    kib(&std::fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// The bytes of a line such as `VmRSS:  1234 kB`.
fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_are_read() {
        assert_eq!(kib("VmPeak:\t  99 kB\nVmRSS:\t  12 kB\n", "VmRSS:"), Some(12_288));
        assert_eq!(kib("VmRSS: much", "VmRSS:"), None);
        if cfg!(target_os = "linux") {
            assert!(resident().is_some_and(|held| held > 1 << 20) && left().is_some());
        }
    }
}
