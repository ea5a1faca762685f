//! Text of the system's own programs, kubelet and container runtime among them. What was pushed out of it has to be
//! read before anything that they do: the kubelet crawls.

use crate::engine::RunsBehind;
use crate::kernel::{FileAccess, MemOp};
use crate::node::ids::ProcIx;
use crate::node::machine::Machine;
use crate::node::memory::Scope;
use crate::node::observe::Cx;
use crate::units::{Pages, SimDuration, VolumeId};

/// The text, which one process stands for.
#[derive(Clone, Copy, Debug)]
pub(in crate::node) struct SystemText {
    /// The file.
    pub file: VolumeId,
    /// Its size.
    pub pages: Pages,
    /// Who reads it.
    pub reader: ProcIx,
}

/// Pages that one request reads (128 KiB).
const WINDOW: u64 = 32;

impl Machine {
    /// How long the system's programs take until their text is there, beside all others that wait for the disk. What
    /// there is room for stays.
    pub(in crate::node) fn reads_system_text(&mut self, cx: &mut Cx<'_>) -> SimDuration {
        let (Some(text), Some(disk)) = (self.system_text, self.scenario.node.kernel.disk) else {
            return SimDuration::ZERO;
        };
        self.take_due(Scope::Node, cx);
        let missing = text.pages.saturating_sub(self.memory.kernel.volume_pages(text.file).0);
        if missing.is_zero() {
            return SimDuration::ZERO;
        }
        let window = disk.latency + SimDuration::from_secs(1).mul_ratio(WINDOW * 4096, disk.bandwidth.get().max(1));
        let others = u64::from(self.memory.waiting());
        let requests = missing.get().div_ceil(WINDOW).saturating_mul(1 + others);
        let takes = SimDuration::from_nanos(window.as_nanos().saturating_mul(requests));
        let room = self.memory.kernel.headroom(self.programs[text.reader as usize].cgroup);
        if room > missing {
            let from = text.pages - missing;
            let how = FileAccess::Mmap;
            let read = MemOp::ReadFile { file: text.file, from, pages: missing, how };
            let _ = self.apply(text.reader, read, cx);
        }
        takes
    }
}
