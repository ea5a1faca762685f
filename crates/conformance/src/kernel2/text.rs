//! The text of the recorded program: what is read of it, when, and what comes of it in a full cgroup.

use super::machine::{Machine, OpEnd};
use crate::kernel::Sim;
use oomsim_core::kernel::{FileAccess, Lru, MemOp};
use oomsim_core::units::{Pages, Pid, VolumeId};

/// Text pages of the recorded program, and those of them that it keeps in use: 99 to 205 are left where others are
/// swapped out.
const TEXT: (Pages, u64) = (Pages::new(212), 150);
/// The same where one fault reads all of it ahead: what is mapped (`file_mapped` 191) stays.
const TEXT_AT_ONCE: (Pages, u64) = (Pages::new(229), 193);
/// Pages of it up to the one that it needs after each step: with 147 read it was killed.
const BEFORE_IN_TEXT: Pages = Pages::new(148);
/// What one fault reads where the window is 128 KiB, and that up to the page in its middle, which is needed
/// (mm/filemap.c do_sync_mmap_readahead).
pub const WINDOW: Pages = Pages::new(32);
const HALF_A_WINDOW: Pages = Pages::new(17);
/// Text that it needs to go on with what it does: two windows.
const TWO_WINDOWS: Pages = Pages::new(64);

impl Machine<'_> {
    /// Text that was pushed out is read back, and charged to the reader. Reclaim finds executable pages in use as soon
    /// as they were used once (mm/vmscan.c folio_check_references), as if they were mapped twice.
    pub fn read_text(&mut self, pid: Pid) {
        let (all, used) = text(&self.sim);
        let pages = if self.sim.kernel.profile().file_folios { Pages::new(used) } else { all };
        let op = MemOp::ReadFile { file: self.text, from: Pages::ZERO, pages, how: FileAccess::Mmap };
        self.run(pid, op);
        self.run(pid, op);
    }

    /// A process that has done what it was asked needs text to say so. What a fault reads is locked until all of it is
    /// there: a window, or all that lies before the page where the window is longer than the text.
    pub fn go_on(&mut self, pid: Pid) -> OpEnd {
        let pages = if self.sim.kernel.profile().file_folios { BEFORE_IN_TEXT } else { WINDOW };
        self.swap_for_text(pid);
        let end = match self.take_turns(pid, self.text) {
            OpEnd::Done if self.sim.kernel.volume_pages(self.text).0 < pages => {
                self.run(pid, MemOp::FaultText { file: self.text, pages })
            }
            end => end,
        };
        if end == OpEnd::Done {
            self.read_back(pid);
        }
        end
    }

    /// What a process says that with and its loop lie in two windows. Up to 6.12, where there is room for one only,
    /// each gives way to the other, reclaim never finds nothing, and a process alone hangs: the 25 that hung in a loop
    /// in the recordings of 5.10 to 6.12 had room for 29 to 66 pages of text, those that were killed alone had up to
    /// 18, or more than 67 and less than they took next; two were killed with 30 and 46. With less than half a window
    /// the page that is needed is not reached, and those before it are locked.
    pub fn take_turns(&mut self, pid: Pid, hot: VolumeId) -> OpEnd {
        let Some(cgroup) = self.sim.kernel.process(pid).map(|p| p.cgroup) else { return OpEnd::Dead };
        let other = if hot == self.text { Pages::ZERO } else { self.sim.kernel.volume_pages(hot).0 };
        let room = self.sim.kernel.volume_pages(self.text).0 + other + self.sim.kernel.headroom(cgroup);
        if self.sim.kernel.profile().hang_hot_pages == 0 || room >= TWO_WINDOWS {
            return OpEnd::Done;
        }
        if room < HALF_A_WINDOW {
            return self.run(pid, MemOp::FaultText { file: self.text, pages: WINDOW });
        }
        let before = self.sim.kernel.hot_text(pid);
        self.set_hot(pid, self.text, TWO_WINDOWS.get(), 1);
        let how = FileAccess::Mmap;
        let end = self.run(pid, MemOp::ReadFile { file: self.text, from: Pages::ZERO, pages: TWO_WINDOWS, how });
        self.sim.kernel.set_hot_text(pid, before);
        end
    }

    /// The classic LRU drops text as it does any cache, and swaps out for what a process needs of it to say that a step
    /// is done: 147 to 199 pages came back at once in seven of ten recordings, 58 to 74 in the others.
    fn swap_for_text(&mut self, pid: Pid) {
        let Some(cgroup) = self.sim.kernel.process(pid).map(|p| p.cgroup) else { return };
        let used = Pages::new(text(&self.sim).1);
        let there = self.sim.kernel.volume_pages(self.text).0;
        let swaps = self.sim.kernel.profile().lru == Lru::Classic && self.sim.kernel.swap_room(cgroup) > used;
        if swaps && there < used {
            // What comes back is active at once (mm/workingset.c workingset_refault).
            for how in [FileAccess::Mmap, FileAccess::Read] {
                self.run(pid, MemOp::ReadFile { file: self.text, from: Pages::ZERO, pages: used - there, how });
            }
        }
    }

    /// Reads back what a process needs of its text, where there is room for that.
    pub fn read_back(&mut self, pid: Pid) {
        let Some(cgroup) = self.sim.kernel.process(pid).map(|p| p.cgroup) else { return };
        let (all, used) = text(&self.sim);
        let there = self.sim.kernel.volume_pages(self.text).0;
        let room = self.sim.kernel.headroom(cgroup);
        let profile = self.sim.kernel.profile();
        let reads_windows = profile.lru == Lru::Mglru && !profile.file_folios;
        if there.get() < used && room > all {
            self.read_text(pid);
        } else if there < TWO_WINDOWS && room > TWO_WINDOWS {
            let how = FileAccess::Mmap;
            self.run(pid, MemOp::ReadFile { file: self.text, from: Pages::ZERO, pages: TWO_WINDOWS, how });
        } else if TWO_WINDOWS < there && there.get() < used && reads_windows {
            let (pages, how) = (there + WINDOW, FileAccess::Mmap);
            self.run(pid, MemOp::ReadFile { file: self.text, from: Pages::ZERO, pages, how });
        }
    }
}

/// Pages of the program's text, and those in use.
pub fn text(sim: &Sim) -> (Pages, u64) {
    if sim.kernel.profile().file_folios { TEXT_AT_ONCE } else { TEXT }
}
