//! Lines of other programs: who killed, if not the kernel; and that messages were lost.

use super::{LogLine, Parsed, leading_number, pid_at};
use crate::others::{Killer, OtherKill};

/// Longest text of another program that is kept.
const MOST_TEXT: usize = 300;

/// What other programs say.
pub(super) fn other(text: &str) -> Option<Parsed> {
    if text.contains("essages") || text.contains("buffer overrun") {
        return lost(text);
    }
    let found = systemd_oomd(text)
        .or_else(|| earlyoom(text))
        .or_else(|| talos(text))
        .or_else(|| oomd(text))
        .or_else(|| low_memory_killer(text))
        .or_else(|| kubelet(text))
        .or_else(|| runtime(text))
        .or_else(|| slurm(text))
        .or_else(|| systemd(text))?;
    let (by, victim, pid) = found;
    let mut end = text.len().min(MOST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let kill = OtherKill { line: 0, by, victim: victim.map(str::to_string), pid, text: text[..end].to_string() };
    Some(Parsed::whole(LogLine::OtherKill(Box::new(kill))))
}

/// `** 60 printk messages dropped **` of the console, `Missed 12 kernel messages` of journald, and rsyslog's words.
pub(super) fn lost(text: &str) -> Option<Parsed> {
    let number = |before: &str| leading_number(text.split_once(before)?.1.trim_start()).map(|(n, _)| n);
    let lost = if text.contains("printk messages dropped") {
        Some(number("** "))
    } else if text.contains("kernel messages") && text.contains("issed ") {
        Some(number("issed "))
    } else if text.contains("messages lost due to rate-limiting") || text.contains("imuxsock lost") {
        let before = text.split(" messages").next().unwrap_or("");
        Some(before.rsplit(' ').next().and_then(|n| n.parse().ok()))
    } else if text.contains("begin to drop messages") || text.contains("buffer overrun, some messages lost") {
        Some(None)
    } else if text.contains("Suppressed ") && text.contains(" messages from ") {
        Some(number("Suppressed "))
    } else {
        None
    };
    lost.map(|n| Parsed::whole(LogLine::Lost(n)))
}

type Found<'a> = (Killer, Option<&'a str>, Option<u32>);

/// A word up to a blank or a quote.
fn word(text: &str) -> &str {
    let text = text.trim_start_matches(['"', '\'', ' ', '\\']);
    &text[..text.find(['"', '\'', ' ', ',', '\\', ')', '}']).unwrap_or(text.len())]
}

/// src/oom/oomd-manager.c: `Killed CGROUP due to memory pressure for …`, `Killed CGROUP due to memory used (…) …`.
fn systemd_oomd(text: &str) -> Option<Found<'_>> {
    if let Some((_, rest)) = text.split_once("Killed /")
        && rest.contains(" due to memory ")
    {
        let start = text.len() - rest.len() - 1;
        return Some((Killer::SystemdOomd, Some(word(&text[start..])), None));
    }
    // systemd itself: "app.scope: systemd-oomd killed 23 process(es) in this unit."
    let (unit, _) = text.split_once(": systemd-oomd killed ")?;
    Some((Killer::SystemdOomd, unit.rsplit(' ').next(), None))
}

/// Facebook's oomd, into the kernel's log: `oomd kill: 1.2 0.5 0.1 workload.slice/a.service 123456 ruleset:[…] …`.
fn oomd(text: &str) -> Option<Found<'_>> {
    let (_, rest) = text.split_once("oomd kill: ")?;
    Some((Killer::Oomd, rest.split(' ').find(|w| w.starts_with(|c: char| c.is_ascii_alphabetic())), None))
}

/// `slurmstepd: error: Detected 1 oom_kill event in StepId=123.batch`, older `oom-kill event(s) in step 123.batch`.
fn slurm(text: &str) -> Option<Found<'_>> {
    let (_, rest) = text.split_once(" oom_kill event in ").or_else(|| text.split_once(" oom-kill event(s) in "))?;
    let step = rest.strip_prefix("StepId=").or_else(|| rest.strip_prefix("step "))?;
    Some((Killer::Slurm, Some(word(step).trim_end_matches('.')), None))
}

/// earlyoom's kill.c: `sending SIGTERM to process PID uid UID "NAME": badness …`; nohang's `Sending SIGTERM to …`.
fn earlyoom(text: &str) -> Option<Found<'_>> {
    let (before, rest) = text.split_once("ending SIG")?;
    let (_, rest) = rest.split_once(" to process ")?;
    let (pid, rest) = pid_at(rest)?;
    if before.contains("nohang") {
        return Some((Killer::Nohang, rest.split_once('(').map(|(_, n)| word(n)), Some(pid)));
    }
    // Before 1.6 there is no user.
    let (user, name) = rest.split_once('"')?;
    let user = user.trim();
    if !user.is_empty() && !user.starts_with("uid ") {
        return None;
    }
    Some((Killer::Earlyoom, name.split('"').next(), Some(pid)))
}

/// `[talos] Sending SIGKILL to cgroup {… "cgroup": "/sys/fs/cgroup/kubepods/…"}`.
fn talos(text: &str) -> Option<Found<'_>> {
    let (_, rest) = text.split_once("Sending SIGKILL to cgroup")?;
    let cgroup = rest.split_once("\"cgroup\":").map(|(_, c)| word(c)).filter(|c| !c.is_empty());
    Some((Killer::Talos, cgroup.or_else(|| Some(word(rest)).filter(|w| w.starts_with('/'))), None))
}

/// `lowmemorykiller: Killing 'app' (PID), adj …`, lmkd's `Kill 'app' (PID), uid …`, older `send sigkill to PID (app)`.
fn low_memory_killer(text: &str) -> Option<Found<'_>> {
    if !text.contains("lowmemorykiller") && !text.contains("lmkd") {
        return None;
    }
    if let Some((_, rest)) = text.split_once("send sigkill to ") {
        let (pid, rest) = pid_at(rest)?;
        return Some((Killer::LowMemoryKiller, rest.trim_start().strip_prefix('(').map(word), Some(pid)));
    }
    let (_, rest) = text.split_once("Killing '").or_else(|| text.split_once("Kill '"))?;
    let (name, rest) = rest.split_once('\'')?;
    Some((Killer::LowMemoryKiller, Some(name), rest.split_once('(').and_then(|(_, n)| pid_at(n)).map(|(n, _)| n)))
}

/// Evictions and the OOM watcher, as the kubelet logs them and as events say them.
fn kubelet(text: &str) -> Option<Found<'_>> {
    if let Some((_, rest)) = text.split_once("victim process: ") {
        let pid = rest.split_once("pid: ").and_then(|(_, n)| pid_at(n)).map(|(n, _)| n);
        return Some((Killer::KubeletOomWatcher, Some(word(rest)), pid));
    }
    if text.contains("Got sys oom event") || text.contains("got sys oom event") {
        return Some((Killer::KubeletOomWatcher, None, None));
    }
    if let Some((_, rest)) = text.split_once("pod is evicted successfully") {
        return Some((Killer::KubeletEviction, rest.split_once("pod=").map(|(_, p)| word(p)), None));
    }
    // To 1.20: "eviction manager: pod default_web-0(uid) is evicted successfully".
    if let Some((_, rest)) = text.split_once("eviction manager: pod ")
        && rest.contains("evicted")
    {
        return Some((Killer::KubeletEviction, Some(word(rest)), None));
    }
    let (before, _) = text.split_once("The node was low on resource: memory")?;
    let pod = before.split_whitespace().rev().find_map(|w| w.strip_prefix("pod/"));
    Some((Killer::KubeletEviction, pod, None))
}

/// `TaskOOM event container_id:"…"` of containerd.
fn runtime(text: &str) -> Option<Found<'_>> {
    let (_, rest) = text.split_once("TaskOOM event")?;
    let id = rest.split_once("container_id:").or_else(|| rest.split_once("ContainerID:"));
    Some((Killer::ContainerRuntime, id.map(|(_, id)| word(id)), None))
}

/// `web.service: A process of this unit has been killed by the OOM killer.`
fn systemd(text: &str) -> Option<Found<'_>> {
    let (unit, _) = text.split_once(": A process of this unit has been killed by the OOM killer")?;
    Some((Killer::Systemd, unit.rsplit(' ').next(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wordings of the programs' own sources and of public issue threads (talos#12526).
    #[test]
    fn who_killed_if_not_the_kernel() {
        for (text, by, victim, pid) in [
            (
                "n1 systemd-oomd[854]: Killed /user.slice/a.scope due to memory pressure for /user.slice being 81.25% > 50.00% for > 20s with reclaim activity",
                Killer::SystemdOomd,
                Some("/user.slice/a.scope"),
                None,
            ),
            (
                "n1 systemd-oomd[854]: Killed /system.slice/b.service due to memory used (16000) / total (16384) and swap used (9) / total (10) being more than 90.00%",
                Killer::SystemdOomd,
                Some("/system.slice/b.service"),
                None,
            ),
            (
                "n1 earlyoom[321]: sending SIGTERM to process 1234 uid 1000 \"chrome\": badness 888, VmRSS 1234 MiB",
                Killer::Earlyoom,
                Some("chrome"),
                Some(1234),
            ),
            (
                "[talos] Sending SIGKILL to cgroup {\"component\": \"controller-runtime\", \"cgroup\": \"/sys/fs/cgroup/kubepods/burstable/pod77f0\"}",
                Killer::Talos,
                Some("/sys/fs/cgroup/kubepods/burstable/pod77f0"),
                None,
            ),
            ("lowmemorykiller: Killing 'com.x' (1234), adj 900,", Killer::LowMemoryKiller, Some("com.x"), Some(1234)),
            (
                "n1 kubelet[9]: I0114 eviction_manager.go:595] \"Eviction manager: pod is evicted successfully\" pod=\"default/web-0\"",
                Killer::KubeletEviction,
                Some("default/web-0"),
                None,
            ),
            (
                "3m Warning Evicted pod/web-0 The node was low on resource: memory. Container web was using 3682748Ki",
                Killer::KubeletEviction,
                Some("web-0"),
                None,
            ),
            (
                "5m Warning SystemOOM node/n1 System OOM encountered, victim process: stress, pid: 1234",
                Killer::KubeletOomWatcher,
                Some("stress"),
                Some(1234),
            ),
            (
                "web.service: A process of this unit has been killed by the OOM killer.",
                Killer::Systemd,
                Some("web.service"),
                None,
            ),
        ] {
            let Some(Parsed { line: LogLine::OtherKill(kill), .. }) = other(text) else { panic!("{text}") };
            assert_eq!((kill.by, kill.victim.as_deref(), kill.pid), (by, victim, pid), "{text}");
        }
    }

    #[test]
    fn wordings_of_older_releases_and_other_systems() {
        for (text, by, victim, pid) in [
            (
                "n1 earlyoom[9]: sending SIGTERM to process 8372 \"tail\": badness 1234, VmRSS 5 MiB",
                Killer::Earlyoom,
                Some("tail"),
                Some(8372),
            ),
            (
                "slurmstepd: error: Detected 1 oom_kill event in StepId=4711.batch. Some of the step tasks have been OOM Killed.",
                Killer::Slurm,
                Some("4711.batch"),
                None,
            ),
            (
                "oomd kill: 61.20 40.10 9.00 workload.slice/a.service 123456 ruleset:[x] detectorgroup:[y] killer:kill_by_pressure v2",
                Killer::Oomd,
                Some("workload.slice/a.service"),
                None,
            ),
        ] {
            let Some(Parsed { line: LogLine::OtherKill(kill), .. }) = other(text) else { panic!("{text}") };
            assert_eq!((kill.by, kill.victim.as_deref(), kill.pid), (by, victim, pid), "{text}");
        }
    }

    #[test]
    fn lost_messages_are_counted() {
        for (text, n) in [
            ("** 60 printk messages dropped **", Some(60)),
            ("n1 systemd-journald[321]: Missed 12 kernel messages", Some(12)),
            (
                "n1 rsyslogd: imjournal: 120 messages lost due to rate-limiting (20000 allowed within 600 seconds)",
                Some(120),
            ),
            ("n1 rsyslogd: imjournal: begin to drop messages due to rate-limiting", None),
            ("n1 systemd-journald[321]: /dev/kmsg buffer overrun, some messages lost.", None),
        ] {
            assert_eq!(other(text).map(|p| p.line), Some(LogLine::Lost(n)), "{text}");
        }
    }
}
