//! `oomsim import` as planners use it: the files of a cluster in, a scenario that runs out.

mod common;

use common::{err, oomsim, out};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/import").join(name)
}

fn import(files: &[&str], out: &Path) -> std::process::Output {
    let files = files.iter().map(|name| data(name).into_os_string());
    oomsim(["import".into()].into_iter().chain(files).chain(["--out".into(), out.as_os_str().to_owned()]))
}

fn node_json(args: &[&str]) -> Value {
    let output = oomsim(["node"].iter().chain(args).chain(&["--format", "json"]));
    assert!(output.status.success(), "{}", err(&output));
    serde_json::from_str(&out(&output)).expect("JSON")
}

#[test]
fn a_node_comes_in_and_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let there = folder.path().join("node1");
    let output = import(&["node.json", "pods.json", "configz.json", "wss.json"], &there);
    assert!(output.status.success(), "{}", err(&output));
    let said = out(&output);
    // status.allocatable of the node: 7244280Ki = 7934456Ki − 574Mi − 100Mi (EKS: 11 × 29 + 255 MiB).
    assert!(said.contains("allocatable, QoS classes and working sets are those of the files"), "{said}");
    assert!(said.contains("2 pods finished (Succeeded or Failed): left out"), "{said}");
    let scenario = there.join("scenario.toml");
    let run = oomsim(["run", scenario.to_str().expect("UTF-8"), "--format", "json"]);
    assert!(run.status.success(), "{}", err(&run));
    let node = node_json(&[scenario.to_str().expect("UTF-8")]);
    assert_eq!(node["allocatable"], 7_244_280_u64 * 1024, "{node}");
    assert!(!there.join("manifests/shop_nightly-report-29384756-zz9kk.yaml").exists());
    assert!(there.join("traces/shop_cart-7c9f6d5b4-xk2lp_cart.csv").exists());
}

#[test]
fn reservations_are_inferred_without_a_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = import(&["pods.json", "node.json"], folder.path());
    assert!(output.status.success(), "{}", err(&output));
    let node = node_json(&[folder.path().join("scenario.toml").to_str().expect("UTF-8")]);
    assert_eq!(node["allocatable"], 7_244_280_u64 * 1024, "{node}");
    assert!(out(&output).contains("no configuration was given (EKS node)"), "{}", out(&output));
}

#[test]
fn what_is_secret_stays_where_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = oomsim([
        "import".as_ref(),
        data("export.yaml").as_os_str(),
        "--memory".as_ref(),
        "8Gi".as_ref(),
        "--out".as_ref(),
        folder.path().as_os_str(),
    ]);
    assert!(output.status.success(), "{}", err(&output));
    let copy = std::fs::read_to_string(folder.path().join("manifests/shop_cart.yaml")).expect("a copy");
    assert!(copy.contains("MaxRAMPercentage=75") && copy.contains("512Mi"), "{copy}");
    assert!(!copy.contains("registry.example") && !copy.contains("livenessProbe"), "{copy}");
}

/// What each wrapper says, by hand from the file.
#[test]
fn wrappers_of_providers_are_kubelet_settings() {
    const MI: u64 = 1 << 20;
    // karpenter: 1355Mi + 100Mi reserved, hard 100Mi; k3s: 500Mi + 250Mi, 512Mi; OpenShift: 2Gi, 500Mi.
    for (file, reserved, hard) in [("karpenter.yaml", 1455, 100), ("k3s.yaml", 750, 512), ("openshift.yaml", 2048, 500)]
    {
        let path = data(file);
        let node = node_json(&["--capacity", "16Gi", "--config", path.to_str().expect("UTF-8")]);
        assert_eq!(node["allocatable"], (16 * 1024 - reserved - hard) * MI, "{file}: {node}");
    }
}

#[test]
fn bad_files_are_refused_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let bad = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    for (name, text, expected) in [
        ("empty.json", "", "the file is empty"),
        ("cut.json", "{\"kind\": \"Node\", \"metadata\": {", "not valid YAML"),
        ("what.json", "{\"hello\": 1}", "it is not known what this is"),
        (
            "node.json",
            "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"a\"}}",
            "status.capacity.memory",
        ),
        (
            "wss.json",
            "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"pod\":\"a\"},\
             \"values\":[[2,\"1\"],[1,\"1\"],[3,\"-5\"]]}]}}",
            "is earlier than the sample before it",
        ),
        // A name that leads out of the folder is no name of Kubernetes.
        (
            "nodes.yaml",
            "{apiVersion: v1, kind: Node, metadata: {name: node-1}, status: {capacity: {memory: 8Gi}}}\n---\n\
             {apiVersion: v1, kind: Pod, metadata: {name: x, namespace: ../../x}, spec: {nodeName: node-1, \
             containers: [{name: c}]}}\n",
            "expected a Kubernetes name",
        ),
        ("kernel.log", "[1.0] x invoked oom-killer: gfp_mask=0x0\n", "oomsim dmesg"),
    ] {
        let there = folder.path().join("out");
        let output = oomsim(["import".as_ref(), bad(name, text).as_os_str(), "--out".as_ref(), there.as_os_str()]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(err(&output).contains(expected), "{name}: {}", err(&output));
        assert!(name == "nodes.yaml" || err(&output).contains(name), "{name}: {}", err(&output));
        assert!(!there.exists(), "{name}: nothing is written");
    }
}

#[test]
fn other_commands_say_what_such_a_file_is() {
    for command in ["run", "node", "check"] {
        let output = oomsim([command.as_ref(), data("node.json").as_os_str()]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        let said = out(&output) + &err(&output);
        assert!(said.contains("is a Kubernetes Node"), "{command}: {said}");
        assert!(said.contains("oomsim import"), "{command}: {said}");
    }
}

/// A Deployment has no priority of its own: the API server takes it from the class when it admits a pod.
#[test]
fn priorities_come_from_their_classes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("deploy.yaml");
    let text = "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: gold}, value: 1000}\n---\n\
                {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector: {matchLabels: {a: b}}, \
                template: {metadata: {labels: {a: b}}, spec: {priorityClassName: gold, containers: [{name: c}]}}}}\n";
    std::fs::write(&file, text).expect("written");
    let there = folder.path().join("out");
    let args =
        ["import".as_ref(), file.as_os_str(), "--memory".as_ref(), "8Gi".as_ref(), "--out".as_ref(), there.as_os_str()];
    let output = oomsim(args);
    assert!(output.status.success(), "{}", err(&output));
    let copy = std::fs::read_to_string(there.join("manifests/default_web.yaml")).expect("a copy");
    assert!(copy.contains("priority: 1000"), "{copy}");
}
