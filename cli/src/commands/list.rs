//! `oomsim list`: the scenarios of a folder.

use crate::exit::{Exit, Failure};
use crate::render::style::{BAD, DIM, HEADING, paint};
use crate::{find, load, output};
use std::path::PathBuf;

/// Arguments of `oomsim list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Scenario files, or folders with scenarios
    #[arg(value_name = "PATH", default_value = "scenarios")]
    paths: Vec<PathBuf>,
}

/// Does it.
///
/// # Errors
/// When a path cannot be read or nothing is found.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let mut text = String::new();
    let found = find::scenarios(&args.paths)?;
    for file in found.scenarios {
        let path = paint(HEADING, file.display());
        match load::scenario(&file, &[]) {
            Ok(scenario) => {
                let length = scenario.duration;
                let about =
                    format!("{} expectations, {length}, {} pods", scenario.expectations.len(), scenario.pods.len());
                text.push_str(&format!("{path}  {}\n", paint(DIM, about)));
                for line in scenario.description.trim().lines() {
                    text.push_str(&format!("    {}\n", line.trim()));
                }
            }
            Err(unusable) => {
                let count = unusable.problems.len().max(1);
                text.push_str(&format!("{path}  {}\n", paint(BAD, format!("{count} problems: see oomsim check"))));
            }
        }
    }
    for file in found.studies {
        let about = format!("a study: `{}`", find::kind(&file).command());
        text.push_str(&format!("{}  {}\n", paint(HEADING, file.display()), paint(DIM, about)));
    }
    output::print(&text)?;
    Ok(Exit::Holds)
}
