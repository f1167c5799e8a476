//! `timeout client` and `timeout server` while a body is passed on, on a virtual clock: they are about
//! silence, not about how long something takes.

mod common;

use common::peer::{chunk, store};
use common::site::Running;
use common::{any_port, run, simulated};
use koi::exchange::client;
use koi::worker::future::join;
use koi::worker::{Class, How, ListenOptions, Local, Stream};
use koi_sys::ring::sim::{Faults, Network};
use std::pin::pin;
use std::time::Duration;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

const SECOND: Duration = Duration::from_secs(1);

/// More than what lies in buffers on the way.
const BODY: usize = 4 * Class::Bulk.bytes();

/// A client that sent this and a server, with Koi between them and a limit of three seconds for each.
fn between(head: String, case: impl AsyncFnOnce(Local, Stream, Stream) + 'static) {
    run(simulated(&Network::new(1, Faults::default())), async move |local: Local| {
        let listen = || local.listen(&any_port(), &ListenOptions::default()).expect("a listener");
        let (mut front, mut back) = (listen(), listen());
        let here = front.local_address().expect("an address");
        let there = back.local_address().expect("an address");
        let text =
            "listen l\nmode http\ntimeout client 3s\ntimeout server 3s\nserver s 127.0.0.1:1\n";
        let site = Running::new(text, |_, _| there.clone()).site(&local, 0);
        let (client, accepted) = join(pin!(local.connect(&here)), pin!(front.accept())).await;
        let (client, accepted) = (client.expect("a connection"), accepted.expect("a connection"));
        assert!(site.live.begin_connection(0, 0), "a first connection");
        local.spawn(client::serve(site, 0, 0, accepted, None));
        client.send(chunk(&store(), head.as_bytes())).await.expect("sent");
        let server = back.accept().await.expect("a connection");
        case(local.clone(), client, server).await;
    });
}

async fn give(to: &Stream) {
    for _ in 0..BODY / Class::Bulk.bytes() {
        to.send(chunk(&store(), &vec![b'x'; Class::Bulk.bytes()])).await.expect("sent");
    }
}

/// Receives the body, a little every two seconds.
async fn sip(local: &Local, from: &Stream) -> usize {
    let mut taken = 0;
    while taken < BODY {
        let Ok(Some(bytes)) = from.receive().await else { break };
        taken += bytes.iter().filter(|byte| **byte == b'x').count();
        local.sleep(SECOND * 2).await;
    }
    taken
}

#[test]
fn a_server_that_takes_little_at_a_time_gets_the_request() {
    let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {BODY}\r\n\r\n");
    between(head, async |local, client, server| {
        let ((), taken) = join(pin!(give(&client)), pin!(sip(&local, &server))).await;
        assert_eq!(taken, BODY);
    });
}

#[test]
fn a_client_that_takes_little_at_a_time_gets_the_response() {
    between(GET.to_owned(), async |local, client, server| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n");
        let answer = async {
            server.send(chunk(&store(), head.as_bytes())).await.expect("sent");
            give(&server).await;
        };
        let ((), taken) = join(pin!(answer), pin!(sip(&local, &client))).await;
        assert_eq!(taken, BODY);
    });
}

#[test]
fn who_takes_nothing_is_left() {
    between(GET.to_owned(), async |local, client, server| {
        let began = local.now();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1 << 30);
        server.send(chunk(&store(), head.as_bytes())).await.expect("sent");
        let bulk = vec![b'x'; Class::Bulk.bytes()];
        while server.send(chunk(&store(), &bulk)).await.is_ok() {}
        let after = local.now().since(began);
        assert!((SECOND * 3..SECOND * 4).contains(&after), "{after:?}");
        drop(client.shutdown(How::Write));
    });
}
