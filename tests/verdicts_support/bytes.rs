//! The cases that a text file cannot hold: NUL bytes, other ends of lines, no end at all, bytes that
//! are not UTF-8, lines and lists of words beyond every limit.
//!
//! Goes in: `bytes.verdicts`, lines of `name: verdict`. Comes out: the cases, and that file again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::verdict::{Case, Verdict};

const GOOD: &[u8] = b"frontend a\n    bind :8080\n    timeout client 1s\n";

/// The cases, with what is recorded of them.
pub fn cases(record: &Path) -> Vec<Case> {
    let recorded = read(record);
    let files = odd_bytes().into_iter().chain(ends_of_lines()).chain(long_ones());
    files
        .map(|(name, text)| {
            let name = format!("bytes/{name}");
            let recorded = recorded.get(&name).copied();
            Case { name, text, recorded }
        })
        .collect()
}

/// Writes the verdicts, which are in the order of the cases.
pub fn rewrite(record: &Path, cases: &[Case], verdicts: &[Verdict]) {
    let lines = cases.iter().zip(verdicts).map(|(case, to)| format!("{}: {to}\n", case.name));
    fs::write(record, lines.collect::<String>()).expect("the verdicts can be written");
}

fn read(record: &Path) -> BTreeMap<String, Verdict> {
    let text = fs::read_to_string(record).unwrap_or_default(); // not there before the first record
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    lines.map(|(name, to)| (name.to_owned(), to.parse().expect("a verdict"))).collect()
}

type Files = Vec<(&'static str, Vec<u8>)>;

/// The good file with this line in its second place.
fn with_line(line: &[u8]) -> Vec<u8> {
    let (first, rest) = GOOD.split_at(b"frontend a\n".len());
    [first, line, b"\n", rest].concat()
}

fn odd_bytes() -> Files {
    vec![
        ("nul-in-a-comment", with_line(b"    # a \0 byte")),
        ("nul-in-a-word", with_line(b"    mo\0de http")),
        ("nul-between-lines", with_line(b"\0")),
        ("nul-in-the-last-line", [GOOD, b"    mode http\0"].concat()),
        ("nul-by-escape", with_line(b"    description a\\x00b")),
        ("utf8-in-a-comment", with_line("    # caf\u{e9} \u{2192} \u{1f41f}".as_bytes())),
        ("utf8-in-a-word", with_line("    description caf\u{e9}\u{1f41f}".as_bytes())),
        ("utf8-in-a-keyword", with_line("    mod\u{e9} http".as_bytes())),
        ("utf8-in-a-section-name", "frontend caf\u{e9}\n    bind :8080\n".into()),
        ("not-utf8-in-a-comment", with_line(b"    # caf\xe9")),
        ("not-utf8-in-a-word", with_line(b"    description caf\xe9")),
        ("not-utf8-in-quotes", with_line(b"    description \"caf\xe9 \xff\"")),
        ("not-utf8-in-a-keyword", with_line(b"    mod\xe9 http")),
        ("no-break-space-is-no-space", with_line("    mode\u{a0}http".as_bytes())),
        ("vertical-tab-is-no-space", with_line(b"    mode\x0bhttp")),
        ("form-feed-is-no-space", with_line(b"    mode\x0chttp")),
        ("byte-order-mark", [b"\xef\xbb\xbf", GOOD].concat()),
        ("byte-order-mark-before-a-comment", [b"\xef\xbb\xbf# hello\n", GOOD].concat()),
        ("control-character-in-a-word", with_line(b"    description a\x01b")),
    ]
}

fn ends_of_lines() -> Files {
    let windows = String::from_utf8_lossy(GOOD).replace('\n', "\r\n").into_bytes();
    let macintosh = String::from_utf8_lossy(GOOD).replace('\n', "\r").into_bytes();
    let no_end = GOOD.strip_suffix(b"\n").unwrap_or(GOOD).to_vec();
    vec![
        ("crlf", windows),
        ("cr-alone", macintosh),
        ("cr-inside-a-line", with_line(b"    mode\rhttp")),
        ("cr-after-a-quoted-word", with_line(b"    description \"a b\"\r")),
        ("crlf-on-one-line-only", with_line(b"    mode http\r")),
        ("crlf-on-an-empty-line", with_line(b"\r")),
        ("crlf-after-a-backslash", with_line(b"    mode \\\r\n http")),
        ("no-final-newline", no_end),
        ("no-final-newline-after-a-comment", [GOOD, b"# the end"].concat()),
        ("no-final-newline-after-a-backslash", [GOOD, b"    mode http \\"].concat()),
        ("no-final-newline-after-spaces", [GOOD, b"     "].concat()),
        ("empty-file", Vec::new()),
        ("only-a-newline", b"\n".to_vec()),
        ("only-a-comment", b"# nothing\n".to_vec()),
        ("tabs-and-spaces", b"\t frontend\t a \t\n\t\tbind\t:8080\t\n".to_vec()),
    ]
}

/// `word` this often, with spaces.
fn many(word: &str, times: usize) -> String {
    vec![word; times].join(" ")
}

fn long_ones() -> Files {
    let line = |text: String| with_line(text.as_bytes());
    let bytes = |count: usize| "x".repeat(count);
    vec![
        ("sixty-four-words", line(format!("    acl a path {}", many("/x", 61)))),
        ("sixty-five-words", line(format!("    acl a path {}", many("/x", 62)))),
        ("a-hundred-words", line(format!("    acl a path {}", many("/x", 97)))),
        ("four-hundred-words", line(format!("    acl a path {}", many("/x", 397)))),
        ("word-of-2000-bytes", line(format!("    description {}", bytes(2000)))),
        ("line-of-2047-bytes", line(format!("    description {}", bytes(2047 - 16)))),
        ("line-of-2048-bytes", line(format!("    description {}", bytes(2048 - 16)))),
        ("line-of-2049-bytes", line(format!("    description {}", bytes(2049 - 16)))),
        ("line-of-16k", line(format!("    description {}", bytes(16_384 - 16)))),
        ("line-of-20k", line(format!("    description {}", bytes(20_000)))),
        ("line-of-a-megabyte", line(format!("    description {}", bytes(1_000_000)))),
        ("comment-of-a-megabyte", line(format!("    # {}", bytes(1_000_000)))),
        ("spaces-of-a-megabyte", line(" ".repeat(1_000_000))),
        ("a-thousand-continued-lines", line(format!("    acl a path{}", " \\\n".repeat(1000)))),
        ("ten-thousand-empty-lines", line("\n".repeat(10_000))),
        ("acl-name-of-2000-bytes", line(format!("    acl {} always_true", bytes(2000)))),
        ("proxy-name-of-2000-bytes", format!("frontend {}\n  bind :8080\n", bytes(2000)).into()),
    ]
}
