//! Each thing that can be changed, in a scenario where it is the cure. Where each cure has to lie is computed by hand,
//! in MiB and seconds; pause processes, page tables and the kernel's own reserve move it by a few MiB.

use super::common::{found_of, harmed, pasted};
use oomsim_core::kernel::VERSIONS;
use oomsim_core::kubelet::KubernetesProfile;
use oomsim_core::record::Cause;
use oomsim_explain::prevent::{Cure, Prevention, text};
use oomsim_scenario::NoFiles;

/// The cure of a knob, which helps when it is pasted.
fn cure<'a>(scenario: &str, found: &'a Prevention, knob: &str) -> &'a Cure {
    let cure = found.cures.iter().find(|cure| cure.knob == knob);
    let cure = cure.unwrap_or_else(|| panic!("no cure by `{knob}`\n{}", text(found)));
    let with = pasted(scenario, &NoFiles, &cure.to.change.to_paste());
    assert!(!harmed(&with, with.seed, &found.target), "{knob}\n{}", text(found));
    cure
}

fn mib(cure: &Cure) -> f64 {
    let amount = cure.to.text.split_whitespace().next().unwrap_or_default();
    let (number, unit) = amount.split_at(amount.len() - 2);
    let number: f64 = number.parse().unwrap_or_else(|_| panic!("{amount} is no amount"));
    if unit == "Ki" { number / 1024.0 } else { number }
}

/// The instant of an action, or the length of a time.
fn secs(cure: &Cure) -> f64 {
    let text = cure.to.text.trim_start_matches("at ");
    let (minutes, rest) = text.split_once('m').filter(|(_, rest)| *rest != "s").unwrap_or(("0", text));
    let number = |text: &str| text.trim_end_matches('s').parse::<f64>().unwrap_or(0.0);
    number(minutes) * 60.0 + number(rest)
}

fn pod(name: &str, more: &str, container: &str) -> String {
    format!("[[pod]]\nname = \"{name}\"\n{more}\n[[pod.container]]\nname = \"app\"\nonTerm = \"dies\"\n{container}\n")
}

fn node(memory: u32, kubelet: &str) -> String {
    format!(
        "duration = \"1m\"\n[node]\nmemory = \"{memory}Mi\"\n[kernel]\nversion = \"6.1\"\n[kubelet]\nversion = \"1.34\"\n\
         firstPass = \"1s\"\ntiming = {{ housekeeping = {{ fresh = true }} }}\n{kubelet}\n"
    )
}

const REQUEST: &str = "resources.requests.memory";

/// `web` has no request and 500, `big` requests 2900 and grows to 3000; pods may have 4096 − 600 = 3496 before one is
/// evicted. Then `big` has 2996 and is 96 above its request: `web` is further above unless it requests 404 or more.
#[test]
fn a_request() {
    let scenario = node(4096, "evictionHard = { \"memory.available\" = \"600Mi\" }")
        + &pod("web", "", "workload.steady = { anon = \"500Mi\" }")
        + &pod("big", "", &format!("{REQUEST} = \"2900Mi\"\nworkload.ramp = {{ rate = \"100Mi\", to = \"3000Mi\" }}"));
    let found = found_of(&scenario, Cause::PodsAboveAllocatable);
    assert_eq!(found.target.pod(), Some("default/web"));
    let request = mib(cure(&scenario, &found, "request of web/app"));
    assert!((390.0..=500.0).contains(&request), "{request}");
    // All of it is 3500, and 7 of page tables: any threshold of 589 or less is not met.
    let hard = mib(cure(&scenario, &found, "evictionHard memory.available"));
    assert!((585.0..=596.0).contains(&hard), "{hard}");
    let memory = mib(cure(&scenario, &found, "memory of the node"));
    assert!((4100.0..=4115.0).contains(&memory), "{memory}");
}

/// The same without a request: `big` is further above and goes, unless its priority is higher.
#[test]
fn a_priority() {
    let scenario = node(4096, "evictionHard = { \"memory.available\" = \"600Mi\" }")
        + &pod("web", "", "workload.steady = { anon = \"500Mi\" }")
        + &pod("big", "", "workload.ramp = { rate = \"100Mi\", to = \"3000Mi\" }");
    let found = found_of(&scenario, Cause::PodsAboveAllocatable);
    assert_eq!(found.target.pod(), Some("default/big"));
    assert_eq!(cure(&scenario, &found, "priority of big").to.text, "1");
    // 500 less than 3496 are 2996: deleting `web` is in time before `big` has that.
    let delete = secs(cure(&scenario, &found, "delete web"));
    assert!((25.0..=36.0).contains(&delete), "{delete}");
}

/// `etl` (priority 10) holds 1000 above its request, `base` what it requests; `web` comes at 45 s and grows by 436
/// until the hard threshold is met: it goes, its priority is the lowest (and it requests something, so that pressure
/// does not keep it away). With a soft threshold of more than 4096 − 3560 = 536, `etl` is gone before.
#[test]
fn a_soft_threshold() {
    let scenario = node(4096, "evictionHard = { \"memory.available\" = \"100Mi\" }")
        + &pod("etl", "priority = 10", "workload.steady = { anon = \"1000Mi\" }")
        + &pod("base", "", &format!("{REQUEST} = \"2560Mi\"\nworkload.steady = {{ anon = \"2560Mi\" }}"))
        + &pod(
            "web",
            "at = \"45s\"",
            &format!("{REQUEST} = \"10Mi\"\nworkload.ramp = {{ rate = \"100Mi\", to = \"900Mi\" }}"),
        );
    let scenario = scenario.replace("1m", "90s");
    let found = found_of(&scenario, Cause::PodsAboveAllocatable);
    assert_eq!(found.target.pod(), Some("default/web"));
    let soft = mib(cure(&scenario, &found, "evictionSoft memory.available"));
    assert!((520.0..=537.0).contains(&soft), "{soft}");
    cure(&scenario, &found, "delete etl");
}

/// Pods are evicted above 4096 − reserved − 100; `web` grows to 2200, so that 1796 is the most.
#[test]
fn a_reservation() {
    for (key, knob) in [("kubeReserved", "kubeReserved memory"), ("systemReserved", "systemReserved memory")] {
        let scenario = node(4096, &format!("{key} = {{ memory = \"2Gi\" }}"))
            + &pod("web", "", "workload.ramp = { rate = \"100Mi\", to = \"2200Mi\" }");
        let found = found_of(&scenario, Cause::PodsAboveAllocatable);
        let reserved = mib(cure(&scenario, &found, knob));
        assert!((1785.0..=1796.0).contains(&reserved), "{key}: {reserved}");
    }
}

/// 150 of 2000 are available, the threshold is 200: `tmp` (150, the lowest priority) goes, and 300 are enough. At 22 s
/// `db` takes 1100, and the kernel kills `web`, which is furthest above its request. With more than 100 to be
/// reclaimed, `etl` (1100) goes as well, in the next pass.
const TIGHT: &str = "evictionHard = { \"memory.available\" = \"200Mi\" }";

fn tight(memory: u32, tmp: bool, rate: u32) -> String {
    let tmp = pod("tmp", "priority = -1", "workload.steady = { anon = \"150Mi\" }").repeat(usize::from(tmp));
    let etl = format!("{REQUEST} = \"900Mi\"\nworkload.steady = {{ anon = \"1100Mi\" }}");
    let db = format!("{REQUEST} = \"700Mi\"\nworkload.ramp = {{ rate = \"{rate}Mi\", to = \"1100Mi\" }}");
    node(memory, TIGHT)
        + &tmp
        + &pod("etl", "", &etl)
        + &pod("web", "priority = 100", "workload.steady = { anon = \"600Mi\" }")
        + &pod("db", "at = \"22s\"", &db)
}

#[test]
fn a_minimum_reclaim() {
    let scenario = tight(2000, true, 1100);
    let found = found_of(&scenario, Cause::NodeMemory);
    assert_eq!(found.target.pod(), Some("default/web"));
    let reclaim = mib(cure(&scenario, &found, "evictionMinimumReclaim memory.available"));
    assert!((95.0..=110.0).contains(&reclaim), "{reclaim}");
}

/// The same without `tmp`: 300 are available, and `db` takes 60 each second from 23 s on: from 25 s to 28 s a look
/// would find less than 200, and evict `etl`. The looks are at 21 s and 31 s.
#[test]
fn a_phase_of_the_check() {
    let scenario = tight(2000, false, 60);
    let found = found_of(&scenario, Cause::NodeMemory);
    assert_eq!(found.target.pod(), Some("default/web"));
    let first = secs(cure(&scenario, &found, "phase of the kubelet's check"));
    let phase = first % 10.0;
    assert!((4.0..=8.5).contains(&phase), "{first}");
}

/// `etl` does not react to SIGTERM; up to the release that fixes the grace period of a hard eviction
/// (kubernetes#124063) it keeps its memory for 30 s, and the kernel kills `web`.
#[test]
fn a_release_of_kubernetes() {
    let scenario = tight(1850, false, 700).replace("version = \"1.34\"", "version = \"1.28\"");
    let scenario = scenario.replacen("onTerm = \"dies\"", "onTerm = \"ignores\"", 1);
    let found = found_of(&scenario, Cause::NodeMemory);
    assert_eq!(found.target.pod(), Some("default/web"));
    let release = &cure(&scenario, &found, "Kubernetes").to.text;
    let rows: Vec<&str> = KubernetesProfile::ALL.iter().map(|row| row.version).collect();
    assert!(rows.iter().skip_while(|row| **row != "1.28").skip(1).any(|row| row == release), "{release}");
}

/// A pod that ends at once leaves MemoryPressure for 5 minutes, and `job`, which comes at 50 s, is not admitted.
#[test]
fn a_transition_period() {
    let scenario = node(2000, TIGHT)
        + &pod("hog", "restartPolicy = \"Never\"", "workload.steady = { anon = \"1900Mi\" }")
        + &pod("job", "at = \"50s\"", "workload.steady = { anon = \"10Mi\" }");
    let found = found_of(&scenario, Cause::NotAdmitted);
    let period = secs(cure(&scenario, &found, "evictionPressureTransitionPeriod"));
    // Met at 1 s for the last time; of the looks before 50 s the last is at 41 to 45 s, as each waits for its eviction.
    assert!((30.0..=45.0).contains(&period), "{period}");
}

/// Two programs that grow to 2500 of 4096 in 12.5 s and end; the first requests that much, so that the second dies. At
/// 13.5 s the first has 2500, and the second, `n` seconds later, 200 × (12.5 − n), which fits from n = 4.5 on.
#[test]
fn a_start() {
    let short = "workload.ramp = { rate = \"200Mi\", to = \"2500Mi\", then = { exit = 0 } }";
    let never = "restartPolicy = \"Never\"";
    let large = format!("{REQUEST} = \"2600Mi\"\n{short}");
    let scenario = node(4096, "") + &pod("a", never, &large) + &pod("b", never, short);
    let found = found_of(&scenario, Cause::PodsAboveAllocatable);
    assert_eq!(found.target.pod(), Some("default/b"));
    let start = secs(cure(&scenario, &found, "start of b"));
    assert!((4.0..=6.0).contains(&start), "{start}");
}

/// The limit is full after 25.6 s; a tenth of the pace is enough for the minute. From 1.33 on the limit can be raised
/// while it runs.
#[test]
fn a_limit_a_pace_and_a_resize() {
    let request = format!("{REQUEST} = \"128Mi\"\nresources.limits.memory = \"256Mi\"");
    let scenario =
        node(4096, "") + &pod("web", "", &format!("{request}\nworkload.ramp = {{ rate = \"10Mi\", to = \"500Mi\" }}"));
    let found = found_of(&scenario, Cause::PodLimit);
    let limit = mib(cure(&scenario, &found, "limit of web/app"));
    assert!((500.0..=504.0).contains(&limit), "{limit}");
    let pace = mib(cure(&scenario, &found, "growth in bytes a second of web/app"));
    assert!((3.9..=4.5).contains(&pace), "{pace}");
    let resize = secs(cure(&scenario, &found, &format!("resize web/app to {limit}Mi")));
    assert!((20.0..=27.0).contains(&resize), "{resize}");
}

/// 44 more than the limit of 256 fit into swap of which the container may have 128 ÷ 4096: 44 × 32 = 1408.
#[test]
fn swap() {
    let request = format!("{REQUEST} = \"128Mi\"\nresources.limits.memory = \"256Mi\"");
    let scenario =
        node(4096, "") + &pod("web", "", &format!("{request}\nworkload.ramp = {{ rate = \"10Mi\", to = \"300Mi\" }}"));
    let found = found_of(&scenario, Cause::PodLimit);
    let swap = mib(cure(&scenario, &found, "swap of the node"));
    assert!((1380.0..=1500.0).contains(&swap), "{swap}");
}

/// A child that is too large takes its container with it (memory.oom.group), unless singleProcessOOMKill is set.
#[test]
fn one_process_or_all() {
    let child = "resources.limits.memory = \"256Mi\"\nworkload.steady = { anon = \"50Mi\" }\n[[pod.container.process]]\ncomm = \"worker\"\n\
                 startAfter = \"5s\"\nworkload.ramp = { rate = \"50Mi\" }";
    let scenario = node(4096, "") + &pod("web", "", child);
    let found = found_of(&scenario, Cause::PodLimit);
    assert_eq!(cure(&scenario, &found, "singleProcessOOMKill").to.text, "true");
    let start = cure(&scenario, &found, "start of worker of web/app");
    assert!(secs(start) > 50.0, "{}", start.to.text);
}

/// Linux 4.15 refuses 3 GiB where 2 of 4 GiB are taken; from 5.2 on only more than all RAM and swap is refused
/// (mm/util.c __vm_enough_memory).
#[test]
fn a_kernel() {
    let scenario = "duration = \"1m\"\nnode.memory = \"4Gi\"\nkernel.version = \"4.15\"\n[[host]]\nname = \"db\"\n\
                    workload.steady = { anon = \"2Gi\" }\n[[host]]\nname = \"app\"\nstartAfter = \"5s\"\n\
                    workload.script = [{ map = \"3Gi\" }]\n";
    let found = found_of(scenario, Cause::CommitLimit);
    let version = &cure(scenario, &found, "kernel").to.text;
    assert_eq!(version, "5.4");
    assert_eq!(cure(scenario, &found, "vm.overcommit_memory").to.text, "1");
    cure(scenario, &found, "kill db");
}

/// What no release prevents has been tried with each of them.
#[test]
fn every_release_is_tried() {
    let scenario =
        node(4096, "") + &pod("web", "", "resources.limits.memory = \"64Mi\"\nworkload.ramp = { rate = \"10Mi\" }");
    let found = found_of(&scenario, Cause::PodLimit);
    let tried = |knob: &str| {
        let none = found.no_difference.iter().find(|none| none.knob == knob);
        let none = none.unwrap_or_else(|| panic!("{knob}\n{}", text(&found)));
        none.tried.iter().map(|(to, _)| to.clone()).collect::<Vec<_>>()
    };
    assert_eq!(tried("kernel").len(), VERSIONS.len() - 1);
    assert_eq!(tried("Kubernetes").len(), KubernetesProfile::ALL.len() - 1);
    assert_eq!(tried("kernel")[0], "6.6");
    assert_eq!(tried("Kubernetes")[0], "1.35");
}

/// A change of the scenario's own: a limit set by hand at 20 s, and what the kubelet reserves after a restart.
#[test]
fn a_change_of_the_scenario() {
    let scenario = node(4096, "")
        + &pod("web", "", "resources.limits.memory = \"512Mi\"\nworkload.steady = { anon = \"300Mi\" }")
        + "[[at]]\ntime = \"20s\"\npod = \"web\"\ncontainer = \"app\"\nlimit = \"256Mi\"\n";
    let found = found_of(&scenario, Cause::ContainerLimit);
    let limit = mib(cure(&scenario, &found, "limit of [[at]] number 1 (20s)"));
    assert!((300.0..=303.0).contains(&limit), "{limit}");
    let scenario = node(4096, "")
        + &pod("web", "", "workload.steady = { anon = \"2Gi\" }")
        + "[[at]]\ntime = \"20s\"\nkubelet = { kubeReserved = { memory = \"2200Mi\" } }\n";
    let found = found_of(&scenario, Cause::KubepodsLimit);
    let knob = "kubelet.kubeReserved.memory of [[at]] number 1 (20s)";
    let reserved = mib(cure(&scenario, &found, knob));
    assert!((1940.0..=1948.0).contains(&reserved), "{reserved}");
}

/// With few runs, what could not be tried is named.
#[test]
fn what_could_not_be_tried_is_named() {
    let scenario =
        node(4096, "") + &pod("web", "", "resources.limits.memory = \"64Mi\"\nworkload.ramp = { rate = \"10Mi\" }");
    let found = super::common::found_in(&scenario, 30);
    assert!(found.broken_off && found.not_tried.iter().any(|one| one.knob == "Kubernetes"), "{}", text(&found));
    let shown = text(&found);
    assert!(shown.contains("WHAT WAS NOT TRIED") && shown.contains("no runs were left"), "{shown}");
}
