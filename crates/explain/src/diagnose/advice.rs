//! What to do about a cause, with figures, and what to measure where the cause is not clear.

use super::Likely;
use super::cause::Ailment;
use super::observed::Observed;
use super::shape::{Form, Shape, shape};
use super::signs::{HeapShare, heap_share, mib};
use serde::Serialize;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Advice {
    /// A command that confirms the cause on a real node; empty where none is named.
    pub confirm: String,
    /// What helps, with figures; empty where no cause is named.
    pub fix: String,
    /// What to measure next, where the signs do not decide.
    pub measure_next: Vec<String>,
}

/// Advice for a cause; without one, what would decide between the likeliest.
pub fn advice(observed: &Observed, cause: Option<Ailment>, likely: &[Likely]) -> Advice {
    match cause {
        Some(cause) => {
            Advice { confirm: confirm(cause, observed), fix: fix(cause, observed), measure_next: Vec::new() }
        }
        None => {
            let mut next: Vec<String> = missing(observed);
            for likely in likely.iter().take(2) {
                next.push(format!("{}: {}", likely.cause, confirm(likely.cause, observed)));
            }
            Advice { confirm: String::new(), fix: String::new(), measure_next: next }
        }
    }
}

/// What was not given and often decides.
fn missing(observed: &Observed) -> Vec<String> {
    let mut next = Vec::new();
    let mut want = |missing: bool, what: &str| {
        if missing {
            next.push(what.to_owned());
        }
    };
    want(observed.pod.containers.is_empty(), "the pod: kubectl get pod NAME -o json");
    want(
        observed.working_set.len() < 6,
        "its memory over time: container_memory_working_set_bytes over several restarts",
    );
    want(observed.rss.is_empty(), "anonymous memory beside it: container_memory_rss");
    want(observed.kills.is_none(), "the kernel log of the node: dmesg -T | grep -i -A5 'oom-kill\\|out of memory'");
    want(observed.events.is_none(), "events: kubectl get events --field-selector involvedObject.name=NAME -o json");
    want(observed.node_available.is_empty(), "the node's memory: node_memory_MemAvailable_bytes");
    next
}

fn limit(observed: &Observed) -> Option<f64> {
    observed.limit().map(|limit| limit.get() as f64)
}

fn confirm(cause: Ailment, observed: &Observed) -> String {
    let (pod, container) = (&observed.pod.name, &observed.container);
    match cause {
        Ailment::LimitTooLow => format!("kubectl top pod {pod} --containers, at the busiest hour: it stays just below the limit"),
        Ailment::Leak => format!("kubectl top pod {pod} --containers, an hour apart: it is higher each time, whatever the load"),
        Ailment::RuntimeSize => runtime_figure(observed),
        Ailment::Burst => "the kernel log at the time of the kill: anon-rss is far above the last sample".into(),
        Ailment::PageCache => {
            format!("kubectl exec {pod} -c {container} -- grep -E '^(anon|file|shmem) ' /sys/fs/cgroup/memory.stat: file is most of it")
        }
        Ailment::Tmpfs => format!("kubectl exec {pod} -c {container} -- df -h -t tmpfs; shmem in /sys/fs/cgroup/memory.stat"),
        Ailment::Sidecar => format!("kubectl top pod {pod} --containers"),
        Ailment::ChildKilled => {
            "dmesg -T | grep 'Killed process' on the node; container_oom_events_total rises, no restart".into()
        }
        Ailment::NodePressure => "kubectl describe node NODE: MemoryPressure, EvictionThresholdMet".into(),
        Ailment::NodeOvercommit => {
            "dmesg -T | grep oom_memcg=/kubepods on the node; kubectl describe node NODE: limits above 100 %".into()
        }
        Ailment::ReservationTooSmall => {
            "cat /sys/fs/cgroup/system.slice/memory.current on the node, against kubeReserved and systemReserved".into()
        }
        Ailment::Swap => "cat /sys/fs/cgroup/.../memory.swap.current; vmstat 1 on the node: si and so are not 0".into(),
        Ailment::HighStall => "cat /sys/fs/cgroup/.../memory.events: high rises; memory.pressure".into(),
        Ailment::KilledByOther if !observed.pod.reason.is_empty() => {
            format!("kubectl describe pod {pod}: Reason and Message of its status")
        }
        Ailment::KilledByOther => {
            "journalctl on the node at the time of the end: who sent SIGKILL (a stop that took too long, a user, another daemon)".into()
        }
        Ailment::LivenessProbe => format!("kubectl describe pod {pod}: 'Liveness probe failed'"),
    }
}

/// The command that shows what the runtime believes.
fn runtime_figure(observed: &Observed) -> String {
    let exec = format!("kubectl exec {} -c {} --", observed.pod.name, observed.container);
    let word = heap_share(observed).map_or_else(String::new, |heap| heap.word);
    if word.starts_with("GOMEMLIMIT") {
        return format!("{exec} printenv GOMEMLIMIT, against cat /sys/fs/cgroup/memory.max");
    }
    if word.starts_with("--max") {
        return format!("{exec} node -p 'v8.getHeapStatistics().heap_size_limit / 2**20' (MiB)");
    }
    if word.starts_with("DOTNET") || word.starts_with("COMPlus") {
        return format!("{exec} printenv | grep GCHeap, against cat /sys/fs/cgroup/memory.max");
    }
    format!("{exec} java -XX:+PrintFlagsFinal -version | grep MaxHeapSize (or the runtime's own figure)")
}

fn fix(cause: Ailment, observed: &Observed) -> String {
    let shape = shape(&observed.working_set);
    let limit = limit(observed);
    let peak = shape.as_ref().map_or(0.0, |s| s.max);
    match cause {
        Ailment::LimitTooLow => match limit {
            Some(limit) => format!(
                "Raise the limit from {} to {} or more (half above what it is held at now), then measure the real peak and set it 30 to 50 % \
                 above that.",
                mib(limit), mib((limit.max(peak) * 1.5 / 67_108_864.0).ceil() * 67_108_864.0)
            ),
            None => "Give it a limit 30 to 50 % above its measured peak.".into(),
        },
        Ailment::Leak => leak(shape.as_ref(), limit),
        Ailment::RuntimeSize => runtime(observed, limit),
        Ailment::Burst => format!(
            "Bound what one request can take (stream, cap body size and concurrency), or set the limit above the peak{}.",
            most_at_kill(observed)
        ),
        Ailment::PageCache => {
            "Nothing has to be done: page cache is given up before anything is killed. Alert on anonymous memory (container_memory_rss) instead."
                .into()
        }
        Ailment::Tmpfs => format!(
            "Give the volume a sizeLimit below the limit less what the program needs, clean up what is written there, or use a volume on disk: {} of the \
             limit are files that outlive the container.",
            limit.map_or_else(|| "most".to_owned(), |limit| format!("up to {:.0} %", peak * 100.0 / limit))
        ),
        Ailment::Sidecar => "Give every container of the pod requests and limits by what it uses, the other one first; the pod's limit is their sum."
            .into(),
        Ailment::ChildKilled => {
            "Raise the limit by the size of the child, run fewer children, or let the whole container die (memory.oom.group, Kubernetes 1.28 on \
             cgroup v2) so that it is restarted."
                .into()
        }
        Ailment::NodePressure => format!(
            "Set the pod's request to what it uses ({}), so that others go first, and find what takes the node's memory: pods without limits, or \
             processes outside of pods.",
            mib(shape.as_ref().map_or(0.0, |s| s.end))
        ),
        Ailment::NodeOvercommit => {
            "Set limits on all pods, requests near what they use, and spread them: together they may use more than the node has for pods.".into()
        }
        Ailment::ReservationTooSmall => reservation(observed),
        Ailment::Swap => "Set the limit (and memory.swap.max) so that the working set fits in memory, or give the node more of it.".into(),
        Ailment::HighStall => "Raise request and limit (memory.high lies between them), or switch MemoryQoS off for this pod.".into(),
        Ailment::KilledByOther if !observed.pod.reason.is_empty() => {
            format!("Do not change memory: the pod's status says why it was ended ({}).", observed.pod.reason)
        }
        Ailment::KilledByOther => {
            "Do not change memory: look at who sends the signal – a preStop or shutdown that takes longer than terminationGracePeriodSeconds, a user, \
             another daemon."
                .into()
        }
        Ailment::LivenessProbe => {
            "Give the probe more time (timeoutSeconds, failureThreshold, startupProbe) or make the endpoint cheap; memory is not the cause.".into()
        }
    }
}

fn leak(shape: Option<&Shape>, limit: Option<f64>) -> String {
    let Some(shape) = shape.filter(|s| s.form == Form::Ramp && s.slope > 0.0) else {
        return "Profile the program; a higher limit only moves the kill.".into();
    };
    let hour = shape.slope * 3600.0;
    let time = |bytes: f64| {
        let hours = bytes.max(0.0) / hour;
        if hours < 2.0 { format!("{:.0} minutes", hours * 60.0) } else { format!("{hours:.1} hours") }
    };
    let doubled = limit.map_or_else(String::new, |limit| {
        format!(
            " From a start it takes {} to the limit of {}; doubling the limit makes that {}, and then the same happens.",
            time(limit - shape.start), mib(limit), time(2.0 * limit - shape.start)
        )
    });
    format!("Find the leak (a heap profile an hour apart): it grows by {} an hour.{doubled}", mib(hour))
}

fn runtime(observed: &Observed, limit: Option<f64>) -> String {
    let of = |share: f64| limit.map_or_else(String::new, |limit| format!(" ({})", mib(limit * share)));
    match heap_share(observed) {
        Some(HeapShare { share, word, .. }) if word.starts_with("GOMEMLIMIT") => format!(
            "{word} is {:.0} % of the limit, and Go does not die at it: set it to 90 %{}, or raise the limit.",
            share * 100.0,
            of(0.9)
        ),
        Some(HeapShare { share, word, .. }) => format!(
            "The heap is {:.0} % of the limit ({word}); what is outside of it (stacks, code, buffers, the runtime itself) comes on top. \
             Size the heap to 60 to 75 % of the limit{}, or raise the limit.",
            share * 100.0,
            of(0.7)
        ),
        None => format!("Tell the runtime the limit, and size its heap to 60 to 75 % of it{}.", of(0.7)),
    }
}

fn reservation(observed: &Observed) -> String {
    let most = observed.node_system.iter().map(|(_, v)| *v).fold(0.0, f64::max);
    let figure = if most > 0.0 { format!(" to at least {} in all", mib(most * 1.1)) } else { String::new() };
    format!(
        "Raise kubeReserved or systemReserved{figure}: what runs outside of pods uses memory that pods were promised."
    )
}

fn most_at_kill(observed: &Observed) -> String {
    let most = observed.kills.iter().flatten().filter_map(|kill| kill.anon).max();
    most.map_or_else(String::new, |anon| format!(" ({} when it was killed)", mib(anon.get() as f64)))
}
