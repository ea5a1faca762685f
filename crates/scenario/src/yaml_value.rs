//! YAML (and JSON, which is YAML) as [`Value`]s.

use super::diagnostic::Diagnostic;
use super::read::is_command_line;
use super::source::{Location, Source};
use super::toml_value::parse_document;
use super::value::{Entry, Value, ValueKind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Parses all documents of a file; empty ones are left out. User data of a machine may be MIME parts, of which those
/// with YAML and scripts are read, and that of Bottlerocket is TOML. A file from which a service takes its command line
/// is one text. The items of a `PodList` are Pods, also where the API does not repeat that.
///
/// # Errors
/// When the text is not YAML.
pub fn parse_documents(source: &Arc<Source>) -> Result<Vec<Value>, Box<Diagnostic>> {
    let options = serde_saphyr::options! { with_snippet: false, budget: Some(budget(source.text.len())) };
    let first = source.text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let of_bottlerocket =
        |line: &str| line.starts_with("settings.") || line.starts_with("[settings") && line.ends_with(']');
    if first.is_some_and(of_bottlerocket) {
        let toml = parse_document(source).map_err(|problems| problems.into_iter().next().map(Box::new));
        return toml.map(|value| vec![value]).or_else(|why| why.map_or(Ok(Vec::new()), Err));
    }
    if let Some(text) = decoded_user_data(&source.text) {
        return parse_documents(&Arc::new(Source::new(format!("{} (base64)", source.name), text)));
    }
    let (text, scripts) = without_mime(&source.text);
    if scripts.is_empty() && is_command_line(&text) {
        return Ok(vec![text_at(source, 0..source.text.len())]);
    }
    let documents: Vec<Spanned> = serde_saphyr::from_multiple_with_options(&text, options).map_err(|error| {
        let at = error.location().map_or(0..0, |location| place(&source.text, &location));
        Box::new(Diagnostic::error(&Location::new(source, at), format!("not valid YAML: {}", reason(&error))))
    })?;
    let mut documents: Vec<Value> = documents.into_iter().map(|document| convert(source, document)).collect();
    documents.iter_mut().for_each(name_items);
    let scripts = scripts.into_iter().filter(|at| is_command_line(&source.text[at.clone()]));
    documents.extend(scripts.map(|at| text_at(source, at)));
    Ok(documents)
}

/// User data of a machine as the clouds' interfaces hand it out: all of the text is base64 of another one, in which
/// the kubelet is set up.
fn decoded_user_data(text: &str) -> Option<String> {
    let bare: String = text.split_whitespace().collect();
    if bare.len() < 64 || !bare.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')) {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(bare).ok()?).ok()?;
    ["kubelet", "bootstrap.sh", "settings.kubernetes"].iter().any(|mark| decoded.contains(mark)).then_some(decoded)
}

/// Why a text is not read; the library's own words are about its options.
fn reason(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error;
    match error.without_snippet() {
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key `{key}` is there twice"),
        Error::RecursiveReferencesRequireWeakTypes { .. } => "an alias stands within what it refers to".into(),
        Error::Budget { breach: serde_saphyr::budget::BudgetBreach::Depth { .. }, .. } => {
            format!("nested more than {MAX_NESTING} deep")
        }
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } | Error::AliasExpansionLimitExceeded { .. } => {
            "its aliases stand for more values than can be read".into()
        }
        other => other.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}

/// Deepest nesting of a text, as of JSON elsewhere: reading goes as deep, on threads with little stack.
const MAX_NESTING: usize = 128;

/// A text has no more values than bytes: what grows without end are aliases, which have a limit of their own. A
/// cluster's pods are millions of values.
fn budget(bytes: usize) -> serde_saphyr::Budget {
    let mut budget = serde_saphyr::Budget::default();
    budget.max_depth = MAX_NESTING;
    budget.max_nodes = budget.max_nodes.max(bytes);
    budget.max_events = budget.max_events.max(bytes.saturating_mul(2));
    budget.max_documents = budget.max_documents.max(bytes / 4);
    budget.max_total_scalar_bytes = budget.max_total_scalar_bytes.max(bytes);
    budget
}

fn text_at(source: &Arc<Source>, at: Range<usize>) -> Value {
    Value::new(ValueKind::Text(source.text[at.clone()].to_owned()), source, at)
}

/// Of a typed list (`PodList`) the API server gives items without `apiVersion` and `kind`; `kubectl get -o json` adds
/// them.
fn name_items(list: &mut Value) {
    let ValueKind::Table(entries) = &mut list.kind else { return };
    let of = |key: &str| entries.iter().find(|entry| entry.key == key).cloned();
    let Some(kind) = of("kind") else { return };
    let name = kind.value.as_text().and_then(|name| name.strip_suffix("List")).filter(|name| !name.is_empty());
    let Some(name) = name else { return };
    let kind =
        Entry { value: Value { kind: ValueKind::Text(name.to_owned()), at: kind.value.at.clone() }, ..kind.clone() };
    let named: Vec<Entry> = of("apiVersion").into_iter().chain([kind]).collect();
    let Some(Entry { value: Value { kind: ValueKind::Array(items), .. }, .. }) =
        entries.iter_mut().find(|entry| entry.key == "items")
    else {
        return;
    };
    for item in items {
        if let ValueKind::Table(fields) = &mut item.kind
            && !fields.iter().any(|field| field.key == "kind")
        {
            fields.splice(0..0, named.iter().cloned());
        }
    }
}

/// The text with spaces in place of all MIME headers and of all parts that are no YAML, so that places stay what they
/// are; and the scripts among the parts.
fn without_mime(text: &str) -> (Cow<'_, str>, Vec<Range<usize>>) {
    let head = text.trim_start().get(..10).unwrap_or_default().to_ascii_lowercase();
    let quoted = |rest: &str| rest.trim_matches(['"', ' ', ';', '\r']).to_string();
    let boundary = text.lines().take(10).find_map(|line| line.split_once("boundary=").map(|(_, rest)| quoted(rest)));
    let (Some(boundary), true) = (boundary, head.starts_with("mime-vers") || head.starts_with("content-ty")) else {
        return (Cow::Borrowed(text), Vec::new());
    };
    let boundary = format!("--{boundary}");
    let (mut out, mut headers, mut wanted) = (String::with_capacity(text.len()), true, Part::Other);
    let mut scripts: Vec<Range<usize>> = Vec::new();
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        let start = out.len();
        let spaces = |shown: &str| format!("{shown}{:1$}\n", "", line.len().saturating_sub(shown.len() + 1));
        if bare.starts_with(&boundary) {
            (headers, wanted) = (true, Part::Other);
            out.push_str(&spaces("---"));
        } else if headers {
            let kind = bare.to_ascii_lowercase();
            let kind = kind.strip_prefix("content-type:").unwrap_or_default();
            if ["node.eks.aws", "yaml", "cloud-config"].iter().any(|known| kind.contains(known)) {
                wanted = Part::Yaml;
            } else if kind.contains("shellscript") {
                wanted = Part::Script;
            }
            headers = !bare.is_empty();
            if !headers && wanted == Part::Script {
                scripts.push(start + line.len()..start + line.len());
            }
            out.push_str(&spaces(""));
        } else if wanted == Part::Yaml {
            out.push_str(line);
        } else {
            out.push_str(&spaces(""));
        }
        if let (Part::Script, Some(script)) = (wanted, scripts.last_mut()) {
            script.end = start + line.len();
        }
    }
    (Cow::Owned(out), scripts)
}

/// What a MIME part is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Yaml,
    Script,
    Other,
}

type Spanned = serde_saphyr::Spanned<Node>;

enum Node {
    Scalar(ValueKind),
    Array(Vec<Spanned>),
    Table(Vec<(serde_saphyr::Spanned<String>, Spanned)>),
}

fn range(location: &serde_saphyr::Location) -> Range<usize> {
    let span = location.span();
    let start = span.byte_offset().map_or(0, |n| n as usize);
    start..start + span.byte_len().map_or(0, |n| n as usize)
}

/// The place of an error, which has its line and column at least.
fn place(text: &str, location: &serde_saphyr::Location) -> Range<usize> {
    if location.span().byte_offset().is_some_and(|offset| offset > 0) {
        return range(location);
    }
    let line = (location.line() as usize).saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text[start..].char_indices().nth((location.column() as usize).saturating_sub(1));
    let start = rest.map_or(text.len(), |(i, _)| start + i);
    start..start
}

fn convert(source: &Arc<Source>, node: Spanned) -> Value {
    let span = range(&node.referenced);
    let kind = match node.value {
        Node::Scalar(kind) => kind,
        Node::Array(items) => ValueKind::Array(items.into_iter().map(|item| convert(source, item)).collect()),
        Node::Table(entries) => ValueKind::Table(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    key_at: Location::new(source, range(&key.referenced)),
                    key: key.value,
                    value: convert(source, value),
                })
                .collect(),
        ),
    };
    Value::new(kind, source, span)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(ValueKind::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(ValueKind::Null))
    }

    fn visit_bool<E>(self, b: bool) -> Result<Node, E> {
        Ok(Node::Scalar(ValueKind::Bool(b)))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Node, E> {
        Ok(Node::Scalar(ValueKind::Int(n)))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Node, E> {
        Ok(Node::Scalar(i64::try_from(n).map_or_else(|_| ValueKind::Number(n.to_string()), ValueKind::Int)))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Node, E> {
        Ok(Node::Scalar(ValueKind::Number(n.to_string())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Scalar(ValueKind::Text(text.to_string())))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::Scalar(ValueKind::Text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Table(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Value>, Box<Diagnostic>> {
        parse_documents(&Arc::new(Source::new("x.yaml", text)))
    }

    #[test]
    fn values_know_where_they_stand() {
        let text = "é: 1\nspec:\n  limits: {memory: 64Mi, cpu: 0.5}\n---\n- true\n- null\n- \"7\"\n";
        let [first, second] = parse(text).unwrap().try_into().unwrap();
        let memory = first.get("spec").unwrap().get("limits").unwrap().get("memory").unwrap();
        assert_eq!((memory.as_text(), memory.at.text(), memory.at.line()), (Some("64Mi"), "64Mi", 3));
        let key = &first.get("spec").unwrap().get("limits").unwrap().entries().unwrap()[1];
        assert_eq!((key.key_at.text(), &key.value.kind), ("cpu", &ValueKind::Number("0.5".into())));
        let kinds: Vec<_> = second.items().unwrap().iter().map(|v| v.kind.clone()).collect();
        assert_eq!(kinds, [ValueKind::Bool(true), ValueKind::Null, ValueKind::Text("7".into())]);
    }

    #[test]
    fn json_is_read_too_and_wrong_text_is_shown() {
        assert!(parse("{\"a\": {\"b\": [1, 2.5, \"x\"]}}").is_ok());
        for bad in ["a: [1", "a: b: c", "a: 1\na: 2", &"[".repeat(100_000), "\u{0}"] {
            let problem = parse(bad).err().unwrap();
            assert!(problem.message.starts_with("not valid YAML"), "{}", problem.message);
            assert!(!problem.render().is_empty());
        }
        // Large, and nothing else.
        let pods: String = (0..3000).map(|i| format!("- {{name: p{i}, labels: [{}]}}\n", "a,".repeat(100))).collect();
        assert_eq!(parse(&pods).unwrap()[0].items().map(<[Value]>::len), Some(3000));
        assert_eq!(parse(&"---\nkind: Service\n".repeat(2000)).map(|all| all.len()).ok(), Some(2000));
        let bomb: String = (1..30).map(|i| format!("a{i}: &a{i} [*a{0},*a{0},*a{0}]\n", i - 1)).collect();
        assert!(parse(&format!("a0: &a0 x\n{bomb}")).is_err());
    }
}
