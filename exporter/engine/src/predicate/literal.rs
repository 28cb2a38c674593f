//! What every match of a regex has in it.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Most texts that are told apart.
const MOST: usize = 64;
/// A class of more bytes is any byte.
const NARROW: usize = 4;

/// Texts, letters in lower case.
type Texts = Vec<Vec<u8>>;

/// What is known of the text that a part of a regex matches.
enum Known {
    /// It is one of these.
    Exact(Texts),
    /// One of these is in it.
    Has(Texts),
    Nothing,
}

/// Texts of which one, in upper or lower case, is in everything that the regex matches; None when that is not known.
pub(super) fn literals(regex: &Hir) -> Option<Texts> {
    known(regex).into_texts()
}

impl Known {
    /// The empty text says nothing.
    fn into_texts(self) -> Option<Texts> {
        match self {
            Known::Exact(texts) | Known::Has(texts) if texts.iter().all(|text| !text.is_empty()) => Some(texts),
            _ => None,
        }
    }

    fn has(self) -> Known {
        self.into_texts().map_or(Known::Nothing, Known::Has)
    }
}

fn known(regex: &Hir) -> Known {
    match regex.kind() {
        HirKind::Empty | HirKind::Look(_) => Known::Exact(vec![Vec::new()]),
        HirKind::Literal(literal) => Known::Exact(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Class(class) => of_class(class),
        HirKind::Capture(capture) => known(&capture.sub),
        HirKind::Repetition(repetition) => match (repetition.min, repetition.max) {
            (0, _) => Known::Nothing,
            (1, Some(1)) => known(&repetition.sub),
            _ => known(&repetition.sub).has(),
        },
        HirKind::Concat(parts) => of_concat(parts),
        HirKind::Alternation(parts) => of_alternation(parts),
    }
}

fn of_class(class: &Class) -> Known {
    let Some(bytes) = (match class {
        Class::Bytes(class) => Some(class.clone()),
        Class::Unicode(class) => class.to_byte_class(),
    }) else {
        return Known::Nothing;
    };
    let mut texts = Texts::new();
    for byte in bytes.ranges().iter().flat_map(|range| range.start()..=range.end()) {
        let text = vec![byte.to_ascii_lowercase()];
        if !texts.contains(&text) {
            texts.push(text);
        }
        if texts.len() > NARROW {
            return Known::Nothing;
        }
    }
    match texts.is_empty() {
        true => Known::Nothing,
        false => Known::Exact(texts),
    }
}

fn of_alternation(parts: &[Hir]) -> Known {
    let (mut all, mut exact) = (Texts::new(), true);
    for part in parts {
        let texts = match known(part) {
            Known::Exact(texts) => texts,
            Known::Has(texts) => {
                exact = false;
                texts
            }
            Known::Nothing => return Known::Nothing,
        };
        all.extend(texts);
        if all.len() > MOST {
            return Known::Nothing;
        }
    }
    if exact {
        Known::Exact(all)
    } else {
        Known::Has(all).has()
    }
}

/// Parts that are known exactly are put together; of what is between the others the best is taken.
fn of_concat(parts: &[Hir]) -> Known {
    let (mut run, mut best, mut exact) = (vec![Vec::new()], None::<Texts>, true);
    for part in parts {
        match known(part) {
            Known::Exact(texts) if run.len() * texts.len() <= MOST => run = product(&run, &texts),
            Known::Exact(texts) => {
                exact = false;
                better(&mut best, std::mem::replace(&mut run, texts));
            }
            other => {
                exact = false;
                better(&mut best, std::mem::replace(&mut run, vec![Vec::new()]));
                other
                    .into_texts()
                    .into_iter()
                    .for_each(|texts| better(&mut best, texts));
            }
        }
    }
    if exact {
        return Known::Exact(run);
    }
    better(&mut best, run);
    best.map_or(Known::Nothing, Known::Has)
}

fn product(starts: &Texts, ends: &Texts) -> Texts {
    let joined = |start: &Vec<u8>| {
        ends.iter()
            .map(|end| [start.as_slice(), end].concat())
            .collect::<Texts>()
    };
    starts.iter().flat_map(joined).collect()
}

/// Takes what lets less through.
fn better(best: &mut Option<Texts>, texts: Texts) {
    if texts.iter().any(Vec::is_empty) {
        return;
    }
    if best.as_ref().is_none_or(|best| breadth(&texts) < breadth(best)) {
        *best = Some(texts);
    }
}

/// How much texts let through: each byte of one divides it by eight.
fn breadth(texts: &Texts) -> u64 {
    let one = |text: &Vec<u8>| (1_u64 << 40) >> (3 * text.len().min(12));
    texts.iter().map(one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str) -> Option<Vec<String>> {
        let hir = regex_syntax::ParserBuilder::new()
            .unicode(false)
            .utf8(false)
            .build()
            .parse(pattern)
            .unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        literals(&hir).map(|texts| texts.into_iter().map(text).collect())
    }

    #[test]
    fn what_every_match_has_is_found() {
        let cases: [(&str, &[&str]); 9] = [
            ("abc", &["abc"]),
            ("(?i)AbC", &["abc"]),
            ("^a.*longer.?x$", &["longer"]),
            ("(?:cat|dog)s", &["cats", "dogs"]),
            ("[$][{](?:a|b)", &["${a", "${b"]),
            ("x+yz", &["yz"]),
            ("[0-9]{2}(?:ab)+", &["ab"]),
            ("(?:aa[0-9]|bb)", &["aa", "bb"]),
            ("(?:ab)?c", &["c"]),
        ];
        for (pattern, wanted) in cases {
            assert_eq!(
                of(pattern)
                    .as_deref()
                    .map(|texts| texts.iter().map(String::as_str).collect()),
                Some(wanted.to_vec()),
                "{pattern}"
            );
        }
    }

    #[test]
    fn where_nothing_is_certain_nothing_is_said() {
        for pattern in ["", "a*", "[0-9]+", "(?:abc|)", "abc|[0-9]", "^$", "(?:a|b*)", "."] {
            assert_eq!(of(pattern), None, "{pattern}");
        }
    }
}
