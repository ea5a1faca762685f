//! The order in which the processes of a cgroup had their pages, which go to swap in that order (mm/swap.c
//! folio_add_lru: new pages come to the end of the list that reclaim takes from at its beginning; recordings node_3230
//! of 6.12 and 7.3: of seven pairs of processes the first has 1984 to 10,400 pages in swap, the other 0 to 14).

use super::Kernel;
use super::profile::Lru;
use super::reclaim::{Amounts, shares};
use crate::units::{Bytes, CgroupId, Pages, Pid};
use smallvec::SmallVec;

/// Turns that are told apart; where processes take more, two that follow each other count as one.
const MOST: usize = 64;

/// Which processes had how many of a cgroup's anonymous pages in memory, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    /// Whose turn it is.
    now: Option<Pid>,
    /// The turns that are over, oldest first.
    over: Vec<SmallVec<[(Pid, Pages); 2]>>,
}

impl Turns {
    pub const NONE: Turns = Turns { now: None, over: Vec::new() };

    /// Pages of a process in turns that are over.
    fn of(&self, pid: Pid) -> Pages {
        self.over.iter().flatten().filter(|(p, _)| *p == pid).map(|(_, pages)| *pages).sum()
    }

    /// A process has so many pages in all: what is new is a turn of its own, and what is gone were its last ones.
    fn settle(&mut self, pid: Pid, has: Pages) {
        let known = self.of(pid);
        if has > known {
            self.over.push(SmallVec::from_slice(&[(pid, has - known)]));
        }
        let mut gone = known.saturating_sub(has);
        for (_, pages) in self.over.iter_mut().flatten().rev().filter(|(p, _)| *p == pid) {
            let less = gone.min(*pages);
            *pages -= less;
            gone -= less;
        }
        if self.over.len() > MOST {
            self.join();
        }
    }

    /// Forgets turns of which nothing is left, and makes one of each two that follow each other.
    fn join(&mut self) {
        self.over.iter_mut().for_each(|turn| turn.retain(|(_, pages)| !pages.is_zero()));
        self.over.retain(|turn| !turn.is_empty());
        let join = |pair: &[SmallVec<[(Pid, Pages); 2]>]| {
            let mut joined: SmallVec<[(Pid, Pages); 2]> = SmallVec::new();
            for (pid, pages) in pair.iter().flatten() {
                match joined.iter_mut().find(|(p, _)| p == pid) {
                    Some((_, sum)) => *sum += *pages,
                    None => joined.push((*pid, *pages)),
                }
            }
            joined
        };
        self.over = self.over.chunks(2).map(join).collect();
    }

    /// Takes pages of the oldest turns, of each process at most what is `left` of it. Where several had a turn
    /// together, each gives its share.
    fn take(&mut self, pages: Pages, left: &mut Amounts<Pid>) -> Amounts<Pid> {
        let mut taken = Amounts::new();
        let mut wanted = pages;
        for turn in &mut self.over {
            let open = |(pid, pages): &(Pid, Pages)| {
                let has = left.iter().find(|(p, _)| p == pid).map_or(Pages::ZERO, |(_, has)| *has);
                (*pid, has.min(*pages))
            };
            let open: Amounts<Pid> = turn.iter().map(open).collect();
            for (pid, part) in shares(&open, wanted) {
                taken.push((pid, part));
                wanted -= part;
                let places = turn.iter_mut().chain(left.iter_mut());
                places.filter(|(p, _)| *p == pid).for_each(|(_, pages)| *pages -= part);
            }
            if wanted.is_zero() {
                break;
            }
        }
        self.over.retain(|turn| turn.iter().any(|(_, pages)| !pages.is_zero()));
        taken
    }
}

impl Kernel {
    /// A process may have new pages from now on. Of interest only where there is swap, and with MGLRU: of the classic
    /// LRU there is no recording.
    pub(super) fn note_turn(&mut self, pid: Pid) {
        if self.config.swap_total > Bytes::ZERO && self.lru() == Lru::Mglru {
            self.begin_turn(pid);
        }
    }

    fn begin_turn(&mut self, pid: Pid) {
        let Some(cgroup) = self.procs.get(&pid).map(|p| p.cgroup) else { return };
        if self.cgroups[cgroup.index()].rare().turns.now == Some(pid) {
            return;
        }
        let before = self.cgroups[cgroup.index()].rare_mut().turns.now.replace(pid);
        if let Some(before) = before {
            let has = self.procs.get(&before).map_or(Pages::ZERO, |p| p.anon_own);
            self.cgroups[cgroup.index()].rare_mut().turns.settle(before, has);
        }
    }

    /// Moves anonymous pages of a cgroup's processes to swap, with MGLRU oldest first, otherwise in proportion. Returns
    /// how many.
    pub(super) fn swap_out_processes(&mut self, cg: CgroupId, take: Pages) -> Pages {
        let mut left = self.swappable_processes(cg);
        let taken = match left.len() {
            _ if self.lru() == Lru::Classic => shares(&left, take),
            1 => shares(&left, take),
            _ => {
                for pid in self.cgroups[cg.index()].tasks.clone() {
                    let has = self.procs.get(&pid).map_or(Pages::ZERO, |p| p.anon_own);
                    self.cgroups[cg.index()].rare_mut().turns.settle(pid, has);
                }
                self.cgroups[cg.index()].rare_mut().turns.take(take, &mut left)
            }
        };
        let mut done = Pages::ZERO;
        for (pid, pages) in taken {
            self.swap_out_process(pid, pages);
            done += pages;
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{KernelConfig, MemOp, MemOutcome, SpawnSpec};
    use crate::node_api::Signo;
    use crate::units::SimTime;

    const T: SimTime = SimTime::ZERO;

    fn pages<const N: usize>(k: &Kernel, of: [Pid; N]) -> [u64; N] {
        of.map(|pid| k.process(pid).map_or(0, |p| p.swapents().get()))
    }

    /// A cgroup with two processes, which have 13 pages of stack each.
    fn two() -> (Kernel, CgroupId, [Pid; 2]) {
        let config = KernelConfig { swap_total: Bytes::gib(1), ..KernelConfig::new(Bytes::gib(1)) };
        let mut k = Kernel::new(config);
        let cg = k.mkdir_all("/pod0");
        let pids = ["p0_0", "p0_1"].map(|name| k.spawn(T, &SpawnSpec::new(name, cg)).unwrap());
        (k, cg, pids)
    }

    fn touch(k: &mut Kernel, pid: Pid, pages: u64) {
        assert_eq!(k.apply(T, pid, MemOp::Touch { pages: Pages::new(pages) }), MemOutcome::Done);
    }

    /// Report of node_3230_0_group on 7.3.4: of p0_0, which touched 11,768 pages, 6348 are in swap, and 13 of p0_1,
    /// which touched 18,039 after it.
    #[test]
    fn what_was_touched_first_goes_first() {
        let (mut k, cg, [first, second]) = two();
        touch(&mut k, first, 11_768);
        touch(&mut k, second, 18_039);
        k.swap_out_here(cg, Pages::new(6361));
        assert_eq!(pages(&k, [first, second]), [6348, 13]);
        touch(&mut k, first, 1000);
        k.swap_out_here(cg, Pages::new(5433 + 18_039));
        assert_eq!(pages(&k, [first, second]), [13 + 11_768, 13 + 18_039]);
    }

    /// Two that grow side by side lose the same.
    #[test]
    fn what_was_touched_in_turns_goes_in_turns() {
        let (mut k, cg, [first, second]) = two();
        for _ in 0..1000 {
            touch(&mut k, first, 8);
            touch(&mut k, second, 8);
        }
        k.swap_out_here(cg, Pages::new(8000));
        let [a, b] = pages(&k, [first, second]);
        assert!(a.abs_diff(b) < 400 && a + b == 8000, "{a} {b}");
    }

    /// A process that is gone has no pages to give, nor one that has given them back.
    #[test]
    fn pages_that_are_gone_are_not_taken() {
        let (mut k, cg, [first, second]) = two();
        touch(&mut k, first, 1000);
        touch(&mut k, second, 1000);
        k.kill(T, first, Signo::Kill);
        k.finish_exit(T, first);
        k.swap_out_here(cg, Pages::new(500));
        assert_eq!(pages(&k, [second]), [500]);
    }
}
