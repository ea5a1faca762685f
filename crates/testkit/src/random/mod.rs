//! Random scenarios.

mod plan;
mod program;

pub use plan::plan;

use crate::read;
use oomsim_core::plan::Scenario;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use std::sync::Arc;

/// How many cases are tried, unless `PROPTEST_CASES` says otherwise. Cases that failed are kept beside their test and
/// tried first.
pub fn config(cases: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    let failure_persistence = Some(Box::new(FileFailurePersistence::WithSource("regressions")) as Box<_>);
    ProptestConfig { cases, failure_persistence, ..ProptestConfig::default() }
}

/// What a process does.
pub fn workload() -> impl Strategy<Value = String> {
    prop_oneof![
        (1u32..200).prop_map(|mib| format!("workload.steady = {{ anon = \"{mib}Mi\" }}")),
        (1u32..60, 50u32..4000, 1u32..100).prop_map(|(block, every, touched)| {
            format!("workload.leak = {{ block = \"{block}Mi\", every = \"{every}ms\", touched = \"{touched}%\" }}")
        }),
        (1u32..40, 100u32..3000, 1u32..90).prop_map(|(block, every, spread)| {
            let spread = every * spread / 100;
            format!(
                "workload.leak = {{ block = \"{block}Mi\", every = \"{every}ms\", jitter = {{ spread = \"{spread}ms\" }} }}"
            )
        }),
        (1u32..80, 1u32..500).prop_map(|(rate, to)| {
            format!("workload.ramp = {{ rate = \"{rate}Mi\", to = \"{to}Mi\", then = {{ exit = 3 }} }}")
        }),
        (20u32..200, 1u32..20)
            .prop_map(|(high, rise)| format!("workload.sawtooth = {{ low = \"10Mi\", high = \"{high}Mi\", rise = \"{rise}s\" }}")),
        (1u32..100, 10u32..400, 1u32..3).prop_map(|(anon, file, passes)| {
            format!("workload.pageCache = {{ anon = \"{anon}Mi\", file = \"{file}Mi\", rate = \"40Mi\", passes = {passes} }}")
        }),
        (1u32..100, 1u32..200)
            .prop_map(|(base, burst)| format!("workload.burst = {{ base = \"{base}Mi\", burst = \"{burst}Mi\", every = \"9s\", hold = \"2s\" }}")),
    ]
}

fn pod() -> impl Strategy<Value = String> {
    let limit = prop_oneof![Just(None), (16u32..400).prop_map(Some)];
    let controller = prop_oneof![Just("None"), Just("Deployment"), Just("DaemonSet")];
    let restart = prop_oneof![Just("Always"), Just("OnFailure"), Just("Never")];
    let term = prop_oneof![Just("\"dies\""), Just("\"ignores\""), Just("{ exitsAfter = \"700ms\" }")];
    let second = proptest::option::of((workload(), 1u32..20));
    (workload(), limit, 0u32..60, controller, restart, second, term).prop_map(
        |(first, limit, at, controller, restart, second, term)| {
            let limits = limit.map_or(String::new(), |l| format!("resources.limits = {{ memory = \"{l}Mi\" }}\n"));
            let second = second.map_or(String::new(), |(w, after)| {
                format!("[[pod.container.process]]\ncomm = \"child\"\nstartAfter = \"{after}s\"\n{w}\n")
            });
            format!(
                "[[pod]]\nname = \"NAME\"\nat = \"{at}s\"\ncontroller = \"{controller}\"\nrestartPolicy = \"{restart}\"\n\
                 [[pod.container]]\nname = \"c\"\nonTerm = {term}\n{limits}{first}\n{second}"
            )
        },
    )
}

/// A scenario that shows itself as a person would write it.
#[derive(Clone)]
pub struct Case {
    /// As TOML.
    pub text: String,
    /// As it is read.
    pub scenario: Arc<Scenario>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\n{}", self.text)
    }
}

/// A node with pods, perhaps with a process of its own, for 90 s.
pub fn case() -> impl Strategy<Value = Case> {
    let kernel = prop_oneof![
        Just(("4.15", "v1")),
        Just(("5.4", "v1")),
        Just(("5.15", "v2")),
        Just(("6.1", "v1")),
        Just(("6.1", "v2")),
        Just(("6.12", "v2"))
    ];
    let version = prop_oneof![Just("1.21"), Just("1.28"), Just("1.32")];
    let pods = proptest::collection::vec(pod(), 1..6);
    // How long a process takes to die, and how much swap there is.
    let slow = (prop_oneof![Just(10u32), Just(900), Just(5000)], prop_oneof![Just(0u32), Just(200)]);
    let host = proptest::option::of(workload());
    // Whether each pass takes the pods' figures, and how far above the hard threshold a soft one lies.
    let kubelet = (proptest::bool::ANY, proptest::option::of(10u32..200));
    (kernel, version, 700u32..3000, 0u32..400, 50u32..300, pods, host, slow, kubelet).prop_map(
        |((kernel, cgroup), version, memory, reserved, hard, pods, host, (exit, swap), (fresh, soft))| {
            let mut text = format!(
                "duration = \"90s\"\n[node]\nmemory = \"{memory}Mi\"\nsystem = {{ anon = \"60Mi\", kernel = \"40Mi\", \
                 inactiveFile = \"50Mi\", activeFile = \"20Mi\" }}\nexit.base = \"{exit}ms\"\nswap = \"{swap}Mi\"\n[kernel]\nversion = \"{kernel}\"\ncgroup = \"{cgroup}\"\n\
                 [kubelet]\nversion = \"{version}\"\nfailSwapOn = false\nkubeReserved = {{ memory = \"{reserved}Mi\" }}\n\
                 evictionHard = {{ \"memory.available\" = \"{hard}Mi\" }}\n"
            );
            if let Some(above) = soft {
                text.push_str(&format!(
                    "evictionSoft = {{ \"memory.available\" = \"{}Mi\" }}\n\
                     evictionSoftGracePeriod = {{ \"memory.available\" = \"15s\" }}\n",
                    hard + above
                ));
            }
            if fresh {
                text.push_str("timing = { housekeeping = { fresh = true } }\n");
            }
            for (n, pod) in pods.iter().enumerate() {
                text.push_str(&pod.replace("NAME", &format!("pod-{n}")));
            }
            if let Some(workload) = host {
                text.push_str(&format!("[[host]]\nname = \"daemon\"\nstartAfter = \"5s\"\n{workload}\n"));
            }
            Case { scenario: read(&text).scenario, text }
        },
    )
}
