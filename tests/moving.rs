//! Connections of clients when the plan changes, turn by turn of the worker.

mod common;

use common::site::Running;
use common::{any_port, each_ring, run, std_address, worker};
use koi::config::succession::Succession;
use koi::exchange::client;
use koi::exchange::tenure::Throne;
use koi::worker::{ListenOptions, Local, Message};
use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

thread_local! {
    /// What the message of a reload does.
    static CHANGE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

fn saying(frontend: &str, word: &str) -> Running {
    let text = format!(
        "defaults\nmode http\nfrontend {frontend}\nbind 127.0.0.1:80\n\
         http-request return status 200 content-type text/plain string {word}\n"
    );
    Running::new(&text, |_, _| unreachable!("it has no server"))
}

/// The next answer; empty if the connection ends without one.
async fn answer(local: &Local, mut client: &TcpStream) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 1024]);
    while !text.ends_with("one") && !text.ends_with("two") {
        match client.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => text += std::str::from_utf8(&buffer[..read]).expect("text"),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                local.sleep(Duration::from_millis(1)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    text
}

/// A client that got an answer under a first plan, and asks again just as a second one holds.
fn while_the_plan_changes(second: &'static str, asks: bool, case: fn(String)) {
    each_ring(|kind| {
        let worker = worker(kind);
        let mailbox = worker.address();
        run(worker, async move |local: Local| {
            let listener = local.listen(&any_port(), &ListenOptions::default());
            let mut listener = listener.expect("a listener");
            let here = std_address(&listener.local_address().expect("an address"));
            let throne = Rc::<Throne>::default();
            let (before, mut behind) = (saying("web", "one"), saying(second, "two"));
            let heirs = Arc::new(Succession::new(&before.plan, &behind.plan));
            behind.live = Arc::new(before.live.succeed(&before.plan, &behind.plan, &heirs).0);
            let old = before.site_of_plan(&local, 1, &throne);
            old.begin_tenure();
            let client = Rc::new(TcpStream::connect(here).expect("a connection"));
            client.set_nonblocking(true).expect("an option");
            let accepted = listener.accept().await.expect("a connection");
            assert!(old.live.begin_connection(0, 0), "a first connection");
            local.spawn(client::serve(old.clone(), 0, 0, accepted, None));
            (&*client).write_all(GET).expect("sent");
            assert!(answer(&local, &client).await.ends_with("one"));
            let new = behind.site_of_plan(&local, 2, &throne);
            let (last, next, of_change) = (old, new.clone(), client.clone());
            CHANGE.set(Some(Box::new(move || {
                next.succeed(&last, heirs);
                if asks {
                    // It has arrived, and the worker has not heard of it yet.
                    (&*of_change).write_all(GET).expect("sent");
                }
            })));
            let change = Message::Run(Box::new(|local| {
                CHANGE.take().expect("a change")();
                local.wake_all();
            }));
            assert!(mailbox.send(change).is_ok());
            case(answer(&local, &client).await);
            drop((client, new));
            // The connection is over, and its plan with it.
            while Arc::strong_count(&before.live) > 1 || Arc::strong_count(&behind.live) > 1 {
                local.sleep(Duration::from_millis(1)).await;
            }
        });
    });
}

#[test]
fn a_request_that_has_arrived_is_answered_although_its_frontend_has_gone() {
    while_the_plan_changes("other", true, |answer| {
        assert!(answer.ends_with("one"), "the plan it came by: {answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    });
}

#[test]
fn an_idle_connection_ends_with_its_frontend() {
    while_the_plan_changes("other", false, |answer| assert_eq!(answer, ""));
}

#[test]
fn a_request_that_has_arrived_goes_on_under_the_new_plan() {
    while_the_plan_changes("web", true, |answer| {
        assert!(answer.ends_with("two") && !answer.to_lowercase().contains("connection: close"));
    });
}
