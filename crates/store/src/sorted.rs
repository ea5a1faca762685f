//! The rows of one or more journals in the order of the plan, in constant memory.

use crate::journal::{StoreError, check_header, checked, io_error, run_of, scan};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Runs whose places are held in memory at a time: 24 bytes each.
const WINDOW: u64 = 1 << 20;

/// Where a row is: journal and offset.
type Place = (u32, u64);

/// Calls `each` with the rows of all journals in the order of the plan, each once, and returns the places of the plan
/// that have none. All journals have to begin with `header`.
///
/// # Errors
/// When a journal cannot be read or belongs to something else, or when two rows of one run differ.
pub fn for_each_row<E: From<StoreError>>(
    journals: &[PathBuf],
    header: &str,
    len: u64,
    mut each: impl FnMut(u64, &str) -> Result<(), E>,
) -> Result<Vec<Range<u64>>, E> {
    let mut files = Vec::new();
    for path in journals {
        let file = File::open(path).map_err(io_error("read", path))?;
        files.push((path.as_path(), BufReader::new(file)));
    }
    let mut missing: Vec<Range<u64>> = Vec::new();
    let mut first = 0;
    while first < len {
        let window = first..(first + WINDOW).min(len);
        let places = places_in(&mut files, header, window.clone())?;
        for (run, place) in window.clone().zip(places) {
            match place {
                Some(place) => each(run, &read_at(&mut files, place)?)?,
                None => match missing.last_mut() {
                    Some(last) if last.end == run => last.end = run + 1,
                    _ => missing.push(run..run + 1),
                },
            }
        }
        first = window.end;
    }
    Ok(missing)
}

fn places_in(
    files: &mut [(&Path, BufReader<File>)],
    header: &str,
    window: Range<u64>,
) -> Result<Vec<Option<Place>>, StoreError> {
    let mut places: Vec<Option<Place>> = vec![None; (window.end - window.start) as usize];
    let mut twice: Vec<(u64, Place)> = Vec::new();
    for (number, (path, file)) in files.iter().enumerate() {
        scan(file.get_ref(), path, |at, _, text| {
            let Some(text) = text else { return Ok(()) };
            if at == 0 {
                return check_header(path, text, header);
            }
            let Some(run) = run_of(text).filter(|run| window.contains(run)) else { return Ok(()) };
            let place = &mut places[(run - window.start) as usize];
            match place {
                None => *place = Some((number as u32, at)),
                Some(_) => twice.push((run, (number as u32, at))),
            }
            Ok(())
        })?;
    }
    for (run, place) in twice {
        let Some(first) = places[(run - window.start) as usize] else { continue };
        let (one, other) = (read_at(files, first)?, read_at(files, place)?);
        if one != other {
            let with_path = |place: Place, text: String| (files[place.0 as usize].0.to_path_buf(), text);
            return Err(StoreError::Conflict { run, one: with_path(first, one), other: with_path(place, other) });
        }
    }
    Ok(places)
}

fn read_at(files: &mut [(&Path, BufReader<File>)], (number, at): Place) -> Result<String, StoreError> {
    let (path, reader) = &mut files[number as usize];
    let mut line = Vec::new();
    // Rows are nearly in order, so that a relative seek mostly stays within the buffer.
    let now = reader.stream_position().map_err(io_error("read", path))?;
    reader.seek_relative(at as i64 - now as i64).map_err(io_error("read", path))?;
    reader.read_until(b'\n', &mut line).map_err(io_error("read", path))?;
    let changed = || std::io::Error::other("it changed while it was read");
    checked(&line).map(str::to_string).ok_or_else(|| io_error("read", path)(changed()))
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
    use crate::journal::Journal;

    fn shard(dir: &Path, name: &str, rows: &[(u64, &str)]) -> PathBuf {
        let mut journal = Journal::open(&dir.join(name), "header", 10, false).unwrap();
        rows.iter().for_each(|(run, row)| journal.append(*run, row).unwrap());
        journal.path().to_path_buf()
    }

    fn rows(journals: &[PathBuf]) -> Result<(Vec<String>, Vec<Range<u64>>), StoreError> {
        let mut rows = Vec::new();
        let missing = for_each_row(journals, "header", 10, |_, row| {
            rows.push(row.to_string());
            Ok::<(), StoreError>(())
        })?;
        Ok((rows, missing))
    }

    #[test]
    fn the_union_is_sorted_and_says_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let a = shard(dir.path(), "a", &[(4, "4,d"), (1, "1,b"), (9, "9,z")]);
        let b = shard(dir.path(), "b", &[(1, "1,b"), (0, "0,a")]);
        let both = find_journals(&[dir.path().to_path_buf()]).unwrap();
        assert_eq!(both, [a.clone(), b.clone()]);
        let (sorted, missing) = rows(&both).unwrap();
        assert_eq!(sorted, ["0,a", "1,b", "4,d", "9,z"]);
        assert_eq!(missing, [2..4, 5..9]);
        assert_eq!(rows(&[b.clone(), a.clone()]).unwrap(), (sorted, missing));
        let c = shard(dir.path(), "c", &[(1, "1,other")]);
        let error = rows(&[a, b, c]).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { run: 1, .. }), "{error}");
        assert!(error.to_string().contains("1,other"));
    }

    #[test]
    fn shards_of_something_else_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = shard(dir.path(), "a", &[(1, "1,b")]);
        let result = for_each_row(&[path], "another", 10, |_, _| Ok::<(), StoreError>(()));
        assert!(matches!(result, Err(StoreError::Other { .. })));
        assert!(find_journals(&[dir.path().join("none")]).is_err());
    }
}
