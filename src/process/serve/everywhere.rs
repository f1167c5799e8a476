//! Something that every worker does, and the main thread waits for.
//!
//! Every worker is tried, whatever became of another. What a full mailbox does not take in time can be owed to
//! its worker: it gets that later, and before anything else.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::worker::mailbox::Address;
use crate::worker::{Group, Local, Message};

/// How long workers may take. A turn of a worker takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at whether a worker has gone.
const LOOK: Duration = Duration::from_millis(50);
/// Between two attempts at a mailbox that is full: it is being emptied, unless its worker is gone or stuck.
const FULL: Duration = Duration::from_millis(1);

/// What a worker does.
pub type Task<T> = Box<dyn FnOnce(&Local) -> T + Send>;

/// Messages that workers have not been sent yet, in order. Whoever owes sends nothing else before
/// ([`Owed::deliver`]), so there are no more than were owed at a time.
#[derive(Default)]
pub struct Owed(VecDeque<(usize, Message)>);

impl Owed {
    /// Sends what can be sent; whether that was all.
    pub fn deliver(&mut self, workers: &[Address<Message>]) -> bool {
        let mut full = Vec::new();
        for (worker, message) in std::mem::take(&mut self.0) {
            let address = workers.get(worker).filter(|_| !full.contains(&worker));
            let Some(address) = address else {
                self.0.push_back((worker, message));
                continue;
            };
            if let Err(back) = address.send(message) {
                full.push(worker);
                self.0.push_back((worker, back));
            }
        }
        self.0.is_empty()
    }
}

/// Has each worker do its task; what they gave, by worker.
///
/// # Errors
/// A worker that is gone or does not answer, in words. The others may have done theirs, and it may yet, unless
/// its mailbox was full all the time.
pub fn everywhere<T: Send + 'static>(
    group: &Group,
    task: impl FnMut(usize) -> Task<T>,
) -> Result<Vec<T>, String> {
    insist(group, &mut Owed::default(), task)
}

/// The same; a worker that cannot be sent its task is owed it.
///
/// # Errors
/// The same.
pub fn insist<T: Send + 'static>(
    group: &Group,
    owed: &mut Owed,
    task: impl FnMut(usize) -> Task<T>,
) -> Result<Vec<T>, String> {
    insist_for(PATIENCE, group, owed, task)
}

/// The same, with another patience.
pub(super) fn insist_for<T: Send + 'static>(
    patience: Duration,
    group: &Group,
    owed: &mut Owed,
    task: impl FnMut(usize) -> Task<T>,
) -> Result<Vec<T>, String> {
    let (told, heard) = channel();
    let wait = Wait { group, patience, begun: Instant::now() };
    let workers = group.addresses();
    for (number, task) in (0..workers.len()).zip((0..).map(task)) {
        owed.0.push_back((number, message(number, task, told.clone())));
    }
    drop(told);
    while !owed.deliver(&workers) {
        wait.still()?;
        std::thread::sleep(FULL);
    }
    wait.answers(workers.len(), &heard)
}

fn message<T: Send + 'static>(number: usize, task: Task<T>, told: Sender<(usize, T)>) -> Message {
    Message::Run(Box::new(move |local| {
        // Nobody waits for it any more, perhaps.
        let _ = told.send((number, task(local)));
    }))
}

/// How long it has taken, and may take.
struct Wait<'a> {
    group: &'a Group,
    patience: Duration,
    begun: Instant,
}

impl Wait<'_> {
    fn answers<T>(&self, count: usize, heard: &Receiver<(usize, T)>) -> Result<Vec<T>, String> {
        let mut answers: Vec<Option<T>> = (0..count).map(|_| None).collect();
        while answers.iter().any(Option::is_none) {
            match heard.recv_timeout(LOOK) {
                Ok((number, answer)) => {
                    if let Some(place) = answers.get_mut(number) {
                        *place = Some(answer);
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.still()?,
                Err(RecvTimeoutError::Disconnected) => return Err("a worker has failed".to_owned()),
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    fn still(&self) -> Result<(), String> {
        if self.group.ended() > 0 {
            return Err("a worker has ended".to_owned());
        }
        if self.begun.elapsed() >= self.patience {
            return Err(format!("a worker has not answered for {} s", self.patience.as_secs()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::GroupConfig;

    const HANG: Duration = Duration::from_secs(60);

    #[test]
    fn a_full_mailbox_keeps_nothing_from_the_others_and_gets_its_own_later() {
        let config = GroupConfig { workers: 3, cores: Vec::new(), ..GroupConfig::default() };
        let group = Group::start(&config, |_, _| Ok(())).expect("workers");
        let workers = group.addresses();
        // The first one hangs, and then its mailbox is full.
        let (hangs, hung) = channel::<()>();
        let (go_on, waits) = channel::<()>();
        let hang = Message::Run(Box::new(move |_| {
            hangs.send(()).expect("heard");
            let _ = waits.recv_timeout(HANG);
        }));
        assert!(workers[0].send(hang).is_ok());
        hung.recv_timeout(HANG).expect("it hangs");
        while workers[0].send(Message::Run(Box::new(|_| ()))).is_ok() {}
        let (told, heard) = channel();
        let tell = |word: &'static str| {
            let told = told.clone();
            move |worker| -> Task<()> {
                let told = told.clone();
                Box::new(move |_| told.send((worker, word)).expect("heard"))
            }
        };
        let mut owed = Owed::default();
        let patience = Duration::from_millis(200);
        let first = insist_for(patience, &group, &mut owed, tell("first"));
        assert!(first.is_err_and(|fault| fault.contains("not answered")));
        let mut done: Vec<_> = (0..2).map(|_| heard.recv_timeout(HANG).expect("it")).collect();
        done.sort_unstable();
        assert_eq!(done, [(1, "first"), (2, "first")]);
        assert!(!owed.deliver(&workers));
        assert!(insist_for(patience, &group, &mut owed, tell("second")).is_err());
        let begun = Instant::now();
        go_on.send(()).expect("it waits");
        while !owed.deliver(&workers) {
            assert!(begun.elapsed() < HANG);
            std::thread::sleep(FULL);
        }
        let mut done: Vec<_> = (0..4).map(|_| heard.recv_timeout(HANG).expect("it")).collect();
        let own: Vec<_> = done.iter().filter(|it| it.0 == 0).map(|it| it.1).collect();
        assert_eq!(own, ["first", "second"], "in order");
        done.sort_unstable();
        assert_eq!(done, [(0, "first"), (0, "second"), (1, "second"), (2, "second")]);
        group.stop(Duration::ZERO);
        group.join();
    }

    /// A worker that panics in its part is told of at once, the others have done theirs, and all of them go
    /// on: the next task is done everywhere.
    #[test]
    fn a_worker_that_panics_is_told_of() {
        let config = GroupConfig { workers: 2, ..GroupConfig::default() };
        let group = Group::start(&config, |_, _| Ok(())).expect("workers");
        let begun = Instant::now();
        let told = everywhere(&group, |worker| {
            Box::new(move |_| if worker == 1 { panic!("as the test wants it") } else { worker })
        });
        assert_eq!(told, Err("a worker has failed".to_owned()));
        assert!(begun.elapsed() < PATIENCE);
        assert_eq!(everywhere(&group, |worker| Box::new(move |_| worker)), Ok(vec![0, 1]));
        group.stop(Duration::ZERO);
        group.join();
    }
}
