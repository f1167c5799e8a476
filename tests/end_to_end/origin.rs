//! Origin servers that follow a script and remember what reached them.
//!
//! In: names, then for each test the replies to give, in the order in which requests come, wherever
//! they come. Out: the requests, with the connection each came on. What comes beyond the script gets
//! a plain 200 with the origin's name in it.

use std::collections::VecDeque;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use koi_sys::net::{ListenOptions, SocketAddress};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::message::{Framing, Message, read_head};
use super::wire::{End, Wire};
use super::{PATIENCE, loopback};

/// One thing that an origin does about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reads the request's body.
    Body,
    /// Sends bytes.
    Send(Vec<u8>),
    /// Does nothing for so long.
    Pause(Duration),
    /// Closes the connection.
    Close,
    /// Closes it with a reset.
    Reset,
    /// Reads on until the peer closes, and answers nothing.
    Hold,
    /// Sends back whatever comes until the peer finishes, then finishes, too.
    Echo,
}

/// What an origin does about one request, once its head is there.
pub type Reply = Vec<Step>;

/// Reads the body, then sends these bytes.
pub fn reply(bytes: impl AsRef<[u8]>) -> Reply {
    vec![Step::Body, Step::Send(bytes.as_ref().to_vec())]
}

/// A 200 with this body.
pub fn ok(body: &str) -> Reply {
    reply(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

/// A request that reached an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The origin's name.
    pub origin: String,
    /// The connection's number among those that carried anything since the script began.
    pub connection: usize,
    /// The request; if its head never ended, what came is the body of a message without a start.
    pub request: Message,
    /// What was echoed.
    pub echoed: Vec<u8>,
}

/// All that an origin's connection received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How it ended; `None` if it has not.
    pub end: Option<End>,
}

/// What was done with the requests since [`Origins::begin`].
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// In the order in which their heads were there.
    pub requests: Vec<Taken>,
    /// By the connection's number.
    pub heard: Vec<Heard>,
    /// Connections that the proxy did not close although the origin did.
    pub clinging: usize,
}

#[derive(Default)]
struct State {
    /// How many scripts began.
    script: usize,
    replies: VecDeque<Reply>,
    record: Record,
    /// Connections that are open, with a handle to end them.
    open: Vec<(usize, TcpStream)>,
    next: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    stop: AtomicBool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Name, address, and TLS if it is to be spoken.
pub type Place<'a> = (&'a str, SocketAddr, Option<Arc<ServerConfig>>);

/// Origins on ports of the loopback address; gone when dropped.
pub struct Origins {
    shared: Arc<Shared>,
    places: Vec<(String, SocketAddr)>,
    accepting: Vec<JoinHandle<()>>,
}

impl Origins {
    /// One of each name, at ports that the system chooses.
    pub fn start(names: &[&str]) -> Origins {
        let places: Vec<_> = names.iter().map(|&name| (name, loopback(0), None)).collect();
        Origins::start_at(&places)
    }

    /// At these addresses, some with TLS. They may share a port with a listener at all addresses.
    pub fn start_at(places: &[Place<'_>]) -> Origins {
        let mut origins =
            Origins { shared: Arc::default(), places: Vec::new(), accepting: Vec::new() };
        for (name, address, tls) in places {
            let listener = listen(*address);
            let address = listener.local_addr().expect("its address");
            origins.places.push(((*name).to_owned(), address));
            let (shared, name) = (origins.shared.clone(), (*name).to_owned());
            let accepting = Accepting { shared, name, tls: tls.clone() };
            origins.accepting.push(thread::spawn(move || accepting.run(&listener)));
        }
        origins
    }

    /// Where the one of this name is.
    pub fn port(&self, name: &str) -> u16 {
        let place = self.places.iter().find(|place| place.0 == name);
        place.unwrap_or_else(|| panic!("no origin `{name}`")).1.port()
    }

    /// Forgets what was, and gives these replies next.
    pub fn begin(&self, replies: Vec<Reply>) {
        let mut state = self.shared.state();
        state.script += 1;
        state.replies = replies.into();
        state.record = Record::default();
    }

    /// What came so far.
    pub fn so_far(&self) -> Record {
        self.shared.state().record.clone()
    }

    /// Waits until something is so.
    pub fn wait_for(&self, what: &str, is_so: impl Fn(&Record) -> bool) -> Record {
        let mut state = self.shared.state();
        let start = Instant::now();
        while !is_so(&state.record) {
            assert!(start.elapsed() < PATIENCE, "never: {what}: {:?}", state.record);
            let waited = self.shared.changed.wait_timeout(state, Duration::from_millis(100));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.record.clone()
    }

    /// Ends all connections in an orderly way and says what was.
    pub fn end(&self) -> Record {
        let mut state = self.shared.state();
        for (_, socket) in &state.open {
            let _ = socket.shutdown(Shutdown::Write); // it may be gone
        }
        let start = Instant::now();
        while !state.open.is_empty() && start.elapsed() < PATIENCE {
            let waited = self.shared.changed.wait_timeout(state, Duration::from_millis(100));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.record.clinging = state.open.len();
        for (_, socket) in &state.open {
            let _ = socket.shutdown(Shutdown::Both);
        }
        while !state.open.is_empty() {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::take(&mut state.record)
    }
}

impl Drop for Origins {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for (_, address) in &self.places {
            drop(TcpStream::connect(address)); // wakes its thread
        }
        for (_, socket) in &self.shared.state().open {
            let _ = socket.shutdown(Shutdown::Both);
        }
        for accepting in self.accepting.drain(..) {
            let _ = accepting.join(); // its panic has been printed
        }
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let options = ListenOptions { reuse_port: true, ..ListenOptions::default() };
    let listener = koi_sys::net::listen(&SocketAddress::from(address), &options);
    let listener = TcpListener::from(listener.unwrap_or_else(|why| panic!("{address}: {why}")));
    listener.set_nonblocking(false).expect("a listener that waits");
    listener
}

/// What accepts for one origin.
struct Accepting {
    shared: Arc<Shared>,
    name: String,
    tls: Option<Arc<ServerConfig>>,
}

impl Accepting {
    fn run(&self, listener: &TcpListener) {
        for socket in listener.incoming() {
            if self.shared.stop.load(Ordering::SeqCst) {
                return;
            }
            if let Some(wire) = socket.ok().and_then(|socket| self.wire(socket)) {
                self.serve(wire);
            }
        }
    }

    fn wire(&self, socket: TcpStream) -> Option<Wire> {
        match &self.tls {
            None => Wire::new(socket).ok(),
            Some(config) => {
                let connection = ServerConnection::new(config.clone()).ok()?;
                Wire::new(StreamOwned::new(connection, socket)).ok()
            }
        }
    }

    fn serve(&self, mut wire: Wire) {
        // Connections are ended by the test; this only bounds what a broken test leaves behind.
        wire.be_patient_for(PATIENCE * 3);
        let key = {
            let mut state = self.shared.state();
            state.next += 1;
            let key = state.next;
            state.open.push((key, wire.socket()));
            key
        };
        let (shared, origin) = (self.shared.clone(), self.name.clone());
        thread::spawn(move || {
            let _leave = Leave { shared: shared.clone(), key };
            Connection { shared, origin, number: None }.serve(&mut wire);
            drop(wire);
        });
    }
}

/// Takes a connection off the list, however its thread ends.
struct Leave {
    shared: Arc<Shared>,
    key: usize,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.shared.state().open.retain(|open| open.0 != self.key);
        self.shared.changed.notify_all();
    }
}

struct Connection {
    shared: Arc<Shared>,
    origin: String,
    /// Of which script, and in it.
    number: Option<(usize, usize)>,
}

impl Connection {
    fn serve(&mut self, wire: &mut Wire) {
        let end = loop {
            match read_head(wire) {
                Ok(head) => {
                    if let Err(end) = self.exchange(wire, Message::from_head(&head)) {
                        break end;
                    }
                }
                Err(end) => {
                    if !wire.waiting.is_empty() {
                        let body = std::mem::take(&mut wire.waiting);
                        self.record(Message { body, cut: Some(end), ..Message::default() });
                    }
                    break end;
                }
            }
        };
        self.hear(wire, Some(end));
    }

    /// One request and its reply.
    fn exchange(&mut self, wire: &mut Wire, mut request: Message) -> Result<(), End> {
        let framing = request.request_framing();
        let index = self.record(request.clone());
        self.hear(wire, None);
        let reply = self.shared.state().replies.pop_front();
        let reply = reply.unwrap_or_else(|| self.plain_reply(request.method() == "HEAD"));
        let mut is_read = framing == Framing::None;
        for step in reply {
            match step {
                Step::Body if !is_read => {
                    request.read_body(wire, framing);
                    is_read = true;
                    self.update(index, |taken| taken.request = request.clone());
                    self.hear(wire, None);
                    if let Some(cut) = request.cut {
                        return Err(cut);
                    }
                }
                Step::Body => {}
                Step::Send(bytes) => wire.send(&bytes).map_err(|_| End::Broken)?,
                Step::Pause(time) => thread::sleep(time),
                Step::Close => return Err(End::Finished),
                Step::Reset => {
                    use std::os::fd::AsFd;
                    let socket = wire.socket();
                    koi_sys::net::set_linger_zero(socket.as_fd()).expect("a linger time");
                    return Err(End::Broken);
                }
                Step::Hold => {
                    return Err(self.hold(wire, index, is_read.then_some(framing), request));
                }
                Step::Echo => return Err(self.echo(wire, index)),
            }
        }
        if !is_read {
            request.read_body(wire, framing);
            self.update(index, |taken| taken.request = request.clone());
            self.hear(wire, None);
        }
        request.cut.map_or(Ok(()), Err)
    }

    fn hold(
        &self,
        wire: &mut Wire,
        index: usize,
        read: Option<Framing>,
        mut request: Message,
    ) -> End {
        if read.is_none() {
            let framing = request.request_framing();
            request.read_body(wire, framing);
            self.update(index, |taken| taken.request = request.clone());
        }
        let (rest, end) = wire.take_rest();
        self.update(index, |taken| taken.echoed = rest);
        end
    }

    fn echo(&self, wire: &mut Wire, index: usize) -> End {
        loop {
            let bytes = std::mem::take(&mut wire.waiting);
            if !bytes.is_empty() {
                self.update(index, |taken| taken.echoed.extend_from_slice(&bytes));
                if wire.send(&bytes).is_err() {
                    return End::Broken;
                }
            }
            if let Err(end) = wire.fill() {
                wire.finish();
                return end;
            }
        }
    }

    fn plain_reply(&self, bodiless: bool) -> Reply {
        let body = if bodiless { "" } else { "ok\n" };
        let origin = &self.origin;
        reply(format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Origin: {origin}\r\n\r\n{body}"))
    }

    /// Keeps a request; where.
    fn record(&mut self, request: Message) -> usize {
        let shared = self.shared.clone();
        let mut state = shared.state();
        let connection = number(&mut self.number, &mut state);
        let origin = self.origin.clone();
        state.record.requests.push(Taken { origin, connection, request, echoed: Vec::new() });
        let index = state.record.requests.len() - 1;
        self.shared.changed.notify_all();
        index
    }

    fn update(&self, index: usize, change: impl FnOnce(&mut Taken)) {
        let mut state = self.shared.state();
        if let Some(taken) = state.record.requests.get_mut(index) {
            change(taken);
        }
        self.shared.changed.notify_all();
    }

    /// Keeps what was heard so far.
    fn hear(&mut self, wire: &Wire, end: Option<End>) {
        // The end of one that carried nothing of this script is no news.
        let script = self.shared.state().script;
        if self.number.is_none_or(|number| number.0 != script) && end.is_some() {
            return;
        }
        let shared = self.shared.clone();
        let mut state = shared.state();
        let number = number(&mut self.number, &mut state);
        let heard = Heard { bytes: wire.heard.clone(), end };
        if let Some(place) = state.record.heard.get_mut(number) {
            *place = heard;
        }
        self.shared.changed.notify_all();
    }
}

/// A connection's number, given when it first carries something of this script.
fn number(number: &mut Option<(usize, usize)>, state: &mut State) -> usize {
    match *number {
        Some((script, number)) if script == state.script => number,
        _ => {
            state.record.heard.push(Heard { bytes: Vec::new(), end: None });
            let new = state.record.heard.len() - 1;
            *number = Some((state.script, new));
            new
        }
    }
}
