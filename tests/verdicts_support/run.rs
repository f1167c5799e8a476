//! Running other programs: a limit on their time, several at once.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// After which a program that only reads a file counts as hung.
const LIMIT: Duration = Duration::from_secs(60);

/// How a program ended and everything it printed, both streams in the order of printing.
pub struct Ended {
    /// `None` if it had to be killed.
    pub status: Option<ExitStatus>,
    pub said: String,
}

/// Runs the command, its output going through a file that lies at `output` until it has ended.
pub fn run(command: &mut Command, output: &Path) -> Ended {
    let stdout = File::create(output).expect("a file for the output");
    let stderr = stdout.try_clone().expect("the same for standard error");
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    let mut child = command.spawn().expect("the program starts");
    let status = wait(&mut child);
    let said = fs::read(output).expect("what it printed");
    fs::remove_file(output).expect("the output's file goes");
    Ended { status, said: String::from_utf8_lossy(&said).into_owned() }
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let until = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().expect("a child's status") {
            return Some(status);
        }
        if Instant::now() > until {
            child.kill().expect("a child can be killed");
            child.wait().expect("a killed child ends");
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Does the work for every item in two to four threads; the results in the items' order.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(2, NonZeroUsize::get).clamp(2, 4);
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return done };
            done.push((index, work(item)));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        started.into_iter().flat_map(|thread| thread.join().expect("a thread's results")).collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
