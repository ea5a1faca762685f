//! Folders that results are written to: each file whole or not at all, and never over what this program did not write.
//!
//! What was written is known by a list in the folder, `.oomsim`: a hash and a name on each line. A file that is not on
//! it, or that was changed since, stays as it is unless the caller says otherwise; so does a link, wherever it leads.

use crate::error::{StoreError, io_error};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tempfile::NamedTempFile;
use xxhash_rust::xxh3::Xxh3;

/// Name of the list.
const LIST: &str = ".oomsim";
/// What the list begins with.
const HEADING: &str =
    "oomsim wrote these files; without --force it writes over no other, and over none that was changed";
/// What a page of `oomsim report` or `oomsim compare` has near its beginning (web/scripts/page.mjs).
const PAGE: &[u8] = br#"<meta name="generator" content="oomsim">"#;
/// Names of files that are being written.
const PREFIX: &str = ".oomsim-";
const SUFFIX: &str = ".tmp";
/// A file that is being written has its lock long before it is as old.
const UNLOCKED: Duration = Duration::from_secs(60);
/// Files that are being written, for [`remove_drafts`].
static DRAFTS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Hashes of what was written, by name.
type Written = BTreeMap<String, BTreeSet<u128>>;

/// A folder for results.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    force: bool,
    /// `None`: no list is kept, and no file is written over but by the same content, or an older page by a newer one.
    written: Option<Mutex<Written>>,
}

impl Folder {
    /// Opens a folder that keeps a list of what was written to it, and makes it if need be. With `force`, files are
    /// written over whatever they are.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn open(path: &Path, force: bool) -> Result<Folder, StoreError> {
        let mut folder = Folder::unlisted(path, force)?;
        folder.written = Some(Mutex::new(folder.read_list()?));
        Ok(folder)
    }

    /// Opens a folder that belongs to others, in which no list is kept: a file that is there is only written over
    /// with `force`, but for pages, which say who made them.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn unlisted(path: &Path, force: bool) -> Result<Folder, StoreError> {
        if path.exists() && !path.is_dir() {
            return Err(StoreError::NotAFolder(path.into()));
        }
        std::fs::create_dir_all(path).map_err(io_error("make the folder", path))?;
        let folder = Folder { path: path.into(), force, written: None };
        folder.temporary().map_err(io_error("write to the folder", path))?;
        folder.remove_leftovers();
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in this one.
    ///
    /// # Errors
    /// When it cannot be made, or a link stands in its place.
    pub fn below(&self, name: &str) -> Result<Folder, StoreError> {
        let path = self.path.join(name);
        if path.is_symlink() {
            return Err(StoreError::NotOurs { path, what: "a link" });
        }
        match self.written {
            Some(_) => Folder::open(&path, self.force),
            None => Folder::unlisted(&path, self.force),
        }
    }

    /// Writes a file whole: first under another name, which becomes `name` only when everything is in it.
    ///
    /// # Errors
    /// When it cannot be written, or something else stands there; what was there is then as it was.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, StoreError> {
        let path = self.path.join(name);
        if self.written.is_none() && odd(&path).is_none() && is_same(&path, content).unwrap_or(false) {
            return Ok(path);
        }
        let mut draft = self.draft(name)?;
        draft.write_all(content).map_err(io_error("write", &draft.path))?;
        draft.finish()
    }

    /// Begins a file that takes its name when it is finished.
    ///
    /// # Errors
    /// When it cannot be written, or something else stands there.
    pub fn draft(&self, name: &str) -> Result<Draft<'_>, StoreError> {
        let path = self.path.join(name);
        self.check(name, &path)?;
        let file = self.temporary().map_err(io_error("write", &path))?;
        let file = BufWriter::with_capacity(1 << 16, file);
        Ok(Draft { folder: self, name: name.into(), path, file, hash: Xxh3::new() })
    }

    /// A file without a name, for what waits to be written: it does not outlive the process.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn scratch(&self) -> Result<File, StoreError> {
        tempfile::tempfile_in(&self.path).map_err(io_error("write to the folder", &self.path))
    }

    /// Opens a file for reading and writing as it is; it is made if need be, and nothing of it is lost.
    pub(crate) fn open_file(&self, name: &str) -> Result<File, StoreError> {
        let path = self.path.join(name);
        if let Some(what) = odd(&path) {
            return Err(StoreError::NotOurs { path, what });
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).open(&path).map_err(io_error("write", &path))
    }

    /// Gives the folder itself to the disk: the names of files that were made in it.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let synced = if cfg!(unix) { File::open(&self.path).and_then(|folder| folder.sync_all()) } else { Ok(()) };
        synced.map_err(io_error("write to the folder", &self.path))
    }

    /// Removes files that a process which was ended at once (SIGKILL, power) has left half written: those that none
    /// holds, older than a file stays without its lock. What cannot be removed does no harm: no command reads it.
    fn remove_leftovers(&self) {
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        for entry in entries.filter(|e| e.file_type().is_ok_and(|kind| kind.is_file())) {
            let name = entry.file_name();
            let ours = name.to_str().is_some_and(|n| n.starts_with(PREFIX) && n.ends_with(SUFFIX));
            let old = || entry.metadata().and_then(|m| m.modified()).ok()?.elapsed().ok();
            if ours
                && old().is_some_and(|age| age > UNLOCKED)
                && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok())
            {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    fn temporary(&self) -> io::Result<NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As for any new file: the process's umask takes its share.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let file = drafts(|list| {
            let file = builder.tempfile_in(&self.path)?;
            list.insert(file.path().into());
            io::Result::Ok(file)
        })?;
        // Where there are no locks, its age alone protects it.
        let _ = file.as_file().lock();
        Ok(file)
    }

    /// Whether a file may be written here.
    fn check(&self, name: &str, path: &Path) -> Result<(), StoreError> {
        let what = match odd(path) {
            Some(what) if what == FOLDER || !self.force => what,
            None if !self.force && path.exists() && !self.is_ours(name, path)? => match self.written {
                Some(_) => "a file that oomsim did not write, or that was changed since",
                None => "there already",
            },
            _ => return Ok(()),
        };
        Err(StoreError::NotOurs { path: path.into(), what })
    }

    fn is_ours(&self, name: &str, path: &Path) -> Result<bool, StoreError> {
        let Some(written) = &self.written else { return Ok(is_page(path)) };
        let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hash = None;
        // Another process may have written it since the list was read.
        for read_anew in [false, true] {
            if read_anew {
                *written = self.read_list()?;
            }
            let Some(hashes) = written.get(name) else { continue };
            let hash = match hash {
                Some(hash) => hash,
                None => *hash.insert(hash_of(path).map_err(io_error("read", path))?),
            };
            if hashes.contains(&hash) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read_list(&self) -> Result<Written, StoreError> {
        let path = self.path.join(LIST);
        if let Some(what) = odd(&path) {
            return Err(StoreError::NotOurs { path, what });
        }
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Written::new()),
            Err(error) => return Err(io_error("read", &path)(error)),
        };
        if text.lines().next().is_some_and(|first| first != HEADING) {
            return Err(StoreError::NotOurs { path, what: "not the list of files that oomsim keeps" });
        }
        let mut written = Written::new();
        for (hash, name) in text.lines().skip(1).filter_map(|line| line.split_once(' ')) {
            if let Ok(hash) = u128::from_str_radix(hash, 16) {
                written.entry(name.into()).or_default().insert(hash);
            }
        }
        Ok(written)
    }

    /// Puts a file on the list, before it takes its name: a process that is killed in between leaves a line too many,
    /// and no file that is not known.
    fn list(&self, name: &str, hash: u128) -> Result<(), StoreError> {
        let Some(written) = &self.written else { return Ok(()) };
        let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
        if !written.entry(name.into()).or_default().insert(hash) {
            return Ok(());
        }
        let path = self.path.join(LIST);
        let mut file = OpenOptions::new().append(true).create(true).open(&path).map_err(io_error("write", &path))?;
        let length = file.metadata().map_err(io_error("read", &path))?.len();
        let heading = if length == 0 { format!("{HEADING}\n") } else { String::new() };
        let listed = file.write_all(format!("{heading}{hash:032x} {name}\n").as_bytes());
        // Half a line on a full disk would make the next one unknown.
        listed.inspect_err(|_| _ = file.set_len(length)).map_err(io_error("write", &path))
    }
}

/// Whether a file begins as the pages of `oomsim report` do: an older one is replaced by a newer one.
fn is_page(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4096).read_to_end(&mut head));
    read.is_ok() && head.windows(PAGE.len()).any(|part| part == PAGE)
}

/// Whether a file has this content.
fn is_same(path: &Path, content: &[u8]) -> io::Result<bool> {
    Ok(std::fs::metadata(path)?.len() == content.len() as u64 && std::fs::read(path)? == content)
}

/// What [`odd`] says of a folder.
const FOLDER: &str = "a folder";

/// What stands at a path, if it is neither nothing nor an ordinary file.
fn odd(path: &Path) -> Option<&'static str> {
    let kind = path.symlink_metadata().ok()?.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_symlink() => Some("a link"),
        () if kind.is_dir() => Some(FOLDER),
        () => Some("no ordinary file"),
    }
}

fn hash_of(path: &Path) -> io::Result<u128> {
    let (mut file, mut hash, mut buffer) = (File::open(path)?, Xxh3::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.digest128()),
            length => hash.update(&buffer[..length]),
        }
    }
}

/// A file that takes its name only when it is whole.
pub struct Draft<'f> {
    folder: &'f Folder,
    name: String,
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    hash: Xxh3,
}

impl Draft<'_> {
    /// The name that it takes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// XXH3-128 of what was written.
    pub fn hash(&self) -> u128 {
        self.hash.digest128()
    }

    /// Gives what was written up to now to the disk, so that finishing it does not wait long.
    ///
    /// # Errors
    /// When the disk is full or the like.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().as_file().sync_all());
        synced.map_err(io_error("write", &self.path))
    }

    /// Gives it to the disk and lets it take its name.
    ///
    /// # Errors
    /// When the disk is full or the like.
    pub fn finish(self) -> Result<PathBuf, StoreError> {
        let Draft { folder, name, path, file, hash } = self;
        let file = file.into_inner().map_err(|error| io_error("write", &path)(error.into_error()))?;
        let temporary = file.path().to_path_buf();
        file.as_file().sync_all().map_err(io_error("write", &path))?;
        // Something else may stand there since it was begun, long ago if a run was waited for.
        folder.check(&name, &path)?;
        folder.list(&name, hash.digest128())?;
        drafts(|list| {
            list.remove(&temporary);
            file.persist(&path).map_err(|error| io_error("write", &path)(error.error))
        })?;
        Ok(path)
    }
}

impl Write for Draft<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.file.write(bytes)?;
        self.hash.update(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn drafts<T>(change: impl FnOnce(&mut BTreeSet<PathBuf>) -> T) -> T {
    change(&mut DRAFTS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Removes files that are being written and have not taken their names, for a process that ends at once: from now on
/// none is made, and none takes its name, in any thread.
pub fn remove_drafts() {
    let drafts = DRAFTS.lock().unwrap_or_else(PoisonError::into_inner);
    drafts.iter().for_each(|path| _ = std::fs::remove_file(path));
    std::mem::forget(drafts);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    #[test]
    fn files_are_written_whole_and_replace_older_ones_of_ours() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b");
        let folder = Folder::open(&path, false).unwrap();
        folder.write("x.txt", b"old").unwrap();
        folder.write("x.txt", b"new").unwrap();
        assert_eq!(std::fs::read(path.join("x.txt")).unwrap(), b"new");
        // Another process knows it, too.
        Folder::open(&path, false).unwrap().write("x.txt", b"newer").unwrap();
        assert_eq!(names(&path), [".oomsim", "x.txt"], "no temporary file is left");
        let mut unfinished = folder.draft("y.txt").unwrap();
        unfinished.write_all(b"half").unwrap();
        drop(unfinished);
        assert_eq!(names(&path), [".oomsim", "x.txt"]);
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
        let make = |name: &str, old: bool| {
            let file = File::create(place.path().join(name)).unwrap();
            if old {
                file.set_modified(hour_ago).unwrap();
            }
            file
        };
        let held = make(".oomsim-held.tmp", true);
        held.lock().unwrap();
        for (name, old) in [(".oomsim-left.tmp", true), (".oomsim-new.tmp", false), ("mine.tmp", true)] {
            make(name, old);
        }
        let folder = Folder::unlisted(place.path(), false).unwrap();
        assert_eq!(names(place.path()), [".oomsim-held.tmp", ".oomsim-new.tmp", "mine.tmp"]);
        // A file that is being written is held, however long it takes.
        let draft = folder.draft("x.txt").unwrap();
        draft.file.get_ref().as_file().set_modified(hour_ago).unwrap();
        Folder::open(place.path(), false).unwrap();
        draft.finish().unwrap();
        assert!(place.path().join("x.txt").exists());
    }

    #[test]
    fn what_others_wrote_stays() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path(), false).unwrap();
        std::fs::write(place.path().join("notes.csv"), "mine").unwrap();
        let refused = folder.write("notes.csv", b"ours").unwrap_err();
        assert!(refused.to_string().contains("notes.csv is a file that oomsim did not write"), "{refused}");
        folder.write("ours.csv", b"ours").unwrap();
        std::fs::write(place.path().join("ours.csv"), "ours, with a note of mine").unwrap();
        assert!(matches!(folder.write("ours.csv", b"new"), Err(StoreError::NotOurs { .. })));
        assert_eq!(std::fs::read(place.path().join("notes.csv")).unwrap(), b"mine");
        Folder::open(place.path(), true).unwrap().write("notes.csv", b"ours").unwrap();
        assert_eq!(std::fs::read(place.path().join("notes.csv")).unwrap(), b"ours");
        // So does what comes while a file is being written.
        let draft = folder.draft("late.csv").unwrap();
        std::fs::write(place.path().join("late.csv"), "mine").unwrap();
        assert!(matches!(draft.finish(), Err(StoreError::NotOurs { .. })));
        assert_eq!(std::fs::read(place.path().join("late.csv")).unwrap(), b"mine");
        // What another process writes meanwhile is of the same program.
        let draft = folder.draft("both.csv").unwrap();
        Folder::open(place.path(), false).unwrap().write("both.csv", b"theirs").unwrap();
        draft.finish().unwrap();
        std::fs::create_dir(place.path().join("folder")).unwrap();
        assert!(Folder::open(place.path(), true).unwrap().write("folder", b"").is_err());
        std::fs::write(place.path().join(LIST), "a list of another program").unwrap();
        assert!(matches!(Folder::open(place.path(), true), Err(StoreError::NotOurs { .. })));
    }

    #[test]
    #[cfg(unix)]
    fn links_are_not_followed() {
        use std::os::unix::fs::symlink;
        let place = tempfile::tempdir().unwrap();
        let (out, elsewhere) = (place.path().join("out"), place.path().join("elsewhere"));
        let folder = Folder::open(&out, false).unwrap();
        std::fs::write(&elsewhere, "precious").unwrap();
        symlink(&elsewhere, out.join("run.csv")).unwrap();
        symlink(place.path(), out.join("node-0")).unwrap();
        symlink(place.path().join("not-there"), out.join("journal")).unwrap();
        assert!(matches!(folder.write("run.csv", b"x"), Err(StoreError::NotOurs { what: "a link", .. })));
        assert!(matches!(folder.below("node-0"), Err(StoreError::NotOurs { what: "a link", .. })));
        assert!(matches!(folder.open_file("journal"), Err(StoreError::NotOurs { what: "a link", .. })));
        // With force the link is replaced, not what it leads to.
        Folder::open(&out, true).unwrap().write("run.csv", b"x").unwrap();
        assert_eq!(std::fs::read(&elsewhere).unwrap(), b"precious");
        assert!(!place.path().join("not-there").exists());
    }

    #[test]
    fn a_folder_of_others_gets_no_list_and_loses_nothing() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::unlisted(place.path(), false).unwrap();
        folder.write("a.1", b"page").unwrap();
        folder.write("a.1", b"page").unwrap();
        let refused = folder.write("a.1", b"another").unwrap_err();
        assert!(refused.to_string().contains("a.1 is there already"), "{refused}");
        Folder::unlisted(place.path(), true).unwrap().write("a.1", b"another").unwrap();
        assert_eq!(names(place.path()), ["a.1"]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("file"), b"").unwrap();
        assert!(matches!(Folder::open(&place.path().join("file/out"), false), Err(StoreError::Io { .. })));
        assert!(matches!(Folder::open(&place.path().join("file"), false), Err(StoreError::NotAFolder(_))));
    }
}
