//! What is up to chance in the kernel: races between processors, how long the swap disk takes, what is on its way to
//! the lists, with which cgroup a walk of the whole node begins, how far background reclaim goes. Each is drawn from a
//! stream of its own name, and only where it makes a difference.

use super::Kernel;
use super::cgroup::VECTOR;
use super::generations::BATCH;
use super::reclaim::CLUSTER;
use crate::engine::{Stream, StreamFactory, StreamName};
use crate::units::{CgroupId, Pages, VolumeId};
use smallvec::SmallVec;

/// Lists over which MGLRU spreads the cgroups of a node (MEMCG_NR_BINS).
const BINS: u64 = 8;

/// The streams from which a kernel draws.
#[derive(Clone, Debug)]
pub(super) struct Draws {
    streams: StreamFactory,
    /// What a swap disk does, and where walks begin; made when it is first drawn from.
    disk: Option<Box<Stream>>,
    walks: Option<Box<Stream>>,
    /// How far background reclaim goes.
    beyond: Option<Box<Stream>>,
    /// Calls of reclaim until the swap disk stands still; `None`: not drawn yet.
    to_standstill: Option<u64>,
    /// Pages for which the swap disk still stands still after a call that ended before.
    standing: Option<Pages>,
    /// Requests of the classic LRU that are sent while the swap disk writes the first of the next call that sends any;
    /// `None`: not drawn yet.
    in_flight: Option<usize>,
    /// Anything was drawn.
    any: bool,
    /// Cgroups that were moved from list to list.
    moves: u64,
}

impl Draws {
    pub fn new(streams: StreamFactory) -> Draws {
        Draws {
            streams,
            disk: None,
            walks: None,
            beyond: None,
            to_standstill: None,
            standing: None,
            in_flight: None,
            any: false,
            moves: 0,
        }
    }

    fn disk(&mut self) -> &mut Stream {
        self.any = true;
        self.disk_stream()
    }

    fn disk_stream(&mut self) -> &mut Stream {
        self.disk.get_or_insert_with(|| Box::new(self.streams.stream("kernel/swap-disk")))
    }

    fn walks(&mut self) -> &mut Stream {
        self.any = true;
        self.walks.get_or_insert_with(|| Box::new(self.streams.stream("kernel/walks")))
    }

    pub fn beyond(&mut self) -> &mut Stream {
        self.any = true;
        self.beyond.get_or_insert_with(|| Box::new(self.streams.stream("kernel/background-reclaim")))
    }
}

impl Kernel {
    /// What is up to chance is drawn from these streams, by name.
    pub fn draw_from(&mut self, streams: &StreamFactory) {
        self.draws = Draws::new(streams.clone());
    }

    /// Something was up to chance so far: with another seed it may have come out differently.
    pub fn has_drawn(&self) -> bool {
        self.draws.any
    }

    /// A race between processors that goes the wrong way in this many of a hundred cases; never on one processor.
    pub(super) fn race(&mut self, what: &str, cg: CgroupId, percent: u32) -> bool {
        if self.config.cpus < 2 || percent == 0 {
            return false;
        }
        self.stream_of_kill(what, cg).below(100) < u64::from(percent)
    }

    /// A stream for a kill in a cgroup, by how many there were before.
    fn stream_of_kill(&mut self, what: &str, cg: CgroupId) -> Stream {
        self.draws.any = true;
        let nth = u32::try_from(self.events(cg).oom_kill).unwrap_or(u32::MAX);
        let name = StreamName::from("kernel/").then(what).then("/").then(&self.path(cg)).then("/").number(nth);
        self.draws.streams.stream(name)
    }

    /// Pages of text that a process of this cgroup leaves that was killed over reading it back: any number up to the
    /// page that it needs, as that depends on how much room reclaim had made when the fault began (recordings race and
    /// stall of 6.18 and 7.3: 2, 2, 76, 125 and 130 of 229 pages). Where others are `competing` for it they mostly
    /// have it: `None` (7 kills in race: 0 to 5 pages in six of them, 85 in one).
    pub(super) fn draw_text_left(&mut self, cg: CgroupId, competing: bool) -> Option<Pages> {
        const NEEDED: u64 = 148;
        let mut stream = self.stream_of_kill("text-left", cg);
        (!competing || stream.below(7) == 0).then(|| Pages::new(stream.below(NEEDED)))
    }

    /// Whether text goes with a generation of a cgroup's anonymous pages: with one of three (recordings swap_3060_0 and
    /// _3 of 7.3).
    pub(super) fn draw_old_text_goes(&mut self, cg: CgroupId) -> bool {
        self.draws.any = true;
        let generation = u32::from(self.cgroups[cg.index()].rare().oldest_anon.1);
        let name = StreamName::from("kernel/old-text/").then(&self.path(cg)).then("/").number(generation);
        self.draws.streams.stream(name).below(3) == 0
    }

    /// Batches that the processor sends off while the swap disk writes one, itself among them. Writing takes half as
    /// long as reading in the middle: three in ten are done when no other was sent since, and of the rest half with
    /// each that follows (recordings protect of 6.12.117: how many calls a sibling with cache gave way in, in 38 steps
    /// of 5 rows with 15 to 17 calls each; likeliest are 30, then 60, then 40 %).
    pub(super) fn draw_batches_in_flight(&mut self) -> usize {
        let draw = self.draws.disk().next_u64();
        let quarters = if draw % 10 < 3 { 1 } else { 2 + u64::from((draw >> 32 | 1 << 31).trailing_zeros()) };
        let batches = self.pages_in_flight(BATCH) * quarters / 4 / BATCH.get();
        usize::try_from(batches).unwrap_or(usize::MAX).max(1)
    }

    /// Requests for up to 32 pages that the next call of the classic LRU sends to the swap disk before the first is
    /// done: twice as many as the processor sends off while the disk reads one, and more, exponentially, one and a
    /// quarter times that on average (recordings protect of 5.10.262 and 6.1.176, 102 steps of 12 rows: a step writes
    /// 280 pages more or less than come free, and leaves 300 in the swap cache on average, 1043 at most).
    pub(super) fn requests_in_flight(&mut self) -> usize {
        if let Some(drawn) = self.draws.in_flight {
            return drawn;
        }
        let pages = self.pages_in_flight(Pages::new(CLUSTER));
        let pages = pages * 2 + self.draws.disk_stream().exponential_around(pages * 5 / 4);
        let drawn = usize::try_from(pages / CLUSTER).unwrap_or(usize::MAX).max(1);
        self.draws.in_flight = Some(drawn);
        drawn
    }

    /// A call of the classic LRU has sent something to the swap disk.
    pub(super) fn requests_were_sent(&mut self) {
        self.draws.any = true;
        self.draws.in_flight = None;
    }

    /// Of this many calls of reclaim that write to the swap disk, those before the one in which it next stands still,
    /// which are few (recordings protect of 6.12.117 and 7.3.4: 26 of about 1990 calls).
    pub(super) fn calls_before_standstill(&mut self, calls: u64) -> u64 {
        const APART: u64 = 76;
        if self.draws.standing.is_some() {
            return 0;
        }
        if self.draws.to_standstill.is_none() {
            self.draws.to_standstill = Some(self.draws.disk().exponential_around(APART));
        }
        let left = self.draws.to_standstill.unwrap_or(0);
        let before = left.min(calls);
        self.draws.to_standstill = Some(left - before);
        before
    }

    /// Pages that a call of reclaim looks at while the swap disk stands still, and finds none of them written; mostly
    /// there are none (those recordings: 1970 on average in a step, 265 being looked at while a batch is read). A call
    /// that gets what it wants elsewhere leaves the rest to the next one that sends anything.
    pub(super) fn draw_standstill(&mut self) -> Pages {
        const PAGES: u64 = 1970;
        if let Some(left) = self.draws.standing.take() {
            return left;
        }
        if self.calls_before_standstill(1) > 0 {
            return Pages::ZERO;
        }
        self.draws.to_standstill = None;
        Pages::new(self.draws.disk().exponential_around(PAGES))
    }

    /// A call has what it wants while the swap disk stands still for this many pages more.
    pub(super) fn stands_still_on(&mut self, pages: Pages) {
        self.draws.standing = Some(pages);
    }

    /// Pages in the processor's vector when a program first reads a file. Right after a large folio, which empties it,
    /// it has the program's own; otherwise it may have any number, of all programs (recordings of 7.3.4: in 11 reads
    /// that followed directly on others 1 in 7 and 2 in 4 of them, in 16 others 0 to 30).
    pub(super) fn draw_on_their_way(&mut self, file: VolumeId) -> u64 {
        self.draws.any = true;
        let name = StreamName::from("kernel/vector/").number(file.0);
        let mut stream = self.draws.streams.stream(name);
        if self.stocks.vector_is_fresh() { 1 + u64::from(stream.below(11) >= 7) } else { stream.below(VECTOR) }
    }

    /// Puts cgroups, by their places in `groups`, into the order in which a walk of the whole node comes to them: each
    /// is in a random one of eight lists, and the walk begins at a random list (mm/vmscan.c lru_gen_online_memcg,
    /// shrink_many).
    pub(super) fn draw_order(&mut self, groups: &[(CgroupId, Pages)], giving: &mut SmallVec<[(usize, Pages); 12]>) {
        let first = self.draws.walks().below(BINS);
        let unordered = std::mem::take(giving);
        for bin in (first..BINS).chain(0..first) {
            for (index, scan) in &unordered {
                if self.bin(groups[*index].0) == bin {
                    giving.push((*index, *scan));
                }
            }
            let here = giving.iter().position(|(index, _)| self.bin(groups[*index].0) == bin).unwrap_or(giving.len());
            giving[here..].sort_by_key(|(index, _)| self.cgroups[groups[*index].0.index()].rare().joined_bin);
        }
    }

    /// A cgroup goes to the end of another of the lists (mm/vmscan.c lru_gen_rotate_memcg); which one does not matter
    /// before a walk has asked for the first.
    pub(super) fn redraw_bin(&mut self, cg: CgroupId) {
        if self.cgroups[cg.index()].rare().bin.is_some() {
            let bin = self.draws.walks().below(BINS);
            self.draws.moves += 1;
            let rare = self.cgroups[cg.index()].rare_mut();
            (rare.bin, rare.joined_bin) = (Some(bin as u8), self.draws.moves);
        }
    }

    /// The list that a cgroup is in.
    fn bin(&mut self, cg: CgroupId) -> u64 {
        if let Some(bin) = self.cgroups[cg.index()].rare().bin {
            return bin.into();
        }
        let name = StreamName::from("kernel/bin/").then(&self.path(cg));
        let bin = self.draws.streams.stream(name).below(BINS);
        self.cgroups[cg.index()].rare_mut().bin = Some(bin as u8);
        bin
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{FileAccess, KernelConfig, MemOp, MemOutcome, Profile, SpawnSpec, SwapDevice};
    use crate::node_api::CgroupWrite;
    use crate::units::{Bytes, SimTime};

    const T: SimTime = SimTime::ZERO;

    fn kernel(seed: u64, version: &str, swap_device: SwapDevice) -> Kernel {
        let profile = Profile::named(version).unwrap();
        let swap_total = Bytes::mib(256);
        let mut k =
            Kernel::new(KernelConfig { profile, swap_total, swap_device, ..KernelConfig::new(Bytes::mib(768)) });
        k.draw_from(&StreamFactory::new(seed));
        k
    }

    /// A process in a cgroup below `/p` does this.
    fn does(k: &mut Kernel, name: &str, op: MemOp) {
        let cg = k.mkdir_all(name);
        let pid = k.spawn(T, &SpawnSpec::new("q", cg)).unwrap();
        assert_eq!(k.apply(T, pid, op), MemOutcome::Done);
    }

    /// `/p` with a limit, cache in one cgroup, and another that grows into it. What is left of the cache.
    fn siblings(k: &mut Kernel) -> u64 {
        let p = k.mkdir_all("/p");
        k.write(T, p, &CgroupWrite { max: Some(Pages::new(10_000).bytes()), ..CgroupWrite::default() }).unwrap();
        let pages = Pages::new(2000);
        let file = k.create_file(pages.bytes());
        does(k, "/p/cache", MemOp::ReadFile { file, from: Pages::ZERO, pages, how: FileAccess::Read });
        does(k, "/p/grows", MemOp::Touch { pages: Pages::new(12_000) });
        k.volume_pages(file).0.get()
    }

    #[test]
    fn the_seed_decides_how_much_a_sibling_of_a_swap_disks_writer_gives() {
        let left = |seed| siblings(&mut kernel(seed, "6.12", SwapDevice::Disk));
        let all: Vec<u64> = (0..8).map(left).collect();
        assert_eq!(all, (0..8).map(left).collect::<Vec<_>>());
        assert!(all.iter().any(|pages| *pages != all[0]), "{all:?}");
    }

    /// Recordings protect_3150_3_parentlow of 5.10.262 and 6.1.176: 2173 and 2185 pages of `c0` are left after step 9,
    /// 953 and 937 after step 11.
    #[test]
    fn the_seed_decides_whose_pages_the_classic_lru_finds_written() {
        let left = |seed, swap_device| {
            let mut k = kernel(seed, "6.1", swap_device);
            let p = k.mkdir_all("/p");
            k.write(T, p, &CgroupWrite { max: Some(Pages::new(10_000).bytes()), ..CgroupWrite::default() }).unwrap();
            does(&mut k, "/p/other", MemOp::Touch { pages: Pages::new(5000) });
            does(&mut k, "/p/grows", MemOp::Touch { pages: Pages::new(9000) });
            assert_eq!(k.has_drawn(), swap_device == SwapDevice::Disk);
            k.stat(k.find("/p/other").unwrap()).anon
        };
        let differ = |device| (1..8).any(|seed| left(seed, device) != left(0, device));
        assert_eq!([SwapDevice::Disk, SwapDevice::Zram].map(differ), [true, false]);
    }

    /// Recording protect_3150_4_over of 7.3.4, step 10: beside 200 pages that can be swapped out, 272 of protected
    /// cache go where 1170 pages were looked at in vain, and none in the other steps.
    #[test]
    fn while_the_disk_stands_still_low_protection_is_broken() {
        let breaks = |seed, swap_device| {
            let mut k = kernel(seed, "7.3", swap_device);
            let [p, cache] = ["/p", "/p/cache"].map(|name| k.mkdir_all(name));
            k.write(T, p, &CgroupWrite { max: Some(Pages::new(4500).bytes()), ..CgroupWrite::default() }).unwrap();
            k.write(T, cache, &CgroupWrite { low: Some(Bytes::mib(64)), ..CgroupWrite::default() }).unwrap();
            let file = k.create_file(Bytes::mib(64));
            let pages = Pages::new(4096);
            does(&mut k, "/p/cache", MemOp::ReadFile { file, from: Pages::ZERO, pages, how: FileAccess::Read });
            let before = k.events(cache).low;
            does(&mut k, "/p/grows", MemOp::Touch { pages: Pages::new(4000) });
            k.events(cache).low > before
        };
        let some = |device| (0..16).any(|seed| breaks(seed, device));
        assert_eq!([SwapDevice::Disk, SwapDevice::Zram].map(some), [true, false]);
    }

    /// protect_3150_2_lowmix of 6.12.117, step 18: a sibling gives 384 pages, and when it has no more 1230 too many
    /// come free.
    #[test]
    fn the_next_call_finds_the_disk_standing_still() {
        let free = |stands_still| {
            let mut k = kernel(1, "6.12", SwapDevice::Disk);
            let p = k.mkdir_all("/p");
            k.write(T, p, &CgroupWrite { max: Some(Pages::new(10_000).bytes()), ..CgroupWrite::default() }).unwrap();
            does(&mut k, "/p", MemOp::Touch { pages: Pages::new(10_000) });
            if stands_still {
                k.stands_still_on(Pages::new(4000));
            }
            does(&mut k, "/p", MemOp::Touch { pages: Pages::new(32) });
            k.headroom(p)
        };
        assert!(free(false) <= BATCH);
        assert!(free(true) > BATCH * 4);
    }

    /// Recordings protect_3150_1_min and _2_lowmix of 6.12.117: 600 and 1230 pages too many come free in one step.
    #[test]
    fn a_swap_disk_that_stands_still_frees_too_much() {
        let most_free = |swap_device| {
            let mut k = kernel(1, "6.12", swap_device);
            let p = k.mkdir_all("/p");
            k.write(T, p, &CgroupWrite { max: Some(Pages::new(10_000).bytes()), ..CgroupWrite::default() }).unwrap();
            let pid = k.spawn(T, &SpawnSpec::new("q", p)).unwrap();
            let touch = |k: &mut Kernel, pages| {
                assert_eq!(k.apply(T, pid, MemOp::Touch { pages: Pages::new(pages) }), MemOutcome::Done);
                k.headroom(p)
            };
            touch(&mut k, 10_000);
            (0..1000).map(|_| touch(&mut k, 32)).max().unwrap()
        };
        assert!(most_free(SwapDevice::Zram) <= BATCH);
        assert!(most_free(SwapDevice::Disk) > BATCH * 4);
    }

    #[test]
    fn a_copy_draws_what_the_original_draws() {
        let mut k = kernel(1, "6.12", SwapDevice::Disk);
        siblings(&mut k);
        assert!(k.has_drawn());
        let mut copy = k.clone();
        let more = |k: &mut Kernel| {
            does(k, "/p/grows", MemOp::Touch { pages: Pages::new(4000) });
            let cache = k.find("/p/cache").unwrap();
            (k.stat(cache).file, [(); 8].map(|()| k.draw_batches_in_flight()))
        };
        assert_eq!(more(&mut k), more(&mut copy));
    }

    #[test]
    fn without_a_disk_nothing_is_drawn() {
        let mut k = kernel(1, "6.12", SwapDevice::Zram);
        siblings(&mut k);
        assert!(!k.has_drawn());
    }

    /// Three in ten, and then half of the rest: the recorded disk takes 4.1 batches to read one.
    #[test]
    fn batches_are_done_as_often_as_recorded() {
        let mut k = kernel(3, "6.12", SwapDevice::Disk);
        let mut done = [0; 4];
        for _ in 0..10_000 {
            done[k.draw_batches_in_flight().min(4) - 1] += 1;
        }
        for (got, expected) in done.into_iter().zip([3000, 3500, 1750, 1750]) {
            assert!(i32::abs(got - expected) < 150, "{done:?}");
        }
    }

    /// mm/vmscan.c shrink_many: from a random list to the one before it; cgroups of one list in the order of mkdir.
    #[test]
    fn walks_go_round_the_lists() {
        let mut k = kernel(5, "6.12", SwapDevice::Disk);
        let groups: Vec<_> = (0..12).map(|n| (k.mkdir_all(&format!("/p/{n}")), Pages::new(1))).collect();
        let mut firsts = [false; 8];
        for _ in 0..100 {
            let mut order = (0..12).map(|n| (n, Pages::new(1))).collect();
            k.draw_order(&groups, &mut order);
            let bins: Vec<u64> = order.iter().map(|(n, _)| k.bin(groups[*n].0)).collect();
            let falls = bins.windows(2).filter(|w| w[1] < w[0]).count();
            assert!(falls <= 1 && (falls == 0 || bins.last() < bins.first()), "{bins:?}");
            let together = order.windows(2).zip(bins.windows(2)).filter(|(_, bins)| bins[0] == bins[1]);
            assert!(together.into_iter().all(|(of_one, _)| of_one[0].0 < of_one[1].0), "{order:?}");
            firsts[bins[0] as usize] = true;
        }
        let used: Vec<u64> = groups.iter().map(|(cg, _)| k.bin(*cg)).collect();
        assert!((0..8).all(|bin| firsts[bin as usize] == used.contains(&bin)), "{firsts:?} {used:?}");
    }
}
