//! `oomsim why` and `oomsim diagnose` as users start them.

mod common;

use common::{err, oomsim, out, repository};
use serde_json::Value;

fn scenario(name: &str) -> String {
    repository().join("scenarios").join(name).display().to_string()
}

fn json(args: &[&str]) -> Value {
    let output = oomsim(args.iter().chain(&["--format", "json"]));
    assert!(output.status.success(), "{args:?}: {}", err(&output));
    serde_json::from_str(&out(&output)).expect("JSON")
}

/// SOURCES, the unexpected twist: the smaller process dies, because all points count as 1 and the last one is taken.
#[test]
fn why_lists_explains_and_names_its_rules() {
    let file = scenario("oom1-twist-a-kernel-5.4.toml");
    let text = out(&oomsim(["why", &file]));
    for part in ["WHAT HAPPENED", "WHY THIS ONE", "WHAT FOLLOWED", "→ 1"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let all = json(&["why", &file, "--kill", "1"]);
    assert!(all["events"].as_array().is_some_and(|list| !list.is_empty()), "{all}");
    assert_eq!(all["explanations"].as_array().map(Vec::len), Some(1));
    assert_eq!(all["prevention"], Value::Null);
}

#[test]
fn why_ends_with_1_where_there_is_no_such_event() {
    let file = scenario("oom1-container-limit.toml");
    for args in [
        &["--kill", "40"][..],
        &["--event", "4000"],
        // It was killed.
        &["--not", "killed"],
    ] {
        let output = oomsim(["why", &file].iter().chain(args));
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}{}", out(&output), err(&output));
    }
    for args in [&["why", "none.toml"][..], &["why", &file, "--pod", "nobody"], &["why", &file, "--event", "0x1"]] {
        assert_eq!(oomsim(args).status.code(), Some(2), "{args:?}");
    }
}

/// What did not happen has a reason, too: the node of the article is at 127 % in `kubectl top` and nothing is evicted.
#[test]
fn why_not() {
    let output = oomsim(["why", &scenario("top-node-127-percent.toml"), "--not", "evicted"]);
    assert!(output.status.success(), "{}", err(&output));
    assert!(out(&output).contains("memory.available"), "{}", out(&output));
}

/// What is printed can be pasted, also for a pod that only its manifest names.
#[test]
fn what_would_have_prevented_it_can_be_pasted() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    write(
        "pods.yaml",
        "kind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - {name: app, resources: {limits: {memory: 60Mi}}}\n\
         ---\nkind: Pod\nmetadata: {name: other}\nspec:\n  containers:\n  - {name: side}\n",
    );
    let file = write(
        "node.toml",
        "duration = \"2m\"\nnode.memory = \"4Gi\"\n[kubelet]\nfirstPass = \"1s\"\n[[pod]]\nmanifest = \"pods.yaml\"\n\
         [[pod.container]]\nname = \"app\"\nworkload.ramp = { rate = \"1Mi\", to = \"80Mi\" }\n",
    );
    let all = json(&["why", &file, "--prevent", "--runs", "300", "--seeds", "1"]);
    let cures = all["prevention"]["cures"].as_array().expect("cures");
    let limit = cures.iter().find(|cure| cure["knob"] == "limit of web/app").unwrap_or_else(|| panic!("{all:#}"));
    let set: Vec<String> =
        limit["to"]["change"]["set"].as_array().expect("settings").iter().fold(Vec::new(), |mut to, pair| {
            let word = |at: usize| pair[at].as_str().expect("a text");
            to.extend(["--set".to_string(), format!("{}={}", word(0), word(1))]);
            to
        });
    let args: Vec<String> = ["run".to_string(), file].into_iter().chain(set).collect();
    let cured = out(&oomsim(&args));
    assert!(cured.contains("no process died"), "{cured}");
}

/// Files whose causes are known by construction; each alone, in text and JSON.
#[test]
fn diagnose_names_the_cause_of_files() {
    let cases = repository().join("crates/explain/tests/cases");
    let causes =
        ["leak", "limit-too-low", "runtime-size", "burst", "node-pressure", "liveness-probe", "page-cache", "tmpfs"];
    for (number, cause) in (1..).zip(causes) {
        let folder = cases.join(format!("{number:02}"));
        let files = std::fs::read_dir(&folder)
            .expect("a case")
            .map(|entry| entry.expect("a file").path().display().to_string());
        let mut args: Vec<String> = ["diagnose".to_string()].into_iter().chain(files).collect();
        let text = oomsim(&args);
        assert!(text.status.success(), "{number}: {}{}", out(&text), err(&text));
        assert!(out(&text).contains(cause), "{number}: {}", out(&text));
        args.extend(["--format".into(), "json".into()]);
        let shown: Value = serde_json::from_str(&out(&oomsim(&args))).expect("JSON");
        let found = shown.to_string();
        assert!(found.contains(&format!("\"cause\":\"{cause}\"")), "{number}: {found}");
    }
}

#[test]
fn diagnose_says_what_it_cannot_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let broken = file("pod.json", "{\"kind\": \"Pod\", \"metadata\": {");
    let no_pod =
        file("list.json", "{\"kind\": \"ConfigMap\", \"apiVersion\": \"v1\", \"metadata\": {\"name\": \"x\"}}");
    for file in [&broken, &no_pod, "/dev/null", "none.json"] {
        let output = oomsim(["diagnose", file]);
        assert_eq!(output.status.code(), Some(2), "{file}: {}{}", out(&output), err(&output));
        assert!(!err(&output).is_empty(), "{file}");
    }
    // A pod alone: nothing decides, and the exit code says so.
    let pod = "{\"kind\": \"Pod\", \"apiVersion\": \"v1\", \"metadata\": {\"name\": \"w\", \"namespace\": \"d\"}, \"spec\": {\"containers\": [{\"name\": \"app\"}]}}";
    let open = oomsim(["diagnose", &file("only.json", pod)]);
    assert_eq!(open.status.code(), Some(1), "{}{}", out(&open), err(&open));
    assert!(out(&open).contains("container_memory_working_set_bytes"), "{}", out(&open));
}

#[test]
fn diagnose_takes_a_scenario() {
    let all = json(&["diagnose", &scenario("leak-limit-raised.toml")]);
    assert!(all.to_string().contains("\"cause\":\"leak\""), "{all:#}");
}
