//! `oomsim completions`: scripts for shells.

use crate::args::Cli;
use crate::exit::{Exit, Failure};
use crate::output;
use clap::CommandFactory;
use clap_complete::{Shell, generate};

/// Arguments of `oomsim completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  oomsim completions bash > ~/.local/share/bash-completion/completions/oomsim")]
pub struct Args {
    /// Shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs `oomsim completions`.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "oomsim", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Holds)
}
