//! The kubelet's flags: lists of them, command lines, and the files from which a service takes them.

use super::given;
use crate::read::kubelet_files::field_of_flag;
use crate::value::{Entry, Value, ValueKind};

/// What starts the kubelet and gives it flags of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Launcher {
    /// Nothing that would add any.
    None,
    /// k3s and RKE2.
    K3s,
}

/// Flags that k3s and RKE2 give to the kubelet unless `kubelet-arg` says otherwise (k3s-io/k3s
/// pkg/daemons/agent/agent_linux.go): the map of thresholds replaces the kubelet's own, that for memory included.
pub(super) const OF_K3S: [&str; 3] = [
    "--eviction-hard=imagefs.available<5%,nodefs.available<5%",
    "--eviction-minimum-reclaim=imagefs.available=10%,nodefs.available=10%",
    "--fail-swap-on=false",
];

/// Flags of other programs that carry those of the kubelet: k3s and RKE2, the bootstrap script of EKS' AL2, minikube.
const CARRIERS: [(&str, Launcher); 3] =
    [("--kubelet-arg", Launcher::K3s), ("--kubelet-extra-args", Launcher::None), ("--extra-config", Launcher::None)];

/// Programs whose flags stand beside the kubelet's in a list of processes.
const OTHERS: [&str; 8] =
    ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "etcd", "containerd", "crio", "grep"];

/// Flags as words: one text, a list of `name=value` with or without dashes, a table, or kubeadm's list of names and
/// values.
pub(super) fn flag_list(flags: &Value, launcher: Launcher) -> Value {
    let dashed = |text: &str, at: &Value| word(format!("--{}", text.trim_start_matches('-')), at);
    let words: Vec<Value> = match &flags.kind {
        // A text may hold several, as the command line does.
        ValueKind::Text(text) if text.trim_start().starts_with("--") => {
            lines_of_words(text).flatten().map(|flag| word(flag, flags)).collect()
        }
        ValueKind::Text(text) => vec![dashed(text, flags)],
        ValueKind::Array(items) => items
            .iter()
            .filter_map(|item| match item.as_text() {
                Some(text) => Some(dashed(text, item)),
                None => Some(word(named_flag(item)?, item)),
            })
            .collect(),
        ValueKind::Table(entries) => entries.iter().flat_map(pairs).collect(),
        _ => return flags.clone(),
    };
    with_launcher(words, launcher, flags)
}

fn word(text: String, at: &Value) -> Value {
    Value { kind: ValueKind::Text(text), at: at.at.clone() }
}

fn with_launcher(words: Vec<Value>, launcher: Launcher, at: &Value) -> Value {
    let own = OF_K3S.iter().filter(|_| launcher == Launcher::K3s).map(|flag| word((*flag).to_owned(), at));
    Value { kind: ValueKind::Array(own.chain(words).collect()), at: at.at.clone() }
}

/// `{ name: eviction-hard, value: … }`.
fn named_flag(item: &Value) -> Option<String> {
    let text = |key| given(item, &[key]).and_then(shown);
    Some(format!("--{}={}", text("name")?, text("value")?))
}

/// A flag of a table; Talos takes a list of values, too.
fn pairs(entry: &Entry) -> Vec<Value> {
    let one = |value: &Value| Some(word(format!("--{}={}", entry.key.trim_start_matches('-'), shown(value)?), value));
    match entry.value.items() {
        Some(items) => items.iter().filter_map(one).collect(),
        None => one(&entry.value).into_iter().collect(),
    }
}

fn shown(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::Text(text) | ValueKind::Number(text) => Some(text.clone()),
        ValueKind::Int(n) => Some(n.to_string()),
        ValueKind::Bool(b) => Some(b.to_string()),
        _ => None,
    }
}

/// Whether a text is no YAML but a file with the kubelet's command line: a unit or drop-in of systemd, an environment
/// file, a script, `/proc/PID/cmdline`, `systemctl status` or `ps`.
pub(crate) fn is_command_line(text: &str) -> bool {
    if !["kubelet", "KUBELET", "k3s", "rke2"].iter().any(|program| text.contains(program)) {
        return false;
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let script = text.starts_with("#!");
    let first = lines.by_ref().find(|line| !line.starts_with(['#', ';'])).unwrap_or_default();
    let section = ["[Unit]", "[Service]", "[Install]"].contains(&first);
    let name = first.strip_prefix("export ").unwrap_or(first).split_once('=').map(|(name, _)| name);
    let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let environment = name.is_some_and(|name| !name.is_empty() && name.chars().all(upper));
    let started = |line: &str| {
        let mut words = line.split([' ', '\t', '\0']).filter(|word| !word.is_empty()).peekable();
        while let Some(word) = words.next() {
            let program = program(word);
            let of_k3s =
                matches!(program, "k3s" | "rke2") && words.next_if(|w| matches!(*w, "server" | "agent")).is_some();
            if (program == "kubelet" || of_k3s) && words.peek().is_some_and(|next| next.starts_with("--")) {
                return true;
            }
        }
        false
    };
    let yaml = first.ends_with(':') || first.contains(": ") || first.starts_with(['{', '[', '-']);
    // `systemctl status` begins with a dot.
    let plain = !yaml || first.starts_with('●');
    script || section || environment || plain && text.lines().take(2000).any(started)
}

/// The name of a program without its folder.
fn program(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// The flags in a command line, or in a file of which a service takes it; `None`: it has nothing of a kubelet.
pub(super) fn command_line(document: &Value, text: &str) -> Option<Value> {
    let named = text.to_ascii_lowercase().contains("kubelet");
    let lines: Vec<Vec<String>> =
        lines_of_words(text).map(|line| line.into_iter().flat_map(opened).collect()).collect();
    let carrier = |word: &str| {
        let (name, rest) = word.split_once('=').map_or((word, None), |(name, rest)| (name, Some(rest)));
        CARRIERS.iter().find(|(carrier, _)| *carrier == name).map(|(_, launcher)| (*launcher, rest.map(str::to_owned)))
    };
    let (mut carried, mut launcher, mut found) = (Vec::new(), Launcher::None, false);
    for line in &lines {
        let mut words = line.iter();
        while let Some(word) = words.next() {
            let Some((by, rest)) = carrier(word) else { continue };
            let Some(inner) = rest.or_else(|| words.next().cloned()) else { continue };
            if word.starts_with("--extra-config") && !inner.starts_with("kubelet.") {
                continue;
            }
            found = true;
            if by == Launcher::K3s {
                launcher = by;
            }
            if inner.trim_start().starts_with("--") {
                carried.extend(plain_flags(&[inner]));
            } else {
                carried.push(format!("--{}", inner.strip_prefix("kubelet.").unwrap_or(&inner)));
            }
        }
    }
    let of_other = |line: &&Vec<String>| line.iter().any(|word| OTHERS.contains(&program(word)));
    let plain = || lines.iter().filter(|line| !of_other(line)).flat_map(|line| plain_flags(line)).collect();
    let words: Vec<String> = if found { carried } else { plain() };
    let known =
        |word: &String| field_of_flag(word.trim_start_matches('-').split('=').next().unwrap_or_default()).is_some();
    let named = named && (!words.is_empty() || text.contains("KUBELET_"));
    let settings = found || named || words.iter().any(known);
    let words = words.into_iter().map(|flag| word(flag, document)).collect();
    settings.then(|| with_launcher(words, launcher, document))
}

/// Arguments as one command line.
pub(super) fn joined_flags(args: &[&Value]) -> String {
    let quoted = |text: &str| match text.split_once('=') {
        Some((name, value)) => format!("{name}=\"{}\"", value.trim_matches(['"', '\''])),
        None => text.to_owned(),
    };
    args.iter().filter_map(|arg| arg.as_text()).map(quoted).collect::<Vec<_>>().join(" ")
}

/// A variable with a whole command line in quotes: `INSTALL_K3S_EXEC="agent --kubelet-arg=…"`.
fn opened(word: String) -> Vec<String> {
    if !word.starts_with('-') && word.contains(" --") { words(&word) } else { vec![word] }
}

/// The flags of a line, with the value of one that stands behind it; what comes from variables is not known.
fn plain_flags(line: &[String]) -> Vec<String> {
    let mut flags: Vec<String> = Vec::new();
    let mut open = false;
    for word in line.iter().flat_map(|word| word.split_whitespace()) {
        // `KUBELET_EXTRA_ARGS=--max-pods=50`, `Environment=KUBELET_CONFIG_ARGS=--config=…`.
        let word = match word.find("--") {
            Some(at) if at == 0 || word[..at].ends_with('=') => &word[at..],
            _ => word,
        };
        if word.contains('$') {
            open = false;
        } else if word.len() > 2 && word.starts_with("--") {
            open = !word.contains('=');
            flags.push(word.to_owned());
        } else if let (true, Some(flag)) = (std::mem::take(&mut open) && !word.starts_with('-'), flags.last_mut()) {
            flag.push('=');
            flag.push_str(word);
        }
    }
    flags
}

/// The words of each line as a shell splits them: quotes hold them together, `\` before a line's end joins lines,
/// lines that begin with `#` are comments. A quote that is not closed ends with its line.
fn lines_of_words(text: &str) -> impl Iterator<Item = Vec<String>> {
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ").replace('\0', " ");
    let lines: Vec<String> = joined.lines().map(str::to_owned).collect();
    lines.into_iter().filter(|line| !line.trim_start().starts_with('#')).map(|line| words(&line))
}

fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
