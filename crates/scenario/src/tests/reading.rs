//! What right scenarios say.

use super::{right, wrong};
use crate::{NoFiles, load};
use oomsim_core::kubelet::RestartPolicy;
use oomsim_core::plan::{Change, Controller};
use oomsim_core::units::{Bytes, SimDuration, SimTime};
use oomsim_core::workload::{Behavior, TermReaction};

const OOM2: &str = r#"
name = "oom2"
seed = 7
duration = "10m"

[node]
memory = "7120616Ki"
system = { anon = "600Mi", activeFile = "100Mi", kernel = "150Mi" }

[kernel]
version = "5.4.0-1059-azure"
cgroup = "v1"
sysctl = { "vm.overcommit_memory" = 1 }
badness_floor = "one"

[kubelet]
version = "1.21"
kubeReserved = { memory = "1638Mi" }
evictionHard = { "memory.available" = "750Mi" }
firstPass = "3s"

[[pod]]
name = "alloc-mem-2"
at = "10s"
restartPolicy = "Never"
controller = "DaemonSet"

[[pod.container]]
name = "app"
onTerm = { exitsAfter = "2s" }
[pod.container.workload.leak]
block = "100Mi"
every = "6s"
touched = "12.5%"

[[pod.container.process]]
comm = "sh"
startAfter = "60s"

[[host]]
name = "ssh"

[[host]]
name = "bash"
session = "ssh"
workload.steady.anon = "4Mi"

[[at]]
time = "60s"
sysctl = { "vm.overcommit_memory" = 2 }

[[at]]
time = "30s"
cgroup = "/kubepods"
limit = "max"

[[expect]]
source = "the article"
event = "Evicted"
pod = "alloc-mem-2"
where = { message = { contains = "exceeds its request of 0" }, usageSeen = { min = "1Gi" } }
between = ["4m", "5m"]
"#;

#[test]
fn a_scenario_becomes_a_plan() {
    let loaded = right(OOM2);
    let scenario = &*loaded.scenario;
    assert_eq!((&*scenario.name, scenario.seed, scenario.duration), ("oom2", 7, SimDuration::from_secs(600)));
    assert_eq!(scenario.node.kernel.mem_total, Bytes::kib(7_120_616));
    assert_eq!(scenario.node.kernel.profile.version, "5.4");
    assert_eq!(scenario.node.kernel.sysctl.overcommit_memory, 1);
    assert_eq!(scenario.node.kernel.kernel_memory, Bytes::mib(150));
    let kubelet = scenario.kubelet.clone().unwrap();
    assert_eq!(kubelet.config.eviction_hard.unwrap()["memory.available"], "750Mi");
    assert_eq!(kubelet.first_pass, Some(SimTime::from_secs(3)));
    let [pod] = scenario.pods.as_slice() else { panic!() };
    assert_eq!((pod.controller, pod.restart_policy), (Controller::DaemonSet, RestartPolicy::Never));
    let [app, sh] = pod.containers[0].processes.as_slice() else { panic!() };
    assert_eq!((&*app.comm, app.term), ("app", TermReaction::exits(SimDuration::from_secs(2))));
    let Behavior::Leak(leak) = &*app.behavior else { panic!() };
    assert_eq!((leak.block, leak.touched_permille), (Bytes::mib(100), 125));
    assert_eq!(sh.at, SimDuration::from_secs(60));
    assert_eq!(scenario.hosts[1].session_of.as_deref(), Some("ssh"));
    let times: Vec<_> = scenario.injections.iter().map(|i| i.at).collect();
    assert_eq!(times, [SimTime::from_secs(30), SimTime::from_secs(60)]);
    assert!(matches!(scenario.injections[1].change, Change::Sysctl { value: 2, .. }));
    assert_eq!(scenario.expectations[0].line, 57);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn every_key_can_be_set_from_outside() {
    let set = |path: &str| load(OOM2, "x.toml", &NoFiles, &[path.to_string()]).unwrap().scenario;
    assert_eq!(set("node.memory=8Gi").node.kernel.mem_total, Bytes::gib(8));
    let pods = set("pod.alloc-mem-2.container.app.workload.leak.every=200ms").pods.clone();
    let Behavior::Leak(leak) = &*pods[0].containers[0].processes[0].behavior else { panic!() };
    assert_eq!(leak.every, SimDuration::from_millis(200));
    assert_eq!(set("pod.0.replicas=3").pods[0].replicas, 3);
    assert_eq!(set("pod.0.replicas=0").pods[0].replicas, 0);
    assert_eq!(set("kernel.sysctl.vm.overcommit_memory=2").node.kernel.sysctl.overcommit_memory, 2);
    let plan = set("kubelet.evictionHard.memory.available=\"500Mi\"").kubelet.clone().unwrap();
    assert_eq!(plan.config.eviction_hard.unwrap()["memory.available"], "500Mi");
    assert_eq!(set("host.bash.workload.steady.anon = 8Mi").hosts[1].process.comm, "bash".into());
}

#[test]
fn wrong_overrides_are_shown_as_they_were_given() {
    let said = wrong(OOM2, &["pod.alloc-mem2.replicas=3", "node.memroy=1Gi", "seed", "seed.x=1", "a b=1"]);
    for part in [
        "no `[[pod]]` is called `alloc-mem2`",
        "did you mean `alloc-mem-2`?",
        "unknown key `memroy` in [node]",
        "--set:1:6",
        "expected KEY.PATH=VALUE",
        "`seed` is a number, `x` cannot be set in it",
        "expected a path of keys",
    ] {
        assert!(said.contains(part), "{part:?} not in\n{said}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let said = wrong(
        r#"
[node]
memory = "7GB"
cpus = 0
[kernel]
badness_flor = "one"
[[pod]]
name = "Web"
[[pod.container]]
name = "app"
workload.leek = {}
[[pod.container]]
name = "app"
workload.leak = { block = "1Mi", every = 6 }
[[host]]
name = "bash"
session = "shh"
[[expect]]
event = "OomKil"
"#,
        &[],
    );
    for part in [
        "did you mean \"7G\"?",
        "0 is out of range: expected a whole number from 1 to 4096",
        "did you mean `badness_floor`?",
        "\"Web\"",
        "did you mean `leak`?",
        "two containers with the name `app`",
        "did you mean \"6s\"?",
        "unknown host process `shh`",
        "`source` is missing in [[expect]]",
        "did you mean `OomKill`?",
    ] {
        assert!(said.contains(part), "{part:?} not in\n{said}");
    }
}

/// What a program does again and again has to end: by itself, with the memory it takes, or with the run.
#[test]
fn loops_come_to_an_end() {
    let node = "duration = \"1m\"\nnode.memory = \"1Gi\"\n[[pod]]\nname = \"a\"\n[[pod.container]]\nname = \"c\"\n";
    let with = |workload: &str| format!("{node}workload.{workload}\n");
    for endless in [
        "script = [{ anon = \"1Ki\" }, { free = \"all\" }, { repeatFrom = 0 }]",
        "script = [{ anon = \"1Ki\", touched = \"0%\" }, { repeatFrom = 0 }]",
        "script = [{ read = \"1Mi\", file = \"f\" }, { repeatFrom = 0 }]",
    ] {
        let column = "workload.".len() + endless.find("{ repeatFrom").unwrap() + 1;
        let said = wrong(&with(endless), &[]);
        assert!(said.contains(&format!("test.toml:7:{column}")) && said.contains("takes no time"), "{said}");
    }
    // A minute has 6 × 10^10 ns, and 6 × 10^7 µs.
    for (long, what) in [
        ("sawtooth = { low = \"0\", high = \"1Mi\", rise = \"1ns\" }", "60000000000 rounds"),
        ("script = [{ sleep = \"1us\" }, { repeatFrom = 0 }]", "60000000 rounds"),
        ("script = [{ fork = true }, { sleep = \"500us\" }, { repeatFrom = 0 }]", "120000 forks"),
        ("script = [{ mlock = true }, { repeatFrom = 0, times = 10000001 }]", "10000001 rounds"),
    ] {
        let said = wrong(&with(long), &[]);
        assert!(said.contains("test.toml:3:1") && said.contains(what), "{said}");
    }
    for right_one in [
        "script = [{ anon = \"1Mi\" }, { repeatFrom = 0 }]",
        "script = [{ anon = \"1Ki\" }, { free = \"all\" }, { exit = 1 }, { repeatFrom = 0 }]",
        "script = [{ anon = \"1Ki\" }, { free = \"all\" }, { repeatFrom = 0, times = 100 }]",
        "script = [{ fork = true }, { sleep = \"1ms\" }, { repeatFrom = 0 }]",
    ] {
        right(&with(right_one));
    }
}

#[test]
fn a_second_workload_hides_nothing_of_the_first() {
    let node = "node.memory = \"1Gi\"\n[[pod]]\nname = \"a\"\n[[pod.container]]\nname = \"c\"\n";
    let first = "workload.leak = { block = \"10Mi\", evry = \"1s\" }\n";
    let said = wrong(&format!("{node}{first}workload.steady = {{ anon = \"1Gx\" }}\n"), &[]);
    for part in ["did you mean `every`?", "1Gx", "one workload"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// U+FEFF and U+202E come along when a name is copied from a page.
#[test]
fn a_change_names_what_exists_also_where_a_character_does_not_show() {
    let pod = "duration = \"1m\"\nnode.memory = \"1Gi\"\n[[pod]]\nname = \"web\"\n[[pod.container]]\nname = \"app\"\n";
    let at = |keys: &str| format!("{pod}[[at]]\ntime = \"15s\"\n{keys}\n");
    right(&at("pod = \"web\"\ncontainer = \"app\"\nhigh = \"64Mi\""));
    for (keys, said) in [
        ("pod = \"web\u{feff}\"\ncontainer = \"app\"\nhigh = \"64Mi\"", r"no pod `default/web\ufeff`"),
        ("pod = \"web\"\ncontainer = \"app\u{202e}\"\nhigh = \"64Mi\"", r"unknown container `app\u202e`"),
        ("deletePod = \"\u{feff}web\"", r"no pod `default/\ufeffweb`"),
        ("process = \"app\u{feff}\"\nsignal = \"SIGKILL\"", r"no process `app\ufeff`"),
    ] {
        let problems = wrong(&at(keys), &[]);
        assert!(problems.contains(said), "{said}: {problems}");
    }
}
