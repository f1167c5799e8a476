//! The worker's tasks: waiting, giving up, panicking, taking turns. On every ring of the machine,
//! and on the simulation where no other thread takes part.

mod common;

use common::peer::{chunk, hear, store};
use common::{HANG, any_port, each_ring, end, run, simulated, worker};
use koi::worker::future::{Either, join, race};
use koi::worker::{Expired, Leftovers, ListenOptions, Local, Stream, Time, Worker};
use koi_sys::ring::sim::{Faults, Network};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::Write;
use std::net::TcpListener;
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

/// Operations that a task may have done at once before the others get their turn: as the worker
/// has it, and one that it had to wait for.
const CREDIT: u32 = 16 + 1;

fn each_worker(test: impl Fn(Worker)) {
    each_ring(|kind| test(worker(kind)));
    println!("simulated:");
    test(simulated(&Network::new(1, Faults::default())));
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Lets every other task have a turn.
async fn next_turn() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A connection from this worker to itself.
async fn pair(local: &Local) -> (Stream, Stream) {
    let mut listener = local.listen(&any_port(), &ListenOptions::default()).expect("a listener");
    let address = listener.local_address().expect("an address");
    let (one, other) = join(pin!(local.connect(&address)), pin!(listener.accept())).await;
    (one.expect("a connection"), other.expect("a connection"))
}

#[test]
fn a_join_waits_for_both_and_a_race_for_one() {
    each_worker(|worker| {
        run(worker, async |local: Local| {
            let start = local.now();
            let slow = async {
                local.sleep(ms(20)).await;
                'a'
            };
            let quick = async { 'b' };
            assert_eq!(join(pin!(slow), pin!(quick)).await, ('a', 'b'));
            assert!(local.now().since(start) >= ms(20));

            let mut slow = pin!(async {
                local.sleep(ms(20)).await;
                'c'
            });
            assert_eq!(race(slow.as_mut(), pin!(async { 'd' })).await, Either::Second('d'));
            assert_eq!(slow.await, 'c', "who lost goes on");
            assert_eq!(race(pin!(async { 1 }), pin!(async { 2 })).await, Either::First(1));
            assert_eq!(local.leftovers().timers, 1, "only the test's own is left");
        });
    });
}

#[test]
fn spawned_tasks_run_beside_the_one_that_spawned_them() {
    each_worker(|worker| {
        run(worker, async |local: Local| {
            let order: Rc<RefCell<Vec<u64>>> = Rc::default();
            for number in [30, 10, 20, 0] {
                let (order, clock) = (order.clone(), local.clone());
                local.spawn(async move {
                    clock.sleep(ms(number)).await;
                    order.borrow_mut().push(number);
                });
            }
            assert!(order.borrow().is_empty(), "a task runs when its turn has come");
            while order.borrow().len() < 4 {
                local.sleep(ms(1)).await;
            }
            assert_eq!(*order.borrow(), [0, 10, 20, 30]);
            assert_eq!(local.leftovers().tasks, 1);
        });
    });
}

#[test]
fn a_sleep_is_never_early() {
    each_ring(|kind| {
        run(worker(kind), async |local: Local| {
            for length in [0, 1, 2, 3, 7, 15, 16, 17, 40, 64, 65, 130] {
                let deadline = local.now() + ms(length) + Duration::from_micros(length * 77 % 1000);
                local.sleep_until(deadline).await;
                assert!(Time::monotonic() >= deadline && local.now() >= deadline);
            }
        });
    });
    run(simulated(&Network::new(1, Faults::default())), async |local: Local| {
        for length in [1, 2, 63, 64, 65, 4096, 86_400_000 / 2] {
            let deadline = local.now() + ms(length);
            local.sleep_until(deadline).await;
            assert!(local.now() >= deadline && local.now() < deadline + ms(1));
        }
    });
}

#[test]
fn a_timeout_drops_what_takes_too_long() {
    struct Flag(Rc<Cell<bool>>);
    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    each_worker(|worker| {
        run(worker, async |local: Local| {
            assert_eq!(local.timeout(HANG, async { 7 }).await, Ok(7));
            let dropped = Rc::new(Cell::new(false));
            let flag = Flag(dropped.clone());
            let never = async move {
                let _flag = flag;
                std::future::pending::<()>().await;
            };
            assert_eq!(local.timeout(ms(5), never).await, Err(Expired));
            assert!(dropped.get());
            assert_eq!(local.leftovers().timers, 1, "only the test's own is left");
        });
    });
}

#[test]
fn dropping_a_future_cancels_its_operation_and_loses_no_bytes() {
    each_worker(|worker| {
        run(worker, async |local: Local| {
            let (store, (one, other)) = (store(), pair(&local).await);
            let idle = local.leftovers();
            for number in 0..100_u8 {
                // Some of these are cancelled while the byte is on its way to them.
                let wait = ms(u64::from(number % 3));
                let (received, sent) = join(
                    pin!(local.timeout(wait, other.receive())),
                    pin!(one.send(chunk(&store, &[number]))),
                )
                .await;
                assert!(sent.is_ok());
                let byte = match received {
                    Ok(byte) => byte,
                    Err(Expired) => other.receive().await,
                };
                assert_eq!(byte.expect("no error").expect("no end")[..], [number]);
            }
            drop(other.start_receive());
            while local.leftovers().operations > idle.operations {
                next_turn().await;
            }
            let left = local.leftovers();
            assert_eq!((left.blocks, left.timers), (idle.blocks, idle.timers));
        });
    });
}

#[test]
fn a_task_that_panics_ends_alone() {
    struct PanicsWhenDropped;
    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            if !thread::panicking() {
                panic!("on purpose, in a destructor");
            }
        }
    }
    each_worker(|worker| {
        let local = worker.local().clone();
        let test = async |local: Local| {
            let (bystander, mate) = pair(&local).await;
            let (client, server) = pair(&local).await;
            local.spawn(async move {
                let _in_flight = server.start_receive();
                next_turn().await;
                panic!("on purpose");
            });
            local.spawn(async {
                let _trap = PanicsWhenDropped;
            });
            local.spawn(async {
                // Dropped by the worker, not by itself.
                let _trap = PanicsWhenDropped;
                panic!("on purpose, once");
            });
            let (heard, _) = hear(&client).await;
            assert!(heard.is_empty(), "its connection is closed");
            // Others go on.
            let store = store();
            assert!(bystander.send(chunk(&store, b"!")).await.is_ok());
            assert_eq!(mate.receive().await.expect("no error").expect("no end")[..], *b"!");
        };
        common::block_on(&worker, HANG, test);
        assert_eq!(local.counters().panics, 3);
        local.stop_within(Duration::ZERO);
        assert_eq!(worker.run(), Leftovers::default());
    });
}

/// Something that another thread makes ready, as any library of futures would have it.
async fn from_thread(ready: Receiver<u32>, ask: std::sync::mpsc::Sender<Waker>) -> u32 {
    poll_fn(|context| match ready.try_recv() {
        Ok(value) => Poll::Ready(value),
        Err(_) => {
            let _ = ask.send(context.waker().clone());
            Poll::Pending
        }
    })
    .await
}

#[test]
fn a_foreign_future_is_woken_from_another_thread() {
    each_ring(|kind| {
        let worker = worker(kind);
        let local = worker.local().clone();
        for number in 0..100 {
            let ((tell, ready), (ask, asked)) = (channel(), channel::<Waker>());
            let other = thread::spawn(move || {
                let waker = asked.recv().expect("the task waits");
                tell.send(number).expect("the task waits");
                waker.wake();
            });
            let value =
                common::block_on(&worker, HANG, async move |_| from_thread(ready, ask).await);
            assert_eq!(value, number);
            other.join().expect("no panic");
        }
        assert!(local.counters().foreign_wakes >= 1);
        end(worker);
    });
}

/// The source is a thread of its own, so that there is always more.
#[test]
fn a_task_with_a_fast_source_does_not_starve_the_others() {
    const BYTES: usize = 16 << 20;
    each_ring(|kind| {
        let source = TcpListener::bind("127.0.0.1:0").expect("a source");
        let address = source.local_addr().expect("its address").into();
        let source = thread::spawn(move || {
            let (mut stream, _) = source.accept().expect("a connection");
            while stream.write_all(&[7; 1 << 16]).is_ok() {}
        });
        run(worker(kind), async move |local: Local| {
            let stream = local.connect(&address).await.expect("a connection");
            let (chunks, bytes) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
            let (count, sum) = (chunks.clone(), bytes.clone());
            local.spawn(async move {
                while let Ok(Some(chunk)) = stream.receive().await {
                    count.set(count.get() + 1);
                    sum.set(sum.get() + chunk.len());
                }
            });
            while bytes.get() < BYTES {
                chunks.set(0);
                next_turn().await;
                assert!(chunks.get() <= CREDIT, "{} chunks in one turn", chunks.get());
            }
        });
        source.join().expect("no panic");
    });
}
