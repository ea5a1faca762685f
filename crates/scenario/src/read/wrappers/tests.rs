use super::*;
use crate::source::Source;
use crate::yaml_value::parse_documents;
use std::sync::Arc;

/// Flags as words, fields as `key: value` of the memory-related ones, presets as `preset NAME`.
fn shown(text: &str) -> Vec<Vec<String>> {
    let source = Arc::new(Source::new("x", text));
    let documents = parse_documents(&source).expect("documents");
    let part = |part: &Settings| match part {
        Settings::Fields(fields) => fields.entries().unwrap_or_default().iter().map(field).collect(),
        Settings::Flags(words) | Settings::MoreFlags(words) => {
            words.items().unwrap_or_default().iter().filter_map(Value::as_text).map(str::to_owned).collect()
        }
        Settings::Provider(by) => vec![format!("preset {}", by.preset)],
    };
    kubelets(&documents).iter().map(|one| one.iter().flat_map(part).collect::<Vec<String>>()).collect()
}

fn field(entry: &crate::value::Entry) -> String {
    let inner = |value: &Value| match &value.kind {
        ValueKind::Text(text) => text.clone(),
        ValueKind::Table(entries) => {
            let pairs = entries.iter().map(|e| format!("{}={}", e.key, e.value.as_text().unwrap_or_default()));
            pairs.collect::<Vec<_>>().join(",")
        }
        other => format!("{other:?}"),
    };
    format!("{}: {}", entry.key, inner(&entry.value))
}

fn one(text: &str) -> Vec<String> {
    let all = shown(text);
    assert_eq!(all.len(), 1, "{all:?} in {text}");
    all.into_iter().next().unwrap_or_default()
}

const K3S: [&str; 3] = super::flags::OF_K3S;

fn k3s(more: &[&str]) -> Vec<String> {
    K3S.iter().chain(more).map(|flag| (*flag).to_owned()).collect()
}

/// What k3s gives to its kubelet stands in front; `kubelet-arg` replaces it flag by flag.
#[test]
fn k3s_has_flags_of_its_own() {
    assert_eq!(one("kubelet-arg: kube-reserved=memory=500Mi\n"), k3s(&["--kube-reserved=memory=500Mi"]));
    assert_eq!(
        one("kubelet-arg: [max-pods=5]\nkubelet-arg+: [--system-reserved=memory=1Gi]\n"),
        k3s(&["--max-pods=5", "--system-reserved=memory=1Gi"])
    );
    assert_eq!(one("write-kubeconfig-mode: \"0644\"\ntls-san: [a]\n"), k3s(&[]));
    let unit = "[Unit]\nDescription=Lightweight Kubernetes\n[Service]\nExecStart=/usr/local/bin/k3s \\\n    server \\\n\t'--disable' 'traefik' \\\n\t'--kubelet-arg=eviction-hard=memory.available<500Mi' \\\n\t--kubelet-arg max-pods=9\n";
    assert_eq!(one(unit), k3s(&["--eviction-hard=memory.available<500Mi", "--max-pods=9"]));
}

#[test]
fn flags_come_from_units_environments_scripts_and_lists_of_processes() {
    let reserved = ["--kube-reserved=memory=500Mi".to_owned(), "--max-pods=9".to_owned()];
    for text in [
        "KUBELET_EXTRA_ARGS=--kube-reserved=memory=500Mi --max-pods=9\n",
        "KUBELET_EXTRA_ARGS=\"--kube-reserved=memory=500Mi --max-pods=9\"\nKUBELET_OTHER=\n",
        "# a comment: with a colon\nKUBELET_FLAGS=--kube-reserved=memory=500Mi --max-pods=9\nNETWORK_POLICY=\nKUBELET_NODE_LABELS=a=b,c=d\n",
        "# Note: of kubeadm\n[Service]\nEnvironment=\"KUBELET_EXTRA_ARGS=--kube-reserved=memory=500Mi\"\nExecStart=\nExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS --system-reserved=memory=${MEMORY} --max-pods=9\n[Install]\nWantedBy=multi-user.target\n",
        "#!/bin/bash\nset -o xtrace\n/etc/eks/bootstrap.sh mine --b64-cluster-ca X --kubelet-extra-args '--kube-reserved=memory=500Mi --max-pods=9' --dns-cluster-ip 10.0.0.10\n",
        "/usr/bin/kubelet\0--kube-reserved=memory=500Mi\0--max-pods=9\0",
        "root  1 99.0 Ssl 10:00 kube-apiserver --kubelet-preferred-address-types=X --max-requests-inflight=9\nroot  2  1.0 Ssl 10:00 /usr/bin/kubelet --kube-reserved=memory=500Mi --max-pods 9\n",
        "KUBELET_ARGS: --kube-reserved=memory=500Mi --max-pods=9\nZONE: a\n",
        "services: {kubelet: {extra_args: {kube-reserved: memory=500Mi, max-pods: 9}}}",
        "minikube start --extra-config=kubelet.kube-reserved=memory=500Mi --extra-config=apiserver.v=9 --extra-config=kubelet.max-pods=9",
    ] {
        assert_eq!(one(text), reserved, "{text}");
    }
    for nothing in ["just words", "see --help", "#!/bin/sh\necho 1\n", "A=b\n"] {
        assert!(shown(nothing).is_empty(), "{nothing}");
    }
    // A service whose flags are none is one all the same.
    assert_eq!(one("KUBELET_EXTRA_ARGS=\n"), Vec::<String>::new());
}

const CONFIGURATION: &str =
    "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nevictionHard: {memory.available: 300Mi}\n";

#[test]
fn configurations_are_found_in_the_files_of_other_objects() {
    let found = |text: &str| {
        let all = one(text);
        assert!(all.contains(&"evictionHard: memory.available=300Mi".to_owned()), "{all:?} in {text}");
        all
    };
    let indented = |by: &str| CONFIGURATION.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, CONFIGURATION);
    let percent: String = CONFIGURATION.bytes().map(|b| format!("%{b:02X}")).collect();
    found(&format!("kind: ConfigMap\nmetadata: {{name: kubelet-config}}\ndata:\n  kubelet: |\n{}", indented("    ")));
    for source in [format!("data:text/plain;charset=utf-8;base64,{base64}"), format!("data:,{percent}")] {
        let files =
            format!("storage: {{files: [{{path: /etc/kubernetes/kubelet.conf, contents: {{source: \"{source}\"}}}}]}}");
        found(&format!("kind: MachineConfig\nspec: {{config: {{ignition: {{version: 3.2.0}}, {files}}}}}\n"));
        found(&format!("ignition: {{version: 3.2.0}}\n{files}\n"));
    }
    found(&format!(
        "#cloud-config\nwrite_files:\n- path: /var/lib/kubelet/config.yaml\n  encoding: b64\n  content: {base64}\n"
    ));
    found(&format!(
        "variant: fcos\nstorage:\n  files:\n  - path: /etc/kubelet.yaml\n    contents:\n      inline: |\n{}",
        indented("        ")
    ));
    found(&format!(
        "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{{role: control-plane}}]\nkubeadmConfigPatches:\n- |\n{}",
        indented("  ")
    ));
    // The reservation of an OpenShift node stands in a file of its own.
    let sizing = "data:,NODE_SIZING_ENABLED%3Dfalse%0ASYSTEM_RESERVED_MEMORY%3D1Gi%0A";
    let all = one(&format!(
        "kind: MachineConfig\nspec: {{config: {{storage: {{files: [{{path: /etc/node-sizing-enabled.env, contents: {{source: \"{sizing}\"}}}}]}}}}}}\n"
    ));
    assert_eq!(all, ["systemReserved: memory=1Gi"]);
    // User data in a node class: of Bottlerocket, and of nodeadm.
    let toml = "kind: EC2NodeClass\napiVersion: karpenter.k8s.aws/v1\nspec:\n  userData: |\n    [settings.kubernetes]\n    max-pods = 5\n    [settings.kubernetes.kube-reserved]\n    memory = \"1Gi\"\n";
    assert!(one(toml).contains(&"kubeReserved: memory=1Gi".to_owned()));
    let nodeadm = "kind: EC2NodeClass\napiVersion: karpenter.k8s.aws/v1\nspec:\n  userData: |\n    apiVersion: node.eks.aws/v1alpha1\n    kind: NodeConfig\n    spec: {kubelet: {flags: [--max-pods=5]}}\n";
    assert_eq!(one(nodeadm), ["--max-pods=5", "preset eks"]);
}

#[test]
fn what_one_node_is_given_in_several_places_is_one_kubelet() {
    let kubeadm = "kind: InitConfiguration\nnodeRegistration: {kubeletExtraArgs: {node-labels: a=b}}\n---\nkind: JoinConfiguration\nnodeRegistration: {kubeletExtraArgs: [{name: max-pods, value: \"5\"}]}\n---\n";
    assert_eq!(one(kubeadm), ["--max-pods=5"]);
    let both = one(&format!("{kubeadm}{CONFIGURATION}"));
    assert_eq!(both.last().map(String::as_str), Some("--max-pods=5"), "{both:?}");
    let template = "kind: KubeadmConfigTemplate\napiVersion: bootstrap.cluster.x-k8s.io/v1beta1\nspec: {template: {spec: {joinConfiguration: {nodeRegistration: {kubeletExtraArgs: {eviction-hard: memory.available<5%}}}}}}\n";
    assert_eq!(one(template), ["--eviction-hard=memory.available<5%"]);
    let kops = "kind: Cluster\napiVersion: kops.k8s.io/v1alpha2\nspec: {kubelet: {evictionHard: 'memory.available<5%', enforceNodeAllocatable: pods, featureGates: {A: \"true\"}}}\n---\nkind: InstanceGroup\napiVersion: kops.k8s.io/v1alpha2\nspec: {kubelet: {kubeReserved: {memory: 1Gi}}}\n";
    let kops = one(kops);
    assert!(
        kops.contains(&"evictionHard: memory.available=5%".into()) && kops.contains(&"kubeReserved: memory=1Gi".into()),
        "{kops:?}"
    );
    let nodes = "kind: NodeConfig\napiVersion: node.eks.aws/v1alpha1\nspec: {kubelet: {config: {maxPods: 5}}}\n---\nkind: NodeConfig\napiVersion: node.eks.aws/v1alpha1\nspec: {kubelet: {flags: [--v=2]}}\n";
    assert_eq!(shown(nodes).len(), 1);
    // Two classes of nodes are two kubelets, but twice the same is one.
    let class = |pods: u32| {
        format!(
            "kind: EC2NodeClass\napiVersion: karpenter.k8s.aws/v1beta1\nspec: {{kubelet: {{maxPods: {pods}}}}}\n---\n"
        )
    };
    assert_eq!(shown(&format!("{}{}", class(5), class(6))).len(), 2);
    assert_eq!(shown(&format!("{}{}", class(5), class(5))).len(), 1);
}

#[test]
fn pools_of_aks_and_gke_are_read_as_their_tools_print_them() {
    assert_eq!(
        one(
            r#"{"name": "np", "vmSize": "Standard_D4s_v5", "maxPods": 30, "kubeletConfig": null, "linuxOsConfig": null}"#
        ),
        ["maxPods: Int(30)", "preset aks-1.29"]
    );
    assert!(
        one(r#"{"properties": {"kubeletConfig": {"failSwapOn": false}, "linuxOSConfig": {"swapFileSizeMB": 1500}}}"#)
            [0]
        .starts_with("failSwapOn")
    );
    assert_eq!(
        one(
            "config: {kubeletConfig: {evictionSoft: {memoryAvailable: 200Mi, nodefsAvailable: 10%}}, machineType: e2-standard-4}\n"
        ),
        ["evictionSoft: memory.available=200Mi,nodefs.available=10%", "preset gke"]
    );
}
