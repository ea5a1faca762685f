//! Writing: to the terminal or a pipe, and to folders.

use crate::exit::Failure;
use crate::flags::Force;
use oomsim_report::escape;
use oomsim_scenario::{Diagnostic, gathered};
use oomsim_store::Folder;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Writes text with colours to standard output; colours are taken out when it is no terminal or `NO_COLOR` is set. A
/// reader that has gone away (`oomsim run … | head`) is not an error.
///
/// # Errors
/// When writing fails for another reason.
pub fn print(text: &str) -> Result<(), Failure> {
    print_commands(&escape::no_commands(text))
}

/// As [`print()`], for annotations, which a CI runner is to act on.
///
/// # Errors
/// As for [`print()`].
pub fn print_commands(text: &str) -> Result<(), Failure> {
    let text = escape::output(text);
    let mut out = anstream::stdout().lock();
    ended(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes what a program reads to standard output, piece by piece: nothing is coloured, and `write` has taken the
/// meaning from what acts.
///
/// # Errors
/// As for [`print()`].
pub fn stream(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    ended(write(&mut out).and_then(|()| out.flush()))
}

/// A reader that has gone away is not an error.
fn ended(written: std::io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::internal(format!("standard output could not be written: {why}")))
        }
        _ => Ok(()),
    }
}

/// Writes a message to standard error, whatever becomes of it.
pub fn complain(text: &str) {
    let mut err = anstream::stderr().lock();
    let text = escape::no_commands(text.trim_end());
    let _ = writeln!(err, "{}", escape::output(&text));
}

/// Whether warnings are left out: `--quiet`.
static QUIET: AtomicBool = AtomicBool::new(false);

/// From now on warnings are left out.
pub fn quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether only what matters most is to be shown.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Writes warnings to standard error, those of a kind as one with a count.
pub fn warn<'a>(warnings: impl IntoIterator<Item = &'a Diagnostic>) {
    if !is_quiet() {
        gathered(warnings).iter().for_each(|warning| complain(&warning.render_coloured()));
    }
}

/// The folder of `--out`, if it is given. It is tried before the work starts.
///
/// # Errors
/// When it cannot be made or written.
pub fn folder(out: Option<&Path>, force: Force) -> Result<Option<Folder>, Failure> {
    out.map(|path| Folder::open(path, force.force).map_err(Failure::from)).transpose()
}

/// Writes a file that was named itself, whole or not at all.
///
/// # Errors
/// When it cannot be written, or is there already with other content.
pub fn write_file(path: &Path, force: Force, content: &[u8]) -> Result<PathBuf, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Failure::bad_input(format!("{} is no name of a file", path.display())))?;
    Ok(Folder::unlisted(folder, force.force)?.write(name, content)?)
}
