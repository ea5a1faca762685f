//! What `kubectl top` prints: a table by columns whose headings say what they are.

use crate::text::TextProblem;
use oomsim_core::units::Bytes;

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
}

/// True when the first line is a heading of `kubectl top`.
pub fn looks_like(text: &str) -> bool {
    let heading = text.lines().next().unwrap_or_default();
    heading.contains("MEMORY(bytes)") && heading.contains("NAME")
}

/// Reads `kubectl top pods` (with `-A`, with `--containers`) and `kubectl top nodes`.
///
/// # Errors
/// Every row that does not fit its heading.
pub fn read(text: &str) -> Result<Vec<TopRow>, Vec<TextProblem>> {
    let heading: Vec<&str> = text.lines().next().unwrap_or_default().split_whitespace().collect();
    let column = |name: &str| heading.iter().position(|h| *h == name);
    let Some(memory) = column("MEMORY(bytes)") else {
        return Err(vec![TextProblem::line(text, 0, "expected the headings of `kubectl top`".into())]);
    };
    let of_nodes = column("MEMORY(%)").is_some() || column("MEMORY%").is_some();
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for (number, line) in text.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let cell = |name: &str| column(name).and_then(|at| cells.get(at)).map(|text| (*text).to_string());
        let Some(working_set) = cells.get(memory).and_then(|text| amount(text)) else {
            let message = "expected an amount such as `225Mi` under MEMORY(bytes)".into();
            problems.push(TextProblem::line(text, number, message));
            continue;
        };
        let by_container = column("POD").is_some();
        rows.push(TopRow {
            namespace: cell("NAMESPACE"),
            pod: if by_container { cell("POD") } else { cell("NAME").filter(|_| !of_nodes) },
            container: cell("NAME").filter(|_| by_container),
            node: cell("NAME").filter(|_| of_nodes),
            working_set,
        });
    }
    if problems.is_empty() { Ok(rows) } else { Err(problems) }
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
}
