//! Koi reads what HAProxy 3.0 reads: hundreds of small configurations, each with the verdict of the
//! real HAProxy, which Koi's must equal, down to the line of the error.
//!
//! ```sh
//! cargo test --test verdicts                                        # Koi against what is recorded
//! KOI_HAPROXY=/usr/sbin/haproxy cargo test --test verdicts          # and that against HAProxy
//! KOI_RECORD=1 KOI_HAPROXY=... cargo test --test verdicts           # writes the verdicts anew
//! KOI_CASES=bind/ssl cargo test --test verdicts -- --nocapture      # only cases named like that
//! ```
//!
//! The cases are in `tests/verdicts/AREA.txt` and, where a text file cannot hold them, in
//! `verdicts_support/bytes.rs`. `tests/verdicts/allowed.txt` lists where Koi differs, and why.

#[path = "verdicts_support/book.rs"]
mod book;
#[path = "verdicts_support/bytes.rs"]
mod bytes;
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

use book::Book;
use folder::Folder;
use std::path::PathBuf;
use verdict::Case;

/// `tests/verdicts/NAME`.
fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/verdicts").join(name)
}

#[test]
fn koi_accepts_and_refuses_what_haproxy_does() {
    let folder = Folder::new("verdicts");
    let books = Book::read_all(&place(""));
    let bytes = bytes::cases(&place("bytes.verdicts"));
    if compare::is_recording() {
        record(&books, &bytes, &folder);
    } else {
        let cases: Vec<Case> = books.into_iter().flat_map(|book| book.cases).chain(bytes).collect();
        compare::check(&cases, &folder, &place("allowed.txt"));
    }
}

fn record(books: &[Book], bytes: &[Case], folder: &Folder) {
    for book in books {
        book.rewrite(&compare::record(&book.cases, folder));
    }
    bytes::rewrite(&place("bytes.verdicts"), bytes, &compare::record(bytes, folder));
}
