//! Koi reads the files that people run: twenty-odd whole configurations of the kinds that packages,
//! tutorials and administrators write, each with the verdict of the real HAProxy in its first line.
//!
//! `/etc/haproxy` in a file stands for the test's own folder, where the certificates, maps and lists
//! lie that the file names, and its user and group for ones that every machine has. Run, confirmed
//! and recorded like `verdicts.rs`; `tests/real/allowed.txt` lists where Koi differs.

#[path = "verdicts_support/compare.rs"]
mod compare;
#[path = "verdicts_support/folder.rs"]
mod folder;
#[path = "verdicts_support/haproxy.rs"]
mod haproxy;
#[path = "verdicts_support/koi.rs"]
mod koi;
#[path = "verdicts_support/run.rs"]
mod run;
#[path = "verdicts_support/verdict.rs"]
mod verdict;

use folder::Folder;
use std::fs;
use std::path::PathBuf;
use verdict::{Case, Verdict};

const HEADING: &str = "# haproxy: ";

/// What a machine that runs HAProxy has, and what stands for it here.
const HERE: &[(&str, &str)] = &[
    ("/etc/haproxy/", "@DIR@/"),
    ("user haproxy\n", "user nobody\n"),
    ("group haproxy\n", "group daemon\n"),
];

/// `tests/real/NAME`.
fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/real").join(name)
}

#[test]
fn koi_reads_the_files_that_people_run() {
    let folder = Folder::new("real");
    let (paths, cases): (Vec<PathBuf>, Vec<Case>) = files().into_iter().unzip();
    if compare::is_recording() {
        for (path, verdict) in paths.iter().zip(compare::record(&cases, &folder)) {
            rewrite(path, verdict);
        }
    } else {
        compare::check(&cases, &folder, &place("allowed.txt"));
    }
}

fn files() -> Vec<(PathBuf, Case)> {
    let entries = fs::read_dir(place("")).expect("the folder of files");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "cfg"));
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), read(path))).collect()
}

fn read(path: PathBuf) -> Case {
    let text = fs::read_to_string(&path).expect("a configuration");
    let first = text.lines().next().unwrap_or_default();
    let recorded = first.strip_prefix(HEADING).and_then(|verdict| verdict.parse().ok());
    let name = path.file_stem().expect("a file's name").to_string_lossy();
    let text = HERE.iter().fold(text, |text, (from, to)| text.replace(from, to)).into_bytes();
    Case { name: format!("real/{name}"), text, recorded }
}

/// Puts the verdict into the first line.
fn rewrite(path: &PathBuf, verdict: Verdict) {
    let text = fs::read_to_string(path).expect("a configuration");
    let (first, rest) = text.split_once('\n').expect("more than one line");
    assert!(first.starts_with(HEADING), "{}: the first line is the verdict's", path.display());
    fs::write(path, format!("{HEADING}{verdict}\n{rest}")).expect("it can be written");
}
