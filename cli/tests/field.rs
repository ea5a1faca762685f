//! Situations that planners and people on call met, from their files to what the program says.

mod common;

use common::{err, oomsim_in, out};
use std::path::PathBuf;
use std::process::Output;

/// A folder of its own, removed at the end.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Place {
    fn new(name: &str, files: &[(&str, &str)]) -> Place {
        let folder = std::env::temp_dir().join(format!("oomsim-field-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("can be made");
        for (file, text) in files {
            std::fs::write(folder.join(file), text).expect("can be written");
        }
        Place(folder)
    }

    fn run(&self, args: &str) -> Output {
        oomsim_in(&self.0, args.split_whitespace())
    }
}

/// A node with one manifest; `more` follows its `[[pod]]`.
fn scenario(manifest: &str, more: &str) -> String {
    format!(
        "duration = \"60s\"\n[node]\nmemory = \"2Gi\"\n[kubelet]\nversion = \"1.32\"\n[[pod]]\nmanifest = \"{manifest}\"\n{more}"
    )
}

/// pkg/kubelet/types IsCriticalPod: a static pod is never evicted.
#[test]
fn a_static_pod_of_a_manifest_stays() {
    let pod = "{ apiVersion: v1, kind: Pod, metadata: { name: prober, annotations: { kubernetes.io/config.source: file } }, \
               spec: { containers: [ { name: prober, image: x } ] } }";
    let more = "[[pod.container]]\nname = \"prober\"\nworkload.steady = { anon = \"12Mi\" }\n\
                [[host]]\nname = \"hog\"\nworkload.steady = { anon = \"1950Mi\" }\n";
    let place = Place::new("static", &[("pod.yaml", pod), ("s.toml", &scenario("pod.yaml", more))]);
    let said = out(&place.run("run s.toml"));
    assert!(said.contains("EvictionThresholdMet") && !said.contains("Evicted "), "{said}");
}

#[test]
fn a_pod_that_has_finished_does_not_run() {
    let pod = "{ apiVersion: v1, kind: Pod, metadata: { name: nightly }, spec: { containers: [ { name: report, image: x } ] }, \
               status: { phase: Succeeded } }";
    let more = "[[pod.container]]\nname = \"report\"\nworkload.steady = { anon = \"900Mi\" }\n";
    let place = Place::new("finished", &[("pod.yaml", pod), ("s.toml", &scenario("pod.yaml", more))]);
    let output = place.run("run s.toml");
    assert!(!out(&output).contains("nightly"), "{}", out(&output));
    assert!(err(&output).contains("1 pod has finished"), "{}", err(&output));
}

/// An exported pod with an owner comes back as its controller would make it.
#[test]
fn an_exported_pod_comes_back_as_its_owner_makes_it() {
    let owned = |owner: &str| {
        format!(
            "{{ apiVersion: v1, kind: Pod, metadata: {{ name: db-0, ownerReferences: [ {{ apiVersion: apps/v1, kind: {owner}, \
             name: db, uid: u, controller: true }} ] }}, spec: {{ restartPolicy: Never, containers: [ {{ name: db, image: x, \
             resources: {{ limits: {{ memory: 100Mi }} }} }} ] }} }}"
        )
    };
    let more = "[[pod.container]]\nname = \"db\"\nworkload.steady = { anon = \"200Mi\" }\n";
    for (owner, pods) in [("StatefulSet", "db-0 "), ("Job", "db-0-")] {
        let files = [("pod.yaml", owned(owner)), ("s.toml", scenario("pod.yaml", more))];
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let said = out(&Place::new(owner, &files).run("run s.toml"));
        let lines = said.lines().filter(|line| line.contains(" Scheduled ")).collect::<Vec<_>>();
        assert!(lines.len() > 1 && lines[1].contains(pods), "{owner}: {said}");
    }
}

/// A real disk has to take dirty pages before they can be dropped; the model leaves that out and says so once.
#[test]
fn dirty_page_cache_beyond_a_limit_is_said_once() {
    let text = "duration = \"20s\"\n[node]\nmemory = \"8Gi\"\n[[pod]]\nname = \"dl\"\nreplicas = 3\n[[pod.container]]\nname = \"jd\"\n\
                resources.limits = { memory = \"1G\" }\n\
                workload.pageCache = { anon = \"600Mi\", file = \"20Gi\", rate = \"110Mi\", access = \"write\" }\n";
    let place = Place::new("dirty", &[("s.toml", text)]);
    let said = err(&place.run("run s.toml"));
    assert_eq!(said.matches("writing dirty page cache back").count(), 1, "{said}");
}

/// What several pods ask for and the model does not have is one line with a count.
#[test]
fn what_is_not_modelled_is_one_line_for_each_kind() {
    let pod = |name: &str| {
        format!(
            "{{ apiVersion: v1, kind: Pod, metadata: {{ name: {name} }}, spec: {{ containers: [ {{ name: app, image: x, \
             startupProbe: {{ httpGet: {{ port: 80 }} }}, lifecycle: {{ preStop: {{ sleep: {{ seconds: 5 }} }} }} }} ] }} }}"
        )
    };
    let pods = ["a", "b", "c"].map(pod).join("\n---\n");
    let place = Place::new("absent", &[("pods.yaml", &pods), ("s.toml", &scenario("pods.yaml", ""))]);
    let said = err(&place.run("run s.toml"));
    assert!(said.contains("not modelled: startupProbe, 3 times, first in app of pod a"), "{said}");
    assert!(!said.contains("preStop"), "a `sleep` says how long it takes: {said}");
}

/// kubelet types IsCriticalPod: a critical pod is never evicted, so no finding says that it goes first.
#[test]
fn lint_does_not_say_that_a_critical_pod_is_evicted() {
    let pod = "{ apiVersion: v1, kind: Pod, metadata: { name: kube-proxy, namespace: kube-system }, spec: { priorityClassName: \
               system-node-critical, priority: 2000001000, containers: [ { name: kube-proxy, image: x } ] } }";
    let place = Place::new("critical", &[("pod.yaml", pod)]);
    let said = out(&place.run("lint pod.yaml"));
    assert!(!said.contains("OOM015") && !said.contains("to be evicted"), "{said}");
}

#[test]
fn lint_compares_measured_daemons_with_what_is_reserved() {
    let config = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nkubeReserved: { memory: 500Mi }\n\
                  evictionHard: { memory.available: 100Mi }\n";
    let place = Place::new("reserve", &[("kubelet.yaml", config)]);
    let said = out(&place.run("lint kubelet.yaml --capacity 8Gi --kube-daemons 2.5Gi"));
    assert!(said.contains("OOM019") && said.contains("500Mi"), "{said}");
}

/// The table of a node with huge pages adds up: they are a row of it.
#[test]
fn node_shows_huge_pages_in_their_own_row() {
    let place = Place::new("huge", &[]);
    let args = "node --capacity 30555000Ki --kube-reserved 2Gi --system-reserved 1Gi --eviction-hard 7% --set \
                kernel.sysctl.\"vm.nr_hugepages\"=1184";
    let said = out(&place.run(args));
    assert!(said.to_lowercase().contains("huge"), "{said}");
    let json: serde_json::Value =
        serde_json::from_str(&out(&place.run(&format!("{args} --format json")))).expect("JSON");
    // 1184 pages of 2 MiB.
    assert!(json.to_string().contains(&(1184u64 << 21).to_string()), "{json}");
}

/// A provider's object has kubelet settings in it; an object without any is not called clean.
#[test]
fn lint_is_not_green_about_what_it_did_not_look_at() {
    let class = "apiVersion: karpenter.k8s.aws/v1\nkind: EC2NodeClass\nmetadata: { name: default }\n\
                 spec: { kubelet: { evictionHard: { nodefs.available: 10% } } }\n";
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n";
    let place = Place::new("green", &[("class.yaml", class), ("other.yaml", other)]);
    let found = place.run("lint class.yaml");
    assert_eq!(found.status.code(), Some(1));
    assert!(out(&found).contains("OOM001") && out(&found).contains("class.yaml:4"), "{}", out(&found));
    let nothing = place.run("lint other.yaml");
    assert_eq!(nothing.status.code(), Some(2), "{}", out(&nothing));
    assert!(err(&nothing).contains("not looked at") && err(&nothing).contains("ConfigMap"), "{}", err(&nothing));
}

/// 0 of 100 runs have an upper end of 3.7 % (Wilson, 95 %): they do not prove less than 1 %.
#[test]
fn plan_says_how_many_runs_a_target_needs() {
    let leak = "duration = '2m'\n[node]\nmemory = '4Gi'\nsystem = { anon = '300Mi', kernel = '100Mi' }\n\
                [kubelet]\nversion = '1.32'\n[[pod]]\nname = 'leak'\n[[pod.container]]\nname = 'app'\n\
                workload.ramp = { rate = '40Mi' }\n";
    let goal = "runs = 100\n[[scenario]]\nname = 'full'\nfile = 's.toml'\n\
                [[target]]\nscenario = 'full'\nevent = 'kernelKill'\nbelow = '1%'\n\
                [[knob]]\nname = 'evictionHard'\nkey = 'kubelet.evictionHard.memory.available'\nvalues = ['100Mi', '1500Mi']\n";
    let place = Place::new("plan", &[("s.toml", leak), ("g.toml", goal)]);
    let plan = place.run("plan g.toml");
    assert_eq!(plan.status.code(), Some(1));
    let said = out(&plan);
    assert!(said.contains("0 of 100 runs cannot prove less than 1 %"), "{said}");
    assert!(said.contains("are needed") && !said.contains("widen"), "{said}");
    assert!(!said.contains("those of one look"), "{said}");
    // 0 of 400 have one of 0.95 % (3.84 / 403.84), and still prove nothing to someone who looks after every run.
    std::fs::write(place.0.join("g.toml"), goal.replace("runs = 100", "runs = 400")).expect("can be written");
    let said = out(&place.run("plan g.toml"));
    assert!(said.contains("0 of 400 runs cannot prove less than 1 %") && said.contains("those of one look"), "{said}");
}

/// batch/v1 JobStatus: the conditions Complete and Failed; a suspended CronJob makes no Jobs (cronjob_controllerv2.go).
#[test]
fn what_has_ended_or_rests_has_no_pods() {
    let job = |name: &str, spec: &str, status: &str| {
        let template = "template: {spec: {restartPolicy: Never, containers: [{name: c, image: x}]}}";
        format!(
            "{{apiVersion: batch/v1, kind: Job, metadata: {{name: {name}}}, spec: {{{spec}{template}}}, status: {status}}}"
        )
    };
    let ended = |kind: &str| format!("{{conditions: [{{type: {kind}, status: \"True\"}}]}}");
    let cron = "{apiVersion: batch/v1, kind: CronJob, metadata: {name: at-night}, spec: {suspend: true, schedule: \"* * * * *\", \
                jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: x}]}}}}}}";
    let all = [
        job("done", "", &ended("Complete")),
        job("broken", "", &ended("Failed")),
        job("busy", "", "{active: 1}"),
        job("stopped", "suspend: true, ", "{}"),
        cron.to_owned(),
    ];
    let place = Place::new("ended", &[("jobs.yaml", &all.join("\n---\n")), ("s.toml", &scenario("jobs.yaml", ""))]);
    let output = place.run("run s.toml");
    let said = out(&output);
    assert!(said.contains("pod/busy"), "{said}");
    assert!(!["pod/done", "pod/broken", "pod/stopped", "pod/at-night"].iter().any(|pod| said.contains(pod)), "{said}");
    assert!(err(&output).contains("2 pods have finished"), "{}", err(&output));
    // Green without a word would be a lie: what was not looked at is said.
    let place = Place::new("ended-lint", &[("done.yaml", &job("done", "", &ended("Complete")))]);
    let output = place.run("lint done.yaml");
    assert!(err(&output).contains("1 pod has finished"), "{}{}", out(&output), err(&output));
}

/// scheduling.k8s.io/v1 PriorityClass: `value`, and `globalDefault` for pods that name no class.
#[test]
fn a_priority_class_beside_its_pods_counts() {
    let pod = |name: &str, class: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{{class}containers: [{{name: c, image: x}}]}}}}"
        )
    };
    let class = |name: &str, more: &str| {
        format!("{{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {{name: {name}}}, {more}}}")
    };
    let objects = [
        pod("low", "priorityClassName: batch, "),
        pod("usual", ""),
        class("batch", "value: -10"),
        class("web", "value: 100, globalDefault: true"),
        "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: r}, spec: {template: {spec: {containers: [{name: c}]}}}}".to_owned(),
    ];
    // Both exceed their requests of nothing; the one of lower priority goes first, although it holds less
    // (eviction/helpers.go rankMemoryPressure).
    let more = "name = \"low\"\n[[pod.container]]\nname = \"c\"\nworkload.steady = { anon = \"300Mi\" }\n\
                [[pod]]\nmanifest = \"all.yaml\"\nname = \"usual\"\n[[pod.container]]\nname = \"c\"\nworkload.steady = { anon = \"500Mi\" }\n\
                [[host]]\nname = \"hog\"\nworkload.ramp = { rate = \"20Mi\", to = \"1400Mi\" }\n";
    let place =
        Place::new("classes", &[("all.yaml", &objects.join("\n---\n")), ("s.toml", &scenario("all.yaml", more))]);
    let output = place.run("run s.toml");
    let said = out(&output);
    let first =
        said.lines().find(|line| line.contains(" Evicted ")).unwrap_or_else(|| panic!("{said}{}", err(&output)));
    assert!(first.contains("pod/low"), "{first}");
    assert!(err(&output).contains("a Rollout is not read: its pods are missing here"), "{}", err(&output));
    assert!(!err(&output).contains("priority of"), "{}", err(&output));
}
