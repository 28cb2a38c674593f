//! Globs over bytes: `*` any bytes (slashes too), `?` one byte, `[a-z]` and `[!a-z]` sets, `\` takes the next byte as it is.

/// A compiled glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    parts: Box<[Part]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Byte(u8),
    Any,
    Star,
    /// One bit for each byte value.
    Set(Box<[u64; 4]>),
}

impl Glob {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(pattern: &[u8]) -> Result<Glob, String> {
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let [byte, after @ ..] = rest {
            rest = after;
            let part = match byte {
                b'*' if parts.last() == Some(&Part::Star) => continue,
                b'*' => Part::Star,
                b'?' => Part::Any,
                b'[' => {
                    let (set, after) = set(rest).ok_or("the glob has a [ without its ]")?;
                    rest = after;
                    Part::Set(set)
                }
                b'\\' => {
                    let [byte, after @ ..] = rest else {
                        return Err("the glob ends in a single \\".into());
                    };
                    rest = after;
                    Part::Byte(*byte)
                }
                byte => Part::Byte(*byte),
            };
            parts.push(part);
        }
        Ok(Glob { parts: parts.into() })
    }

    /// Whether all of `text` matches.
    pub fn matches(&self, text: &[u8]) -> bool {
        let (mut part, mut at) = (0, 0);
        // Where to go on if what follows the last star does not match: one byte later.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match (self.parts.get(part), text.get(at)) {
                (None, None) => return true,
                (Some(Part::Star), _) => {
                    part += 1;
                    retry = Some((part, at));
                    continue;
                }
                (Some(one), Some(byte)) if one.holds(*byte) => {
                    part += 1;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            match retry {
                Some((after_star, from)) if from < text.len() => {
                    retry = Some((after_star, from + 1));
                    (part, at) = (after_star, from + 1);
                }
                _ => return false,
            }
        }
    }
}

impl Part {
    fn holds(&self, byte: u8) -> bool {
        match self {
            Part::Byte(wanted) => *wanted == byte,
            Part::Any => true,
            Part::Star => false,
            Part::Set(bits) => bits[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0,
        }
    }
}

/// What stands between `[` and `]`, and what follows.
fn set(text: &[u8]) -> Option<(Box<[u64; 4]>, &[u8])> {
    let (negated, mut rest) = match text {
        [b'!' | b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut bits = Box::new([0u64; 4]);
    let mut first = true;
    loop {
        let (low, high, after) = match rest {
            [b']', after @ ..] if !first => {
                if negated {
                    bits.iter_mut().for_each(|word| *word = !*word);
                }
                return Some((bits, after));
            }
            [low, b'-', high, after @ ..] if *high != b']' => (*low, *high, after),
            [byte, after @ ..] => (*byte, *byte, after),
            [] => return None,
        };
        for byte in low..=high {
            bits[usize::from(byte >> 6)] |= 1 << (byte & 63);
        }
        (rest, first) = (after, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::new(pattern.as_bytes()).unwrap().matches(text.as_bytes())
    }

    #[test]
    fn globs_match_the_whole_text() {
        for (pattern, yes, no) in [
            (
                "*.swp",
                vec![".swp", ".passwd.swp", "a/b.swp"],
                vec!["swp", ".swpx", ""],
            ),
            (
                "/usr/*/bin",
                vec!["/usr/local/bin", "/usr/a/b/bin", "/usr//bin"],
                vec!["/usr/bin", "/usr/local/bin/x"],
            ),
            ("a?c", vec!["abc", "a/c"], vec!["ac", "abbc"]),
            ("[a-c]x[!0-9]", vec!["axb", "cx-"], vec!["dxb", "ax1", "ax"]),
            ("[]x]", vec!["]", "x"], vec!["a"]),
            ("[a-]", vec!["a", "-"], vec!["b"]),
            ("\\*", vec!["*"], vec!["a", ""]),
            ("*", vec!["", "a"], vec![]),
            ("", vec![""], vec!["a"]),
            ("*a*b", vec!["ab", "xaxb", "abab"], vec!["ba", "a"]),
        ] {
            yes.iter()
                .for_each(|text| assert!(matches(pattern, text), "{pattern} {text}"));
            no.iter()
                .for_each(|text| assert!(!matches(pattern, text), "{pattern} {text}"));
        }
    }

    #[test]
    fn many_stars_do_not_take_exponential_time() {
        assert!(!matches(&("a*".repeat(50) + "c"), &"a".repeat(5000)));
    }

    #[test]
    fn a_broken_glob_says_why() {
        assert!(Glob::new(b"[abc").is_err());
        assert!(Glob::new(b"[]").is_err());
        assert!(Glob::new(b"abc\\").is_err());
    }
}
