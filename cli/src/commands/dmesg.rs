//! `oomsim dmesg`: reads the OOM reports of a real kernel log and explains them.

use crate::exit::{Exit, Failure};
use crate::flags::{FlagError, Force, Format};
use crate::live::Live;
use crate::output;
use oomsim_core::units::Quantity;
use oomsim_dmesg::{
    Analyser, Analysis, Found, JsonWriter, Known, LoggedOom, NoScenario, ReadError, Summary, TextOptions,
};
use std::io::{self, BufWriter, StdoutLock};
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
    /// Kernel log in any form: dmesg, journalctl, syslog, kubectl logs, cloud exports, compressed; `-`: standard input
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
    /// Show every report in full, instead of a summary if there are more than three
    #[arg(long, conflicts_with = "report")]
    all: bool,
    /// Write a scenario that reproduces the kill
    #[arg(long, value_name = "OUT.toml")]
    scenario: Option<PathBuf>,
    #[command(flatten)]
    force: Force,
    /// Show only this report, counted from 1; --scenario is built from it [default: the first complete one]
    #[arg(long, value_name = "N")]
    report: Option<usize>,
}

/// A quantity in kB.
fn quantity_kb(text: &str) -> Result<u64, FlagError> {
    let quantity = Quantity::parse(text).map_err(FlagError::Quantity)?;
    u64::try_from(quantity.value() / 1024).map_err(|_| FlagError::Expected("an amount of memory, such as 2Gi"))
}

/// Reports that are shown in full without being asked for.
const FULL: usize = 3;
/// Reports that are held back at the beginning, because a later one may tell what an earlier one leaves out.
const HELD: usize = 64;

/// Runs `oomsim dmesg`.
///
/// # Errors
/// When the log cannot be read or the scenario cannot be written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let mut view = View::new(&args);
    let read = read(&args.file, |found| match found {
        Some(found) => view.take(found),
        None => view.pause(),
    });
    let why = read.as_ref().err().map(|why| cannot(&args.file, why));
    view.finish(why.as_ref())?;
    if let Some(why) = why {
        return Err(why);
    }
    let reports = view.summary.reports;
    if let Some(n) = args.report.filter(|n| *n == 0 || *n as u64 > reports) {
        return Err(Failure::bad_input(format!("there is no report {n}: the log contains {reports}")));
    }
    if reports == 0 {
        return Ok(Exit::Failed);
    }
    if let (Some(path), Some(made)) = (&args.scenario, view.scenario) {
        let text =
            made.map_err(|why| Failure::bad_input(format!("cannot build a scenario from this report: {why}")))?;
        output::write_file(path, args.force, text.as_bytes())?;
    }
    Ok(Exit::Holds)
}

/// Hands over what is found, and `None` when the input stays open and nothing comes.
fn read(file: &Path, mut each: impl FnMut(Option<Found>)) -> Result<(), ReadError> {
    if file == Path::new("-") {
        return oomsim_dmesg::read_live(Live::stdin(), each);
    }
    oomsim_dmesg::read_each(std::fs::File::open(file)?, |found| each(Some(found)))
}

fn cannot(file: &Path, why: &ReadError) -> Failure {
    let named = why.help().replace("FILE", &file.display().to_string());
    let help = if file == Path::new("-") { why.help() } else { &named };
    Failure::bad_input(format!("{} cannot be read: {why}\n  help: {help}", file.display()))
}

/// Shows reports as they come; what is kept does not grow with their number.
struct View<'a> {
    args: &'a Args,
    analyser: Analyser,
    held: Vec<LoggedOom>,
    /// The reports have begun to be shown: none is held back any more.
    begun: bool,
    /// The input stays open (`journalctl -f |`): each report is shown at once.
    live: bool,
    first: Vec<Analysis>,
    summary: Summary,
    json: Option<JsonWriter<BufWriter<StdoutLock<'static>>>>,
    scenario: Option<Result<String, NoScenario>>,
    problem: Option<Failure>,
}

impl<'a> View<'a> {
    fn new(args: &'a Args) -> View<'a> {
        let json = matches!(args.format, Format::Json).then(|| JsonWriter::new(BufWriter::new(io::stdout().lock())));
        View {
            args,
            analyser: Analyser::new(Known { swap_total_kb: args.swap_total }),
            held: Vec::new(),
            begun: false,
            live: false,
            first: Vec::new(),
            summary: Summary::default(),
            json,
            scenario: None,
            problem: None,
        }
    }

    fn take(&mut self, found: Found) {
        match found {
            Found::Other(other) => self.summary.add_other(*other),
            Found::Report(report) if self.begun => self.show(*report),
            Found::Report(report) => {
                self.analyser.learn(&report);
                self.held.push(*report);
                if self.held.len() >= HELD {
                    self.begin();
                }
            }
        }
    }

    /// Nothing comes for now: what has been found is shown.
    fn pause(&mut self) {
        if !(self.held.is_empty() && self.first.is_empty()) {
            self.live = true;
            let first = std::mem::take(&mut self.first);
            for (number, analysis) in (1..).zip(first) {
                self.full(&analysis, number);
            }
            self.begin();
        }
        if let Some(json) = &mut self.json {
            let done = json.flush();
            self.check(done);
        }
    }

    fn begin(&mut self) {
        self.begun = true;
        let mut held = std::mem::take(&mut self.held);
        held.sort_by_key(LoggedOom::position);
        held.into_iter().for_each(|r| self.show(r));
    }

    fn show(&mut self, report: LoggedOom) {
        let analysis = self.analyser.analyse(report);
        self.summary.add(&analysis);
        let number = usize::try_from(self.summary.reports).unwrap_or(usize::MAX);
        let wanted = self.args.report == Some(number);
        if self.args.scenario.is_some() {
            let any = self.args.report.is_none() && !matches!(self.scenario, Some(Ok(_)));
            if wanted || any {
                let made = oomsim_dmesg::scenario(&analysis);
                // Without a number the first that can be made; when none can, why the first cannot.
                if made.is_ok() || self.scenario.is_none() {
                    self.scenario = Some(made);
                }
            }
        }
        if let Some(json) = &mut self.json {
            if wanted || self.args.report.is_none() {
                let done = json.report(&analysis);
                self.check(done);
            }
        } else if wanted || self.args.all || (self.live && self.args.report.is_none()) {
            self.full(&analysis, number);
        } else if self.first.len() < FULL {
            self.first.push(analysis);
        }
    }

    fn full(&mut self, analysis: &Analysis, number: usize) {
        let gap = if number > 1 && self.args.report.is_none() { "\n" } else { "" };
        let text = oomsim_dmesg::report_text(analysis, number, None, self.options());
        self.print(&format!("{gap}{text}"));
    }

    fn options(&self) -> TextOptions {
        TextOptions { candidates: self.args.rows }
    }

    /// What is left to say when the log has been read, or cannot be read on.
    fn finish(&mut self, problem: Option<&Failure>) -> Result<(), Failure> {
        self.begin();
        if let Some(json) = self.json.take() {
            // What is no log at all has no document.
            if problem.is_none() || self.summary.reports > 0 || !self.summary.others.is_empty() {
                let done = json.finish(&self.summary, problem.map(|p| p.message.as_str()));
                self.check(done);
            }
        } else {
            let text = self.text(problem.is_some());
            self.print(&text);
        }
        self.problem.take().map_or(Ok(()), Err)
    }

    fn text(&self, broken: bool) -> String {
        let others = self.summary.others_text();
        let gap = if others.is_empty() { "" } else { "\n" };
        let reports = usize::try_from(self.summary.reports).unwrap_or(usize::MAX);
        if reports == 0 {
            return if broken && others.is_empty() { String::new() } else { self.summary.nothing_text() };
        }
        if self.args.report.is_some() {
            return String::new();
        }
        if self.live && reports == 1 {
            return format!("{gap}{others}");
        }
        if self.args.all || self.live {
            return format!("\n{}{gap}{others}", self.summary.text());
        }
        if reports > FULL {
            let hint = "--report N shows one of them, --all shows all, --format json gives all with every figure.";
            return format!("{}\n{hint}\n{gap}{others}", self.summary.text());
        }
        let each = self.first.iter().enumerate();
        let each = each.map(|(i, a)| oomsim_dmesg::report_text(a, i + 1, Some(reports), self.options()));
        format!("{}{gap}{others}", each.collect::<Vec<_>>().join("\n"))
    }

    fn print(&mut self, text: &str) {
        if let Err(why) = output::print(text) {
            self.problem.get_or_insert(why);
        }
    }

    /// A reader that has gone away is no error.
    fn check(&mut self, done: io::Result<()>) {
        if let Err(why) = done
            && why.kind() != io::ErrorKind::BrokenPipe
        {
            let failure = Failure::internal(format!("standard output could not be written: {why}"));
            self.problem.get_or_insert(failure);
        }
    }
}
