//! `oomsim lint` as users run it: files in, findings out, in every form.

mod common;

use common::{err, oomsim, oomsim_in, out, repository};
use serde_json::Value;
use std::process::Output;

/// k3s' own thresholds (pkg/daemons/agent: a map without memory.available), with a slip in a field's name.
const K3S: &str = "\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failSwapOn: false
evictionHard:
  imagefs.available: 5%
  nodefs.available: 5%
evictionMinimumReclaim:
  imagefs.available: 10%
  nodefs.available: 10%
evictionHrd: {}
";

/// Three times 3 GiB of limits, and a container without any.
const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: registry.example/app
        resources: {limits: {memory: 3Gi}}
      - name: log
        image: registry.example/log
";

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";

/// A folder in which the program runs, so that paths are relative.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a temporary folder"));
        for (name, text) in [("k3s.yaml", K3S), ("web.yaml", DEPLOYMENT), ("service.yaml", SERVICE)] {
            place.file(name, text);
        }
        place
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).expect("a file");
    }

    fn lint(&self, args: &str) -> Output {
        oomsim_in(self.0.path(), ["lint"].into_iter().chain(args.split_whitespace()))
    }

    fn json(&self, args: &str) -> Value {
        serde_json::from_slice(&self.lint(&format!("{args} --format json")).stdout).expect("JSON")
    }

    /// Codes with their lines.
    fn codes(&self, args: &str) -> Vec<String> {
        let findings = self.json(args)["findings"].clone();
        let one = |f: &Value| match &f["line"] {
            Value::Null => f["code"].as_str().expect("a code").to_owned(),
            line => format!("{}:{line}", f["code"].as_str().expect("a code")),
        };
        findings.as_array().expect("a list").iter().map(one).collect()
    }
}

#[test]
fn findings_are_shown_with_their_lines() {
    let place = Place::new();
    let output = place.lint("k3s.yaml");
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    for part in
        ["warning[OOM001]: evictionHard sets imagefs.available", " --> k3s.yaml:5:3", "= help: add memory.available"]
    {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(
        text.ends_with(
            "1 warning in 1 file; `oomsim explain OOM001` says why it matters, how to fix it and where the rule comes from\n"
        )
    );
    assert!(err(&output).contains("`evictionHrd` is not a field of KubeletConfiguration"), "{}", err(&output));
}

#[test]
fn exit_codes_tell_nothing_something_and_wrong_apart() {
    let place = Place::new();
    place.file("fine.yaml", "kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\n");
    place.file("amount.yaml", "kind: KubeletConfiguration\nevictionHard: {memory.available: 100Mo}\n");
    place.file("syntax.yaml", "a: [1\n");
    for (args, expected) in [
        ("fine.yaml", 0),
        ("service.yaml", 2),
        ("k3s.yaml", 1),
        ("k3s.yaml --level error", 0),
        ("k3s.yaml --ignore OOM001", 0),
        ("k3s.yaml --only oom003", 0),
        ("k3s.yaml --only no-memory-eviction", 1),
        ("amount.yaml", 2),
        ("syntax.yaml k3s.yaml", 2),
        ("absent.yaml", 2),
        ("k3s.yaml --only OOM999", 2),
        ("k3s.yaml --capacity 16Gb", 2),
        ("k3s.yaml --kube-daemons -1", 2),
        ("web.yaml --set kubelet.preset=gke", 2),
        ("", 2),
        ("--list", 0),
    ] {
        let output = place.lint(args);
        assert_eq!(output.status.code(), Some(expected), "{args}: {}{}", out(&output), err(&output));
    }
    assert!(out(&place.lint("syntax.yaml k3s.yaml")).contains("OOM001"), "the other file is looked at all the same");
}

/// A rule is silent without the figure that it needs, and speaks when an option supplies it.
#[test]
fn rules_are_silent_about_what_is_not_known() {
    let place = Place::new();
    // The manifest alone: limits of 9 GiB, which are the requests too, are too much for a node of 8 GiB less the
    // default threshold, not for 16 GiB.
    assert_eq!(place.codes("web.yaml"), ["OOM014:14", "OOM015:14"]);
    assert_eq!(place.codes("web.yaml --capacity 16Gi"), ["OOM014:14", "OOM015:14"]);
    assert_eq!(place.codes("web.yaml --capacity 8Gi --only OOM013 --only OOM020"), ["OOM020:1"]);
    assert_eq!(place.codes("web.yaml --capacity 8Gi --only OOM001"), [""; 0]);
    place.file(
        "enforced.yaml",
        "kind: KubeletConfiguration\nkubeReserved: {memory: 400Mi}\nkubeReservedCgroup: /podruntime.slice\n\
         enforceNodeAllocatable: [pods, kube-reserved]\nevictionHard: {memory.available: 15%}\n",
    );
    assert_eq!(place.codes("enforced.yaml"), [""; 0]);
    // amazon-eks-ami PR#419: 412 to 429 MiB at 50 pods.
    assert_eq!(place.codes("enforced.yaml --kube-daemons 429Mi"), ["OOM007:2"]);
    assert_eq!(place.codes("enforced.yaml --kube-daemons 300Mi"), [""; 0]);
    // 15 % of 2 GiB are 307 MiB; 1800 MiB leave 248.
    assert_eq!(place.codes("enforced.yaml --capacity 2Gi --system-daemons 1800Mi"), ["OOM012:5"]);
    assert_eq!(place.codes("enforced.yaml --capacity 2Gi --system-daemons 1700Mi"), [""; 0]);
    assert_eq!(place.codes("enforced.yaml --swap 1Gi"), ["OOM009:1"]);
    assert_eq!(
        place
            .codes("enforced.yaml --set kubelet.protectKernelDefaults=true --set kernel.sysctl.vm.overcommit_memory=2"),
        ["OOM010"],
        "given on the command line, so in no file"
    );
}

/// What each installer leaves open.
#[test]
fn presets_have_the_findings_of_their_configuration() {
    let place = Place::new();
    let codes = |preset: &str| {
        place.codes(&format!(
            "web.yaml --capacity 16Gi --sku-memory 16Gi --set kubelet.preset={preset} --set kubelet.maxPods=110 \
             --ignore OOM014 --ignore OOM015"
        ))
    };
    // Nothing reserved; k3s' map takes the default threshold away.
    assert_eq!(codes("k3s"), ["OOM001"]);
    assert_eq!(codes("kubeadm"), [""; 0]);
    // Reserved, and only pods (OpenShift: and CPU) are enforced.
    for preset in ["aks-1.28", "aks-1.29", "gke", "eks", "bottlerocket", "kubespray", "openshift"] {
        assert_eq!(codes(preset), ["OOM006"], "{preset}");
    }
    // bottlerocket#4472: 11 MiB for each of 110 pods and 255 MiB are 1465 MiB, and 100 MiB for eviction, of 1437 MB.
    let small = place.codes(
        "web.yaml --capacity 1437Mi --set kubelet.preset=bottlerocket --only OOM003 --ignore OOM014 --ignore OOM015",
    );
    assert_eq!(small, ["OOM003"]);
}

/// A kubelet's answer to /configz is one line of JSON.
#[test]
fn configz_is_read() {
    let place = Place::new();
    place.file(
        "configz.json",
        r#"{"kubeletconfig":{"evictionHard":{"memory.available":"750Mi"},"evictionSoft":{"memory.available":"500Mi"},"evictionSoftGracePeriod":{"memory.available":"1m30s"},"evictionMaxPodGracePeriod":60}}"#,
    );
    assert_eq!(place.codes("configz.json"), ["OOM004:1"]);
}

/// Each kubelet configuration with all manifests, what is wrong with a manifest once.
#[test]
fn several_configurations_share_the_manifests() {
    let place = Place::new();
    place.file("other.yaml", "kind: KubeletConfiguration\nevictionHard: {}\n");
    let report = place.json("k3s.yaml other.yaml service.yaml web.yaml --capacity 16Gi");
    let found: Vec<_> =
        report["findings"].as_array().expect("a list").iter().map(|f| (&f["code"], &f["file"])).collect();
    let expected: Vec<Value> = ["OOM001", "OOM014", "OOM015", "OOM001"].map(Value::from).into();
    assert_eq!(found.iter().map(|f| f.0.clone()).collect::<Vec<_>>(), expected);
    assert_eq!((found[0].1, found[1].1, found[3].1), (&"k3s.yaml".into(), &"web.yaml".into(), &"other.yaml".into()));
    assert_eq!(report["files"], 4);
    // One is about the Service, which has nothing to check.
    assert_eq!(report["warnings"].as_array().map(Vec::len), Some(2), "{report}");
}

#[test]
fn annotations_name_file_line_and_rule() {
    let place = Place::new();
    let text = out(&place.lint("k3s.yaml --format github"));
    assert!(
        text.starts_with("::warning file=k3s.yaml,line=5,title=OOM001 no-memory-eviction::evictionHard sets "),
        "{text}"
    );
    assert!(text.contains("::warning file=k3s.yaml,line=10,title=file::`evictionHrd` is not a field"), "{text}");
    let note = out(&place.lint("web.yaml --capacity 8Gi --only OOM020 --format github"));
    assert!(note.starts_with("::error file=web.yaml,line=1,title=OOM020 "), "{note}");
}

/// What SARIF 2.1.0 requires (OASIS, sections 3.13 to 3.52), and what GitHub's code scanning reads.
#[test]
fn sarif_has_what_the_standard_requires() {
    let place = Place::new();
    let output = place.lint("k3s.yaml web.yaml --capacity 8Gi --set kubelet.kubeReserved.memory=9Gi --format sarif");
    let log: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().is_some_and(|s| s.ends_with("sarif-2.1.0.json")));
    let [run] = &log["runs"].as_array().expect("runs")[..] else { panic!("one run") };
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "oomsim");
    let rules = driver["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), 24);
    let page = std::fs::read_to_string(repository().join("docs/lint.md")).expect("the page");
    for rule in rules {
        let id = rule["id"].as_str().expect("an id");
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(rule[text]["text"].as_str().is_some_and(|t| t.len() > 20), "{id}: {text}");
        }
        assert!(
            rule["help"]["markdown"].as_str().is_some_and(|t| t.contains("**Why.**") && !t.contains("\n## ")),
            "{id}"
        );
        let uri = rule["helpUri"].as_str().expect("an address");
        let (_, anchor) = uri.split_once("/docs/lint.md#").expect("the page of the rules");
        // GitHub's anchors: small letters, blanks as dashes.
        let heading = |line: &str| line.strip_prefix("## ").map(|h| h.to_lowercase().replace(' ', "-"));
        assert!(page.lines().filter_map(heading).any(|h| h == anchor), "{uri}");
        assert!(["note", "warning", "error"].map(Value::from).contains(&rule["defaultConfiguration"]["level"]));
    }
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    let notifications = run["invocations"][0]["toolExecutionNotifications"].as_array().expect("a list");
    assert!(notifications.iter().any(|n| n["message"]["text"].as_str().is_some_and(|t| t.contains("evictionHrd"))));
    let results = run["results"].as_array().expect("results");
    let codes: Vec<_> = results.iter().map(|r| r["ruleId"].as_str().expect("a rule")).collect();
    assert!(["OOM001", "OOM003", "OOM006", "OOM014"].iter().all(|code| codes.contains(code)), "{codes:?}");
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["note", "warning", "error"].map(Value::from).contains(&result["level"]));
        assert!(result["message"]["text"].as_str().is_some_and(|t| t.ends_with('.')));
        // What --set gives is in no file.
        for location in result["locations"].as_array().expect("a list") {
            let place_in = &location["physicalLocation"];
            let uri = place_in["artifactLocation"]["uri"].as_str().expect("a path");
            assert!(["k3s.yaml", "web.yaml"].contains(&uri), "{uri}");
            let region = &place_in["region"];
            assert!(region["startLine"].as_u64() >= Some(1) && region["startColumn"].as_u64() >= Some(1));
            assert!(region.get("endColumn").is_none_or(|end| end.as_u64() > region["startColumn"].as_u64()));
        }
    }
    let failed = place.lint("absent.yaml --format sarif");
    let log: Value = serde_json::from_slice(&failed.stdout).expect("JSON");
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!((failed.status.code(), &invocation["executionSuccessful"]), (Some(2), &false.into()));
    assert_eq!(invocation["toolExecutionNotifications"][0]["level"], "error");
}

/// Code scanning knows a result again by its fingerprint when lines have moved.
#[test]
fn fingerprints_stay_when_lines_move() {
    let place = Place::new();
    let prints = || {
        let output = place.lint("web.yaml --capacity 8Gi --format sarif");
        let log: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let results = log["runs"][0]["results"].as_array().expect("results").clone();
        let print = |r: &Value| r["partialFingerprints"]["oomsimFinding/v1"].as_str().expect("a text").to_owned();
        let line = |r: &Value| r["locations"][0]["physicalLocation"]["region"]["startLine"].clone();
        (results.iter().map(print).collect::<Vec<_>>(), results.iter().map(line).collect::<Vec<_>>())
    };
    let (before, lines) = prints();
    place.file("web.yaml", &format!("# One line more.\n{DEPLOYMENT}"));
    let (after, moved) = prints();
    assert!(!before.is_empty() && lines != moved);
    assert_eq!(before, after);
    let distinct: std::collections::BTreeSet<_> = before.iter().collect();
    assert_eq!(distinct.len(), before.len());
}

/// A node can be known by its kubelet's command line alone, or by a file and what is laid over it.
#[test]
fn command_lines_and_drop_ins_are_looked_at() {
    let place = Place::new();
    let flags = |text: &str| oomsim(["lint", "--format", "json", "--flags", text]);
    let codes = |output: Output| {
        let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let all = found["findings"].as_array().cloned().unwrap_or_default();
        all.iter().map(|finding| finding["code"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes(flags("/usr/bin/kubelet --eviction-hard=nodefs.available<10%")), ["OOM001"]);
    assert_eq!(codes(flags("--eviction-hard=memory.available<750Mi")), [""; 0]);
    std::fs::create_dir(place.0.path().join("d")).expect("a folder");
    place.file("d/10-memory.conf", "evictionHard: {memory.available: 100Mi}\n");
    let k3s = "k3s.yaml --only OOM001 --format json";
    assert_eq!(codes(place.lint(k3s)), ["OOM001"]);
    assert_eq!(codes(place.lint(&format!("{k3s} --config-dir d"))), [""; 0]);
}

/// GitHub refuses results without a location: what an option is to blame for is shown at the file that was looked at.
#[test]
fn a_finding_about_an_option_is_shown_at_the_file() {
    let place = Place::new();
    let args = "web.yaml --set kubelet.evictionHard={} --only OOM001 --format";
    let log: Value = serde_json::from_str(&out(&place.lint(&format!("{args} sarif")))).expect("JSON");
    let at = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!((&at["artifactLocation"]["uri"], &at["region"]["startLine"]), (&"web.yaml".into(), &1.into()));
    assert!(out(&place.lint(&format!("{args} github"))).starts_with("::warning file=web.yaml,line=1,title=OOM001 "));
    // What was meant is said wherever the source is not shown.
    let json = place.json("k3s.yaml");
    assert_eq!(json["warnings"][0]["help"][0], "did you mean `evictionHard`?");
}

/// A scenario may name files in its folder; their places are given from where the command runs.
#[test]
fn places_in_files_of_a_scenario_can_be_opened() {
    let args = ["lint", "scenarios/oom2-allocatable-slow.toml", "--only", "OOM006", "--format", "json"];
    let output = oomsim_in(&repository(), args);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let finding = &report["findings"][0];
    // `memory: 1638Mi` is line 4 of that file.
    assert_eq!((&finding["file"], &finding["line"]), (&"scenarios/manifests/oom2-kubelet.yaml".into(), &4.into()));
}

const NODE: &str = "[node]\nmemory = \"8Gi\"\n[kubelet]\nevictionHard = { \"memory.available\" = \"500Mi\" }\n";

/// A study has no node of its own: the scenario that it names is looked at, once, as the study sets it.
#[test]
fn studies_stand_for_their_scenarios() {
    let place = Place::new();
    std::fs::create_dir(place.0.path().join("all")).expect("a folder");
    place.file("all/node.toml", NODE);
    let axis = "values = [\"100Mi\", \"200Mi\"]\n";
    let axis = format!("[[axis]]\nname = \"t\"\nkey = \"kubelet.evictionHard.memory.available\"\n{axis}");
    place.file("all/rates.toml", &format!("scenario = \"node.toml\"\n{axis}"));
    let goal = "[[scenario]]\nfile = \"node.toml\"\n[[target]]\nevent = \"eviction\"\nbelow = 0\n";
    place.file("all/goal.toml", &format!("{goal}{}", axis.replace("[[axis]]", "[[knob]]")));
    // One node, three files.
    let both = place.json("all --only OOM001");
    assert_eq!((&both["files"], both["findings"].as_array().map(Vec::len)), (&3.into(), Some(0)), "{both}");
    let study = |file: &str| serde_json::json!({ "file": file, "scenarios": ["all/node.toml"] });
    assert_eq!(both["studies"], serde_json::json!([study("all/goal.toml"), study("all/rates.toml")]));
    assert!(out(&place.lint("all --only OOM001")).contains("all/goal.toml is a study: looked at all/node.toml"));
    // What the study sets counts, and the finding is about the scenario.
    let set = "set = { \"kubelet.evictionHard\" = \"{}\" }\n";
    place.file("all/never.toml", &format!("scenario = \"node.toml\"\n{set}"));
    for args in ["all/never.toml --only OOM001", "all --only OOM001"] {
        assert_eq!(place.codes(args), ["OOM001"], "{args}");
        assert!(out(&place.lint(&format!("{args} --format github"))).contains("file=all/node.toml"), "{args}");
    }
    // A study that is wrong is a file that is wrong, and so is one whose scenario is.
    place.file("all/lost.toml", "scenario = \"nowhere.toml\"\n");
    let lost = place.lint("all");
    assert_eq!(lost.status.code(), Some(2));
    assert!(err(&lost).contains("nowhere.toml cannot be read"), "{}", err(&lost));
}

/// The folder of the shipped studies.
#[test]
fn the_shipped_studies_are_looked_at() {
    let output = oomsim_in(&repository(), ["lint", "studies", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &report["errors"]), (Some(1), &serde_json::json!([])));
    assert_eq!(report["studies"].as_array().map(Vec::len), Some(3));
}

#[test]
fn explain_prints_a_rules_page() {
    let explain = |name: &str| out(&oomsim(["explain", name]));
    for name in ["OOM005", "oom005", "grace-missing"] {
        let text = explain(name);
        assert!(text.starts_with("OOM005 grace-missing\n") && text.contains("**Fix.** Set both."), "{text}");
    }
}

/// A finding about the kubelet's command line is shown there.
#[test]
fn findings_about_options_are_shown_at_the_option() {
    let output = oomsim(["lint", "--flags", "kubelet --kube-reserved=memory=1Gi", "--only", "OOM006"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let text = out(&output);
    assert!(text.contains("--> --flags:1:9") && text.contains("in the options;"), "{text}");
}

/// The examples of docs/lint.md and of the help run in the repository.
#[test]
fn the_examples_run() {
    let page = std::fs::read_to_string(repository().join("docs/lint.md")).expect("the page");
    let help = out(&oomsim(["lint", "--help"]));
    let mut count = 0;
    for line in page.lines().chain(help.lines()).map(str::trim).filter(|line| line.starts_with("oomsim lint ")) {
        let line = line.split([';', '>']).next().unwrap_or(line);
        if line.contains("$(") {
            continue;
        }
        count += 1;
        let output = oomsim_in(&repository(), line.split_whitespace().skip(1));
        assert!(matches!(output.status.code(), Some(0 | 1)), "{line}: {}", err(&output));
    }
    assert!(count >= 6, "{count} examples");
}
