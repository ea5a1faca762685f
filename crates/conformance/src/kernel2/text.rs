//! The text of the recorded program: what is read of it, when, and what comes of it in a full cgroup.

use super::machine::{Machine, OpEnd};
use crate::kernel::Sim;
use oomsim_core::kernel::{FileAccess, MemOp};
use oomsim_core::units::{Pages, Pid};

/// Text pages of the recorded program, and those of them that it keeps in use: 99 to 205 are left where others are
/// swapped out.
const TEXT: (Pages, u64) = (Pages::new(212), 150);
/// The same where one fault reads all of it ahead: what is mapped (`file_mapped` 191) stays.
const TEXT_AT_ONCE: (Pages, u64) = (Pages::new(229), 193);
/// Pages of it up to the one that it needs after each step: with 147 read it was killed.
const BEFORE_IN_TEXT: Pages = Pages::new(148);
/// What one fault reads where the window is 128 KiB.
const WINDOW: Pages = Pages::new(32);
/// Text that it needs to go on with what it does: two windows.
const LOOP: Pages = Pages::new(64);

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
        let Some(cgroup) = self.sim.kernel.process(pid).map(|p| p.cgroup) else { return OpEnd::Dead };
        let (profile, there) = (self.sim.kernel.profile(), self.sim.kernel.volume_pages(self.text).0);
        let room = there + self.sim.kernel.headroom(cgroup);
        let pages = if profile.file_folios { BEFORE_IN_TEXT } else { WINDOW };
        let end = if profile.hang_hot_pages > 0 && (WINDOW..LOOP).contains(&room) {
            self.take_turns(pid)
        } else if there < pages {
            self.run(pid, MemOp::FaultText { file: self.text, pages })
        } else {
            OpEnd::Done
        };
        if end == OpEnd::Done {
            self.read_back(pid);
        }
        end
    }

    /// What it says that with and its loop lie in two windows. Where there is room for one only, each gives way to the
    /// other, and reclaim never finds nothing: up to 6.12 it hangs (`swap_3060_3_tmpfs` of 5.10 and 6.1 and
    /// `fork_3100_1_group` of 6.12, with 32, 37 and 45 pages: 528 to 2138 windows read in 10 to 12 s). With less room
    /// all that there is belongs to the window that is being read, and is locked (`swap_3060_3_tmpfs` of 6.12: killed
    /// with 30).
    fn take_turns(&mut self, pid: Pid) -> OpEnd {
        self.set_hot(pid, self.text, LOOP.get(), 1);
        let how = FileAccess::Mmap;
        let end = self.run(pid, MemOp::ReadFile { file: self.text, from: Pages::ZERO, pages: LOOP, how });
        self.set_hot(pid, self.text, text(&self.sim).1, u64::MAX / 2);
        end
    }

    /// Reads back what a process needs of its text, where there is room for that.
    pub fn read_back(&mut self, pid: Pid) {
        let Some(cgroup) = self.sim.kernel.process(pid).map(|p| p.cgroup) else { return };
        let (all, used) = text(&self.sim);
        let there = self.sim.kernel.volume_pages(self.text).0;
        let room = self.sim.kernel.headroom(cgroup);
        if there.get() < used && room > all {
            self.read_text(pid);
        } else if there < LOOP && room > LOOP {
            let how = FileAccess::Mmap;
            self.run(pid, MemOp::ReadFile { file: self.text, from: Pages::ZERO, pages: LOOP, how });
        }
    }
}

/// Pages of the program's text, and those in use.
pub fn text(sim: &Sim) -> (Pages, u64) {
    if sim.kernel.profile().file_folios { TEXT_AT_ONCE } else { TEXT }
}
