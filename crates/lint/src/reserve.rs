//! Is the reserve enough? What is set aside for the node's own programs, held against what they hold.

use crate::Evidence;
use crate::facts::LintInput;
use oomsim_core::units::{Bytes, SimDuration};
use oomsim_core::workload::Behavior;
use oomsim_scenario::LoadedScenario;

/// What is reserved and what is used, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// `kubeReserved` and `systemReserved`.
    pub reserved: i64,
    /// What the node's own programs hold: their working set, as the kubelet counts it.
    pub used: i64,
    /// Kernel memory that no cgroup is charged for, and what the watermarks keep free: no program can have it, and the
    /// kubelet does not count it.
    pub kernel: i64,
    /// `status.allocatable`.
    pub allocatable: i64,
    /// What there is for pods before one within allocatable is evicted: the capacity less huge pages, what is used and
    /// evictionHard.
    pub there: i64,
    /// The hard threshold of `memory.available`; 0: none.
    pub hard: i64,
    /// What to reserve: what is used and a tenth, in steps of 64Mi.
    pub advice: i64,
    /// The least hard threshold that gives the kubelet a check in time: what the kernel keeps, and what the fastest
    /// container of the scenario allocates from one check to the next.
    pub hard_advice: i64,
}

/// A step of what is advised.
const STEP: i64 = 64 << 20;

impl Reserve {
    /// Of a node; `None`: nothing says what its own programs hold, or there is no kubelet.
    pub fn of(loaded: &LoadedScenario, known: Evidence) -> Option<Self> {
        Reserve::of_facts(&LintInput::of(loaded, known))
    }

    pub(crate) fn of_facts(facts: &LintInput<'_>) -> Option<Self> {
        let kubelet = facts.kubelet()?;
        let measured = facts.known.kube_daemons.is_some() || facts.known.system_daemons.is_some();
        let used = facts.system_working_set();
        if used == 0 || !facts.known.memory || !(facts.known.system || measured) {
            return None;
        }
        let hard = facts.hard_memory().unwrap_or(0);
        let kernel = facts.kept_by_the_kernel();
        let fastest = facts.scenario.pods.iter().flat_map(|pod| &pod.containers).flat_map(|c| &c.processes);
        let fastest = fastest.map(|process| rate(&process.behavior)).max().unwrap_or(0);
        let period = i64::try_from(kubelet.timing.monitoring_period.as_nanos()).unwrap_or(i64::MAX);
        let growth = i128::from(fastest) * i128::from(period) / 1_000_000_000;
        Some(Reserve {
            reserved: facts.kube_reserved.saturating_add(facts.system_reserved),
            used,
            kernel,
            allocatable: facts.allocatable,
            there: facts.capacity.saturating_sub(facts.huge_pages()).saturating_sub(used).saturating_sub(hard),
            hard,
            advice: stepped(used.saturating_add(used / 10)),
            hard_advice: stepped(kernel.saturating_add(i64::try_from(growth).unwrap_or(i64::MAX / 4))),
        })
    }

    /// How much more is promised to pods than there is; 0 or less: the reserve is enough.
    pub fn short(&self) -> i64 {
        self.used.saturating_sub(self.reserved)
    }

    /// Whether the hard threshold is below what is advised.
    pub fn hard_is_late(&self) -> bool {
        self.hard < self.hard_advice
    }
}

fn stepped(bytes: i64) -> i64 {
    (bytes.saturating_add(STEP - 1) / STEP).saturating_mul(STEP)
}

/// Bytes per second that a program allocates at its fastest, as far as it is stated.
fn rate(behavior: &Behavior) -> i64 {
    let per_second = |bytes: Bytes, time: SimDuration| {
        let nanos = u128::from(time.as_nanos().max(1));
        i64::try_from(u128::from(bytes.get()) * 1_000_000_000 / nanos).unwrap_or(i64::MAX)
    };
    match behavior {
        Behavior::Ramp(ramp) => i64::try_from(ramp.rate.get()).unwrap_or(i64::MAX),
        Behavior::Sawtooth(saw) => per_second(saw.high.saturating_sub(saw.low), saw.rise),
        Behavior::Trace(trace) => {
            let steps = trace.amounts().zip(trace.amounts().skip(1));
            let rates =
                steps.map(|((from, low), (to, high))| per_second(high.saturating_sub(low), to.saturating_sub(from)));
            rates.max().unwrap_or(0)
        }
        _ => 0,
    }
}
