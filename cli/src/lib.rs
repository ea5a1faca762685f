//! The `oomsim` command: reads scenarios, runs them, and reports what happened.

pub mod args;
pub mod commands;
pub mod decode;
pub mod engine;
pub mod exit;
pub mod find;
pub mod flags;
pub mod fleet;
pub mod live;
pub mod load;
pub mod memory;
pub mod output;
pub mod progress;
pub mod prometheus;
pub mod repeat;
pub mod reserve;
pub mod stop;

use clap::Parser;
use exit::Exit;

/// Parses the arguments, does what they ask, and prints what went wrong.
pub fn main() -> Exit {
    engine::install_panic_hook();
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(why) => {
            // Help and version go to standard output and are no errors.
            let _ = why.print();
            return if why.use_stderr() { Exit::BadInput } else { Exit::Holds };
        }
    };
    if cli.quiet {
        output::quiet();
    }
    if cli.allow_outside {
        load::allow_outside();
    }
    stop::advise(cli.command.after_a_stop());
    memory::watch(cli.memory_limit);
    stop::watch(cli.timeout.map(|time| std::time::Duration::from_nanos(time.as_nanos())));
    match engine::guarded(|| cli.command.execute()) {
        Ok(exit) => exit,
        Err(failure) => {
            output::complain(&failure.to_string());
            failure.exit
        }
    }
}
