//! Writing: to the terminal or a pipe, and to folders.

use crate::exit::Failure;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Writes text with colours to standard output; colours are taken out when it is no terminal or `NO_COLOR` is set. A
/// reader that has gone away (`oomsim run … | head`) is not an error.
///
/// # Errors
/// When writing fails for another reason.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::internal(format!("standard output could not be written: {why}")))
        }
        _ => Ok(()),
    }
}

/// Writes a message to standard error, whatever becomes of it.
pub fn complain(text: &str) {
    let mut err = anstream::stderr().lock();
    let _ = writeln!(err, "{}", text.trim_end());
}

/// A folder for results. It is checked before the work starts, and each file appears in it whole or not at all.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder if it is not there and tries whether files can be created in it.
    ///
    /// # Errors
    /// When it cannot be made or is not writable.
    pub fn open(path: &Path) -> Result<Folder, Failure> {
        let cannot = |why: std::io::Error| {
            let why = crate::load::plain(&why);
            Failure::bad_input(format!(
                "cannot write to the folder {}: {why}\n  help: choose another folder with --out, or fix its permissions",
                path.display()
            ))
        };
        if path.exists() && !path.is_dir() {
            let why = format!("{} is a file, not a folder\n  help: give a folder with --out", path.display());
            return Err(Failure::bad_input(why));
        }
        std::fs::create_dir_all(path).map_err(cannot)?;
        let folder = Folder { path: path.to_owned() };
        folder.temporary().map_err(cannot)?;
        Ok(folder)
    }

    /// A folder in this one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn below(&self, name: &str) -> Result<Folder, Failure> {
        Folder::open(&self.path.join(name))
    }

    fn temporary(&self) -> std::io::Result<NamedTempFile> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".oomsim-").suffix(".tmp");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As for any new file: the process's umask takes its share.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        builder.tempfile_in(&self.path)
    }

    /// Writes a file whole: first under another name, which becomes `name` only when everything is in it.
    ///
    /// # Errors
    /// When it cannot be written; an older file of that name is then still there as it was.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, Failure> {
        let target = self.path.join(name);
        let cannot =
            |why: std::io::Error| Failure::internal(format!("{} could not be written: {why}", target.display()));
        let mut file = self.temporary().map_err(cannot)?;
        file.write_all(content).and_then(|()| file.flush()).map_err(cannot)?;
        file.persist(&target).map_err(|failed| cannot(failed.error))?;
        Ok(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_whole_and_replace_older_ones() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(&place.path().join("a/b")).unwrap();
        folder.write("x.txt", b"old").unwrap();
        let path = folder.write("x.txt", b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(place.path().join("a/b")).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_bad_input() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("file"), b"").unwrap();
        let failure = Folder::open(&place.path().join("file/out")).unwrap_err();
        assert_eq!(failure.exit, crate::exit::Exit::BadInput);
        assert!(failure.message.contains("--out"));
        let failure = Folder::open(&place.path().join("file")).unwrap_err();
        assert!(failure.message.contains("is a file, not a folder"), "{}", failure.message);
    }
}
