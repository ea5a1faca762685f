//! The kubelet's settings in the files of providers and installers.

use crate::common::{err, oomsim, out};
use crate::{cluster, data, import, node_json};
use serde_json::Value;
use std::path::Path;

#[test]
fn reservations_are_inferred_without_a_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = import(&["pods.json", "node.json"], folder.path());
    assert!(output.status.success(), "{}", err(&output));
    let node = node_json(&[folder.path().join("scenario.toml").to_str().expect("UTF-8")]);
    assert_eq!(node["allocatable"], 7_244_280_u64 * 1024, "{node}");
    assert!(out(&output).contains("no configuration was given (EKS node)"), "{}", out(&output));
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

/// Files as providers and installers write them, in shapes that need more than a look at `kind`; by hand from the file:
/// reserved and evictionHard in MiB, of 16 GiB.
#[test]
fn user_data_lists_and_command_lines_are_read() {
    const MI: u64 = 1 << 20;
    for (file, taken) in [
        ("talos.yaml", 512 + 256 + 200),
        // A MIME message around a NodeConfig: 1Gi and a flag of 200Mi, evictionHard 300Mi.
        ("nodeadm-user-data.txt", 1024 + 200 + 300),
        ("aks-linux-kubelet-config.json", 100),
        // A KubeletConfiguration of 300Mi beside flags that reserve 500Mi.
        ("kubeadm.yaml", 500 + 300),
        ("kops.yaml", 500 + 300),
        ("eksctl.yaml", 300 + 300 + 200),
        ("kubeadm-flags.env", 500 + 100),
        ("openshift-auto.yaml", 500),
        ("gke.yaml", 100),
    ] {
        let path = data("providers").join(file);
        let node = node_json(&["--capacity", "16Gi", "--config", path.to_str().expect("UTF-8")]);
        assert_eq!(node["allocatable"], (16 * 1024 - taken) * MI, "{file}: {node}");
    }
    // Thresholds in percent: 1355Mi and 5 % of 16 GiB; 300Mi and 15 %.
    for (file, reserved, percent) in [("karpenter-list.yaml", 1355, 5), ("bottlerocket.toml", 300, 15)] {
        let path = data("providers").join(file);
        let node = node_json(&["--capacity", "16Gi", "--config", path.to_str().expect("UTF-8")]);
        let expected = (16 * 1024 - reserved) * MI - 16 * 1024 * MI * percent / 100;
        let got = node["allocatable"].as_u64().expect("a number");
        assert!(got.abs_diff(expected) < 4096, "{file}: {got} {expected}");
    }
}

/// One node in the files of every provider and installer that is known, in several shapes each: 1Gi and 256Mi are
/// reserved, and evictionHard is 5 % of 16 GiB.
#[test]
fn every_wrapper_makes_the_same_node() {
    let folder = tempfile::tempdir().expect("a folder");
    let expected = (16 * 1024 - 1024 - 256) * (1 << 20) - 16 * 1024 * (1 << 20) * 5 / 100;
    let is_right = |node: &Value, file: &Path| {
        let got = node["allocatable"].as_u64().expect("a number");
        assert!(got.abs_diff(expected) < 4096, "{}: {got}, not {expected}", file.display());
    };
    let mut count = 0;
    for file in data("providers/same").read_dir().expect("a folder").map(|file| file.expect("a file").path()) {
        let name = file.to_str().expect("UTF-8");
        is_right(&node_json(&["--capacity", "16Gi", "--config", name]), &file);
        // It comes in as well, and what stands there needs the file no more.
        let there = folder.path().join(count.to_string());
        let there = there.to_str().expect("UTF-8");
        let output = oomsim(["import", name, "--memory", "16Gi", "--out", there]);
        assert!(output.status.success(), "{name}: {}", err(&output));
        is_right(&node_json(&[&format!("{there}/scenario.toml")]), &file);
        // Nothing else takes it, and says so.
        let output = oomsim(["run", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(err(&output).contains("oomsim node --config"), "{name}: {}", err(&output));
        let output = oomsim(["lint", name]);
        assert_ne!(output.status.code(), Some(2), "{name}: {}", err(&output));
        count += 1;
    }
    assert!(count >= 52, "{count}");
}

/// A file in which no key is the kubelet's is no configuration whose fields are all at their defaults.
#[test]
fn a_file_without_a_setting_of_the_kubelet_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, said) in [
        ("replicaCount: 2\nresources: {limits: {memory: 1Gi}}\n", "`replicaCount` is not a field"),
        // kubespray's variables are near, but not it.
        ("kube_memory_reserved: 1Gi\n", "did you mean `kubeReserved`?"),
        ("{\"InstanceId\": \"i-1\"}", "`InstanceId` is not a field"),
    ] {
        let path = folder.path().join("given.yaml");
        std::fs::write(&path, text).expect("written");
        let output = oomsim(["node", "--capacity", "8Gi", "--config", path.to_str().expect("UTF-8")]);
        assert_eq!(output.status.code(), Some(2), "{text}: {}", out(&output));
        assert!(
            err(&output).contains("has no settings of a kubelet") && err(&output).contains(said),
            "{}",
            err(&output)
        );
    }
}

/// What a pool of workers says replaces all that the Shoot says (gardener WorkerKubernetes.Kubelet), and groups that
/// differ are several kubelets.
#[test]
fn groups_of_nodes_have_kubelets_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shoot.yaml");
    let shoot = |workers: &str| {
        let kubernetes = "kubernetes: {kubelet: {kubeReserved: {memory: 2Gi}, evictionHard: {memoryAvailable: 300Mi}}}";
        format!(
            "apiVersion: core.gardener.cloud/v1beta1\nkind: Shoot\nspec: {{{kubernetes}, provider: {{workers: [{workers}]}}}}\n"
        )
    };
    let node = |workers: &str| {
        std::fs::write(&path, shoot(workers)).expect("written");
        oomsim(["node", "--capacity", "16Gi", "--config", path.to_str().expect("UTF-8"), "--format", "json"])
    };
    let own = "{name: a, kubernetes: {kubelet: {kubeReserved: {memory: 1Gi}}}}";
    // By hand: 2Gi and 300Mi; 1Gi and the default of 100Mi.
    for (workers, taken) in [("{name: a}, {name: b}", 2048_u64 + 300), (own, 1024 + 100)] {
        let output = node(workers);
        let found: Value = serde_json::from_str(&out(&output)).unwrap_or_else(|_| panic!("{}", err(&output)));
        assert_eq!(found["allocatable"], (16 * 1024 - taken) << 20, "{workers}");
    }
    let output = node(&format!("{own}, {{name: b}}"));
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("has settings of 2 kubelets"), "{}", err(&output));
}

/// k3s and RKE2 replace the map of thresholds: without a word about memory nothing is evicted for it. A drop-in adds.
#[test]
fn k3s_evicts_only_where_it_is_asked_to() {
    const MI: u64 = 1 << 20;
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let config = write("config.yaml", "cluster-init: true\nkubelet-arg: [kube-reserved=memory=500Mi]\n");
    let node = node_json(&["--capacity", "16Gi", "--config", &config]);
    assert_eq!((&node["allocatable"], &node["evictionHard"]), (&((16 * 1024 - 500) * MI).into(), &Value::Null));
    let more = write("config.yaml.d/10.yaml", "kubelet-arg+: [\"eviction-hard=memory.available<300Mi\"]\n");
    let there = folder.path().join("out");
    let output = oomsim(["import", &more, &config, "--memory", "16Gi", "--out", there.to_str().expect("UTF-8")]);
    assert!(output.status.success(), "{}", err(&output));
    let node = node_json(&[there.join("scenario.toml").to_str().expect("UTF-8")]);
    assert_eq!(node["allocatable"], (16 * 1024 - 500 - 300) * MI, "{node}");
}

/// What the provider's node adds by itself is not silently nothing.
#[test]
fn settings_that_leave_the_reservation_to_the_node_say_so() {
    for (name, preset) in
        [("aks-linux-kubelet-config.json", "aks-1.29"), ("openshift-auto.yaml", "openshift"), ("gke.yaml", "gke")]
    {
        let path = data("providers").join(name);
        let path = path.to_str().expect("UTF-8");
        let output = oomsim(["node", "--capacity", "16Gi", "--config", path]);
        assert!(err(&output).contains(&format!("--preset {preset}")), "{name}: {}", err(&output));
        let output = oomsim(["node", "--capacity", "16Gi", "--max-pods", "30", "--preset", "eks", "--config", path]);
        assert!(!err(&output).contains("a rule of their own"), "{name}: {}", err(&output));
    }
}

/// A provider's file has tokens and keys beside the kubelet's settings, and often leaves reservations to the node.
#[test]
fn of_a_providers_file_only_the_settings_are_copied() {
    let folder = tempfile::tempdir().expect("a folder");
    let rke2 = data("providers/rke2.yaml");
    let out_args = ["--memory", "16Gi", "--out"].map(std::ffi::OsString::from);
    let args = ["import".into(), rke2.into_os_string()].into_iter().chain(out_args);
    let output = oomsim(args.chain([folder.path().as_os_str().to_owned()]));
    assert!(output.status.success(), "{}", err(&output));
    let scenario = std::fs::read_to_string(folder.path().join("scenario.toml")).expect("a scenario");
    assert!(scenario.contains("--kube-reserved=memory=512Mi") && !scenario.contains("token"), "{scenario}");
    assert!(!folder.path().join("kubelet.yaml").exists());

    // AKS' custom node configuration reserves nothing: 16007392Ki − 14990560Ki − 100Mi is what the node does.
    let node = cluster("node.json");
    let aks = data("providers/aks-linux-kubelet-config.json");
    let output = oomsim([
        "import".as_ref(),
        node.as_os_str(),
        aks.as_os_str(),
        "--out".as_ref(),
        folder.path().as_os_str(),
        "--force".as_ref(),
    ]);
    assert!(output.status.success(), "{}", err(&output));
    assert!(out(&output).contains("kubelet.kubeReserved: 893Mi assumed"), "{}", out(&output));
    let node = node_json(&[folder.path().join("scenario.toml").to_str().expect("UTF-8")]);
    assert_eq!(node["allocatable"], 14_990_560_u64 * 1024, "{node}");
}
