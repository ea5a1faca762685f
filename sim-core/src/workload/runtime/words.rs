//! A command line as words: what Kubernetes and a shell make of it, and which of them a runtime takes for its own
//! options.

use super::Launch;
use std::collections::BTreeMap;

/// Options of `java` whose value is the next word.
const JAVA_VALUES: [&str; 12] = [
    "-cp",
    "-classpath",
    "--class-path",
    "-p",
    "--module-path",
    "--upgrade-module-path",
    "--add-modules",
    "--add-opens",
    "--add-exports",
    "--add-reads",
    "--patch-module",
    "--limit-modules",
];
/// Options of `node` whose value is the next word.
const NODE_VALUES: [&str; 8] =
    ["-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", "--title"];

impl Launch {
    /// The words of the command line. A command for a shell (`sh -c "exec java …"`) is split as the shell does it, and
    /// `$NAME`, `${NAME}`, `${NAME:-else}` and Kubernetes' `$(NAME)` stand for their variables. What follows the
    /// archive, class or script is the program's, not the runtime's, and left out.
    pub(super) fn words(&self) -> Vec<String> {
        let plain = |arg: &str| !arg.contains(|c: char| c.is_whitespace() || c == '$');
        let split_one = |arg: &String| if plain(arg) { vec![arg.clone()] } else { split(&expanded(arg, &self.env)) };
        let mut words: Vec<String> = self.args.iter().flat_map(split_one).collect();
        words.truncate(end_of_options(&words));
        words
    }
}

/// The last part of a path.
pub(super) fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Where the runtime's own options end.
fn end_of_options(words: &[String]) -> usize {
    let command = words.iter().position(|word| matches!(base(word), "java" | "node" | "nodejs"));
    let Some(command) = command else {
        // An image whose entrypoint is the runtime gets its arguments alone.
        return words.iter().position(|word| word == "-jar").unwrap_or(words.len());
    };
    let values: &[&str] = if base(&words[command]) == "java" { &JAVA_VALUES } else { &NODE_VALUES };
    let mut at = command + 1;
    while let Some(word) = words.get(at) {
        if word == "-jar" || !word.starts_with(['-', '@']) {
            return at;
        }
        at += if values.contains(&word.as_str()) { 2 } else { 1 };
    }
    words.len()
}

/// Words of a text, quoted as for a shell and for HotSpot.
pub(super) fn split(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in text.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            None if matches!(c, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() || matches!(c, ';' | '&' | '|') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A text with variables in place of their names.
fn expanded(text: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out += before;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let known = |name: &str| env.get(name).map(String::as_str);
        let closed = |open, close| after.strip_prefix(open).and_then(|inner: &str| inner.split_once(close));
        rest = if let Some((inner, behind)) = closed('{', '}') {
            let (name, other) = inner.split_once(":-").or_else(|| inner.split_once('-')).unwrap_or((inner, ""));
            out += known(name).filter(|value| !value.is_empty()).unwrap_or(other);
            behind
        } else if let Some((name, behind)) = closed('(', ')').filter(|(name, _)| known(name).is_some()) {
            out += known(name).unwrap_or_default();
            behind
        } else {
            let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
            out += if end == 0 { "$" } else { known(&after[..end]).unwrap_or_default() };
            &after[end..]
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(env: &[(&str, &str)], args: &[&str]) -> Vec<String> {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Launch { env, args: args.iter().map(|arg| (*arg).to_owned()).collect() }.words()
    }

    /// kubernetes.io, Define Environment Variables: `$(VAR)` in args; POSIX shell, 2.2 Quoting and 2.6.2 Parameter
    /// Expansion; the java command: what follows the class or archive goes to `main`; nodejs.org/api/cli.html: options
    /// come before the script.
    #[test]
    fn a_command_becomes_the_words_that_a_runtime_reads() {
        let env = [("JAVA_OPTS", "-Xmx1g -Xms1g"), ("EMPTY", "")];
        for (args, expected) in [
            (
                &["sh", "-c", "exec java $JAVA_OPTS -jar 'my app.jar' -Xmx2g"][..],
                &["sh", "-c", "exec", "java", "-Xmx1g", "-Xms1g"][..],
            ),
            (&["java", "$(JAVA_OPTS)", "-jar", "app.jar"], &["java", "-Xmx1g", "-Xms1g"]),
            (&["java", "${EMPTY:--Xmx3g}", "Main"], &["java", "-Xmx3g"]),
            (&["java", "-cp", "app.jar", "-Xmx2g", "org.Main", "-Xmx5g"], &["java", "-cp", "app.jar", "-Xmx2g"]),
            (&["-Xmx2g", "-jar", "app.jar", "-Xmx5g"], &["-Xmx2g"]),
            (
                &["node", "-r", "./trace.js", "--max-old-space-size=300", "app.js", "--max-old-space-size=9"],
                &["node", "-r", "./trace.js", "--max-old-space-size=300"],
            ),
            (
                &["/bin/bash", "-c", "migrate && \"/opt/java\" \"-Xmx2g\" Main; echo $?"],
                &["/bin/bash", "-c", "migrate", "/opt/java", "-Xmx2g"],
            ),
            (&["echo", "costs 5$"], &["echo", "costs", "5$"]),
        ] {
            assert_eq!(words(&env, args), expected, "{args:?}");
        }
    }
}
