//! Small changes of what a recording cannot pin down: a story whose verdict they change is undecided.

const MIB: i64 = 1 << 20;
const PAGE: i64 = 4096;

/// A small change of what a recording cannot pin down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disturbance {
    /// What is disturbed, and by how much.
    pub of: Of,
    /// Which of the story's processes: all, or those whose number has this bit (true) or lacks it (false).
    pub bit: Option<(u32, bool)>,
}

/// What is disturbed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Of {
    /// No disturbance.
    #[default]
    Nothing,
    /// Rates after T0, in thousandths; the processes that are not meant change by the opposite.
    Rate(i32),
    /// The manager's phase, in milliseconds.
    PhaseMs(i32),
    /// Pages of kernel memory that a worker costs more.
    Pages(i64),
    /// Growth of the recordings' agent, in MiB.
    Agent(i64),
}

impl Disturbance {
    /// None.
    pub const NONE: Disturbance = Disturbance { of: Of::Nothing, bit: None };

    fn meant(&self, process: usize) -> bool {
        self.bit.is_none_or(|(bit, set)| (process >> bit.min(31) & 1 == 1) == set)
    }

    /// By what the rate of the story's n-th process is multiplied.
    pub fn rate(&self, process: usize) -> f64 {
        let Of::Rate(permille) = self.of else { return 1.0 };
        1.0 + f64::from(if self.meant(process) { permille } else { -permille }) / 1000.0
    }

    /// Bytes of kernel memory that the story's n-th process costs more.
    pub(super) fn kernel(&self, process: usize) -> i64 {
        match self.of {
            Of::Pages(pages) if self.meant(process) => pages * PAGE,
            _ => 0,
        }
    }

    /// Milliseconds by which the manager's phase is later.
    pub(super) fn phase_ms(&self) -> i32 {
        if let Of::PhaseMs(ms) = self.of { ms } else { 0 }
    }

    /// Bytes by which the recordings' agent grows more.
    pub(super) fn agent(&self) -> i64 {
        if let Of::Agent(mib) = self.of { mib * MIB } else { 0 }
    }
}

impl std::fmt::Display for Disturbance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.of {
            Of::Nothing => f.write_str("nothing"),
            Of::Rate(permille) => write!(f, "rates {:+} %", permille / 10),
            Of::PhaseMs(ms) => write!(f, "phase {ms:+} ms"),
            Of::Pages(pages) => write!(f, "{pages:+} page a process"),
            Of::Agent(mib) => write!(f, "agent {mib:+} MiB"),
        }?;
        match self.bit {
            None => Ok(()),
            Some((bit, set)) => {
                let mark = if set { "with" } else { "without" };
                write!(f, " of processes {mark} bit {bit} in their number")?;
                if matches!(self.of, Of::Rate(_)) { f.write_str(", the others the opposite") } else { Ok(()) }
            }
        }
    }
}
