//! What other programs look for in a kernel log is in the simulated one, for every kernel version.

mod common;

use oomsim_core::kernel::log::{Hierarchy, KernelLog, LogRecord, LogStyle, STYLES};
use oomsim_dmesg::{LoggedOom, to_oom_report};

fn recorded(name: &str) -> LoggedOom {
    let log = common::logs().remove(name).expect("the log");
    oomsim_dmesg::read(log.as_bytes()).expect("readable").remove(0)
}

fn cgroup_report() -> LoggedOom {
    recorded("B2_1101_21_unk_some_6.12.117+deb12-cloud-amd64.log")
}

fn node_report() -> LoggedOom {
    recorded("C_1201_12_6.12.117+deb12-cloud-amd64.log")
}

fn write(report: &LoggedOom, style: &LogStyle, hierarchy: Hierarchy) -> Vec<LogRecord> {
    KernelLog::new(style, hierarchy, &format!("{}.0-1-amd64", style.version)).oom(&to_oom_report(report))
}

fn kmsg(records: &[LogRecord]) -> String {
    (100..).zip(records).map(|(seq, r)| r.kmsg(seq)).collect()
}

/// cAdvisor's parser as the kubelet has it, by its description: records of `/dev/kmsg`, a state machine of two states.
#[derive(Debug, Default, PartialEq)]
struct OomInstance {
    pid: u32,
    process: String,
    container: String,
    victim_container: String,
    constraint: String,
}

fn cadvisor(kmsg: &str) -> Vec<OomInstance> {
    let mut out = Vec::new();
    let mut open: Option<OomInstance> = None;
    for line in kmsg.lines() {
        // Continuation lines begin with a blank; a record has at least three numbers before the first semicolon.
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let (prefix, message) = line.split_once(';').expect("a record");
        let fields: Vec<&str> = prefix.split(',').collect();
        assert!(fields.len() >= 3 && fields[..3].iter().all(|f| f.parse::<u64>().is_ok()), "{line}");
        let Some(instance) = &mut open else {
            if message.contains("invoked oom-killer:") {
                open =
                    Some(OomInstance { container: "/".into(), victim_container: "/".into(), ..OomInstance::default() });
            }
            continue;
        };
        if let Some(found) = summary(message) {
            *instance = found;
            out.extend(open.take());
        } else if let Some((task, limit)) = legacy(message) {
            instance.container = task;
            instance.victim_container = limit;
        } else if let Some((pid, name)) = killed(message) {
            instance.pid = pid;
            instance.process = name;
            out.extend(open.take());
        }
    }
    out
}

/// `oom-kill:constraint=…,nodemask=…,cpuset=…,mems_allowed=…,oom_memcg=…,task_memcg=…,task=…,pid=…,uid=…`; a line with
/// `global_oom` in place of `oom_memcg=` does not match.
fn summary(message: &str) -> Option<OomInstance> {
    let rest = message.split_once("oom-kill:constraint=")?.1;
    let (constraint, rest) = rest.split_once(",nodemask=")?;
    let (_, rest) = rest.split_once(",cpuset=")?;
    let (_, rest) = rest.split_once(",mems_allowed=")?;
    let (_, rest) = rest.split_once(",oom_memcg=")?;
    let (oom_memcg, rest) = rest.split_once(",task_memcg=")?;
    let (task_memcg, rest) = rest.split_once(",task=")?;
    let (task, rest) = rest.split_once(",pid=")?;
    let (pid, _) = rest.split_once(",uid=")?;
    Some(OomInstance {
        pid: pid.parse().ok()?,
        process: task.into(),
        container: task_memcg.into(),
        victim_container: oom_memcg.into(),
        constraint: constraint.into(),
    })
}

fn legacy(message: &str) -> Option<(String, String)> {
    let (task, limit) = message.split_once("Task in ")?.1.split_once(" killed as a result of limit of ")?;
    Some((task.into(), limit.into()))
}

/// `Killed process PID (NAME)`; the name reaches to the last bracket.
fn killed(message: &str) -> Option<(u32, String)> {
    let rest = message.split_once("Killed process ")?.1;
    let (pid, rest) = rest.split_once(" (")?;
    Some((pid.parse().ok()?, rest.rsplit_once(')')?.0.into()))
}

#[test]
fn cadvisor_finds_what_the_kubelet_needs() {
    let (cgroup, node) = (cgroup_report(), node_report());
    let task_memcg = cgroup.task_memcg.clone().expect("a cgroup");
    for style in &STYLES {
        for hierarchy in [Hierarchy::V1, Hierarchy::V2] {
            let mut text = kmsg(&write(&cgroup, style, hierarchy));
            text.push_str(&kmsg(&write(&node, style, hierarchy)));
            let found = cadvisor(&text);
            assert_eq!(found.len(), 2, "{}", style.version);
            // Recorded: k21p11, pid 357, limit of /kubepods.
            let first = &found[0];
            assert_eq!((first.pid, first.process.as_str()), (357, "k21p11"));
            assert_eq!((first.container.as_str(), first.victim_container.as_str()), (task_memcg.as_str(), "/kubepods"));
            let constraint = if style.summary { "CONSTRAINT_MEMCG" } else { "" };
            assert_eq!(first.constraint, constraint);
            // A node OOM: the kubelet makes a SystemOOM event of it because both containers are "/".
            let second = &found[1];
            assert_eq!((second.pid, second.process.as_str()), (205, "g12p2"));
            assert_eq!((second.container.as_str(), second.victim_container.as_str()), ("/", "/"));
            assert_eq!(second.constraint, "");
        }
    }
}

/// `{}` stands for a number.
fn like(line: &str, form: &str) -> bool {
    let mut rest = line.trim_start();
    let mut parts = form.split("{}").peekable();
    while let Some(part) = parts.next() {
        let Some(after) = rest.strip_prefix(part) else { return false };
        rest = after;
        if parts.peek().is_some() {
            let digits = rest.trim_start_matches('-').find(|c: char| !c.is_ascii_digit());
            let sign = rest.len() - rest.trim_start_matches('-').len();
            let end = digits.map_or(rest.len(), |d| d + sign);
            if end == sign {
                return false;
            }
            rest = &rest[end..];
        }
    }
    true
}

fn lines(records: &[LogRecord]) -> Vec<String> {
    records.iter().flat_map(|r| r.text.split('\n').map(str::to_string).collect::<Vec<_>>()).collect()
}

/// Forms in this order, each on a line of its own.
fn in_order(version: &str, lines: &[String], forms: &[&str]) {
    let mut at = 0;
    for form in forms {
        let found = lines[at..].iter().position(|l| like(l, form));
        let found = found.unwrap_or_else(|| panic!("{version}: nothing like {form:?} after line {at}:\n{lines:#?}"));
        at += found + 1;
    }
}

/// Lines that OOMAnalyser calls mandatory for an OOM of the node.
#[test]
fn mandatory_lines_of_a_node_oom() {
    for style in &STYLES {
        let s = &style.mem_info;
        let mut forms = vec![
            "g12p3 invoked oom-killer: gfp_mask=0x",
            if style.cpu_line_uid {
                "CPU: {} UID: {} PID: {} Comm: g12p3 Not tainted {}.{}.0-1-amd64 #1"
            } else {
                "CPU: {} PID: {} Comm: g12p3 Not tainted {}.{}.0-1-amd64 #1"
            },
            "Mem-Info:",
            "active_anon:{} inactive_anon:{} isolated_anon:{}",
            "active_file:{} inactive_file:{} isolated_file:{}",
            if s.unstable {
                "unevictable:{} dirty:{} writeback:{} unstable:{}"
            } else {
                "unevictable:{} dirty:{} writeback:{}"
            },
            "slab_reclaimable:{} slab_unreclaimable:{}",
        ];
        if s.sec_pagetables {
            forms.extend(["mapped:{} shmem:{} pagetables:{}", "sec_pagetables:{} bounce:{}"]);
        } else {
            forms.push("mapped:{} shmem:{} pagetables:{} bounce:{}");
        }
        if s.kernel_misc_reclaimable {
            forms.push("kernel_misc_reclaimable:{}");
        }
        let watermark = if s.boost {
            "Node {} DMA free:{}kB boost:{}kB min:{}kB low:{}kB high:{}kB "
        } else {
            "Node {} DMA free:{}kB min:{}kB low:{}kB high:{}kB "
        };
        forms.extend(["free:{} free_pcp:{} free_cma:{}", watermark, "lowmem_reserve[]:", "{} total pagecache pages"]);
        forms.push("{} pages in swap cache");
        if s.swap_cache_stats {
            forms.push("Swap cache stats: add {}, delete {}, find {}/{}");
        }
        forms.extend(["Free swap  = {}kB", "Total swap = {}kB", "{} pages RAM", "{} pages HighMem/MovableOnly"]);
        forms.extend(["{} pages reserved", "["]);
        let sizes = "Killed process {} (g12p2) total-vm:{}kB, anon-rss:{}kB, file-rss:{}kB, shmem-rss:{}kB";
        let new = format!("Out of memory: {sizes}, UID:{{}} pgtables:{{}}kB oom_score_adj:{{}}");
        if style.summary {
            forms.push("oom-kill:constraint=CONSTRAINT_NONE,");
            forms.push(&new);
        } else {
            forms.push("Out of memory: Kill process {} (g12p2) score {} or sacrifice child");
            forms.push(sizes);
        }
        in_order(style.version, &lines(&write(&node_report(), style, Hierarchy::V2)), &forms);
    }
}

/// Lines that OOMAnalyser calls mandatory for an OOM of a cgroup, with the statistics it wants from 5.3 on. It also
/// wants some of them side by side, which real kernels do not all print: order is the recorded kernels' (writer.rs).
#[test]
fn mandatory_lines_of_a_cgroup_oom() {
    for style in &STYLES {
        for hierarchy in [Hierarchy::V1, Hierarchy::V2] {
            let lines = lines(&write(&cgroup_report(), style, hierarchy));
            let mut forms =
                vec!["k21p2 invoked oom-killer: gfp_mask=0x", "CPU: {} ", "memory: usage {}kB, limit {}kB, failcnt {}"];
            if hierarchy == Hierarchy::V2 && style.swap_line {
                forms.push("swap: usage {}kB, limit {}kB, failcnt {}");
            } else {
                forms.extend([
                    "memory+swap: usage {}kB, limit {}kB, failcnt {}",
                    "kmem: usage {}kB, limit {}kB, failcnt {}",
                ]);
            }
            forms.extend(["Memory cgroup stats for /kubepods:", "[", "[    35"]);
            let head = if style.summary { "Memory cgroup out of memory: " } else { "" };
            let sizes = format!(
                "{head}Killed process {{}} (k21p11) total-vm:{{}}kB, anon-rss:{{}}kB, file-rss:{{}}kB, shmem-rss:{{}}kB"
            );
            if style.version != "4.15" {
                forms.push("[  ");
            }
            forms.retain(|f| *f != "[    35" || style.version != "4.15");
            forms.push(&sizes);
            in_order(style.version, &lines, &forms);
            if style.stat_keys.is_empty() {
                continue;
            }
            for key in [
                "anon",
                "file",
                "file_mapped",
                "file_dirty",
                "file_writeback",
                "inactive_anon",
                "active_anon",
                "inactive_file",
                "active_file",
                "unevictable",
                "pgfault",
                "pgmajfault",
                "sock",
                "kernel_stack",
                "slab_reclaimable",
                "slab_unreclaimable",
                "slab",
                "shmem",
                "workingset_nodereclaim",
                "pgrefill",
                "pgscan",
                "pgsteal",
                "pgactivate",
                "pgdeactivate",
                "pglazyfree",
                "pglazyfreed",
                "anon_thp",
                "thp_fault_alloc",
                "thp_collapse_alloc",
            ] {
                let form = format!("{key} {{}}");
                assert!(lines.iter().any(|l| like(l, &form)), "{} {key}", style.version);
            }
        }
    }
}
