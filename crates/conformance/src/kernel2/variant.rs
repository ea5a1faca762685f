//! What a replay takes otherwise than the rules do, where the row or the kernel leaves it open.

use super::row::Experiment;

/// One way to replay a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Pages of more room in every limit.
    pub shift: i64,
    /// A process is killed while another is still giving its memory back.
    pub second_kill: bool,
    /// Times as long as usual that a process takes over reading back text before it is killed.
    pub slowness: u32,
    /// What decides where something is up to chance.
    pub seed: u64,
}

impl Default for Variant {
    fn default() -> Self {
        Variant { shift: 0, second_kill: false, slowness: 1, seed: 0 }
    }
}

/// Milliseconds that the recorded program takes over a chunk, beside its pause: 0.6 to 6 in most recordings.
const CHUNK: f64 = 2.0;

/// A report shows that the process killed before has yet to give pages back: the next allocation on another processor
/// found none dying, and killed again (mm/mmap.c exit_mmap sets MMF_OOM_SKIP before tlb_finish_mmu frees the pages).
pub fn second_kill(row: &Experiment) -> Option<Variant> {
    (row.smp > 1 && row.kills_amid_exit()).then(|| Variant { second_kill: true, ..Variant::default() })
}

/// The guest took several times as long over what its program did as in other recordings: so it may have over reading
/// back text, up to as many times.
pub fn slower(row: &Experiment) -> impl Iterator<Item = Variant> {
    let most = (row.chunk_beside_pause() / CHUNK) as u32;
    (2..=most).map(|slowness| Variant { slowness, ..Variant::default() })
}
