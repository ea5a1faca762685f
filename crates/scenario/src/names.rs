//! Legal names, and the one that was probably meant.

/// The name of `legal` that is nearest to `given`, if it is near enough to be a slip of the keyboard.
pub fn nearest<'a>(given: &str, legal: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str, plain: &mut Vec<char>| {
        plain.clear();
        let letters = text.chars().take(64).filter(|c| !matches!(c, '_' | '-' | '.'));
        plain.extend(letters.map(|c| c.to_ascii_lowercase()));
    };
    let (mut wanted, mut candidate) = (Vec::new(), Vec::new());
    plain(given, &mut wanted);
    let mut score = |name: &str| {
        plain(name, &mut candidate);
        let (longer, shorter) = (wanted.len().max(candidate.len()), wanted.len().min(candidate.len()));
        let prefix = shorter >= 3 && candidate[..shorter] == wanted[..shorter];
        let near = |distance: usize| distance * 3 <= longer.max(3);
        // What one has more is inserted, at least: most names are too far away by their length alone.
        if !prefix && !near(longer - shorter) {
            return None;
        }
        let distance = edit_distance(&wanted, &candidate);
        (prefix || near(distance)).then_some(distance)
    };
    legal.into_iter().filter_map(|name| Some((score(name)?, name))).min_by_key(|(d, _)| *d).map(|(_, name)| name)
}

/// True when two letters at most differ, capitals aside.
pub(crate) fn is_slip(given: &str, name: &str) -> bool {
    let plain = |text: &str| text.chars().take(64).map(|c| c.to_ascii_lowercase()).collect::<Vec<char>>();
    edit_distance(&plain(given), &plain(name)) <= 2
}

/// Insertions, deletions, substitutions and swaps of neighbours that lead from `a` to `b`.
fn edit_distance(a: &[char], b: &[char]) -> usize {
    // The last three rows of the table: from the first `i` characters of `a` to each beginning of `b`.
    let (mut before, mut last, mut row) = (Vec::new(), Vec::new(), (0..=b.len()).collect::<Vec<usize>>());
    for i in 1..=a.len() {
        (before, last, row) = (last, row, before);
        row.clear();
        row.push(i);
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
    }
    row[b.len()]
}

/// Longest list of names that is shown whole.
const MAX_NAMES: usize = 40;

/// `` `a`, `b`, `c` ``, or the beginning of a long list.
pub(crate) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let shown: Vec<String> = names.by_ref().take(MAX_NAMES).map(|name| format!("`{name}`")).collect();
    match names.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_find_what_was_meant() {
        let legal = ["memory", "swap", "evictionHard", "evictionSoft", "kubeReserved"];
        for (given, meant) in [
            ("memroy", Some("memory")),
            ("mem", Some("memory")),
            ("eviction_hard", Some("evictionHard")),
            ("evictionhard", Some("evictionHard")),
            ("kubeReservd", Some("kubeReserved")),
            ("kubeReserved2x", Some("kubeReserved")),
            ("wsap", Some("swap")),
            ("sw", None),
            ("evictionHardAndMore", Some("evictionHard")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, legal), meant, "{given:?}");
        }
    }
}
