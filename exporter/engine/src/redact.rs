//! Secrets in command lines never leave the engine.
//!
//! What looks like a secret's name (`password`, `api-key`, `AWS_SECRET_ACCESS_KEY`, `Authorization`, ...) loses its value, in `--key=value`,
//! `key=value`, `--key value`, `"key": "value"` and header form; so do passwords in URLs and in curl's `-u`. A bare `-pVALUE` is not
//! recognised: too many programs mean something else by it.

use std::borrow::Cow;

/// What stands where a secret was.
pub const REDACTED: &str = "[redacted]";

/// Redacts a command line, given argument by argument.
pub fn args<S: AsRef<str>>(args: &[S]) -> Vec<String> {
    let program = args.first().map_or("", |arg| arg.as_ref());
    let curl = program.rsplit('/').next() == Some("curl");
    let mut previous = "";
    let mut out = Vec::with_capacity(args.len());
    for arg in args {
        let arg = arg.as_ref();
        out.push(argument(previous, arg, curl));
        previous = arg;
    }
    out
}

/// Redacts running text, such as a command line in one string.
pub fn text(text: &str) -> Cow<'_, str> {
    let mut out = Output {
        text,
        copied: 0,
        redacted: String::new(),
    };
    let mut at = 0;
    while at < text.len() {
        if let Some((from, to)) = url_password(text, at) {
            out.replace(from, to);
            at = to;
        } else if is_name_byte(text.as_bytes()[at]) {
            let end = name_end(text, at);
            at = match secret_value(text, at, end) {
                Some((from, to)) => {
                    out.replace(from, to);
                    to
                }
                None => end,
            };
        } else {
            at += 1;
        }
    }
    out.finish()
}

fn argument(previous: &str, arg: &str, curl: bool) -> String {
    let flag_takes_this = previous.starts_with('-') && !previous.contains('=') && !arg.starts_with('-');
    if flag_takes_this && is_secret(previous) {
        return REDACTED.to_owned();
    }
    // A shell's script may begin with an assignment; elsewhere the value is the rest of the argument, spaces and all.
    let script = previous.starts_with('-') && previous.ends_with('c');
    if let Some((name, value)) = arg.split_once('=').filter(|_| !script) {
        let named = name.bytes().all(is_name_byte) && is_secret(name);
        if named && !value.is_empty() {
            return format!("{name}={REDACTED}");
        }
    }
    let login = curl && matches!(previous, "-u" | "--user" | "-U" | "--proxy-user");
    if let Some((user, _)) = arg.split_once(':').filter(|_| login) {
        return format!("{user}:{REDACTED}");
    }
    text(arg).into_owned()
}

/// Whether the value of something with this name is a secret. Names of files and the like are not.
pub(crate) fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 14] = [
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "secret",
        "token",
        "apikey",
        "accesskey",
        "privatekey",
        "authkey",
        "credential",
        "authorization",
        "cookie",
        "mysqlpwd",
    ];
    const WHOLE: [&str; 5] = ["pass", "auth", "bearer", "jwt", "xauth"];
    const HARMLESS: [&str; 7] = ["file", "path", "stdin", "prompt", "dir", "type", "policy"];
    let bare: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let last_word = name.rsplit(['-', '_', '.']).next().unwrap_or(name).to_ascii_lowercase();
    let secret = PARTS.iter().any(|part| bare.contains(part)) || WHOLE.contains(&bare.as_str()) || last_word == "pass";
    secret && !HARMLESS.iter().any(|suffix| bare.ends_with(suffix))
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn name_end(text: &str, at: usize) -> usize {
    text.as_bytes()[at..]
        .iter()
        .position(|byte| !is_name_byte(*byte))
        .map_or(text.len(), |length| at + length)
}

/// Where the value of the name at `start..end` is, if that is a secret.
fn secret_value(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let (bytes, name) = (text.as_bytes(), &text[start..end]);
    let in_path = start > 0 && bytes[start - 1] == b'/';
    if in_path || !is_secret(name) {
        return None;
    }
    let mut at = end;
    let quoted_name = matches!(bytes.get(at), Some(b'"' | b'\''));
    at += usize::from(quoted_name);
    let spaces = |from: usize| {
        bytes[from.min(bytes.len())..]
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count()
    };
    let gap = spaces(at);
    match bytes.get(at + gap)? {
        b'=' if gap == 0 || quoted_name => value(text, at + gap + 1, false),
        b':' if !text[at + gap..].starts_with("://") => {
            let from = at + gap + 1;
            value(text, from + spaces(from), !quoted_name && spaces(from) > 0)
        }
        b'-' => None,
        // Arguments of a list, as a message shows them.
        b',' if gap == 0 && !quoted_name && name.starts_with('-') => {
            let from = at + 1 + spaces(at + 1);
            let flag = bytes.get(from) == Some(&b'-');
            if flag { None } else { value(text, from, false) }
        }
        _ if gap > 0 && !quoted_name && (name.starts_with('-') || name.eq_ignore_ascii_case("bearer")) => {
            value(text, at + gap, false)
        }
        _ => None,
    }
}

/// The value that begins at `from`: up to the closing quote, to the end of a header's line, or to what ends a word.
fn value(text: &str, from: usize, header: bool) -> Option<(usize, usize)> {
    let rest = text.get(from..)?;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    let length = match quote {
        Some(quote) => rest[1..].find(quote).map_or(rest.len(), |at| at + 2),
        None if header => rest.find(['\n', '\r', '"', '\'']).unwrap_or(rest.len()),
        None => rest
            .find([' ', '\t', '\n', '\r', '&', ';', ',', '"', '\'', ')', '}', '|'])
            .unwrap_or(rest.len()),
    };
    (length > 0).then_some((from, from + length))
}

/// Where the password of a URL is whose `://` is at `at`; a long name without password is taken for a token.
fn url_password(text: &str, at: usize) -> Option<(usize, usize)> {
    let rest = text.get(at..)?.strip_prefix("://")?;
    let authority = &rest[..rest.find(['/', '?', '#', ' ', '"', '\'']).unwrap_or(rest.len())];
    let user = &authority[..authority.rfind('@')?];
    let from = at + 3;
    match user.find(':') {
        Some(colon) if colon + 1 < user.len() => Some((from + colon + 1, from + user.len())),
        None if user.len() >= 20 => Some((from, from + user.len())),
        _ => None,
    }
}

struct Output<'a> {
    text: &'a str,
    copied: usize,
    redacted: String,
}

impl<'a> Output<'a> {
    fn replace(&mut self, from: usize, to: usize) {
        self.redacted.push_str(&self.text[self.copied..from]);
        self.redacted.push_str(REDACTED);
        self.copied = to;
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.redacted.push_str(&self.text[self.copied..]);
        Cow::Owned(self.redacted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets_go() {
        for (given, left) in [
            (
                &["mysql", "--password=hunter 2&x", "db"][..],
                &["mysql", "--password=[redacted]", "db"][..],
            ),
            (
                &["app", "--api-key", "k", "run"],
                &["app", "--api-key", "[redacted]", "run"],
            ),
            (&["app", "--token", "--verbose"], &["app", "--token", "--verbose"]),
            (
                &["env", "AWS_SECRET_ACCESS_KEY=x", "PGPASSWORD=y", "HOME=/root"],
                &[
                    "env",
                    "AWS_SECRET_ACCESS_KEY=[redacted]",
                    "PGPASSWORD=[redacted]",
                    "HOME=/root",
                ],
            ),
            (
                &["curl", "-H", "Authorization: Bearer abc def", "http://h/"],
                &["curl", "-H", "Authorization: [redacted]", "http://h/"],
            ),
            (
                &["curl", "-HX-Api-Key: abc", "-u", "me:pw"],
                &["curl", "-HX-Api-Key: [redacted]", "-u", "me:[redacted]"],
            ),
            (
                &["curl", "https://h/x?a=1&access_token=abc&b=2"],
                &["curl", "https://h/x?a=1&access_token=[redacted]&b=2"],
            ),
            (
                &["git", "clone", "https://me:pw@h/r.git"],
                &["git", "clone", "https://me:[redacted]@h/r.git"],
            ),
            (
                &["git", "clone", "https://ghp_0123456789abcdefghij@h/r"],
                &["git", "clone", "https://[redacted]@h/r"],
            ),
            (
                &["curl", "-d", r#"{"user":"me","password": "p w"}"#],
                &["curl", "-d", r#"{"user":"me","password": [redacted]}"#],
            ),
            (
                &["sh", "-c", "TOKEN='a b' app --password x --db y; ls"],
                &["sh", "-c", "TOKEN=[redacted] app --password [redacted] --db y; ls"],
            ),
        ] {
            assert_eq!(args(given), left);
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for kept in [
            &["docker", "run", "-u", "1000:1000", "img"][..],
            &["app", "--password-file", "/run/secrets/db", "--token-path=/x"],
            &["cat", "/etc/secrets/token: x", "PWD=/root", "ssh://git@host/r"],
            &["mysql", "-prandom"],
            &["tail", "-f", "passenger.log", "--bypass", "x", "ünï=cödé"],
        ] {
            assert_eq!(args(kept), kept);
        }
    }

    #[test]
    fn text_without_secrets_is_not_copied() {
        assert!(matches!(text("cat /etc/passwd now"), Cow::Borrowed(_)));
        assert_eq!(
            text("mysql, --password, hunter2, db"),
            "mysql, --password, [redacted], db"
        );
        assert_eq!(text("mysql, --password, --verbose"), "mysql, --password, --verbose");
        assert_eq!(text("x --secret é next"), "x --secret [redacted] next");
    }

    #[test]
    fn no_input_makes_it_fail() {
        let pieces = [
            "password", "=", ":", " ", "\"", "'", "é", "://", "@", "-", "&", "\n", "token",
        ];
        let mut seed = 7u64;
        for _ in 0..20_000 {
            let mut input = String::new();
            for _ in 0..8 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                input.push_str(pieces[(seed >> 33) as usize % pieces.len()]);
            }
            let once = text(&input).into_owned();
            assert!(once.len() <= input.len() + 8 * REDACTED.len(), "{input:?}");
        }
    }
}
