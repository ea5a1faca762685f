//! Whether the rules lead to the process that was chosen, in words.

use super::{ChoiceVerdict, Trial};
use crate::report::{Killed, LoggedOom};
use oomsim_core::kernel::oom::select;
use oomsim_core::kernel::{BadnessFloor, Profile};
use oomsim_core::node_api::TaskRow;
use oomsim_core::units::Pages;

impl Trial<'_> {
    pub(super) fn judge(
        &self,
        rows: &[TaskRow],
        expected: Option<u32>,
        score: Option<(u64, i64)>,
    ) -> (ChoiceVerdict, String) {
        let report = self.report;
        if let Some(panic) = report.panic.as_ref().filter(|p| p.contains("panic_on_oom") || p.contains("anic_on_oom")) {
            let text =
                format!("vm.panic_on_oom is set, so the kernel panicked in place of killing a process: {panic}.");
            return (ChoiceVerdict::Panic, text);
        }
        let Some(chosen) = self.chosen else {
            return self.nobody(rows, expected);
        };
        if report.oom_kill_allocating_task {
            let text = "vm.oom_kill_allocating_task is on: the process that asked for memory was killed, without comparing points.";
            return (ChoiceVerdict::AllocatingTask, text.into());
        }
        if rows.is_empty() {
            return (
                ChoiceVerdict::CannotTell,
                "The table of tasks is missing, so the choice cannot be checked.".into(),
            );
        }
        if report.repeated_rows > 0 {
            let text = "Processes stand in the table twice: rows of another report are among them, so the choice cannot be checked.";
            return (ChoiceVerdict::CannotTell, text.into());
        }
        let Some(row) = rows.iter().find(|r| r.pid.0 == chosen) else {
            return (ChoiceVerdict::CannotTell, self.not_in_table(rows, chosen));
        };
        if rows.iter().filter(|r| r.points.is_some()).count() == 1 && row.points.is_some() && !report.rows_lost() {
            let mut text = format!("{} (pid {chosen}) is the only process of the table that may be killed.", row.comm);
            self.killed_instead(&mut text, row);
            return (ChoiceVerdict::Explained, text);
        }
        if let Some(text) = self.rules.unknown(report.kernel.as_deref()) {
            return (ChoiceVerdict::CannotTell, text);
        }
        if self.total.pages.is_none() && !self.same_adjustment(rows) {
            let text = format!("What points are measured against is {}.", self.total.from);
            return (ChoiceVerdict::CannotTell, text);
        }
        if let Some((printed, computed)) = score
            && i64::try_from(printed) != Ok(computed)
        {
            let text = format!(
                "The kernel printed score {printed}, these rules give {computed}: the rules or the table are not the whole story."
            );
            return (ChoiceVerdict::NotExplained, text);
        }
        if expected == Some(chosen) {
            return (ChoiceVerdict::Explained, self.because(rows, row));
        }
        let would = expected.and_then(|pid| rows.iter().find(|r| r.pid.0 == pid));
        let text = match would {
            Some(w) => format!(
                "No known rules lead to {} (pid {chosen}, {}): by those of Linux {} {} (pid {}, {}) would have died. The table may lack rows, or the process was already dying.",
                row.comm,
                points(row.points),
                self.rules.name,
                w.comm,
                w.pid,
                points(w.points),
            ),
            None => format!("By the rules no process could be killed, yet {} (pid {chosen}) was.", row.comm),
        };
        (ChoiceVerdict::NotExplained, text)
    }

    /// The chosen process has no row: what the line about its kill says of it.
    fn not_in_table(&self, rows: &[TaskRow], chosen: u32) -> String {
        let report = self.report;
        let why = if report.rows_lost() { "its row is lost" } else { "its row is lost, or it is a thread" };
        let mut text = format!(
            "The chosen process {chosen} is not in the table ({why}): the choice cannot be checked against all rows."
        );
        let killed = report.killed.iter().find(|k| k.pid == chosen);
        let most = rows.iter().filter(|r| r.points.is_some()).max_by_key(|r| r.points);
        if let (Some(k), Some(most), Some(rss), Some(total)) =
            (killed, most, killed.and_then(Killed::rss_kb), self.total.pages)
        {
            let own = rss.saturating_add(k.pgtables_kb.unwrap_or(0)) / report.page_size_kb;
            let adj = i64::from(k.oom_score_adj.unwrap_or(0));
            let thousandth = i64::try_from(total.get() / 1000).unwrap_or(i64::MAX);
            let own = i64::try_from(own).unwrap_or(i64::MAX).saturating_add(adj.saturating_mul(thousandth));
            let than = most.points.unwrap_or(0);
            let more = if own > than { "more than" } else { "not more than" };
            text.push_str(&format!(
                " By the line about its kill it had about {own} points, {more} {} (pid {}) with {than}, who has the most of those listed.",
                most.comm, most.pid
            ));
        }
        text
    }

    fn nobody(&self, rows: &[TaskRow], expected: Option<u32>) -> (ChoiceVerdict, String) {
        if !self.report.no_killable {
            return (ChoiceVerdict::CannotTell, "The log ends before the kill: who was chosen is not known.".into());
        }
        match expected.and_then(|pid| rows.iter().find(|r| r.pid.0 == pid)) {
            None if rows.is_empty() && self.report.table_columns.is_empty() => {
                let why = "The table of tasks is missing: why no process could be killed is not known.";
                (ChoiceVerdict::CannotTell, why.into())
            }
            None if rows.is_empty() => (
                ChoiceVerdict::Nobody,
                "The table of tasks is empty: no process is left there, and what holds the memory is none (files in tmpfs, kernel memory).".into(),
            ),
            None => (
                ChoiceVerdict::Nobody,
                "Every process is protected with oom_score_adj −1000: no process could be killed.".into(),
            ),
            Some(w) => (
                ChoiceVerdict::NotExplained,
                format!(
                    "The kernel found no process to kill, although {} (pid {}) is not protected; it may have been dying already.",
                    w.comm, w.pid
                ),
            ),
        }
    }

    /// Why the rules lead to this task.
    fn because(&self, rows: &[TaskRow], row: &TaskRow) -> String {
        let points = row.points.unwrap_or(0);
        let equals = rows.iter().filter(|r| r.points == row.points).count();
        let next =
            rows.iter().filter(|r| r.pid != row.pid && r.points.is_some_and(|p| p < points)).max_by_key(|r| r.points);
        let mut text = if equals > 1 && self.rules.floor() && points == 1 {
            format!(
                "{equals} tasks have points below 1, which this kernel counts as 1, so size does not matter; among equals it takes the {} of the table: {} (pid {}).",
                if self.rules.last_of_equals() { "last" } else { "first" },
                row.comm,
                row.pid
            )
        } else if equals > 1 {
            format!(
                "{equals} tasks have {points} points each; among equals this kernel takes the {} of the table: {} (pid {}).",
                if self.rules.last_of_equals() { "last" } else { "first" },
                row.comm,
                row.pid
            )
        } else {
            format!("{} (pid {}) has the most points: {points}.", row.comm, row.pid)
        };
        if equals > 1 && self.rules.floor() && points == 1 {
            self.without_floor(&mut text, rows, row);
        }
        if let Some(next) = next
            && equals == 1
        {
            text.push_str(&format!(" The next is {} (pid {}) with {}.", next.comm, next.pid, next.points.unwrap_or(0)));
        }
        let larger = rows
            .iter()
            .filter(|r| r.points.is_some() && r.pid != row.pid && r.oom_score_adj < row.oom_score_adj)
            .max_by_key(|r| r.rss());
        if let Some(big) = larger
            && survives(self.report, big.pid.0, big.rss().get())
            && big.rss() > row.rss()
        {
            let what =
                if profile_floor(&self.rules.profile) && equals > 1 { "protects" } else { "outweighs the size of" };
            text.push_str(&format!(
                " {} (pid {}) is larger, but its oom_score_adj of {} against {} {what} it.",
                big.comm, big.pid, big.oom_score_adj, row.oom_score_adj
            ));
        }
        self.killed_instead(&mut text, row);
        text
    }

    /// What signed points would have led to.
    fn without_floor(&self, text: &mut String, rows: &[TaskRow], row: &TaskRow) {
        let profile = Profile { badness_floor: BadnessFloor::Signed, ..self.rules.profile.clone() };
        let mut signed = rows.to_vec();
        for r in &mut signed {
            r.points = self.points(&profile, r, self.total.pages.unwrap_or(Pages::ZERO));
        }
        let other = select(&profile, &signed).map(|i| &signed[i]).filter(|o| o.pid != row.pid);
        if let Some(other) = other {
            text.push_str(&format!(" From Linux 5.9 on {} (pid {}) would have died.", other.comm, other.pid));
        }
    }

    /// Before 5.1 a child could die in place of the chosen task.
    fn killed_instead(&self, text: &mut String, row: &TaskRow) {
        let Some(first) = self.report.killed.first() else { return };
        if first.pid == row.pid.0 || self.report.chosen.as_ref().is_none_or(|c| c.score.is_none()) {
            return;
        }
        if self.rules.profile.sacrifice_child {
            text.push_str(&format!(
                " In its place this kernel killed a child of it, {} (pid {}).",
                first.comm, first.pid
            ));
        } else {
            text.push_str(&format!(" Killed was {} (pid {}), probably a child of it.", first.comm, first.pid));
        }
    }
}

fn profile_floor(profile: &Profile) -> bool {
    profile.badness_floor == BadnessFloor::One
}

fn points(points: Option<i64>) -> String {
    match points {
        Some(p) => format!("{p} points"),
        None => "protected".into(),
    }
}

/// True when a process of this size outlived a smaller victim: it was not killed, and the line about the kill agrees
/// that the chosen one was smaller.
pub(crate) fn survives(report: &LoggedOom, pid: u32, rss: u64) -> bool {
    let Some(victim) = report.killed.first() else { return false };
    let killed_kb = victim.rss_kb();
    !report.killed.iter().any(|k| k.pid == pid)
        && !report.already_exiting.contains(&pid)
        && killed_kb.is_none_or(|kb| kb / report.page_size_kb < rss)
}
