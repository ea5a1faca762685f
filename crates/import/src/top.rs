//! What `kubectl top` prints: a table by columns whose headings say what they are. And what it asks for: the objects of
//! metrics.k8s.io.

use crate::objects::{namespace, path, text};
use crate::text::{TextProblem, lines};
use oomsim_core::units::Bytes;
use oomsim_scenario::reading::{Problems, Value, bytes};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopRow {
    /// Namespace; only printed with `-A`.
    pub namespace: Option<String>,
    /// Pod; none in a table of nodes.
    pub pod: Option<String>,
    /// Container; only printed with `--containers`.
    pub container: Option<String>,
    /// Node, in a table of nodes.
    pub node: Option<String>,
    /// Working set.
    pub working_set: Bytes,
    /// Without headings two names may be a namespace and its pod, as they are given here, or a pod and its container.
    pub either: bool,
}

/// True when the first line is a heading of `kubectl top`, or all lines are rows of it.
pub fn looks_like(text: &str) -> bool {
    let heading = text.lines().next().unwrap_or_default();
    let mut rows = text.lines().filter(|line| !line.trim().is_empty()).take(20).peekable();
    heading.contains("MEMORY(bytes)") && heading.contains("NAME")
        || rows.peek().is_some() && rows.all(|line| bare_row(line).is_some())
}

/// Reads `kubectl top pods` (with `-A`, with `--containers`, with `--sum`) and `kubectl top nodes`, also without
/// headings.
///
/// # Errors
/// Every row that does not fit its heading.
pub fn read(text: &str) -> Result<Vec<TopRow>, Vec<TextProblem>> {
    let heading: Vec<&str> = text.lines().next().unwrap_or_default().split_whitespace().collect();
    let column = |name: &str| heading.iter().position(|h| *h == name);
    let Some(memory) = column("MEMORY(bytes)") else { return without_headings(text) };
    let of_nodes = column("MEMORY(%)").is_some() || column("MEMORY%").is_some();
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    let rest = lines(text).skip(1).filter(|(_, line)| !line.trim().is_empty());
    // `--sum` adds a line and the sums below it.
    for (start, line) in rest.take_while(|(_, line)| !line.trim_start().starts_with("____")) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let cell = |name: &str| column(name).and_then(|at| cells.get(at)).map(|text| (*text).to_string());
        // A node that sends no metrics.
        if cells.get(memory) == Some(&"<unknown>") {
            continue;
        }
        let Some(working_set) = cells.get(memory).and_then(|text| amount(text)) else {
            let message = "expected an amount such as `225Mi` under MEMORY(bytes)".into();
            problems.push(TextProblem::line((start, line), message));
            continue;
        };
        let by_container = column("POD").is_some();
        rows.push(TopRow {
            namespace: cell("NAMESPACE"),
            pod: if by_container { cell("POD") } else { cell("NAME").filter(|_| !of_nodes) },
            container: cell("NAME").filter(|_| by_container),
            node: cell("NAME").filter(|_| of_nodes),
            working_set,
            either: false,
        });
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
}

/// The rows of a PodMetrics or NodeMetrics (k8s.io/metrics pkg/apis/metrics/v1beta1).
pub(crate) fn metrics(p: &Problems, kind: &str, object: &Value) -> Vec<TopRow> {
    let held = |value: &Value| bytes(p, path(value, &["usage", "memory"])?);
    let name = Some(text(object, &["metadata", "name"])).filter(|name| !name.is_empty());
    let row =
        |working_set| TopRow { namespace: None, pod: None, container: None, node: None, working_set, either: false };
    if kind == "NodeMetrics" {
        return held(object).map(|held| TopRow { node: name, ..row(held) }).into_iter().collect();
    }
    let containers = object.get("containers").and_then(Value::items).unwrap_or_default().iter();
    let of = |container: &Value| {
        let (namespace, container_name) = (Some(namespace(object)), Some(text(container, &["name"])));
        Some(TopRow { namespace, pod: name.clone(), container: container_name, ..row(held(container)?) })
    };
    containers.filter_map(of).collect()
}

fn without_headings(text: &str) -> Result<Vec<TopRow>, Vec<TextProblem>> {
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for (start, line) in lines(text).filter(|(_, line)| !line.trim().is_empty()) {
        match bare_row(line) {
            Some(row) => rows.push(row),
            None => problems.push(TextProblem::line((start, line), "expected a row of `kubectl top`".into())),
        }
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
}

/// A row of `kubectl top --no-headers`: names, processors, memory; of a node with its shares.
fn bare_row(line: &str) -> Option<TopRow> {
    let cells: Vec<&str> = line.split_whitespace().collect();
    let cpu = |text: &str| text.trim_end_matches(['m', 'n', 'u']).parse::<u64>().is_ok();
    let share = |text: &str| text.strip_suffix('%').is_some_and(cpu);
    let row = |names: &[&str], node: Option<&str>, memory: &str, either| {
        let name = |at: Option<&&str>| at.map(|name| (*name).to_owned());
        let (namespace, pod, container) = match names {
            [pod] => (None, Some(pod), None),
            [namespace, pod] => (Some(namespace), Some(pod), None),
            [namespace, pod, container] => (Some(namespace), Some(pod), Some(container)),
            _ => (None, None, None),
        };
        let (namespace, pod, container) = (name(namespace), name(pod), name(container));
        Some(TopRow { namespace, pod, container, node: node.map(str::to_owned), working_set: amount(memory)?, either })
    };
    match cells.as_slice() {
        [node, used, of, memory, of_memory] if cpu(used) && share(of) && share(of_memory) => {
            row(&[], Some(node), memory, false)
        }
        [names @ .., used, memory] if cpu(used) && (1..=3).contains(&names.len()) => {
            row(names, None, memory, names.len() == 2)
        }
        _ => None,
    }
}

/// kubectl prints whole Ki, Mi, Gi (metricsutil: printSingleResourceUsage).
fn amount(text: &str) -> Option<Bytes> {
    let units = [("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30)];
    let (number, factor) = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))?;
    number.parse::<u64>().ok()?.checked_mul(factor).map(Bytes::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tables_of_kubectl_top_are_read() {
        let pods =
            "NAMESPACE     NAME         CPU(cores)   MEMORY(bytes)\nshop          cart-1       2m           225Mi\n";
        let row = &read(pods).expect("a table")[0];
        assert_eq!((row.namespace.as_deref(), row.pod.as_deref()), (Some("shop"), Some("cart-1")));
        assert_eq!((row.container.as_deref(), row.working_set), (None, Bytes::mib(225)));
        let containers = "POD      NAME   CPU(cores)   MEMORY(bytes)\ncart-1   app    2m   1Gi\n";
        let row = &read(containers).expect("a table")[0];
        assert_eq!((row.pod.as_deref(), row.container.as_deref()), (Some("cart-1"), Some("app")));
        let nodes = "NAME   CPU(cores)   CPU(%)   MEMORY(bytes)   MEMORY(%)\nn1     100m  5%  4311Mi  60%\n";
        assert_eq!(read(nodes).expect("a table")[0].node.as_deref(), Some("n1"));
        assert_eq!(read("NAME CPU(cores) MEMORY(bytes)\nx 1m 5Q\ny 1m\n").expect_err("wrong").len(), 2);
    }

    #[test]
    fn sums_silent_nodes_and_missing_headings_are_no_problem() {
        let sums = "POD   NAME  CPU(cores)  MEMORY(bytes)\na  b  2m  225Mi\n   ________  ________\n   2m  225Mi\n";
        assert_eq!(read(sums).expect("a table").len(), 1);
        let silent = "NAME CPU(cores) CPU(%) MEMORY(bytes) MEMORY(%)\nn1 <unknown> <unknown> <unknown> <unknown>\n";
        assert!(read(silent).expect("a table").is_empty());
        let names = |text: &str| {
            assert!(looks_like(text), "{text}");
            let row = read(text).expect("rows").remove(0);
            [row.namespace, row.pod, row.container, row.node].map(Option::unwrap_or_default).join("/")
                + if row.either { "?" } else { "" }
        };
        assert_eq!(names("cart-1   2m   225Mi\n"), "/cart-1//");
        assert_eq!(names("shop   cart-1   2m   225Mi\n"), "shop/cart-1//?");
        assert_eq!(names("shop   cart-1   app   2m   225Mi\n"), "shop/cart-1/app/");
        assert_eq!(names("n1   100m   5%   4311Mi   60%\n"), "///n1");
        assert!(!looks_like("") && !looks_like("name: x\n") && !looks_like("a b c\n"));
    }
}
