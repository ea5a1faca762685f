//! SARIF 2.1.0: what code scanning reads.

use super::findings::{LintReport, Shown};
use oomsim_core::record::StableHasher;
use oomsim_lint::{RULES, Rule};
use oomsim_scenario::Severity;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

/// One run of the tool with all rules, found or not.
pub fn render(report: &LintReport) -> String {
    let problems = report.errors.iter().chain(&report.warnings);
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "oomsim",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": REPOSITORY,
                "rules": RULES.iter().map(descriptor).collect::<Vec<_>>(),
            }},
            "invocations": [{
                "executionSuccessful": report.failures.is_empty(),
                "toolExecutionNotifications": problems.map(notification).collect::<Vec<_>>(),
            }],
            "columnKind": "unicodeCodePoints",
            "results": results(&report.findings),
        }],
    });
    format!("{}\n", serde_json::to_string_pretty(&log).unwrap_or_default())
}

fn descriptor(rule: &Rule) -> Value {
    // Pascal case, as the standard has it: `NoMemoryEviction`.
    let name: String = rule.name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
    json!({
        "id": rule.code,
        "name": name,
        "shortDescription": { "text": rule.summary },
        "fullDescription": { "text": format!("{}.", rule.summary) },
        "help": { "text": rule.page(), "markdown": rule.page() },
        "helpUri": format!("{REPOSITORY}/blob/main/docs/lint.md#{}", rule.anchor()),
        "defaultConfiguration": { "level": rule.level.as_str() },
    })
}

/// Results with fingerprints: rule, file, sentence, and which of several alike it is. Lines may move.
fn results(findings: &[Shown]) -> Vec<Value> {
    let mut seen: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    let one = |shown: &Shown| {
        let file = shown.place_or_file().map_or_else(String::new, |place| uri(&place.file));
        let key = (shown.diagnostic.code.to_string(), file, shown.diagnostic.message.clone());
        let mut hasher = StableHasher::default();
        let count = seen.entry(key.clone()).or_default();
        hasher.add(&(&key, *count as u64));
        *count += 1;
        let mut result = result(shown);
        result["partialFingerprints"] = json!({ "oomsimFinding/v1": hasher.digest().to_string() });
        result
    };
    findings.iter().map(one).collect()
}

fn result(shown: &Shown) -> Value {
    let code = shown.diagnostic.code;
    json!({
        "ruleId": code,
        "ruleIndex": RULES.iter().position(|rule| rule.code == code),
        "level": level(shown),
        "message": message(shown),
        "locations": locations(shown),
    })
}

fn notification(shown: &Shown) -> Value {
    json!({ "level": level(shown), "message": message(shown), "locations": locations(shown) })
}

/// SARIF's words are the same.
fn level(shown: &Shown) -> &'static str {
    match shown.diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn message(shown: &Shown) -> Value {
    // A question has its own mark.
    let end = |text: &str| if text.ends_with('?') { "" } else { "." };
    let sentences: Vec<_> = shown.diagnostic.sentences().map(|text| format!("{text}{}", end(text))).collect();
    json!({ "text": sentences.join("\n") })
}

fn locations(shown: &Shown) -> Value {
    let Some(place) = shown.place_or_file() else { return json!([]) };
    let mut region = Map::new();
    region.insert("startLine".into(), place.line.into());
    region.insert("startColumn".into(), place.column.into());
    if let Some(end) = place.end_column {
        region.insert("endColumn".into(), end.into());
    }
    json!([{ "physicalLocation": { "artifactLocation": { "uri": uri(&place.file) }, "region": region } }])
}

/// A path as a URI reference (RFC 3986): absolute ones as `file://`, every byte that is not allowed in a path escaped.
fn uri(path: &str) -> String {
    let path = path.replace('\\', "/");
    let path = path.strip_prefix("./").unwrap_or(&path);
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(byte.into()),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_uri_references() {
        assert_eq!(uri("./a b/x:1.yaml"), "a%20b/x%3A1.yaml");
        assert_eq!(uri("/etc/ü.yaml"), "file:///etc/%C3%BC.yaml");
        assert_eq!(uri("../k/kubelet.yaml"), "../k/kubelet.yaml");
    }
}
