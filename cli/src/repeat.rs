//! The command that repeats a run.

use oomsim_core::units::{SimDuration, format_duration};
use oomsim_report::escape::shell;
use std::path::Path;

/// Everything that identifies a run, apart from its seed.
#[derive(Clone, Copy, Debug)]
pub struct Repeat<'a> {
    /// The scenario file.
    pub file: &'a Path,
    /// `--node`.
    pub node: Option<&'a str>,
    /// `--set`.
    pub overrides: &'a [String],
    /// `--until`.
    pub until: Option<SimDuration>,
}

impl Repeat<'_> {
    /// The command that accepts its outcome; none with `--set`, as only the outcome of the file as it is is accepted.
    pub fn bless(&self) -> Option<String> {
        let command = || format!("oomsim check {} --bless", shell(&self.file.display().to_string()));
        self.overrides.is_empty().then(command)
    }

    /// The command that repeats the run.
    pub fn command(&self, seed: u64) -> String {
        let mut line = format!("oomsim run {}", shell(&self.file.display().to_string()));
        if let Some(node) = self.node {
            line.push_str(&format!(" --node {}", shell(node)));
        }
        line.push_str(&format!(" --seed {seed}"));
        for text in self.overrides {
            line.push_str(&format!(" --set {}", shell(text)));
        }
        if let Some(until) = self.until {
            line.push_str(&format!(" --until {}", format_duration(until)));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_quoted_for_a_shell() {
        let sets = ["kubelet.evictionHard.\"memory.available\"=1Gi".to_owned(), "name=it's".to_owned()];
        assert_eq!(
            Repeat {
                file: Path::new("a b.toml"),
                node: Some("big"),
                overrides: &sets,
                until: Some(SimDuration::from_secs(90))
            }
            .command(3),
            "oomsim run 'a b.toml' --node big --seed 3 --set 'kubelet.evictionHard.\"memory.available\"=1Gi' --set 'name=it'\\''s' --until 1m30s"
        );
    }
}
