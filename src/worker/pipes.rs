//! The pipes of a worker: what bytes pass through that the kernel moves from one connection to another.
//!
//! In: how large and how many. Out: pipes, each back when its user is done with it; an empty one is kept
//! for the next, since to make one takes four system calls.
//!
//! Limits: as many at a time as the configuration says, [`SPARE`] of them idle.

use super::stream::Stream;
use koi_sys::net::Pipe;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Bytes in a pipe if nobody says otherwise: large, because each of its two system calls costs the same
/// for much as for little.
const BYTES: usize = 1024 * 1024;

/// Idle pipes that are kept. Each holds two descriptors, and counts for the kernel's limit of what the
/// pipes of a user may hold (pipe(7)).
const SPARE: usize = 16;

/// How pipes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipeConfig {
    /// Bytes in each, as far as the kernel allows.
    pub bytes: usize,
    /// How many there may be at a time; 0: nothing is spliced.
    pub max: usize,
}

impl Default for PipeConfig {
    /// As many as there are descriptors.
    fn default() -> Self {
        PipeConfig { bytes: BYTES, max: usize::MAX }
    }
}

impl PipeConfig {
    /// What one of so many workers may have of this.
    pub fn share(self, worker: usize, workers: usize) -> PipeConfig {
        let workers = workers.max(1);
        let max = self.max / workers + usize::from(worker < self.max % workers);
        PipeConfig { max, ..self }
    }
}

/// The pipes of a worker.
#[derive(Debug)]
pub(crate) struct Pipes {
    config: PipeConfig,
    /// Those that are lent or spare.
    made: Cell<usize>,
    #[expect(clippy::vec_box, reason = "operations take them boxed")]
    spare: RefCell<Vec<Box<Pipe>>>,
}

impl Pipes {
    pub(crate) fn new(config: PipeConfig) -> Rc<Pipes> {
        Rc::new(Pipes { config, made: Cell::new(0), spare: RefCell::default() })
    }

    /// An empty one; `None` if there are as many as there may be, or no descriptors.
    fn lend(self: &Rc<Pipes>) -> Option<Lent> {
        let spare = self.spare.borrow_mut().pop();
        let pipe = match spare {
            Some(pipe) => pipe,
            None if self.made.get() >= self.config.max => return None,
            None => {
                let pipe = Pipe::new(self.config.bytes).ok()?;
                self.made.set(self.made.get() + 1);
                Box::new(pipe)
            }
        };
        Some(Lent { pipes: self.clone(), pipe: Some(pipe) })
    }

    /// One is back, or lost to an operation that failed or was given up.
    fn take_back(&self, pipe: Option<Box<Pipe>>) {
        let mut spare = self.spare.borrow_mut();
        match pipe.filter(|pipe| pipe.is_empty() && spare.len() < SPARE) {
            Some(pipe) => spare.push(pipe),
            None => self.made.set(self.made.get().saturating_sub(1)),
        }
    }
}

/// A pipe of the worker's.
#[derive(Debug)]
pub struct Lent {
    pipes: Rc<Pipes>,
    /// Not while an operation has it.
    pipe: Option<Box<Pipe>>,
}

impl Lent {
    /// To be given to an operation.
    pub fn take(&mut self) -> Option<Box<Pipe>> {
        self.pipe.take()
    }

    /// An operation is done with it.
    pub fn put(&mut self, pipe: Box<Pipe>) {
        self.pipe = Some(pipe);
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pipes.take_back(self.pipe.take());
    }
}

impl Stream {
    /// A pipe for bytes of this stream; `None` where the ring cannot splice, or none is to be had.
    pub fn lend_pipe(&self) -> Option<Lent> {
        self.can_splice().then(|| self.pipes().lend()).flatten()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pipes(max: usize) -> Rc<Pipes> {
        Pipes::new(PipeConfig { bytes: 4096, max })
    }

    #[test]
    fn there_are_no_more_than_there_may_be() {
        let pipes = pipes(2);
        let (one, two) = (pipes.lend().unwrap(), pipes.lend().unwrap());
        assert!(pipes.lend().is_none());
        drop(one);
        let mut again = pipes.lend().unwrap();
        // One that an operation kept is replaced.
        drop(again.take());
        drop(again);
        assert_eq!(pipes.made.get(), 1);
        assert!(pipes.lend().is_some());
        drop(two);
        assert_eq!((pipes.made.get(), pipes.spare.borrow().len()), (2, 2));
        assert!(self::pipes(0).lend().is_none());
    }

    #[test]
    fn one_that_holds_bytes_is_not_lent_again() {
        let pipes = pipes(1);
        let mut lent = pipes.lend().unwrap();
        let mut pipe = lent.take().unwrap();
        pipe.fill_with(b"somebody's").unwrap();
        lent.put(pipe);
        drop(lent);
        let mut next = pipes.lend().unwrap();
        assert!(next.take().unwrap().is_empty());
    }

    #[test]
    fn idle_ones_are_not_hoarded() {
        let pipes = pipes(SPARE * 2);
        let lent: Vec<_> = (0..SPARE * 2).map(|_| pipes.lend().unwrap()).collect();
        drop(lent);
        assert_eq!((pipes.made.get(), pipes.spare.borrow().len()), (SPARE, SPARE));
    }

    #[test]
    fn workers_share_what_the_process_may_have() {
        let config = PipeConfig { bytes: 1, max: 5 };
        let shares: Vec<_> = (0..3).map(|worker| config.share(worker, 3).max).collect();
        assert_eq!(shares, [2, 2, 1]);
        assert_eq!(PipeConfig { max: 1, ..config }.share(1, 2).max, 0);
    }
}
