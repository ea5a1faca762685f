//! The rows of one or more journals in the order of the plan, in constant memory.

use crate::error::{StoreError, io_error};
use crate::journal::Damage;
use crate::lines::{Contents, Header, Line, MAX_LINE, checked, scan};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Runs whose places are held in memory at a time: 24 bytes each.
const WINDOW: u64 = 1 << 20;

/// Where a row is: journal and offset.
type Place = (usize, u64);

/// What journals hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Union {
    /// Runs of the plan that none of them has.
    pub missing: Vec<Range<u64>>,
    /// Journals with damaged lines, which count as not there.
    pub damage: Vec<(PathBuf, Damage)>,
}

/// A journal that is read.
struct Shard<'p> {
    path: &'p Path,
    reader: BufReader<File>,
    /// Where the reader is.
    at: u64,
    /// For each window of the plan the part of the file that has its rows.
    extents: Vec<Range<u64>>,
}

/// Calls `each` with the rows of all journals in the order of the plan, each once.
///
/// # Errors
/// When a journal cannot be read or has something else in it, or when two rows of one run differ.
pub fn for_each_row<E: From<StoreError>>(
    journals: &[PathBuf],
    contents: &Contents<'_>,
    each: impl FnMut(u64, &str) -> Result<(), E>,
) -> Result<Union, E> {
    in_windows(journals, contents, WINDOW, each)
}

fn in_windows<E: From<StoreError>>(
    journals: &[PathBuf],
    contents: &Contents<'_>,
    window: u64,
    mut each: impl FnMut(u64, &str) -> Result<(), E>,
) -> Result<Union, E> {
    let (mut union, mut shards) = (Union::default(), Vec::new());
    for path in journals {
        let (shard, damage) = Shard::open(path, contents, window)?;
        shards.push(shard);
        union.damage.extend((damage.lines > 0).then(|| (path.clone(), damage)));
    }
    let (len, missing) = (contents.plan().len(), &mut union.missing);
    for (number, first) in (0..len).step_by(window as usize).enumerate() {
        let runs = first..(first + window).min(len);
        let places = places_in(&mut shards, number, runs.clone())?;
        for (run, place) in runs.zip(places) {
            match place {
                Some((shard, at)) => each(run, &shards[shard].read_at(at)?)?,
                None => match missing.last_mut() {
                    Some(last) if last.end == run => last.end = run + 1,
                    _ => missing.push(run..run + 1),
                },
            }
        }
    }
    Ok(union)
}

impl<'p> Shard<'p> {
    /// Opens a journal, and holds each of its lines against the plan.
    fn open(path: &'p Path, contents: &Contents<'_>, window: u64) -> Result<(Self, Damage), StoreError> {
        let file = File::open(path).map_err(io_error("read", path))?;
        let mut extents = vec![0..0; contents.plan().len().div_ceil(window) as usize];
        let mut damage = Damage::default();
        scan(&file, path, 0..u64::MAX, |at, line| {
            match line {
                first if at.start == 0 => {
                    if contents.check_header(path, first)? == Header::Unfinished {
                        return Ok(());
                    }
                }
                Line::Whole(text) => {
                    let extent = &mut extents[(contents.check_row(path, at.number, text)? / window) as usize];
                    extent.start = if extent.end == 0 { at.start } else { extent.start };
                    extent.end = at.end;
                }
                Line::Damaged => damage.add(at.number),
                Line::Cut | Line::Torn(_) => {}
            }
            Ok(())
        })?;
        let mut shard = Shard { path, reader: BufReader::new(file), at: 0, extents };
        shard.rewind()?;
        Ok((shard, damage))
    }

    /// Goes to the beginning, and forgets what the buffer holds: the file's position was moved behind its back.
    fn rewind(&mut self) -> Result<(), StoreError> {
        self.at = self.reader.seek(SeekFrom::Start(0)).map_err(io_error("read", self.path))?;
        Ok(())
    }

    fn read_at(&mut self, at: u64) -> Result<String, StoreError> {
        let mut line = Vec::new();
        // Rows are nearly in order, so that a relative seek mostly stays within the buffer.
        self.reader.seek_relative(at as i64 - self.at as i64).map_err(io_error("read", self.path))?;
        let mut limited = Read::take(&mut self.reader, MAX_LINE);
        self.at = at + limited.read_until(b'\n', &mut line).map_err(io_error("read", self.path))? as u64;
        let changed = || std::io::Error::other("it changed while it was read");
        checked(&line).map(str::to_string).ok_or_else(|| io_error("read", self.path)(changed()))
    }
}

fn places_in(shards: &mut [Shard<'_>], window: usize, runs: Range<u64>) -> Result<Vec<Option<Place>>, StoreError> {
    let mut places: Vec<Option<Place>> = vec![None; (runs.end - runs.start) as usize];
    let mut twice: Vec<(u64, Place)> = Vec::new();
    for (number, shard) in shards.iter_mut().enumerate() {
        scan(shard.reader.get_ref(), shard.path, shard.extents[window].clone(), |at, line| {
            let Line::Whole(text) = line else { return Ok(()) };
            let run = text.split_once(',').and_then(|(run, _)| run.parse().ok());
            // The header is no run, and rows of the windows beside may stand between.
            let Some(run) = run.filter(|run| runs.contains(run)) else { return Ok(()) };
            match &mut places[(run - runs.start) as usize] {
                place @ None => *place = Some((number, at.start)),
                Some(_) => twice.push((run, (number, at.start))),
            }
            Ok(())
        })?;
        shard.rewind()?;
    }
    for (run, other) in twice {
        let Some(one) = places[(run - runs.start) as usize] else { continue };
        let [one, other] =
            [one, other].map(|(shard, at)| (shards[shard].path.to_path_buf(), shards[shard].read_at(at)));
        let (one, other) = ((one.0, one.1?), (other.0, other.1?));
        if one.1 != other.1 {
            return Err(StoreError::Conflict { run, one, other });
        }
    }
    Ok(places)
}

/// The journals in these places: a journal itself, a folder with one, or a folder of such folders.
///
/// # Errors
/// When there is none.
pub fn find_journals(places: &[PathBuf]) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = Vec::new();
    for place in places {
        if place.is_file() {
            found.push(place.clone());
        } else if place.join("journal").is_file() {
            found.push(place.join("journal"));
        } else {
            let before = found.len();
            let entries = std::fs::read_dir(place).map_err(io_error("read", place))?;
            found.extend(entries.filter_map(|e| Some(e.ok()?.path().join("journal"))).filter(|p| p.is_file()));
            found[before..].sort();
            if found.len() == before {
                return Err(io_error("read", place)(std::io::Error::other("there is no journal in it")));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;
    use crate::journal::Journal;
    use oomsim_planning::measure::Measures;
    use oomsim_planning::plan::{Plan, Setup};
    use oomsim_planning::row;

    fn plan(len: u64) -> Plan {
        Plan::new(Setup { points: 1, repetitions: len, ..Setup::default() }).unwrap()
    }

    fn row(plan: &Plan, run: u64, evictions: u64) -> String {
        row::line(plan, &plan.spec(run), &Measures { evictions, ..Measures::default() })
    }

    fn shard(dir: &Path, name: &str, plan: &Plan, rows: &[(u64, u64)]) -> PathBuf {
        let folder = Folder::open(&dir.join(name), false).unwrap();
        let mut journal = Journal::open(&folder, &Contents::of("s", plan), false).unwrap();
        rows.iter().for_each(|(run, evictions)| journal.append(*run, &row(plan, *run, *evictions)).unwrap());
        journal.path().to_path_buf()
    }

    fn rows(journals: &[PathBuf], plan: &Plan, window: u64) -> Result<(Vec<String>, Union), StoreError> {
        let mut rows = Vec::new();
        let union = in_windows(journals, &Contents::of("s", plan), window, |_, row| {
            rows.push(row.to_string());
            Ok::<(), StoreError>(())
        })?;
        Ok((rows, union))
    }

    #[test]
    fn the_union_is_sorted_and_says_what_is_missing() {
        let (dir, plan) = (tempfile::tempdir().unwrap(), plan(10));
        let a = shard(dir.path(), "a", &plan, &[(4, 4), (1, 1), (9, 9)]);
        let b = shard(dir.path(), "b", &plan, &[(1, 1), (0, 0)]);
        let both = find_journals(&[dir.path().to_path_buf()]).unwrap();
        assert_eq!(both, [a.clone(), b.clone()]);
        let (sorted, union) = rows(&both, &plan, 4).unwrap();
        assert_eq!(sorted, [0, 1, 4, 9].map(|n| row(&plan, n, n)));
        assert_eq!(union.missing, [2..4, 5..9]);
        assert_eq!(rows(&[b.clone(), a.clone()], &plan, 4).unwrap(), (sorted, union));
        let c = shard(dir.path(), "c", &plan, &[(1, 77)]);
        let error = rows(&[a, b, c], &plan, 4).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { run: 1, .. }), "{error}");
        assert!(error.to_string().contains(",77,"), "{error}");
    }

    /// Every length of a plan, every size of a window: in order, backwards, and shared out.
    #[test]
    fn windows_have_no_borders() {
        for len in 1..=9 {
            let (dir, plan) = (tempfile::tempdir().unwrap(), plan(len));
            let all: Vec<(u64, u64)> = (0..len).map(|n| (n, 3 * n)).collect();
            let backwards: Vec<_> = all.iter().rev().copied().collect();
            let (odd, even): (Vec<_>, Vec<_>) = all.iter().copied().partition(|(n, _)| n % 2 == 1);
            let journals = [
                vec![shard(dir.path(), "all", &plan, &all)],
                vec![shard(dir.path(), "backwards", &plan, &backwards)],
                vec![shard(dir.path(), "odd", &plan, &odd), shard(dir.path(), "even", &plan, &even)],
            ];
            let expected: Vec<String> = all.iter().map(|(n, evictions)| row(&plan, *n, *evictions)).collect();
            for (journals, window) in journals.iter().flat_map(|j| (1..=len + 1).map(move |w| (j, w))) {
                let (sorted, union) = rows(journals, &plan, window).unwrap();
                assert_eq!((sorted, union), (expected.clone(), Union::default()), "{len} runs in windows of {window}");
            }
        }
    }

    #[test]
    fn shards_of_something_else_are_refused() {
        let (dir, plan) = (tempfile::tempdir().unwrap(), plan(10));
        let path = shard(dir.path(), "a", &plan, &[(1, 1)]);
        let another = Contents::of("t", &plan);
        let result = for_each_row(std::slice::from_ref(&path), &another, |_, _| Ok::<(), StoreError>(()));
        assert!(matches!(result, Err(StoreError::Other { .. })));
        assert!(find_journals(&[dir.path().join("none")]).is_err());
        // The header damaged, as well: the rows are not taken for those of another study.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let result = for_each_row(&[path], &another, |_, _| Ok::<(), StoreError>(()));
        assert!(matches!(result, Err(StoreError::NoHeader { .. })));
    }
}
