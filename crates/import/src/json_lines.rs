//! One JSON object a line: `jq -c .items[]` of kubectl's lists, `jq -c .data.result[]` of Prometheus' answers, and what
//! VictoriaMetrics exports (`/api/v1/export`).

use crate::text::{TextProblem, lines};
use serde::de::IgnoredAny;

/// The objects as one list, each in its line; `None`: the text is something else.
///
/// # Errors
/// The first line that is no object.
pub(crate) fn as_list(text: &str) -> Result<Option<String>, TextProblem> {
    let filled = || lines(text).filter(|(_, line)| !line.trim().is_empty());
    let mut first_two = filled().take(2).map(|(_, line)| line.trim());
    let (Some(first), Some(second)) = (first_two.next(), first_two.next()) else { return Ok(None) };
    let whole = |line: &str| line.starts_with('{') && serde_json::from_str::<IgnoredAny>(line).is_ok();
    if !whole(first) || !second.starts_with('{') {
        return Ok(None);
    }
    let last = filled().map(|(start, _)| start).last().unwrap_or(0);
    let mut list = String::with_capacity(text.len() + filled().count() + 2);
    list.push('[');
    for (start, line) in lines(text) {
        if !line.trim().is_empty() && !whole(line.trim()) {
            let message = "each line of this file is a JSON object, but not this one".to_owned();
            return Err(TextProblem::line((start, line), message));
        }
        list.push_str(line);
        // A blank line stays one, so that every object is in its line.
        let blank = line.trim().is_empty();
        if start == last {
            list.push(']');
        } else if !blank {
            list.push(',');
        }
        list.push('\n');
    }
    Ok(Some(list))
}

#[cfg(test)]
mod tests {
    use super::as_list;

    #[test]
    fn objects_in_lines_are_a_list() {
        let list = |text: &str| as_list(text).map_err(|why| why.message);
        assert_eq!(list("{\"a\":1}\n\n{\"b\":2}\n"), Ok(Some("[{\"a\":1},\n\n{\"b\":2}]\n".into())));
        // One document, YAML in flow style over lines, and a pretty-printed object are none.
        for other in ["{\"a\":1}", "{a: 1,\n b: 2}", "{\n\"a\":1\n}", "kind: Pod\n---\nkind: Pod", ""] {
            assert_eq!(list(other), Ok(None), "{other}");
        }
        assert!(list("{\"a\":1}\n{\"b\":").is_err());
    }
}
