//! What a step of an experiment does.

use serde::Deserialize;

/// What a step does, by the name that the recordings give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    Touch,
    TouchShm,
    TouchMlock,
    TouchAgain,
    ReadFile,
    MapFile,
    WriteFile,
    Pageout,
    Pipes,
    UnixSockets,
    TcpSockets,
    CreateFiles,
    NegativeDentries,
    Hugetlb,
    FreeLast,
    StartGrow,
    StartGrowPaced,
    StartReadLoop,
    StartMapLoop,
    StartTouchAgain,
    StartForkChildren,
    StartHot,
    /// A write to a cgroup file.
    Write,
    /// A time of observation.
    Sample,
    /// The last look.
    End,
}

impl Op {
    /// It runs on while later steps are taken.
    pub fn runs_on(self) -> bool {
        self.grows() || matches!(self, Op::StartReadLoop | Op::StartMapLoop | Op::StartTouchAgain)
    }

    /// It needs new memory again and again, and so may hang.
    pub fn grows(self) -> bool {
        matches!(self, Op::StartGrow | Op::StartGrowPaced | Op::StartHot | Op::StartForkChildren)
    }
}
