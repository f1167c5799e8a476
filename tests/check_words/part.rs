//! A server that plays a part, and counts who came.

use super::super::end_to_end::{PATIENCE, loopback};
use koi_sys::net::{ListenOptions, listen};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// What it does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// It does not listen. To begin with only.
    Refuse,
    /// It takes no connection, and so many wait that the system takes none either. To begin with only.
    Full,
    /// It takes connections and says nothing.
    Hold,
    /// It says this at once.
    Say(&'static [u8]),
    /// It says this at once and nothing more.
    SayEnd(&'static [u8]),
    /// It reads a request of HTTP and says nothing more.
    ReadEnd,
    /// Each time the first has come, it says the second.
    Answer(&'static [u8], &'static [u8]),
    /// By what is in the request.
    Choose(&'static [(&'static str, &'static [u8])]),
}

/// The end of a request.
const END: &[u8] = b"\r\n\r\n";

struct Shared {
    act: Mutex<Act>,
    count: AtomicUsize,
    /// Connections just now, and the most at a time.
    now: AtomicUsize,
    peak: AtomicUsize,
    ended: AtomicBool,
}

/// The server.
pub struct Player {
    pub port: u16,
    shared: Arc<Shared>,
    /// Those who wait at one that is full.
    waiting: Mutex<Vec<TcpStream>>,
    listener: Mutex<Option<TcpListener>>,
}

impl Player {
    pub fn start(port: u16, act: Act) -> Player {
        let [count, now, peak] = [const { AtomicUsize::new(0) }; 3];
        let (act, ended) = (Mutex::new(act), AtomicBool::new(false));
        let shared = Arc::new(Shared { act, count, now, peak, ended });
        let (waiting, listener) = (Mutex::default(), Mutex::default());
        let player = Player { port, shared, waiting, listener };
        match *player.shared.act.lock().expect("no panic") {
            Act::Refuse => {}
            Act::Full => player.fill(),
            _ => player.open(),
        }
        player
    }

    fn fill(&self) {
        let options = ListenOptions { backlog: 0, ..ListenOptions::default() };
        let fd = listen(&loopback(self.port).into(), &options).expect("it listens");
        *self.listener.lock().expect("no panic") = Some(fd.into());
        while let Ok(one) =
            TcpStream::connect_timeout(&loopback(self.port), Duration::from_millis(200))
        {
            self.waiting.lock().expect("no panic").push(one);
        }
    }

    fn open(&self) {
        let known = self.listener.lock().expect("no panic").take();
        let listener =
            known.unwrap_or_else(|| TcpListener::bind(loopback(self.port)).expect("it listens"));
        listener.set_nonblocking(true).expect("a mode");
        let shared = self.shared.clone();
        thread::spawn(move || {
            while !shared.ended.load(Ordering::Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    thread::sleep(LOOK);
                    continue;
                };
                stream.set_nonblocking(false).expect("a mode");
                let act = *shared.act.lock().expect("no panic");
                shared.count.fetch_add(1, Ordering::Relaxed);
                let of_all = shared.clone();
                of_all
                    .peak
                    .fetch_max(of_all.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::spawn(move || {
                    // That the peer leaves in the middle is its right.
                    drop(play(stream, act));
                    of_all.now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
    }

    /// What it does from now on.
    pub fn act(&self, act: Act) {
        let before = std::mem::replace(&mut *self.shared.act.lock().expect("no panic"), act);
        if matches!(before, Act::Refuse | Act::Full) && !matches!(act, Act::Refuse | Act::Full) {
            self.waiting.lock().expect("no panic").clear();
            self.open();
        }
    }

    /// How many connections have come.
    pub fn seen(&self) -> usize {
        self.shared.count.load(Ordering::Relaxed)
    }

    /// The most at a time.
    pub fn peak(&self) -> usize {
        self.shared.peak.load(Ordering::SeqCst)
    }

    /// Waits for so many connections more.
    pub fn wait(&self, count: usize) {
        self.wait_for(self.seen() + count);
    }

    /// Waits until so many have come.
    pub fn wait_for(&self, count: usize) {
        let start = Instant::now();
        while self.seen() < count {
            assert!(start.elapsed() < PATIENCE, "nobody comes to port {}", self.port);
            thread::sleep(LOOK);
        }
    }

    /// It listens no more. Connections that it has stay.
    pub fn end(&self) {
        self.shared.ended.store(true, Ordering::Relaxed);
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.end();
    }
}

fn play(mut stream: TcpStream, act: Act) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    match act {
        Act::Say(bytes) => stream.write_all(bytes)?,
        Act::SayEnd(bytes) => {
            stream.write_all(bytes)?;
            stream.shutdown(Shutdown::Write)?;
        }
        _ => {}
    }
    let (mut had, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        had.extend_from_slice(&buffer[..count]);
        let has = |what: &[u8]| had.windows(what.len()).any(|window| window == what);
        match act {
            Act::ReadEnd if has(END) => return Ok(()),
            Act::Answer(to, with) if has(to) => {
                had.clear();
                stream.write_all(with)?;
            }
            Act::Choose(choices) if has(END) => {
                let chosen = choices.iter().find(|(path, _)| has(path.as_bytes()));
                had.clear();
                stream.write_all(chosen.map_or(&b""[..], |choice| choice.1))?;
            }
            _ => {}
        }
    }
}
