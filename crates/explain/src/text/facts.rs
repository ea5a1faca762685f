//! Each fact as a sentence.

use super::{amount, clock, signed};
use crate::fact::{Fact, ThresholdState, Who, WhyNot, short_pod};
use oomsim_core::node_api::{EvictionSignal, Name, NodeConditionType, PodPhase, RefusedCall};
use oomsim_core::record::ConditionStatus;
use oomsim_core::units::{Bytes, SimDuration};

/// A process, a pod or the node, for a sentence.
pub(super) fn who(whom: &Who) -> String {
    match whom {
        Who::Process { pid, comm, of } if of.is_empty() => format!("{comm} ({pid})"),
        Who::Process { pid, comm, of } => format!("{comm} ({pid}) of {of}"),
        Who::Pod(pod) => format!("pod/{}", short_pod(pod)),
        Who::Pods => "all pods together".into(),
        Who::System => "what runs on the node outside of pods".into(),
    }
}

fn pod(name: &Name) -> String {
    format!("pod/{}", short_pod(name))
}

fn secs(length: SimDuration) -> String {
    let seconds = length.as_secs_f64();
    match seconds {
        10.0.. => format!("{seconds:.0} s"),
        0.05.. => format!("{seconds:.1} s"),
        0.001.. => format!("{:.0} ms", seconds * 1000.0),
        _ => "less than 1 ms".to_owned(),
    }
}

/// A fact as a sentence.
pub fn sentence(fact: &Fact) -> String {
    match fact {
        Fact::Grew { who: whom, to, over, .. } if *over == SimDuration::ZERO => {
            format!("{} took {} as soon as it was started.", who(whom), amount(*to))
        }
        Fact::Grew { who: whom, from, to, over } => {
            format!("{} grew from {} to {} in {}.", who(whom), amount(*from), amount(*to), secs(*over))
        }
        Fact::Innocent { who: whom, grower, by } => format!(
            "{} did not cause this: it had not grown. What had grown, by {}, is {}.",
            who(whom),
            amount(*by),
            who(grower)
        ),
        Fact::LimitFull { .. }
        | Fact::LimitLowered { .. }
        | Fact::LimitOfPods { .. }
        | Fact::PauseCounts { .. }
        | Fact::CacheFreed { .. }
        | Fact::Contents { .. }
        | Fact::NodeHad { .. }
        | Fact::NodeFull { .. }
        | Fact::FigureMisleads { .. } => of_kernel(fact),
        Fact::LastPass { .. }
        | Fact::NextPass { .. }
        | Fact::PassesBefore { .. }
        | Fact::Nearest { .. }
        | Fact::ThresholdMet { .. }
        | Fact::SoftThreshold { .. }
        | Fact::PodFigure { .. }
        | Fact::NoThreshold
        | Fact::NeverEvicted
        | Fact::OthersFirst { .. } => of_kubelet(fact),
        Fact::NotChosen { who: whom, holds, why_not } => not_chosen(whom, *holds, why_not),
        Fact::Group { .. }
        | Fact::Equals { .. }
        | Fact::OrderDecides { .. }
        | Fact::ChildDied { .. }
        | Fact::Allocating => of_choice(fact),
        Fact::ProbesFailed { .. } | Fact::StoppedForProbe { .. } => of_probe(fact),
        Fact::Refused { .. } | Fact::RuntimeRefused { .. } | Fact::KernelUninvolved { .. } => of_refusal(fact),
        Fact::Room { .. }
        | Fact::NodeRoom { .. }
        | Fact::TopNode { .. }
        | Fact::WaitsForMemory { .. }
        | Fact::Stalled { .. } => of_room(fact),
        _ => of_aftermath(fact),
    }
}

fn of_kernel(fact: &Fact) -> String {
    match fact {
        Fact::LimitFull { cgroup, usage, limit, by } => format!(
            "{} touched one more page, and it did not fit: {} of {} were charged to the cgroup {cgroup}.",
            who(by),
            amount(*usage),
            amount(*limit)
        ),
        Fact::LimitLowered { cgroup, usage, limit } => format!(
            "The limit of the cgroup {cgroup} was lowered to {} while {} were charged to it. On cgroup v2 the kernel then frees what it \
             can, and kills until the rest fits.",
            amount(*limit),
            amount(*usage)
        ),
        Fact::LimitOfPods { limit } => {
            format!("That is the limit for all pods of the node together, {}.", amount(*limit))
        }
        Fact::PauseCounts { limit, container, rest } => format!(
            "The full cgroup is the pod's, not the container's, although both have the limit {}: the pod's also holds {} \
             that the container's does not (the pause process and kernel memory), so it was full when the container was at {}.",
            amount(*limit),
            amount(*rest),
            amount(*container)
        ),
        Fact::CacheFreed { before, left, over } => format!(
            "Page cache had been given up first: {} of it {} before, {} now.",
            amount(*before),
            secs(*over),
            amount(*left)
        ),
        Fact::Contents { anon, shmem, kernel, file, swap_free } => {
            let swap = match swap_free {
                None => "there is no swap for it".to_owned(),
                Some(free) => format!("{} of swap are free", amount(*free)),
            };
            let shmem = if *shmem == Bytes::ZERO { String::new() } else { format!(", {} tmpfs", amount(*shmem)) };
            format!(
                "Nothing more could be freed: of what was charged, {} are memory of processes{shmem} ({swap}), {} kernel memory, \
                 and only {} page cache.",
                amount(*anon),
                amount(*kernel),
                amount(*file)
            )
        }
        Fact::NodeHad { available } => {
            format!("The node itself still had {} available; that does not help.", amount(*available))
        }
        Fact::NodeFull { free, kept_back, by } => format!(
            "{} touched one more page, and the node had none to give: {} were free, and the kernel keeps {} back for itself.",
            who(by),
            amount(*free),
            amount(*kept_back)
        ),
        Fact::FigureMisleads { available, mem_available, free, kernel, threshold } => {
            let threshold = threshold.map_or_else(String::new, |t| {
                let side = if *available >= t.get().cast_signed() { "above" } else { "below" };
                format!(", {side} its hard threshold of {}", amount(t))
            });
            format!(
                "By the kubelet's way of counting {} were still available{threshold}. By the kernel's, {} were (MemAvailable; \
                 MemFree {}): the kubelet counts neither {} of kernel memory nor what the kernel keeps back.",
                signed(*available),
                amount(*mem_available),
                amount(*free),
                amount(*kernel)
            )
        }
        _ => String::new(),
    }
}

fn state(threshold: &ThresholdState) -> String {
    let word = if threshold.met() { "below" } else { "not below" };
    let soft = if threshold.hard { "" } else { "soft " };
    format!(
        "{} = {}, {word} the {soft}threshold {}",
        threshold.signal,
        signed(threshold.available),
        amount(threshold.quantity)
    )
}

fn of_kubelet(fact: &Fact) -> String {
    match fact {
        Fact::LastPass { thresholds, evicted, waits_until } => {
            let seen: Vec<String> = thresholds.iter().map(state).collect();
            let did = match (evicted, waits_until, thresholds.iter().any(ThresholdState::met)) {
                (Some(name), ..) => format!("so it evicted {}", pod(name)),
                (None, Some(until), _) => format!("so it waited for the grace period, until {}", clock(*until)),
                (None, None, true) => "but it evicted no pod".into(),
                (None, None, false) => "so it did nothing".into(),
            };
            format!("The kubelet looked: {}; {did}.", seen.join("; "))
        }
        Fact::NextPass { after, happened: true } => format!("It looked again {} later.", secs(*after)),
        Fact::NextPass { after, happened: false } => format!("It would have looked again {} later.", secs(*after)),
        Fact::PassesBefore { count, met, nearest } => {
            let looks = if *count == 1 { "one look".to_owned() } else { format!("{count} looks") };
            let met = match met {
                0 if *count == 1 => "no threshold was met".to_owned(),
                1 if *count == 1 => "a threshold was met".to_owned(),
                0 => "no threshold was met in any of them".to_owned(),
                n => format!("a threshold was met in {n} of them"),
            };
            let nearest = nearest.as_ref().map_or_else(String::new, |n| format!("; the nearest was {}", state(n)));
            let before = if nearest.is_empty() { "" } else { " before" };
            format!("In {looks} of the kubelet{before}, {met}{nearest}.")
        }
        Fact::Nearest { threshold } => {
            let least = state(threshold);
            format!("The least that the kubelet saw: {least}.")
        }
        Fact::ThresholdMet { threshold, of, working_set } => {
            let whole = match threshold.signal {
                EvictionSignal::AllocatableMemoryAvailable => "limit of all pods",
                _ => "memory of the node",
            };
            format!(
                "The kubelet looked: {whole} {} − working set {} = {} {}, below the threshold of {}.",
                amount(*of),
                signed(*working_set),
                threshold.signal,
                signed(threshold.available),
                amount(threshold.quantity)
            )
        }
        Fact::SoftThreshold { grace } => format!("It is a soft threshold: it had been met for {}.", secs(*grace)),
        Fact::PodFigure { pod: name, seen, age_s, now } => figure(name, *seen, *age_s, *now),
        Fact::NoThreshold => "No kubelet watches the node's memory, or it has no threshold for it.".into(),
        Fact::NeverEvicted => "The pod is critical: the kubelet never evicts it, whatever happens.".into(),
        Fact::OthersFirst { pods } => {
            let list: Vec<String> = pods.iter().map(pod).collect();
            format!("Pods were evicted, but others came first: {}.", list.join(", "))
        }
        _ => String::new(),
    }
}

fn figure(name: &Name, seen: Option<Bytes>, age_s: Option<f64>, now: Bytes) -> String {
    let (Some(seen), Some(age)) = (seen, age_s) else {
        return format!("Of {} the kubelet had no figure yet; it really used {}.", pod(name), amount(now));
    };
    let stale = now.saturating_sub(seen).get() > seen.get() / 4;
    let note = if stale {
        " The eviction message shows the old figure, although the sums that led to the eviction were fresh."
    } else {
        ""
    };
    let figure = if age < 0.05 { "a fresh figure".to_owned() } else { format!("a figure that was {age:.1} s old") };
    format!(
        "Of {} the kubelet had {figure}: {} ({}Ki). It really used {}.{note}",
        pod(name),
        amount(seen),
        seen.to_kib_floor(),
        amount(now)
    )
}

fn not_chosen(whom: &Who, holds: Bytes, why_not: &WhyNot) -> String {
    let head = format!("Why not {}, which held {}?", who(whom), amount(holds));
    let because = match why_not {
        WhyNot::Adjusted { points, victim_points, oom_score_adj, victim_adj, step } => {
            let apart = i64::from(*victim_adj - *oom_score_adj).saturating_mul(*step);
            let worth = Bytes::new(apart.unsigned_abs().saturating_mul(4096));
            format!(
                "It has {points} points, the victim {victim_points}: its oom_score_adj is {oom_score_adj}, the victim's {victim_adj}, and \
                 that difference is worth {} here, whatever the two really hold.",
                amount(worth)
            )
        }
        WhyNot::Tied { points } => {
            format!("Its points are the same, {points}: size does not show in them, so it does not matter.")
        }
        WhyNot::Protected => "Its oom_score_adj is −1000: it can never be killed.".into(),
        WhyNot::OutsideTheLimit => {
            "It is outside of the cgroup whose limit was full; killing it would not help there.".into()
        }
        WhyNot::WithinRequest { request } => {
            format!("It was within its request of {}; pods above theirs go first.", amount(*request))
        }
        WhyNot::LessAbove { by, victim_by } => format!(
            "As the kubelet saw it, it was {} above its request, the victim {}.",
            signed(*by),
            signed(*victim_by)
        ),
        WhyNot::Priority { priority, victim_priority } => {
            format!("Its priority is {priority}, the victim's {victim_priority}.")
        }
        WhyNot::OldFigure { seen, age_s, now } => format!(
            "The kubelet believed {} of it, a figure {age_s:.1} s old; it really used {}.",
            amount(*seen),
            amount(*now)
        ),
        WhyNot::NoFigureOfVictim => {
            "The kubelet had no figure of the victim yet, and pods without figures go first.".into()
        }
        WhyNot::Critical => "It is critical and never evicted.".into(),
        WhyNot::NoPod => {
            "It is no pod: the kubelet can evict only pods, so it evicts one that may have nothing to do with it."
                .into()
        }
    };
    format!("{head} {because}")
}

fn of_choice(fact: &Fact) -> String {
    match fact {
        Fact::Group { cgroup, also } => {
            let list: Vec<String> = also.iter().map(who).collect();
            let also = if list.is_empty() { "no other process was in it".to_owned() } else { list.join(", ") };
            format!("The cgroup {cgroup} dies as a whole: {also}.")
        }
        Fact::Equals { points, count } => format!("{count} processes have the same points, {points}."),
        Fact::OrderDecides { last: true } => "Of these the one that the kernel looks at last dies.".into(),
        Fact::OrderDecides { last: false } => "Of these the one that the kernel looks at first dies.".into(),
        Fact::ChildDied { chosen } => {
            format!("{} had the most points, but a child of it died in its place.", who(chosen))
        }
        _ => "The process that asked for memory dies; no points are compared.".into(),
    }
}

fn of_refusal(fact: &Fact) -> String {
    match fact {
        Fact::Refused { call, requested, mode, committed_as, commit_limit, ram, swap, free } => {
            let call = match call {
                RefusedCall::Mmap => "mmap",
                RefusedCall::Fork => "fork",
            };
            let free =
                free.map_or_else(String::new, |free| format!(" {} of RAM were free all the same.", amount(free)));
            let asked = format!("{call} of {} failed with ENOMEM (vm.overcommit_memory = {mode})", amount(*requested));
            match mode {
                2 => format!(
                    "{asked}: {} were promised already (Committed_AS) and no more than {} may be (CommitLimit; RAM {}, swap {}).{free}",
                    amount(*committed_as),
                    amount(*commit_limit),
                    amount(*ram),
                    amount(*swap)
                ),
                _ => format!("{asked}: RAM is {}, swap {}.{free}", amount(*ram), amount(*swap)),
            }
        }
        Fact::RuntimeRefused { runtime, heap, limit, requested, container_limit } => {
            let share = container_limit.filter(|c| *c > Bytes::ZERO).map_or_else(String::new, |c| {
                format!(
                    " ({:.0} % of the container's limit of {})",
                    limit.get() as f64 * 100.0 / c.get() as f64,
                    amount(c)
                )
            });
            format!(
                "The {runtime} runtime refused {}: its heap held {} and its own limit is {}{share}.",
                amount(*requested),
                amount(*heap),
                amount(*limit)
            )
        }
        Fact::KernelUninvolved { rss: Some(rss), limit: Some(limit) } => format!(
            "The kernel had no reason to act: the process held {}, its container may hold {}. So the end is reported as an error \
             of the program (Error), not as OOMKilled.",
            amount(*rss),
            amount(*limit)
        ),
        _ => "The kernel's OOM killer did not act, and no process is killed for this.".into(),
    }
}

fn of_room(fact: &Fact) -> String {
    match fact {
        Fact::Room { of: "kubepods", peak, limit, .. } => {
            format!("All pods together never held more than {}; their limit is {}.", amount(*peak), amount(*limit))
        }
        Fact::Room { name, peak, limit, .. } => {
            format!("{} never held more than {}; its limit is {}.", pod(name), amount(*peak), amount(*limit))
        }
        Fact::NodeRoom { lowest, ram } => {
            format!("The node never had less than {} available (MemAvailable), of {}.", amount(*lowest), amount(*ram))
        }
        Fact::TopNode { working_set, allocatable, pods, capacity } => format!(
            "The node's working set was at most {}: kubectl top node shows {} % of the allocatable {}, but {} are the pods' and \
             the node has {}.",
            amount(*working_set),
            // kubectl cuts the rest off.
            u128::from(working_set.get()) * 100 / u128::from(allocatable.get().max(1)),
            amount(*allocatable),
            amount(*pods),
            amount(*capacity)
        ),
        Fact::WaitsForMemory { who: whom, since, some_avg10, usage, limit } => format!(
            "{} has been stalled since {}: for {} % of the last 10 s it waited for memory (memory.pressure some avg10), \
             with {} in use{}. Waiting is no failure: nothing is killed, and the container stays Running.",
            who(whom),
            clock(*since),
            some_avg10 / 100,
            amount(*usage),
            limit.map_or(String::new(), |limit| format!(" of {}", amount(limit)))
        ),
        Fact::Stalled { who: whom, cgroup, usage, limit } => format!(
            "{} is stalled: {cgroup} is full ({} of {}). What it frees is text that it needs again at once, which counts as \
             success, so the kernel never kills.",
            who(whom),
            amount(*usage),
            amount(*limit)
        ),
        _ => String::new(),
    }
}

fn of_probe(fact: &Fact) -> String {
    match fact {
        Fact::ProbesFailed { pod: name, container, times, since, message } => {
            let since =
                if *times > 1 { format!(", {times} times in a row since {}", clock(*since)) } else { String::new() };
            format!("{}: container {container} did not answer the kubelet{since}. {message}", pod(name))
        }
        Fact::StoppedForProbe { message, after } => format!(
            "The kubelet: {message}. It asked the process to end (SIGTERM); {} later it was over.",
            secs(*after)
        ),
        _ => String::new(),
    }
}

fn of_aftermath(fact: &Fact) -> String {
    match fact {
        Fact::Terminated { pod: name, container, reason, exit_code } => {
            format!("{}: container {container} ended, reason {reason}, exit code {exit_code}.", pod(name))
        }
        Fact::Waits { pod: name, container, delay } => {
            format!("{}: the next start of {container} waits {delay} (CrashLoopBackOff).", pod(name))
        }
        Fact::Restarted { pod: name, container, restarts } => {
            format!("{}: container {container} was started again (restart {restarts}).", pod(name))
        }
        Fact::LivesOn { pod: name, container } => format!(
            "{}: container {container} goes on without the process that died; Kubernetes shows it as Running, without a restart.",
            pod(name)
        ),
        Fact::Phase { pod: name, phase: PodPhase::Failed } => format!("{} is Failed.", pod(name)),
        Fact::Phase { pod: name, phase } => format!("{} is {phase}.", pod(name)),
        Fact::Recreated { pod: name } => format!("Its controller made a new pod: {}.", pod(name)),
        Fact::Rejected { pod: name, message, .. } => format!("{} was not admitted: {message}", pod(name)),
        Fact::Condition { condition: NodeConditionType::Ready, status } => match status {
            ConditionStatus::True => "The node is Ready again.".into(),
            _ => "The control plane has not heard of the node for too long: it is NotReady.".into(),
        },
        Fact::Condition { condition, status: ConditionStatus::True } => {
            format!("The node reports {condition}; BestEffort pods stay away while it does.")
        }
        Fact::Condition { condition, status: ConditionStatus::False } => {
            format!("The node no longer reports {condition}.")
        }
        Fact::Condition { condition, status: ConditionStatus::Unknown } => {
            format!("Whether the node has {condition} is not known any more.")
        }
        Fact::StopFailed { pod: name, container, ended_at, never_started } => {
            let why = match (ended_at, never_started) {
                (_, true) => "it had not been started yet".to_owned(),
                (Some(at), _) => format!("it had ended at {}", clock(*at)),
                (None, _) => "it was gone already".to_owned(),
            };
            format!("{}: container {container} could not be stopped (NotFound): {why}.", pod(name))
        }
        Fact::Freed { bytes, after } => {
            format!("{} of the node's memory were free again {} later.", amount(*bytes), secs(*after))
        }
        Fact::Next { number, cause, who: whom } => {
            let whom = whom.as_ref().map_or_else(String::new, |w| format!(": {}", who(w)));
            format!("See number {number} ({cause}){whom}.")
        }
        Fact::Ended { who: whom, how } => format!("{} {how}.", who(whom)),
        Fact::ByScenario => "The scenario itself did it ([[at]]).".into(),
        Fact::Message { text } => format!("{text}"),
        _ => String::new(),
    }
}
