//! Messages that a terminal, a mail program or a web page has wrapped.

use crate::line::{LogLine, Parsed, is_stat_key, parse};
use crate::table::Columns;

/// Most lines that one message is put together from.
const MOST_JOINED: usize = 16;

/// True when nothing of a message is missing, as far as its wording tells; a row by the columns of its table.
pub(crate) fn is_whole(parsed: &Parsed, columns: Option<&Columns>) -> bool {
    match &parsed.line {
        LogLine::Row(row) => row.whole_with(columns),
        _ => parsed.whole,
    }
}

/// The message that begins at `start` of a first line, and what follows it without a prefix of its own.
pub(crate) fn joined(raw: &str, start: usize, parts: &[String], columns: Option<&Columns>) -> Parsed {
    let text = &raw[start..];
    let first = parse(text.trim_end_matches(['`', ' ']));
    if parts.is_empty() {
        return first;
    }
    if first.known() && is_whole(&first, columns) {
        return longer(first, text.trim_end(), raw, parts, columns);
    }
    // Blanks at the end matter: a terminal wraps in the middle of a column.
    let mut tight = text.to_string();
    let mut spaced = text.trim_end().to_string();
    for (i, part) in parts.iter().enumerate().take(MOST_JOINED) {
        tight.push_str(part);
        spaced.push(' ');
        spaced.push_str(quoted(part));
        let whole = [&tight, &spaced].map(|text| (parse(text), text));
        let whole = whole.into_iter().filter(|(parsed, _)| parsed.known() && is_whole(parsed, columns));
        // Words that were glued together, or cut in two, are no figures.
        let best = whole.reduce(|a, b| if figures(&b.0) > figures(&a.0) { b } else { a });
        if let Some((parsed, text)) = best {
            return longer(parsed, text, part, &parts[i + 1..], columns);
        }
    }
    // A line of figures whose end is not known has those of all its parts.
    let all = [first, parse(&tight), parse(&spaced)];
    all.into_iter().reduce(|a, b| if figures(&b) > figures(&a) { b } else { a }).unwrap_or_else(|| parse(text))
}

/// Figures of a line that has many of them.
fn figures(parsed: &Parsed) -> usize {
    match &parsed.line {
        LogLine::Zone(zone) => zone.kb.len(),
        LogLine::MemPages(values) => values.len(),
        LogLine::Stats(stats) => stats.values.len(),
        LogLine::FreeList { blocks, .. } => blocks.len(),
        _ => 0,
    }
}

/// A message that is whole already may still have lost the end of its last word, or its last words, to the next line.
fn longer(whole: Parsed, text: &str, last: &str, parts: &[String], columns: Option<&Columns>) -> Parsed {
    let Some(next) = parts.first().filter(|next| plausible_tail(&whole.line, last, next)) else {
        return whole;
    };
    let tail = quoted(next);
    let words = match &whole.line {
        LogLine::Stats(_) | LogLine::MemPages(_) | LogLine::Zone(_) => starts_with_key(tail),
        _ => false,
    };
    let text = if words { format!("{} {tail}", text.trim_end()) } else { format!("{text}{next}") };
    let parsed = parse(&text);
    if parsed.known() && is_whole(&parsed, columns) { longer(parsed, &text, next, &parts[1..], columns) } else { whole }
}

/// `rss:48KB`, `bounce:0`: a word by itself, no rest of one.
fn starts_with_key(text: &str) -> bool {
    let of_zones = |key| {
        matches!(key, "bounce" | "unstable" | "present" | "managed" | "mlocked" | "free_pcp" | "local_pcp" | "free_cma")
    };
    text.split_once(':').is_some_and(|(key, _)| is_stat_key(key) || of_zones(key))
}

/// The continuation without the comment sign that the line before had.
fn quoted(part: &str) -> &str {
    part.trim_start().trim_start_matches(['#', '>', '|']).trim()
}

/// Can `next` be the end of a line that seems whole, after a physical line `last` that was long enough to be wrapped?
fn plausible_tail(line: &LogLine, last: &str, next: &str) -> bool {
    let tail = next.trim_end();
    if last.len() < 50 || tail.is_empty() || tail.len() > 255 {
        return false;
    }
    let word = tail.bytes().all(|b| b.is_ascii_graphic()) && tail.bytes().any(|b| b.is_ascii_alphanumeric());
    let digits = tail.bytes().all(|b| b.is_ascii_digit());
    match line {
        // TASK_COMM_LEN is 16 with the final zero.
        LogLine::Row(row) => word && tail.len() + row.task.comm.len() <= 15,
        LogLine::LimitOf { .. } => word,
        // The rest of `cache:0KB rss:48KB …`.
        LogLine::Stats(_) => tail.ends_with("KB"),
        LogLine::Zone(_) => tail.ends_with("kB"),
        LogLine::MemPages(_) => starts_with_key(tail.trim_start()),
        LogLine::Killed { .. } => digits || ["-rss:", "pgtables:"].iter().any(|k| tail.contains(k)),
        LogLine::Counter(..) | LogLine::Invoked(_) | LogLine::Summary(_) => digits,
        _ => false,
    }
}
