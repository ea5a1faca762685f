//! Program text in a full cgroup. The OOM killer runs only after 16 reclaims in a row that free nothing, and text
//! that a process reads back always leaves something to free: it pushes out what it needs next, again and again. Up
//! to 6.12 such a process stays at the limit for good; from 6.18 on it is killed with some of its text left
//! (recordings stall, race).

use super::api::Until;
use super::cgroup::{Charge, PageKind, Stop};
use super::generations::BATCH;
use super::profile::Lru;
use super::volume::Volume;
use super::{Errno, FileAccess, Kernel};
use crate::units::{CgroupId, Pages, Pid, SimDuration, SimTime, VolumeId};

/// Text that a process needs again after every `every` new pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HotText {
    /// The file that it is in; it counts where its pages are charged.
    pub file: VolumeId,
    /// How many pages of it are needed.
    pub pages: Pages,
    /// After how many new pages.
    pub every: Pages,
}

/// A process that only pushes out what it needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thrashing {
    pub domain: CgroupId,
    pub pid: Pid,
    since: SimTime,
}

/// A loop that needs no other text for longer than this dies at once: reclaim finds nothing 16 times between two reads
/// (recordings race: 200 pages never hang). Up to 6.12 a loop of more than a window uses up all text, and what comes
/// of it is up to the room that is left where it ends: it hangs between half a window and two.
const SOON: Pages = Pages::new(128);
/// What one read brings back: the readahead window of 128 KiB.
const WINDOW: Pages = Pages::new(32);
/// What there is of hot text as long as anything else can go: it lies in two places at least, the program's and its
/// library's, and each is read by windows (recordings high: 0 to 117 pages, 48 in the middle).
const TWO_WINDOWS: Pages = Pages::new(64);
/// Generations that have gone when MGLRU ages between two uses of text; the first time it ages twice at once.
const SEEN: u8 = 2;
/// Reclaims that free nothing before the OOM killer runs (mm/memcontrol.c MAX_RECLAIM_RETRIES).
const TRIES: u64 = 16;
/// What each of them takes when text comes back in between (recordings stall of 6.18 and 7.3: 0.1 to 4 s from the last
/// page to the kill, 0.96 in the middle).
const TRY_MILLIS: u64 = 60;
/// Pages of text that a thrashing process reads back in a second (recordings stall of 7.3: 2.5 to 13 thousand).
const READ_BACK_PER_SECOND: u64 = 2500;

impl Kernel {
    /// Says what text a process needs again and again; `None`: no more than it has touched already.
    pub fn set_hot_text(&mut self, pid: Pid, hot: Option<HotText>) {
        if let Some(process) = self.procs.get_mut(&pid) {
            process.rare_mut().hot = hot;
        }
    }

    /// Reads text in from the file's beginning; it stays locked until all of it is there.
    pub(super) fn fault_text(
        &mut self,
        now: SimTime,
        pid: Pid,
        file: VolumeId,
        pages: Pages,
    ) -> Result<(Pages, Option<Stop>), Errno> {
        self.being_read = Some(file);
        let read = self.access_file(now, pid, file, (Pages::ZERO, pages), FileAccess::Mmap);
        self.being_read = None;
        read
    }

    /// The process needs text again before long.
    pub(super) fn reads_back(&self, pid: Pid) -> bool {
        self.hot(pid).is_some_and(|hot| hot.every <= SOON)
    }

    /// What text a process needs again and again.
    pub fn hot_text(&self, pid: Pid) -> Option<HotText> {
        self.hot(pid)
    }

    pub(super) fn hot(&self, pid: Pid) -> Option<HotText> {
        self.procs.get(&pid)?.rare().hot
    }

    /// Text that reclaim finds in use as long as anything else can go. With MGLRU up to 6.13 what a process needs less
    /// often than once in a generation goes with the anonymous pages that came with it, for good, as soon as the kernel
    /// ages between two uses (recordings swap and kmem of 6.12: 33 to 39 of 212 pages stay).
    ///
    /// Where little else is left a generation does not outlive two uses: all text goes, and comes back, as at first
    /// (kmem_3240_5: 225 and 250 pages in the steps that left 182 and 150 anonymous ones).
    ///
    /// A process in a loop that needs no other text, of which nothing is `kept` for it, keeps what the loop is in; the
    /// classic LRU takes the rest.
    pub(super) fn text_in_use(&self, top: CgroupId, hot: HotText, kept: Pages) -> Pages {
        if kept.is_zero() && self.lru() == Lru::Classic {
            return WINDOW.min(hot.pages);
        }
        let all = hot.pages.max(TWO_WINDOWS);
        if hot.every <= self.cgroups[top.index()].usage {
            return all;
        }
        let is_aged = |group: CgroupId| {
            let rare = self.cgroups[group.index()].rare();
            let has_gone = rare.oldest_anon.1 >= SEEN && rare.cache.iter().any(|c| c.file == hot.file);
            has_gone && self.swappable_here(group) >= all * 2
        };
        if !self.spares_mapped_once() && self.subtree(top).any(is_aged) { TWO_WINDOWS } else { all }
    }

    /// Pages charged below `domain` that reclaim takes from a process only to see them read back.
    pub(super) fn kept_text(&self, pid: Pid, domain: CgroupId) -> Pages {
        let Some(hot) = self.hot(pid) else { return Pages::ZERO };
        let profile = &self.config.profile;
        let keep = match profile.hang_hot_pages {
            0 if hot.every <= SOON => Pages::new(u64::from(profile.text_left_pages)),
            least if hot.every <= WINDOW && hot.pages.get() >= u64::from(least) => WINDOW,
            _ => return Pages::ZERO,
        };
        keep.min(hot.pages).min(self.cached_below(domain, hot.file))
    }

    /// The node has no memory left, and its own programs read back text all the time: reclaim always frees some of it,
    /// and the OOM killer is not called (mm/page_alloc.c should_reclaim_retry: progress begins the 16 tries anew).
    pub(super) fn node_thrashes(&self) -> bool {
        let least = u64::from(self.config.profile.hang_hot_pages);
        least > 0 && self.config.system_text.to_pages_floor().get() >= least
    }

    fn cached_below(&self, domain: CgroupId, file: VolumeId) -> Pages {
        let groups = self.subtree(domain).map(|g| &self.cgroups[g.index()]);
        groups.flat_map(|g| &g.rare().cache).filter(|c| c.file == file).map(|c| c.inactive + c.active).sum()
    }

    /// Nothing but text that is needed next could be freed. One process alone hangs, up to 6.12; when two compete, one
    /// takes what the other has freed, and the tries are used up. Later kernels kill, after the time that the
    /// rounds take in which the text is given up.
    pub(super) fn thrash(&mut self, now: SimTime, charge: &Charge, domain: CgroupId) -> Option<Stop> {
        let alone = self.thrashing.iter().all(|t| t.domain != domain || t.pid == charge.by);
        let since = match self.thrashing.iter().find(|t| t.domain == domain && t.pid == charge.by) {
            Some(known) => known.since,
            None => {
                self.thrashing.push(Thrashing { domain, pid: charge.by, since: now });
                now
            }
        };
        let rest = match self.hot(charge.by).filter(|_| self.config.profile.hang_hot_pages == 0) {
            Some(hot) => rounds(hot).saturating_sub(now.since(since)),
            None if alone => return Some(self.wait(Until::Thrashing(None))),
            None => SimDuration::ZERO,
        };
        if rest > SimDuration::ZERO {
            return Some(self.wait(Until::Thrashing(Some(rest))));
        }
        self.thrashing.retain(|t| t.domain != domain);
        let stop = self.out_of_memory(now, charge, Some(domain));
        // A shorter loop needs all of its text again at once, and that is what is left.
        if let (Some(Stop::Dying), Some(hot)) = (stop, self.hot(charge.by).filter(|hot| hot.every >= WINDOW)) {
            let others = self.processes_below(domain);
            let competing = others.iter().any(|pid| self.procs[pid].is_running() && self.reads_back(*pid));
            if let Some(left) = self.draw_text_left(charge.cgroup, competing) {
                self.leave_text(charge, hot.file, left);
            }
        }
        stop
    }

    /// From 6.18 on, where swap is full, the text of the loop that a process is in has gone with all other, and it is
    /// killed over reading that back, not over a page of its own (recordings swap_3060_3 and psi_3070_1 of 6.18 and
    /// 7.3: 1, 29 and 129 pages of text in the reports of three kills, two of which came while text was being read).
    pub(super) fn leave_text_at_full_swap(&mut self, charge: &Charge, stop: Option<Stop>) {
        let profile = &self.config.profile;
        let kills = profile.hang_hot_pages == 0 && profile.lru == Lru::Mglru && stop == Some(Stop::Dying);
        let Some(hot) = self.hot(charge.by).filter(|hot| kills && hot.every > SOON) else { return };
        let used = self.cgroups[charge.cgroup.index()].total.swap;
        if !used.is_zero()
            && self.swap_room(charge.cgroup) < BATCH
            && let Some(left) = self.draw_text_left(charge.cgroup, false)
        {
            self.leave_text(charge, hot.file, left);
        }
    }

    /// From 6.14 on text that stayed when memory first ran short is as old as the anonymous pages that came with it.
    /// When these have gone, a batch of it that the process does not use may go as well (recordings swap_3060_0 and _3
    /// of 7.3, zram: 75 of 192 pages with one generation, none with two others).
    pub(super) fn lose_old_text(&mut self, top: CgroupId, hot: HotText) {
        if !self.spares_mapped_once() || hot.every <= self.cgroups[top.index()].usage {
            return;
        }
        let has_ended = |g: &CgroupId| {
            let (left, gone) = self.cgroups[g.index()].rare().oldest_anon;
            left.is_zero() && gone > 0
        };
        let Some(group) = self.subtree(top).find(has_ended) else { return };
        let next = self.swappable_here(group).max(Pages::new(1));
        self.cgroups[group.index()].rare_mut().oldest_anon.0 = next;
        if self.draw_old_text_goes(group) {
            self.spared = Some((hot.file, self.cached_below(top, hot.file).saturating_sub(BATCH)));
            self.drop_file(group, BATCH);
            self.spared = None;
        }
    }

    /// A process is being killed over text that it reads back: this much of it is there. What its fault has brought in
    /// lies where memory of its own would, which goes with it.
    fn leave_text(&mut self, charge: &Charge, file: VolumeId, left: Pages) {
        let chunks = self.cgroups[charge.cgroup.index()].rare().cache.iter().filter(|c| c.file == file);
        let there: Pages = chunks.map(|c| c.inactive + c.active).sum();
        if left < there {
            self.drop_file(charge.cgroup, there - left);
            return;
        }
        let Some(Volume::File { size, cached, .. }) = self.volumes.get(file.index()) else { return };
        let missing = (*size - *cached).min(left - there);
        let Some(process) = self.procs.get_mut(&charge.by) else { return };
        let more = missing.min(process.anon_own.saturating_sub(process.rare().mlocked));
        process.anon_own -= more;
        self.convert(charge.cgroup, PageKind::Anon, PageKind::InactiveFile, more);
        self.book_file(charge, file, false, FileAccess::Read, more);
    }
}

/// How long it takes until all hot text is given up: one round per `every` new pages, each of which reads all of it. It
/// takes no less than the kernel's tries.
fn rounds(hot: HotText) -> SimDuration {
    let reads = hot.pages.get().saturating_mul(hot.pages.get()) / hot.every.get().max(1);
    SimDuration::from_millis((reads.saturating_mul(1000) / READ_BACK_PER_SECOND).max(TRIES * TRY_MILLIS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::StreamFactory;
    use crate::kernel::{Footprint, KernelConfig, MemOp, MemOutcome, Profile, SpawnSpec, SwapDevice};
    use crate::node_api::CgroupWrite;
    use crate::units::Bytes;

    const T: SimTime = SimTime::ZERO;

    /// A program of 229 pages on 6.18, 150 of them needed again after every so many new ones, grows into a limit of
    /// 6191 pages. What it had yet to touch when it was killed, and the text that was left when it was gone.
    fn killed_over_text(seed: u64, every: u64) -> (Pages, u64) {
        let profile = Profile::named("6.18").unwrap();
        let mut k = Kernel::new(KernelConfig { profile, ..KernelConfig::new(Bytes::mib(768)) });
        k.draw_from(&StreamFactory::new(seed));
        let group = k.mkdir_all("/c");
        let max = Some(Pages::new(6191).bytes());
        k.write(T, group, &CgroupWrite { max, ..CgroupWrite::default() }).unwrap();
        let pid = k.spawn(T, &SpawnSpec::new("g", group)).unwrap();
        let pages = Pages::new(229);
        let file = k.create_file(pages.bytes());
        let text = MemOp::ReadFile { file, from: Pages::ZERO, pages, how: FileAccess::Mmap };
        assert_eq!(k.apply(T, pid, text), MemOutcome::Done);
        k.set_hot_text(pid, Some(HotText { file, pages: Pages::new(150), every: Pages::new(every) }));
        let (mut now, mut left) = (T, Pages::new(10_000));
        while let MemOutcome::Wait { remaining, until: Until::Thrashing(Some(wait)) } =
            k.apply(now, pid, MemOp::Touch { pages: left })
        {
            (now, left) = (now.saturating_add(wait), remaining);
        }
        k.audit().unwrap();
        k.finish_exit(now, pid);
        k.audit().unwrap();
        assert_eq!(k.stat(group).file, k.volume_pages(file).0.bytes());
        (left, k.volume_pages(file).0.get())
    }

    /// Recordings race of 6.18 and 7.3: 2 to 130 pages after kills at the same limit.
    #[test]
    fn text_that_a_kill_leaves_is_up_to_chance_and_the_kill_is_not() {
        let all: Vec<(Pages, u64)> = (0..16).map(|seed| killed_over_text(seed, 64)).collect();
        assert!(all.iter().all(|(touched, _)| *touched == all[0].0), "{all:?}");
        assert!(all.iter().any(|(_, text)| *text < 74) && all.iter().any(|(_, text)| *text > 74), "{all:?}");
        assert!(all.iter().all(|(_, text)| *text < 148), "{all:?}");
    }

    /// Recordings stall of 6.18 and 7.3: 29 and 33 pages after loops over 16 pages, 25 and 74 over 64, 148 over 256.
    #[test]
    fn a_short_loop_leaves_what_it_needs() {
        let all: Vec<(Pages, u64)> = (0..16).map(|seed| killed_over_text(seed, 8)).collect();
        assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
    }

    /// The recorded program below a limit of this many pages, on 6.12, with its text and as much swap as it needs.
    fn program(limit: u64, swap_device: SwapDevice) -> (Kernel, Pid, VolumeId) {
        program_on("6.12", 0, limit, swap_device)
    }

    fn program_on(version: &str, seed: u64, limit: u64, swap_device: SwapDevice) -> (Kernel, Pid, VolumeId) {
        let profile = Profile::named(version).unwrap();
        let swap_total = Bytes::mib(256);
        let mut k =
            Kernel::new(KernelConfig { profile, swap_total, swap_device, ..KernelConfig::new(Bytes::mib(768)) });
        k.draw_from(&StreamFactory::new(seed));
        let group = k.mkdir_all("/s");
        let max = Some(Pages::new(limit).bytes());
        k.write(T, group, &CgroupWrite { max, ..CgroupWrite::default() }).unwrap();
        let footprint = Footprint { file: Pages::ZERO, anon: Pages::new(28), ..Footprint::default() };
        let pid = k.spawn(T, &SpawnSpec { footprint, ..SpawnSpec::new("e", group) }).unwrap();
        let (file, pages) = (k.create_file(Bytes::mib(1)), Pages::new(212));
        let text = MemOp::ReadFile { file, from: Pages::ZERO, pages, how: FileAccess::Mmap };
        assert_eq!(k.apply(T, pid, text), MemOutcome::Done);
        k.set_hot_text(pid, Some(HotText { file, pages: Pages::new(150), every: Pages::MAX }));
        (k, pid, file)
    }

    /// Text after each of these many steps, which need `pages` new pages each.
    fn text_after(program: (Kernel, Pid, VolumeId), pages: u64, steps: [usize; 2]) -> [u64; 2] {
        let (mut k, pid, file) = program;
        let after: Vec<u64> = (0..steps[1])
            .map(|_| {
                assert_eq!(k.apply(T, pid, MemOp::Touch { pages: Pages::new(pages) }), MemOutcome::Done);
                k.volume_pages(file).0.get()
            })
            .collect();
        steps.map(|step| after[step - 1])
    }

    fn as_recorded(got: [u64; 2], recorded: [u64; 2]) {
        assert!(got.iter().zip(recorded).all(|(got, recorded)| got.abs_diff(recorded) <= 64), "{got:?} {recorded:?}");
    }

    /// Recording `swap_3060_0_anon` of 6.12.117, zram: about 3600 pages are in memory, and the text goes with the
    /// second as many that are swapped out, after 7178 pages.
    #[test]
    fn with_zram_unused_text_goes_with_the_second_generation() {
        as_recorded(text_after(program(3797, SwapDevice::Zram), 711, [15, 16]), [181, 34]);
    }

    /// Recording `kmem_3240_5_pipes_grow` of 6.12.117, a swap disk: with the first 2800 to 3100 pages that are swapped
    /// out, of 4800 less those of its pipes.
    #[test]
    fn with_a_disk_unused_text_goes_with_the_first_generation() {
        let (mut k, pid, file) = program(5050, SwapDevice::Disk);
        k.apply(T, pid, MemOp::Touch { pages: Pages::new(400) });
        let mut step = || {
            for op in [MemOp::HoldKernel { pages: Pages::new(332) }, MemOp::Touch { pages: Pages::new(420) }] {
                assert_eq!(k.apply(T, pid, op), MemOutcome::Done);
            }
            k.volume_pages(file).0.get()
        };
        let after: Vec<u64> = (0..10).map(|_| step()).collect();
        as_recorded([after[8], after[9]], [184, 39]);
    }

    /// Recording `swap_3060_3_tmpfs` of 6.12.117, zram: 2883 pages of a tmpfs are the oldest generation.
    #[test]
    fn unused_text_goes_with_what_was_written_to_a_tmpfs() {
        let (mut k, pid, file) = program(6021, SwapDevice::Zram);
        let volume = k.create_tmpfs(None);
        k.apply(T, pid, MemOp::WriteTmpfs { volume, pages: Pages::new(2883) });
        as_recorded(text_after((k, pid, file), 752, [7, 8]), [212, 33]);
    }

    /// Recording `kmem_3240_5_pipes_grow` of 6.12.117: 141 and 192 pages are there after the steps that leave 182 and
    /// 150 anonymous ones, and 35 to 39 where these were 928 and more.
    #[test]
    fn text_is_in_use_again_where_next_to_nothing_else_is_left() {
        let (mut k, pid, file) = program(3797, SwapDevice::Zram);
        let group = k.find("/s").unwrap();
        let hot = k.hot(pid).unwrap();
        while k.cgroups[group.index()].rare().oldest_anon.1 < SEEN {
            assert_eq!(k.apply(T, pid, MemOp::Touch { pages: Pages::new(711) }), MemOutcome::Done);
        }
        assert_eq!(k.text_in_use(group, hot, Pages::ZERO), TWO_WINDOWS);
        let others = k.swappable_here(group);
        k.swap_out_here(group, others - Pages::new(182));
        assert_eq!(k.text_in_use(group, hot, Pages::ZERO), hot.pages);
        assert!(k.volume_pages(file).0 >= Pages::new(33));
    }

    /// Recordings `swap_3060_3_tmpfs` and `psi_3070_1_two` of 6.18.15 and 7.3.4: 1, 30 and 130 pages after kills with
    /// full swap; `swap_3060_4_again` and `_6_zero` of 7.3.4: 1 page after kills without.
    #[test]
    fn a_kill_with_full_swap_leaves_text() {
        let left = |seed, swap_max: u64| {
            let (mut k, pid, file) = program_on("7.3", seed, 3797, SwapDevice::Zram);
            let group = k.find("/s").unwrap();
            let swap_max = Some(Pages::new(swap_max).bytes());
            k.write(T, group, &CgroupWrite { swap_max, ..CgroupWrite::default() }).unwrap();
            assert_eq!(k.apply(T, pid, MemOp::Touch { pages: Pages::new(6000) }), MemOutcome::Dying);
            k.finish_exit(T, pid);
            k.audit().unwrap();
            k.volume_pages(file).0.get()
        };
        let all: Vec<u64> = (0..16).map(|seed| left(seed, 1000)).collect();
        assert!(all.iter().any(|text| *text < 74) && all.iter().any(|text| *text > 74), "{all:?}");
        assert!(all.iter().all(|text| *text < 148), "{all:?}");
        assert!((0..16).all(|seed| left(seed, 0) <= 1));
    }

    /// Recordings `swap_3060_0_anon` and `_3_tmpfs` of 7.3.4: 192 pages are there until 3577 pages have been swapped
    /// out, then 117 in one of three cases.
    #[test]
    fn from_6_14_on_a_batch_of_text_may_go_with_a_generation() {
        let after = |seed| text_after(program_on("7.3", seed, 3797, SwapDevice::Zram), 711, [9, 11]);
        let all: Vec<[u64; 2]> = (0..30).map(after).collect();
        assert!(all.iter().all(|[before, _]| *before >= 150), "{all:?}");
        let went = all.iter().filter(|[before, then]| *then + BATCH.get() == *before).count();
        assert!((5..16).contains(&went) && all.iter().all(|[_, then]| *then >= 86), "{all:?}");
    }

    /// Recordings `swap_3060_0_anon` of 5.10.262 and 6.1.176: the first three calls look at all anonymous memory, and
    /// 72 and 69 pages of it go beside 85 and 87 of text.
    #[test]
    fn the_classic_lru_swaps_as_soon_as_text_does_not_suffice() {
        for version in ["5.10", "6.1"] {
            let (mut k, pid, file) = program_on(version, 0, 3797, SwapDevice::Zram);
            let text = MemOp::ReadFile { file, from: Pages::ZERO, pages: Pages::new(183), how: FileAccess::Mmap };
            assert_eq!(k.apply(T, pid, text), MemOutcome::Done);
            assert_eq!(k.apply(T, pid, MemOp::Touch { pages: Pages::new(5 * 711) }), MemOutcome::Done);
            let swapped = k.stat(k.find("/s").unwrap()).swap.to_pages_floor().get();
            assert!((1..=133).contains(&swapped), "{swapped}");
            let gone = 212 - k.volume_pages(file).0.get();
            assert!((23..=149).contains(&gone), "{gone}");
        }
    }
}
