//! `stdout`, `stderr` and `fd@N`: a thread that writes, so that no worker waits for a slow reader.
//!
//! A terminal or a pipe is shared with others, so it is not made non-blocking; instead the thread waits.
//! Limits: [`WAITING`] batches wait for it; one more is refused, and its caller counts the lines.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::queue::ArrayQueue;

/// How many batches (of at most [`super::batch::BYTES_MAX`] bytes and a line) wait.
pub const WAITING: usize = 64;

/// How long the last lines may take when the process ends.
const LAST: Duration = Duration::from_secs(1);

/// How long a descriptor that says "not now" (its owner made it so) is left alone.
const PAUSE: Duration = Duration::from_millis(5);

/// A descriptor and its thread.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    file: File,
    queue: ArrayQueue<Vec<u8>>,
    closing: AtomicBool,
}

impl Writer {
    /// A writer; its thread starts with [`Writer::start`] or the first lines.
    pub fn new(fd: OwnedFd) -> Writer {
        let (queue, closing) = (ArrayQueue::new(WAITING), AtomicBool::new(false));
        let shared = Arc::new(Shared { file: File::from(fd), queue, closing });
        Writer { shared, thread: Mutex::new(None) }
    }

    /// Takes lines; whether there was room.
    pub fn push(&self, lines: Vec<u8>) -> bool {
        let taken = self.shared.queue.push(lines).is_ok();
        self.wake();
        taken
    }

    /// Starts the thread, if it does not run, or wakes it. Once a turn of a worker at most, so the lock
    /// costs nothing that counts; it is held by nobody for long.
    fn wake(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        match &*thread {
            Some(thread) => thread.thread().unpark(),
            None => {
                let shared = self.shared.clone();
                let started =
                    thread::Builder::new().name("koi-log".to_owned()).spawn(move || shared.run());
                // Without a thread the queue fills, and what is dropped is counted.
                *thread = started.ok();
            }
        }
    }
}

impl Shared {
    fn run(&self) {
        loop {
            while let Some(lines) = self.queue.pop() {
                self.write(&lines);
            }
            if self.closing.load(Ordering::Acquire) && self.queue.is_empty() {
                return;
            }
            thread::park();
        }
    }

    /// Writes all of it. A reader that is gone is no reason to end: it may be a pipe's next one.
    fn write(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match (&self.file).write(bytes) {
                Ok(0) => return,
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.closing.load(Ordering::Acquire) {
                        return;
                    }
                    thread::sleep(PAUSE);
                }
                Err(_) => return,
            }
        }
    }
}

impl Drop for Writer {
    /// Lets the last lines out, but does not wait for ever.
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        thread.thread().unpark();
        let end = Instant::now() + LAST;
        while !thread.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn lines_come_out_in_order_and_the_last_ones_too() {
        let (mut read, write) = std::io::pipe().expect("a pipe");
        let writer = Writer::new(write.into());
        for line in ["one\n", "two\n", "three\n"] {
            assert!(writer.push(line.into()));
        }
        drop(writer);
        let mut text = String::new();
        read.read_to_string(&mut text).expect("text");
        assert_eq!(text, "one\ntwo\nthree\n");
    }

    #[test]
    fn a_reader_that_does_not_read_fills_the_queue() {
        let (read, write) = std::io::pipe().expect("a pipe");
        let writer = Writer::new(write.into());
        let mut taken = 0;
        while writer.push(vec![b'x'; 128 * 1024]) {
            taken += 1;
            assert!(taken < 10 * WAITING, "the queue has an end");
        }
        assert!(taken >= WAITING);
        // The thread is released by the reader's end.
        drop(read);
    }
}
