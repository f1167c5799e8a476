//! A running Koi, and clients of it.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use koi_sys::guard::{Signal, send_signal};

use crate::folder::Folder;

#[path = "../common/ports.rs"]
#[allow(dead_code, reason = "others take several at once")]
mod ports;

pub use ports::free_port;

/// Nothing takes so long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at something that is to come.
pub const LOOK: Duration = Duration::from_millis(10);

/// A configuration whose frontend answers `hello` at the port, with more lines in `global` and in
/// the frontend.
pub fn hello(port: u16, global: &str, frontend: &str) -> String {
    format!(
        "global\n    nbthread 2\n{global}\
         defaults\n    mode http\n    timeout connect 20s\n    timeout client 20s\n    \
         timeout server 20s\n\
         frontend web\n    bind 127.0.0.1:{port}\n{frontend}    \
         http-request return status 200 content-type text/plain string hello\n"
    )
}

/// Waits until it is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        sleep(LOOK);
    }
}

/// A running Koi in the foreground; ended with this value.
pub struct Koi {
    child: Child,
    errors: Option<JoinHandle<()>>,
    told: Arc<Mutex<String>>,
}

impl Koi {
    /// Starts it in the folder with these words, and waits until the port answers.
    pub fn start(folder: &Folder, words: &[&str], port: u16) -> Koi {
        let mut koi = Koi::start_quietly(folder, words, &[]);
        until("it listens", || {
            if let Some(status) = koi.child.try_wait().expect("its status") {
                panic!("it ended: {status}\n{}", koi.said());
            }
            // Sockets in the file system get their names once nothing can fail any more.
            TcpStream::connect(loopback(port)).is_ok() && koi.told().contains("worker 0")
        });
        koi
    }

    /// The same with variables, without waiting.
    pub fn start_quietly(folder: &Folder, words: &[&str], variables: &[(&str, &str)]) -> Koi {
        let mut command = Command::new(env!("CARGO_BIN_EXE_koi"));
        command.args(words).current_dir(folder.path()).envs(variables.iter().copied());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("koi runs");
        let stream = BufReader::new(child.stderr.take().expect("piped"));
        let told: Arc<Mutex<String>> = Arc::default();
        let into = told.clone();
        let errors = std::thread::spawn(move || {
            for line in stream.lines().map_while(Result::ok) {
                let mut told = into.lock().unwrap_or_else(PoisonError::into_inner);
                told.push_str(&line);
                told.push('\n');
            }
        });
        Koi { child, errors: Some(errors), told }
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process's number")
    }

    pub fn signal(&self, signal: Signal) {
        send_signal(self.pid(), signal).expect("the process is there");
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_none()
    }

    /// Waits for its end; its exit status and what it said.
    pub fn ended(&mut self) -> (ExitStatus, String) {
        until("it ends", || !self.runs());
        let status = self.child.try_wait().expect("its status").expect("it has ended");
        (status, self.said())
    }

    /// What it has said so far.
    pub fn told(&self) -> String {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it said until its end.
    fn said(&mut self) -> String {
        if let Some(thread) = self.errors.take() {
            thread.join().expect("text");
        }
        self.told()
    }
}

impl Drop for Koi {
    /// In order, if it can: of a killed process that uses io_uring the ports are freed a little later.
    fn drop(&mut self) {
        let _ = send_signal(self.pid(), Signal::Terminate);
        let asked = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && asked.elapsed() < Duration::from_secs(5)
        {
            sleep(LOOK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A client's connection.
pub struct Client(pub TcpStream);

impl Client {
    pub fn connect(port: u16) -> Client {
        let stream = TcpStream::connect(loopback(port)).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Client(stream)
    }

    /// Sends a request.
    pub fn ask(&mut self, path: &str) {
        let head = format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n");
        self.0.write_all(head.as_bytes()).expect("a request");
    }

    /// The next response; `None` if the connection ends without.
    pub fn answer(&mut self) -> Option<String> {
        let mut text = Vec::new();
        let mut byte = [0; 1];
        let mut length = None;
        loop {
            match self.0.read(&mut byte) {
                Ok(0) => return None,
                Ok(_) => text.push(byte[0]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no answer: {error}"),
            }
            if length.is_none() && text.ends_with(b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&text).to_lowercase();
                let value = head.split("content-length: ").nth(1).expect("a length");
                let value = value.lines().next().and_then(|it| it.trim().parse::<usize>().ok());
                length = Some(text.len() + value.expect("a number"));
            }
            if length == Some(text.len()) {
                return Some(String::from_utf8(text).expect("UTF-8"));
            }
        }
    }

    /// One exchange.
    pub fn get(&mut self, path: &str) -> Option<String> {
        self.ask(path);
        self.answer()
    }
}

/// One exchange on a connection of its own.
pub fn get(port: u16) -> Option<String> {
    Client::connect(port).get("/")
}

/// Asserts that `hello` is answered at the port.
pub fn answers(port: u16) {
    let answer = get(port).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"), "{answer}");
}

/// Whether nobody listens at the port.
pub fn is_closed(port: u16) -> bool {
    TcpStream::connect(loopback(port))
        .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}
