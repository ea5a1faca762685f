//! KubeletConfiguration files, drop-in directories and command lines.

use super::Context;
use super::kubelet_config::{KubeletDraft, MAP_FIELDS, Maps, config_keys};
use super::kubelet_names::{FIELDS, FLAGS, UNMODELLED, UNMODELLED_FLAGS};
use super::wrappers::{Settings, kubelets};
use crate::diagnostic::Diagnostic;
use crate::names::nearest;
use crate::reader::{Problems, TableReader};
use crate::scalar::text;
use crate::source::Location;
use crate::tables;
use crate::value::{Entry, Value, ValueKind};

/// `config = "kubelet.yaml"`: YAML, the JSON of `/configz`, or a wrapper of a provider.
pub(crate) fn config_file(cx: &Context<'_>, path: &Value, draft: &mut KubeletDraft) {
    if let Some(file) = text(cx.problems, path) {
        one_file(cx, &file, &path.at, draft, Maps::Replace);
    }
}

/// `configDir = "kubelet.conf.d"`: files that end in `.conf` are merged in the order of their names, maps key by key
/// (cmd/kubelet/app/server.go, a JSON merge patch).
pub(crate) fn config_dir(cx: &Context<'_>, path: &Value, draft: &mut KubeletDraft) {
    let p = cx.problems;
    let Some(directory) = text(p, path) else { return };
    let mut names = match cx.list(&directory) {
        Ok(names) => names,
        Err(why) => return p.error(&path.at, format!("`{directory}` cannot be listed: {why}")),
    };
    names.sort();
    let (used, others): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| name.ends_with(".conf"));
    for name in &others {
        p.warn(&path.at, format!("the kubelet only reads `.conf` files: `{name}` is ignored"));
    }
    if used.is_empty() {
        p.warn(&path.at, format!("`{directory}` has no `.conf` file"));
    }
    for name in used {
        one_file(cx, &format!("{}/{name}", directory.trim_end_matches('/')), &path.at, draft, Maps::Merge);
    }
}

fn one_file(cx: &Context<'_>, file: &str, at: &Location, draft: &mut KubeletDraft, maps: Maps) {
    let p = cx.problems;
    let Some(documents) = cx.documents(file, at) else { return };
    let found = kubelets(&documents);
    let settings = match (found.as_slice(), &*documents) {
        ([settings], _) => settings,
        // What is no settings is read as such, so that its reader says what it is.
        ([], [document]) => {
            configuration(p, document, draft, maps);
            if document.get("kind").is_none() && document.entries().is_some_and(|entries| !entries.is_empty()) {
                p.push(without_settings(file, &document.at));
            }
            return;
        }
        ([], _) => return p.push(without_settings(file, at)),
        (several, _) => {
            let message = format!("`{file}` has settings of {} kubelets, expected those of one", several.len());
            return p.error(at, message);
        }
    };
    for part in settings {
        match part {
            Settings::Fields(fields) => configuration(p, fields, draft, maps),
            Settings::Flags(words) | Settings::MoreFlags(words) => flags(p, words, draft),
            Settings::Provider(by) => {
                let reserved = [&draft.config.kube_reserved, &draft.config.system_reserved];
                if !reserved.iter().any(|map| map.contains_key("memory")) {
                    let message = "no memory is reserved here: the provider's nodes do so by a rule of their own";
                    let help = format!("`preset = \"{0}\"` in [kubelet], or --preset {0}, has that rule", by.preset);
                    p.push(Diagnostic::warning(&by.at, message).help(help));
                }
            }
        }
    }
}

fn without_settings(file: &str, at: &Location) -> Diagnostic {
    let help = "expected a KubeletConfiguration, or a file in which a provider or installer keeps one";
    Diagnostic::error(at, format!("`{file}` has no settings of a kubelet")).help(help)
}

/// True for names of KubeletConfiguration's fields, read here or not.
pub(crate) fn is_field(name: &str) -> bool {
    let read = || FIELD_FLAGS.iter().map(|(_, field)| *field);
    read().any(|field| field == name) || FIELDS.contains(&name) || UNMODELLED.contains(&name)
}

/// The field that a flag sets.
pub(crate) fn field_of_flag(flag: &str) -> Option<&'static str> {
    FIELD_FLAGS.iter().find(|(known, _)| *known == flag).map(|(_, field)| *field)
}

/// One KubeletConfiguration object.
pub(crate) fn configuration(p: &Problems, value: &Value, draft: &mut KubeletDraft, maps: Maps) {
    let Some(mut t) = TableReader::open(p, &tables::CONFIGURATION, value) else { return };
    if let Some(kind) = t.get("kind").filter(|kind| kind.as_text() != Some("KubeletConfiguration")) {
        p.expected(kind, "a KubeletConfiguration");
    }
    if let Some(version) = t.get("apiVersion").filter(|v| v.as_text() != Some("kubelet.config.k8s.io/v1beta1")) {
        p.expected(version, "kubelet.config.k8s.io/v1beta1");
    }
    draft.note("", &value.at);
    config_keys(&mut t, draft, maps);
    let legal: Vec<&str> = t.legal().into_iter().chain(FIELDS.iter().copied()).collect();
    for entry in t.rest() {
        if UNMODELLED.contains(&entry.key.as_str()) {
            if !matches!(entry.value.kind, ValueKind::Null) {
                p.warn(&entry.key_at, format!("`{}` is not modelled and is ignored", entry.key));
            }
        } else if !FIELDS.contains(&entry.key.as_str()) {
            unknown(
                p,
                &entry.key_at,
                &format!("`{}` is not a field of KubeletConfiguration", entry.key),
                &entry.key,
                &legal,
            );
        }
    }
    t.finish();
}

fn unknown(p: &Problems, at: &Location, message: &str, given: &str, legal: &[&str]) {
    let mut problem = Diagnostic::warning(at, format!("{message}: it is ignored"));
    if let Some(name) = nearest(given, legal.iter().copied()) {
        problem = problem.label(format!("did you mean `{name}`?"));
    }
    p.push(problem);
}

/// Flags that set a field of the configuration, and which.
const FIELD_FLAGS: &[(&str, &str)] = &[
    ("kube-reserved", "kubeReserved"),
    ("system-reserved", "systemReserved"),
    ("eviction-hard", "evictionHard"),
    ("eviction-soft", "evictionSoft"),
    ("eviction-soft-grace-period", "evictionSoftGracePeriod"),
    ("eviction-minimum-reclaim", "evictionMinimumReclaim"),
    ("qos-reserved", "qosReserved"),
    ("experimental-qos-reserved", "qosReserved"),
    ("kube-reserved-cgroup", "kubeReservedCgroup"),
    ("system-reserved-cgroup", "systemReservedCgroup"),
    ("eviction-pressure-transition-period", "evictionPressureTransitionPeriod"),
    ("eviction-max-pod-grace-period", "evictionMaxPodGracePeriod"),
    ("enforce-node-allocatable", "enforceNodeAllocatable"),
    ("cgroup-driver", "cgroupDriver"),
    ("cgroup-root", "cgroupRoot"),
    ("cgroups-per-qos", "cgroupsPerQOS"),
    ("node-status-update-frequency", "nodeStatusUpdateFrequency"),
    ("fail-swap-on", "failSwapOn"),
    ("oom-score-adj", "oomScoreAdj"),
    ("kernel-memcg-notification", "kernelMemcgNotification"),
    ("experimental-kernel-memcg-notification", "kernelMemcgNotification"),
    ("protect-kernel-defaults", "protectKernelDefaults"),
    ("max-pods", "maxPods"),
    ("feature-gates", "featureGates"),
];

/// `flags = "/usr/local/bin/kubelet --eviction-hard=…"` as a process list shows it, or an array of words. The flags
/// become a table of the fields that they set, which is then read like a file.
pub(crate) fn flags(p: &Problems, value: &Value, draft: &mut KubeletDraft) {
    let words: Vec<(&str, Location)> = match &value.kind {
        ValueKind::Text(_) => split_words(&value.at),
        ValueKind::Array(items) => items.iter().filter_map(|item| Some((item.as_text()?, item.at.clone()))).collect(),
        _ => return p.expected(value, "a command line, or an array of words"),
    };
    // A kubelet without flags is one; any other text without flags is something else, or the output of a command that
    // found nothing.
    let flag_or_kubelet = |word: &str| word.trim_matches(['*', '`']).starts_with("--") || word.ends_with("kubelet");
    if value.as_text().is_some() && !words.iter().any(|(word, _)| flag_or_kubelet(word)) {
        p.expected(value, "the kubelet's command line, such as \"kubelet --eviction-hard=memory.available<750Mi\"");
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut words = words.into_iter().peekable();
    while let Some((word, at)) = words.next() {
        // A program's name, and what is left of markdown in a pasted command line (`**--eviction-hard=…<750Mi**,…`).
        let word = word.replace("**", "");
        let Some(flag) = word.trim_matches(['*', '`']).strip_prefix("--") else { continue };
        let (name, mut given) = match flag.split_once('=') {
            Some((name, given)) => (name, Some(given.trim_matches(['*', '`', '"', '\'']))),
            None => (flag, None),
        };
        let name = name.replace('_', "-");
        if given.is_none()
            && let Some((next, _)) = words.peek().filter(|(next, _)| !next.starts_with('-'))
        {
            given = Some(next);
            words.next();
        }
        let Some(field) = field_of_flag(&name) else {
            other_flag(p, &name, &at);
            continue;
        };
        if let Some(kind) = flag_value(p, field, given.unwrap_or("true"), &at) {
            entries.retain(|e| e.key != *field);
            entries.push(Entry { key: field.to_string(), key_at: at.clone(), value: Value { kind, at } });
        }
    }
    configuration(p, &Value { kind: ValueKind::Table(entries), at: value.at.clone() }, draft, Maps::Replace);
}

/// Words with their places, from the text of a string as it stands in the file.
fn split_words(at: &Location) -> Vec<(&str, Location)> {
    let text = at.text();
    let inner = text.trim_matches(['"', '\'']);
    let mut words = Vec::new();
    for word in inner.split([' ', '\t', '\n', '\r', '\\']).filter(|word| !word.is_empty()) {
        let start = at.span.start + (word.as_ptr() as usize - text.as_ptr() as usize);
        words.push((word, Location { source: at.source.clone(), span: start..start + word.len() }));
    }
    words
}

fn other_flag(p: &Problems, name: &str, at: &Location) {
    match name {
        "config" | "config-dir" => {
            p.warn(at, format!("the file of `--{name}` is not read: use `config` or `configDir` instead"));
        }
        _ if UNMODELLED_FLAGS.contains(&name) => p.warn(at, format!("`--{name}` is not modelled and is ignored")),
        _ if FLAGS.contains(&name) => {}
        _ => {
            let legal: Vec<&str> = FIELD_FLAGS.iter().map(|(flag, _)| *flag).chain(FLAGS.iter().copied()).collect();
            unknown(p, at, &format!("`--{name}` is not a flag of the kubelet"), name, &legal);
        }
    }
}

/// A flag's text as the value of its field.
fn flag_value(p: &Problems, field: &str, given: &str, at: &Location) -> Option<ValueKind> {
    let text = |text: &str| Value { kind: ValueKind::Text(text.trim().to_string()), at: at.clone() };
    let entry = |(key, value): (&str, &str), kind: ValueKind| Entry {
        key: key.trim().to_string(),
        key_at: at.clone(),
        value: Value { kind, ..text(value) },
    };
    let pairs = || given.split(',').filter(|pair| !pair.trim().is_empty());
    if MAP_FIELDS.contains(&field) || field == "featureGates" {
        let sign = if matches!(field, "evictionHard" | "evictionSoft") { '<' } else { '=' };
        let mut entries: Vec<Entry> = Vec::new();
        for pair in pairs() {
            let Some(parts) = pair.split_once(sign) else {
                p.error(at, format!("expected `NAME{sign}VALUE`, found `{pair}`"));
                return None;
            };
            let kind = match (field, parts.1.trim()) {
                ("featureGates", on @ ("true" | "false")) => ValueKind::Bool(on == "true"),
                (_, value) => ValueKind::Text(value.to_string()),
            };
            entries.push(entry(parts, kind));
        }
        return Some(ValueKind::Table(entries));
    }
    Some(match (field, given.parse::<i64>()) {
        ("enforceNodeAllocatable", _) => ValueKind::Array(pairs().map(text).collect()),
        (_, Ok(number)) if !field.ends_with("Cgroup") => ValueKind::Int(number),
        _ if matches!(given, "true" | "false") => ValueKind::Bool(given == "true"),
        _ => ValueKind::Text(given.to_string()),
    })
}
