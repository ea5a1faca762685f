//! Logs from public issue threads (source in each file's first line) and from the articles of docs/SOURCES.md. What is
//! expected was read off the files by hand.

use oomsim_dmesg::{LoggedOom, OomKind};

fn read(folder: &str, name: &str) -> Vec<LoggedOom> {
    let path = format!("{}/tests/data/{folder}/{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    oomsim_dmesg::read(&bytes[..]).expect("readable")
}

/// One report: rows, chosen pid, killed pids, kernel, kind.
type Expected = (usize, Option<u32>, &'static [u32], Option<&'static str>, OomKind);

#[test]
fn public_excerpts_are_read_without_loss() {
    use OomKind::{Cgroup, Node, Unknown};
    let cases: &[(&str, &[Expected])] = &[
        (
            "3.10-k8s-56891.log",
            &[(1, Some(24572), &[28438], None, Cgroup), (0, None, &[], Some("3.10.0-327.4.5.el7.x86_64"), Unknown)],
        ),
        ("3.10-istio-42734.log", &[(0, None, &[], None, Cgroup)]),
        (
            "3.10-k8s-50632.log",
            &[
                (0, Some(799153), &[799153], None, Unknown),
                (0, Some(799402), &[799402], None, Unknown),
                (0, Some(799889), &[799889], None, Unknown),
            ],
        ),
        (
            "3.19-moby-15654.log",
            &[(1, Some(17377), &[19715], None, Cgroup), (0, None, &[], Some("3.19.0-26-generic"), Unknown)],
        ),
        ("4.4-openj9-4050.log", &[(0, None, &[], Some("4.4.0-119-generic"), Unknown)]),
        ("4.4-elasticsearch-23842.log", &[(4, None, &[], None, Unknown)]),
        ("4.x-crio-1975.log", &[(5, Some(387941), &[387951], None, Cgroup)]),
        ("4.13-navigator-297.log", &[(0, None, &[], Some("4.13.0-36-generic"), Unknown)]),
        ("4.15-docker-1001.log", &[(0, Some(4142), &[4254], None, Cgroup), (0, Some(4142), &[4255], None, Cgroup)]),
        ("4.19-kubedirector-356.log", &[(2, Some(62685), &[], None, Cgroup)]),
        ("4.19-photon-1535.log", &[(4, None, &[], None, Cgroup)]),
        ("4.x-k8s-86337.log", &[(0, None, &[], None, Cgroup)]),
        (
            "5.4-eks-ami-419.log",
            &[(0, Some(989), &[989], None, Cgroup), (0, None, &[], Some("5.4.17-200.fc31.x86_64"), Unknown)],
        ),
        (
            "5.4-reportportal-203.log",
            &[(0, Some(63214), &[63214], None, Cgroup), (0, None, &[], Some("5.4.0-77-generic"), Unknown)],
        ),
        ("5.4-docker-1001.log", &[(0, None, &[], Some("5.4.0-29-generic"), Node)]),
        ("5.x-reportportal-2103.log", &[(0, Some(13592), &[13592], None, Node)]),
        (
            "5.x-garden-193.log",
            &[(0, Some(1949510), &[1949510], None, Cgroup), (0, Some(2009943), &[2009943], None, Cgroup)],
        ),
        ("5.x-gpud-70.log", &[(0, Some(461754), &[], None, Cgroup)]),
        ("6.12-talos-11148.log", &[(0, None, &[], None, Cgroup)]),
        (
            "6.16-relate-1383.log",
            &[(2, Some(3581527), &[3581527], None, Node), (0, None, &[], Some("6.16.9+deb14-amd64"), Unknown)],
        ),
    ];
    for (name, expected) in cases {
        let reports = read("public", name);
        let seen: Vec<_> = reports
            .iter()
            .map(|r| {
                let killed: Vec<u32> = r.killed.iter().map(|k| k.pid).collect();
                (r.tasks.len(), r.victim_pid(), killed, r.kernel.clone(), r.kind)
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(rows, pid, killed, kernel, kind)| (*rows, *pid, killed.to_vec(), kernel.map(str::to_string), *kind))
            .collect();
        assert_eq!(seen, expected, "{name}");
    }
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/public")).expect("folder");
    assert_eq!(files.count(), cases.len());
}

#[test]
fn details_of_the_excerpts() {
    let crio = &read("public", "4.x-crio-1975.log")[0];
    assert_eq!(crio.chosen.as_ref().and_then(|c| c.score), Some(398));
    let init = crio.task(387951).expect("the row");
    // nr_ptes 22 + nr_pmds 4.
    assert_eq!(
        (init.comm.as_str(), init.rss, init.pgtables_pages, init.oom_score_adj),
        ("runc:[2:INIT]", 1724, 26, -998)
    );
    assert_eq!(crio.reaped.len(), 1);

    let wrapped = &read("public", "4.19-kubedirector-356.log")[0];
    let cgroup = "/kubepods/pod951f6bc5-c5a5-11ea-8707-80e455f266a2/024952d653ef1cd852f875a61bd27cf45cb1fd6cab3659ca7e5f12f037d99aa9";
    assert_eq!(wrapped.oom_memcg.as_deref(), Some(cgroup));
    assert_eq!(wrapped.task_memcg.as_deref(), Some(cgroup));
    assert_eq!(wrapped.memory_swap.map(|c| c.failcnt), Some(38));
    let stats = &wrapped.cgroup_stats[0];
    assert_eq!(stats.cgroup, cgroup);
    for (key, kb) in [("cache", 507_172), ("rss", 448), ("dirty", 503_316), ("active_file", 253_592)] {
        assert_eq!(stats.values.iter().find(|(k, _)| k == key).map(|(_, v)| v / 1024), Some(kb), "{key}");
    }

    let java = &read("public", "3.10-k8s-56891.log")[0];
    assert_eq!((java.tasks[0].swapents, java.tasks[0].pgtables_pages), (136_409, 1661));
    let suppressed = &read("public", "5.4-docker-1001.log")[0];
    assert_eq!(suppressed.suppressed_before, Some(70));
    let info = suppressed.mem_info.as_ref().expect("Mem-Info");
    assert_eq!((info.get("inactive_file"), info.get("bounce")), (Some(1_353_156), Some(0)));
    let node = &read("public", "3.10-k8s-50632.log")[0];
    assert_eq!(node.killed[0].uid, Some(1000));
    let kubelet = &read("public", "5.4-eks-ami-419.log")[0];
    assert_eq!(kubelet.oom_memcg.as_deref(), Some("/podruntime.slice"));
    let talos = &read("public", "6.12-talos-11148.log")[0];
    assert_eq!(talos.host.as_deref(), Some("10.200.70.91"));
    assert_eq!(talos.cgroup_stats[0].values.len(), 3);
    let jit = &read("public", "4.4-openj9-4050.log")[0];
    assert_eq!(jit.invoker.as_ref().map(|i| i.comm.as_str()), Some("JIT Compilation"));
    assert_eq!(jit.invoker.as_ref().and_then(|i| i.pid), Some(120_669));
}

#[test]
fn the_articles_logs() {
    let one = &read("quoted", "p2-twist-1.log")[..];
    assert_eq!(one.len(), 1);
    let r = &one[0];
    assert_eq!(r.host.as_deref(), Some("aks-agentpool-20086390-vmss00003K"));
    assert_eq!(r.stamp.uptime_us, Some(8_334_895_293));
    assert_eq!(r.kernel.as_deref(), Some("5.4.0-1059-azure"));
    assert_eq!((r.kind, r.tasks.len(), r.victim_pid()), (OomKind::Cgroup, 4, Some(14300)));
    assert_eq!(r.memory.map(|c| (c.usage_kb, c.limit_kb, c.failcnt)), Some((1_048_576, 1_048_576, 30)));
    assert_eq!(r.kmem.map(|c| c.usage_kb), Some(5164));
    let killed = &r.killed[0];
    assert_eq!((killed.anon_rss_kb, killed.file_rss_kb), (Some(148_368), Some(25_056)));

    let two = &read("quoted", "p2-twist-2.log")[0];
    assert_eq!((two.tasks.len(), two.victim_pid()), (4, Some(31082)));
    assert_eq!(two.invoker.as_ref().and_then(|i| i.pid), Some(30548));

    let pod = &read("quoted", "limit-123mi.log")[..];
    assert_eq!(pod.len(), 1);
    let r = &pod[0];
    assert_eq!(r.kernel.as_deref(), Some("4.15.0-46-generic"));
    assert_eq!((r.tasks.len(), r.cgroup_stats.len()), (6, 3));
    assert_eq!(r.chosen.as_ref().and_then(|c| c.score), Some(1718));
    assert_eq!(r.stamp.wall.as_deref(), Some("Sat Apr 27 22:56:09 2019"));
    let victim = r.task(32308).expect("row");
    assert_eq!((victim.rss, victim.pgtables_pages, victim.oom_score_adj), (24_953, 62, 939));

    let race = &read("quoted", "p4-race.log")[..];
    assert_eq!(race.len(), 1);
    assert_eq!(race[0].oom_memcg.as_deref(), Some("/kubepods"));
    assert_eq!(race[0].killed[0].anon_rss_kb, Some(4_776_416));

    let lesson = &read("quoted", "lesson.log")[..];
    assert_eq!(lesson.len(), 1);
    let killed = &lesson[0].killed[0];
    assert_eq!((killed.pid, killed.anon_rss_kb, killed.oom_score_adj), (5678, Some(2_097_152), Some(1000)));
    assert_eq!(lesson[0].kind, OomKind::Node);
    let page = &read("quoted", "page.log")[..];
    assert_eq!(page.len(), 2);
    assert_eq!(page[0].killed[0].anon_rss_kb, Some(2_092_912));
    assert_eq!(page[1].killed[0].comm, "worker");
}
