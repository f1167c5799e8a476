//! Bytes from socket to socket without a copy in user space (splice(2), Linux only).
//!
//! In: a socket to read. Between: a pipe. Out: a socket to write. Elsewhere [`Pipe::new`] says
//! [`PipeError::Unsupported`] and no pipe exists.
//!
//! Limits: splice(2) has no `MSG_NOSIGNAL`. Writing to a closed connection raises SIGPIPE unless
//! the process ignores it ([`guard::ignore_broken_pipe`](crate::guard::ignore_broken_pipe)).

/// Whether this system moves bytes between a socket and a pipe.
pub const CAN_SPLICE: bool = cfg!(target_os = "linux");

#[cfg(target_os = "linux")]
pub use linux::Pipe;
#[cfg(not(target_os = "linux"))]
pub use stub::Pipe;

#[cfg(target_os = "linux")]
mod linux {
    use crate::net::transfer::{receive, retry};
    use crate::net::{Attempt, PipeError, ReceiveError, SendError};
    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
    use nix::unistd::{pipe2, write};
    use std::os::fd::{BorrowedFd, OwnedFd};

    /// Bytes received at once where splice stops.
    const PAST_MARK: usize = 4096;

    /// A pipe that carries spliced bytes, and knows how many it holds.
    #[derive(Debug)]
    pub struct Pipe {
        read: OwnedFd,
        write: OwnedFd,
        held: usize,
        capacity: usize,
        /// Bytes that it shall hold at most.
        limit: usize,
    }

    impl Pipe {
        /// Makes a pipe of at least `capacity_bytes` if the kernel allows, else of its own choice
        /// (64 KiB, or a page for a user with very many pipes; pipe(7), `F_SETPIPE_SZ`).
        pub fn new(capacity_bytes: usize) -> Result<Self, PipeError> {
            let sort = |errno: Errno| PipeError::from_errno(errno as i32);
            let (read, write) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).map_err(sort)?;
            let wanted = i32::try_from(capacity_bytes).unwrap_or(i32::MAX);
            let capacity = fcntl(&write, FcntlArg::F_SETPIPE_SZ(wanted))
                .or_else(|_| fcntl(&write, FcntlArg::F_GETPIPE_SZ))
                .map_err(sort)?;
            // A size is never negative.
            let capacity = usize::try_from(capacity).unwrap_or(0);
            Ok(Self { read, write, held: 0, capacity, limit: capacity })
        }

        /// Bytes in the pipe now.
        pub fn held(&self) -> usize {
            self.held
        }

        /// Whether it holds none.
        pub fn is_empty(&self) -> bool {
            self.held == 0
        }

        /// Bytes that the pipe can hold at best. It counts in pages: many small pieces fill it
        /// sooner.
        pub fn capacity(&self) -> usize {
            self.capacity
        }

        /// Holds at most so many bytes from now on, and never more than it can: what lies behind them
        /// stays in the socket.
        pub fn set_limit(&mut self, bytes: usize) {
            self.limit = bytes.min(self.capacity);
        }

        /// Bytes that may still be added.
        pub fn room(&self) -> usize {
            self.limit.saturating_sub(self.held)
        }

        /// Moves up to `max` bytes from the socket into the pipe. 0 is the end of the stream,
        /// unless `max` is 0.
        ///
        /// splice(2) never passes the mark of urgent data (tcp(7)): it says that there is nothing,
        /// or the end, whatever lies behind. So an empty-handed splice is followed by a receive,
        /// which does pass it, and whose answer counts.
        ///
        /// `WouldBlock` from a pipe that holds bytes means that the socket has none, or that the
        /// pipe is full: drain it, then try again.
        pub fn fill_from(
            &mut self,
            socket: BorrowedFd<'_>,
            max: usize,
        ) -> Result<usize, Attempt<ReceiveError>> {
            let flags = SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK;
            let spliced = retry(ReceiveError::from_errno, || {
                splice(socket, None, &self.write, None, max, flags)
            });
            match spliced {
                Ok(0) | Err(Attempt::WouldBlock) if self.is_empty() && max > 0 => {
                    let mut bytes = [0; PAST_MARK];
                    let room = max.min(PAST_MARK);
                    let received = receive(socket, &mut bytes[..room])?;
                    // One page into an empty pipe always fits.
                    self.fill_with(&bytes[..received])
                }
                spliced => {
                    let moved = spliced?;
                    self.held += moved;
                    Ok(moved)
                }
            }
        }

        /// Copies bytes into the pipe that were received before it was there, as many as fit.
        pub fn fill_with(&mut self, bytes: &[u8]) -> Result<usize, Attempt<ReceiveError>> {
            let written = retry(ReceiveError::from_errno, || write(&self.write, bytes))?;
            self.held += written;
            Ok(written)
        }

        /// Moves up to `max` bytes from the pipe to the socket; `more` says that other bytes follow
        /// at once. Never asks for more than the pipe holds: 0 means that it was empty.
        pub fn drain_to(
            &mut self,
            socket: BorrowedFd<'_>,
            max: usize,
            more: bool,
        ) -> Result<usize, Attempt<SendError>> {
            let max = max.min(self.held);
            if max == 0 {
                return Ok(0);
            }
            let mut flags = SpliceFFlags::SPLICE_F_MOVE | SpliceFFlags::SPLICE_F_NONBLOCK;
            flags.set(SpliceFFlags::SPLICE_F_MORE, more);
            let moved = retry(SendError::from_errno, || {
                splice(&self.read, None, socket, None, max, flags)
            })?;
            self.held = self.held.saturating_sub(moved);
            Ok(moved)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod stub {
    use crate::net::{Attempt, PipeError, ReceiveError, SendError};
    use std::convert::Infallible;
    use std::os::fd::BorrowedFd;

    /// There is no such pipe here: the type has no values. (A struct, so that code that handles
    /// pipes is not "unreachable" to the compiler here.)
    #[derive(Debug)]
    pub struct Pipe {
        never: Infallible,
    }

    impl Pipe {
        /// Always [`PipeError::Unsupported`].
        pub fn new(_capacity_bytes: usize) -> Result<Self, PipeError> {
            Err(PipeError::Unsupported)
        }

        /// Bytes in the pipe now.
        pub fn held(&self) -> usize {
            match self.never {}
        }

        /// Whether it holds none.
        pub fn is_empty(&self) -> bool {
            match self.never {}
        }

        /// Bytes that the pipe can hold.
        pub fn capacity(&self) -> usize {
            match self.never {}
        }

        /// Holds at most so many bytes from now on.
        pub fn set_limit(&mut self, _bytes: usize) {
            match self.never {}
        }

        /// Bytes that may still be added.
        pub fn room(&self) -> usize {
            match self.never {}
        }

        /// Copies bytes into the pipe.
        pub fn fill_with(&mut self, _bytes: &[u8]) -> Result<usize, Attempt<ReceiveError>> {
            match self.never {}
        }

        /// Moves bytes from the socket into the pipe.
        pub fn fill_from(
            &mut self,
            _socket: BorrowedFd<'_>,
            _max: usize,
        ) -> Result<usize, Attempt<ReceiveError>> {
            match self.never {}
        }

        /// Moves bytes from the pipe to the socket.
        pub fn drain_to(
            &mut self,
            _socket: BorrowedFd<'_>,
            _max: usize,
            _more: bool,
        ) -> Result<usize, Attempt<SendError>> {
            match self.never {}
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
#[path = "splice_tests.rs"]
mod tests;
