//! A relay on a worker's thread, with peers of the standard library on both sides of it.

use super::{HANG, any_port, std_address};
use koi::exchange::tunnel::{Direction, tunnel};
use koi::worker::mailbox::Address;
use koi::worker::{
    Choice, Group, GroupConfig, Kind, Leftovers, ListenOptions, Local, Message, PipeConfig,
    PoolConfig, SocketAddress, Stream,
};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// What a tunnel says at its end.
pub type Ends = (Direction, Direction);

/// The relay, and the server behind it.
pub struct Relay {
    pub address: std::net::SocketAddr,
    pub server: TcpListener,
    group: Group,
    ends: Receiver<Ends>,
}

impl Relay {
    /// Starts one on a ring of this kind.
    pub fn start(kind: Kind, splice: bool) -> Relay {
        let server = TcpListener::bind("127.0.0.1:0").expect("a server");
        let to = SocketAddress::from(server.local_addr().expect("its address"));
        let (said, heard) = channel();
        let (told, ends) = channel();
        let group = start_group(kind, move |local| {
            let listener = local.listen(&any_port(), &ListenOptions::default())?;
            let _ = said.send(listener.local_address());
            let context = Rc::new((to.clone(), told.clone()));
            local.spawn(listener.serve(move |local, client| {
                let context = context.clone();
                async move { forward(&local, client, &context.0, splice, &context.1).await }
            }));
            Ok(())
        });
        let address = heard.recv().expect("it listens").expect("it has an address");
        Relay { address: std_address(&address), server, group, ends }
    }

    /// A connection through it: the client's end and the server's.
    pub fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.address).expect("a connection");
        let (server, _) = self.server.accept().expect("a connection");
        for stream in [&client, &server] {
            stream.set_read_timeout(Some(HANG)).expect("a timeout");
            stream.set_write_timeout(Some(HANG)).expect("a timeout");
        }
        (client, server)
    }

    /// How the next tunnel ended.
    pub fn ends(&self) -> Ends {
        self.ends.recv_timeout(HANG).expect("a tunnel ends")
    }

    /// Asks something on the worker's thread.
    pub fn ask<T: Send + 'static>(&self, question: impl FnOnce(&Local) -> T + Send + 'static) -> T {
        ask(&self.group.addresses()[0], question)
    }

    /// Stops it. All connections have ended, so nothing may be left.
    pub fn end(self) {
        let left = self.ask(Local::leftovers);
        assert_eq!(left.blocks, 0, "an idle relay holds buffers");
        let panics = self.ask(|local| local.counters().panics);
        let ring = self.ask(Local::ring_counters);
        assert_eq!((panics, ring.unexpected), (0, 0), "{ring:?}");
        self.group.stop(Duration::ZERO);
        assert_eq!(self.group.join(), [Some(Leftovers::default())]);
    }
}

/// One worker on a thread of its own.
pub fn start_group(
    kind: Kind,
    start: impl Fn(&Local) -> Result<(), koi_sys::net::BindError> + Send + Sync + 'static,
) -> Group {
    let config = GroupConfig {
        workers: 1,
        cores: Vec::new(),
        ring: Choice::Forced(kind),
        pool: PoolConfig::default(),
        pipes: PipeConfig::default(),
        name: "worker",
    };
    let start = move |_, local: &Local| start(local).map_err(|error| error.to_string());
    Group::start(&config, start).expect("a worker")
}

/// Asks something on a worker's thread.
pub fn ask<T: Send + 'static>(
    worker: &Address<Message>,
    question: impl FnOnce(&Local) -> T + Send + 'static,
) -> T {
    let (said, heard) = channel();
    let message = Message::Run(Box::new(move |local| {
        let _ = said.send(question(local));
    }));
    assert!(worker.send(message).is_ok(), "the mailbox is full");
    heard.recv_timeout(HANG).expect("an answer")
}

async fn forward(
    local: &Local,
    client: Stream,
    server: &SocketAddress,
    splice: bool,
    told: &Sender<Ends>,
) {
    let server = local.connect(server).await.expect("the server listens");
    let ends = tunnel(&client, &server, splice).await;
    drop((client, server));
    let _ = told.send(ends);
}
