//! CSV files of memory series: one sample a row (`time,namespace,pod,container,value`), or one series a column as
//! Grafana exports them, also with columns of labels beside it.

use crate::series::{Metric, Points, Series};
use crate::text::TextProblem;
use crate::time::instant;
use indexmap::IndexMap;
use std::collections::BTreeMap;

const TIME: [&str; 4] = ["time", "timestamp", "ts", "date"];
const VALUE: [&str; 3] = ["value", "bytes", "memory"];
const METRIC: [&str; 3] = ["metric", "__name__", "name"];
/// Columns that say whose the samples of a row are, where each metric has a column of its own.
const LABELS: [&str; 9] =
    ["namespace", "pod", "container", "node", "instance", "id", "job", "pod_name", "container_name"];

/// True when the text's first line is a heading with a column of time.
pub fn looks_like(text: &str) -> bool {
    let heading = text[lead(text)..].lines().next().unwrap_or_default();
    let separator = separator(heading);
    let first = |c: &str| TIME.contains(&clean(c).as_str());
    heading.contains(separator) && heading.split(separator).any(first)
}

/// How long the line `sep=,` is, which Grafana writes in front for Excel.
fn lead(text: &str) -> usize {
    let first = text.split_inclusive('\n').next().unwrap_or_default();
    if first.trim().trim_matches('"').starts_with("sep=") { first.len() } else { 0 }
}

/// Commas, or what spreadsheets of other countries write.
fn separator(heading: &str) -> char {
    [',', ';', '\t'].into_iter().max_by_key(|s| heading.matches(*s).count()).unwrap_or(',')
}

fn clean(heading: &str) -> String {
    heading.trim().trim_matches('"').to_ascii_lowercase()
}

/// Reads a file. `file` names what is measured where no column does.
///
/// # Errors
/// Every row that cannot be used.
pub fn read(file: &str, text: &str) -> Result<Vec<Series>, Vec<TextProblem>> {
    let lead = lead(text);
    let moved = |problem: TextProblem| TextProblem { at: problem.at.start + lead..problem.at.end + lead, ..problem };
    rows(file, &text[lead..]).map_err(|problems| problems.into_iter().map(moved).collect())
}

fn rows(file: &str, text: &str) -> Result<Vec<Series>, Vec<TextProblem>> {
    let heading = text.lines().next().unwrap_or_default();
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator(heading) as u8).trim(csv::Trim::All).from_reader(text.as_bytes());
    let headings = reader.headers().map_err(|why| vec![problem(text, None, why.to_string())])?.clone();
    let find = |names: &[&str]| headings.iter().position(|h| names.contains(&clean(h).as_str()));
    let Some(time) = find(&TIME) else {
        return Err(vec![problem(text, None, "there is no column `time` or `timestamp`".into())]);
    };
    let layout = Layout { time, metric: find(&METRIC), value: find(&VALUE) };
    let mut curves: IndexMap<(Option<Metric>, BTreeMap<String, String>), Points> = IndexMap::new();
    let mut problems = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(why) => {
                problems.push(problem(text, why.position(), why.to_string()));
                continue;
            }
        };
        if let Err(why) = layout.row(file, &headings, &record, &mut curves) {
            problems.push(problem(text, record.position(), why));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let named = |((metric, labels), points): ((Option<Metric>, _), Points)| points.finish(metric, labels);
    Ok(curves.into_iter().map(named).collect())
}

/// A problem of the row that begins here, or of the first one.
fn problem(text: &str, at: Option<&csv::Position>, message: String) -> TextProblem {
    let at = at.map_or(0, |position| position.byte() as usize);
    // What ends the row before, and blank lines, are read with the row.
    let row = text.get(at..).unwrap_or_default().trim_start_matches(['\r', '\n']);
    TextProblem::line((text.len() - row.len(), row.lines().next().unwrap_or_default()), message)
}

/// Where the columns are.
struct Layout {
    time: usize,
    metric: Option<usize>,
    /// None: every other column is a series of its own.
    value: Option<usize>,
}

type Curves = IndexMap<(Option<Metric>, BTreeMap<String, String>), Points>;

impl Layout {
    fn row(
        &self,
        file: &str,
        head: &csv::StringRecord,
        row: &csv::StringRecord,
        curves: &mut Curves,
    ) -> Result<(), String> {
        let at = row.get(self.time).unwrap_or_default();
        let at = instant(at)
            .ok_or_else(|| format!("{at:?} is no time: expected seconds since 1970 or 2026-11-26T06:00:00Z"))?;
        let Some(value) = self.value else { return self.columns(file, head, row, at, curves) };
        let cell = row.get(value).unwrap_or_default();
        let number = amount(cell).ok_or_else(|| format!("{cell:?} is no number of bytes"))?;
        let metric = self.metric.and_then(|m| row.get(m)).map(Metric::named).or_else(|| Metric::by_file_name(file));
        let others = (0..head.len()).filter(|i| *i != self.time && *i != value && Some(*i) != self.metric);
        let (mut metric, mut labels) = (metric, BTreeMap::new());
        for i in others {
            let (name, cell) = (clean(&head[i]), row.get(i).unwrap_or_default());
            // Grafana's "series as rows": the name of a series as its legend has it.
            if name == "series" {
                let (named, more) = heading(cell);
                metric = named.or(metric);
                labels.extend(more);
            } else {
                labels.insert(name, cell.to_string());
            }
        }
        let points = curves.entry((metric, labels)).or_default();
        points.push(at, number).map_err(|bad| format!("the sample {bad}"))
    }

    /// Every column is a series, its heading `metric{label="value"}`, labels in braces, or a plain name.
    fn columns(
        &self,
        file: &str,
        head: &csv::StringRecord,
        row: &csv::StringRecord,
        at: f64,
        curves: &mut Curves,
    ) -> Result<(), String> {
        let is_label = |i: &usize| LABELS.contains(&clean(&head[*i]).as_str());
        let label = |i: usize| (clean(&head[i]), row.get(i).unwrap_or_default().to_owned());
        let of_row: Vec<(String, String)> = (0..head.len()).filter(is_label).map(label).collect();
        for i in (0..head.len()).filter(|i| *i != self.time && !is_label(i)) {
            let cell = row.get(i).unwrap_or_default();
            let number =
                amount(cell).ok_or_else(|| format!("{cell:?} in column {:?} is no number of bytes", &head[i]))?;
            let (metric, mut labels) = heading(&head[i]);
            labels.extend(of_row.iter().cloned());
            let points = curves.entry((metric.or_else(|| Metric::by_file_name(file)), labels)).or_default();
            points.push(at, number).map_err(|bad| format!("the sample in column {:?} {bad}", &head[i]))?;
        }
        Ok(())
    }
}

/// Metric and labels of a column's heading.
fn heading(text: &str) -> (Option<Metric>, BTreeMap<String, String>) {
    let Some((name, rest)) = text.split_once('{') else {
        let metric = Metric::named(text);
        return match metric {
            // A plain name is that of the series, most often the pod or container.
            Metric::Other(name) => (None, BTreeMap::from([("container".to_string(), name)])),
            known => (Some(known), BTreeMap::new()),
        };
    };
    let labels = rest.trim_end_matches('}').split(',').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim().to_string(), value.trim().trim_matches('"').to_string()))
    });
    ((!name.is_empty()).then(|| Metric::named(name)), labels.collect())
}

/// A number of bytes, also with a unit as Grafana writes it; `NaN` where nothing was measured.
fn amount(text: &str) -> Option<f64> {
    let end = text.find(|c: char| c.is_ascii_alphabetic() && c != 'e' && c != 'E').unwrap_or(text.len());
    if matches!(text.trim().to_ascii_lowercase().as_str(), "" | "null" | "nan") {
        return Some(f64::NAN);
    }
    let (number, unit) = text.split_at(end);
    let factor = match unit.trim() {
        "" | "B" => 1.0,
        "KiB" | "Ki" => 1024.0,
        "MiB" | "Mi" => 1_048_576.0,
        "GiB" | "Gi" => 1_073_741_824.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        _ => return None,
    };
    number.trim().parse::<f64>().ok().map(|n| n * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_are_read() {
        let rows = "time,namespace,pod,container,value\n1764100000,shop,cart,app,100\n1764100030,shop,cart,app,120\n";
        assert!(looks_like(rows));
        let read_rows = read("wss.csv", rows).expect("rows");
        assert_eq!((read_rows[0].metric.clone(), read_rows[0].points.len()), (Some(Metric::WorkingSet), 2));
        assert_eq!(read_rows[0].container(), Some("app"));
        let columns = "\"Time\";\"{pod=\"\"cart\"\", container=\"\"app\"\"}\"\n2026-11-26 06:00:00;\"201 MiB\"\n2026-11-26 06:00:30;\n";
        let read_columns = read("rss.csv", columns).expect("columns");
        assert_eq!((read_columns[0].pod(), read_columns[0].points[0].bytes), (Some("cart"), 201 << 20));
    }

    #[test]
    fn columns_of_labels_say_whose_the_other_columns_are() {
        let text = "timestamp,namespace,pod,container,container_memory_rss\n1764100000,shop,cart,app,100\n1764100000,shop,web,app,NaN\n";
        let read = read("x.csv", text).expect("rows");
        assert_eq!((read[0].metric.clone(), read[0].pod(), read[0].points.len()), (Some(Metric::Rss), Some("cart"), 1));
        assert!(read.iter().skip(1).all(|series| series.points.is_empty()), "{read:?}");
    }

    #[test]
    fn files_of_grafana_for_excel_and_with_series_as_rows_are_read() {
        let rows = "sep=,\r\n\"Series\",\"Time\",\"Value\"\r\n\"container_memory_rss{pod=\"\"cart\"\"}\",2026-11-26 06:00:00,5\r\n";
        assert!(looks_like(rows));
        let read_rows = read("x.csv", rows).expect("rows");
        assert_eq!((read_rows[0].metric.clone(), read_rows[0].pod()), (Some(Metric::Rss), Some("cart")));
        let wrong = "sep=;\ntime;pod;value\nnever;a;1\n";
        assert_eq!(&wrong[read("rss.csv", wrong).expect_err("a time")[0].at.clone()], "never;a;1");
    }

    #[test]
    fn wrong_rows_are_found_by_their_lines() {
        let text = "time,pod,value\nyesterday,a,1\n1764100000,a,lots\n1764100000,a,-1\n";
        let problems = read("rss.csv", text).expect_err("wrong rows");
        assert_eq!(
            problems.iter().map(|p| &text[p.at.clone()]).collect::<Vec<_>>(),
            text.lines().skip(1).collect::<Vec<_>>()
        );
    }
}
