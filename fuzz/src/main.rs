//! `oomsim-fuzz`: looks for inputs that break oomsim, until the time is over.
//!
//! Every try has a number, from which alone its input is made; a failure prints the command that repeats it, and exits
//! with 1. Threads share out the numbers, so that their count changes nothing.

mod window;

use clap::{Parser, Subcommand};
use oomsim_fuzz::{parsers, said, scenarios};
use oomsim_testkit::{repository, toml_files};
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Looks for inputs that break oomsim.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Damaged inputs for every parser: it may refuse them, and may not fail
    Parsers {
        /// Only these parsers
        #[arg(long)]
        only: Vec<String>,
        #[command(flatten)]
        tries: Tries,
    },
    /// Writes the inputs that the search begins with, for a search that is led by coverage: a folder for each target
    Corpus {
        /// Where to
        folder: PathBuf,
    },
    /// A journal of more than 2^20 runs
    Window,
    /// The repository's scenarios, with all memory added up from its owners as they run
    Audit {
        /// After this many events each
        #[arg(long, default_value = "1000")]
        every: NonZeroU64,
        /// Threads [default: one per processor]
        #[arg(long, short = 'j', default_value_t = 0)]
        jobs: usize,
    },
    /// Random scenarios: conservation, fork = straight, the same digest on any number of threads and through files
    Scenarios {
        #[command(flatten)]
        tries: Tries,
    },
}

/// How many.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Tries {
    /// Number of the first try
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Tries [default: until the time is over]
    #[arg(long)]
    count: Option<u64>,
    /// Time in seconds for each parser, or for the scenarios
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Threads [default: one per processor]
    #[arg(long, short = 'j', default_value_t = 0)]
    jobs: usize,
}

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|_| {})); // What a panic says is printed with its try.
    let failures = match Cli::parse().what {
        What::Parsers { only, tries } => {
            let wanted = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
            let parsers = parsers::all().into_iter().filter(|p| wanted(p.name));
            parsers
                .map(|p| {
                    let repeat = format!("parsers --only {}", p.name);
                    search(p.name, &repeat, tries, |n| p.attempt(n))
                })
                .sum::<u64>()
        }
        What::Corpus { folder } => match write_corpus(&folder) {
            Ok(()) => 0,
            Err(why) => {
                println!("{}: {why}", folder.display());
                1
            }
        },
        What::Window => {
            let once = Tries { seed: 0, count: Some(1), seconds: 3600, jobs: 1 };
            search("window", "window", once, window::attempt)
        }
        What::Audit { every, jobs } => {
            let files = toml_files(&repository().join("scenarios"));
            let all = Tries { seed: 0, count: Some(files.len() as u64), seconds: u64::MAX >> 32, jobs };
            let repeat = format!("audit --every {every}");
            search("audit", &repeat, all, |n| scenarios::audit(&files[n as usize], every.get()))
        }
        What::Scenarios { tries } => search("scenarios", "scenarios", tries, scenarios::attempt),
    };
    ExitCode::from(u8::from(failures > 0))
}

/// Writes `FOLDER/TARGET/seed-001` and so on.
fn write_corpus(folder: &Path) -> std::io::Result<()> {
    let write = |target: &str, inputs: &[Vec<u8>]| {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder)?;
        let mut inputs = (1..).zip(inputs);
        inputs.try_for_each(|(n, input): (u32, _)| std::fs::write(folder.join(format!("seed-{n:03}")), input))
    };
    parsers::all().iter().try_for_each(|parser| write(parser.name, parser.corpus()))?;
    write("simulation", &scenarios::texts(0..50))
}

/// Tries one number after the other; returns how many failed. Stops at the first ten.
fn search(name: &str, repeat: &str, tries: Tries, attempt: impl Fn(u64) -> Result<(), String> + Sync) -> u64 {
    let (next, done, failed) = (AtomicU64::new(tries.seed), AtomicU64::new(0), AtomicU64::new(0));
    let end = tries.count.map_or(u64::MAX, |count| tries.seed.saturating_add(count));
    let deadline = Instant::now() + Duration::from_secs(tries.seconds);
    let (over, print) = (AtomicBool::new(false), Mutex::new(()));
    let work = || {
        while !over.load(Ordering::Relaxed) {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= end || Instant::now() >= deadline {
                break;
            }
            let result = catch_unwind(AssertUnwindSafe(|| attempt(n))).unwrap_or_else(|panic| Err(said(&*panic)));
            done.fetch_add(1, Ordering::Relaxed);
            if let Err(why) = result {
                let _lock = print.lock();
                println!("{name}: {why}\n  repeat: oomsim-fuzz {repeat} --seed {n} --count 1");
                over.store(failed.fetch_add(1, Ordering::Relaxed) >= 9, Ordering::Relaxed);
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let since = Instant::now();
    std::thread::scope(|scope| {
        (0..if tries.jobs == 0 { cores } else { tries.jobs }).for_each(|_| _ = scope.spawn(work));
    });
    let (done, failed) = (done.into_inner(), failed.into_inner());
    println!("{name}: {done} tries in {:.0} s, {failed} failed", since.elapsed().as_secs_f64());
    failed
}
