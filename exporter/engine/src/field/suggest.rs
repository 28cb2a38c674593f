//! The nearest name to one that does not exist.

/// The field whose name is nearest to `wrong`, if any is near.
pub fn nearest(wrong: &str) -> Option<&'static str> {
    nearest_of(wrong, super::all().map(|field| field.name))
}

/// What to write instead of a field that does not exist.
pub(crate) fn help_for(wrong: &str) -> String {
    let falco = match wrong {
        "evt.type" | "evt.dir" => Some("the rule's event or access chooses the operation; evt.kind has its name"),
        "user.name" | "user.loginname" => Some("names are not known here, ids are: user.uid, user.loginuid"),
        "group.name" => Some("names are not known here, ids are: group.gid"),
        "proc.vpid" | "proc.vppid" => Some("pids are the host's here: proc.pid, proc.ppid"),
        _ => None,
    };
    match (falco, nearest(wrong)) {
        (Some(help), _) => help.into(),
        (None, Some(near)) => format!("did you mean {near}?"),
        (None, None) => "`lapwing rules fields` lists them all".into(),
    }
}

/// The candidate nearest to `wrong`, if any is near: at most a third of its letters differ.
pub fn nearest_of<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: String = wrong.chars().take(64).collect::<String>().to_ascii_lowercase();
    candidates
        .map(|name| (distance(wrong.as_bytes(), name.as_bytes()), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| distance * 3 <= name.len())
        .map(|(_, name)| name)
}

/// How many letters to insert, delete or replace (Levenshtein).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_field_and_nonsense_finds_none() {
        assert_eq!(nearest("proc.exepth"), Some("proc.exepath"));
        assert_eq!(nearest("Proc.Name"), Some("proc.name"));
        assert_eq!(nearest("fs.path.nam"), Some("fs.path.name"));
        assert_eq!(nearest("weather.today.in.berlin"), None);
        assert_eq!(nearest(""), None);
    }
}
