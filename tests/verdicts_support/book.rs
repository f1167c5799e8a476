//! The files of cases, `tests/verdicts/AREA.txt`.
//!
//! ```text
//! ### name-of-the-case
//! # why it is interesting, if that is not obvious
//! === accepts            (or: === refuses LINE)
//! the configuration, until the next `### `
//! ```
//!
//! Goes in: a file. Comes out: its cases; and the file again, with other verdicts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::verdict::{Case, Verdict};

const NAME: &str = "### ";
const VERDICT: &str = "===";

/// One file of cases.
pub struct Book {
    path: PathBuf,
    lines: Vec<String>,
    /// Where in `lines` each case's verdict stands.
    verdicts: Vec<usize>,
    pub cases: Vec<Case>,
}

impl Book {
    /// Every `.txt` of the folder but `allowed.txt`, in the order of their names.
    pub fn read_all(folder: &Path) -> Vec<Book> {
        let entries = fs::read_dir(folder).expect("the folder of cases");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "txt"));
        paths.retain(|path| !path.ends_with("allowed.txt"));
        paths.sort();
        paths.into_iter().map(Book::read).collect()
    }

    fn read(path: PathBuf) -> Book {
        let text = fs::read_to_string(&path).expect("a file of cases");
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let area = path.file_stem().expect("a file's name").to_string_lossy().into_owned();
        let starts: Vec<usize> =
            (0..lines.len()).filter(|line| lines[*line].starts_with(NAME)).collect();
        let ends = starts.iter().skip(1).copied().chain([lines.len()]);
        let (mut verdicts, mut cases, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (start, end) in starts.iter().copied().zip(ends) {
            let (verdict, case) = read_case(&area, &lines[start..end]);
            assert!(names.insert(case.name.clone()), "{} is there twice", case.name);
            verdicts.push(start + verdict);
            cases.push(case);
        }
        Book { path, lines, verdicts, cases }
    }

    /// Writes the file with these verdicts in the place of its own.
    pub fn rewrite(&self, verdicts: &[Verdict]) {
        let mut lines = self.lines.clone();
        for (place, verdict) in self.verdicts.iter().zip(verdicts) {
            lines[*place] = format!("{VERDICT} {verdict}");
        }
        fs::write(&self.path, lines.join("\n") + "\n").expect("a file of cases can be written");
    }
}

/// The case that the lines make, and which of them has the verdict.
fn read_case(area: &str, lines: &[String]) -> (usize, Case) {
    let name = format!("{area}/{}", lines[0].trim_start_matches(NAME).trim());
    let found = lines.iter().position(|line| line.starts_with(VERDICT));
    let place = found.unwrap_or_else(|| panic!("{name} has no line `=== verdict`"));
    let comments = lines.iter().take(place).skip(1);
    assert!(comments.clone().all(|line| line.starts_with('#')), "{name}: text before its verdict");
    let recorded = lines[place].trim_start_matches(VERDICT).trim().parse().ok();
    let text = lines[place + 1..].join("\n");
    let text = format!("{}\n", text.trim_end_matches('\n')).into_bytes();
    (place, Case { name, text, recorded })
}
