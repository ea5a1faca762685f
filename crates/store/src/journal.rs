//! The file that finished runs go to, so that nothing is lost but the runs in flight.
//!
//! Lines are only ever appended, each with one write, so that a process that is killed leaves at most one torn line at
//! the end; the next process closes it and goes on behind it. Nothing that was written is taken away. The folder is
//! locked by the operating system while a process writes; the lock ends with the process, however it ends. The file is
//! given to the disk at most once a second and at the end: a power cut may lose the last second.

use crate::error::{StoreError, io_error};
use crate::folder::Folder;
use crate::lines::{CUT, Contents, Header, Line, record, scan};
use std::fs::{File, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often the file is given to the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);

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

/// Lines that do not fit their checksums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// How many.
    pub lines: u64,
    /// The first of them, counted from 1.
    pub first: u64,
}

impl Damage {
    pub(crate) fn add(&mut self, line: u64) {
        self.first = if self.lines == 0 { line } else { self.first };
        self.lines += 1;
    }
}

/// A journal that is being written; its folder is locked.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    end: u64,
    done: Done,
    damage: Damage,
    synced: Instant,
    _lock: File,
}

/// What a journal holds when it is opened.
struct Found {
    done: Done,
    damage: Damage,
    header: Header,
    /// The file's length.
    end: u64,
    /// Whether the last line has no end.
    torn: bool,
}

fn read(file: &File, path: &Path, contents: &Contents<'_>) -> Result<Found, StoreError> {
    let done = Done::new(contents.plan().len());
    let mut found = Found { done, damage: Damage::default(), header: Header::Unfinished, end: 0, torn: false };
    scan(file, path, 0..u64::MAX, |at, line| {
        found.end = at.end;
        match line {
            first if at.start == 0 => found.header = contents.check_header(path, first)?,
            Line::Whole(text) => found.done.insert(contents.check_row(path, at.number, text)?),
            Line::Cut => {}
            Line::Damaged => found.damage.add(at.number),
            Line::Torn(_) => found.torn = true,
        }
        Ok(())
    })?;
    Ok(found)
}

impl Journal {
    /// Opens the journal of a folder, which is made if need be. With `resume` the runs that are there are kept,
    /// otherwise their presence is an error.
    ///
    /// # Errors
    /// When the folder cannot be written, is in use, or holds something else; then nothing was changed.
    pub fn open(folder: &Folder, contents: &Contents<'_>, resume: bool) -> Result<Self, StoreError> {
        let lock = folder.open_file("lock")?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(folder.path().into())),
            Err(TryLockError::Error(error)) => return Err(io_error("lock", &folder.path().join("lock"))(error)),
        }
        let file = folder.open_file("journal")?;
        let path = folder.path().join("journal");
        let Found { done, damage, header, end, torn } = read(&file, &path, contents)?;
        if done.count() > 0 && !resume {
            return Err(StoreError::Exists { path, runs: done.count() });
        }
        let mut journal = Journal { path, file, end, done, damage, synced: Instant::now(), _lock: lock };
        match header {
            // What is there is the beginning of what is written now.
            Header::Unfinished => {
                journal.go_to(0)?;
                journal.write(&record(contents.header()))?;
                journal.sync()?;
                folder.sync()?;
            }
            Header::There => {
                journal.go_to(end)?;
                if torn {
                    journal.write(CUT)?;
                }
            }
        }
        Ok(journal)
    }

    /// Which runs are there.
    pub fn done(&self) -> &Done {
        &self.done
    }

    /// Lines that do not fit their checksums, when it was opened: their runs count as not there.
    pub fn damage(&self) -> Damage {
        self.damage
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
        self.write(&record(row))?;
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

    fn go_to(&mut self, end: u64) -> Result<(), StoreError> {
        self.end = end;
        self.file.seek(SeekFrom::Start(end)).map(drop).map_err(io_error("write", &self.path))
    }

    fn write(&mut self, line: &str) -> Result<(), StoreError> {
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            // A part of this line may be there: it was written just now, and nothing is behind it.
            let _ = self.file.set_len(self.end);
            return Err(io_error("write", &self.path)(error));
        }
        self.end += line.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
