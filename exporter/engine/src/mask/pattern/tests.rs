//! What is taken and what it means. exporter/lapwing/tests/mask_differential.rs has the real Alertmanager beside it.

use super::{Pattern, reader};

fn matches(pattern: &str, text: &str) -> bool {
    let compiled = Pattern::new(pattern).unwrap_or_else(|why| panic!("{pattern:?}: {why}"));
    compiled.matches(text)
}

#[test]
fn the_whole_text_must_match() {
    for (pattern, text) in [
        ("", ""),
        ("a|b", "b"),
        ("|a", ""),
        ("a|", ""),
        ("(|a)b", "b"),
        ("a.c", "a\u{e9}c"),
        ("^a$", "a"),
        (r"\Aa\z", "a"),
        ("(?P<x>a)+", "aaa"),
        ("a{2}", "aa"),
        ("a{2,}", "aaaa"),
        ("a{0,2}?", "aa"),
        ("a??b", "b"),
        ("]}", "]}"),
    ] {
        assert!(matches(pattern, text), "{pattern:?} on {text:?}");
    }
    for (pattern, text) in [
        ("a", "ab"),
        ("a", "ba"),
        ("a|ab", "abc"),
        ("a|b", "ab"),
        ("a$", "a\n"),
        (".*", "a\nb"),
        ("", "a"),
        ("a{2}", "aaa"),
    ] {
        assert!(!matches(pattern, text), "{pattern:?} on {text:?}");
    }
    assert!(matches("(?s).*", "a\nb"));
    assert!(matches("(?U)a+", "aaa"));
}

#[test]
fn perl_and_posix_classes_are_ascii_as_in_go() {
    for (pattern, text) in [
        (r"\d", "\u{663}"),
        (r"\w", "\u{e9}"),
        (r"\s", "\u{a0}"),
        (r"\s", "\u{b}"),
        (r"[\d]", "\u{663}"),
        (r"[[:alpha:]]", "\u{e9}"),
        (r"[^\D]", "\u{663}"),
        (r"[^[:^digit:]]", "\u{663}"),
    ] {
        assert!(!matches(pattern, text), "{pattern:?} on {text:?}");
    }
    for (pattern, text) in [
        (r"\W", "\u{e9}"),
        (r"\S", "\u{a0}"),
        (r"\D", "\u{663}"),
        (r"[\W]", "\u{e9}"),
        (r"[[:space:]]", "\u{b}"),
        (r"[^\d]", "\n"),
        (r"\w\b.\b\w", "a\u{e9}b"),
    ] {
        assert!(matches(pattern, text), "{pattern:?} on {text:?}");
    }
    // In Go é is no word character, so there is a boundary right before it.
    assert!(matches(r"a\b\x{e9}", "a\u{e9}"));
    assert!(matches(r"\x{e9}\B\x{e9}", "\u{e9}\u{e9}"));
}

#[test]
fn operators_that_only_rust_has_in_classes_are_characters() {
    for (pattern, text) in [
        ("[a&&b]", "&"),
        ("[a&&b]", "a"),
        ("[a~~b]", "~"),
        ("[a-z--m]", "m"),
        ("[+--]", "-"),
        ("[[a]", "["),
        ("[[a]]", "[]"),
        ("[]a]", "]"),
        ("[^]a]", "b"),
        ("[a-]", "-"),
        ("[-a]", "-"),
        (r"[\d-z]", "-"),
        ("[a-b-c]", "-"),
        ("[:word:]", "w"),
        ("[a^]", "^"),
        (r"[\]]", "]"),
        ("[ #]", "#"),
    ] {
        assert!(matches(pattern, text), "{pattern:?} on {text:?}");
    }
    // A class of a and [, then a ].
    assert!(!matches("[[a]]", "a"));
    assert!(!matches("[a&&b]", "c"));
}

#[test]
fn escapes_mean_what_they_mean_in_go() {
    for (pattern, text) in [
        (r"\<\>", "<>"),
        (r"\_\ \-\#\~\&", "_ -#~&"),
        (r"\x41\x{e9}\x{1F600}", "A\u{e9}\u{1f600}"),
        (r"\xe9", "\u{e9}"),
        (r"\a\f\n\r\t\v", "\u{7}\u{c}\n\r\t\u{b}"),
        (r"\.\*\[\]\{\}\(\)\|\^\$\\", r".*[]{}()|^$\"),
        ("a #b", "a #b"),
    ] {
        assert!(matches(pattern, text), "{pattern:?} on {text:?}");
    }
}

#[test]
fn case_folding_is_that_of_unicode_for_ascii_letters() {
    for (pattern, text) in [
        ("(?i)abc", "aBC"),
        ("(?i)k", "\u{212a}"),
        ("(?i)[s]", "\u{17f}"),
        (r"(?i)\w", "\u{17f}"),
        ("(?i)[[:lower:]]", "Q"),
        ("(?is)A.b", "a\nB"),
    ] {
        assert!(matches(pattern, text), "{pattern:?} on {text:?}");
    }
    for (pattern, text) in [
        ("(?i)i", "\u{130}"),
        ("(?i)i", "\u{131}"),
        (r"(?i)\W", "\u{17f}"),
        (r"(?i)[\W]", "s"),
        ("(?i)[^k]", "\u{212a}"),
        ("(?i)[[:^lower:]]", "Q"),
    ] {
        assert!(!matches(pattern, text), "{pattern:?} on {text:?}");
    }
}

#[test]
fn what_is_not_read_alike_is_refused() {
    for pattern in [
        // Go refuses these, mostly where Rust does not.
        "a**",
        "a+*",
        "a{2}{3}",
        "a{2}*",
        "*a",
        "(*a)",
        "a|*",
        "(?x)a b",
        "(?i)*",
        "a{1001}",
        "a{2,1}",
        "(a{100}){11}",
        "(",
        ")",
        "a)|(b",
        "[",
        "[a",
        "[b-a]",
        "[[:foo:]]",
        r"\",
        r"\q",
        r"\Z",
        r"\C",
        r"\u00e9",
        r"\U0001F600",
        r"\x{110000}",
        r"\x{}",
        r"\x4",
        r"\xg0",
        r"\1",
        r"[a-\d]",
        "(?P<>a)",
        "(?P<a>b)(?P<a>c)",
        "(?P<a",
        "(?=a)",
        "(?<=a)",
        "(?#a)",
        "(?>a)",
        r"\h",
        r"\R",
        r"\K",
        r"\G",
        r"\b{start}",
        // Go takes these, and we do not.
        r"\Qa.b\E",
        r"\101",
        r"\07",
        r"\pL",
        r"\p{Greek}",
        r"[\pL]",
        "a(?i)b",
        "(?i:a)",
        "(?-i)a",
        "(?m)a",
        "(?)",
        "(?<n>a)",
        "a{,5}",
        "a{",
        "{",
        "a{01}",
        "a{b}",
        r"\x{D800}",
        "^*",
        r"(a\b)+",
        "(?i)\u{e9}",
        "(?i)[\u{e9}]",
        "(?i)[a-\u{ff}]",
    ] {
        assert!(Pattern::new(pattern).is_err(), "{pattern:?} was taken");
    }
    assert!(Pattern::new(&"a".repeat(4097)).is_err());
    assert!(Pattern::new(&"(".repeat(60)).is_err());
    // Compiled it would be too large, which is an error and not a stall.
    assert!(Pattern::new(&"[^a]{900}".repeat(400)).is_err());
}

/// Deterministic, and good enough to be nasty.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[test]
fn whatever_is_taken_compiles_and_has_only_what_cannot_be_misread() {
    const PIECES: [&str; 46] = [
        "a",
        "b",
        "K",
        "\u{e9}",
        "\n",
        " ",
        "#",
        "-",
        "--",
        "&&",
        "~~",
        "[",
        "]",
        "[^",
        "[:alpha:]",
        "[:^word:]",
        "(",
        "(?:",
        "(?P<n>",
        "(?i)",
        "(?s)",
        ")",
        "|",
        "*",
        "+",
        "?",
        "{2}",
        "{1,3}",
        "{0,}",
        "{",
        "}",
        ".",
        "^",
        "$",
        r"\d",
        r"\W",
        r"\b",
        r"\B",
        r"\A",
        r"\z",
        r"\x41",
        r"\x{e9}",
        r"\.",
        r"\\",
        r"\Q",
        r"\pL",
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut taken = 0;
    for _ in 0..20_000 {
        let length = 1 + random.below(9);
        let pattern: String = (0..length).map(|_| PIECES[random.below(PIECES.len())]).collect();
        let Ok(rewritten) = reader::rewrite(&pattern) else {
            continue;
        };
        taken += 1;
        let outside = rewritten.strip_prefix("(?i)").unwrap_or(&rewritten);
        assert!(
            outside.starts_with(r"\A(?:") && outside.ends_with(r")\z"),
            "{rewritten}"
        );
        assert!(rewritten.is_ascii(), "{rewritten}");
        for operator in ["&&", "--", "~~", r"\d", r"\w", r"\s", r"\p", "(?x", "(?P"] {
            assert!(!rewritten.contains(operator), "{pattern:?} became {rewritten}");
        }
        if let Err(error) = regex::Regex::new(&rewritten) {
            panic!("{pattern:?} became {rewritten}: {error}");
        }
    }
    assert!(taken > 3000, "only {taken} were taken: the test looks at too little");
}
