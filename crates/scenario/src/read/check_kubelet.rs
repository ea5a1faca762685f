//! Whether a kubelet with this configuration starts on this node. A value that cannot be read is an error; what can be
//! read and is refused is a warning, and the run shows a node without kubelet.

use super::kubelet_config::Draft;
use crate::diagnostic::Diagnostic;
use crate::names::nearest;
use crate::reader::Problems;
use crate::source::Location;
use oomsim_core::kernel::{CgroupVersion, KernelConfig};
use oomsim_core::kubelet::eviction::{EvictionSignal, ThresholdError, parse_hard_thresholds, parse_thresholds};
use oomsim_core::kubelet::{KubeletConfig, NodeAllocatable, ReservationError, TextMap, parse_reservation};
use oomsim_core::plan::KubeletPlan;
use oomsim_core::units::Bytes;

/// Below every problem that keeps the kubelet from starting.
const REFUSES: &str = "the kubelet does not start like this";

/// A kubelet as it was read.
pub(crate) struct Given<'a> {
    pub plan: KubeletPlan,
    /// Where its fields are.
    pub draft: Draft,
    /// Its table, or the whole scenario.
    pub at: &'a Location,
}

impl Given<'_> {
    /// The place of a field, of a part of it before.
    fn place(&self, field: &str, part: &str) -> &Location {
        let places = &self.draft.places;
        places.get(&format!("{field}.{part}")).or_else(|| places.get(field)).unwrap_or(self.at)
    }
}

/// Reports everything because of which the kubelet would not start.
pub(crate) fn kubelet_starts(p: &Problems, given: &Given<'_>, kernel: &KernelConfig) {
    let (config, profile) = (&given.plan.config, &given.plan.profile);
    for problem in config.validate(kernel.cgroup == CgroupVersion::V2, profile) {
        let at = given.place(problem.field, "");
        p.push(Diagnostic::warning(at, problem.to_string()).help(REFUSES));
    }
    // With cgroup v2 the real kubelet has no notifier either (eviction/threshold_notifier_linux.go).
    if config.kernel_memcg_notification && profile.memcg_notifier_v1 && kernel.cgroup == CgroupVersion::V1 {
        let message = "the memory threshold notifier is not modelled: passes of the eviction manager stay periodic";
        p.warn(given.place("kernelMemcgNotification", ""), message);
    }
    reservations(p, given);
    thresholds(p, given);
    exceeded(p, given, kernel);
    if kernel.swap_total > Bytes::ZERO && config.fail_swap_on != Some(false) {
        let problem = Diagnostic::warning(given.place("failSwapOn", ""), "the kubelet does not start: swap is on");
        p.push(problem.help("set `failSwapOn = false` in [kubelet], or `swap = \"0\"` in [node]"));
    }
}

fn reservations(p: &Problems, given: &Given<'_>) {
    let config = &given.plan.config;
    for (field, map) in [("kubeReserved", &config.kube_reserved), ("systemReserved", &config.system_reserved)] {
        for error in parse_reservation(map).err().unwrap_or_default() {
            let (ReservationError::Unsupported(name)
            | ReservationError::Quantity(name, ..)
            | ReservationError::Negative(name, _)) = &error;
            p.error(given.place(field, name), error.to_string());
        }
    }
}

/// Every statement alone, so that its problem is shown at its place.
fn thresholds(p: &Problems, given: &Given<'_>) {
    let config = &given.plan.config;
    let empty = || KubeletConfig { eviction_hard: Some(TextMap::new()), ..KubeletConfig::default() };
    let hard = config.eviction_hard.iter().flatten();
    let hard = hard
        .map(|(key, value)| (("evictionHard", key), KubeletConfig { eviction_hard: Some(one(key, value)), ..empty() }));
    let soft = config.eviction_soft.iter().map(|(key, value)| {
        let grace = config.eviction_soft_grace_period.get(key);
        // A grace period that is wrong itself is reported on its own.
        let grace = grace.map_or_else(TextMap::new, |_| one(key, "1s"));
        let alone = KubeletConfig { eviction_soft: one(key, value), eviction_soft_grace_period: grace, ..empty() };
        (("evictionSoft", key), alone)
    });
    let graces = config.eviction_soft_grace_period.iter().map(|(key, value)| {
        (("evictionSoftGracePeriod", key), KubeletConfig { eviction_soft_grace_period: one(key, value), ..empty() })
    });
    let reclaims = config.eviction_minimum_reclaim.iter().map(|(key, value)| {
        (("evictionMinimumReclaim", key), KubeletConfig { eviction_minimum_reclaim: one(key, value), ..empty() })
    });
    for ((field, key), alone) in hard.chain(soft).chain(graces).chain(reclaims) {
        let at = given.place(field, key);
        let read = parse_thresholds(&alone);
        // Go's comparisons with NaN are false, so the kubelet takes it.
        if read.as_ref().is_ok_and(|thresholds| thresholds.iter().any(|t| t.value.is_nan())) {
            let message = format!("{key}: NaN is no number, and the kubelet takes it without a word");
            let help = match field {
                "evictionHard" => "nothing is ever evicted for it, and allocatable is meaningless: give a quantity",
                _ => "nothing is ever evicted for it: give a quantity or a percentage",
            };
            p.push(Diagnostic::warning(at, message).help(help));
        }
        for error in read.err().unwrap_or_default() {
            let problem = match &error {
                ThresholdError::GraceMissing(_) => Diagnostic::warning(at, error.to_string()),
                ThresholdError::UnsupportedSignal(name) => {
                    let meant = nearest(name, EvictionSignal::ALL.map(EvictionSignal::as_str));
                    let label = meant.map_or_else(String::new, |meant| format!("did you mean `{meant}`?"));
                    Diagnostic::error(at, error.to_string()).label(label)
                }
                _ => Diagnostic::error(at, error.to_string()),
            };
            p.push(problem.help(REFUSES));
        }
    }
}

fn one(key: &str, value: &str) -> TextMap {
    [(key.to_owned(), value.to_owned())].into()
}

fn exceeded(p: &Problems, given: &Given<'_>, kernel: &KernelConfig) {
    let config = &given.plan.config;
    let reserved = |map| parse_reservation(map).unwrap_or_default();
    let node = NodeAllocatable {
        hugepages: kernel.sysctl.nr_hugepages.saturating_mul(2 << 20),
        hard_thresholds: parse_hard_thresholds(config).unwrap_or_default(),
        ..NodeAllocatable::of_memory(
            kernel.mem_total.get(),
            reserved(&config.kube_reserved),
            reserved(&config.system_reserved),
        )
    };
    for exceeded in node.exceeded() {
        let fields = ["kubeReserved", "systemReserved", "evictionHard"];
        let field = fields.into_iter().find(|field| given.draft.places.contains_key(*field)).unwrap_or_default();
        p.push(Diagnostic::warning(given.place(field, ""), format!("the kubelet does not start: {exceeded}")));
    }
}

/// A kubelet sets `vm.overcommit_memory` to 1 and `vm.panic_on_oom` to 0 when it starts, or refuses other values with
/// `protectKernelDefaults` (cm/container_manager_linux.go setupKernelTunables). A value that the scenario gives is kept,
/// with a warning.
pub(crate) fn kernel_tunables(
    p: &Problems,
    given: &Given<'_>,
    kernel: &mut KernelConfig,
    sysctls: &[(String, Location)],
) {
    let place = |name: &str| sysctls.iter().rfind(|(given, _)| given == name).map(|(_, at)| at);
    let protect = given.plan.config.protect_kernel_defaults;
    let values = [
        ("vm.overcommit_memory", 1, i64::from(kernel.sysctl.overcommit_memory)),
        ("vm.panic_on_oom", 0, i64::from(kernel.sysctl.panic_on_oom)),
    ];
    for (name, wanted, found) in values {
        match place(name) {
            _ if found == wanted => {}
            Some(at) if protect => {
                let message = format!("the kubelet does not start: {name} is {found}, expected {wanted}");
                p.push(
                    Diagnostic::warning(at, message)
                        .help("`protectKernelDefaults` makes it refuse instead of setting it"),
                );
            }
            // A value that is not legal has been reported.
            Some(_) if p.errors() > 0 => {}
            Some(at) => p.warn(at, format!("a kubelet sets {name} to {wanted} when it starts; here it stays {found}")),
            // The value is legal: the table of sysctls knows both names.
            None => kernel.sysctl.set(name, wanted).unwrap_or_default(),
        }
    }
}
