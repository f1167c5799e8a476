//! One end of a connection: bytes in, bytes out, what came and was not used yet.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::ops::{Deref, DerefMut};
use std::os::fd::AsFd;
use std::time::Duration;

use rustls::{ConnectionCommon, SideData, StreamOwned};

use super::PATIENCE;

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer said so.
    Finished,
    /// The connection broke.
    Broken,
    /// The peer kept quiet for too long.
    Silent,
}

/// A transport: TCP or TLS above it.
pub trait Duplex: Read + Write + Send {
    /// Tells the peer that nothing more comes.
    fn finish(&mut self);
    /// The socket below.
    fn socket(&self) -> &TcpStream;
}

impl Duplex for TcpStream {
    fn finish(&mut self) {
        let _ = self.shutdown(Shutdown::Write); // a peer that is gone needs not to be told
    }

    fn socket(&self) -> &TcpStream {
        self
    }
}

impl<C, D> Duplex for StreamOwned<C, TcpStream>
where
    C: DerefMut + Deref<Target = ConnectionCommon<D>> + Send,
    D: SideData,
{
    fn finish(&mut self) {
        self.conn.send_close_notify();
        let _ = self.flush(); // as above
        self.sock.finish();
    }

    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}

/// A connection and the bytes that wait to be looked at.
pub struct Wire {
    transport: Box<dyn Duplex>,
    /// What came and was not taken yet.
    pub waiting: Vec<u8>,
    /// Everything that ever came.
    pub heard: Vec<u8>,
}

impl Wire {
    /// A connection to this address in the clear.
    ///
    /// # Errors
    /// As `connect` says.
    pub fn connect(address: SocketAddr) -> io::Result<Wire> {
        let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        Wire::new(socket)
    }

    /// One that exists.
    ///
    /// # Errors
    /// If the socket takes no options.
    pub fn new(transport: impl Duplex + 'static) -> io::Result<Wire> {
        let socket = transport.socket();
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let transport = Box::new(transport);
        Ok(Wire { transport, waiting: Vec::new(), heard: Vec::new() })
    }

    /// How long the peer may keep quiet.
    pub fn be_patient_for(&self, patience: Duration) {
        self.transport.socket().set_read_timeout(Some(patience)).expect("a read timeout");
    }

    /// Sends all of it.
    ///
    /// # Errors
    /// As the socket says.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.transport.write_all(bytes)?;
        self.transport.flush()
    }

    /// Waits for more.
    ///
    /// # Errors
    /// Why no more comes.
    pub fn fill(&mut self) -> Result<(), End> {
        let mut buffer = [0; 16 * 1024];
        let count = match self.transport.read(&mut buffer) {
            Ok(0) => return Err(End::Finished),
            Ok(count) => count,
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => return Ok(()),
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return Err(End::Silent),
                ErrorKind::UnexpectedEof => return Err(End::Finished),
                _ => return Err(End::Broken),
            },
        };
        self.waiting.extend_from_slice(&buffer[..count]);
        self.heard.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    /// Takes the bytes up to the end of this mark, as soon as it has come.
    ///
    /// # Errors
    /// Why it did not come; what came instead waits.
    pub fn take_through(&mut self, mark: &[u8]) -> Result<Vec<u8>, End> {
        let mut seen = 0;
        loop {
            let found = self.waiting[seen..].windows(mark.len()).position(|window| window == mark);
            if let Some(at) = found {
                return Ok(self.waiting.drain(..seen + at + mark.len()).collect());
            }
            seen = (self.waiting.len() + 1).saturating_sub(mark.len());
            self.fill()?;
        }
    }

    /// Takes so many bytes.
    ///
    /// # Errors
    /// Why they did not all come; those that did wait.
    pub fn take(&mut self, count: usize) -> Result<Vec<u8>, End> {
        while self.waiting.len() < count {
            self.fill()?;
        }
        Ok(self.waiting.drain(..count).collect())
    }

    /// Takes everything up to the end.
    pub fn take_rest(&mut self) -> (Vec<u8>, End) {
        loop {
            if let Err(end) = self.fill() {
                return (std::mem::take(&mut self.waiting), end);
            }
        }
    }

    /// Tells the peer that nothing more comes.
    pub fn finish(&mut self) {
        self.transport.finish();
    }

    /// Closes with a reset.
    pub fn reset(self) {
        koi_sys::net::set_linger_zero(self.transport.socket().as_fd()).expect("a linger time");
    }

    /// A second handle on the socket.
    pub fn socket(&self) -> TcpStream {
        self.transport.socket().try_clone().expect("a second handle")
    }
}
