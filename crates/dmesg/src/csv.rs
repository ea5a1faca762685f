//! Exports as CSV: the field with the message, its quotes undone.

/// Most lines and bytes of one quoted field that goes over several.
const MOST_LINES: usize = 4096;
const MOST_BYTES: usize = 1 << 20;

/// What has been learnt of the file's columns.
#[derive(Debug, Default)]
pub(crate) struct Table {
    delimiter: u8,
    columns: usize,
    message: Option<usize>,
    held: String,
    lines: usize,
    /// Which field between tabs holds the message, and of how many.
    tabs: Option<(usize, usize)>,
}

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// No line of a table.
    No,
    /// A field goes on in the next line.
    Open,
    /// The message of a row.
    Message(String),
}

impl Table {
    /// Takes a line; `known` says whether a text is one of the kernel's.
    pub fn take(&mut self, line: &str, known: impl Fn(&str) -> bool) -> Taken {
        if self.held.is_empty() && !self.begins(line) {
            return Taken::No;
        }
        // Blanks before a quote would make the quote one of the text.
        let line = if self.held.is_empty() { line.trim_start() } else { line };
        if !self.held.is_empty() {
            self.held.push('\n');
        }
        self.held.push_str(line);
        self.lines += 1;
        if !self.held.bytes().filter(|b| *b == b'"').count().is_multiple_of(2) {
            if self.lines < MOST_LINES && self.held.len() < MOST_BYTES {
                return Taken::Open;
            }
            self.forget();
            return Taken::No;
        }
        let text = std::mem::take(&mut self.held);
        self.forget();
        self.row(&text, known)
    }

    /// True when no field goes on.
    pub fn is_idle(&self) -> bool {
        self.held.is_empty()
    }

    /// A row of fields between tabs: up to the end of the message, without what follows it.
    pub fn tabs(&mut self, line: &str, known: impl Fn(&str) -> bool) -> Option<String> {
        if !self.is_idle() {
            return None;
        }
        let fields: Vec<String> = line.split('\t').map(unquoted).collect();
        if let Some(at) = fields.iter().position(|field| known(field)) {
            self.tabs = Some((at, fields.len()));
        }
        let (at, _) = self.tabs.filter(|(_, count)| *count == fields.len() && *count > 1)?;
        Some(fields[..=at].join(" "))
    }

    /// Drops what is begun.
    pub fn forget(&mut self) {
        self.held.clear();
        self.lines = 0;
    }

    /// A first line of a row: a quoted field at its beginning or after a delimiter; later also rows without quotes.
    fn begins(&mut self, line: &str) -> bool {
        let line = line.trim_start();
        if let Some(rest) = line.strip_prefix('"') {
            // What follows the first closing quote tells fields apart.
            let after = rest.replace("\"\"", "").split_once('"').and_then(|(_, after)| after.bytes().next());
            if let Some(delimiter) = after.filter(|d| b",;\t|".contains(d) && self.message.is_none()) {
                self.delimiter = delimiter;
            }
            return true;
        }
        let quoted = [b',', b';', b'|'].into_iter().find(|d| {
            let mark = [char::from(*d), '"'];
            line.find(&mark.iter().collect::<String>()).is_some_and(|at| at < 160 && !line[..at].contains('"'))
        });
        if let Some(delimiter) = quoted {
            self.delimiter = delimiter;
            return true;
        }
        self.message.is_some() && line.as_bytes().contains(&self.delimiter)
    }

    fn row(&mut self, text: &str, known: impl Fn(&str) -> bool) -> Taken {
        let delimiters = if self.delimiter == 0 { vec![b',', b';', b'\t', b'|'] } else { vec![self.delimiter] };
        let read = |d: u8| fields(text, d).map(|f| (d, f));
        let Some((delimiter, fields)) = delimiters.into_iter().filter_map(read).max_by_key(|(_, f)| f.len()) else {
            return Taken::No;
        };
        let quoted = text.contains('"');
        if fields.is_empty() || (!quoted && fields.len() != self.columns) {
            return Taken::No;
        }
        let found = fields.iter().position(|f| f.lines().any(&known));
        if let Some(at) = found {
            self.delimiter = delimiter;
            self.columns = fields.len();
            self.message = Some(at);
        }
        let longest = (0..fields.len()).max_by_key(|i| fields[*i].len());
        let at = found.or(self.message.filter(|at| *at < fields.len())).or(longest);
        // One field is a quoted line, or a line of another kind that begins with a quote.
        if fields.len() < 2 && found.is_none() {
            return Taken::No;
        }
        at.map_or(Taken::No, |at| Taken::Message(fields[at].clone()))
    }
}

fn unquoted(field: &str) -> String {
    match field.strip_prefix('"').and_then(|f| f.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => field.to_string(),
    }
}

fn fields(text: &str, delimiter: u8) -> Option<Vec<String>> {
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut records = reader.records();
    let record = records.next()?.ok()?;
    records.next().is_none().then(|| record.iter().map(str::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut table = Table::default();
        text.lines()
            .filter_map(|line| match table.take(line, |f| f.contains("oom") || f.contains("Mem")) {
                Taken::Message(text) => Some(text),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn rows_with_tabs() {
        // aws logs get-log-events --output text; a row of another kind is none of the table.
        let mut table = Table::default();
        let known = |f: &str| f.contains("oom");
        let row = |text: &str| format!("EVENTS\t1768413660000\t{text}\t1768413660001");
        assert_eq!(table.tabs(&row("anon 1"), known), None);
        assert_eq!(table.tabs(&row("a oom"), known).as_deref(), Some("EVENTS 1768413660000 a oom"));
        assert_eq!(table.tabs(&row("anon 1"), known).as_deref(), Some("EVENTS 1768413660000 anon 1"));
        assert_eq!(table.tabs("\"n1\"\t\"a \"\"oom\"\"\"", known).as_deref(), Some("n1 a \"oom\""));
        assert_eq!(table.tabs("a\tb\tc\td\te", known), None);
    }

    #[test]
    fn fields_with_quotes_delimiters_and_line_breaks() {
        let text = "time,message\n2026-01-01,\"a invoked oom-killer: order=0, adj=0\"\n2026-01-01,Mem-Info:\n2026-01-01,slab 3\n";
        assert_eq!(read(text), ["a invoked oom-killer: order=0, adj=0", "Mem-Info:", "slab 3"]);
        let text = "\"a invoked oom-killer: x, y\";\"n1\";\"2\"\n\"slab 3\";\"n1\";\"2\"\n";
        assert_eq!(read(text), ["a invoked oom-killer: x, y", "slab 3"]);
        let text = "\"1\",\"oom \"\"a\"\"\nMem-Info:\n x\"\n";
        assert_eq!(read(text), ["oom \"a\"\nMem-Info:\n x"]);
        assert!(read("\"Killing container\" pod=\"a/b\"\n").is_empty());
    }
}
