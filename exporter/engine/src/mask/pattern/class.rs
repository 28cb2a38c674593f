//! Bracketed classes, by `parseClass` of Go's src/regexp/syntax/parse.go.

use super::reader::Reader;

/// Names between `[:` and `:]`: both engines give them the same ASCII characters.
const NAMES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// What `\d` and the like are in Go, written out. They stand as they are inside brackets too: negation and case folding of a nested
/// class are its own in Rust, as they are in Go.
pub(super) fn perl(kind: char) -> Option<&'static str> {
    Some(match kind {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\f\r ]",
        'S' => r"[^\t\n\f\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

impl Reader<'_> {
    /// A class, at its `[`.
    pub(super) fn class(&mut self) -> Result<(), &'static str> {
        self.rest.next();
        self.out.push('[');
        if self.take("^") {
            self.out.push('^');
        }
        // A ] right here is a character.
        let mut first = true;
        loop {
            let next = self.peek().ok_or("it has a [ without its ]")?;
            if next == ']' && !first {
                self.rest.next();
                self.out.push(']');
                return Ok(());
            }
            first = false;
            self.item()?;
        }
    }

    fn item(&mut self) -> Result<(), &'static str> {
        if self.take("[:") {
            return self.named();
        }
        let mut ahead = self.rest.clone();
        if let (Some('\\'), Some(class)) = (ahead.next(), ahead.next().and_then(perl)) {
            self.rest = ahead;
            self.out.push_str(class);
            return Ok(());
        }
        let low = self.member()?;
        let mut ahead = self.rest.clone();
        let range = ahead.next() == Some('-') && ahead.next().is_some_and(|next| next != ']');
        self.character(low)?;
        if range {
            self.rest.next();
            let high = self.member()?;
            if high < low {
                return Err("a range in a class ends before it begins");
            }
            self.out.push('-');
            self.character(high)?;
        }
        Ok(())
    }

    fn named(&mut self) -> Result<(), &'static str> {
        let negated = self.take("^");
        let name = NAMES.into_iter().find(|name| self.take(&format!("{name}:]")));
        let name = name.ok_or("[: in a class needs one of the names that Go knows; a [ and a : are written \\[:")?;
        self.out.push_str(if negated { "[:^" } else { "[:" });
        self.out.push_str(name);
        self.out.push_str(":]");
        Ok(())
    }

    fn member(&mut self) -> Result<char, &'static str> {
        match self.peek() {
            Some('\\') => self.escaped(),
            _ => self.rest.next().ok_or("it has a [ without its ]"),
        }
    }
}
