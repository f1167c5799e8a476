//! What began under an earlier plan is seen, counted and ended like everything else.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;

use koi_sys::guard::Signal;

use crate::client::ask;
use crate::folder::Folder;
use crate::koi::*;
use crate::origin::{Origin, answer, defaults, request};
use crate::tell::{done, signal};

/// `more` behind a backend `app` whose server is at `at`; before it are the sections of `before`.
fn text(port: u16, at: std::net::SocketAddr, before: &str, server: &str) -> String {
    defaults(&format!(
        "{before}frontend web\n    bind 127.0.0.1:{port}\n    default_backend app\n\
         backend app\n    server a {at} {server}\n"
    ))
    .replace("nbthread 2", "nbthread 2\n    stats socket unix@k.sock mode 600 level admin")
}

struct Stage {
    folder: Folder,
    port: u16,
    origin: TcpListener,
    koi: Koi,
}

impl Stage {
    fn new(server: &str) -> Stage {
        let (folder, port) = (Folder::new(), free_port());
        let origin = TcpListener::bind("127.0.0.1:0").expect("an origin");
        let at = origin.local_addr().expect("its address");
        folder.file("a.cfg", text(port, at, "", server));
        let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
        Stage { folder, port, origin, koi }
    }

    fn ask(&self, line: &str) -> String {
        ask(&self.folder.path().join("k.sock"), line)
    }

    fn reload(&self, before: &str, server: &str) {
        let at = self.origin.local_addr().expect("its address");
        done(&self.koi, &self.folder, &text(self.port, at, before, server));
    }

    /// A client whose request is at the server, and the server's end.
    fn busy(&self) -> (Client, std::net::TcpStream) {
        let mut client = Client::connect(self.port);
        client.ask("/");
        let server = request(&self.origin);
        (client, server)
    }
}

/// Proxies that take the numbers of those that were there before.
fn others(at: std::net::SocketAddr) -> String {
    format!(
        "backend one\n    server x {at}\nbackend two\n    server x {at}\n\
         backend three\n    server x {at}\n"
    )
}

/// Its request is ended from here, before any time is over.
fn is_ended(client: &mut Client) -> bool {
    client.answer().is_none_or(|it| ["502", "503"].contains(&it.split(' ').nth(1).unwrap_or("")))
}

#[test]
fn sessions_are_shown_once_and_by_their_own_names() {
    let stage = Stage::new("");
    let (mut client, mut server) = stage.busy();
    let other = Origin::start("other");
    stage.reload(&others(other.at), "weight 7");
    let all = stage.ask("show sess");
    let lines: Vec<&str> = all.lines().filter(|it| it.contains("step=server")).collect();
    assert!(lines.len() == 1 && lines[0].contains(" fe=web be=app srv=a "), "{all}");
    let number = lines[0].split(':').next().expect("a number");
    assert_eq!(stage.ask(&format!("show sess {number}")).lines().count(), 1, "{all}");
    answer(&mut server, "late");
    assert!(client.answer().expect("an answer").ends_with("late"));
}

#[test]
fn sessions_of_a_server_end_whatever_the_plan_they_began_under() {
    let stage = Stage::new("");
    let (mut first, _one) = stage.busy();
    let other = Origin::start("other");
    stage.reload(&others(other.at), "weight 7");
    let (mut second, _two) = stage.busy();
    stage.reload("", "weight 8");
    let (mut third, mut three) = stage.busy();
    // `one` has the number that `app` had.
    stage.reload(&others(other.at), "weight 9");
    assert_eq!(stage.ask("shutdown sessions server one/x"), "");
    assert_eq!(stage.ask("show sess").matches("srv=a ").count(), 3);
    answer(&mut three, "late");
    assert!(third.answer().expect("an answer").ends_with("late"));
    assert_eq!(stage.ask("shutdown sessions server app/a"), "");
    assert!(is_ended(&mut first) && is_ended(&mut second));
    until("earlier plans are gone", || {
        !signal(&stage.koi, Signal::User2).contains("earlier plans")
    });
}

/// Where checks go: they pass until it is dropped.
struct Checked {
    at: std::net::SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checked {
    fn start() -> Checked {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let (at, ends) =
            (listener.local_addr().expect("its address"), Arc::<AtomicBool>::default());
        let over = ends.clone();
        let accept = move || while listener.accept().is_ok() && !over.load(SeqCst) {};
        Checked { at, ends, thread: Some(std::thread::spawn(accept)) }
    }
}

impl Drop for Checked {
    fn drop(&mut self) {
        self.ends.store(true, SeqCst);
        let _ = std::net::TcpStream::connect(self.at);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn a_server_that_goes_down_ends_its_sessions_of_earlier_plans() {
    let checked = Checked::start();
    let server = format!(
        "check port {} inter 100ms fall 1 on-marked-down shutdown-sessions",
        checked.at.port()
    );
    let stage = Stage::new(&server);
    let (mut first, _one) = stage.busy();
    let other = Origin::start("other");
    stage.reload(&others(other.at), &format!("{server} weight 7"));
    drop(checked);
    assert!(is_ended(&mut first));
}
