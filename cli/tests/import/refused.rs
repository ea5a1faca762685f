//! What does not come in, and what is said of it.

use crate::common::{err, oomsim, out};
use crate::{data, import_changed};

/// Known, though nothing reads it.
#[test]
fn what_people_paste_instead_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, what) in [
        ("Name:               n1\nRoles:              <none>\nLabels:             a=b\n", "`kubectl describe`"),
        ("NAME    READY   STATUS    RESTARTS   AGE\nweb-1   1/1     Running   0          5d\n", "`kubectl get`"),
        ("LAST SEEN   TYPE      REASON\n5m          Warning   Evicted\n", "`kubectl get`"),
        ("<!DOCTYPE html><html></html>\n", "a web page"),
    ] {
        let path = folder.path().join("given");
        std::fs::write(&path, text).expect("written");
        let path = path.to_str().expect("UTF-8");
        for args in
            [vec!["run", path], vec!["lint", path], vec!["node", path], vec!["import", path, "--out", "/nowhere/x"]]
        {
            let output = oomsim(&args);
            assert_eq!(output.status.code(), Some(2), "{args:?}");
            assert!(err(&output).contains(what), "{args:?}: {}", err(&output));
        }
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
        ("empty.json", "", "this is an empty file"),
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
        ("kernel.log", "[1.0] x invoked oom-killer: gfp_mask=0x0\n", "how much memory the node has"),
    ] {
        let there = folder.path().join("out");
        let output = oomsim(["import".as_ref(), bad(name, text).as_os_str(), "--out".as_ref(), there.as_os_str()]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(err(&output).contains(expected), "{name}: {}", err(&output));
        assert!(
            ["nodes.yaml", "kernel.log"].contains(&name) || err(&output).contains(name),
            "{name}: {}",
            err(&output)
        );
        assert!(!there.exists(), "{name}: nothing is written");
    }
}

#[test]
fn other_commands_say_what_such_a_file_is() {
    for command in ["run", "node", "check", "race", "plan", "sweep", "risk"] {
        let output = oomsim([command.as_ref(), data("node.json").as_os_str()]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        let said = out(&output) + &err(&output);
        assert!(said.contains("is a Kubernetes Node"), "{command}: {said}");
        assert!(said.contains("oomsim import"), "{command}: {said}");
    }
}

/// Nothing that was asked for is passed over in silence, and nothing looked at is not green.
#[test]
fn lint_says_what_it_did_not_look_at() {
    let node = data("node.json");
    let output = oomsim(["lint".as_ref(), node.as_os_str()]);
    assert_eq!(output.status.code(), Some(2), "{}", out(&output));
    assert!(err(&output).contains("not looked at") && err(&output).contains("a Kubernetes Node"), "{}", err(&output));
    let output = oomsim(["lint".as_ref(), node.as_os_str(), data("configz.json").as_os_str()]);
    assert_ne!(output.status.code(), Some(2), "{}", err(&output));
    assert!(err(&output).contains("not looked at"), "{}", err(&output));
    let output = oomsim(["lint".as_ref(), data("wss.json").as_os_str()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("is an answer of Prometheus"), "{}", err(&output));
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    let to = |from: &'static str, to: &'static str| {
        move |text: &str| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        }
    };
    type Change = Box<dyn Fn(&str) -> String>;
    let node = ["pods.json"];
    let pods = ["node.json"];
    let other = ["node.json", "pods.json"];
    let text = |text: &'static str| -> Change { Box::new(move |_| text.to_string()) };
    let cases: [(&str, &[&str], Change, &str); 9] = [
        (
            "node.json",
            &node,
            Box::new(to("7244280Ki", "16Gi")),
            "16Gi are allocatable, but the Node's capacity is 7934456Ki",
        ),
        ("node.json", &node, Box::new(to(r#""linux""#, r#""windows""#)), "runs windows: only Linux nodes are modelled"),
        ("pods.json", &pods, text(r#"{"kind": "PodList", "items": {}}"#), "expected a list of objects"),
        (
            "pods.json",
            &pods,
            text(r#"{"kind": "Status", "status": "Failure", "message": "Unauthorized", "code": 401}"#),
            "the API server answered with an error: Unauthorized",
        ),
        (
            "pods.json",
            &pods,
            text("{kind: Pod, metadata: {name: a}, spec: {containers: {name: x}}}"),
            "expected a list of containers",
        ),
        (
            "pods.json",
            &pods,
            text("{kind: Pod, metadata: {name: a}, spec: {containers: [{name: x, resources: [1]}]}}"),
            "expected a table of amounts",
        ),
        ("meminfo", &other, text("MemTotal: 7934456 kB\n"), "there is no line MemFree"),
        ("answer.json", &other, text("<html>403</html>"), "this is a web page"),
        ("configz.json", &other, Box::new(to(r#""574Mi""#, "601882624")), "expected a string, found a number"),
    ];
    for (name, others, change, expected) in cases {
        let (output, out_folder) = import_changed(name, change, others);
        let said = err(&output);
        assert_eq!(output.status.code(), Some(2), "{expected}: {}", out(&output));
        assert!(said.contains(expected), "{expected}: {said}");
        // The file that was given, not one that would have been made of it.
        assert!(said.contains(&format!("/{name}:")), "{expected}: {said}");
        assert!(!out_folder.exists(), "{expected}: nothing is written");
    }
}
