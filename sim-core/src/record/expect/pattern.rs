//! Names with `*` for any text.

use std::fmt;

/// A name in which `*` stands for any text, also none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pattern(pub String);

impl Pattern {
    /// True when the whole text fits.
    pub fn matches(&self, text: &str) -> bool {
        if !self.is_wild() {
            return self.0 == text;
        }
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let mut parts = parts.peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        true
    }

    /// True when a pod's `namespace/name` fits: a pattern without `/` is held against the name alone.
    pub fn matches_pod(&self, pod: &str) -> bool {
        let name = if self.0.contains('/') { pod } else { pod.rsplit('/').next().unwrap_or(pod) };
        self.matches(name)
    }

    /// True when the pattern can fit more than one text.
    pub fn is_wild(&self) -> bool {
        self.0.contains('*')
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Pattern(text.into())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_stands_for_any_text() {
        for (pattern, text, fits) in [
            ("node-exporter-*", "node-exporter-x7k2p", true),
            ("node-exporter-*", "node-exporter", false),
            ("*", "", true),
            ("a*b*c", "a--b--b-c", true),
            ("a*b*c", "a--c", false),
            ("a*a", "a", false),
            ("ab", "ab", true),
            ("ab", "abc", false),
            ("*b", "abcb", true),
            ("", "", true),
        ] {
            assert_eq!(Pattern::from(pattern).matches(text), fits, "{pattern} {text}");
        }
        assert!(Pattern::from("web").matches_pod("default/web"));
        assert!(Pattern::from("default/w*").matches_pod("default/web"));
        assert!(!Pattern::from("kube-system/w*").matches_pod("default/web"));
    }
}
