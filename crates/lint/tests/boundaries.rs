//! Each rule at its boundary: the last configuration that it takes for wrong, and the first that it does not.
//!
//! A node of 8 GiB whose own programs use 500 MiB of working set (400 anonymous, 100 of active file cache).

use oomsim_lint::{Evidence, lint};
use oomsim_testkit::read;

const NODE: &str = "
[node]
memory = \"8Gi\"
system = { anon = \"400Mi\", activeFile = \"100Mi\", kernel = \"50Mi\" }
[kernel]
version = \"6.1\"
";

/// A pod with a request and a limit, of which no rule says anything.
const POD: &str = "
[[pod]]
name = \"web\"
[[pod.container]]
name = \"app\"
resources = { requests = { memory = \"1Gi\" }, limits = { memory = \"1Gi\" } }
workload.steady = { anon = \"100Mi\" }
";

/// Whether the rule finds something in a scenario.
fn finds(code: &str, node: &str, kubelet: &str, pods: &str) -> bool {
    let text = format!("{}\n[kubelet]\n{kubelet}\n{pods}", node.trim_end());
    lint(&read(&text), Evidence::SCENARIO).iter().any(|finding| finding.code == code)
}

/// The kubelet's side of a rule.
fn kubelet(code: &str, wrong: &[&str], right: &[&str]) {
    for (lines, expected) in [(wrong, true), (right, false)] {
        for line in lines {
            assert_eq!(finds(code, NODE, line, POD), expected, "{code}: {line}");
        }
    }
}

/// The pods' side of a rule.
fn pods(code: &str, wrong: &[&str], right: &[&str]) {
    for (texts, expected) in [(wrong, true), (right, false)] {
        for text in texts {
            assert_eq!(finds(code, NODE, "", text), expected, "{code}: {text}");
        }
    }
}

fn hard(amount: &str) -> String {
    format!("evictionHard = {{ \"memory.available\" = \"{amount}\" }}")
}

/// A soft threshold beside a hard one of 500 MiB.
fn soft(amount: &str, more: &str) -> String {
    format!("{}\nevictionSoft = {{ \"memory.available\" = \"{amount}\" }}\n{more}", hard("500Mi"))
}

const GRACE: &str = "evictionSoftGracePeriod = { \"memory.available\" = \"1m\" }\nevictionMaxPodGracePeriod = 30";

#[test]
fn thresholds() {
    let none = "evictionHard = { \"nodefs.available\" = \"10%\" }";
    kubelet(
        "OOM001",
        &[none, "evictionHard = {}", &hard("0%"), &hard("100%"), &hard("NaN%")],
        &["", &hard("100Mi"), &hard("5%")],
    );
    // 8 − 2 GiB are left.
    let left = |amount| soft(amount, &format!("{GRACE}\nkubeReserved = {{ memory = \"2Gi\" }}"));
    kubelet("OOM002", &[&left("6145Mi")], &[&left("6Gi")]);
    let all = |amount| format!("kubeReserved = {{ memory = \"7Gi\" }}\n{}", hard(amount));
    kubelet("OOM003", &[&all("1Gi"), &all("1025Mi")], &[&all("1023Mi")]);
    kubelet("OOM004", &[&soft("500Mi", GRACE), &soft("499Mi", GRACE)], &[&soft("501Mi", GRACE)]);
    let no_time = GRACE.replace("= 30", "= 0");
    kubelet("OOM005", &[&soft("1Gi", ""), &soft("1Gi", &no_time)], &[&soft("1Gi", GRACE), &hard("1Gi")]);
    kubelet("OOM011", &[&hard("1Mi")], &[&hard("2Gi")]);
    // 8192 − 500 MiB are available when no pod runs.
    kubelet("OOM012", &[&hard("7693Mi")], &[&hard("7692Mi"), ""]);
}

#[test]
fn reservations() {
    let enforced = "kubeReservedCgroup = \"/kube.slice\"\nenforceNodeAllocatable = [\"pods\", \"kube-reserved\"]";
    let reserved = "kubeReserved = { memory = \"1Gi\" }";
    let nothing = format!("{reserved}\nenforceNodeAllocatable = []");
    kubelet("OOM006", &[reserved, &nothing], &["", &format!("{reserved}\n{enforced}")]);
    // Programs of the node itself are in /system.slice: 400 MiB anonymous.
    let system = |amount: &str| {
        format!(
            "systemReserved = {{ memory = \"{amount}\" }}\nsystemReservedCgroup = \"/system.slice\"\n\
             enforceNodeAllocatable = [\"pods\", \"system-reserved\"]"
        )
    };
    // The node's own programs hold 500 MiB; a reservation of nothing promises nothing.
    let kube = |amount: &str| format!("kubeReserved = {{ memory = \"{amount}\" }}");
    kubelet("OOM019", &[&kube("499Mi"), &kube("1Mi")], &[&kube("500Mi"), "", &system("100Mi")]);
    kubelet(
        "OOM007",
        &[&system("400Mi"), &system("100Mi")],
        &[&system("401Mi"), "systemReserved = { memory = \"1Mi\" }"],
    );
}

#[test]
fn minimum_reclaim() {
    let reclaim = |signal: &str, amount: &str| {
        format!("{}\nevictionMinimumReclaim = {{ \"{signal}\" = \"{amount}\" }}", hard("1Gi"))
    };
    let most = reclaim("memory.available", "6668Mi");
    // After one eviction 1024 + 6668 = 7692 MiB must be available: just what is, without any pod.
    let wrong = [reclaim("memory.available", "6669Mi"), reclaim("imagefs.available", "10%")];
    kubelet("OOM008", &wrong.each_ref().map(String::as_str), &[&most, &hard("1Gi")]);
}

#[test]
fn what_keeps_a_kubelet_from_starting() {
    let swap = NODE.replace("system =", "swap = \"1Gi\"\nsystem =");
    assert!(finds("OOM009", &swap, "", POD));
    assert!(!finds("OOM009", &swap, "failSwapOn = false", POD));
    assert!(!finds("OOM009", NODE, "", POD));
    let protect = "protectKernelDefaults = true";
    let mode = |mode: u8| format!("{NODE}sysctl = {{ \"vm.overcommit_memory\" = {mode} }}\n");
    assert!(finds("OOM010", &mode(2), protect, POD));
    assert!(!finds("OOM010", &mode(1), protect, POD));
    assert!(!finds("OOM010", &mode(2), "", POD));
    let none = |keys: &str| format!("enforceNodeAllocatable = [{keys}]");
    kubelet("OOM018", &[&none("\"pods\", \"none\"")], &[&none("\"none\""), &none("\"pods\"")]);
}

fn pod(resources: &str, more: &str) -> String {
    format!(
        "\n[[pod]]\nname = \"web\"\n{more}\n[[pod.container]]\nname = \"app\"\nworkload.steady = {{ anon = \"10Mi\" }}\n{resources}"
    )
}

fn limit(amount: &str) -> String {
    format!("resources = {{ limits = {{ memory = \"{amount}\" }} }}")
}

#[test]
fn limits_and_requests() {
    // Allocatable: 8192 − 100 MiB.
    let above =
        |amount| format!("resources = {{ requests = {{ memory = \"64Mi\" }}, limits = {{ memory = \"{amount}\" }} }}");
    pods("OOM013", &[&pod(&above("8093Mi"), "")], &[&pod(&above("8092Mi"), "")]);
    // A limit alone is the request, too: the pod is refused.
    pods("OOM020", &[&pod(&limit("8093Mi"), "")], &[&pod(&limit("8092Mi"), ""), &pod(&above("8093Mi"), "")]);
    let request = "resources = { requests = { memory = \"1Gi\" } }";
    let zero = "resources = { requests = { memory = \"0\" }, limits = { memory = \"1Gi\" } }";
    pods("OOM014", &[&pod(request, ""), &pod("", "")], &[&pod(&limit("1Gi"), "")]);
    // A limit is a request too, unless one is given.
    pods("OOM015", &[&pod("", ""), &pod(zero, "")], &[&pod(&limit("1Gi"), ""), &pod(request, "")]);
    let sidecar = |resources: &str| {
        let proxy = "[[pod.initContainer]]\nname = \"proxy\"\nrestartPolicy = \"Always\"\n";
        format!("{}\n{proxy}{resources}\nworkload.steady = {{ anon = \"10Mi\" }}", pod(&limit("1Gi"), ""))
    };
    let regular = sidecar(&limit("64Mi"))
        .replace("restartPolicy = \"Always\"\n", "")
        .replace("workload.steady = { anon = \"10Mi\" }", "");
    // From 1.34 on the eviction manager counts sidecars, too (pkg/api/v1/resource/helpers.go PodRequests).
    for (version, found) in [("1.33", true), ("1.34", false)] {
        let kubelet = format!("version = \"{version}\"");
        assert_eq!(finds("OOM016", NODE, &kubelet, &sidecar(&limit("64Mi"))), found, "{version}");
    }
    for right in [sidecar(""), regular, POD.to_owned()] {
        assert!(!finds("OOM016", NODE, "version = \"1.33\"", &right), "{right}");
    }
    let volume = |size: &str| pod(&limit("256Mi"), &format!("[[pod.volume]]\nname = \"cache\"\n{size}"));
    let (wrong, right) = (["", "sizeLimit = \"256Mi\""].map(volume), volume("sizeLimit = \"255Mi\""));
    pods("OOM017", &wrong.each_ref().map(String::as_str), &[&right, POD]);
}
