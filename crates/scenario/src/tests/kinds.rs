//! `[[node]]`: several kinds of node in one scenario.

use super::files::Given;
use super::{rendered, right};
use crate::{Diagnostic, LoadedScenario, NoFiles, load, load_kind, load_kinds};
use oomsim_core::plan::Scenario;
use oomsim_core::units::Bytes;
use std::sync::Arc;

const TWO: &str = r#"
seed = 7
[[node]]
name = "small"
memory = "4Gi"
count = 3
[[node]]
name = "big"
memory = "16Gi"
count = 2
kubelet = { kubeReserved = { memory = "2Gi" }, maxPods = 20 }
[kubelet]
kubeReserved = { memory = "1Gi" }
evictionHard = { "memory.available" = "500Mi" }
[[pod]]
name = "everywhere"
container = [{ name = "app", workload = { steady = { anon = "10Mi" } } }]
[[pod]]
name = "here"
nodeName = "small"
container = [{ name = "app", workload = { steady = { anon = "10Mi" } } }]
"#;

fn owned(overrides: &[&str]) -> Vec<String> {
    overrides.iter().map(ToString::to_string).collect()
}

fn read(text: &str, overrides: &[&str]) -> Result<Vec<LoadedScenario>, Vec<Diagnostic>> {
    load_kinds(text, "test.toml", &NoFiles, &owned(overrides))
}

fn loaded(text: &str, overrides: &[&str]) -> Vec<LoadedScenario> {
    read(text, overrides).unwrap_or_else(|problems| panic!("{}", rendered(&problems)))
}

fn kinds(text: &str, overrides: &[&str]) -> Vec<Arc<Scenario>> {
    loaded(text, overrides).into_iter().map(|kind| kind.scenario).collect()
}

fn wrong(text: &str, overrides: &[&str]) -> String {
    rendered(&read(text, overrides).expect_err("was read without complaint"))
}

fn pods(scenario: &Scenario) -> Vec<&str> {
    scenario.pods.iter().map(|pod| &*pod.spec.name).collect()
}

fn reserved(scenario: &Scenario) -> &str {
    &scenario.kubelet.as_ref().expect("a kubelet").config.kube_reserved["memory"]
}

#[test]
fn each_kind_is_a_scenario() {
    let both = kinds(TWO, &[]);
    let [small, big] = &both[..] else { panic!("{}", both.len()) };
    assert_eq!((&*small.node.name, small.nodes, small.node.kernel.mem_total), ("small", 3, Bytes::gib(4)));
    assert_eq!((&*big.node.name, big.nodes, big.node.kernel.mem_total), ("big", 2, Bytes::gib(16)));
    assert_eq!((pods(small), pods(big)), (vec!["everywhere", "here"], vec!["everywhere"]));
    // One row of seeds: 7, 8, 9 and 10, 11.
    assert_eq!((small.seed, big.seed), (7, 10));
}

/// A key of the kind's own kubelet replaces the common one, as a whole; the others stay.
#[test]
fn the_kubelet_of_a_kind_lies_over_the_common_one() {
    let both = kinds(TWO, &[]);
    assert_eq!((reserved(&both[0]), reserved(&both[1])), ("1Gi", "2Gi"));
    for scenario in &both {
        let hard = scenario.kubelet.as_ref().and_then(|kubelet| kubelet.config.eviction_hard.as_ref());
        assert_eq!(hard.map(|map| map["memory.available"].as_str()), Some("500Mi"));
    }
    // Without a common one it is the kind's alone.
    let common =
        "[kubelet]\nkubeReserved = { memory = \"1Gi\" }\nevictionHard = { \"memory.available\" = \"500Mi\" }\n";
    let alone = TWO.replace(common, "");
    assert_eq!(reserved(&kinds(&alone, &[])[1]), "2Gi");
}

#[test]
fn overrides_change_one_kind_or_all() {
    let set = |texts: &[&str]| kinds(TWO, texts);
    let memory = |list: &[Arc<Scenario>]| list.iter().map(|s| s.node.kernel.mem_total.get() >> 30).collect::<Vec<_>>();
    assert_eq!(memory(&set(&["node.big.memory=32Gi"])), [4, 32]);
    assert_eq!(memory(&set(&["node.memory=8Gi"])), [8, 8]);
    let one = set(&["node.small.count=1", "node.big.kubelet.kubeReserved.memory=3Gi"]);
    assert_eq!((one[0].nodes, one[1].seed, reserved(&one[1])), (1, 8, "3Gi"));
    // What is set for all kinds counts more than what a kind says itself.
    let all = set(&["nodes=1", "kubelet.kubeReserved.memory=500Mi"]);
    assert_eq!((all[0].nodes, all[1].nodes, reserved(&all[0]), reserved(&all[1])), (1, 1, "500Mi", "500Mi"));
    let message = wrong(TWO, &["node.count=4"]);
    assert!(message.contains("`count` belongs to one kind of node") && message.contains("node.big.count"), "{message}");
    assert!(wrong(TWO, &["node.bgi.memory=1Gi"]).contains("unknown key `bgi` in [[node]]"));
}

/// Pods of one name on different kinds are different pods; an override by name reaches both.
#[test]
fn kinds_may_have_pods_of_the_same_name() {
    let text = TWO.replace("\"everywhere\"\n", "\"here\"\nnodeName = \"big\"\n");
    let both = kinds(&text, &["pod.here.replicas=2"]);
    assert_eq!((both[0].pods.len(), both[0].pods[0].replicas), (1, 2));
    assert_eq!((both[1].pods.len(), both[1].pods[0].replicas), (1, 2));
    let twice = TWO.replace("\"everywhere\"", "\"here\"");
    assert!(wrong(&twice, &[]).contains("two pods are called `default/here`"));
}

#[test]
fn one_kind_can_be_chosen() {
    let one = |kind| load_kind(TWO, "test.toml", &NoFiles, &[], kind);
    let big = one(Some("big")).unwrap_or_else(|problems| panic!("{}", rendered(&problems))).scenario;
    assert_eq!((&*big.node.name, big.nodes, big.seed), ("big", 2, 10));
    let message = rendered(&one(None).expect_err("two kinds"));
    assert!(message.contains("2 kinds of node, but this needs one") && message.contains("`small`, `big`"), "{message}");
    let message = rendered(&one(Some("bgi")).expect_err("unknown"));
    assert!(message.contains("no node `bgi`") && message.contains("did you mean `big`?"), "{message}");
    // A scenario with one node has that one.
    let plain = "node = { name = \"worker\", memory = \"8Gi\" }";
    for (kind, fits) in [(None, true), (Some("worker"), true), (Some("node"), false)] {
        assert_eq!(load_kind(plain, "test.toml", &NoFiles, &[], kind).is_ok(), fits, "{kind:?}");
    }
    // And `[[node]]` with one kind is one kind.
    let single = load("[[node]]\nname = \"a\"\nmemory = \"8Gi\"\n", "test.toml", &NoFiles, &[]);
    assert_eq!(single.map(|loaded| loaded.scenario.nodes), Ok(1));
}

#[test]
fn tables_belong_to_kinds() {
    let text = format!(
        "{TWO}{}",
        r#"
[[host]]
name = "agent"
node = "big"
workload.steady = { anon = "10Mi" }
[[at]]
time = "10s"
node = "big"
signal = "SIGKILL"
process = "agent"
[[at]]
time = "10s"
node = "small"
deletePod = "here"
[[expect]]
source = "made up"
node = "small"
event = "PodDeleted"
pod = "here"
[[expect]]
source = "made up"
total = "oom_kills"
count = 0
"#
    );
    let text = text.replace("event = \"PodDeleted\"\n", "event = \"ContainerTerminated\"\n");
    let both = kinds(&text, &[]);
    let counts = |s: &Scenario| (s.hosts.len(), s.injections.len(), s.expectations.len());
    assert_eq!((counts(&both[0]), counts(&both[1])), ((0, 1, 2), (1, 1, 1)));
    // What is only wrong on some nodes is said with these nodes.
    for (old, message) in
        [("node = \"small\"\ndeletePod", "no pod `default/here`"), ("node = \"small\"\nevent", "no pod `here`")]
    {
        assert!(text.contains(old), "{old}");
        let all = wrong(&text.replace(old, old.split('\n').nth(1).unwrap_or_default()), &[]);
        assert!(all.contains(message) && all.contains("on nodes of the kind `big`"), "{all}");
    }
}

#[test]
fn wrong_kinds_are_reported_once_with_their_places() {
    for (old, new, message) in [
        ("name = \"big\"", "name = \"small\"", "test.toml:7:1"),
        ("name = \"big\"", "name = \"small\"", "two `[[node]]` are called `small`"),
        ("name = \"big\"\n", "", "`name` is missing in [[node]]"),
        ("seed = 7", "nodes = 7", "give each `[[node]]` a `count` instead"),
        ("nodeName = \"small\"", "nodeName = \"smal\"", "did you mean `small`?"),
        ("nodeName = \"small\"", "nodeName = 3", "expected the name of a node, found a number"),
        ("count = 3", "count = 0", "0 is out of range"),
        ("count = 3", "count = 99999", "100001 nodes in total"),
        ("count = 3", "cuont = 3", "did you mean `count`?"),
        ("maxPods = 20", "maxPosd = 20", "did you mean `maxPods`?"),
        ("memory = \"16Gi\"\n", "", "`memory` is missing in [[node]]"),
    ] {
        assert!(TWO.contains(old), "{old}");
        let all = wrong(&TWO.replacen(old, new, 1), &[]);
        assert!(all.contains(message), "{new}: {all}");
        assert_eq!(all.matches("error:").count(), 1, "{all}");
    }
    assert!(wrong("node = []", &[]).contains("0 kinds of node"));
}

#[test]
fn a_kind_without_pods_is_a_warning() {
    let empty = TWO.replace("name = \"everywhere\"", "name = \"everywhere\"\nnodeName = \"small\"");
    let both = loaded(&empty, &[]);
    let message = rendered(&both[0].warnings);
    assert!(
        message.contains("no pod runs on nodes of the kind `big`") && message.contains("test.toml:7:1"),
        "{message}"
    );
    assert!(both[1].scenario.kubelet.is_some() && loaded(TWO, &[])[0].warnings.is_empty());
}

/// What a cluster prints names the pod's node. With one node that is this one; with kinds it has to be one of them.
#[test]
fn manifests_name_their_node() {
    let manifest = "kind: Pod\nmetadata: {name: here}\nspec:\n  nodeName: small\n  containers: [{name: app}]\n";
    let files = [("pod.yaml", manifest)];
    let pod = "[[pod]]\nmanifest = \"pod.yaml\"\ncontainer = [{ name = \"app\", footprint = { anon = \"1Mi\" } }]\n";
    let text = TWO.replace("[[pod]]\nname = \"here\"\nnodeName = \"small\"\n", pod);
    let text = text.replacen("container = [{ name = \"app\", footprint = { anon = \"1Mi\" } }]\n", "", 1);
    let read = |text: &str| load_kinds(text, "test.toml", &Given(&files), &[]);
    let both = read(&text).unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
    assert_eq!((pods(&both[0].scenario), pods(&both[1].scenario)), (vec!["everywhere", "here"], vec!["everywhere"]));
    let message = rendered(&read(&text.replace("\"small\"", "\"tiny\"")).expect_err("unknown"));
    assert!(message.contains("pod.yaml:4:") && message.contains("no node `small`"), "{message}");
    // A table's own name counts instead.
    let moved = text.replace("manifest =", "nodeName = \"big\"\nmanifest =").replace("\"small\"", "\"tiny\"");
    let both = read(&moved).unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
    assert_eq!((pods(&both[0].scenario), pods(&both[1].scenario)), (vec!["everywhere"], vec!["everywhere", "here"]));
    let one = format!("node.memory = \"8Gi\"\n{pod}");
    assert_eq!(read(&one).map(|list| list[0].scenario.pods.len()), Ok(1));
}

/// In a scenario with one node, its name is the only one.
#[test]
fn one_node_has_its_name() {
    let pod = |name: &str| {
        format!(
            "node = {{ name = \"n1\", memory = \"8Gi\" }}\n[[pod]]\nname = \"a\"\nnodeName = \"{name}\"\n\
             container = [{{ name = \"app\", footprint = {{ anon = \"1Mi\" }} }}]\n"
        )
    };
    assert_eq!(right(&pod("n1")).scenario.pods.len(), 1);
    assert!(super::wrong(&pod("n2"), &[]).contains("did you mean `n1`?"));
}

/// Whatever is cut off, doubled or set: problems, never a panic.
#[test]
fn mutilated_texts_are_read_or_refused() {
    let mut texts: Vec<String> = (0..TWO.len()).map(|end| TWO[..end].to_owned()).collect();
    let lines: Vec<&str> = TWO.lines().collect();
    for (n, line) in lines.iter().enumerate() {
        texts.push([&lines[..n], &lines[n + 1..]].concat().join("\n"));
        texts.push([&lines[..n], &[*line], &lines[n..]].concat().join("\n"));
        let key = line.split('=').next().unwrap_or_default();
        for value in ["[]", "{}", "-1", "\"\"", "[1]", "[{}]", "9223372036854775807"] {
            let changed = format!("{key}= {value}");
            texts.push([&lines[..n], &[changed.as_str()], &lines[n + 1..]].concat().join("\n"));
        }
    }
    texts.extend(["node = [1]", "node = [[]]", "node = [{}]", "node = 3", "node = [{ name = 3 }]"].map(String::from));
    let sets: [&[&str]; 4] = [&[], &["node.small.memory=1Gi"], &["node=3"], &["node.small=3", "nodes=0"]];
    for text in &texts {
        for set in sets {
            if let Err(problems) = read(text, set) {
                assert!(problems.iter().any(|p| p.severity == crate::Severity::Error), "{text}");
            }
            if let Ok(one) = load_kind(text, "test.toml", &NoFiles, &owned(set), Some("big")) {
                assert_eq!(&*one.scenario.node.name, "big", "{text}");
            }
        }
    }
}
