//! The workers of a process: one thread each, pinned to a core, with its own ring and buffers.
//!
//! In: how many, on which ring, and what each shall run at its start. Out: addresses to send
//! messages to, and at the end what every worker left behind. Limits: none of its own; a worker
//! that cannot start stops the others and says why.

use super::mailbox::Address;
use super::{Leftovers, Local, Message, PipeConfig, Worker};
use crate::log;
use koi_sys::buf::{Pool, PoolConfig};
use koi_sys::guard;
use koi_sys::ring::{Choice, OpenError, Ring};
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How to start workers.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// How many.
    pub workers: usize,
    /// The cores they are pinned to, in turn; none leaves that to the system.
    pub cores: Vec<usize>,
    /// The back-end.
    pub ring: Choice,
    /// Each worker's buffers.
    pub pool: PoolConfig,
    /// All workers' pipes.
    pub pipes: PipeConfig,
    /// What its threads are called.
    pub name: &'static str,
}

impl Default for GroupConfig {
    /// One worker per core that this process may run on, pinned.
    fn default() -> Self {
        let cores = guard::cores().unwrap_or_default();
        GroupConfig {
            workers: cores.len().max(1),
            cores,
            ring: Choice::Auto,
            pool: PoolConfig::default(),
            pipes: PipeConfig::default(),
            name: "worker",
        }
    }
}

/// Why a group did not start.
#[derive(Debug)]
pub enum StartError {
    /// No ring for a worker.
    Ring(OpenError),
    /// What the worker was to run at its start said no.
    Refused(String),
    /// No thread.
    Thread(std::io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Ring(error) => write!(f, "the ring cannot be opened: {error}"),
            StartError::Refused(reason) => f.write_str(reason),
            StartError::Thread(error) => write!(f, "no thread for a worker: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Running workers. Dropping the group does not stop them.
pub struct Group {
    members: Vec<Member>,
}

struct Member {
    address: Address<Message>,
    thread: JoinHandle<Leftovers>,
}

/// What a worker runs at its start, with its number.
type Start = dyn Fn(usize, &Local) -> Result<(), String> + Send + Sync;

impl Group {
    /// Starts the workers and returns when each has run `start`, which typically listens and
    /// spawns. Logs which ring each got.
    ///
    /// # Errors
    /// The first worker's that could not start; the others are stopped again.
    pub fn start(
        config: &GroupConfig,
        start: impl Fn(usize, &Local) -> Result<(), String> + Send + Sync + 'static,
    ) -> Result<Group, StartError> {
        let start: Arc<Start> = Arc::new(start);
        let mut group = Group { members: Vec::new() };
        for number in 0..config.workers {
            match Member::start(number, config, start.clone()) {
                Ok(member) => group.members.push(member),
                Err(error) => {
                    group.stop(Duration::ZERO);
                    group.join();
                    return Err(error);
                }
            }
        }
        Ok(group)
    }

    /// Where to send messages to, by worker number.
    pub fn addresses(&self) -> Vec<Address<Message>> {
        self.members.iter().map(|member| member.address.clone()).collect()
    }

    /// Asks every worker to stop in order.
    pub fn stop(&self, grace: Duration) {
        for member in &self.members {
            // A mailbox that is full is being emptied, unless its worker is stuck for good.
            while member.address.send(Message::Stop(grace)).is_err() && !member.thread.is_finished()
            {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// How many workers have ended.
    pub fn ended(&self) -> usize {
        self.members.iter().filter(|member| member.thread.is_finished()).count()
    }

    /// How many there were at the start.
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// Waits for every worker's end. A worker that panicked left everything behind.
    pub fn join(self) -> Vec<Option<Leftovers>> {
        self.members.into_iter().map(|member| member.thread.join().ok()).collect()
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({} workers)", self.members.len())
    }
}

type Started = Result<Address<Message>, StartError>;

impl Member {
    fn start(number: usize, config: &GroupConfig, start: Arc<Start>) -> Result<Member, StartError> {
        let (report, reported): (Sender<Started>, Receiver<Started>) = channel();
        let config = config.clone();
        let thread = std::thread::Builder::new()
            .name(format!("{} {number}", config.name))
            .spawn(move || run(number, &config, &*start, &report))
            .map_err(StartError::Thread)?;
        match reported.recv() {
            Ok(Ok(address)) => Ok(Member { address, thread }),
            Ok(Err(error)) => {
                // Its listeners are closed when it is.
                let _ = thread.join();
                Err(error)
            }
            Err(_) => Err(StartError::Refused(format!("worker {number} panicked at its start"))),
        }
    }
}

/// A worker's thread from first to last.
fn run(number: usize, config: &GroupConfig, start: &Start, report: &Sender<Started>) -> Leftovers {
    if let Some(&core) = config.cores.get(number % config.cores.len().max(1))
        && let Err(error) = guard::pin_to_core(core)
    {
        log::warning(format_args!("worker {number} is not pinned to core {core}: {error}"));
    }
    let pool = Pool::new(config.pool);
    let ring = match Ring::open(config.ring, &pool) {
        Ok(ring) => ring,
        Err(error) => {
            let _ = report.send(Err(StartError::Ring(error)));
            return Leftovers::default();
        }
    };
    log::notice(format_args!("{} {number}: {}", config.name, ring.caps()));
    let worker = Worker::with_pipes(ring, pool, config.pipes.share(number, config.workers));
    let started =
        start(number, worker.local()).map(|()| worker.address()).map_err(StartError::Refused);
    let refused = started.is_err();
    let _ = report.send(started);
    if refused {
        worker.local().stop_within(Duration::ZERO);
    }
    worker.run()
}
