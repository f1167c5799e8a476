//! The conditions of `.if` and `-cc` (HAProxy 3.0, configuration.txt §2.4).
//!
//! In: the text of a condition, its outer quotes already gone, and the environment. Out: whether it
//! holds, or what is wrong with it and where. The whole text is read before anything is decided, so
//! `1 || nonsense` is a fault.
//!
//! Limits: [`DEPTH_MAX`] parentheses inside each other.

use std::cmp::Ordering;
use std::ops::Range;

use super::LANGUAGE_VERSION;
use super::environment::Environment;
use super::nearest::{did_you_mean, nearest};

/// How deep parentheses may be nested. HAProxy allows a thousand; nobody writes ten.
pub const DEPTH_MAX: usize = 100;

/// What is wrong, and which bytes of the condition.
pub type Fault = (String, Range<usize>);

/// Whether a condition holds; an empty one does not.
///
/// # Errors
/// What is wrong with it, and which bytes of it.
pub fn evaluate(text: &str, environment: &Environment) -> Result<bool, Fault> {
    if text.is_empty() {
        return Ok(false);
    }
    let mut parser = Parser { text, at: 0, environment };
    let holds = parser.any(0)?;
    match parser.next() {
        None => Ok(holds),
        Some(next) => {
            let range = parser.here(next);
            Err((format!("unexpected {next:?} behind a complete condition"), range))
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    environment: &'a Environment,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// The next character that is not a blank, which stays.
    fn next(&mut self) -> Option<char> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
        self.rest().chars().next()
    }

    fn here(&self, character: char) -> Range<usize> {
        self.at..self.at + character.len_utf8()
    }

    /// Takes `token` if it comes next, blanks before it included.
    fn taken(&mut self, token: &str) -> bool {
        self.next();
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    /// `all || all || ...`
    fn any(&mut self, depth: usize) -> Result<bool, Fault> {
        let mut holds = self.all(depth)?;
        while self.taken("||") {
            holds |= self.all(depth)?;
        }
        Ok(holds)
    }

    /// `term && term && ...`
    fn all(&mut self, depth: usize) -> Result<bool, Fault> {
        let mut holds = self.term(depth)?;
        while self.taken("&&") {
            holds &= self.term(depth)?;
        }
        Ok(holds)
    }

    /// `! ... ( condition )`, a number, or a predicate.
    fn term(&mut self, depth: usize) -> Result<bool, Fault> {
        let mut wanted = true;
        while self.taken("!") {
            wanted = !wanted;
        }
        let start = self.at;
        let holds = match self.next() {
            Some('(') => self.group(depth)?,
            Some(c) if c.is_ascii_digit() || self.signed() => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.predicate()?,
            Some(c) => return Err((format!("no condition begins with {c:?}"), self.here(c))),
            None => return Err(("a condition is missing here".to_owned(), start..self.text.len())),
        };
        Ok(holds == wanted)
    }

    fn group(&mut self, depth: usize) -> Result<bool, Fault> {
        let open = self.at..self.at + 1;
        if depth == DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} parentheses inside each other");
            return Err((message, open));
        }
        self.at += 1;
        let holds = self.any(depth + 1)?;
        match self.taken(")") {
            true => Ok(holds),
            false => Err(("this parenthesis is never closed".to_owned(), open)),
        }
    }

    /// Whether a sign and a digit come next.
    fn signed(&self) -> bool {
        let mut next = self.rest().chars();
        matches!(next.next(), Some('+' | '-')) && next.next().is_some_and(|c| c.is_ascii_digit())
    }

    /// A number as C reads it: decimal, `0x` hexadecimal, `0` octal. It holds if it is not zero.
    fn number(&mut self) -> bool {
        let rest = self.rest().trim_start_matches(['+', '-']);
        let hexadecimal = rest
            .strip_prefix("0x")
            .or_else(|| rest.strip_prefix("0X"))
            .filter(|digits| digits.starts_with(|c: char| c.is_ascii_hexdigit()));
        let (digits, radix) = match hexadecimal {
            Some(digits) => (digits, 16),
            None if rest.starts_with('0') => (rest, 8),
            None => (rest, 10),
        };
        let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
        let (number, behind) = digits.split_at(length);
        let holds = number.chars().any(|digit| digit != '0');
        self.at = self.text.len() - behind.len();
        holds
    }

    fn predicate(&mut self) -> Result<bool, Fault> {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = rest.get(..length.unwrap_or(rest.len())).unwrap_or("").to_owned();
        let place = self.at..self.at + name.len();
        let Some(&(_, count, decide)) = PREDICATES.iter().find(|(known, ..)| *known == name) else {
            let near = nearest(&name, PREDICATES.iter().map(|(known, ..)| *known));
            let meant = did_you_mean(&near).map_or(String::new(), |meant| format!(": {meant}"));
            return Err((format!("`{name}` is no condition{meant}"), place));
        };
        self.at = place.end;
        let arguments = match self.rest().starts_with('(') {
            true => self.arguments(&name, count)?,
            false => Vec::new(),
        };
        if arguments.len() < count && count > 1 {
            return Err((format!("`{name}` needs {count} arguments"), place.start..self.at));
        }
        let argument = |index: usize| arguments.get(index).map_or("", String::as_str);
        decide(self.environment, argument(0), argument(1))
            .map_err(|message| (message, place.start..self.at))
    }

    /// `(one,two)`: blanks count, quotes protect.
    fn arguments(&mut self, name: &str, count: usize) -> Result<Vec<String>, Fault> {
        let open = self.at..self.at + 1;
        self.at += 1;
        let mut arguments = vec![self.argument()?];
        loop {
            let here = self.at..self.at + 1;
            match self.rest().chars().next() {
                Some(')') => {
                    self.at += 1;
                    // `streq()` has no argument, `streq(,)` has two.
                    let none = arguments.len() == 1 && open.end == here.start;
                    return Ok(if none { Vec::new() } else { arguments });
                }
                Some(_) if arguments.len() < count => {
                    self.at += 1;
                    arguments.push(self.argument()?);
                }
                Some(_) => {
                    let what = if count == 1 { "one argument" } else { "two arguments" };
                    return Err((format!("`{name}` has {what}: `)` was expected here"), here));
                }
                None => return Err(("this parenthesis is never closed".to_owned(), open)),
            }
        }
    }

    /// The text up to a comma or a parenthesis outside of quotes.
    fn argument(&mut self) -> Result<String, Fault> {
        let mut out = String::new();
        let mut quote: Option<(char, usize)> = None;
        while let Some(next) = self.rest().chars().next() {
            let start = self.at;
            self.at += next.len_utf8();
            match (next, quote) {
                (',' | ')', None) => {
                    self.at = start;
                    return Ok(out);
                }
                ('"' | '\'', None) => quote = Some((next, start)),
                (_, Some((open, _))) if open == next => quote = None,
                ('\\', None | Some(('"', _))) => out.push(self.escaped()),
                _ => out.push(next),
            }
        }
        match quote {
            Some((_, at)) => Err(("this quote is never closed".to_owned(), at..at + 1)),
            None => Ok(out),
        }
    }

    /// What a backslash and the character behind it stand for.
    fn escaped(&mut self) -> char {
        let escaped = match self.rest().chars().next() {
            Some(plain @ (' ' | '"' | '\'' | '\\')) => plain,
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            // Anything else leaves the backslash where it is.
            _ => return '\\',
        };
        self.at += 1;
        escaped
    }
}

type Decide = fn(&Environment, &str, &str) -> Result<bool, String>;

/// Names, how many arguments at most (of two, both must be there), and what they mean.
const PREDICATES: &[(&str, usize, Decide)] = &[
    ("defined", 1, |environment, name, _| Ok(environment.get(name).is_some())),
    ("enabled", 1, |_, option, _| Ok(ENABLED.contains(&option))),
    ("feature", 1, |_, name, _| Ok(FEATURES.contains(&name))),
    ("openssl_version_atleast", 1, |_, text, _| Ok(TLS_LEVEL >= openssl_version(text)?)),
    ("openssl_version_before", 1, |_, text, _| Ok(TLS_LEVEL < openssl_version(text)?)),
    ("ssllib_name_startswith", 1, |_, name, _| Ok("rustls".starts_with(name))),
    ("streq", 2, |_, one, other| Ok(one == other)),
    ("strneq", 2, |_, one, other| Ok(one != other)),
    ("strstr", 2, |_, whole, part| Ok(whole.contains(part))),
    ("version_atleast", 1, |_, text, _| Ok(compare(text) != Ordering::Less)),
    ("version_before", 1, |_, text, _| Ok(compare(text) == Ordering::Less)),
];

/// What `feature(...)` finds. A file asks for what it is about to use, so a name stands here if the
/// keywords behind it do what their author wants, not because Koi has a library of that name:
/// `OPENSSL` and `SSL` are TLS, `SLZ` and `ZLIB` compression, `LIBCRYPT` hashed passwords, `PROMEX`
/// the Prometheus page. `LUA`, `QUIC`, `PCRE2` (its patterns go further than Koi's), `OT` and
/// `NS` are left out because what needs them is refused.
const FEATURES: &[&str] = &[
    "ACCEPT4",
    "CPU_AFFINITY",
    "CRYPT_H",
    #[cfg(target_os = "linux")]
    "EPOLL",
    "GETADDRINFO",
    #[cfg(not(target_os = "linux"))]
    "KQUEUE",
    "LIBCRYPT",
    "OPENSSL",
    "POLL",
    "PROMEX",
    "SLZ",
    "SSL",
    "THREAD",
    "ZLIB",
];

/// What `enabled(...)` finds.
const ENABLED: &[&str] = &[
    #[cfg(target_os = "linux")]
    "EPOLL",
    "FAST-FORWARD",
    "GETADDRINFO",
    #[cfg(not(target_os = "linux"))]
    "KQUEUE",
    "POLL",
    "REUSEPORT",
    #[cfg(target_os = "linux")]
    "SPLICE",
];

/// The release of OpenSSL from which on a file can expect what Koi's TLS has: TLS 1.3, `curves`,
/// `ciphersuites`, and none of the protocols that OpenSSL 3 switched off.
const TLS_LEVEL: (u32, u32, u32) = (3, 0, 0);

fn openssl_version(text: &str) -> Result<(u32, u32, u32), String> {
    let plain = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let mut parts = plain.split('.').map(str::parse);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => Ok((major, minor, patch)),
        _ => Err(format!("`{text}` is no version of OpenSSL: expected one like 1.1.1 or 3.0.0")),
    }
}

/// How the language that Koi speaks compares to a release of HAProxy.
fn compare(text: &str) -> Ordering {
    version(LANGUAGE_VERSION).cmp(&version(text))
}

/// `3`, `3.0`, `3.0.11`, `3.1-dev2`, `3.0.11-1a2b3c-12`: the three numbers, how finished (`dev`
/// before `rc` before a release), and the commits since. What is missing, or no number, is zero.
fn version(text: &str) -> ([u64; 3], (u8, u64), u64) {
    let (release, behind) = text.split_once('-').unwrap_or((text, ""));
    let mut numbers = [0; 3];
    for (number, part) in numbers.iter_mut().zip(release.split('.')) {
        *number = part.parse().unwrap_or(0);
    }
    let first = behind.split('-').next().unwrap_or("");
    let stages = [("dev", 0), ("pre", 1), ("rc", 2)];
    let stage = stages.iter().find_map(|&(name, rank)| {
        let number = first.strip_prefix(name)?.parse().ok()?;
        Some((rank, number))
    });
    let commits = behind.rsplit('-').next().and_then(|last| last.parse().ok());
    (numbers, stage.unwrap_or((3, 0)), commits.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(text: &str) -> Result<bool, Fault> {
        let variables = [("KOI_SET".to_owned(), String::new())];
        evaluate(text, &Environment::new(variables))
    }

    #[test]
    fn conditions_that_hold() {
        for text in [
            "1",
            " 1 ",
            "-1",
            "+1",
            "01",
            "0x1",
            "99999999999999999999",
            "!0",
            "! 0",
            "!!1",
            "!(0||0)",
            "( 1 )",
            "0 || 1",
            "0||!0",
            "1&&1",
            "1\t&&\t1",
            "1 || 0 && 0",
            "defined(KOI_SET)",
            "!defined(KOI_UNSET)",
            "!defined",
            "feature(OPENSSL)",
            "feature(\"SSL\")",
            "!feature(openssl)",
            "!feature()",
            "enabled(POLL)",
            "!enabled(poll)",
            "streq(a,a)&&streq(b,b)",
            "streq(,)",
            "streq(\"a,b\",'a,b')",
            "streq(a\"b\"c,abc)",
            "streq(a(b,\"a(b\")",
            "streq(a\\ b,a b)",
            "streq('a\"b',a\\\"b)",
            "strneq(a, a)",
            "strstr(abc,b)",
            "!strstr(b,abc)",
            "version_atleast(3.0)",
            "version_atleast(3.0-dev1)",
            "version_atleast()",
            "version_before(3.1-dev1)",
            "version_before(3.0.11-1000)",
            "!version_before(3.0.11-rc1)",
            "!version_before(3.0)",
            "openssl_version_atleast(1.1.1k)",
            "openssl_version_before(3.5.0)",
            "!ssllib_name_startswith(OpenSSL)",
            "(feature(SSL) && !feature(LUA)) || feature(QUIC)",
        ] {
            assert_eq!(decide(text), Ok(true), "{text}");
        }
        assert_eq!(decide(""), Ok(false));
    }

    #[test]
    fn faults_and_where_they_are() {
        for (text, range) in [
            (" ", 1..1),
            ("1 1", 2..3),
            ("1)", 1..2),
            ("1a", 1..2),
            ("0x", 1..2),
            ("08", 1..2),
            ("1.5", 1..2),
            ("1é", 1..3),
            ("--1", 0..1),
            ("1 ||", 4..4),
            ("|| 1", 0..1),
            ("1 && && 1", 5..6),
            ("1 | 1", 2..3),
            ("1||foo", 3..6),
            ("!", 1..1),
            ("()", 1..2),
            ("((1)", 0..1),
            ("true", 0..4),
            ("feature(OPENSSL", 7..8),
            ("feature(A,B)", 9..10),
            ("feature (A)", 8..9),
            ("streq(a)", 0..8),
            ("streq()", 0..7),
            ("streq", 0..5),
            ("streq(a,b,c)", 9..10),
            ("streq(\"a,b)", 6..7),
            ("streq(a,a)streq(b,b)", 10..11),
            ("openssl_version_atleast(3)", 0..26),
        ] {
            assert_eq!(decide(text).map_err(|(_, range)| range), Err(range), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(decide(&nested(DEPTH_MAX)), Ok(true));
        assert!(decide(&nested(DEPTH_MAX + 1)).is_err());
        assert!(decide(&nested(100_000)).is_err());
        assert_eq!(decide(&format!("{}1", "!".repeat(100_000))), Ok(true));
    }
}
