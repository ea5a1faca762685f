//! Signs, and how much each speaks for or against a cause.

use super::cause::Ailment::{self, *};
use super::observed::{ContainerFacts, KernelKill, KillScope, MemoryCurve, Observed};
use super::shape::{Form, Shape, shape};
use oomsim_core::units::Bytes;
use serde::Serialize;

/// Something that is seen, with its figures as text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sign {
    /// What.
    pub kind: SignKind,
    /// With which figures.
    pub figures: String,
}

macro_rules! signs {
    ($($sign:ident = $word:literal [$($cause:ident $weight:literal),*];)+) => {
        /// What can be seen.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum SignKind {
            $(#[doc = $word] $sign,)+
        }

        impl SignKind {
            /// All of them.
            pub const ALL: &[SignKind] = &[$(SignKind::$sign,)+];

            /// What it is.
            pub const fn says(self) -> &'static str {
                match self {
                    $(SignKind::$sign => $word,)+
                }
            }

            /// How much it speaks for each cause (above 0) or against it (below 0), in powers of e.
            pub const fn weights(self) -> &'static [(Ailment, f64)] {
                match self {
                    $(SignKind::$sign => &[$(($cause, $weight)),*],)+
                }
            }
        }
    };
}

signs! {
    OomKilled = "the container's last end is OOMKilled"
        [LimitTooLow 2.0, Leak 1.5, RuntimeSize 2.0, Burst 2.0, Tmpfs 1.5, Sidecar 1.5, PageCache -3.0,
         NodePressure -3.0, ReservationTooSmall -1.0, Swap -2.0, HighStall -4.0, KilledByOther -6.0,
         LivenessProbe -6.0];
    Killed137 = "the last end is exit code 137 (SIGKILL), but not OOMKilled"
        [KilledByOther 3.0, LivenessProbe 2.0, NodePressure 0.5, ReservationTooSmall 1.5,
         NodeOvercommit -0.5, ChildKilled -2.0, LimitTooLow -4.0, Leak -3.0, RuntimeSize -3.0, Burst -4.0,
         Tmpfs -3.0, Sidecar -3.0, PageCache -4.0, HighStall -3.0, Swap -3.0];
    FailedItself = "the last end is an error of the program itself (no SIGKILL)"
        [RuntimeSize 4.0, LimitTooLow -2.0, Leak -1.0, Burst -3.0, Tmpfs -3.0, KilledByOther -3.0,
         LivenessProbe -2.0, NodePressure -3.0, NodeOvercommit -3.0, ReservationTooSmall -3.0, Sidecar -3.0,
         PageCache -3.0];
    Terminated143 = "the last end is exit code 143 (SIGTERM)"
        [LivenessProbe 2.0, KilledByOther 1.5, NodePressure 0.5, LimitTooLow -4.0, Leak -3.0, Burst -4.0,
         RuntimeSize -3.0, Tmpfs -3.0];
    NeverEnded = "the container has not been restarted"
        [PageCache 2.0, HighStall 2.0, Swap 2.0, ChildKilled 1.5, Leak -1.5, LimitTooLow -3.0,
         RuntimeSize -3.0, Burst -3.0, Tmpfs -1.0, KilledByOther -5.0, LivenessProbe -4.0,
         NodePressure -2.0, NodeOvercommit -2.0, ReservationTooSmall -2.0, Sidecar -1.0];
    Evicted = "the pod was evicted for memory"
        [NodePressure 4.0, NodeOvercommit 2.5, ReservationTooSmall 2.0, Leak 0.5, LimitTooLow -5.0,
         RuntimeSize -5.0, Burst -3.0, Tmpfs -1.0, Sidecar -3.0, KilledByOther -6.0, LivenessProbe -6.0,
         ChildKilled -6.0, HighStall -6.0, PageCache -2.0, Swap -3.0];
    ProbeFailed = "events say that the liveness probe failed"
        [LivenessProbe 8.0, KilledByOther -2.0];
    NoProbe = "the container has no liveness probe"
        [LivenessProbe -7.0];
    HasProbe = "the container has a liveness probe"
        [LivenessProbe 0.5];
    KernelInContainer = "the kernel log has a kill at the limit of the container or pod"
        [LimitTooLow 1.0, Leak 1.0, RuntimeSize 1.0, Burst 1.0, Tmpfs 1.0, Sidecar 1.0, ChildKilled 1.0,
         KilledByOther -7.0, LivenessProbe -5.0, NodePressure -5.0, NodeOvercommit -5.0,
         ReservationTooSmall -5.0, PageCache -3.0];
    KernelChild = "the process that the kernel killed is not the container's first"
        [ChildKilled 6.0];
    KernelKubepods = "the kernel log has a kill at the limit of all pods"
        [NodeOvercommit 8.0, NodePressure -2.0, KilledByOther -6.0, LivenessProbe -6.0, LimitTooLow -4.0,
         Burst -4.0, Leak -3.0];
    KernelNode = "the kernel log says that the node itself was out of memory"
        [ReservationTooSmall 3.5, NodePressure 2.5, NodeOvercommit -1.0, KilledByOther -6.0,
         LivenessProbe -6.0, LimitTooLow -5.0, Burst -5.0, RuntimeSize -5.0, Tmpfs -2.0];
    KernelSilent = "the kernel log was looked at and has no kill"
        [KilledByOther 2.5, LivenessProbe 1.0, NodePressure 0.5, LimitTooLow -3.0, Leak -1.5,
         RuntimeSize -1.0, Burst -3.0, Tmpfs -2.0, ChildKilled -4.0, NodeOvercommit -1.0];
    RisesSteadily = "memory rises steadily from start to end"
        [Leak 4.0, LimitTooLow -2.0, RuntimeSize -2.0, Burst -4.0, PageCache 0.0, KilledByOther -1.0,
         LivenessProbe -1.0, HighStall -1.5, NodePressure -2.0, ChildKilled -1.0, Sidecar -1.0];
    RisesSlower = "memory rises more and more slowly, towards a level near the limit"
        [RuntimeSize 3.0, LimitTooLow 0.5, Leak -1.5, Burst -4.0, Sidecar -2.0, PageCache 0.5];
    AtTheLimit = "memory stays at the limit most of the time"
        [LimitTooLow 4.0, RuntimeSize 1.0, Leak -3.0, Burst -4.0, PageCache 0.5, KilledByOther -2.0,
         LivenessProbe -1.0, NodePressure -1.0, Sidecar -2.0];
    BelowTheLimit = "memory stays level, and not near a limit"
        [Burst 1.5, KilledByOther 1.5, LivenessProbe 1.5, NodePressure 1.5, NodeOvercommit 1.0,
         ReservationTooSmall 1.5, Sidecar 1.0, ChildKilled 0.5, LimitTooLow -5.0, Leak -5.0,
         RuntimeSize -3.0, PageCache -2.0, Tmpfs -3.0];
    LowYetKilled = "the highest sample is far below the limit, and yet the container was OOMKilled"
        [Burst 3.0, Sidecar 1.0, LimitTooLow -2.0, Leak -3.0];
    PeakUnseen = "the process held far more when it was killed than any sample shows"
        [Burst 5.0, LimitTooLow -2.0, Leak -3.0, RuntimeSize -2.0];
    Bursts = "memory jumps up for short times and comes back"
        [Burst 4.5, Leak -3.0, LimitTooLow -1.0, RuntimeSize -2.0, PageCache -2.0];
    FilesGrow = "the working set grows, anonymous memory does not"
        [PageCache 5.0, Tmpfs 2.5, Leak -6.0, LimitTooLow -4.0, RuntimeSize -4.0, Burst -3.0];
    AnonGrows = "anonymous memory grows with the working set"
        [Leak 1.0, PageCache -6.0, Tmpfs -5.0];
    MemoryVolume = "the pod has a memory-backed volume"
        [Tmpfs 3.5];
    NoMemoryVolume = "the pod has no memory-backed volume"
        [Tmpfs -7.0];
    OutlivesRestarts = "memory does not fall when the container is started again"
        [Tmpfs 4.0, Leak -3.0, LimitTooLow -1.5, RuntimeSize -3.0, Burst -1.0, Sidecar 0.5];
    HeapTooLarge = "the runtime's heap and what is outside of it exceed the limit"
        [RuntimeSize 5.0, Leak -1.5, LimitTooLow -1.5];
    NoRuntimeSetting = "no setting of a language runtime is known"
        [RuntimeSize -2.5];
    SameEnds = "it ends at the same level each time"
        [RuntimeSize 0.5, LimitTooLow 0.5];
    OnlyContainer = "the pod has one container"
        [Sidecar -7.0];
    OtherGrows = "another container of the pod takes the memory"
        [Sidecar 6.0, LimitTooLow -2.0, Leak -2.0, Burst -2.0];
    OtherUnlimited = "another container of the pod has no limit"
        [Sidecar 1.5];
    InitKilled = "an init container was OOMKilled"
        [Sidecar 9.0];
    NodeFalls = "memory of the node runs out while the container's stays as it is"
        [NodePressure 4.0, ReservationTooSmall 1.5, NodeOvercommit 0.0, LimitTooLow -3.0, Leak -3.0,
         KilledByOther -1.5, LivenessProbe -1.5, Burst -2.0, PageCache -2.0, HighStall -2.0];
    NodeHasRoom = "the node has memory left all the time"
        [NodePressure -4.0, ReservationTooSmall -4.0, NodeOvercommit 1.0, Swap -1.0];
    PodsAtAllocatable = "all pods together are at what is allocatable"
        [NodeOvercommit 5.0, ReservationTooSmall -3.0, NodePressure -2.5];
    PodsBelow = "all pods together are well below what is allocatable"
        [NodeOvercommit -4.0];
    DaemonsOver = "what runs outside of pods is above its reservation"
        [ReservationTooSmall 5.0, NodePressure -1.0];
    DaemonsWithin = "what runs outside of pods is within its reservation"
        [ReservationTooSmall -5.0];
    Swaps = "memory of the container is swapped out"
        [Swap 6.0, LimitTooLow -1.0];
    NoSwap = "no swap is seen"
        [Swap -5.0];
    Stalls = "reclaim at memory.high or memory stalls go on all the time"
        [HighStall 9.0, Swap 0.5, LimitTooLow -1.0, Leak -3.0];
    NoStallData = "no figure about memory stalls is known"
        [HighStall -1.5];
    NoStalls = "there are no memory stalls"
        [HighStall -6.0];
    LevelBelowLimit = "it stays at a level somewhat below the limit"
        [HighStall 2.0, LimitTooLow -0.5];
    FallsAndGoesOn = "memory falls although the container is not restarted"
        [ChildKilled 5.0, Burst 0.5, PageCache -2.0, HighStall -2.0];
    NoKillSeen = "nothing says that a process was killed"
        [ChildKilled -3.0];
}

fn has(found: &mut Vec<Sign>, kind: SignKind, figures: impl Into<String>) {
    found.push(Sign { kind, figures: figures.into() });
}

pub(super) fn mib(bytes: f64) -> String {
    crate::text::amount(Bytes::new(bytes.max(0.0) as u64))
}

/// Everything that is seen.
pub fn signs(observed: &Observed) -> Vec<Sign> {
    let mut found = Vec::new();
    let of_container = observed.pod.container(&observed.container);
    let shape = shape(&observed.working_set);
    status(observed, of_container, &mut found);
    kernel(observed, &mut found);
    if let Some(shape) = &shape {
        of_shape(of_container, shape, &mut found);
    }
    files(observed, shape.as_ref(), &mut found);
    restarts(observed, of_container, shape.as_ref(), &mut found);
    runtime(of_container, &mut found);
    neighbours(observed, of_container, &mut found);
    node(observed, shape.as_ref(), &mut found);
    slow(observed, &mut found);
    found
}

fn status(observed: &Observed, container: Option<&ContainerFacts>, to: &mut Vec<Sign>) {
    let pod = &observed.pod;
    if pod.reason == "Evicted" {
        has(to, SignKind::Evicted, pod.message.clone());
    }
    match container.and_then(|c| c.ended.as_ref()) {
        Some(end) if end.reason == "OOMKilled" => has(to, SignKind::OomKilled, format!("exit code {}", end.exit_code)),
        Some(end) if end.exit_code == 137 => has(to, SignKind::Killed137, format!("reason {}", end.reason)),
        Some(end) if end.exit_code == 143 => has(to, SignKind::Terminated143, format!("reason {}", end.reason)),
        Some(end) if end.exit_code != 0 => has(to, SignKind::FailedItself, format!("exit code {}", end.exit_code)),
        _ if pod.reason != "Evicted" && container.is_some_and(|c| c.restarts == 0) => has(to, SignKind::NeverEnded, ""),
        _ => {}
    }
    let probe = |e: &&super::observed::EventFact| {
        let text = e.message.to_ascii_lowercase();
        text.contains("liveness probe") && (e.reason == "Unhealthy" || e.reason == "Killing")
    };
    let failed: u32 = observed.events.iter().filter(probe).map(|e| e.count.max(1)).sum();
    match container {
        Some(_) if failed > 0 => has(to, SignKind::ProbeFailed, format!("{failed} events")),
        Some(c) if c.liveness => has(to, SignKind::HasProbe, ""),
        Some(_) => has(to, SignKind::NoProbe, ""),
        None => {}
    }
    if let Some(init) = pod.init.iter().find(|i| i.ended.as_ref().is_some_and(|end| end.reason == "OOMKilled")) {
        has(to, SignKind::InitKilled, init.name.clone());
    }
}

fn kernel(observed: &Observed, to: &mut Vec<Sign>) {
    let Some(kills) = &observed.kills else { return };
    let seen = |kill: &KernelKill| match kill.anon {
        Some(anon) => format!("{} with {} of anonymous memory", kill.comm, crate::text::amount(anon)),
        None => kill.comm.clone(),
    };
    for kill in kills.iter().take(1) {
        let kind = match kill.scope {
            KillScope::Container | KillScope::Pod | KillScope::Cgroup => SignKind::KernelInContainer,
            KillScope::Kubepods => SignKind::KernelKubepods,
            KillScope::Node => SignKind::KernelNode,
        };
        has(to, kind, seen(kill));
    }
    if let Some(kill) = kills.iter().find(|kill| kill.child == Some(true)) {
        has(to, SignKind::KernelChild, kill.comm.clone());
    }
    if kills.is_empty() {
        has(to, SignKind::KernelSilent, "");
    }
    let highest = observed.working_set.iter().map(|(_, v)| *v).fold(0.0, f64::max);
    let inside = |k: &&KernelKill| !matches!(k.scope, KillScope::Node | KillScope::Kubepods) && k.child != Some(true);
    let most = kills.iter().filter(inside).filter_map(|k| k.anon).max().map_or(0.0, |anon| anon.get() as f64);
    if highest > 0.0 && most > highest * 1.25 {
        has(to, SignKind::PeakUnseen, format!("{} against {}", mib(most), mib(highest)));
    }
}

fn of_shape(container: Option<&ContainerFacts>, shape: &Shape, to: &mut Vec<Sign>) {
    let limit = container.and_then(|c| c.limit).map(|limit| limit.get() as f64);
    let share = limit.map(|limit| shape.end / limit);
    let of_limit = limit.map_or_else(String::new, |limit| format!(" of {}", mib(limit)));
    let level = format!("{}{of_limit}", mib(shape.end));
    match shape.form {
        Form::Ramp => {
            let rate = format!("{} to {level}, {} an hour", mib(shape.start), mib(shape.slope * 3600.0));
            has(to, SignKind::RisesSteadily, rate);
        }
        Form::Saturating if share.is_some_and(|s| s > 0.8) => has(to, SignKind::RisesSlower, level),
        Form::Plateau | Form::Flat if share.is_some_and(|s| s > 0.94) => has(to, SignKind::AtTheLimit, level),
        Form::Plateau | Form::Flat if share.is_some_and(|s| s > 0.7) => has(to, SignKind::LevelBelowLimit, level),
        Form::Bursty => has(to, SignKind::Bursts, format!("{} to {}", mib(shape.median), mib(shape.max))),
        Form::Flat | Form::Plateau => has(to, SignKind::BelowTheLimit, level),
        Form::Saturating => {}
    }
    let killed = container.and_then(|c| c.ended.as_ref()).is_some_and(|end| end.reason == "OOMKilled");
    if killed && limit.is_some_and(|limit| shape.max < 0.75 * limit) {
        has(to, SignKind::LowYetKilled, format!("highest {}{of_limit}", mib(shape.max)));
    }
    if shape.same_ends {
        has(to, SignKind::SameEnds, level_text(shape));
    }
}

fn level_text(shape: &Shape) -> String {
    format!("about {}", mib(shape.end))
}

/// Whether a curve grows, as a share of its highest value.
fn growth(curve: &MemoryCurve) -> Option<f64> {
    let shape = shape(curve)?;
    Some((shape.end - shape.start) / shape.max.max(1.0))
}

fn files(observed: &Observed, shape: Option<&Shape>, to: &mut Vec<Sign>) {
    if observed.pod.tmpfs.is_empty() {
        has(to, SignKind::NoMemoryVolume, "");
    } else {
        has(to, SignKind::MemoryVolume, observed.pod.tmpfs.join(", "));
    }
    let (Some(working_set), Some(rss)) = (shape, growth(&observed.rss)) else { return };
    let rises = (working_set.end - working_set.start) / working_set.max.max(1.0);
    let last = |curve: &MemoryCurve| curve.iter().rev().take(5).map(|(_, v)| *v).fold(0.0, f64::max);
    let files = 1.0 - last(&observed.rss) / last(&observed.working_set).max(1.0);
    if rss < 0.12 && (rises > 0.15 || files > 0.5) {
        has(to, SignKind::FilesGrow, format!("anonymous memory {}", mib(last(&observed.rss))));
    } else if rss > 0.15 && rises > 0.15 {
        has(to, SignKind::AnonGrows, format!("to {}", mib(last(&observed.rss))));
    }
}

fn restarts(observed: &Observed, container: Option<&ContainerFacts>, shape: Option<&Shape>, to: &mut Vec<Sign>) {
    let (Some(container), Some(shape)) = (container, shape) else { return };
    if container.restarts >= 2 && shape.drops == 0 && observed.pod.reason != "Evicted" && shape.form != Form::Bursty {
        let flat = shape.form == Form::Flat && !observed.pod.tmpfs.is_empty() || shape.form != Form::Flat;
        if flat {
            has(to, SignKind::OutlivesRestarts, format!("{} restarts", container.restarts));
        }
    }
    if container.restarts == 0 && shape.drops > 0 && container.running && shape.form != Form::Bursty {
        has(to, SignKind::FallsAndGoesOn, format!("{} times", shape.drops));
    } else if observed.kills.as_ref().is_none_or(|kills| kills.iter().all(|k| k.child != Some(true))) {
        has(to, SignKind::NoKillSeen, "");
    }
}

/// Share of the limit that a runtime's settings give to its heap; `None`: no such setting is known.
pub fn heap_share(container: &ContainerFacts) -> Option<(f64, String)> {
    let limit = container.limit?.get() as f64;
    let words = container.settings.iter().flat_map(|text| text.split_whitespace());
    words.filter_map(|word| Some((heap_of(word, limit)?, word.to_owned()))).next_back()
}

fn heap_of(word: &str, limit: f64) -> Option<f64> {
    let number = |text: &str| text.parse::<f64>().ok();
    if let Some(percent) = word.strip_prefix("-XX:MaxRAMPercentage=") {
        return Some(number(percent)? / 100.0);
    }
    if let Some(size) = word.strip_prefix("-Xmx") {
        let (digits, unit) = size.split_at(size.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len());
        let unit = match unit.to_ascii_lowercase().as_str() {
            "" => 1.0,
            "k" => 1024.0,
            "m" => 1_048_576.0,
            "g" => 1_073_741_824.0,
            _ => return None,
        };
        return Some(number(digits)? * unit / limit);
    }
    if let Some(size) = word.strip_prefix("--max-old-space-size=").or(word.strip_prefix("--max_old_space_size=")) {
        return Some(number(size)? * 1_048_576.0 / limit);
    }
    if let Some(size) = word.strip_prefix("GOMEMLIMIT=") {
        return Some(oomsim_core::units::Quantity::parse(size.trim_end_matches('B')).ok()?.value() as f64 / limit);
    }
    let percent = word.strip_prefix("DOTNET_GCHeapHardLimitPercent=")?;
    Some(i64::from_str_radix(percent.trim_start_matches("0x"), 16).ok()? as f64 / 100.0)
}

/// A heap above this share of the limit leaves too little for what is outside of it.
const HEAP_TOO_LARGE: f64 = 0.8;

fn runtime(container: Option<&ContainerFacts>, to: &mut Vec<Sign>) {
    match container.and_then(heap_share) {
        Some((share, word)) if share > HEAP_TOO_LARGE => {
            has(to, SignKind::HeapTooLarge, format!("{word} is {:.0} % of the limit", share * 100.0));
        }
        Some(_) => {}
        None => has(to, SignKind::NoRuntimeSetting, ""),
    }
}

fn neighbours(observed: &Observed, container: Option<&ContainerFacts>, to: &mut Vec<Sign>) {
    let pod = &observed.pod;
    if pod.containers.len() + pod.init.len() < 2 {
        return has(to, SignKind::OnlyContainer, "");
    }
    if let Some(other) = pod.containers.iter().find(|c| c.name != observed.container && c.limit.is_none()) {
        has(to, SignKind::OtherUnlimited, other.name.clone());
    }
    let own = shape(&observed.working_set).map_or(0.0, |s| s.max);
    let limit = container.and_then(|c| c.limit).map(|limit| limit.get() as f64);
    for (name, curve) in &observed.others {
        let Some(other) = shape(curve) else { continue };
        let asked = pod.container(name).and_then(|c| c.limit.or(c.request)).map_or(0.0, |b| b.get() as f64);
        let grows = other.end - other.start > 0.25 * other.max && other.max > own * 0.2;
        let unaccounted = asked == 0.0 && limit.is_some_and(|limit| other.max > 0.2 * limit);
        if grows && own < other.max * 4.0 || unaccounted {
            has(to, SignKind::OtherGrows, format!("{name} holds up to {}", mib(other.max)));
        }
    }
}

fn node(observed: &Observed, shape: Option<&Shape>, to: &mut Vec<Sign>) {
    let ends = |curve: &MemoryCurve| {
        let least = curve.iter().map(|(_, v)| *v).fold(f64::INFINITY, f64::min);
        (curve.iter().map(|(_, v)| *v).fold(0.0, f64::max), least)
    };
    if observed.node_available.len() > 3 {
        let (most, least) = ends(&observed.node_available);
        let total = observed.node_total.map_or(most, |total| total.get() as f64);
        let still = shape.is_none_or(|s| matches!(s.form, Form::Flat | Form::Bursty) || s.max < total * 0.15);
        if least < total * 0.12 && still {
            has(to, SignKind::NodeFalls, format!("MemAvailable from {} to {}", mib(most), mib(least)));
        } else if least > total * 0.2 {
            has(to, SignKind::NodeHasRoom, format!("never less than {} (MemAvailable)", mib(least)));
        }
    }
    let Some(allocatable) = observed.allocatable.map(|a| a.get() as f64) else { return };
    if observed.all_pods.len() > 3 {
        let (most, _) = ends(&observed.all_pods);
        let kind = if most > 0.94 * allocatable { SignKind::PodsAtAllocatable } else { SignKind::PodsBelow };
        if !(0.85..=0.94).contains(&(most / allocatable)) {
            has(to, kind, format!("{} of {}", mib(most), mib(allocatable)));
        }
    }
    if let (Some(total), true) = (observed.node_total, observed.node_system.len() > 3) {
        let (most, _) = ends(&observed.node_system);
        let reserved = (total.get() as f64 - allocatable).max(0.0);
        let kind = if most > reserved * 1.1 { SignKind::DaemonsOver } else { SignKind::DaemonsWithin };
        has(to, kind, format!("{} used, {} reserved", mib(most), mib(reserved)));
    }
}

fn slow(observed: &Observed, to: &mut Vec<Sign>) {
    let most = observed.swap.iter().map(|(_, v)| *v).fold(0.0, f64::max);
    if most > 16e6 {
        has(to, SignKind::Swaps, mib(most))
    } else {
        has(to, SignKind::NoSwap, "")
    }
    match (observed.stalls.first(), observed.stalls.last()) {
        (Some((from, first)), Some((until, last))) if until > from => {
            let rate = (last - first) / (until - from);
            let kind = if rate > 0.05 { SignKind::Stalls } else { SignKind::NoStalls };
            has(to, kind, format!("{rate:.2} a second"));
        }
        _ => has(to, SignKind::NoStallData, ""),
    }
}
