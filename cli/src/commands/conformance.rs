//! `oomsim conformance`: compares the model with recordings of real kernels, kubelets and nodes.

use crate::exit::{Exit, Failure};
use crate::find::skipped;
use crate::flags::Format;
use crate::{load, output};
use flate2::read::GzDecoder;
use oomsim_conformance::{FileReport, Tally, Way, kind_of, run_rows};
use oomsim_report::style::{BAD, DIM, GOOD, paint};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Arguments of `oomsim conformance`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A folder is searched for kernel/*.jsonl, kubelet/*.jsonl and node/*.jsonl (or .jsonl.gz).

Exit codes: 0 no mismatches, 1 at least one mismatch, 2 a file cannot be read.

Examples:
  oomsim conformance crates/conformance/data
  oomsim conformance crates/conformance/data/kernel/badness.jsonl.gz --row 12")]
pub struct Args {
    /// Recordings, or folders with recordings
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Check only the row with this line number or name
    #[arg(long, value_name = "LINE|NAME")]
    row: Option<String>,
    /// Write each row's configuration as files (scenario, manifests, KubeletConfiguration), run them, and compare
    #[arg(long)]
    through_files: bool,
    /// Maximum number of mismatches to show for each file
    #[arg(long, value_name = "N", default_value_t = 20)]
    show: usize,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// A file to check, and the name it is reported under.
struct Recording {
    path: PathBuf,
    name: String,
}

/// Runs `oomsim conformance`.
///
/// # Errors
/// When a path cannot be read or has no recordings.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let way = if args.through_files { Way::Files } else { Way::Functions };
    let mut reports = Vec::new();
    for recording in find(&args.paths)? {
        let wanted = |line: usize, id: &str| args.row.as_ref().is_none_or(|row| *row == line.to_string() || row == id);
        reports.push((run_rows(&recording.name, open(&recording.path)?, way, wanted), recording.path));
    }
    if let Some(row) = args.row.as_ref().filter(|_| reports.iter().all(|(r, _)| r.rows.total == 0 && r.error.is_none()))
    {
        return Err(Failure::bad_input(format!("there is no row with the name or line number {row}")));
    }
    match args.format {
        Format::Text => output::print(&text(&reports, args.show))?,
        Format::Json => output::print(&json(&reports)?)?,
    }
    if let Some(problem) = reports.iter().find_map(|(r, path)| r.error.as_ref().map(|e| (path, e))) {
        return Err(Failure::bad_input(format!("{}: {}", problem.0.display(), problem.1)));
    }
    Ok(if reports.iter().all(|(r, _)| r.holds()) { Exit::Holds } else { Exit::Failed })
}

/// Files as given; in folders everything whose name is that of a known kind, in order of name.
fn find(paths: &[PathBuf]) -> Result<Vec<Recording>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            walk(path, path, 0, &mut found)?;
        } else if path.is_file() {
            let parts: Vec<_> = path.iter().map(|p| p.to_string_lossy()).collect();
            found
                .push(Recording { name: plain(&parts[parts.len().saturating_sub(2)..].join("/")), path: path.clone() });
        } else {
            let help = "give a .jsonl or .jsonl.gz file, or a folder with recordings";
            return Err(Failure::bad_input(format!("{} does not exist\n  help: {help}", path.display())));
        }
    }
    if found.is_empty() {
        return Err(Failure::bad_input("no recordings (such as kernel/badness.jsonl) found there"));
    }
    Ok(found)
}

fn walk(top: &Path, folder: &Path, depth: usize, found: &mut Vec<Recording>) -> Result<(), Failure> {
    let cannot = |why: std::io::Error| Failure::bad_input(format!("{} cannot be read: {why}", folder.display()));
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).map_err(cannot)?.filter_map(Result::ok).map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        let name = path.strip_prefix(top).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        if path.is_dir() && depth < 4 {
            walk(top, &path, depth + 1, found)?;
        } else if (name.ends_with(".jsonl") || name.ends_with(".jsonl.gz")) && kind_of(&name).is_some() {
            match path.metadata() {
                // A pipe would be waited for without end.
                Ok(about) if about.is_file() => found.push(Recording { name: plain(&name), path }),
                Ok(_) => skipped(&path, "it is no ordinary file"),
                Err(why) => skipped(&path, &load::plain(&why)),
            }
        }
    }
    Ok(())
}

/// A name without the ending of the compression.
fn plain(name: &str) -> String {
    name.strip_suffix(".gz").unwrap_or(name).to_string()
}

pub(super) fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    let file =
        File::open(path).map_err(|why| Failure::bad_input(format!("{} cannot be read: {why}", path.display())))?;
    let gzip = path.extension().is_some_and(|e| e == "gz");
    let plain: Box<dyn Read> = if gzip { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
    Ok(Box::new(BufReader::new(plain)))
}

fn json(reports: &[(FileReport, PathBuf)]) -> Result<String, Failure> {
    let files: Vec<&FileReport> = reports.iter().map(|(report, _)| report).collect();
    let text = serde_json::to_string_pretty(&serde_json::json!({ "files": files }));
    text.map(|text| text + "\n").map_err(|why| Failure::internal(why.to_string()))
}

fn text(reports: &[(FileReport, PathBuf)], show: usize) -> String {
    let mut out = format!("{:<34}{:>7}{:>9}{:>11}{:>12}\n", "FILE", "TOTAL", "MATCHED", "UNDECIDED", "MISMATCHED");
    for (report, _) in reports {
        line(&mut out, &report.file, &report.rows);
        if let Some(replay) = &report.replay {
            line(&mut out, "  its configuration, simulated", replay);
        }
        for (kernel, tally) in &report.by_kernel {
            line(&mut out, &format!("  {kernel}"), tally);
        }
        if let Some(sizes) = &report.sizes {
            line(&mut out, "  sizes after each step", sizes);
        }
        if let Some(sizes) = &report.sizes_within_draws {
            line(&mut out, "  sizes within what 32 seeds give", sizes);
        }
    }
    for (report, path) in reports {
        let rows = report.rows.mismatches.iter().map(|m| (m, ""));
        let replayed = report.replay.iter().flat_map(|r| &r.mismatches).map(|m| (m, " (simulated)"));
        let all: Vec<_> = rows.chain(replayed).collect();
        for (m, how) in all.iter().take(show) {
            let name = if m.row.is_empty() { format!("line {}", m.line) } else { m.row.clone() };
            out.push_str(&format!("\n{} {} line {}{how}: {name}\n", paint(BAD, "mismatch"), report.file, m.line));
            out.push_str(&format!("  expected  {}\n  got       {}\n", m.expected, m.got));
            let again = format!("oomsim conformance {} --row {}", path.display(), m.line);
            out.push_str(&format!("  {}\n", paint(DIM, again)));
        }
        if all.len() > show {
            out.push_str(&format!("\n{} more in {} (--show N)\n", all.len() - show, report.file));
        }
    }
    out
}

fn line(out: &mut String, name: &str, tally: &Tally) {
    let row =
        format!("{name:<34}{:>7}{:>9}{:>11}{:>12}", tally.total, tally.matched, tally.undecided, tally.mismatched);
    let style = if tally.mismatched == 0 { GOOD } else { BAD };
    out.push_str(&format!("{}\n", paint(style, row)));
}
