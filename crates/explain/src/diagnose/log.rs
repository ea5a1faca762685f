//! The kernel log of a node: the kills that concern a container.

use super::observed::{KernelKill, KillScope, PodFacts};
use oomsim_core::units::Bytes;
use oomsim_dmesg::{CgroupPlace, Found, Killed, Killer, LoggedOom, OomKind, OtherKill, ReadError, place};

/// The kills of a kernel log that concern a container: in its pod, at the limit of all pods, or of the node.
///
/// # Errors
/// When the text is no log.
pub fn read_kernel_log(log: &str, pod: &PodFacts, container: &str) -> Result<Vec<KernelKill>, ReadError> {
    let (mut reports, mut others) = (Vec::new(), Vec::new());
    oomsim_dmesg::read_each(log.as_bytes(), |found| match found {
        Found::Report(report) => reports.push(*report),
        Found::Other(other) => others.push(*other),
    })?;
    reports.sort_by_key(LoggedOom::position);
    // Where no line names a cgroup, and all killed processes have one name, they are taken for what the user means.
    let anonymous = reports.iter().all(|r| r.oom_memcg.is_none() && r.task_memcg.is_none());
    let mut names: Vec<&str> = reports.iter().flat_map(|r| &r.killed).map(|killed| killed.comm.as_str()).collect();
    names.dedup();
    let only = reports.len() == 1 || anonymous && names.len() == 1;
    let of_log = Log { pod, container, only };
    let mut kills: Vec<KernelKill> = reports.iter().filter_map(|report| of_log.kill(report)).collect();
    of_log.children(&mut kills);
    let by_program: Vec<&OtherKill> =
        others.iter().filter(|o| o.by.kills() && o.by != Killer::KubeletEviction).collect();
    let ours = |other: &&&OtherKill| by_program.len() == 1 || of_log.names(&other.text);
    let kill = |other: &&OtherKill| KernelKill {
        scope: KillScope::Program,
        comm: other.by.name().to_owned(),
        ..KernelKill::default()
    };
    kills.extend(by_program.iter().filter(ours).map(kill));
    Ok(kills)
}

/// Whose log it is read for.
struct Log<'a> {
    pod: &'a PodFacts,
    container: &'a str,
    /// There are no reports but those that are taken for the ones that the user means.
    only: bool,
}

/// A pod's uid in a path.
fn uid(place: &CgroupPlace) -> Option<String> {
    match place {
        CgroupPlace::Pod { uid, .. } | CgroupPlace::Container { pod_uid: uid, .. } => Some(uid.replace('_', "-")),
        _ => None,
    }
}

fn inside(scope: KillScope) -> bool {
    matches!(scope, KillScope::Container | KillScope::Pod | KillScope::Cgroup)
}

impl Log<'_> {
    fn kill(&self, report: &LoggedOom) -> Option<KernelKill> {
        let killed = report.killed.first()?;
        let of = report.oom_memcg.as_deref().map(place);
        let task = report.task_memcg.as_deref().map(place);
        let scope = match (report.kind, &of) {
            (OomKind::Node, _) | (_, Some(CgroupPlace::Node)) => KillScope::Node,
            (_, Some(CgroupPlace::Pods | CgroupPlace::QosClass { .. })) => KillScope::Kubepods,
            (_, Some(CgroupPlace::Pod { .. })) => KillScope::Pod,
            (_, Some(CgroupPlace::Container { .. })) => KillScope::Container,
            _ => KillScope::Cgroup,
        };
        let named = self.named(killed);
        let ours = match ([&of, &task].into_iter().flatten().find_map(uid), self.pod.uid.as_str()) {
            (Some(uid), own) if !own.is_empty() => uid == own,
            _ => named || self.only,
        };
        if !ours && inside(scope) {
            return None;
        }
        let kib = |kb: u64| Bytes::kib(kb);
        Some(KernelKill {
            scope,
            comm: killed.comm.clone(),
            anon: killed.anon_rss_kb.map(kib).filter(|_| ours),
            child: (ours && named).then_some(false),
            shmem: shmem(report).filter(|_| inside(scope)),
            charged: report.memory.as_ref().map(|memory| kib(memory.usage_kb)),
            outside_pods: (scope == KillScope::Node).then(|| outside_pods(report)).flatten(),
        })
    }

    /// The process has the container's name, as far as the kernel keeps names.
    fn named(&self, killed: &Killed) -> bool {
        !killed.comm.is_empty() && self.container.starts_with(killed.comm.as_str())
    }

    /// A text names the pod, by its uid or name, or the container.
    fn names(&self, text: &str) -> bool {
        let uid = &self.pod.uid;
        let by_uid = !uid.is_empty() && (text.contains(uid.as_str()) || text.contains(&uid.replace('-', "_")));
        by_uid || [self.pod.name.as_str(), self.container].iter().any(|name| !name.is_empty() && text.contains(name))
    }

    /// A first process that dies ends its container: where there are more kills than ends, others died, too.
    fn children(&self, kills: &mut [KernelKill]) {
        let Some(container) = self.pod.container(self.container) else { return };
        if !container.status_known {
            return;
        }
        let ends = container.restarts + u32::from(!container.running);
        let own = |kill: &KernelKill| inside(kill.scope);
        let more = !self.pod.uid.is_empty() && kills.iter().filter(|kill| own(kill)).count() > ends as usize;
        let child = |kill: &&mut KernelKill| own(kill) && (ends == 0 || more && kill.child.is_none());
        kills.iter_mut().filter(child).for_each(|kill| kill.child = Some(true));
    }
}

/// tmpfs and shared memory of the cgroup that was full.
fn shmem(report: &LoggedOom) -> Option<Bytes> {
    let own = report.oom_memcg.as_deref();
    let stats = report.cgroup_stats.iter().find(|stats| own.is_none_or(|own| stats.cgroup == own));
    let (_, bytes) = stats.or(report.cgroup_stats.first())?.values.iter().find(|(key, _)| key == "shmem")?;
    Some(Bytes::new(*bytes))
}

/// What processes outside of pods held when the node ran out: theirs is the `oom_score_adj` 0, or one that is lower
/// than any that the kubelet gives to a pod.
fn outside_pods(report: &LoggedOom) -> Option<Bytes> {
    if report.tasks.is_empty() || report.rows_lost() {
        return None;
    }
    let outside = report.tasks.iter().filter(|task| task.oom_score_adj == 0 || task.oom_score_adj < -998);
    Some(Bytes::kib(outside.map(|task| report.kb(task.rss)).sum()))
}
