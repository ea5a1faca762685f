//! Signs, and how much each speaks for or against a cause.

mod around;
mod curve;
mod heap;
mod status;

pub(super) use heap::{HeapShare, heap_share};

use super::cause::Ailment::{self, *};
use super::observed::Observed;
use super::shape::shape;
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
    KilledWithoutLimit = "the container was OOMKilled although neither it nor its pod has a memory limit"
        [NodeOvercommit 2.5, ReservationTooSmall 2.0, NodePressure 1.5, LimitTooLow -6.0, RuntimeSize -4.0,
         Burst -5.0, Tmpfs -1.0, Sidecar -1.0, PageCache -3.0, HighStall -3.0];
    ChildEnded = "the kernel killed in the container, but its first process ended with another exit code"
        [ChildKilled 5.0];
    Killed137 = "the last end is exit code 137 (SIGKILL), but not OOMKilled"
        [KilledByOther 3.0, LivenessProbe 2.0, NodePressure 0.5, ReservationTooSmall 1.5,
         NodeOvercommit -0.5, ChildKilled -2.0, LimitTooLow -4.0, Leak -3.0, RuntimeSize -3.0, Burst -4.0,
         Tmpfs -3.0, Sidecar -3.0, PageCache -4.0, HighStall -3.0, Swap -3.0];
    RuntimeAborts = "the last end is one with which runtimes abort when their heap is full"
        [RuntimeSize 4.0, LimitTooLow -2.0, Leak -1.0, Burst -3.0, Tmpfs -3.0, KilledByOther -3.0,
         LivenessProbe -2.0, NodePressure -3.0, NodeOvercommit -3.0, ReservationTooSmall -3.0, Sidecar -3.0,
         PageCache -3.0];
    FailedItself = "the last end is an error of the program itself (no SIGKILL)"
        [RuntimeSize 1.0, LimitTooLow -2.5, Leak -1.5, Burst -3.0, Tmpfs -2.0, KilledByOther -3.0,
         LivenessProbe -2.0, NodePressure -3.0, NodeOvercommit -3.0, ReservationTooSmall -3.0, Sidecar -3.0,
         PageCache -3.0];
    Terminated143 = "the last end is exit code 143 (SIGTERM)"
        [LivenessProbe 2.0, KilledByOther 1.5, NodePressure 0.5, LimitTooLow -4.0, Leak -3.0, Burst -4.0,
         RuntimeSize -3.0, Tmpfs -3.0];
    NeverEnded = "the container has not been restarted"
        [PageCache 2.0, HighStall 1.0, Swap 2.0, ChildKilled 1.5, Leak -1.5, LimitTooLow -3.0,
         RuntimeSize -3.0, Burst -3.0, Tmpfs -2.0, KilledByOther -5.0, LivenessProbe -4.0,
         NodePressure -2.0, NodeOvercommit -2.0, ReservationTooSmall -2.0, Sidecar -1.0];
    ShortLife = "it ended soon after its last start"
        [LimitTooLow 2.5, RuntimeSize 2.0, Tmpfs 1.5, Leak -3.0, Burst -3.0, NodePressure -1.0];
    Evicted = "the pod was evicted for memory"
        [NodePressure 4.0, NodeOvercommit 2.5, ReservationTooSmall 2.0, Leak 0.5, LimitTooLow -5.0,
         RuntimeSize -5.0, Burst -3.0, Tmpfs -1.0, Sidecar -3.0, KilledByOther -6.0, LivenessProbe -6.0,
         ChildKilled -6.0, HighStall -6.0, PageCache -2.0, Swap -3.0];
    EndedForOther = "the pod was ended for another reason than memory"
        [KilledByOther 7.0, NodePressure -6.0, NodeOvercommit -6.0, ReservationTooSmall -6.0, LimitTooLow -5.0,
         Leak -4.0, RuntimeSize -5.0, Burst -5.0, Tmpfs -3.0, Sidecar -4.0, ChildKilled -6.0, HighStall -6.0,
         LivenessProbe -6.0, PageCache -2.0, Swap -3.0];
    EvictedForOther = "the kubelet names another container of the pod that used more than it requests"
        [Sidecar 3.5, NodePressure -1.0];
    VolumeOverSize = "the pod was evicted because a memory-backed volume was above its sizeLimit"
        [Tmpfs 9.0];
    NodeReportsPressure = "the node reported that it is short of memory"
        [NodePressure 2.0, ReservationTooSmall 1.0, NodeOvercommit 0.5, KilledByOther -1.0, LimitTooLow -1.0,
         Burst -1.0];
    SystemOom = "the kubelet reports that the node itself was out of memory (SystemOOM)"
        [ReservationTooSmall 4.0, NodePressure 2.0, NodeOvercommit -2.0, KilledByOther -6.0, LivenessProbe -5.0,
         LimitTooLow -3.0, Burst -3.0, RuntimeSize -3.0, Tmpfs -1.5, Leak -1.0, Sidecar -2.0, ChildKilled -2.0];
    NoSystemOom = "events were looked at, and none says that the node was out of memory"
        [ReservationTooSmall -1.5, NodeOvercommit 0.3];
    ProbeFailed = "events say that a liveness or startup probe failed"
        [LivenessProbe 8.0, KilledByOther -2.0];
    ProbeSilent = "events were looked at, and none is of a failed liveness probe"
        [LivenessProbe -3.0];
    NoProbe = "the container has no liveness probe"
        [LivenessProbe -7.0];
    HasProbe = "the container has a liveness probe, and was ended by a signal"
        [LivenessProbe 2.0, KilledByOther -0.5];
    Stopped = "events say that it was stopped on demand"
        [KilledByOther 2.5, LivenessProbe -1.0];
    KilledByProgram = "the log says that another program killed"
        [KilledByOther 5.0];
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
        [ReservationTooSmall 4.0, NodePressure 2.5, NodeOvercommit -1.0, KilledByOther -6.0,
         LivenessProbe -6.0, LimitTooLow -5.0, Burst -5.0, RuntimeSize -5.0, Tmpfs -2.0];
    OutsidePods = "when the node ran out of memory, processes outside of pods held a large part of it"
        [ReservationTooSmall 3.0, NodePressure -0.5];
    KernelSilent = "the kernel log was looked at and has no kill"
        [KilledByOther 2.5, LivenessProbe 1.0, NodePressure 0.5, LimitTooLow -3.0, Leak -1.5,
         RuntimeSize -1.0, Burst -3.0, Tmpfs -2.0, ChildKilled -4.0, NodeOvercommit -1.0];
    SharedAtKill = "most of what was charged when the kernel killed was tmpfs or shared memory"
        [Tmpfs 4.0, Leak -2.5, LimitTooLow -1.5, RuntimeSize -2.0, Burst -1.5];
    OomEventsWithoutRestart = "the kernel killed in the container more often than it was restarted"
        [ChildKilled 6.0];
    RisesSteadily = "memory rises steadily from start to end"
        [Leak 4.0, LimitTooLow -2.0, RuntimeSize -2.0, Burst -4.0, KilledByOther -1.0,
         LivenessProbe -1.0, HighStall -1.5, NodePressure -2.0, ChildKilled -1.0, Sidecar -1.0];
    RisesSlower = "memory rises more and more slowly, towards a level near the limit"
        [RuntimeSize 3.0, LimitTooLow 1.5, Leak -1.5, Burst -4.0, Sidecar -2.0, PageCache 0.5];
    AtTheLimit = "memory stays at the limit most of the time"
        [LimitTooLow 4.0, RuntimeSize 1.0, Leak -3.0, Burst -4.0, PageCache 0.5, KilledByOther -2.0,
         LivenessProbe -1.0, NodePressure -1.0, Sidecar -2.0];
    LevelBelowLimit = "it stays at a level somewhat below the limit"
        [HighStall 2.0, LimitTooLow -0.5];
    LevelAtHigh = "that level is where memory.high lies by request and limit (factor 0.8 or 0.9)"
        [HighStall 1.5, LimitTooLow -0.5];
    BelowTheLimit = "memory stays level, and not near a limit"
        [Burst 1.5, KilledByOther 1.5, LivenessProbe 1.5, NodePressure 1.5, NodeOvercommit 1.0,
         ReservationTooSmall 1.5, Sidecar 1.0, ChildKilled 0.5, LimitTooLow -5.0, Leak -5.0,
         RuntimeSize -3.0, PageCache -2.0, Tmpfs -3.0];
    UpAndDown = "memory goes up and down, without a trend"
        [Burst 2.0, LimitTooLow 0.5, Leak -2.5, RuntimeSize -0.5, PageCache -1.0, Tmpfs -1.5];
    LowYetKilled = "the highest sample is far below the limit, and yet the container was OOMKilled"
        [Burst 3.0, Sidecar 1.0, NodeOvercommit 1.0, LimitTooLow -2.0, Leak -3.0];
    PeakUnseen = "the process held far more when it was killed than any sample shows"
        [Burst 5.0, LimitTooLow -2.0, Leak -3.0, RuntimeSize -2.0];
    Bursts = "memory jumps up for short times and comes back"
        [Burst 4.5, Leak -3.0, LimitTooLow -1.0, RuntimeSize -2.0, PageCache -2.0];
    FilesGrow = "the working set grows, anonymous memory does not"
        [PageCache 5.0, Tmpfs 2.5, Leak -6.0, LimitTooLow -4.0, RuntimeSize -4.0, Burst -3.0];
    AnonGrows = "anonymous memory grows with the working set"
        [Leak 1.0, PageCache -6.0, Tmpfs -5.0];
    MemoryVolume = "the container mounts a memory-backed volume"
        [Tmpfs 3.5, PageCache -1.0];
    NoMemoryVolume = "the container mounts no memory-backed volume"
        [Tmpfs -7.0];
    OutlivesRestarts = "the container was restarted, and memory never falls in what was recorded"
        [Tmpfs 3.0, Leak -3.0, LimitTooLow -1.5, RuntimeSize -3.0, Burst -1.0, Sidecar 0.5];
    FallsAtRestarts = "memory falls when the container is started again"
        [Tmpfs -4.0, PageCache -1.0, HighStall -1.5];
    HeapTooLarge = "the runtime's heap may take all of the limit, or leaves too little for what is outside of it"
        [RuntimeSize 5.0, Leak -1.5, LimitTooLow -1.5];
    HeapFits = "the runtime's heap leaves room for what is outside of it"
        [RuntimeSize -3.0];
    NoRuntimeSetting = "no setting of a language runtime is known"
        [RuntimeSize -2.5];
    SameEnds = "it ends at the same level each time"
        [RuntimeSize 0.5, LimitTooLow 0.5];
    OnlyContainer = "the pod has one container"
        [Sidecar -7.0];
    OtherGrows = "another container of the pod takes the memory"
        [Sidecar 6.0, LimitTooLow -2.0, Leak -2.0, Burst -2.0, NodePressure -1.0];
    OtherUnlimited = "another container of the pod has no limit"
        [Sidecar 0.5];
    OthersQuiet = "the other containers of the pod stay small and are not killed"
        [Sidecar -4.5];
    OthersLive = "no other container of the pod was OOMKilled"
        [Sidecar -2.5];
    OtherKilled = "another container of the pod was OOMKilled, this one was not"
        [Sidecar 8.0];
    KilledBeside = "the container that was OOMKilled is not the one that the pod is for"
        [Sidecar 8.0];
    InitKilled = "an init container was OOMKilled"
        [Sidecar 9.0];
    NodeFalls = "memory of the node runs out while the container's stays as it is"
        [NodePressure 4.0, ReservationTooSmall 1.5, LimitTooLow -3.0, Leak -3.0,
         KilledByOther -1.5, LivenessProbe -1.5, Burst -2.0, PageCache -2.0, HighStall -2.0];
    NodeHasRoom = "the node has memory left all the time"
        [NodePressure -4.0, ReservationTooSmall -4.0, NodeOvercommit 1.0, Swap -1.0];
    OtherPodGrows = "another pod of the node takes memory all the time"
        [NodePressure 1.5, NodeOvercommit 1.0, ReservationTooSmall -2.0];
    PodsAtAllocatable = "all pods together are at what is allocatable"
        [NodeOvercommit 5.0, ReservationTooSmall -3.0, NodePressure -2.5];
    PodsBelow = "all pods together are well below what is allocatable"
        [NodeOvercommit -2.5, ReservationTooSmall 0.5];
    DaemonsOver = "what runs outside of pods is above its reservation"
        [ReservationTooSmall 5.0, NodePressure -1.0];
    DaemonsWithin = "what runs outside of pods is within its reservation"
        [ReservationTooSmall -5.0];
    Swaps = "memory of the container is swapped out"
        [Swap 6.0, LimitTooLow -1.0];
    NodeSwaps = "the node uses swap, more and more"
        [Swap 3.0];
    NoSwap = "no swap is seen"
        [Swap -5.0];
    Stalls = "reclaim at memory.high or memory stalls go on all the time"
        [HighStall 9.0, Swap 0.5, LimitTooLow -1.0, Leak -3.0];
    NoStallData = "no figure about memory stalls is known"
        [HighStall -3.0];
    NoStalls = "there are no memory stalls"
        [HighStall -6.0];
    FallsAndGoesOn = "memory falls although the container is not restarted"
        [ChildKilled 5.0, Burst 0.5, PageCache -2.0, HighStall -2.0];
    FallsAgainAndAgain = "memory falls again and again although the container is not restarted"
        [ChildKilled 1.5, Burst 0.5, Leak -2.5, PageCache -1.0, HighStall -2.0];
    NoKillSeen = "nothing says that a process was killed while the container went on"
        [ChildKilled -3.0];
}

/// What is noted, in order.
#[derive(Default)]
struct Noted(Vec<Sign>);

impl Noted {
    fn has(&mut self, kind: SignKind, figures: impl Into<String>) {
        self.0.push(Sign { kind, figures: figures.into() });
    }
}

pub(super) fn mib(bytes: f64) -> String {
    crate::text::amount(Bytes::new(bytes.max(0.0) as u64))
}

/// Everything that is seen.
pub fn signs(observed: &Observed) -> Vec<Sign> {
    let mut noted = Noted::default();
    let shape = shape(&observed.working_set);
    status::status(observed, &mut noted);
    status::events(observed, &mut noted);
    status::kernel(observed, &mut noted);
    if let Some(shape) = &shape {
        curve::of_shape(observed, shape, &mut noted);
        curve::restarts(observed, shape, &mut noted);
    }
    curve::files(observed, shape.as_ref(), &mut noted);
    curve::slow(observed, &mut noted);
    heap::runtime(observed, &mut noted);
    around::neighbours(observed, shape.as_ref(), &mut noted);
    around::node(observed, shape.as_ref(), &mut noted);
    noted.0
}
