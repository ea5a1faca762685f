//! The file that finished runs go to, so that nothing is lost but the runs in flight.
//!
//! Text, one record a line: 16 hexadecimal digits of XXH3-64 over the rest, a blank, the row. The first line is the
//! header. Lines are only ever appended, each with one write, so that a process that is killed leaves at most one torn
//! line at the end; a line whose hash is wrong counts as not there, wherever it is. The folder is locked by the
//! operating system while a process writes; the lock ends with the process, however it ends. The file is given to the
//! disk at most once a second and at the end: a power cut may lose the last second.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64;

/// Longest line that is read: longer ones are damage.
const MAX_LINE: u64 = 1 << 20;
/// How often the file is given to the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Failure to read or write a folder of results.
#[derive(Debug)]
pub enum StoreError {
    /// The operating system reported an error.
    Io {
        /// The operation, as a verb: `read`, `write`, …
        doing: &'static str,
        /// File or folder of the operation.
        path: PathBuf,
        /// The error.
        error: io::Error,
    },
    /// Another process writes to the folder.
    Locked(PathBuf),
    /// The folder already contains runs, and `--resume` was not given.
    Exists {
        /// The journal.
        path: PathBuf,
        /// Number of runs it contains.
        runs: u64,
    },
    /// The folder contains the runs of another study, scenario or version.
    Other {
        /// The journal.
        path: PathBuf,
        /// The header found in it.
        found: String,
        /// The expected header.
        expected: String,
    },
    /// Two rows of the same run differ.
    Conflict {
        /// Place in the plan.
        run: u64,
        /// One row with its file.
        one: (PathBuf, String),
        /// The other.
        other: (PathBuf, String),
    },
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Io { doing, path, error } => {
                write!(f, "cannot {doing} {}: {error}", path.display())?;
                match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        write!(f, "; finished runs are kept: free some space and continue with --resume")
                    }
                    io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                        write!(f, "; choose a writable folder with --out")
                    }
                    _ => Ok(()),
                }
            }
            StoreError::Locked(path) => {
                write!(f, "another process is writing to {}: wait for it or choose another --out", path.display())
            }
            StoreError::Exists { path, runs } => write!(
                f,
                "{} already contains {runs} runs: add --resume to continue, or choose another --out",
                path.display()
            ),
            StoreError::Other { path, found, expected } => write!(
                f,
                "{} belongs to another study, scenario or version: it contains {found}, expected {expected}",
                path.display()
            ),
            StoreError::Conflict { run, one, other } => write!(
                f,
                "run {run} has two different results:\n  {}: {}\n  {}: {}",
                one.0.display(),
                one.1,
                other.0.display(),
                other.1
            ),
        }
    }
}

impl std::error::Error for StoreError {}

/// Adds operation and file to an [`io::Error`].
pub fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |error| StoreError::Io { doing, path: path.into(), error }
}

/// The set of finished runs, one bit each.
#[derive(Clone, Debug)]
pub struct Done {
    bits: Vec<u64>,
    count: u64,
}

impl Done {
    fn new(len: u64) -> Self {
        Done { bits: vec![0; len.div_ceil(64) as usize], count: 0 }
    }

    /// Whether a run is there.
    pub fn contains(&self, run: u64) -> bool {
        self.bits.get((run / 64) as usize).is_some_and(|word| word >> (run % 64) & 1 == 1)
    }

    /// How many are there.
    pub fn count(&self) -> u64 {
        self.count
    }

    fn insert(&mut self, run: u64) {
        if let Some(word) = self.bits.get_mut((run / 64) as usize) {
            let bit = 1 << (run % 64);
            self.count += u64::from(*word & bit == 0);
            *word |= bit;
        }
    }
}

/// A journal that is being written; its folder is locked.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    end: u64,
    done: Done,
    synced: Instant,
    _lock: File,
}

impl Journal {
    /// Opens the journal of a folder, which is made if need be. `header` says what belongs in it; `len` is the length
    /// of the plan. With `resume` the runs that are there are kept, otherwise their presence is an error.
    ///
    /// # Errors
    /// When the folder cannot be written, is in use, or holds something else.
    pub fn open(folder: &Path, header: &str, len: u64, resume: bool) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(io_error("make the folder", folder))?;
        let lock_path = folder.join("lock");
        let lock = File::create(&lock_path).map_err(io_error("write", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(folder.into())),
            Err(TryLockError::Error(error)) => return Err(io_error("lock", &lock_path)(error)),
        }
        let path = folder.join("journal");
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(io_error("write", &path))?;
        let mut done = Done::new(len);
        let mut end = 0; // after the last whole line
        let mut headed = false;
        scan(&file, &path, |at, next, text| {
            end = next;
            let Some(text) = text else { return Ok(()) };
            if at == 0 {
                headed = true;
                return check_header(&path, text, header);
            }
            if let Some(run) = run_of(text) {
                done.insert(run);
            }
            Ok(())
        })?;
        if !headed {
            // Killed before the header was whole: nothing else can be in there.
            end = 0;
        }
        if done.count() > 0 && !resume {
            return Err(StoreError::Exists { path, runs: done.count() });
        }
        file.set_len(end).map_err(io_error("write", &path))?;
        file.seek(SeekFrom::Start(end)).map_err(io_error("write", &path))?;
        let mut journal = Journal { path, file, end, done, synced: Instant::now(), _lock: lock };
        if !headed {
            journal.write(header)?;
            journal.sync()?;
        }
        Ok(journal)
    }

    /// Which runs are there.
    pub fn done(&self) -> &Done {
        &self.done
    }

    /// Where the journal is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the row of a run.
    ///
    /// # Errors
    /// When the disk is full or the like; what was written before stays.
    pub fn append(&mut self, run: u64, row: &str) -> Result<(), StoreError> {
        self.write(row)?;
        self.done.insert(run);
        if self.synced.elapsed() >= SYNC_EVERY { self.sync() } else { Ok(()) }
    }

    /// Gives everything to the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.synced = Instant::now();
        self.file.sync_data().map_err(io_error("write", &self.path))
    }

    fn write(&mut self, text: &str) -> Result<(), StoreError> {
        let record = record(text);
        if let Err(error) = self.file.write_all(record.as_bytes()) {
            // Half a line may be there; the next process would see that, but leave the file clean.
            let _ = self.file.set_len(self.end);
            return Err(io_error("write", &self.path)(error));
        }
        self.end += record.len() as u64;
        Ok(())
    }
}

/// A line with its hash and its end.
fn record(text: &str) -> String {
    format!("{:016x} {text}\n", xxh3_64(text.as_bytes()))
}

/// The place in the plan that a row is for.
pub(crate) fn run_of(row: &str) -> Option<u64> {
    row.split_once(',')?.0.parse().ok()
}

/// Compares a journal's header with the one that is expected.
pub(crate) fn check_header(path: &Path, found: &str, expected: &str) -> Result<(), StoreError> {
    if found == expected {
        return Ok(());
    }
    Err(StoreError::Other { path: path.into(), found: found.into(), expected: expected.into() })
}

/// Goes through a journal from its beginning: for each whole line where it begins, where the next begins, and its text
/// if its hash is right. Stops at a torn end.
pub(crate) fn scan(
    file: &File,
    path: &Path,
    mut each: impl FnMut(u64, u64, Option<&str>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut reader = BufReader::with_capacity(1 << 16, file);
    reader.seek(SeekFrom::Start(0)).map_err(io_error("read", path))?;
    let (mut at, mut line) = (0, Vec::new());
    loop {
        line.clear();
        let limited = &mut io::Read::take(&mut reader, MAX_LINE);
        let length = limited.read_until(b'\n', &mut line).map_err(io_error("read", path))? as u64;
        if line.last() != Some(&b'\n') && length < MAX_LINE {
            return Ok(());
        }
        each(at, at + length, checked(&line))?;
        at += length;
    }
}

/// The text of a line if its hash is right.
pub(crate) fn checked(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (hash, text) = line.split_at_checked(17)?;
    let hash = hash.strip_suffix(' ')?;
    (u64::from_str_radix(hash, 16).ok()? == xxh3_64(text.as_bytes())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path, resume: bool) -> Result<Journal, StoreError> {
        Journal::open(folder, "header", 1000, resume)
    }

    #[test]
    fn a_torn_end_costs_one_row_wherever_it_is_torn() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path(), false).unwrap();
        (0..5).for_each(|i| journal.append(i, &format!("{i},row {i}")).unwrap());
        drop(journal);
        let path = dir.path().join("journal");
        let whole = std::fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let lines = whole[..length].iter().filter(|b| **b == b'\n').count() as u64;
            let mut journal = open(dir.path(), true).unwrap();
            assert_eq!(journal.done().count(), lines.saturating_sub(1), "cut at {length}");
            (0..5).filter(|i| !journal.done().contains(*i)).collect::<Vec<_>>().iter().for_each(|i| {
                journal.append(*i, &format!("{i},row {i}")).unwrap();
            });
            drop(journal);
            assert_eq!(std::fs::read(&path).unwrap(), whole, "cut at {length}");
        }
    }

    #[test]
    fn a_damaged_row_counts_as_missing() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path(), false).unwrap();
        (0..5).for_each(|i| journal.append(i, &format!("{i},row {i}")).unwrap());
        drop(journal);
        let path = dir.path().join("journal");
        let mut bytes = std::fs::read(&path).unwrap();
        let at = String::from_utf8_lossy(&bytes).find("row 2").unwrap();
        bytes[at] = 0;
        std::fs::write(&path, &bytes).unwrap();
        let journal = open(dir.path(), true).unwrap();
        assert_eq!(journal.done().count(), 4);
        assert!(!journal.done().contains(2) && journal.done().contains(3));
    }

    #[test]
    fn folders_in_use_or_of_something_else_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path(), false).unwrap();
        journal.append(3, "3,row").unwrap();
        assert!(matches!(open(dir.path(), true), Err(StoreError::Locked(_))));
        drop(journal);
        assert!(matches!(open(dir.path(), false), Err(StoreError::Exists { runs: 1, .. })));
        assert!(matches!(Journal::open(dir.path(), "other", 9, true), Err(StoreError::Other { .. })));
        assert_eq!(open(dir.path(), true).unwrap().done().count(), 1);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(open(&file, false), Err(StoreError::Io { .. })));
    }

    #[test]
    fn a_full_disk_is_an_error_and_keeps_what_was_written() {
        // /dev/full accepts nothing.
        let Ok(full) = OpenOptions::new().read(true).write(true).open("/dev/full") else { return };
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path(), false).unwrap();
        journal.append(0, "0,row").unwrap();
        let good = std::mem::replace(&mut journal.file, full);
        let error = journal.append(1, "1,row").unwrap_err().to_string();
        assert!(error.contains("--resume") && error.contains("journal"), "{error}");
        drop((journal, good));
        assert_eq!(open(dir.path(), true).unwrap().done().count(), 1);
    }
}
