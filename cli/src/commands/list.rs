//! `oomsim list`: the scenarios of a folder.

use crate::exit::{Exit, Failure};
use crate::{find, load, output};
use oomsim_report::escape;
use oomsim_report::style::{BAD, DIM, HEADING, paint};
use oomsim_report::text::plural;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Arguments of `oomsim list`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Scenario files, or folders with scenarios
    #[arg(value_name = "PATH", default_value = "scenarios")]
    paths: Vec<PathBuf>,
}

/// Runs `oomsim list`.
///
/// # Errors
/// When a path cannot be read or nothing is found.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let mut text = String::new();
    let found = find::scenarios(&args.paths)?;
    for file in found.scenarios {
        let path = paint(HEADING, escape::line(&file.display().to_string()));
        match load::scenarios(&file, &[], None) {
            Ok(loaded) => {
                let kinds: Vec<_> = loaded.into_iter().map(|kind| kind.scenario).collect();
                let Some(scenario) = kinds.first() else { continue };
                // What is on all kinds of node counts once.
                let (mut pods, mut expectations) = (BTreeSet::new(), Vec::new());
                for kind in &kinds {
                    pods.extend(kind.pods.iter().map(|pod| (&pod.namespace, &pod.spec.name, &pod.node_name)));
                    expectations.extend(&kind.expectations);
                }
                expectations.sort_by_key(|expectation| expectation.line);
                expectations.dedup();
                let length = scenario.duration;
                let mut about = format!(
                    "{}, {length}, {}",
                    plural(expectations.len() as u64, "expectation"),
                    plural(pods.len() as u64, "pod")
                );
                let nodes: u32 = kinds.iter().map(|kind| kind.nodes).sum();
                if nodes > 1 {
                    about.push_str(&format!(", {nodes} nodes"));
                }
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
        text.push_str(&format!(
            "{}  {}\n",
            paint(HEADING, escape::line(&file.display().to_string())),
            paint(DIM, about)
        ));
    }
    output::print(&text)?;
    Ok(Exit::Holds)
}
