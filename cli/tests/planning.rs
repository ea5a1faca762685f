//! From a KubeletConfiguration and manifests to a recommended KubeletConfiguration, on nodes of several kinds.

mod common;

use common::{err, oomsim, out, repository};
use serde_json::Value;
use std::path::PathBuf;

fn studies() -> PathBuf {
    repository().join("studies")
}

/// `studies/shop` in a folder of its own, with some texts replaced: file, text, replacement.
fn shop(changes: &[(&str, &str, &str)]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(studies().join("shop")).unwrap() {
        let from = entry.unwrap().path();
        let name = from.file_name().unwrap().to_str().unwrap().to_string();
        let mut text = std::fs::read_to_string(&from).unwrap();
        for (_, old, new) in changes.iter().filter(|(file, ..)| *file == name) {
            assert!(text.contains(old), "{old:?} is not in {name}");
            text = text.replace(old, new);
        }
        std::fs::write(place.path().join(&name), text).unwrap();
    }
    place
}

/// Runs the goal: exit code, and what came out.
fn plan(place: &tempfile::TempDir) -> (i32, Value) {
    let (goal, out) = (place.path().join("goal.toml"), place.path().join("out"));
    let output = oomsim(["plan", &goal.display().to_string(), "--out", &out.display().to_string(), "--format", "json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {said}"));
    (output.status.code().unwrap(), json)
}

fn text(place: &tempfile::TempDir) -> String {
    let output = oomsim(["plan", &place.path().join("goal.toml").display().to_string()]);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_configuration_and_manifests_become_a_recommended_configuration() {
    let place = shop(&[]);
    let (code, json) = plan(&place);
    assert_eq!(code, 0);
    // The job grows by 40 MiB/s and goes on for 2 s after the decision, as its PID 1 has no handler: no phase of the
    // 10 s check is late from 12 s · 40 MiB/s = 480 MiB on, less what its first steps take. The grid has 450 and 500.
    let setting = &json["recommended"]["trial"]["setting"]["evictionHard"];
    assert_eq!(setting, "500Mi");
    // 8 GiB − 600 MiB − 200 MiB − 500 MiB.
    assert_eq!(json["recommended"]["trial"]["allocatable_bytes"], (8192_i64 - 1300) << 20);
    // Current settings, 200 MiB: (200 / 40 − 2) s of 10 s are in time, so that the kernel wins in about 70 % of the
    // runs.
    let now = &json["as_it_is"]["targets"][0];
    let share = now["bad"].as_f64().unwrap() / now["runs"].as_f64().unwrap();
    assert!((0.62..0.78).contains(&share), "{share}");
    assert_eq!(json["as_it_is"]["allocatable_bytes"], (8192_i64 - 1000) << 20);
    // The answer is a file that the kubelet takes, including the entries of the map that no knob sets.
    let yaml = std::fs::read_to_string(place.path().join("out/kubelet.yaml")).unwrap();
    assert_eq!(
        yaml,
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nevictionHard:\n  \
         memory.available: \"500Mi\"\n  nodefs.available: \"10%\"\n"
    );
    // And it does what was said: as a drop-in, no run of another hundred seeds is lost to the kernel.
    std::fs::create_dir(place.path().join("kubelet.conf.d")).unwrap();
    std::fs::write(place.path().join("kubelet.conf.d/90-oomsim.conf"), yaml).unwrap();
    let study = "scenario = \"bad-day.toml\"\nrepetitions = 100\nseed = 100000\nset = { \"kubelet.configDir\" = \"kubelet.conf.d\" }\n";
    std::fs::write(place.path().join("again.toml"), study).unwrap();
    let (study, out) = (place.path().join("again.toml"), place.path().join("again"));
    let output =
        oomsim(["sweep", &study.display().to_string(), "--out", &out.display().to_string(), "--format", "json"]);
    let again: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(again["cells"][0]["outcome"]["eviction"]["count"], 100, "{again}");
}

#[test]
fn a_configuration_without_memory_available_gets_one() {
    // As k3s has it: the map is given, and memory is not in it, so that nothing is evicted for memory.
    let hard = "memory.available: \"200Mi\"\n  nodefs.available: \"10%\"";
    let place = shop(&[("kubelet.yaml", hard, "imagefs.available: 5%\n  nodefs.available: 5%")]);
    let (code, json) = plan(&place);
    assert_eq!(code, 0);
    let now = &json["as_it_is"]["targets"][0];
    assert_eq!((&now["bad"], &now["runs"]), (&400.into(), &400.into()), "the kernel always wins: {now}");
    let yaml = json["recommended"]["files"]["kubelet.yaml"].as_str().unwrap();
    for part in ["memory.available: \"500Mi\"", "imagefs.available: \"5%\"", "nodefs.available: \"5%\""] {
        assert!(yaml.contains(part), "{yaml}");
    }
}

#[test]
fn where_no_threshold_helps_the_missing_knob_is_named() {
    // 2 GiB/s: kubepods is full before any check, whatever the threshold.
    let fast = shop(&[("bad-day.toml", "\"40Mi\"", "\"2Gi\"")]);
    let (code, json) = plan(&fast);
    assert_eq!((code, &json["recommended"]), (1, &Value::Null));
    let said = text(&fast);
    for part in [
        "No setting meets the targets",
        "none of the values tried made a difference for evictionHard",
        "resources.limits",
    ] {
        assert!(said.contains(part), "{part:?} not in\n{said}");
    }
    assert!(!said.contains("wider range for evictionHard"), "{said}");
    // A limit of the job's own below everything else: nothing of the kubelet's acts on that.
    let limit = shop(&[("bad-day.toml", "rate = \"40Mi\" }", "rate = \"40Mi\" }\nresources.limits.memory = \"2Gi\"")]);
    let said = text(&limit);
    assert!(said.contains("to act on pod_oom, add a knob for resources.limits"), "{said}");
    // Thresholds that end too early: going on helps.
    let short = shop(&[("goal.toml", "to = \"1300Mi\"\nsteps = 25", "to = \"400Mi\"\nsteps = 7")]);
    let said = text(&short);
    assert!(said.contains("try a wider range for evictionHard (now 400Mi)"), "{said}");
}

#[test]
fn advice_fits_what_went_wrong() {
    let values = "from = \"100Mi\"\nto = \"1300Mi\"\nsteps = 25";
    // 1.30 gives the job its 30 s: it grows by 1200 MiB in them. With 1000Mi, 25 s lie between the threshold and the
    // limit of kubepods, so that a check of every 10 s always decides first, and the kernel always kills.
    let old = shop(&[("bad-day.toml", "\"1.32\"", "\"1.30\""), ("goal.toml", values, "values = [\"1000Mi\"]")]);
    let said = text(&old);
    for part in [
        "in 64 of 64 bad runs the kubelet had already decided",
        "in Kubernetes 1.30 waits",
        "newer release",
        "`onTerm`",
    ] {
        assert!(said.contains(part), "{part:?} not in\n{said}");
    }
    // A limit that the job reaches whatever it is: the advice is not to repeat the same.
    let limits = "values = [\"1Gi\", \"2Gi\"]";
    let place = shop(&[
        ("bad-day.toml", "rate = \"40Mi\" }", "rate = \"40Mi\" }\nresources.limits.memory = \"2Gi\""),
        ("goal.toml", "kubelet.evictionHard.memory.available", "pod.etl.container.job.resources.limits.memory"),
        ("goal.toml", values, limits),
    ]);
    let said = text(&place);
    assert!(said.contains("pod_oom happens at every value tried of resources.limits"), "{said}");
    for part in ["more runs", "add a knob", "had already decided"] {
        assert!(!said.contains(part), "{part:?} in\n{said}");
    }
}

#[test]
fn every_kind_of_knob_can_be_turned() {
    let goal = r#"
runs = 200
[[scenario]]
file = "bad-day.toml"
[[target]]
event = "kernelKill"
below = "5%"
[[knob]]
name = "soft"
key = "kubelet.evictionSoft.memory.available"
values = ["1600Mi"]
[[knob]]
name = "grace"
key = "kubelet.evictionSoftGracePeriod.memory.available"
values = ["1m", "10s"]
[[knob]]
name = "reclaim"
key = "kubelet.evictionMinimumReclaim.memory.available"
values = ["100Mi"]
[[knob]]
name = "kube"
key = "kubelet.kubeReserved.memory"
values = ["700Mi"]
[[knob]]
name = "system"
key = "kubelet.systemReserved.memory"
values = ["300Mi"]
[[knob]]
name = "limit"
keys = ["pod.web.container.app.resources.limits.memory", "pod.etl.container.job.resources.limits.memory"]
values = ["7Gi"]
[[knob]]
name = "request"
keys = ["pod.web.container.app.resources.requests.memory", "pod.etl.container.job.resources.requests.memory"]
values = ["500Mi"]
[[knob]]
name = "housekeeping"
key = "kubelet.timing.housekeeping.interval"
values = ["10s"]
"#;
    let place = shop(&[]);
    std::fs::write(place.path().join("goal.toml"), goal).unwrap();
    let (code, json) = plan(&place);
    assert_eq!(code, 0, "{json}");
    // kubepods (7192 MiB) is full when the node, which uses 570 MiB itself, has 430 MiB left: (1600 − 430) / 40 = 29 s
    // after the soft threshold. That is enough for two checks, a grace of 10 s between them, and 2 s until the job is
    // dead; it is not enough for a grace of a minute.
    assert_eq!(json["recommended"]["trial"]["setting"]["grace"], "10s");
    let file = |name: &str| json["recommended"]["files"][name].as_str().unwrap_or_else(|| panic!("{json}"));
    for part in [
        "evictionSoft:\n  memory.available: \"1600Mi\"",
        "evictionSoftGracePeriod:\n  memory.available: \"10s\"",
        "evictionMinimumReclaim:\n  memory.available: \"100Mi\"",
        "kubeReserved:\n  memory: \"700Mi\"\n  cpu: \"100m\"",
        "systemReserved:\n  memory: \"300Mi\"",
    ] {
        assert!(file("kubelet.yaml").contains(part), "{part:?} not in\n{}", file("kubelet.yaml"));
    }
    // The simulation's own clocks are no fields of a KubeletConfiguration.
    assert!(!file("kubelet.yaml").contains("timing"), "{}", file("kubelet.yaml"));
    assert!(file("kubelet.yaml").ends_with("# and as a flag of the kubelet: --housekeeping-interval=10s\n"));
    // A Deployment is patched in its template, a bare pod as it is.
    assert!(
        file("web.patch.yaml").starts_with("spec:\n  template:\n    spec:\n      containers:\n      - name: app\n")
    );
    assert!(file("etl.patch.yaml").starts_with("spec:\n  containers:\n  - name: job\n"));
}

#[test]
fn a_race_says_when_the_node_does_not_stand_still() {
    let worker = studies().join("worker.toml").display().to_string();
    let race = |more: &[&str]| {
        let all =
            ["race", &worker, "--threshold", "500Mi", "--rate", "40Mi,160Mi", "--runs", "400", "--format", "json"];
        let output = oomsim([&all[..], more].concat());
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let notes = race(&[])["notes"].to_string();
    assert!(notes.contains("default/leaky dies even without"), "{notes}");
    // Without the pod that leaks by itself, the closed form holds.
    let still = race(&["--set", "pod.leaky.replicas=0"]);
    assert_eq!(still["notes"], serde_json::json!([]));
    for point in still["thresholds"][0]["points"].as_array().unwrap() {
        let (low, high) = (point["share_low"].as_f64().unwrap(), point["share_high"].as_f64().unwrap());
        let expected = point["closed_form"].as_f64().unwrap();
        assert!(low - 0.02 <= expected && expected <= high + 0.02, "{point}");
    }
}

#[test]
fn a_race_that_would_not_end_and_options_that_are_wrong_are_named() {
    let refused = |arguments: &[&str], parts: &[&str]| {
        let output = oomsim([&["race"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{arguments:?}: {part:?} not in\n{said}");
        }
        assert!(!said.contains("race.toml"), "the name of a generated file: {said}");
    };
    // 7 GiB of kubepods at 1 byte/s: 7516192768 s / 31536000 = 238 years. At 100 byte/s 2.4 years, 2000 times.
    refused(&["--rate", "1,1Mi"], &["--rate 1: at this rate it takes 238 years", "choose a higher --rate"]);
    refused(&["--rate", "100"], &["years of a node's life", "but the limit is 200", "at 100/s", "--runs"]);
    // 7 GiB / 23 / 31536000 = 10.4
    refused(&["--rate", "23", "--runs", "10"], &["--rate 23: at this rate it takes 10 years"]);
    refused(&["--memory", "0"], &["--> --memory:1:1", "0 is out of range"]);
    refused(&["--kernel", "99", "--kubernetes", "9"], &["--> --kernel:1:1", "--> --kubernetes:1:1"]);
    refused(&["--config", "nope.yaml"], &["--> --config:1:1", "`nope.yaml` cannot be read"]);
    refused(
        &["--kube-reserved", "x", "--system-reserved", "y"],
        &["--> --kube-reserved:1:1", "--> --system-reserved:1:1"],
    );
    refused(&["--system", "z"], &["--> --system:1:1"]);
}

/// cm/node_container_manager_linux.go validateNodeAllocatable: what is reserved and the threshold exceed the capacity;
/// eviction/helpers.go ParseThresholdConfig: a soft threshold without a grace period is an error.
#[test]
fn a_kubelet_that_does_not_start_wins_no_race_and_is_no_recommendation() {
    let refuses = |arguments: &[&str], parts: &[&str]| {
        let output = oomsim(arguments);
        let (printed, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!((output.status.code(), &*printed), (Some(2), ""), "{arguments:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{arguments:?}: {part:?} not in\n{said}");
        }
    };
    // 8 GiB with 1 GiB reserved: up to 7 GiB the kubelet starts. All thresholds are looked at before the first run.
    let said = ["--threshold 10Gi: the kubelet does not start", "11Gi reserved", "--threshold 7169Mi", "has 8Gi"];
    refuses(&["race", "--threshold", "10Gi,100Mi,7169Mi"], &said);
    let said = ["the kubelet does not start on this node", "20971620Mi reserved", "has 16Ti"]; // 20 TiB + 100 MiB
    refuses(&["race", "--memory", "16Ti", "--kube-reserved", "20Ti", "--rate", "512Mi", "--threshold", "100Mi"], &said);

    // 8 GiB with 800 MiB reserved: 7392 MiB is the largest threshold with which the kubelet starts.
    let place =
        shop(&[("goal.toml", "from = \"100Mi\"\nto = \"1300Mi\"\nsteps = 25", "values = [\"500Mi\", \"7393Mi\"]")]);
    let (code, json) = plan(&place);
    assert_eq!((code, &json["recommended"]["trial"]["setting"]["evictionHard"]), (0, &"500Mi".into()));
    let refused = &json["trials"][1];
    assert_eq!((&refused["allocatable_bytes"], &refused["meets"]), (&0.into(), &false.into()));
    assert!(refused["kubelet_not_started"].as_str().is_some_and(|why| why.contains("8193Mi reserved")), "{refused}");
    let said = text(&place);
    assert!(said.contains("evictionHard = 7393Mi: the kubelet does not start: memory: 8193Mi reserved"), "{said}");
    let csv = std::fs::read_to_string(place.path().join("out/trials.csv")).unwrap();
    assert!(csv.lines().any(|line| line.contains(",7393Mi,0,not_started,\"memory: 8193Mi reserved")), "{csv}");

    let place = shop(&[("goal.toml", "evictionHard.memory", "evictionSoft.memory")]);
    let (code, json) = plan(&place);
    assert_eq!((code, &json["recommended"]), (1, &Value::Null));
    let said = text(&place);
    for part in ["with all of them the kubelet does not start", "needs a grace period"] {
        assert!(said.contains(part), "{part:?} not in\n{said}");
    }

    let study = "scenario = \"bad-day.toml\"\nrepetitions = 5\n[[axis]]\nname = \"hard\"\n\
                 key = \"kubelet.evictionHard.memory.available\"\nvalues = [\"500Mi\", \"7393Mi\"]\n";
    std::fs::write(place.path().join("study.toml"), study).unwrap();
    let (study, out) = (place.path().join("study.toml"), place.path().join("swept"));
    let output = oomsim(["sweep", &study.display().to_string(), "--out", &out.display().to_string()]);
    let said = String::from_utf8(output.stdout).unwrap();
    let lines = said.lines().filter(|line| line.contains("hard = 7393Mi: the kubelet does not start: memory: 8193Mi"));
    assert_eq!(lines.count(), 1, "once, not once per run: {said}");
    assert!(said.lines().any(|line| line.starts_with("7393Mi") && line.contains("100 %")), "{said}");
}

#[test]
fn the_files_of_the_examples_are_there() {
    for command in ["sweep", "race", "plan"] {
        let help = String::from_utf8(oomsim([command, "--help"]).stdout).unwrap();
        let files: Vec<&str> = help.split_whitespace().filter(|word| word.starts_with("studies/")).collect();
        assert!(!files.is_empty(), "{help}");
        for file in files {
            assert!(studies().join("..").join(file).exists(), "{file} of `oomsim {command} --help` is not there");
        }
    }
}

/// The sentence of docs/planning.md on 200Mi: a window of 7 s of 10 s, 2 s of which pass until SIGKILL, is half lost at
/// 200 MiB / 7 s · 512/513 = 28.5 MiB/s in closed form.
#[test]
fn the_rate_that_the_page_states_is_that_of_the_closed_form() {
    let page = std::fs::read_to_string(studies().join("../docs/planning.md")).unwrap();
    let rate: f64 = page.split("\"above ").nth(1).and_then(|rest| rest.split("Mi/s").next()).unwrap().parse().unwrap();
    assert!((rate - 200.0 / 7.0 * 512.0 / 513.0).abs() < 0.5, "{rate}");
}

#[test]
fn the_page_on_planning_names_every_column_and_its_files() {
    let page = std::fs::read_to_string(studies().join("../docs/planning.md")).unwrap();
    for column in oomsim_planning::measure::MEASURES {
        assert!(page.contains(&format!("| `{}` (", column.name)), "{} is not in docs/planning.md", column.name);
    }
    for placeholder in ["COLUMNS", "BAND", "SPEED"] {
        assert!(!page.lines().any(|line| line == placeholder), "{placeholder} is still to be filled");
    }
    let commands = page.lines().map(str::trim).filter(|line| line.starts_with("oomsim "));
    let files = commands.flat_map(|line| line.split(' ')).filter(|word| word.starts_with("studies/"));
    for file in files {
        assert!(studies().join("..").join(file).exists(), "{file} of docs/planning.md is not there");
    }
}

/// Two pods, one of which reaches its limit: 100 MiB of the 120 MiB that it takes. Half as much again is enough.
#[test]
fn knobs_and_targets_of_many_pods() {
    let folder = tempfile::tempdir().expect("a folder");
    let pod = |name: &str, namespace: &str, workload: &str| {
        format!(
            "[[pod]]\nname = \"{name}\"\nnamespace = \"{namespace}\"\n[[pod.container]]\nname = \"app\"\n\
             resources.limits.memory = \"100Mi\"\nworkload.{workload}\n"
        )
    };
    let pods = pod("leak", "a", "ramp = { rate = \"10Mi\", to = \"120Mi\" }")
        + &pod("calm", "b", "steady = { anon = \"50Mi\" }");
    let scenario = format!("duration = \"60s\"\n[node]\nmemory = \"8Gi\"\n[kubelet]\n{pods}");
    std::fs::write(folder.path().join("two.toml"), scenario).expect("written");
    let goal = |pods: &str| {
        let text = format!(
            "runs = 200\n[[scenario]]\nfile = \"two.toml\"\n[[target]]\nevent = \"kernelKill\"\nbelow = \"5%\"\npods = \"{pods}\"\n\
             [[knob]]\nname = \"limits\"\nkey = \"pod.*.container.*.resources.limits.memory\"\nvalues = [\"×1\", \"×1.5\"]\n"
        );
        let file = folder.path().join("goal.toml");
        std::fs::write(&file, text).expect("written");
        oomsim(["plan", file.to_str().expect("UTF-8"), "--format", "json"])
    };
    let found = goal("namespace=a");
    assert!(found.status.success(), "{}{}", out(&found), err(&found));
    let json: serde_json::Value = serde_json::from_str(&out(&found)).expect("JSON");
    let best = &json["recommended"];
    assert_eq!(best["trial"]["setting"]["limits"], "×1.5", "{best}");
    for pod in ["leak", "calm"] {
        let patch = best["files"][format!("{pod}.patch.yaml")].as_str().unwrap_or_default();
        assert!(patch.contains("memory: \"153600Ki\""), "{best}");
    }
    // Nothing happens to the other pod, so nothing is changed.
    let found = goal("namespace=b");
    let json: serde_json::Value = serde_json::from_str(&out(&found)).expect("JSON");
    assert_eq!(json["recommended"]["trial"]["setting"]["limits"], "×1", "{json}");
    let none = goal("namespace=c");
    assert_eq!(none.status.code(), Some(2));
    assert!(err(&none).contains("no pod fits `namespace=c`"), "{}", err(&none));
}

/// Twelve replicas of 1 GiB, each of which needs half of its request: the smallest machine that holds a node's share is
/// the cheapest. A leak on one day in ten breaks the target of all days only when such days count more.
#[test]
fn sizes_and_numbers_of_nodes_are_knobs_with_prices() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = |name: &str, workload: &str| {
        let text = format!(
            "duration = \"60s\"\n[node]\nmemory = \"16Gi\"\n[kubelet]\nkubeReserved = {{ memory = \"500Mi\" }}\n[[pod]]\n\
             name = \"web\"\nreplicas = 12\ncontroller = \"Deployment\"\n[[pod.container]]\nname = \"app\"\n\
             resources.requests.memory = \"1Gi\"\nresources.limits.memory = \"1Gi\"\nworkload.{workload}\n"
        );
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    scenario("day.toml", "steady = { anon = \"500Mi\" }");
    scenario("bad-day.toml", "ramp = { rate = \"100Mi\", to = \"2Gi\" }");
    let goal = |bad_days: &str| {
        let text = format!(
            "runs = 2000\n[[scenario]]\nfile = \"day.toml\"\nweight = 9\n[[scenario]]\nfile = \"bad-day.toml\"\nweight = {bad_days}\n\
             [[target]]\nevent = \"kernelKill\"\nbelow = \"20%\"\n\
             [[instance]]\nname = \"small\"\nmemory = \"4Gi\"\nprice = 1\n\
             [[instance]]\nname = \"large\"\nmemory = \"8Gi\"\nprice = 1.9\n\
             [[instance]]\nname = \"huge\"\nmemory = \"16Gi\"\nprice = 4\nset = {{ \"kubelet.maxPods\" = 58 }}\n\
             [[knob]]\nname = \"instance\"\ninstances = \"all\"\n[[knob]]\nname = \"count\"\nnodes = [1, 2, 4]\n"
        );
        let file = folder.path().join("goal.toml");
        std::fs::write(&file, text).expect("written");
        oomsim(["plan", file.to_str().expect("UTF-8"), "--format", "json"])
    };
    let found = goal("1");
    assert!(found.status.success(), "{}{}", out(&found), err(&found));
    let json: Value = serde_json::from_str(&out(&found)).expect("JSON");
    // By hand: 3 pods fit on a small node (4 nodes: 4), 6 or 7 on a large one (2 nodes: 3.8), 12 on a huge one (4).
    let best = &json["recommended"]["trial"];
    assert_eq!((&best["setting"]["instance"], &best["setting"]["count"]), (&"large".into(), &"2".into()), "{best}");
    assert_eq!(best["price"], 3.8, "{best}");
    // Days with kills are 10 % of all.
    let (bad, runs) = (best["targets"][0]["bad"].as_f64(), best["targets"][0]["runs"].as_f64());
    let share = bad.expect("a number") / runs.expect("a number");
    assert!((share - 0.1).abs() < 0.02, "{share}");
    assert_eq!(goal("9").status.code(), Some(1), "every second day is bad");
    let wrong = goal("0");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(err(&wrong).contains("expected a weight"), "{}", err(&wrong));
}
