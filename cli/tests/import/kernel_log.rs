//! A kernel's log beside the files of a cluster.

use crate::common::{err, oomsim, out};

/// A report about the whole node, and one about the limit of a pod of the files. By hand: (262144 − 6144) pages are
/// 1000 MiB; kubelet and sshd hold 20,000 + 5,600 pages = 100 MiB; slab and page tables 3,200 pages = 12.5 MiB; the
/// process with oom_score_adj 1000 is of a pod. The pod held 60 MiB of anonymous and 4 MiB of shared memory.
const KERNEL_LOG: &str = "\
Nov 02 10:00:00 w1 kernel: web invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=987
Nov 02 10:00:00 w1 kernel: CPU: 0 PID: 70 Comm: web Not tainted 6.1.0-50-cloud-amd64 #1
Nov 02 10:00:00 w1 kernel: memory: usage 65536kB, limit 65536kB, failcnt 81
Nov 02 10:00:00 w1 kernel: Memory cgroup stats for /kubepods/burstable/pod11111111-2222-3333-4444-555555555555:
Nov 02 10:00:00 w1 kernel: anon 62914560
Nov 02 10:00:00 w1 kernel: shmem 4194304
Nov 02 10:00:00 w1 kernel: active_file 0
Nov 02 10:00:00 w1 kernel: Memory cgroup out of memory: Killed process 70 (web) total-vm:80000kB, anon-rss:61440kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:40kB oom_score_adj:987
Nov 02 11:00:00 w1 kernel: leak invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=1000
Nov 02 11:00:00 w1 kernel: CPU: 0 PID: 90 Comm: leak Not tainted 6.1.0-50-cloud-amd64 #1
Nov 02 11:00:00 w1 kernel: Mem-Info:
Nov 02 11:00:00 w1 kernel: active_anon:200000 inactive_anon:1000 isolated_anon:0
Nov 02 11:00:00 w1 kernel:  active_file:256 inactive_file:512 isolated_file:0
Nov 02 11:00:00 w1 kernel:  slab_reclaimable:1000 slab_unreclaimable:2000
Nov 02 11:00:00 w1 kernel:  mapped:100 shmem:500 pagetables:200 bounce:0
Nov 02 11:00:00 w1 kernel:  free:12000 free_pcp:0 free_cma:0
Nov 02 11:00:00 w1 kernel: Free swap  = 0kB
Nov 02 11:00:00 w1 kernel: Total swap = 0kB
Nov 02 11:00:00 w1 kernel: 262144 pages RAM
Nov 02 11:00:00 w1 kernel: 6144 pages reserved
Nov 02 11:00:00 w1 kernel: [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
Nov 02 11:00:00 w1 kernel: [     20]     0    20    90000    20000   409600        0          -999 kubelet
Nov 02 11:00:00 w1 kernel: [     30]     0    30     9000     5600    40960        0         -1000 sshd
Nov 02 11:00:00 w1 kernel: [     90]     0    90   200000   180000   409600        0          1000 leak
Nov 02 11:00:00 w1 kernel: oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/kubepods/besteffort/pod2/c,task=leak,pid=90,uid=0
Nov 02 11:00:00 w1 kernel: Out of memory: Killed process 90 (leak) total-vm:800000kB, anon-rss:720000kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:400kB oom_score_adj:1000
";

const POD_OF_THE_LOG: &str = "\
kind: Pod
metadata: {name: web, namespace: shop, uid: 11111111-2222-3333-4444-555555555555}
spec: {nodeName: w1, containers: [{name: app, resources: {limits: {memory: 64Mi}, requests: {memory: 16Mi}}}]}
";

#[test]
fn a_kernel_log_tells_of_its_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.into_os_string()
    };
    let there = folder.path().join("w1");
    let (log, pod) = (file("kern.log", KERNEL_LOG), file("pod.yaml", POD_OF_THE_LOG));
    let output = oomsim(["import".into(), log, pod, "--out".into(), there.clone().into_os_string()]);
    assert!(output.status.success(), "{}", err(&output));
    let text = std::fs::read_to_string(there.join("scenario.toml")).expect("a scenario");
    for part in [
        "memory = \"1000Mi\"",
        "version = \"6.1.0-50-cloud-amd64\"",
        "anon = \"100Mi\", activeFile = \"1Mi\", inactiveFile = \"2Mi\", kernel = \"12800Ki\"",
        "2 processes outside of pods",
        "steady = { anon = \"64Mi\" }",
        "when the limit was reached, in",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    // Without the pods: what the log has of them is said, and the node runs without them.
    let alone = folder.path().join("alone");
    let log = folder.path().join("kern.log").into_os_string();
    let output = oomsim(["import".into(), log, "--out".into(), alone.into_os_string()]);
    assert!(output.status.success(), "{}", err(&output));
    assert!(out(&output).contains("1 process with 720000Ki in pods that no file names"), "{}", out(&output));
    // A log in which nothing says how large the machine is.
    let short: String = KERNEL_LOG.lines().take(8).map(|line| format!("{line}\n")).collect();
    let output = oomsim(["import".into(), file("short.log", &short), "--out".into(), folder.path().join("x").into()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("a kernel log says it in reports about the whole node"), "{}", err(&output));
}
