//! Series straight from a Prometheus: the queries of `oomsim import --queries` over HTTP.

#[cfg(feature = "prometheus")]
mod http;

use crate::exit::Failure;
use crate::flags;
use crate::load::plain;
use oomsim_core::units::SimDuration;
use oomsim_scenario::Source;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Most samples of a series that Prometheus gives in one answer (web/api/v1: 11,000 points per timeseries).
const MAX_POINTS: u64 = 11_000;

/// Flags of `--prometheus`.
#[derive(Debug, clap::Args)]
pub struct PrometheusArgs {
    /// Ask this Prometheus for the memory of the node's pods (http://… or https://…)
    #[arg(long = "prometheus", value_name = "URL", id = "prometheus")]
    pub url: Option<String>,
    /// File with a bearer token for --prometheus
    #[arg(long, value_name = "FILE", requires = "prometheus")]
    token_file: Option<PathBuf>,
    /// File with the certificates (PEM) to trust with --prometheus [default: the public authorities]
    #[arg(long, value_name = "FILE", requires = "prometheus")]
    ca_file: Option<PathBuf>,
    /// With --prometheus: how far back
    #[arg(long, value_name = "DURATION", requires = "prometheus", default_value = "1h", value_parser = flags::duration)]
    since: SimDuration,
    /// With --prometheus: up to when, such as 2026-03-01T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", requires = "prometheus", value_parser = instant)]
    until: Option<f64>,
    /// With --prometheus: time between samples
    #[arg(long, value_name = "TIME", requires = "prometheus", default_value = "30s", value_parser = flags::duration)]
    step: SimDuration,
}

/// Whose series are asked for.
#[derive(Clone, Debug, Default)]
pub struct Whose {
    /// Pods of the node; empty: not known.
    pub pods: Vec<String>,
    /// The node's name and addresses, by which its own metrics are known.
    pub node: Vec<String>,
}

/// One question, as `query_range` takes it.
struct Range {
    query: String,
    start: f64,
    end: f64,
    step: f64,
}

fn instant(text: &str) -> Result<f64, String> {
    oomsim_import::instant(text)
        .ok_or_else(|| "expected a time such as 2026-03-01T12:00:00Z, or seconds since 1970".into())
}

/// The answers, each as a file of its own would be: `query_range` as JSON.
///
/// # Errors
/// When the server cannot be asked, has nothing, or answers with something else.
pub fn fetch(args: &PrometheusArgs, url: &str, whose: &Whose) -> Result<Vec<Arc<Source>>, Failure> {
    let bad = |why: &str| Failure::bad_input(format!("--prometheus {url}: {why}"));
    let address =
        url.split_once("://").filter(|(scheme, rest)| matches!(*scheme, "http" | "https") && !rest.is_empty());
    if address.is_none() || url.contains(['?', '#', '@']) {
        return Err(bad("expected an address such as http://prometheus:9090, without a query or a password in it"));
    }
    let (since, step) = (args.since.as_nanos(), args.step.as_nanos());
    if since.checked_div(step).is_none_or(|points| points > MAX_POINTS) {
        return Err(bad("more than 11,000 samples of a series: choose a larger --step or a shorter --since"));
    }
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64().floor());
    let end = args.until.unwrap_or_else(now);
    let seconds = |nanos: u64| nanos as f64 / 1e9;
    let server = http::Server::new(url, token(args.token_file.as_deref())?, args.ca_file.as_deref())?;
    let mut answers = Vec::new();
    for (what, query) in queries(whose)? {
        let text = server.range(&Range { query, start: end - seconds(since), end, step: seconds(step) })?;
        if what == WORKING_SETS && is_empty(&text) {
            let times = format!("{} before {}", args.since, args.until.map_or("now".into(), |end| format!("{end} s")));
            return Err(bad(&format!("it has no container_memory_working_set_bytes of these pods in the {times}")));
        }
        answers.push(Arc::new(Source::new(format!("{url} ({what})"), text)));
    }
    Ok(answers)
}

const WORKING_SETS: &str = "working sets";

/// What is asked, in a word and in PromQL.
fn queries(whose: &Whose) -> Result<Vec<(&'static str, String)>, Failure> {
    let pods = match (whose.pods.as_slice(), whose.node.first()) {
        ([], Some(node)) => format!("node={}", quoted(node)),
        ([], None) => {
            let why = "--prometheus needs to know which pods: add their file (kubectl get pods -A -o json), or --node";
            return Err(Failure::bad_input(why));
        }
        (pods, _) => format!("pod=~{}", quoted(&any_of(pods))),
    };
    let of_containers = |metric: &str| format!("{metric}{{{pods},container!=\"\",container!=\"POD\"}}");
    let mut queries = vec![
        (WORKING_SETS, of_containers("container_memory_working_set_bytes")),
        ("rss", of_containers("container_memory_rss")),
    ];
    if !whose.node.is_empty() {
        // node_exporter's instance is the node's name or address with a port.
        let instance = quoted(&format!("({})(:[0-9]+)?", any_of(&whose.node)));
        let lines = "MemTotal|MemFree|AnonPages|Cached|Buffers|SwapCached|Active_file|Inactive_file";
        queries.push(("node", format!("{{__name__=~\"node_memory_({lines})_bytes\",instance=~{instance}}}")));
    }
    Ok(queries)
}

/// A text in PromQL's quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A regular expression (RE2) for any of these names.
fn any_of(names: &[String]) -> String {
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push('|');
        }
        for c in name.chars() {
            if !c.is_ascii_alphanumeric() && c != '-' {
                text.push('\\');
            }
            text.push(c);
        }
    }
    text
}

/// The `Authorization` header.
fn token(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let Some(path) = file else { return Ok(None) };
    let text = read(path)?;
    let token = text.trim();
    if token.is_empty() || token.chars().any(|c| !c.is_ascii_graphic()) {
        return Err(Failure::bad_input(format!("{} has no token on one line", path.display())));
    }
    Ok(Some(format!("Bearer {token}")))
}

fn read(path: &Path) -> Result<String, Failure> {
    let cannot = |why: String| Failure::bad_input(format!("{} cannot be read: {why}", path.display()));
    std::fs::read_to_string(path).map_err(|why| cannot(plain(&why)))
}

/// An answer, as far as it says that there is nothing in it.
#[derive(serde::Deserialize)]
struct Answer {
    data: Data,
}

#[derive(serde::Deserialize)]
struct Data {
    result: Vec<serde::de::IgnoredAny>,
}

/// True when a successful answer has no series.
fn is_empty(text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|answer: Answer| answer.data.result.is_empty())
}

/// Without the feature there is no server to ask.
#[cfg(not(feature = "prometheus"))]
mod http {
    use super::{Failure, Path, Range};

    pub(super) struct Server;

    impl Server {
        pub fn new(url: &str, _: Option<String>, _: Option<&Path>) -> Result<Self, Failure> {
            let why = "this oomsim was built without the feature `prometheus`; ask with the commands of `oomsim import --queries`";
            Err(Failure::bad_input(format!("--prometheus {url}: {why}")))
        }

        pub fn range(&self, _: &Range) -> Result<String, Failure> {
            Ok(String::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_in_promql() {
        let whose = Whose { pods: vec!["web-1".into(), "a.b".into()], node: vec!["ip-10-0-0-1.ec2.internal".into()] };
        let queries = queries(&whose).expect("queries");
        // RE2 takes `\.` for a dot; PromQL's string needs the backslash twice.
        assert_eq!(
            queries[0].1,
            r#"container_memory_working_set_bytes{pod=~"web-1|a\\.b",container!="",container!="POD"}"#
        );
        assert!(queries[2].1.ends_with(r#"instance=~"(ip-10-0-0-1\\.ec2\\.internal)(:[0-9]+)?"}"#), "{}", queries[2].1);
        assert!(super::queries(&Whose::default()).is_err());
    }
}
