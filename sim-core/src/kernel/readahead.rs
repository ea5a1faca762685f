//! Readahead: a program that reads a file in order finds the next pages in the cache already. The kernel reads a
//! window beyond what is asked for, and the next one as soon as the program enters the marked page of it
//! (mm/readahead.c page_cache_sync_ra, page_cache_async_ra).

use super::cgroup::read_in_vector;
use super::profile::Lru;
use super::volume::Volume;
use super::{FileAccess, Kernel};
use crate::units::{Pages, Pid, SimTime, VolumeId};
use smallvec::SmallVec;

/// Pages that a program asks for at a time: 64 KiB.
const REQUEST: u64 = 16;

/// How a kernel reads ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// Pages of the largest window.
    pub max: u64,
    /// Windows end at a multiple of the size of folios that the file may have by then.
    pub aligned: bool,
}

/// One reader of a file, and the last window read for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stream {
    /// Where it goes on if it reads in order.
    next: u64,
    start: u64,
    /// Pages of the window; 0: none was read yet.
    size: u64,
    /// The page whose reading brings the next window.
    mark: u64,
    /// Logarithm of the folios' size.
    order: u32,
    /// The last windows by the size of their folios, oldest first.
    folios: SmallVec<[Folios; 2]>,
}

/// A range of pages in folios of at most 2^order pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Folios {
    start: u64,
    end: u64,
    order: u32,
}

/// Logarithm of the largest folio, 2 MiB.
const LARGEST: u32 = 9;
/// Ranges that are remembered: a stream's windows have full size after six.
const RANGES: usize = 8;

impl Stream {
    /// Pages `from..end` are read; returns the page up to which the kernel reads.
    pub fn read(&mut self, from: u64, end: u64, how: FileAccess, rule: Rule) -> u64 {
        if rule.max == 0 {
            return end;
        }
        let goes_on = from > 0 && from == self.next;
        if !goes_on {
            *self = Stream { folios: std::mem::take(&mut self.folios), ..Stream::default() };
        }
        self.next = end;
        if self.size == 0 {
            match how {
                FileAccess::Mmap => self.read_around(from, rule),
                _ if from == 0 || goes_on => self.open(from, end - from, rule),
                // The first request in the middle of a file could be a random one.
                _ if end - from <= REQUEST => return end,
                _ => self.open(from + REQUEST, REQUEST, rule),
            }
        }
        self.go_on(end, rule);
        end.max(self.start + self.size)
    }

    /// The first window of a stream (get_init_ra_size); where readahead is aligned, for as many pages as are asked for.
    fn open(&mut self, start: u64, asked: u64, rule: Rule) {
        let request = if rule.aligned { asked.clamp(1, REQUEST).next_power_of_two() } else { REQUEST };
        let size = match request {
            small if small <= rule.max / 32 => small * 4,
            small if small <= rule.max / 4 => small * 2,
            _ => rule.max,
        };
        let ahead = if size > request { size - request } else { size / 2 };
        (self.start, self.size, self.mark, self.order) = (start, size, start + size - ahead, 0);
    }

    /// A page fault reads the pages around it (mm/filemap.c do_sync_mmap_readahead).
    fn read_around(&mut self, at: u64, rule: Rule) {
        let start = at.saturating_sub(rule.max / 2);
        (self.start, self.size, self.order) = (start, rule.max, 0);
        self.mark = start + rule.max - rule.max / 4;
    }

    /// Windows whose predecessor's marked page lies before `end`.
    fn go_on(&mut self, end: u64, rule: Rule) {
        while self.mark < end {
            let settled = !rule.aligned || (self.start + self.size).is_multiple_of(rule.max);
            if settled && self.size == rule.max && self.mark == self.start {
                let windows = (end - 1 - self.mark) / rule.max + 1;
                self.start += windows * rule.max;
                self.mark = self.start;
                self.remember(self.start - (windows - 1) * rule.max, rule);
                return;
            }
            self.start += self.size;
            self.size = next_size(self.size, rule.max);
            if rule.aligned {
                self.order += 2;
                let align = 1 << self.order.min(rule.max.trailing_zeros());
                let stop = (self.start + self.size) / align * align;
                if stop > self.start {
                    self.size = stop - self.start;
                }
            }
            self.mark = self.start;
            self.remember(self.start, rule);
        }
    }

    /// Windows from `from` to the end of the last one have folios of this size.
    fn remember(&mut self, from: u64, rule: Rule) {
        let order = self.order.min(LARGEST).min(self.size.checked_ilog2().unwrap_or(0));
        if !rule.aligned || order == 0 {
            return;
        }
        let end = self.start + self.size;
        match self.folios.last_mut() {
            Some(last) if last.order == order && last.end == from => last.end = end,
            _ => {
                if self.folios.len() == RANGES {
                    self.folios.remove(0);
                }
                self.folios.push(Folios { start: from, end, order });
            }
        }
    }

    /// Pages of a range that windows with folios of this size or larger have read.
    fn in_folios(&self, range: std::ops::Range<u64>, order: u32) -> u64 {
        let windows = self.folios.iter().filter(|f| f.order >= order);
        windows.map(|f| f.end.min(range.end).saturating_sub(f.start.max(range.start))).sum()
    }

    /// The end of the folio with this page: a window's folios are as large as their place in the file allows
    /// (page_cache_ra_order).
    pub fn folio_end(&self, page: u64) -> u64 {
        let Some(range) = self.folios.iter().rfind(|f| (f.start..f.end).contains(&page)) else { return page + 1 };
        let fits = |order: &u32| {
            let first = page >> order << order;
            first >= range.start && first + (1 << order) <= range.end
        };
        let order = (0..=range.order).rev().find(fits).unwrap_or(0);
        ((page >> order) + 1) << order
    }
}

/// Windows grow fourfold at first, then twofold (get_next_ra_size).
fn next_size(size: u64, max: u64) -> u64 {
    match size {
        _ if size < max / 16 => 4 * size,
        _ if size <= max / 2 => 2 * size,
        _ => max,
    }
}

impl Kernel {
    /// A program reads pages that are not in the cache, the next ones of what is: the kernel reads them with the window
    /// in which they lie, folio by folio. Returns whether any came in.
    pub(super) fn read_request(&mut self, now: SimTime, by: Pid, file: VolumeId, range: (Pages, Pages)) -> bool {
        let before = self.volume_pages(file).0;
        let generations = before.is_zero() && self.has_second_generation();
        let on_their_way = if generations { self.draw_on_their_way(file) } else { 0 };
        self.read_ahead(now, by, file, range, FileAccess::Read);
        if generations {
            let in_vector = read_in_vector(on_their_way, (range.1 - range.0).get());
            self.join_second_generation(by, file, Pages::new(in_vector));
        }
        self.volume_pages(file).0 > before
    }

    /// Where the request ends in which a page lies that is read from `from` on.
    pub(super) fn request_end(from: Pages, at: Pages) -> Pages {
        Pages::new(from.get() + ((at - from).get() / REQUEST + 1) * REQUEST)
    }

    /// Pages that are referenced before they are on a list join MGLRU's second oldest generation since 7.2: those that
    /// a fault brings in, and the first of a file that a program reads while they are still on their way to the lists
    /// (mm/swap.c folio_add_lru, include/linux/mm_inline.h lru_gen_folio_seq).
    pub(super) fn join_second_generation(&mut self, by: Pid, file: VolumeId, pages: Pages) {
        let Some(cgroup) = self.procs.get(&by).map(|p| p.cgroup) else { return };
        if !self.has_second_generation() {
            return;
        }
        let group = &mut self.cgroups[cgroup.index()];
        if !group.rare().first_generation_gone
            && let Some(chunk) = group.cache_mut().iter_mut().find(|c| c.file == file)
        {
            chunk.second = (chunk.second + pages).min(chunk.inactive);
        }
    }

    fn has_second_generation(&self) -> bool {
        self.takes_single_folios() && self.lru() == Lru::Mglru
    }

    /// Reads on beyond pages `from..end` of a file that were just read, as far as reclaim makes room; the reader does
    /// not wait for that. The first access to such a page leaves it where it is.
    pub(super) fn read_ahead(&mut self, now: SimTime, by: Pid, file: VolumeId, range: (Pages, Pages), how: FileAccess) {
        let rule =
            Rule { max: u64::from(self.config.profile.readahead_kib) / 4, aligned: self.config.profile.file_folios };
        let Some(Volume::File { size, head, cached, stream, .. }) = self.volumes.get_mut(file.index()) else { return };
        let reach = stream.read(range.0.get(), range.1.get(), how, rule).min(size.get());
        // What is cached already lies in order behind what was read.
        let there = (*head + *cached).get();
        let there = if self.config.profile.file_folios { there } else { there.max(range.1.get()) };
        let room = size.get().saturating_sub(cached.get());
        let (mut at, reach) = (there, reach.min(there + room));
        while at < reach {
            let end = if self.config.profile.file_folios { self.folio_with(file, at).min(reach) } else { reach };
            let pages = Pages::new(end - at);
            self.make_room_for(by, pages);
            let loaded = self.load_ahead(now, by, file, pages);
            if loaded.is_zero() {
                return;
            }
            if how == FileAccess::Mmap {
                self.join_second_generation(by, file, loaded);
            }
            at += loaded.get();
        }
    }

    /// A folio is charged as a whole: reclaim frees as many pages as it has.
    fn make_room_for(&mut self, by: Pid, pages: Pages) {
        let Some(cgroup) = self.procs.get(&by).map(|p| p.cgroup) else { return };
        if !self.config.profile.file_folios || self.fits(cgroup, pages) {
            return;
        }
        // What is charged in advance is given back when reclaim is not enough, and reclaim tries once more.
        for _ in 0..2 {
            let over = self.upwards(cgroup).find(|g| *g != self.root() && self.room_below(*g, cgroup) < pages);
            let Some(over) = over else { return };
            self.count_event(over, |e| e.max += 1);
            self.reclaim_at_once(over, pages);
            if self.room_below(over, cgroup) < pages {
                self.drain_stocks(over);
            }
        }
    }

    fn folio_with(&self, file: VolumeId, page: u64) -> u64 {
        match self.volumes.get(file.index()) {
            Some(Volume::File { stream, .. }) => stream.folio_end(page),
            _ => page + 1,
        }
    }
}

impl Kernel {
    /// Cached pages of a file in folios of 2^order pages or larger.
    pub(super) fn pages_in_folios(&self, file: VolumeId, order: u32) -> Pages {
        match self.volumes.get(file.index()) {
            Some(Volume::File { head, cached, stream, .. }) => {
                Pages::new(stream.in_folios(head.get()..head.get() + cached.get(), order))
            }
            _ => Pages::ZERO,
        }
    }

    /// The oldest cached pages of a file, behind those that are kept of its first window, up to the end of the folio in
    /// which this many end.
    pub(super) fn folio_end(&self, file: VolumeId, kept: Pages, pages: Pages) -> Pages {
        match self.volumes.get(file.index()) {
            Some(Volume::File { head, stream, .. }) if !pages.is_zero() => {
                let from = head.get() + kept.get();
                Pages::new(stream.folio_end(from + pages.get() - 1) - from)
            }
            _ => pages,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recordings kernel2 of 7.3.4 (`reclaim_3080_0_cache`, `reclaim_3160_0_cache`, `reclaim_3160_4_children`,
    /// `swap_3010_1_anon_cache`): where the cache of `/mnt/big` ends after this many pages were read from a page.
    #[test]
    fn windows_of_eight_mebibytes_end_where_recorded() {
        let rule = Rule { max: 2048, aligned: true };
        for (from, pages, end) in [(2000, 1876, 7168), (2000, 4414, 8192), (2000, 5329, 10240), (28596, 3394, 33792)] {
            let mut stream = Stream::default();
            assert_eq!(stream.read(from, from + pages, FileAccess::Read, rule), end, "{from} + {pages}");
        }
    }

    /// The same reads in pieces reach as far.
    #[test]
    fn a_stream_goes_on() {
        let rule = Rule { max: 2048, aligned: true };
        let mut stream = Stream::default();
        let reach: Vec<u64> =
            (0..332).map(|n| stream.read(2000 + n * 16, 2016 + n * 16, FileAccess::Read, rule)).collect();
        assert_eq!(reach.last(), Some(&10240));
        assert!(reach.is_sorted());
    }

    #[test]
    fn long_reads_take_no_longer() {
        let rule = Rule { max: 32, aligned: false };
        let mut stream = Stream::default();
        let end = 1 << 60;
        assert_eq!(stream.read(0, end, FileAccess::Read, rule), end + 32);
    }
}
