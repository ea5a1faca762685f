//! Files beside a scenario: manifests and kubelet configurations.

use super::rendered;
use crate::{Diagnostic, FileError, Files, LoadedScenario, load};
use oomsim_core::kubelet::{QosClass, RestartPolicy};
use oomsim_core::plan::Controller;
use oomsim_core::units::{Bytes, SimDuration};
use oomsim_core::workload::Behavior;

/// Files by path.
pub(super) struct Given<'a>(pub &'a [(&'a str, &'a str)]);

impl Files for Given<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        let found = self.0.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| text.to_string()).ok_or(FileError::NotFound)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, FileError> {
        let inside = |(path, _): &(&str, &str)| path.strip_prefix(directory)?.strip_prefix('/').map(str::to_string);
        Ok(self.0.iter().filter_map(inside).collect())
    }
}

fn read(scenario: &str, files: &[(&str, &str)]) -> Result<LoadedScenario, Vec<Diagnostic>> {
    let text = format!("node.memory = \"8Gi\"\n{scenario}");
    load(&text, "test.toml", &Given(files), &[])
}

fn right(scenario: &str, files: &[(&str, &str)]) -> LoadedScenario {
    read(scenario, files).unwrap_or_else(|problems| panic!("{}", rendered(&problems)))
}

const STACK: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      priorityClassName: system-cluster-critical
      terminationGracePeriodSeconds: 5
      containers:
      - name: app
        image: registry.example/web:1
        command: [/usr/local/bin/web-server, --port=80]
        resources: {requests: {memory: 64Mi, cpu: 100m}, limits: {memory: 1Gi}}
        livenessProbe: {httpGet: {path: /, port: 80}}
      - name: proxy
        image: registry.example/proxy:1
      initContainers:
      - name: migrate
        image: registry.example/web:1
        resources: {limits: {memory: 2Gi}}
      - name: mesh
        image: registry.example/mesh:1
        restartPolicy: Always
      volumes:
      - name: cache
        emptyDir: {medium: Memory, sizeLimit: 100Mi}
      - name: scratch
        emptyDir: {}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-exporter}
spec:
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec:
      restartPolicy: Always
      tolerations: [{operator: Exists}]
      containers: [{name: node-exporter, image: x}]
"#;

#[test]
fn all_pods_of_a_manifest_are_taken_and_get_workloads_by_container_name() {
    let loaded = right(
        r#"
[[pod]]
manifest = "stack.yaml"
at = "5s"
[[pod.container]]
name = "app"
workload.leak = { block = "10Mi", every = "1s" }
"#,
        &[("stack.yaml", STACK)],
    );
    let [web, exporter] = loaded.scenario.pods.as_slice() else { panic!() };
    assert_eq!((&*web.spec.name, &*web.namespace, web.replicas), ("web", "shop", 3));
    assert_eq!((web.controller, exporter.controller), (Controller::Deployment, Controller::DaemonSet));
    // The API server's priority of that class (scheduling/types.go).
    assert_eq!(web.spec.priority, Some(2_000_000_000));
    assert_eq!(web.spec.termination_grace_period_seconds, Some(5));
    let names: Vec<_> = web.containers.iter().map(|c| (&*c.name, &*c.processes[0].comm)).collect();
    assert_eq!(names, [("app", "web-server"), ("proxy", "proxy"), ("migrate", "migrate"), ("mesh", "mesh")]);
    assert!(matches!(&*web.containers[0].processes[0].behavior, Behavior::Leak(_)));
    assert_eq!(web.volumes[0].size_limit, Some(Bytes::mib(100)));
    assert_eq!(web.volumes.len(), 1);
    assert_eq!(QosClass::of(&exporter.spec, &loaded.scenario.kubelet.clone().unwrap().profile), QosClass::BestEffort);
    assert_eq!(exporter.restart_policy, RestartPolicy::Always);
    let said = rendered(&loaded.warnings);
    assert!(said.contains("a Service has no pods"), "{said}");
    assert_eq!(web.containers[0].probes.len(), 1);
}

/// Kubernetes 1.34 lets each container have one (KEP-5307); before, the API server refuses all but that of a sidecar.
#[test]
fn the_restart_policy_of_a_container_is_named_as_absent() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  initContainers:\n  - {name: mesh, restartPolicy: Always}\n  \
               - {name: once, restartPolicy: Never}\n  containers:\n  - {name: app, restartPolicy: Always}\n  - {name: other}\n";
    let loaded = right("[[pod]]\nmanifest = \"web.yaml\"\n", &[("web.yaml", pod)]);
    let always: Vec<_> = loaded.scenario.pods[0].spec.all_containers().filter(|c| c.restarts_always()).collect();
    assert_eq!(always.iter().map(|c| &*c.name).collect::<Vec<_>>(), ["mesh"]);
    let said = rendered(&loaded.warnings);
    assert!(said.contains("not modelled: restartPolicy of a container"), "{said}");
    // It is written as it is read.
    let written = crate::to_toml(&loaded.scenario);
    assert!(load(&written, "written.toml", &Given(&[]), &[]).is_ok(), "{written}");
}

/// Settings reach each pod of a file by its own name, and change of its amounts only what they name.
#[test]
fn settings_name_the_pods_of_a_manifest() {
    let text = "node.memory = \"8Gi\"\n[[pod]]\nmanifest = \"stack.yaml\"\n[[pod.container]]\nname = \"app\"\n\
                workload.leak = { block = \"10Mi\", every = \"1s\" }\n";
    let files = [("stack.yaml", STACK)];
    let with = |settings: &[&str]| {
        let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        load(text, "test.toml", &Given(&files), &settings)
    };
    let loaded = with(&[
        "pod.web.container.app.resources.limits.memory=\"2Gi\"",
        "pod.web.container.app.workload.leak.every=\"3s\"",
        "pod.web.container.proxy.resources.requests.memory=\"16Mi\"",
        "pod.web.initContainer.migrate.resources.limits.memory=\"1Gi\"",
        "pod.web.priority=7",
        "pod.node-exporter.at=\"20s\"",
    ]);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
    let [web, exporter] = loaded.scenario.pods.as_slice() else { panic!() };
    let amount = |container: &str, list: fn(&oomsim_core::kubelet::ContainerSpec) -> Option<i64>| {
        web.spec.all_containers().find(|c| *c.name == *container).and_then(list)
    };
    let limit = |c: &oomsim_core::kubelet::ContainerSpec| c.resources.limits.get("memory").map(|q| q.value() >> 20);
    let request = |c: &oomsim_core::kubelet::ContainerSpec| c.resources.requests.get("memory").map(|q| q.value() >> 20);
    assert_eq!((amount("app", limit), amount("app", request)), (Some(2048), Some(64)));
    assert_eq!((amount("proxy", limit), amount("proxy", request)), (None, Some(16)));
    assert_eq!(amount("migrate", limit), Some(1024));
    let Behavior::Leak(leak) = &*web.containers[0].processes[0].behavior else { panic!() };
    assert_eq!((leak.block, leak.every), (Bytes::mib(10), SimDuration::from_secs(3)));
    assert_eq!((web.spec.priority, exporter.spec.priority), (Some(7), None));
    assert_eq!((web.at.as_nanos(), exporter.at.as_nanos()), (0, 20_000_000_000));
    for (setting, said) in [
        ("pod.wob.priority=7", "did you mean `web`?"),
        ("pod.web.container.ap.pidNamespace=false", "did you mean `app`?"),
        ("pod.web.prority=7", "did you mean `priority`?"),
        ("pod.web.name=\"other\"", "cannot be set by its name"),
    ] {
        let problems = rendered(&with(&[setting]).expect_err(setting));
        assert!(problems.contains(said), "{setting}: {problems}");
    }
}

#[test]
fn a_manifest_is_held_against_the_api_types() {
    let said = rendered(
        &read(
            "[[pod]]\nmanifest = \"x.yaml\"\n[[pod.container]]\nname = \"ap\"\n[[pod]]\nmanifest = \"none.yaml\"",
            &[(
                "x.yaml",
                "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n  - name: app\n    resources:\n      \
                 limit: {memory: 1Gi}\n      limits: {memory: 1GB}\n  hostPID: often\n",
            )],
        )
        .err()
        .unwrap(),
    );
    for part in [
        "`limit` is not a field of the Pod and is ignored",
        "x.yaml:8:7",
        "did you mean \"1G\"?",
        "not a Pod: invalid type: string \"often\", expected a boolean",
        "x.yaml:10:12",
        "unknown container `ap`",
        "`none.yaml` cannot be read: no such file",
    ] {
        assert!(said.contains(part), "{part:?} not in\n{said}");
    }
}

/// The API server: `spec.containers[1].name: Duplicate value: "app"`.
#[test]
fn no_two_containers_of_a_manifest_have_one_name() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers: [{name: app}, {name: app}]\n  \
               initContainers: [{name: app}]\n";
    let said = rendered(&read("[[pod]]\nmanifest = \"x.yaml\"", &[("x.yaml", pod)]).err().unwrap());
    assert_eq!(said.matches("two containers with the name `app`").count(), 2, "{said}");
    assert!(said.contains("x.yaml:5:36") && said.contains("x.yaml:6:27"), "{said}");
}

#[test]
fn lists_as_kubectl_prints_them() {
    let json = r#"{"apiVersion":"v1","kind":"List","items":[
        {"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"c","resources":{}}]},"status":{"phase":"Running"}},
        {"apiVersion":"v1","kind":"Pod","metadata":{"name":"b"},"spec":{"containers":[{"name":"c","resources":{"requests":{"memory":1048576}}}]}}]}"#;
    let one = right("[[pod]]\nmanifest = \"l.json\"\nname = \"b\"", &[("l.json", json)]);
    assert_eq!(one.scenario.pods.len(), 1);
    assert_eq!(one.scenario.pods[0].spec.containers[0].resources.requests["memory"].value(), 1 << 20);
    let two = right("[[pod]]\nmanifest = \"l.json\"", &[("l.json", json)]);
    assert_eq!(two.scenario.pods.len(), 2);
    let said = rendered(&read("[[pod]]\nmanifest = \"l.json\"\nname = \"c\"", &[("l.json", json)]).err().unwrap());
    assert!(said.contains("it has: `a`, `b`"), "{said}");
}

/// The kubelet's command line as P4 of docs/SOURCES.md prints it, with its two emphases in markdown.
const AKS: &str = include_str!("aks-kubelet-flags.txt");

#[test]
fn the_command_line_of_a_real_kubelet() {
    for flags in [AKS.to_owned(), AKS.replace("**", "")] {
        let loaded = right(&format!("[kubelet]\nversion = \"1.21\"\nflags = \"{flags}\""), &[]);
        let config = loaded.scenario.kubelet.clone().unwrap().config;
        assert_eq!((&*config.kube_reserved["cpu"], &*config.kube_reserved["memory"]), ("100m", "1638Mi"));
        let hard: Vec<_> = config.eviction_hard.iter().flatten().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(hard, [("memory.available", "750Mi"), ("nodefs.available", "10%"), ("nodefs.inodesFree", "5%")]);
        assert_eq!(config.enforce_node_allocatable, Some(vec!["pods".to_string()]));
        assert!(config.protect_kernel_defaults);
        assert_eq!((config.max_pods, config.cgroups_per_qos), (Some(110), Some(true)));
        assert_eq!(config.node_status_update_frequency, Some(SimDuration::from_secs(10)));
        // Every one of the 41 flags is known.
        assert!(loaded.warnings.is_empty(), "{}", rendered(&loaded.warnings));
    }
}

/// A KubeletConfiguration with every field that memory depends on, and two that do not exist.
const FULL: &str = include_str!("kubelet-full.yaml");

#[test]
fn a_whole_kubelet_configuration() {
    let loaded = right("[kubelet]\nconfig = \"k.yaml\"", &[("k.yaml", FULL)]);
    let kubelet = loaded.scenario.kubelet.clone().unwrap();
    let (config, profile) = (kubelet.config, kubelet.profile);
    let memory = |map: &oomsim_core::kubelet::TextMap, key: &str| map[key].clone();
    assert_eq!(memory(&config.kube_reserved, "memory"), "500Mi");
    assert_eq!(memory(&config.system_reserved, "memory"), "300Mi");
    assert_eq!((&*config.kube_reserved_cgroup, &*config.system_reserved_cgroup), ("/runtime.slice", "/system.slice"));
    assert_eq!(config.eviction_hard.as_ref().map(|hard| hard.len()), Some(4));
    assert_eq!(memory(&config.eviction_soft, "memory.available"), "1Gi");
    assert_eq!(memory(&config.eviction_soft_grace_period, "memory.available"), "1m30s");
    assert_eq!(memory(&config.eviction_minimum_reclaim, "memory.available"), "200Mi");
    assert_eq!(memory(&config.qos_reserved, "memory"), "50%");
    assert_eq!(config.eviction_pressure_transition_period, Some(SimDuration::from_secs(300)));
    assert_eq!((config.eviction_max_pod_grace_period, config.oom_score_adj), (60, Some(-999)));
    assert_eq!(config.enforce_node_allocatable.as_ref().map(Vec::len), Some(3));
    assert_eq!((config.cgroup_driver, &*config.cgroup_root), (oomsim_core::kubelet::CgroupDriver::Systemd, "/"));
    assert_eq!((config.fail_swap_on, &*config.memory_swap.swap_behavior), (Some(false), "LimitedSwap"));
    assert_eq!((config.single_process_oom_kill, config.fail_cgroup_v1), (Some(false), Some(false)));
    assert_eq!((config.memory_throttling_factor, config.max_pods), (Some(0.9), Some(110)));
    assert_eq!(config.max_container_restart_period, Some(SimDuration::from_secs(60)));
    assert!(config.kernel_memcg_notification && config.protect_kernel_defaults);
    assert!(profile.memory_qos && profile.node_swap && profile.crash_loop_back_off_max);
    assert_eq!(kubelet.timing.backoff_max, SimDuration::from_secs(60));
    let said = rendered(&loaded.warnings);
    for part in [
        "`evictionPresureTransitionPeriod` is not a field of KubeletConfiguration",
        "k.yaml:29:1",
        "did you mean `evictionPressureTransitionPeriod`?",
        "`systemReservd` is not a field",
        "k.yaml:56:1",
        "did you mean `systemReserved`?",
        "`reservedMemory` is not modelled",
    ] {
        assert!(said.contains(part), "{part:?} not in\n{said}");
    }
    // On one long line, as `kubectl get --raw …/configz` prints it, the line is not shown, but the name that was meant
    // is.
    let pad = "x".repeat(500);
    let json =
        format!(r#"{{"kubeletconfig":{{"address":"{pad}","evictionHard":{{}},"systemReservd":{{"memory":"1Gi"}}}}}}"#);
    let said = rendered(&right("[kubelet]\nconfig = \"z.json\"", &[("z.json", &json)]).warnings);
    assert!(said.contains("z.json:1:") && said.contains("help: did you mean `systemReserved`?"), "{said}");
    let wrong = "[kubelet]\nevictionHard = { \"memory.availabel\" = \"1Gi\" }";
    assert!(rendered(&read(wrong, &[]).err().unwrap()).contains("did you mean `memory.available`?"));
}

#[test]
fn unknown_flags_and_fields_are_shown() {
    let loaded = right(
        "[kubelet]\nconfig = \"k.yaml\"\nflags = [\"--eviction-hrad=x\", \"--config=/etc/k\", \"--fail-swap-on\", \"false\"]",
        &[("k.yaml", "kind: KubeletConfiguration\nevictionhard: {}\nmemoryManagerPolicy: Static\naddress: 0.0.0.0\n")],
    );
    let said = rendered(&loaded.warnings);
    for part in [
        "`--eviction-hrad` is not a flag of the kubelet",
        "did you mean `eviction-hard`?",
        "the file of `--config` is not read",
        "`evictionhard` is not a field of KubeletConfiguration",
        "did you mean `evictionHard`?",
        "`memoryManagerPolicy` is not modelled",
    ] {
        assert!(said.contains(part), "{part:?} not in\n{said}");
    }
    assert!(!said.contains("address"));
    assert_eq!(loaded.scenario.kubelet.clone().unwrap().config.fail_swap_on, Some(false));
}

/// v1beta1/defaults.go (1.32.10): with the gate a missing period is the maximum, 300 s; without it the field is
/// refused.
#[test]
fn the_longest_restart_back_off_belongs_to_a_gate() {
    let gate = "featureGates = { KubeletCrashLoopBackOffMax = true }";
    let loaded = right(&format!("[kubelet]\nversion = \"1.32\"\n{gate}"), &[]);
    assert_eq!(loaded.scenario.kubelet.clone().unwrap().timing.backoff_max, SimDuration::from_secs(300));
    assert!(loaded.warnings.is_empty(), "{}", rendered(&loaded.warnings));
    let alone = right("[kubelet]\nversion = \"1.32\"\ncrashLoopBackOff = { maxContainerRestartPeriod = \"60s\" }", &[]);
    assert!(rendered(&alone.warnings).contains("needs the feature gate KubeletCrashLoopBackOffMax"));
    assert_eq!(alone.scenario.kubelet.clone().unwrap().timing.backoff_max, SimDuration::from_secs(300));
}

/// KUBELET section 1: it calls the manager out of turn with cgroup v1, and does nothing with v2.
#[test]
fn the_memory_threshold_notifier_is_asked_for() {
    for (cgroup, told) in [("v1", true), ("v2", false)] {
        let scenario =
            format!("[kubelet]\nkernelMemcgNotification = true\n[kernel]\nversion = \"6.1\"\ncgroup = \"{cgroup}\"");
        let said = rendered(&right(&scenario, &[]).warnings);
        assert_eq!(said.contains("notifier is not modelled"), told, "{cgroup}: {said}");
    }
}

#[test]
fn drop_ins_are_merged_key_by_key_and_the_scenario_has_the_last_word() {
    let files = [
        (
            "k.yaml",
            "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nkubeReserved: {memory: 1Gi}\n",
        ),
        ("d/20.conf", "evictionHard: {memory.available: 300Mi}\nfeatureGates: {MemoryQoS: true}\n"),
        ("d/10.conf", "evictionHard: {memory.available: 200Mi, nodefs.available: 1%}\nkubeReserved: {cpu: 100m}\n"),
        ("d/readme.txt", "no"),
    ];
    let loaded =
        right("[kubelet]\nconfig = \"k.yaml\"\nconfigDir = \"d\"\nkubeReserved = { memory = \"2Gi\" }", &files);
    let kubelet = loaded.scenario.kubelet.clone().unwrap();
    // A merge patch over the defaulted configuration: keys of the default map stay (cmd/kubelet/app/server.go).
    let hard = kubelet.config.eviction_hard.unwrap();
    assert_eq!(
        (&*hard["memory.available"], &*hard["nodefs.available"], &*hard["imagefs.available"]),
        ("300Mi", "1%", "15%")
    );
    assert_eq!(kubelet.config.kube_reserved["memory"], "2Gi");
    assert!(!kubelet.config.kube_reserved.contains_key("cpu"));
    assert!(kubelet.profile.memory_qos);
    assert!(rendered(&loaded.warnings).contains("`readme.txt` is ignored"));
}

#[test]
fn the_json_of_configz() {
    let json = r#"{"kubeletconfig":{"evictionHard":{"imagefs.available":"5%","nodefs.available":"5%"},"evictionPressureTransitionPeriod":"5m0s","failSwapOn":false,"memorySwap":{}}}"#;
    let loaded = right("[kubelet]\nconfig = \"z.json\"", &[("z.json", json)]);
    let config = loaded.scenario.kubelet.clone().unwrap().config;
    assert_eq!(config.eviction_hard.unwrap().get("memory.available"), None);
    assert_eq!(config.fail_swap_on, Some(false));
}

#[test]
fn a_preset_is_the_base_and_every_other_key_comes_on_top() {
    let loaded = super::right(
        "[node]\nmemory = \"7120616Ki\"\nnominal = \"7Gi\"\n[kubelet]\npreset = \"aks-1.28\"\nfailSwapOn = false\n\
         evictionHard = { \"memory.available\" = \"1000Mi\" }",
    );
    let plan = loaded.scenario.kubelet.clone().unwrap();
    assert_eq!(plan.profile.version, "1.28");
    // The command line in P4 of docs/SOURCES.md.
    assert_eq!(plan.config.kube_reserved["memory"], "1638Mi");
    assert_eq!(plan.config.eviction_hard.unwrap()["memory.available"], "1000Mi");
    assert_eq!(plan.config.fail_swap_on, Some(false));
    assert_eq!(loaded.places.kubelet["kubeReserved"].line(), 5);
    assert_eq!(loaded.places.kubelet["evictionHard.memory.available"].line(), 7);
    assert_eq!(loaded.places.node["node.nominal"].text(), "\"7Gi\"");
}

#[test]
fn a_preset_says_what_it_needs() {
    for (text, part) in [
        ("[node]\nmemory = \"7Gi\"\n[kubelet]\npreset = \"aks-1.28\"", "such as 7Gi: `nominal` in [node]"),
        ("[node]\nmemory = \"7Gi\"\n[kubelet]\npreset = \"eks\"", "set `maxPods` in [kubelet]"),
        ("[node]\nmemory = \"7Gi\"\n[kubelet]\npreset = \"eka\"", "did you mean `eks`"),
        ("[node]\nmemory = \"7Gi\"\nnominal = \"1Mi\"", "out of range"),
    ] {
        let shown = super::wrong(text, &[]);
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

/// However many warnings there are, an error is an error; and what is not listed is counted.
#[test]
fn warnings_hide_no_error() {
    let pod = |n| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{n}}}\nspec:\n  containers:\n  - name: c\n    resources: {{limits: {{cpu: 1}}}}\n"
        )
    };
    let pods: Vec<String> = (0..1_100).map(pod).collect();
    let scenario = "[[pod]]\nmanifest = \"one.yaml\"\n[[pod]]\nmanifest = \"other.yaml\"\n";
    let files = [("one.yaml", &*pods[..550].join("---\n")), ("other.yaml", &*pods[550..].join("---\n"))];
    let warnings = right(scenario, &files).warnings;
    assert_eq!(warnings.len(), 1_001, "a thousand, and how many more: {:?}", warnings.last());
    // One for each pod, of which nothing says what its container does, and one for all cpu limits.
    assert_eq!(warnings.last().unwrap().message, "101 more warnings are not listed");
    let wrong = format!("{scenario}[[expect]]\nevent = \"Evcted\"\n");
    let problems = read(&wrong, &files).expect_err("there is no such event");
    assert!(problems.iter().any(|p| p.message.contains("Evcted")), "{}", rendered(&problems));
    let keys: String = (0..1_007).map(|n| format!("key{n} = 1\n")).collect();
    let problems = read(&format!("[kernel]\n{keys}"), &[]).expect_err("there are no such keys");
    assert_eq!(problems.last().unwrap().message, "7 more errors are not listed");
}
