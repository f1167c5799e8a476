//! The file that holds the process's number.
//!
//! It is opened while that is still allowed and written once the process serves, so that a start that
//! fails leaves the number of the one before. As with HAProxy it stays when the process ends.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

/// An open file.
#[derive(Debug)]
pub struct Pidfile(File);

impl Pidfile {
    /// Opens it, or makes it, readable for everybody.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(path: &str) -> std::io::Result<Pidfile> {
        let mut options = File::options();
        options.write(true).create(true).truncate(false).mode(0o644);
        options.open(path).map(Pidfile)
    }

    /// Writes this process's number.
    ///
    /// # Errors
    /// What the system said.
    pub fn write(mut self) -> std::io::Result<()> {
        self.0.set_len(0)?;
        writeln!(self.0, "{}", std::process::id())
    }
}
