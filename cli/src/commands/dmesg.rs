//! `oomsim dmesg`: reads the OOM reports of a real kernel log and explains them.

use crate::exit::{Exit, Failure};
use crate::flags::Format;
use crate::output;
use oomsim_core::units::Quantity;
use oomsim_dmesg::{Analysis, Known, TextOptions};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  dmesg | oomsim dmesg -
  oomsim dmesg /var/log/messages
  journalctl -k -b -1 | oomsim dmesg -
  oomsim dmesg kernel.log --format json
  oomsim dmesg kernel.log --scenario kill.toml && oomsim run kill.toml

Exit codes:
  0  the log has at least one OOM report
  1  the log has no OOM report
  2  the log cannot be read";

/// Arguments of `oomsim dmesg`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Kernel log from dmesg, dmesg -T, journalctl, syslog or /dev/kmsg; `-` for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Maximum number of candidates to show for each report
    #[arg(long, value_name = "N", default_value_t = 10)]
    rows: usize,
    /// The machine's total swap, which a report about a cgroup does not contain
    #[arg(long, value_name = "QUANTITY", value_parser = quantity_kb)]
    swap_total: Option<u64>,
    /// Write a scenario that reproduces the kill
    #[arg(long, value_name = "OUT.toml")]
    scenario: Option<PathBuf>,
    /// Number of the report to build the scenario from, counted from 1 [default: the first complete one]
    #[arg(long, value_name = "N", requires = "scenario")]
    report: Option<usize>,
}

/// A quantity in kB.
fn quantity_kb(text: &str) -> Result<u64, String> {
    let quantity: Quantity = text.parse().map_err(|why| format!("{why}"))?;
    u64::try_from(quantity.value() / 1024).map_err(|_| "an amount of memory is not negative".into())
}

/// Runs `oomsim dmesg`.
///
/// # Errors
/// When the log cannot be read or the scenario cannot be written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let reports = read(&args.file)?;
    let known = Known { swap_total_kb: args.swap_total };
    let analyses = oomsim_dmesg::analyse(reports, known);
    let text = match args.format {
        Format::Text => oomsim_dmesg::text(&analyses, TextOptions { candidates: args.rows }),
        Format::Json => {
            oomsim_dmesg::to_json(&analyses).map_err(|why| Failure::internal(format!("JSON: {why}")))? + "\n"
        }
    };
    output::print(&text)?;
    if analyses.is_empty() {
        return Ok(Exit::Failed);
    }
    if let Some(path) = &args.scenario {
        write_scenario(path, &analyses, args.report)?;
    }
    Ok(Exit::Holds)
}

fn read(file: &Path) -> Result<Vec<oomsim_dmesg::Report>, Failure> {
    let cannot = |why: oomsim_dmesg::ReadError| {
        let help = why.help().replace("FILE", &file.display().to_string());
        Failure::bad_input(format!("{} cannot be read: {why}\n  help: {help}", file.display()))
    };
    if file == Path::new("-") {
        return oomsim_dmesg::read(std::io::stdin().lock()).map_err(cannot);
    }
    let input = std::fs::File::open(file).map_err(|why| cannot(why.into()))?;
    oomsim_dmesg::read(input).map_err(cannot)
}

fn write_scenario(path: &Path, analyses: &[Analysis], wanted: Option<usize>) -> Result<(), Failure> {
    let chosen = match wanted {
        Some(n) => {
            let found = n.checked_sub(1).and_then(|i| analyses.get(i));
            let found = found.ok_or_else(|| {
                Failure::bad_input(format!("there is no report {n}: the log contains {}", analyses.len()))
            })?;
            oomsim_dmesg::scenario(found)
        }
        None => {
            let mut all = analyses.iter().map(oomsim_dmesg::scenario);
            let first = all.next();
            match first {
                Some(Err(why)) => all.find(Result::is_ok).unwrap_or(Err(why)),
                Some(done) => done,
                None => return Ok(()),
            }
        }
    };
    let text = chosen.map_err(|why| Failure::bad_input(format!("cannot build a scenario from this report: {why}")))?;
    std::fs::write(path, text).map_err(|why| Failure::bad_input(format!("{} cannot be written: {why}", path.display())))
}
