//! A folder of files for the executable to read, and what the executable says to them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own, gone when the test ends.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("koi-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a folder");
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it, and the folders the name needs.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("the folder")).expect("folders");
        std::fs::write(&path, content).expect("a file");
        path
    }

    /// Runs the executable in the folder.
    pub fn koi(&self, words: &[&str]) -> Said {
        self.koi_with(words, &[])
    }

    /// The same with these variables set.
    pub fn koi_with(&self, words: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_koi"));
        command.args(words).current_dir(&self.0).envs(variables.iter().copied());
        Said::new(command.output().expect("koi runs"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the executable said, and its exit status.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    fn new(output: Output) -> Said {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Said {
            code: output.status.code().expect("no signal"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Asserts that the standard error holds a text.
    pub fn tells(&self, text: &str) -> &Said {
        assert!(self.err.contains(text), "missing: {text}\n{self}");
        self
    }

    /// Asserts that it does not.
    pub fn keeps(&self, text: &str) -> &Said {
        assert!(!self.err.contains(text), "unwanted: {text}\n{self}");
        self
    }

    /// Asserts the exit status.
    pub fn exits(&self, code: i32) -> &Said {
        assert_eq!(self.code, code, "{self}");
        self
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {}\n--- out\n{}--- err\n{}", self.code, self.out, self.err)
    }
}
