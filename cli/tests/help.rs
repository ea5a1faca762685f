//! What `--help` prints fits a terminal of 100 columns.

use clap::{Command, CommandFactory};
use oomsim::args::Cli;

/// Columns to which help is wrapped.
const COLUMNS: usize = 100;

fn every(command: &Command, then: &mut impl FnMut(&Command)) {
    then(command);
    command.get_subcommands().for_each(|below| every(below, then));
}

/// Lines in a row that are no examples are wrapped twice: where they were written, and at the terminal's width.
#[test]
fn texts_behind_the_options_are_wrapped_once() {
    let mut wrong = Vec::new();
    every(&Cli::command(), &mut |command| {
        let texts = [command.get_after_help(), command.get_after_long_help()];
        for text in texts.into_iter().flatten().map(ToString::to_string) {
            let lines: Vec<&str> = text.lines().collect();
            let prose = |line: &str| !line.is_empty() && !line.starts_with(' ') && !line.ends_with(':');
            for pair in lines.windows(2).filter(|pair| prose(pair[0]) && prose(pair[1])) {
                wrong.push(format!("{}: {} / {}", command.get_name(), pair[0], pair[1]));
            }
            let too_long = |line: &&&str| line.starts_with(' ') && line.chars().count() > COLUMNS;
            wrong.extend(lines.iter().filter(too_long).map(|line| format!("{}: {line}", command.get_name())));
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A command's own options come first, those of all commands in a part of their own.
#[test]
fn options_of_every_command_stand_apart() {
    let mut cli = Cli::command();
    cli.build();
    let run = cli.find_subcommand_mut("run").unwrap().render_long_help().to_string();
    let (own, general) = run.split_once("Common options:").unwrap();
    assert!(own.contains("--seed <N>") && !own.contains("--memory-limit"), "{own}");
    assert!(general.contains("--memory-limit") && general.contains("--quiet"), "{general}");
}
