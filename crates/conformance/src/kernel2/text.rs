//! The text of the recorded program: what is read of it, when, and what comes of it in a full cgroup.

use super::machine::{Machine, OpEnd};
use super::row::Step;
use crate::kernel::Sim;
use oomsim_core::engine::{StreamFactory, StreamName};
use oomsim_core::kernel::{FileAccess, Lru, Mapping, MemOp, SwapDevice};
use oomsim_core::units::{Bytes, Pages, Pid, VolumeId};

/// Text pages of the recorded program, and those of them that it keeps in use: 99 to 205 are left where others are
/// swapped out.
const TEXT: (Pages, u64) = (Pages::new(212), 150);
/// The same where one fault reads all of it ahead: what is mapped (`file_mapped` 191) stays.
const TEXT_AT_ONCE: (Pages, u64) = (Pages::new(229), 193);
/// Pages of it that are mapped (`file_mapped` 182 and 183 of 212 to 221 in three recordings of 6.1 and 6.12); the
/// others were read ahead.
const MAPPED: Pages = Pages::new(183);
/// Most faults in which the text comes back that a process needs to say that a step is done (`pgmajfault` of 3 to 6 in
/// such steps of swap_3060_0 on 6.1).
const MOST_FAULTS: usize = 6;
/// Pages of it up to the one that it needs after each step: with 147 read it was killed.
const BEFORE_IN_TEXT: Pages = Pages::new(148);
/// With as many left after others have gone it went on (recording swap_3060_0 of 7.3): these are not the oldest ones.
const GOES_ON: Pages = Pages::new(117);
/// What one fault reads where the window is 128 KiB, and that up to the page in its middle, which is needed
/// (mm/filemap.c do_sync_mmap_readahead).
pub const WINDOW: Pages = Pages::new(32);
const HALF_A_WINDOW: Pages = Pages::new(17);
/// Text that it needs to go on with what it does: two windows.
const TWO_WINDOWS: Pages = Pages::new(64);
/// MGLRU swaps nothing out where less swap is left (mm/vmscan.c get_swappiness).
const LEAST_SWAP: Pages = Pages::new(64);
/// Pages of its own text that a grower needs between two of its chunks.
const GROWER_TEXT: u64 = 12;
/// Pages of its stack and data that it needs as well: to end a step, and to begin the next one.
const STACK: [Pages; 2] = [Pages::new(7), Pages::new(3)];

impl Machine<'_> {
    /// Text that was pushed out is read back, and charged to the reader. Reclaim finds executable pages in use as soon
    /// as they were used once (mm/vmscan.c folio_check_references), as if they were mapped twice.
    pub fn read_text(&mut self, pid: Pid) {
        self.read_in_use(pid, text(&self.sim).1);
    }

    fn read_in_use(&mut self, pid: Pid, used: u64) {
        let all = text(&self.sim).0;
        let (profile, file, from) = (self.sim.kernel.profile(), self.text, Pages::ZERO);
        let pages = match profile.lru {
            Lru::Mglru if profile.file_folios => Pages::new(used),
            Lru::Mglru => all,
            Lru::Classic if self.sim.kernel.volume_pages(file).0.is_zero() => {
                self.run(pid, MemOp::ReadFile { file, from, pages: all, how: FileAccess::Read });
                MAPPED
            }
            Lru::Classic => MAPPED,
        };
        let op = MemOp::ReadFile { file, from, pages, how: FileAccess::Mmap };
        self.run(pid, op);
        self.run(pid, op);
    }

    /// A process that has done what it was asked needs text to say so. What a fault reads is locked until all of it is
    /// there: a window, or all that lies before the page where the window is longer than the text.
    pub fn go_on(&mut self, pid: Pid) -> OpEnd {
        let (pages, needed) =
            if self.sim.kernel.profile().file_folios { (BEFORE_IN_TEXT, GOES_ON) } else { (WINDOW, WINDOW) };
        self.swap_for_text(pid);
        let end = match self.take_turns(pid, self.text) {
            OpEnd::Done if self.sim.kernel.volume_pages(self.text).0 < needed => {
                self.leave_room(pid);
                self.run(pid, MemOp::FaultText { file: self.text, pages })
            }
            end => end,
        };
        if end == OpEnd::Done {
            self.read_back(pid);
            self.swap_in_stack(pid);
        }
        end
    }

    /// MGLRU up to 7.1 takes nothing for used when it first ages: with a process's oldest pages its stack goes to the
    /// swap disk, and comes back (recordings of 6.12 and 6.18 with a disk: 8 to 14 pages in 10 of 11 rows, mostly 7
    /// after the first step that swaps and 3 after the next).
    fn swap_in_stack(&mut self, pid: Pid) {
        let (kernel, times) = (&self.sim.kernel, self.swapped_in.entry(pid).or_default());
        let profile = kernel.profile();
        let goes = profile.lru == Lru::Mglru && !profile.reclaim_stops_at_goal;
        let Some(process) = kernel.process(pid).filter(|_| goes && kernel.swap_device() == SwapDevice::Disk) else {
            return;
        };
        let Some(pages) = STACK.get(*times).copied() else { return };
        if process.swapents() >= pages && kernel.headroom(process.cgroup) >= pages {
            *times += 1;
            self.run(pid, MemOp::SwapIn { pages });
        }
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
        let swaps = self.sim.kernel.profile().lru == Lru::Classic && self.sim.kernel.swap_room(cgroup) > used;
        // What comes back pushes out other text as long as that is not active; what came back is, at once
        // (mm/workingset.c workingset_refault).
        let mut pages = Pages::ZERO;
        for _ in 0..MOST_FAULTS {
            let there = self.sim.kernel.volume_pages(self.text).0;
            if !swaps || there >= used {
                return;
            }
            pages += used - there;
            for how in [FileAccess::Mmap, FileAccess::Read] {
                self.run(pid, MemOp::ReadFile { file: self.text, from: Pages::ZERO, pages, how });
            }
        }
    }

    /// Text that a grower needs between two chunks. One that `memory.high` holds is never killed, and reads text back
    /// and loses it again for as long as it is watched: from 6.18 on any number of pages up to the one that it needs is
    /// there (recording high_3140_5 of 7.3: 43 to 142 pages at 13 looks).
    pub fn grower_text(&mut self, step: &Step, pid: Pid) -> u64 {
        let held = self.row.limits_of(&step.who).all(|g| g.max.is_none());
        if held && self.sim.kernel.profile().file_folios {
            return self.draw("held", pid, BEFORE_IN_TEXT.get());
        }
        GROWER_TEXT
    }

    /// Where swap is full a step's last pages push out others to the end, some of which are in the swap cache still and
    /// come free later: how much room is left for text, if too little for what a fault needs, is up to chance.
    fn leave_room(&mut self, pid: Pid) {
        let kernel = &self.sim.kernel;
        let Some(cgroup) = kernel.process(pid).map(|p| p.cgroup) else { return };
        let room = kernel.volume_pages(self.text).0 + kernel.headroom(cgroup);
        let full = kernel.stat(cgroup).swap > Bytes::ZERO && kernel.swap_room(cgroup) < LEAST_SWAP;
        if kernel.profile().file_folios && full && room < BEFORE_IN_TEXT {
            let resident = Pages::new(self.draw("locked", pid, BEFORE_IN_TEXT.get())).saturating_sub(room);
            self.run(pid, MemOp::Unmap { size: resident.bytes(), mapping: Mapping::PRIVATE, resident });
        }
    }

    /// Text in use. Once a process has been killed, from 6.18 on, those that are left read all of it again or, in two
    /// of six cases, a part (recordings race and fork: 229 to 233 pages in four, 92 and 193).
    fn in_use(&mut self, pid: Pid) -> u64 {
        let (all, used) = text(&self.sim);
        let may_be_less = self.sim.kernel.profile().file_folios && !self.sim.dead.is_empty();
        if may_be_less && self.draw("less", pid, 6) < 2 {
            return TWO_WINDOWS.get() + self.draw("part", pid, (all - TWO_WINDOWS).get());
        }
        used
    }

    /// A number below `bound`, always the same one for a process.
    pub fn draw(&mut self, what: &str, pid: Pid, bound: u64) -> u64 {
        self.drawn = true;
        let name = StreamName::from("text/").then(what).then("/").number(pid.0);
        StreamFactory::new(self.variant.seed).stream(name).below(bound)
    }

    /// What went with a generation of anonymous pages is needed again in the next step, from 6.14 on (recording
    /// swap_3060_0 of 7.3: 226 of 230 pages).
    pub fn read_what_went(&mut self, pid: Pid) {
        let Some(cgroup) = self.sim.kernel.process(pid).map(|p| p.cgroup) else { return };
        let (kernel, (all, used)) = (&self.sim.kernel, text(&self.sim));
        let went = kernel.stat(cgroup).swap > Bytes::ZERO && kernel.volume_pages(self.text).0.get() < used;
        if kernel.profile().file_folios && went && kernel.swap_room(cgroup) > all {
            self.read_in_use(pid, used);
        }
    }

    /// Reads back what a process needs of its text, where there is room for that.
    pub fn read_back(&mut self, pid: Pid) {
        let Some(cgroup) = self.sim.kernel.process(pid).map(|p| p.cgroup) else { return };
        let (all, used) = (text(&self.sim).0, self.in_use(pid));
        let there = self.sim.kernel.volume_pages(self.text).0;
        let room = self.sim.kernel.headroom(cgroup);
        let profile = self.sim.kernel.profile();
        let reads_windows = profile.lru == Lru::Mglru && !profile.file_folios;
        let stat = self.sim.kernel.stat(cgroup);
        let few_others = reads_windows && stat.swap > Bytes::ZERO && stat.anon < Pages::new(used * 2).bytes();
        if there.get() < used && few_others {
            let (pages, how) = (Pages::new(used) - there, FileAccess::Mmap);
            self.run(pid, MemOp::ReadFile { file: self.text, from: Pages::ZERO, pages, how });
        } else if there.get() < used && room > all {
            self.read_in_use(pid, used);
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
