//! The nearest known name to a mistyped one.

/// The known name that is near enough to be what was meant.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written: Vec<char> = written.to_lowercase().chars().take(64).collect();
    let near = known
        .into_iter()
        .map(|name| {
            (
                distance(&written, &name.to_lowercase().chars().collect::<Vec<_>>()),
                name,
            )
        })
        .min()?;
    let allowed = (written.len() / 3).clamp(1, 4);
    (near.0 <= allowed).then_some(near.1)
}

/// Edits (insert, remove, replace, swap of neighbours) from one to the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["threshold", "half_life", "fold_window", "id"];
        for (written, meant) in [
            ("treshold", Some("threshold")),
            ("thershold", Some("threshold")),
            ("half-life", Some("half_life")),
            ("Threshold", Some("threshold")),
            ("di", Some("id")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }
}
