//! Lines as datagrams, by UDP or to a Unix socket.
//!
//! The socket is connected and shared by the workers; nothing here waits. A receiver that is not there
//! costs its lines; a Unix socket is looked for again once a second.

use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use koi_sys::clock::Time;
use koi_sys::net::{
    self, Attempt, ConnectError, DATAGRAMS_MAX, Family, RawAddress, SendError, SocketAddress,
};

use super::batch::Batch;

/// Where datagrams go.
pub struct Datagrams {
    fd: OwnedFd,
    to: RawAddress,
    is_unix: bool,
    connected: AtomicBool,
    /// When the receiver was last looked for, in seconds of the monotonic clock and one more.
    tried_s: AtomicU64,
}

/// How sending went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Lines that nobody will see.
    pub lost: u64,
    /// Whether the receiver is full: the rest stays for another time.
    pub full: bool,
}

impl Datagrams {
    /// A socket for this receiver, which need not be there yet.
    ///
    /// # Errors
    /// Why there is no socket, in words.
    pub fn open(to: &SocketAddress) -> Result<Datagrams, String> {
        let raw = to.to_raw().ok_or("the path is too long")?;
        let fd = net::datagram_socket(to.family()).map_err(|error| error.to_string())?;
        let made = Datagrams {
            fd,
            to: raw,
            is_unix: to.family() == Family::Unix,
            connected: AtomicBool::new(false),
            tried_s: AtomicU64::new(0),
        };
        match made.connect() {
            Ok(()) => {}
            // It may come later.
            Err(_) if made.is_unix => {}
            Err(ConnectError::NetworkUnreachable | ConnectError::HostUnreachable) => {}
            Err(error) => return Err(error.to_string()),
        }
        Ok(made)
    }

    fn connect(&self) -> Result<(), ConnectError> {
        net::connect(self.fd.as_fd(), &self.to)?;
        self.connected.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether it is connected, if need be after another try; one a second.
    fn is_ready(&self) -> bool {
        if self.connected.load(Ordering::Relaxed) {
            return true;
        }
        let now = Time::monotonic().as_millis() / 1000 + 1;
        self.tried_s.fetch_max(now, Ordering::Relaxed) < now && self.connect().is_ok()
    }

    /// Sends what waits, as far as there is room.
    pub fn send(&self, batch: &mut Batch) -> Sent {
        let mut sent = Sent::default();
        // An error that an earlier datagram brought back is told to the next one: that one is tried
        // again, once.
        let mut again = true;
        while !batch.is_empty() {
            if !self.is_ready() {
                sent.lost += lines(batch.clear());
                break;
            }
            let mut slices = [IoSlice::new(b""); DATAGRAMS_MAX];
            let count = batch.slices(&mut slices);
            let result = net::send_many(self.fd.as_fd(), slices.get(..count).unwrap_or_default());
            match result {
                // Never, with something to send; but it must not turn here for ever.
                Ok(0) => sent.lost += lines(batch.clear()),
                Ok(count) => {
                    batch.advance(count);
                    again = true;
                }
                Err(Attempt::WouldBlock | Attempt::Failed(SendError::Memory)) => {
                    sent.full = true;
                    break;
                }
                Err(Attempt::Failed(SendError::MessageTooLong)) => {
                    batch.advance(1);
                    sent.lost += 1;
                }
                Err(Attempt::Failed(_)) if self.is_unix => {
                    self.connected.store(false, Ordering::Relaxed);
                    if !std::mem::take(&mut again) {
                        sent.lost += lines(batch.clear());
                    }
                }
                Err(Attempt::Failed(_)) if std::mem::take(&mut again) => {}
                Err(Attempt::Failed(_)) => {
                    batch.advance(1);
                    sent.lost += 1;
                    again = true;
                }
            }
        }
        sent
    }
}

fn lines(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl std::fmt::Debug for Datagrams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match SocketAddress::from_raw(&self.to) {
            Some(to) => write!(f, "Datagrams({to})"),
            None => f.write_str("Datagrams"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    fn batch(lines: &[&str]) -> Batch {
        let mut batch = Batch::default();
        for line in lines {
            assert!(batch.push(|out| out.extend_from_slice(line.as_bytes())));
        }
        batch
    }

    fn folder(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("koi-log-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("a folder");
        path
    }

    #[test]
    fn more_lines_than_one_call_takes_arrive_by_udp() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        receiver.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        let to = receiver.local_addr().expect("an address");
        let sender = Datagrams::open(&to.into()).expect("a socket");
        let texts: Vec<String> = (0..150).map(|number| format!("line {number}\n")).collect();
        let mut batch = batch(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(sender.send(&mut batch), Sent::default());
        let mut buffer = [0; 100];
        for text in &texts {
            let count = receiver.recv(&mut buffer).expect("a line");
            assert_eq!(&buffer[..count], text.as_bytes());
        }
    }

    #[test]
    fn a_udp_receiver_that_is_gone_stalls_nothing() {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let to = receiver.local_addr().expect("an address");
        drop(receiver);
        let sender = Datagrams::open(&to.into()).expect("a socket");
        for _ in 0..5 {
            let mut batch = batch(&["a\n", "b\n", "c\n"]);
            assert!(!sender.send(&mut batch).full);
            assert!(batch.is_empty());
        }
    }

    #[test]
    fn a_unix_receiver_is_found_again() {
        let folder = folder("unix");
        let path = folder.join("log");
        let to = SocketAddress::Unix(path.clone());
        let sender = Datagrams::open(&to).expect("a socket");
        // A receiver that is not there costs the line.
        assert_eq!(sender.send(&mut batch(&["a\n"])), Sent { lost: 1, full: false });
        let mut buffer = [0; 100];
        for round in 0..2 {
            let receiver = UnixDatagram::bind(&path).expect("a receiver");
            // A second later, whatever the clock says.
            sender.tried_s.store(0, Ordering::Relaxed);
            let sent = sender.send(&mut batch(&["b\n"]));
            assert_eq!(sent, Sent::default(), "round {round}");
            let count = receiver.recv(&mut buffer).expect("a line");
            assert_eq!(&buffer[..count], b"b\n");
            drop(receiver);
            std::fs::remove_file(&path).expect("it is there");
            let lost = sender.send(&mut batch(&["c\n", "d\n"]));
            assert_eq!(lost, Sent { lost: 2, full: false });
        }
        std::fs::remove_dir_all(&folder).expect("it is there");
    }

    #[test]
    fn a_unix_receiver_that_does_not_read_is_full() {
        let folder = folder("full");
        let path = folder.join("log");
        let receiver = UnixDatagram::bind(&path).expect("a receiver");
        let sender = Datagrams::open(&SocketAddress::Unix(path)).expect("a socket");
        let mut all = Batch::default();
        while all.push(|out| out.extend_from_slice(&[b'x'; 1000])) {}
        let count = all.len();
        let mut full = false;
        // The queue of a receiver is finite on every system, but not known.
        for _ in 0..100 {
            full = sender.send(&mut all).full;
            if full {
                break;
            }
            while all.push(|out| out.extend_from_slice(&[b'x'; 1000])) {}
        }
        assert!(full && !all.is_empty() && all.len() <= count);
        let mut buffer = [0; 1000];
        assert_eq!(receiver.recv(&mut buffer).expect("a line"), 1000);
        std::fs::remove_dir_all(&folder).expect("it is there");
    }
}
