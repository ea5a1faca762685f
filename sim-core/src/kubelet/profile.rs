//! What differs between Kubernetes releases, as rows of named capabilities. Model code asks for a capability,
//! never for a version; a scenario can override any of them by name.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How an evicted pod's message names a container that uses more than it requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContainerWording {
    /// `Container c was using U, which exceeds its request of R. `
    ExceedsRequest,
    /// `Container c was using U, request is R, has larger consumption of memory. `
    LargerConsumption,
}

/// What the kubelet does about swap when the configuration does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SwapDefault {
    /// Containers do not swap (`NoSwap`).
    NoSwap,
    /// Burstable containers swap in proportion to their request (`LimitedSwap`).
    LimitedSwap,
    /// No limit is written (`UnlimitedSwap`).
    UnlimitedSwap,
}

/// How sure a fact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Sure {
    /// Held against recordings of the real code (1.32) or read in it.
    Recorded,
    /// Stated by release notes, merged changes or logs of that time.
    Documented,
    /// Known to people, not looked up in the code of each release.
    Believed,
}

impl fmt::Display for Sure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Sure::Recorded => "recorded",
            Sure::Documented => "documented",
            Sure::Believed => "believed",
        })
    }
}

/// A capability's name and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Name of the capability, as in overrides.
    pub name: &'static str,
    /// What it means, one sentence.
    pub doc: &'static str,
    /// Where its values come from.
    pub source: &'static str,
    /// How sure the values of the releases before 1.32 are; those of 1.32 are held against its code.
    pub sure: Sure,
}

/// An override that cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnknownCapability {
    /// No capability has this name.
    Name(String),
    /// The capability cannot have this value.
    Value {
        /// The capability.
        name: &'static str,
        /// The value given.
        value: String,
        /// What it can be.
        expected: &'static str,
    },
}

impl fmt::Display for UnknownCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnknownCapability::Name(name) => write!(f, "no capability of the kubelet is called {name:?}"),
            UnknownCapability::Value { name, value, expected } => write!(f, "{name} = {value:?}: expected {expected}"),
        }
    }
}

impl std::error::Error for UnknownCapability {}

/// A type that a capability can have.
trait Capability: Sized + Copy {
    const EXPECTED: &'static str;
    fn read(text: &str) -> Option<Self>;
    fn show(self) -> String;
}

impl Capability for bool {
    const EXPECTED: &'static str = "true or false";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(self) -> String {
        self.to_string()
    }
}

impl Capability for i64 {
    const EXPECTED: &'static str = "a whole number";
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(self) -> String {
        self.to_string()
    }
}

macro_rules! worded {
    ($t:ident { $($v:ident),* }, $expected:literal) => {
        impl Capability for $t {
            const EXPECTED: &'static str = $expected;
            fn read(text: &str) -> Option<Self> {
                match text {
                    $(stringify!($v) => Some($t::$v),)*
                    _ => None,
                }
            }
            fn show(self) -> String {
                match self { $($t::$v => stringify!($v),)* }.into()
            }
        }
    };
}
worded!(ContainerWording { ExceedsRequest, LargerConsumption }, "ExceedsRequest or LargerConsumption");
worded!(SwapDefault { NoSwap, LimitedSwap, UnlimitedSwap }, "NoSwap, LimitedSwap or UnlimitedSwap");

macro_rules! profile {
    ($($(#[doc = $doc:literal])* $name:ident: $t:ty = [$v21:expr, $v24:expr, $v28:expr, $v30:expr, $v32:expr $(,)?]
        $sure:ident $source:literal;)*) => {
        /// The capabilities of one Kubernetes release.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        pub struct KubernetesProfile {
            /// The release, e.g. `1.28`.
            pub version: &'static str,
            $($(#[doc = $doc])* pub $name: $t,)*
        }

        impl KubernetesProfile {
            /// Kubernetes 1.21.
            pub const V1_21: Self = Self { version: "1.21", $($name: $v21,)* };
            /// Kubernetes 1.24.
            pub const V1_24: Self = Self { version: "1.24", $($name: $v24,)* };
            /// Kubernetes 1.28.
            pub const V1_28: Self = Self { version: "1.28", $($name: $v28,)* };
            /// Kubernetes 1.30.
            pub const V1_30: Self = Self { version: "1.30", $($name: $v30,)* };
            /// Kubernetes 1.32, the release that the recordings come from.
            pub const V1_32: Self = Self { version: "1.32", $($name: $v32,)* };

            /// Every capability with its source, in the order of the table.
            pub const FACTS: &'static [Fact] = &[
                $(Fact { name: stringify!($name), doc: concat!($($doc),*), source: $source, sure: Sure::$sure },)*
            ];

            /// Sets one capability by name, for releases that carry a change earlier or later.
            ///
            /// # Errors
            /// When no capability has that name or it cannot have that value.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), UnknownCapability> {
                match name {
                    $(stringify!($name) => {
                        self.$name = <$t as Capability>::read(value).ok_or_else(|| UnknownCapability::Value {
                            name: stringify!($name),
                            value: value.into(),
                            expected: <$t as Capability>::EXPECTED,
                        })?;
                        Ok(())
                    })*
                    _ => Err(UnknownCapability::Name(name.into())),
                }
            }

            /// A capability's value as text, as [`set`](Self::set) reads it.
            pub fn get(&self, name: &str) -> Option<String> {
                match name {
                    $(stringify!($name) => Some(self.$name.show()),)*
                    _ => None,
                }
            }
        }
    };
}

profile! {
    //                                    1.21   1.24   1.28   1.30   1.32
    /// Grace period override of a hard eviction in seconds.
    hard_eviction_grace_s: i64 =         [0,     0,     0,     0,     1]
        Documented "kubernetes#124063 (release notes of 1.31); 1.21: the kubelet log of the AKS article shows gracePeriod=0; 1.32: eviction_manager.go immediateEvictionGracePeriodSeconds";
    /// An override of 0 is lost on the way: the pod gets its whole termination grace period.
    zero_grace_override_ignored: bool =  [false, true,  true,  true,  false]
        Documented "kubernetes#115819, fixed by #124063 in 1.31; later patch releases of 1.28 to 1.30 may contain the fix: override it";
    /// A soft eviction never gives more than the pod's own grace period.
    soft_grace_capped_by_pod: bool =     [false, false, false, false, true]
        Documented "kubernetes#122890, gate AllowOverwriteTerminationGracePeriodSeconds off";
    /// The runtime is asked for no less than this many seconds between SIGTERM and SIGKILL.
    minimum_container_grace_s: i64 =     [2,     2,     2,     2,     2]
        Believed "kuberuntime_container.go minimumGracePeriodInSeconds";
    /// The message begins with threshold and available amount.
    message_threshold: bool =            [false, false, true,  true,  true]
        Believed "eviction/helpers.go thresholdMetMessageFmt, about 1.26; 1.21: message quoted in the AKS article";
    /// How the message names a container above its request.
    message_container: ContainerWording = [
        ContainerWording::ExceedsRequest,
        ContainerWording::ExceedsRequest,
        ContainerWording::LargerConsumption,
        ContainerWording::LargerConsumption,
        ContainerWording::LargerConsumption,
    ]
        Documented "kubernetes#111597 (merged for 1.26)";
    /// An evicted pod gets the condition DisruptionTarget.
    disruption_target: bool =            [false, false, true,  true,  true]
        Believed "KEP-3329: beta and on since 1.26";
    /// `oom_score_adj` of Guaranteed and node-critical pods.
    guaranteed_oom_score_adj: i64 =      [-997,  -997,  -997,  -997,  -997]
        Documented "kubernetes#71269; kernel logs of the AKS articles (1.21) show -997 beside -998 for pause; older releases: -998";
    /// A sidecar's `oom_score_adj` is at most that of the smallest regular container.
    sidecar_oom_score_from_containers: bool = [false, false, false, true, true]
        Believed "KEP-753, with the sidecars' beta in 1.29";
    /// Restartable init containers exist (sidecars).
    sidecar_containers: bool =           [false, false, false, true,  true]
        Documented "KEP-753: alpha and off in 1.28, beta and on in 1.29";
    /// `resources` at pod level count.
    pod_level_resources: bool =          [false, false, false, false, false]
        Documented "KEP-2837: alpha and off in 1.32";
    /// `memory.oom.group` is 1 in containers on cgroup v2 unless said otherwise.
    oom_group_default: bool =            [false, false, true,  true,  true]
        Documented "kubernetes#117793 (1.28); kuberuntime_container_linux.go";
    /// `singleProcessOOMKill` exists.
    single_process_oom_kill: bool =      [false, false, false, false, true]
        Documented "kubernetes#126096 (1.32)";
    /// `--kernel-memcg-notification` works on cgroup v1 (never on v2).
    memcg_notifier_v1: bool =            [true,  true,  true,  true,  true]
        Believed "eviction/threshold_notifier_linux.go; on v2 the notifier does nothing";
    /// memory.min and memory.high are written (v2).
    memory_qos: bool =                   [false, false, false, false, false]
        Documented "KEP-2570: alpha and off since 1.22";
    /// Default of `memoryThrottlingFactor` in thousandths.
    memory_throttling_factor_milli: i64 = [800,  800,   900,   900,   900]
        Documented "KEP-2570: 0.8 up to 1.26, 0.9 since 1.27";
    /// memory.high lies between request and limit; before, it was the limit times the factor.
    memory_high_from_request: bool =     [false, false, true,  true,  true]
        Documented "KEP-2570, changed in 1.27";
    /// The kubelet writes swap limits.
    node_swap: bool =                    [false, false, false, true,  true]
        Documented "KEP-2400: alpha 1.22, beta and off 1.28, on 1.30";
    /// With `node_swap` off, containers are still kept from swapping.
    no_swap_without_gate: bool =         [false, false, false, true,  true]
        Believed "kuberuntime_container_linux.go configureContainerSwapResources; 1.32 recorded";
    /// What an empty `memorySwap.swapBehavior` means.
    swap_default: SwapDefault =          [
        SwapDefault::LimitedSwap,
        SwapDefault::LimitedSwap,
        SwapDefault::UnlimitedSwap,
        SwapDefault::NoSwap,
        SwapDefault::NoSwap,
    ]
        Documented "KEP-2400";
    /// `UnlimitedSwap` is accepted.
    unlimited_swap: bool =               [true,  true,  true,  false, false]
        Documented "KEP-2400: taken out in 1.30";
    /// `enforceNodeAllocatable` knows the `-compressible` keys.
    compressible_enforcement: bool =     [false, false, false, false, true]
        Documented "release notes of 1.32";
    /// `qosReserved` is obeyed.
    qos_reserved: bool =                 [false, false, false, false, false]
        Documented "alpha and off since 1.11";
    /// `crashLoopBackOff.maxContainerRestartPeriod` is obeyed.
    crash_loop_back_off_max: bool =      [false, false, false, false, false]
        Documented "KEP-4603: alpha and off in 1.32";
    /// Events say `Created container: app` with a colon.
    event_container_colon: bool =        [false, false, false, false, true]
        Believed "kuberuntime_container.go; 1.32 recorded";
    /// A cgroup v1 host is refused unless `failCgroupV1` is false.
    fail_cgroup_v1: bool =               [false, false, false, false, false]
        Documented "KEP-4569: maintenance mode since 1.31, refusing only if asked to";
}

impl KubernetesProfile {
    /// All rows, oldest first.
    pub const ALL: [Self; 5] = [Self::V1_21, Self::V1_24, Self::V1_28, Self::V1_30, Self::V1_32];

    /// The row for a version: `1.28`, `v1.28.3`. Releases between two rows take the older row.
    pub fn of_version(version: &str) -> Option<Self> {
        let mut parts = version.strip_prefix('v').unwrap_or(version).split('.');
        let (major, minor) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?);
        let minor_of = |row: &Self| row.version.split('.').nth(1).and_then(|m| m.parse::<u32>().ok()).unwrap_or(0);
        let mut rows = Self::ALL.into_iter().filter(|row| major == 1 && minor_of(row) <= minor);
        rows.next_back()
    }
}

impl Default for KubernetesProfile {
    /// The release that the recordings come from.
    fn default() -> Self {
        Self::V1_32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_by_version_and_overridden_by_name() {
        assert_eq!(KubernetesProfile::of_version("v1.29.4").map(|p| p.version), Some("1.28"));
        assert_eq!(KubernetesProfile::of_version("1.40").map(|p| p.version), Some("1.32"));
        assert_eq!(KubernetesProfile::of_version("1.20"), None);
        assert_eq!(KubernetesProfile::of_version("next"), None);
        let mut profile = KubernetesProfile::V1_28;
        profile.set("zero_grace_override_ignored", "false").unwrap();
        profile.set("message_container", "ExceedsRequest").unwrap();
        profile.set("hard_eviction_grace_s", "1").unwrap();
        assert_eq!(profile.get("hard_eviction_grace_s").as_deref(), Some("1"));
        assert!(matches!(profile.set("hard_eviction", "1"), Err(UnknownCapability::Name(_))));
        assert!(matches!(profile.set("node_swap", "on"), Err(UnknownCapability::Value { .. })));
    }

    #[test]
    fn every_capability_can_be_read_back() {
        for mut profile in KubernetesProfile::ALL {
            for fact in KubernetesProfile::FACTS {
                let value = profile.get(fact.name).unwrap();
                let before = profile;
                profile.set(fact.name, &value).unwrap();
                assert_eq!(before, profile);
                assert!(!fact.source.is_empty());
            }
        }
    }
}
