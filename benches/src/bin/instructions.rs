//! Counts instructions under valgrind and compares them with the committed counts: a regression gate that does not
//! depend on how busy the machine is.
//!
//! ```text
//! cargo run --release -p oomsim-benches --bin instructions              # check: fails beyond 5 percent
//! cargo run --release -p oomsim-benches --bin instructions -- update    # write benches/instructions.txt
//! cargo run --release -p oomsim-benches --bin instructions -- run NAME  # one job, without valgrind
//! ```

use oomsim_benches::jobs::jobs;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, ExitCode};
use std::{env, fs, io};

/// Counts are written here.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt");
/// Percent by which a job may be dearer than its committed count.
const TOLERANCE: f64 = 5.0;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args[..] {
        ["run", name] => run(name),
        [] => check(),
        ["update"] => update(),
        _ => Err("usage: instructions [update | run NAME]".into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(2)
        }
    }
}

fn run(name: &str) -> Result<bool, String> {
    let jobs = jobs().map_err(|e| e.to_string())?;
    let job = jobs.iter().find(|j| j.name == name);
    let names = || jobs.iter().map(|j| j.name.as_str()).collect::<Vec<_>>().join(", ");
    println!("{}", (job.ok_or_else(|| format!("no job {name}; there are: {}", names()))?.run)());
    Ok(true)
}

/// Instructions of one job in a process of its own, start of the process included.
fn count(name: &str) -> Result<u64, String> {
    let own = env::current_exe().map_err(|e| e.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
        .arg(own)
        .args(["run", name])
        .output()
        .map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => "valgrind is not installed (apt-get install valgrind)".to_owned(),
            _ => format!("valgrind: {e}"),
        })?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{name} under valgrind: {}\n{text}", output.status));
    }
    let line = text.lines().find(|l| l.contains("refs:")).ok_or(format!("no count from valgrind:\n{text}"))?;
    let digits: String = line.rsplit("refs:").next().unwrap_or("").chars().filter(char::is_ascii_digit).collect();
    digits.parse().map_err(|_| format!("valgrind says `{line}`"))
}

fn counts() -> Result<Vec<(String, u64)>, String> {
    let jobs = jobs().map_err(|e| e.to_string())?;
    jobs.into_iter().map(|job| Ok((job.name.clone(), count(&job.name)?))).collect()
}

fn update() -> Result<bool, String> {
    let mut text =
        String::from("# Instructions per job, written by `instructions -- update`; see docs/PERFORMANCE.md.\n");
    for (name, n) in counts()? {
        println!("{name:32} {n:>15}");
        let _ = writeln!(text, "{name} {n}");
    }
    fs::write(BASELINE, text).map_err(|e| format!("{BASELINE}: {e}"))?;
    Ok(true)
}

fn check() -> Result<bool, String> {
    let text = fs::read_to_string(BASELINE).map_err(|e| format!("{BASELINE}: {e}"))?;
    let committed: BTreeMap<&str, u64> = text
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.rsplit_once(' ').and_then(|(name, n)| Some((name, n.parse().ok()?))))
        .collect();
    let mut holds = true;
    println!("{:32} {:>15} {:>15} {:>8}", "job", "committed", "now", "change");
    for (name, now) in counts()? {
        let Some(&before) = committed.get(name.as_str()) else {
            println!("{name:32} {:>15} {now:>15}           new: commit counts", "none");
            continue;
        };
        let percent = (now as f64 / before as f64 - 1.0) * 100.0;
        let remark = if percent > TOLERANCE {
            holds = false;
            "  DEARER"
        } else if percent < -TOLERANCE {
            "  cheaper: commit new counts"
        } else {
            ""
        };
        println!("{name:32} {before:>15} {now:>15} {percent:>+7.2}%{remark}");
    }
    if !holds {
        println!("Dearer by more than {TOLERANCE} percent. When that is meant, run with `update`.");
        println!("When the reference jobs changed as well, the toolchain did it.");
    }
    Ok(holds)
}
