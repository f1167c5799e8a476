//! A Koi with a runtime socket, and a client of it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::folder::Folder;
use crate::koi::{Koi, PATIENCE, free_port, until};

/// A running Koi with its runtime socket in a folder.
pub struct Stage {
    pub folder: Folder,
    pub port: u16,
    koi: Koi,
}

impl Stage {
    /// With these lines in `global`, in the frontend, and more sections behind it. `{port}` in them is the
    /// frontend's port. Files are made by `files` before the start.
    pub fn new(global: &str, frontend: &str, sections: &str, files: &[(&str, &str)]) -> Stage {
        let (folder, port) = (Folder::new(), free_port());
        for (name, content) in files {
            folder.file(name, content);
        }
        folder.file("koi.cfg", config("k.sock", port, global, frontend, sections));
        let koi = Koi::start(&folder, &["-f", "koi.cfg"], port);
        Stage { folder, port, koi }
    }

    pub fn pid(&self) -> i32 {
        self.koi.pid()
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("k.sock")
    }

    /// The answer to one line, without the empty line behind it.
    pub fn ask(&self, line: &str) -> String {
        ask(&self.socket(), line)
    }

    /// A server's cell of the statistics.
    pub fn cell(&self, backend: &str, server: &str, column: &str) -> String {
        cell(&self.ask("show stat"), (backend, server), column)
    }
}

/// A configuration; paths are the folder's.
pub fn config(socket: &str, port: u16, global: &str, frontend: &str, sections: &str) -> String {
    format!(
        "global\n    nbthread 2\n    stats socket unix@{socket} mode 600 level admin\n{global}\
         defaults\n    mode http\n    timeout connect 20s\n    timeout client 20s\n    \
         timeout server 20s\n\
         frontend web\n    bind 127.0.0.1:{port}\n{frontend}{sections}"
    )
}

/// A connection to a runtime socket.
pub fn connect(path: &Path) -> UnixStream {
    let mut stream = None;
    until("the runtime socket answers", || {
        stream = UnixStream::connect(path).ok();
        stream.is_some()
    });
    let stream = stream.expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// The answer to one line, without the empty line behind it.
pub fn ask(path: &Path, line: &str) -> String {
    let text = ask_whole(path, line);
    text.strip_suffix('\n').expect("an empty line at the end").to_owned()
}

/// All that is answered to a line.
pub fn ask_whole(path: &Path, line: &str) -> String {
    let mut stream = connect(path);
    stream.write_all(format!("{line}\n").as_bytes()).expect("it is read");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

/// Reads until the text ends so.
pub fn read_until(stream: &mut UnixStream, end: &str) -> String {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(end.as_bytes()) {
        assert_ne!(stream.read(&mut byte).expect("more"), 0, "{}", String::from_utf8_lossy(&text));
        text.push(byte[0]);
    }
    String::from_utf8(text).expect("text")
}

/// The value of a column in a row of `show stat`.
pub fn cell(table: &str, row: (&str, &str), column: &str) -> String {
    let (head, rows) = table.split_once('\n').expect("a header");
    let names = head.strip_prefix("# ").expect("a header").split(',');
    let at = names.into_iter().position(|name| name == column).expect("a column");
    let row = rows.lines().find(|line| line.starts_with(&format!("{},{},", row.0, row.1)));
    row.expect("a row").split(',').nth(at).expect("a cell").to_owned()
}
