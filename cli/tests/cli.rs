//! The program as users run it: exit codes, messages, files.

mod common;

use common::{command, err, oomsim, out};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

/// A small node whose pod runs into its limit after about two seconds.
const SCENARIO: &str = r#"
name = "small"
description = "A container runs into its limit."
duration = "20s"
[node]
memory = "2Gi"
[kernel]
version = "6.1"
[kubelet]
version = "1.32"
kubeReserved = { memory = "256Mi" }
evictionHard = { "memory.available" = "100Mi" }
[[pod]]
name = "web"
[[pod.container]]
name = "app"
resources.limits.memory = "64Mi"
[pod.container.workload.ramp]
rate = "32Mi"

[[expect]]
source = "64 MiB at 32 MiB a second"
event = "OomKill"
pod = "web"
where = { "victim.container" = "app", limit_kb = 65536 }
between = ["1s", "4s"]
"#;

const FAILING: &str = r#"
[[expect]]
source = "made up"
event = "Evicted"
pod = "web"
"#;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        path
    }
}

fn run(file: &Path, more: &[&str]) -> Output {
    oomsim([&["run", file.to_str().expect("UTF-8")], more].concat())
}

#[test]
fn a_run_that_holds() {
    let place = Place::new();
    let output = run(&place.file("small.toml", SCENARIO), &[]);
    let text = out(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{}", err(&output));
    for part in
        ["TIMELINE", "WHO DIED", "PODS AT THE END", "EXPECTATIONS", "Memory cgroup out of memory: Killed process"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains('\x1b'), "no colours in a pipe");
}

#[test]
fn a_failing_expectation_is_exit_code_1_with_the_command_to_repeat_it() {
    let place = Place::new();
    let file = place.file("small.toml", &format!("{SCENARIO}{FAILING}"));
    let output = run(&file, &["--seed", "5", "--set", "node.memory=3Gi"]);
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    assert!(text.contains("FAIL  Evicted pod web"), "{text}");
    assert!(text.contains("no Evicted at all; the run has "), "{text}");
    let file = file.display();
    assert!(text.contains(&format!("reproduce: oomsim run {file} --seed 5 --set node.memory=3Gi")), "{text}");
}

#[test]
fn wrong_input_and_wrong_usage_are_exit_code_2() {
    let place = Place::new();
    let file = place.file("small.toml", &SCENARIO.replace("memory = \"2Gi\"", "memoy = \"2Gi\""));
    let wrong = run(&file, &[]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(err(&wrong).contains("small.toml:6:1") && err(&wrong).contains("memoy"), "{}", err(&wrong));
    let file = place.file("fine.toml", SCENARIO);
    for args in
        [&["--seed", "x"][..], &["--until", "5"], &["--set", "node.nonsense=1"], &["--format", "xml"], &["--nonsense"]]
    {
        let output = run(&file, args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", err(&output));
        assert!(!err(&output).is_empty());
    }
    for args in [&["run", "there-is-none.toml"][..], &["check", "there-is-none"], &["nonsense"], &[]] {
        assert_eq!(oomsim(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn help_is_not_an_error() {
    for args in [
        &["--help"][..],
        &["--version"],
        &["run", "--help"],
        &["completions", "bash"],
        &["explain", "OomKill"],
        &["man"],
    ] {
        let output = oomsim(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(!output.stdout.is_empty(), "{args:?}");
    }
    assert!(out(&oomsim(["run", "--help"])).contains("Examples:"));
}

#[test]
fn json_is_one_object_in_the_kernels_and_kubernetes_names() {
    let place = Place::new();
    let output = run(&place.file("small.toml", SCENARIO), &["--format", "json"]);
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(object["scenario"], "small");
    let events = object["events"].as_array().expect("a list");
    let kill = events.iter().find(|event| event["kind"] == "OomKill").expect("a kill");
    assert_eq!(kill["victim"]["pod"], "web");
    assert_eq!(kill["victim"]["container"], "app");
    assert_eq!(kill["constraint"], "CONSTRAINT_MEMCG");
    let ended = events.iter().find(|event| event["kind"] == "ContainerTerminated").expect("an end");
    assert_eq!((&ended["reason"], &ended["exitCode"]), (&"OOMKilled".into(), &137.into()));
    assert!(object["expectations"].as_array().is_some_and(|list| list.len() == 1 && list[0]["holds"] == true));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let place = Place::new();
    let file = place.file("small.toml", SCENARIO);
    let bytes = |folder: &str| {
        let folder = place.path(folder);
        let output = run(
            &file,
            &[
                "--seed",
                "3",
                "--out",
                folder.to_str().expect("UTF-8"),
                "--kmsg",
                "--prometheus",
                "--metrics",
                "--png",
                "--parquet",
            ],
        );
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let mut files: Vec<_> =
            std::fs::read_dir(&folder).expect("a folder").map(|e| e.expect("an entry").path()).collect();
        files.sort();
        files
            .iter()
            .map(|f| (f.file_name().expect("a name").to_owned(), std::fs::read(f).expect("a file")))
            .collect::<Vec<_>>()
    };
    let first = bytes("a");
    let names: Vec<_> = first.iter().map(|(name, _)| name.to_str().expect("UTF-8")).collect();
    let expected = [
        // The list of files that are oomsim's.
        ".oomsim",
        "console.log",
        "events.jsonl",
        "kernel.kmsg",
        "kernel.log",
        "kubelet.log",
        "memory-prometheus.png",
        "memory-prometheus.svg",
        "memory.png",
        "memory.svg",
        "metrics.om",
        "metrics.prom",
        "pods.parquet",
        "series.csv",
        "series.parquet",
    ];
    assert_eq!(names, expected);
    assert!(first.iter().all(|(name, content)| !content.is_empty() || name == "kubelet.log"));
    assert!(first == bytes("b"), "a second run differs");
}

/// The article's second twist: two processes in one container, of which the kernel takes the larger.
#[test]
fn a_picture_shows_the_processes_of_a_container_in_which_one_was_killed() {
    let place = Place::new();
    let scenario = format!("{}/../scenarios/oom1-twist-a-kernel-6.1.toml", env!("CARGO_MANIFEST_DIR"));
    let folder = place.path("out");
    let written = run(Path::new(&scenario), &["--out", folder.to_str().expect("UTF-8")]);
    assert_eq!(written.status.code(), Some(0), "{}", err(&written));
    let drawn = std::fs::read_to_string(folder.join("memory.svg")).expect("a picture");
    for name in ["Processes", "dotnet 15976", "dotnet 14300"] {
        assert!(drawn.contains(name), "{name}");
    }
}

/// A program that is done has not died: only what is worth a look stands there.
#[test]
fn who_died_leaves_out_what_was_done() {
    let place = Place::new();
    let with_init = SCENARIO.replace(
        "[[pod.container]]",
        "[[pod.initContainer]]\nname = \"setup\"\nworkload.script = [{ exit = 0 }]\n\n[[pod.container]]",
    );
    let text = out(&run(&place.file("init.toml", &with_init), &[]));
    let (timeline, died) = text.split_once("WHO DIED").expect("a part");
    assert!(timeline.contains("container setup: Completed, exit code 0"), "{timeline}");
    assert!(died.contains("kernel") && !died.contains("exited with code 0"), "{died}");
}

#[test]
fn what_is_not_kept_is_not_written() {
    let place = Place::new();
    let file = place.file("small.toml", SCENARIO);
    for (record, expected) in [("events", 3 + 1), ("outcome", 0)] {
        let folder = place.path(record);
        let output = run(&file, &["--record", record, "--out", folder.to_str().expect("UTF-8")]);
        assert_eq!(output.status.code(), Some(0), "expectations are judged all the same: {}", out(&output));
        assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), expected, "{record}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_stops_before_the_work() {
    let place = Place::new();
    let file = place.file("small.toml", SCENARIO);
    let blocked = place.file("blocked", "");
    let output = run(&file, &["--out", blocked.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("blocked") && output.stdout.is_empty(), "{}", err(&output));
}

#[test]
fn a_reader_that_goes_away_is_not_an_error() {
    let place = Place::new();
    let file = place.file("small.toml", SCENARIO);
    let mut child = command(["run", file.to_str().expect("UTF-8"), "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let status = child.wait().expect("it ends");
    let mut complaints = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut complaints).expect("UTF-8");
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
}

#[test]
fn a_run_stopped_early_is_not_checked() {
    let place = Place::new();
    let output = run(&place.file("small.toml", &format!("{SCENARIO}{FAILING}")), &["--until", "1s"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(out(&output).contains("not checked: the run was stopped at 1s"), "{}", out(&output));
}

#[test]
fn check_ends_with_the_worst_of_all() {
    let place = Place::new();
    place.file("set/a.toml", SCENARIO);
    let folder = place.path("set");
    let folder = folder.to_str().expect("UTF-8");
    let fine = oomsim(["check", folder]);
    assert_eq!(fine.status.code(), Some(0), "{}", out(&fine));
    assert!(out(&fine).ends_with("1 of 1 scenarios hold (1 expectation)\n"), "{}", out(&fine));
    place.file("set/deep/b.toml", &format!("{SCENARIO}{FAILING}"));
    place.file("set/invalid/left-out.toml", "nonsense");
    let failing = oomsim(["check", folder, "--jobs", "1"]);
    assert_eq!(failing.status.code(), Some(1));
    let text = out(&failing);
    assert!(text.contains("b.toml:28:\nFAIL  Evicted pod web"), "{text}");
    assert!(text.contains("reproduce: oomsim run ") && text.contains("--seed 1"), "{text}");
    place.file("set/c.toml", "nonsense");
    let wrong = oomsim(["check", folder]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(out(&wrong).contains("1 of 3 scenarios hold, 1 failed, 1 could not be run"), "{}", out(&wrong));
}

/// Studies in a folder are skipped; a study that is named is not mistaken for a broken scenario.
#[test]
fn studies_are_no_scenarios() {
    let place = Place::new();
    place.file("small.toml", SCENARIO);
    let study = place.file("study.toml", "scenario = \"small.toml\"\nrepetitions = 3\n");
    let (folder, study) = (place.path(""), study.to_str().expect("UTF-8"));
    let folder = folder.to_str().expect("UTF-8");
    let checked = oomsim(["check", folder]);
    assert_eq!(checked.status.code(), Some(0), "{}", out(&checked));
    assert!(out(&checked).contains("1 study file skipped"), "{}", out(&checked));
    assert!(out(&oomsim(["list", folder])).contains("a study: `oomsim sweep`"));
    for command in ["check", "run", "node"] {
        let named = oomsim([command, study]);
        assert_eq!(named.status.code(), Some(2));
        let said = out(&named) + &err(&named);
        assert!(said.contains("this is a study") && said.contains("`oomsim sweep` runs it"), "{said}");
    }
}

#[test]
fn check_speaks_junit_github_and_json() {
    let place = Place::new();
    let file = place.file("b.toml", &format!("{SCENARIO}{FAILING}"));
    let file = file.to_str().expect("UTF-8");
    let github = oomsim(["check", file, "--format", "github"]);
    assert_eq!(github.status.code(), Some(1));
    let line = SCENARIO.lines().count() + 2;
    let start = format!("::error file={file},line={line},title=expectation::expected: Evicted pod web");
    assert!(out(&github).starts_with(&start), "{}", out(&github));
    let junit = oomsim(["check", file, "--format", "junit"]);
    let junit = out(&junit);
    assert!(junit.contains(" tests=\"2\" ") && junit.contains(" failures=\"1\""), "{junit}");
    assert!(
        junit.contains("<failure message=\"expected Evicted pod web, at least once, found no Evicted at all"),
        "{junit}"
    );
    let json: serde_json::Value =
        serde_json::from_slice(&oomsim(["check", file, "--format", "json"]).stdout).expect("JSON");
    assert_eq!((&json["total"], &json["scenarios"][0]["status"]), (&1.into(), &"failed".into()));
}

/// Capacity, reservation and threshold of the node of P4 (docs/SOURCES.md) give what its `kubectl describe node` and
/// its cgroup show: allocatable 4675304 Ki, kubepods limit 5573943296 bytes; with 1000 Mi, 4419304 Ki and the same
/// limit.
#[test]
fn node_shows_what_the_articles_node_shows() {
    for (threshold, allocatable) in [("750Mi", 4_675_304_u64), ("memory.available<1000Mi", 4_419_304)] {
        let args = ["--capacity", "7120616Ki", "--kube-reserved", "memory=1638Mi", "--eviction-hard", threshold];
        let output = oomsim(["node"].iter().chain(&args).chain(&["--format", "json"]));
        let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(object["allocatable"], allocatable * 1024, "{}", err(&output));
        assert_eq!(object["kubepodsLimit"], 5_573_943_296_u64);
        let text = out(&oomsim(["node"].iter().chain(&args)));
        assert!(text.contains(&format!("{allocatable}Ki")), "{text}");
    }
    // The same node by its provider's rule: P4 of docs/SOURCES.md (DS2_v2 of 7 GiB).
    let preset = ["node", "--preset", "aks-1.28", "--sku-memory", "7Gi", "--capacity", "7120616Ki"];
    let text = out(&oomsim(preset));
    for part in ["memory:  7120616Ki", "memory:  4675304Ki", "1677312Ki", "5573943296 bytes", "768000Ki"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let unknown = oomsim(["node", "--preset", "aks-1.28", "--capacity", "7120616Ki"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(err(&unknown).contains("nominal"), "{}", err(&unknown));
    let too_much = oomsim(["node", "--capacity", "1Gi", "--system-reserved", "2Gi"]);
    assert_eq!(too_much.status.code(), Some(2));
    assert!(out(&too_much).contains("the kubelet does not start"), "{}", out(&too_much));
}

#[test]
fn list_shows_names_and_descriptions() {
    let place = Place::new();
    let file = place.file("small.toml", SCENARIO);
    let output = oomsim(["list", file.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(0));
    assert!(out(&output).contains("A container runs into its limit."), "{}", out(&output));
}

/// Every command that reads the node reports a misspelt field of a real KubeletConfiguration, with its place.
#[test]
fn unknown_fields_of_the_kubelets_file_are_told() {
    let place = Place::new();
    let config = place.file(
        "kubelet.yaml",
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nevictionHrad:\n  memory.available: 750Mi\n",
    );
    let config = config.to_str().expect("UTF-8");
    let node = ["node", "--capacity", "8Gi", "--config", config];
    let race = ["race", "--memory", "8Gi", "--config", config, "--runs", "10", "--rate", "8Mi", "--threshold", "100Mi"];
    for args in [&node[..], &race[..]] {
        let output = oomsim(args);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        for part in ["`evictionHrad`", "kubelet.yaml:3:1", "did you mean `evictionHard`?"] {
            assert!(err(&output).contains(part), "{part}: {}", err(&output));
        }
    }
}

/// KUBELET section 6: a percentage refers to the limit of all pods there, and without `pods` in enforceNodeAllocatable
/// they are not checked.
#[test]
fn node_shows_when_pods_are_evicted() {
    let above = |args: &[&str]| {
        let node = ["node", "--capacity", "8Gi", "--kube-reserved", "1Gi", "--format", "json"];
        let output = oomsim(node.iter().chain(args));
        let object: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        object["podsEvictedAbove"].clone()
    };
    assert_eq!(above(&["--eviction-hard", "1Gi"]), 6_442_450_944_u64);
    // 7 GiB less a tenth of them, which is 0.1000000015 as float32; a tenth of the node would be 858993459.
    assert_eq!(above(&["--eviction-hard", "10%"]), (7_u64 << 30) - 751_619_288);
    assert_eq!(above(&["--eviction-hard", "1Gi", "--flags", "--enforce-node-allocatable="]), serde_json::Value::Null);
}

/// The kubelet takes `NaN%` for a percentage (Go's comparisons with it are false) and never evicts: it is reported and
/// breaks nothing.
#[test]
fn a_percentage_that_is_no_number_is_told() {
    let place = Place::new();
    let file = place.file("small.toml", SCENARIO);
    let file = file.to_str().expect("UTF-8");
    let set = "kubelet.evictionHard.\"memory.available\"=NaN%";
    // Nothing is allocatable: the kubelet admits no pod with a request, and the run's expectation fails.
    for (args, code) in [
        (&["node", "--capacity", "8Gi", "--eviction-hard", "NaN%"][..], 0),
        (&["node", file, "--set", set], 0),
        (&["run", file, "--set", set], 1),
    ] {
        let output = oomsim(args);
        assert_eq!(output.status.code(), Some(code), "{}", err(&output));
        assert!(err(&output).contains("no pod is ever evicted"), "{}", err(&output));
        assert!(!out(&output).contains("-9"), "{}", out(&output));
    }
    for wrong in ["inf%", "-inf%", "-NaN%", "1e39%", "%"] {
        let output = oomsim(["node", "--capacity", "8Gi", &format!("--eviction-hard={wrong}")]);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {}", err(&output));
    }
}

/// A pod grows over what a threshold of 10 % lets pods have: 70 GiB less a tenth of them, not less a tenth of 100 GiB.
/// Without `pods` in enforceNodeAllocatable there is no such amount.
#[test]
fn a_threshold_in_percent_is_of_the_kubepods_limit() {
    let scenario = |more: &str| {
        format!(
            "duration = \"10m\"\n[node]\nmemory = \"100Gi\"\nsystem = {{ anon = \"1Gi\" }}\n[kubelet]\n\
             kubeReserved = {{ memory = \"30Gi\" }}\nevictionHard = {{ \"memory.available\" = \"10%\" }}\n{more}\n\
             [[pod]]\nname = \"leaky\"\n[[pod.container]]\nname = \"app\"\nworkload.ramp = {{ from = \"50Gi\", rate = \"30Mi\" }}\n"
        )
    };
    let place = Place::new();
    let percent = place.file("percent.toml", &scenario(""));
    let text = out(&run(&percent, &[]));
    assert!(text.contains("pods above 63Gi (kubepods limit minus the threshold)"), "{text}");
    let none = place.file("none.toml", &scenario("enforceNodeAllocatable = [\"none\"]"));
    for (file, expected) in
        [(&percent, serde_json::json!((70_u64 << 30) - 7_516_192_880)), (&none, serde_json::Value::Null)]
    {
        let object: serde_json::Value = serde_json::from_slice(&run(file, &["--format", "json"]).stdout).expect("JSON");
        assert_eq!(object["node"]["pods_evicted_above"], expected);
        let shown = oomsim(["node", file.to_str().expect("UTF-8"), "--format", "json"]);
        let object: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
        assert_eq!(object["podsEvictedAbove"], expected);
    }
}

/// A scenario whose kubelet refuses its configuration meets its (zero) expectations; every output format gives the
/// reason.
#[test]
fn check_tells_what_a_scenario_warns_of() {
    let place = Place::new();
    let file = place
        .file("soft.toml", "[node]\nmemory = \"4G\"\n[kubelet]\nevictionSoft = { \"memory.available\" = \"1Gi\" }\n");
    let file = file.to_str().expect("UTF-8");
    for format in ["text", "json", "junit", "github"] {
        let text = out(&oomsim(["check", file, "--format", format]));
        for part in ["a soft threshold needs a grace period", "the kubelet does not start"] {
            assert!(text.contains(part), "{format}: {text}");
        }
    }
    let text = out(&oomsim(["check", file]));
    assert!(text.contains(", 1 warning\n") && text.contains("soft.toml:4: "), "{text}");
    let unknown: String = (0..12).map(|i| format!("--field{i}=1 ")).collect();
    let many = place.file("many.toml", &format!("[node]\nmemory = \"4G\"\n[kubelet]\nflags = \"{unknown}\"\n"));
    let text = out(&oomsim(["check", many.to_str().expect("UTF-8")]));
    assert!(text.contains(", 12 warnings\n") && text.contains("… and 2 more\n"), "{text}");
}

/// Kinds of events in any case, and the nearest name of an event or a rule.
#[test]
fn explain_finds_what_was_meant() {
    assert_eq!(out(&oomsim(["explain", "oomkill"])), out(&oomsim(["explain", "OomKill"])));
    for (given, meant) in [("OomKil", "`OomKill`"), ("no-limits", "`no-limit`"), ("evict", "`Evicted`")] {
        let output = oomsim(["explain", given]);
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).contains(meant), "{}", err(&output));
    }
}

/// A text without a flag is another program's line, or the output of `ps` that found nothing; a kubelet may have no
/// flags.
#[test]
fn a_text_without_flags_is_no_command_line() {
    for (flags, code) in [("foo bar", 2), ("", 2), ("/usr/bin/kubelet", 0), ("--max-pods=30", 0)] {
        for command in [&["lint", "--level", "error"][..], &["node", "--capacity", "8Gi"]] {
            let output = oomsim([command, &["--flags", flags]].concat());
            assert_eq!(output.status.code(), Some(code), "{command:?} {flags}: {}", err(&output));
        }
    }
}

/// A problem of an option is shown at the option, not at a generated file.
#[test]
fn node_names_the_option_that_is_wrong() {
    for (option, value) in [
        ("--capacity", "0"),
        ("--capacity", "8Gx"),
        ("--kubernetes", "9.9"),
        ("--config", "there-is-none.yaml"),
        ("--kube-reserved", "memory=x"),
        ("--eviction-hard", "memory.available<101%"),
        ("--flags", "--eviction-hard=memory.available<x"),
        ("--max-pods", "0"),
    ] {
        let capacity = if option == "--capacity" { &[][..] } else { &["--capacity", "8Gi"] };
        let output = oomsim([&["node"], capacity, &[option, value]].concat());
        assert_eq!(output.status.code(), Some(2), "{option} {value}");
        let text = err(&output);
        assert!(text.contains(&format!("--> {option}:1:")) && !text.contains("command line"), "{text}");
        assert!(text.contains(value), "{text}");
    }
}

/// docs/reference/output.md: metrics.om and the pictures need series, the other files events.
#[test]
fn what_cannot_be_written_is_told() {
    let place = Place::new();
    let file = place.file("small.toml", SCENARIO);
    let folder = place.path("out");
    let folder = folder.to_str().expect("UTF-8");
    for (record, option) in [("outcome", "--metrics"), ("events", "--prometheus")] {
        let output = run(&file, &["--record", record, "--out", folder, option]);
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).contains(option) && err(&output).contains(record), "{}", err(&output));
    }
    assert!(!Path::new(folder).exists(), "nothing was begun");
    let output = run(&file, &["--record", "outcome", "--out", folder]);
    assert_eq!(output.status.code(), Some(0));
    assert!(err(&output).contains("--record outcome there is nothing to write"), "{}", err(&output));
}

/// One `--set` that is no assignment hides none of the others.
#[test]
fn runtimes_need_a_limit_that_can_be() {
    for wrong in [["--limit", "0"], ["--limit", "much"], ["--memory", "0"], ["--cpus", "0"]] {
        let output = oomsim(["runtimes", "jvm-17", wrong[0], wrong[1]]);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(err(&output).contains(wrong[0]), "{wrong:?}: {}", err(&output));
    }
    assert_eq!(oomsim(["runtimes", "jvm-17", "--limit", "none"]).status.code(), Some(0));
}

#[test]
fn every_wrong_set_is_told() {
    let place = Place::new();
    let file = place.file("small.toml", SCENARIO);
    let sets = [
        "--set",
        "=1",
        "--set",
        "node.memry=1Gi",
        "--set",
        "no equals",
        "--set",
        "pod.wbe.name=x",
        "--set",
        "node.memory=8Gx",
    ];
    let output = run(&file, &sets);
    assert_eq!(output.status.code(), Some(2));
    for part in ["expected a path of keys", "`memry`", "expected KEY.PATH=VALUE", "`wbe`", "8Gx"] {
        assert!(err(&output).contains(part), "{part}: {}", err(&output));
    }
}
