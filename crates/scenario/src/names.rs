//! Legal names, and the one that was probably meant.

/// The name of `legal` that is nearest to `given`, if it is near enough to be a slip of the keyboard.
pub fn nearest<'a>(given: &str, legal: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| -> Vec<char> {
        text.chars().take(64).filter(|c| !matches!(c, '_' | '-' | '.')).flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(given);
    let score = |name: &str| {
        let candidate = plain(name);
        let distance = edit_distance(&wanted, &candidate);
        let near = distance * 3 <= wanted.len().max(candidate.len()).max(3);
        let prefix = wanted.len() >= 3 && (candidate.starts_with(&wanted) || wanted.starts_with(&candidate));
        (near || prefix && candidate.len() >= 3).then_some(distance)
    };
    legal.into_iter().filter_map(|name| Some((score(name)?, name))).min_by_key(|(d, _)| *d).map(|(_, name)| name)
}

/// Insertions, deletions, substitutions and swaps of neighbours that lead from `a` to `b`.
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let substituted = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
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
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, legal), meant, "{given:?}");
        }
    }
}
