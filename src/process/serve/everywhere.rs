//! Something that every worker does, and the main thread waits for.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::worker::mailbox::Address;
use crate::worker::{Group, Local, Message};

/// How long workers may take. A turn of a worker takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at whether a worker has gone.
const LOOK: Duration = Duration::from_millis(50);

/// What a worker does.
pub type Task<T> = Box<dyn FnOnce(&Local) -> T + Send>;

/// Has each worker do its task; what they gave, by worker.
///
/// # Errors
/// A worker that is gone or does not answer, in words. The others may have done theirs, and it may yet.
pub fn everywhere<T: Send + 'static>(
    group: &Group,
    task: impl FnMut(usize) -> Task<T>,
) -> Result<Vec<T>, String> {
    let (told, heard) = channel();
    let begun = Instant::now();
    let workers = group.addresses();
    for (number, (worker, task)) in workers.iter().zip((0..).map(task)).enumerate() {
        send(worker, message(number, task, told.clone()), group, begun)?;
    }
    drop(told);
    let mut answers: Vec<Option<T>> = workers.iter().map(|_| None).collect();
    while answers.iter().any(Option::is_none) {
        match heard.recv_timeout(LOOK) {
            Ok((number, answer)) => {
                if let Some(place) = answers.get_mut(number) {
                    *place = Some(answer);
                }
            }
            Err(RecvTimeoutError::Timeout) => still_waits(group, begun)?,
            Err(RecvTimeoutError::Disconnected) => return Err("a worker has failed".to_owned()),
        }
    }
    Ok(answers.into_iter().flatten().collect())
}

fn message<T: Send + 'static>(number: usize, task: Task<T>, told: Sender<(usize, T)>) -> Message {
    Message::Run(Box::new(move |local| {
        // Nobody waits for it any more, perhaps.
        let _ = told.send((number, task(local)));
    }))
}

/// A mailbox that is full is being emptied, unless its worker is gone or stuck.
fn send(
    worker: &Address<Message>,
    mut message: Message,
    group: &Group,
    begun: Instant,
) -> Result<(), String> {
    while let Err(back) = worker.send(message) {
        still_waits(group, begun)?;
        message = back;
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn still_waits(group: &Group, begun: Instant) -> Result<(), String> {
    if group.ended() > 0 {
        return Err("a worker has ended".to_owned());
    }
    if begun.elapsed() >= PATIENCE {
        return Err(format!("a worker has not answered for {} s", PATIENCE.as_secs()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::GroupConfig;

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
