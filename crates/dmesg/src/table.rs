//! The table of tasks: its columns differ from kernel to kernel, the header names them.

use crate::report::Task;

/// Names of columns, of all kernels.
const KNOWN: [&str; 15] = [
    "uid",
    "tgid",
    "total_vm",
    "rss",
    "rss_anon",
    "rss_file",
    "rss_shmem",
    "nr_ptes",
    "nr_pmds",
    "nr_puds",
    "pgtables_bytes",
    "swapents",
    "oom_score_adj",
    "cpu",
    "name",
];

/// Columns after the pid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns(Vec<String>);

impl Columns {
    /// The header after `[  pid  ]`.
    pub fn parse(rest: &str) -> Option<Columns> {
        let names: Vec<String> = rest.split_whitespace().take(16).map(str::to_string).collect();
        // Two names that a lost blank has joined are none.
        let joined = |n: &String| KNOWN.iter().any(|k| n.strip_prefix(k).is_some_and(|rest| KNOWN.contains(&rest)));
        let whole = names.last().is_some_and(|n| n == "name") && !names.iter().any(joined);
        (whole && names.len() >= 6).then_some(Columns(names))
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    fn numeric(&self) -> usize {
        self.0.len() - 1
    }
}

/// A row, read with the columns that its numbers suggest; [`TextRow::with`] reads it again once the header is known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TextRow {
    pub task: Task,
    pid: u32,
    rest: String,
    whole: bool,
}

/// A row after its `[ pid ]`; `None` when there are not even a user and a group.
pub(crate) fn row(pid: u32, rest: &str) -> Option<TextRow> {
    let numbers = rest.split_whitespace().take_while(|t| t.parse::<i64>().is_ok()).count();
    if numbers < 2 {
        return None;
    }
    // Without a header: 7 numbers are 4.15 to 6.7 (or 3.10), 8 are 4.0 to 4.14, 10 are 6.8 on. A name may begin with
    // a number of its own.
    let guess: &[&str] = match numbers {
        0..=6 => return Some(TextRow { task: Task::default(), pid, rest: rest.into(), whole: false }),
        7 => &["uid", "tgid", "total_vm", "rss", "pgtables?", "swapents", "oom_score_adj", "name"],
        8 | 9 => &["uid", "tgid", "total_vm", "rss", "nr_ptes", "nr_pmds", "swapents", "oom_score_adj", "name"],
        _ => &[
            "uid",
            "tgid",
            "total_vm",
            "rss",
            "rss_anon",
            "rss_file",
            "rss_shmem",
            "pgtables_bytes",
            "swapents",
            "oom_score_adj",
            "name",
        ],
    };
    let columns = Columns(guess.iter().map(|s| s.to_string()).collect());
    let mut row = TextRow { task: Task::default(), pid, rest: rest.into(), whole: false };
    if let Some(task) = row.read(&columns) {
        row.task = task;
        row.whole = true;
    }
    Some(row)
}

impl TextRow {
    /// True when the row has enough numbers and a name.
    pub fn looks_whole(&self) -> bool {
        self.whole
    }

    /// The task by the header's columns, else by the guess.
    pub fn with(&self, columns: Option<&Columns>) -> Option<Task> {
        match columns {
            Some(columns) => self.read(columns),
            None => self.whole.then(|| self.task.clone()),
        }
    }

    /// True when the columns of the header are all there.
    pub fn whole_with(&self, columns: Option<&Columns>) -> bool {
        self.with(columns).is_some()
    }

    fn read(&self, columns: &Columns) -> Option<Task> {
        let mut tail = self.rest.trim_start();
        let mut task = Task { pid: self.pid, tgid: self.pid, ..Task::default() };
        let mut split = [None; 3];
        for name in &columns.names()[..columns.numeric()] {
            let end = tail.find(char::is_whitespace).unwrap_or(tail.len());
            let value: i64 = tail[..end].parse().ok()?;
            tail = tail[end..].trim_start();
            let unsigned = value.max(0).unsigned_abs();
            match name.as_str() {
                "uid" => task.uid = u32::try_from(unsigned).unwrap_or(u32::MAX),
                "tgid" => task.tgid = u32::try_from(unsigned).ok()?,
                "total_vm" => task.total_vm = unsigned,
                "rss" => task.rss = unsigned,
                "rss_anon" => split[0] = Some(unsigned),
                "rss_file" => split[1] = Some(unsigned),
                "rss_shmem" => split[2] = Some(unsigned),
                "pgtables_bytes" => set_bytes(&mut task, unsigned),
                // Bytes are whole pages, counts of pages are small: a process has at least a handful of bytes' pages.
                "pgtables?" if unsigned >= 4096 && unsigned.is_multiple_of(4096) => set_bytes(&mut task, unsigned),
                "nr_ptes" | "nr_pmds" | "nr_puds" | "pgtables?" => {
                    task.pgtables_pages = task.pgtables_pages.saturating_add(unsigned);
                }
                "swapents" => task.swapents = unsigned,
                "oom_score_adj" => task.oom_score_adj = i32::try_from(value).ok()?,
                _ => {}
            }
        }
        if let [Some(anon), Some(file), Some(shmem)] = split {
            task.rss_split = Some([anon, file, shmem]);
        }
        task.comm = tail.trim_end().to_string();
        (!task.comm.is_empty()).then_some(task)
    }
}

/// Pages of 4 KiB until the report's page size is known.
fn set_bytes(task: &mut Task, bytes: u64) {
    task.pgtables_bytes = bytes;
    task.pgtables_pages = bytes / 4096;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(header: &str) -> Columns {
        Columns::parse(header).expect("a header")
    }

    #[test]
    fn rows_of_all_generations() {
        // 3.10 (kubernetes#56891), 4.4 (Ubuntu), 5.4 (P2 of docs/SOURCES.md), 6.12 (recording), with and without
        // header.
        let cases = [
            (
                " uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name",
                "     0 28438  5063909   119961    1661   136409          -998 java",
                (119_961, 1661, 136_409, -998, "java"),
            ),
            (
                " uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name",
                "  1000 17654   172436    37112     167       4        0             0 npm start",
                (37_112, 171, 0, 0, "npm start"),
            ),
            (
                "   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
                "     0 14300 43012649    43356   581632        0          -997 dotnet",
                (43_356, 142, 0, -997, "dotnet"),
            ),
            (
                "   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name",
                "  1000   348    10680     9002     8704      170       128   122880        0           100 k21p2",
                (9002, 30, 0, 100, "k21p2"),
            ),
        ];
        for (header, text, (rss, pgtables, swap, adj, comm)) in cases {
            let row = row(7, text).expect("a row");
            let header = columns(header);
            for task in [row.with(Some(&header)), row.with(None)] {
                let task = task.expect("whole");
                assert_eq!((task.rss, task.pgtables_pages, task.swapents), (rss, pgtables, swap));
                assert_eq!((task.oom_score_adj, task.comm.as_str()), (adj, comm));
            }
        }
    }

    #[test]
    fn a_cut_row_is_not_whole() {
        let header = columns("   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name");
        for cut in ["     0 14300 430", "     0 14300 43012649    43356   581632        0          -997"] {
            assert!(!row(7, cut).expect("a row").whole_with(Some(&header)), "{cut}");
        }
        assert_eq!(row(7, "<ffffffff8163515c> dump_stack"), None);
    }
}
