//! Bytes in and out of a socket.
//!
//! In: a buffer. Out: a count. Short counts are normal. A signal that interrupts is tried again
//! here; no call raises SIGPIPE.

use super::{Attempt, RawAddress, ReceiveError, SendError};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, sendmsg};
use std::io::IoSlice;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The kernel takes no more slices at once (`IOV_MAX`: 1024 on Linux and on FreeBSD).
const SLICES_MAX: usize = 1024;

/// Receives into `buffer` (recv(2)); so many of its first bytes are written. Zero from a stream is
/// its end, unless `buffer` is empty.
pub fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize, Attempt<ReceiveError>> {
    retry(ReceiveError::from_errno, || {
        // SAFETY: `buffer` is borrowed for the call and the length is its own; the kernel writes no
        // more than that, and the call completes before it returns.
        let result = unsafe { raw::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) };
        Errno::result(result).map(isize::cast_unsigned)
    })
}

/// Sends one run of bytes (send(2)), as many of them as the socket takes.
pub fn send(fd: BorrowedFd<'_>, run: &[u8]) -> Result<usize, Attempt<SendError>> {
    retry(SendError::from_errno, || {
        // SAFETY: `run` is borrowed for the call, which only reads it and copies before it returns.
        let result = unsafe { raw::send(fd.as_raw_fd(), run.as_ptr().cast(), run.len()) };
        Errno::result(result).map(isize::cast_unsigned)
    })
}

/// Sends the slices in order (sendmsg(2)), as many bytes of them as the socket takes.
///
/// `more` says that other bytes follow at once, so that the kernel may wait to fill a segment.
/// Linux heeds it (`MSG_MORE`); FreeBSD has no such flag and sends. Slices beyond the first 1024
/// wait for the next call.
pub fn send_vectored(
    fd: BorrowedFd<'_>,
    slices: &[IoSlice<'_>],
    more: bool,
) -> Result<usize, Attempt<SendError>> {
    let slices = &slices[..slices.len().min(SLICES_MAX)];
    let flags = MsgFlags::from_bits_retain(send_flags(more));
    retry(SendError::from_errno, || sendmsg::<()>(fd.as_raw_fd(), slices, &[], flags, None))
}

/// Sends one datagram (sendto(2)); it goes whole or not at all.
pub fn send_to(
    fd: BorrowedFd<'_>,
    datagram: &[u8],
    to: &RawAddress,
) -> Result<usize, Attempt<SendError>> {
    let flags = send_flags(false);
    retry(SendError::from_errno, || {
        let (start, len) = (datagram.as_ptr().cast(), datagram.len());
        let (address, address_len) = (to.as_ptr(), to.len());
        let fd = fd.as_raw_fd();
        // SAFETY: datagram and address are borrowed for the call, each pointer with the length of
        // its own value; the kernel only reads them, and copies before it returns.
        let result = unsafe { libc::sendto(fd, start, len, flags, address, address_len) };
        Errno::result(result).map(isize::cast_unsigned)
    })
}

/// How many datagrams [`send_many`] hands over in one system call. A datagram costs the kernel several times
/// what a call does, and each call makes room for so many.
pub const DATAGRAMS_MAX: usize = 16;

/// Sends datagrams on a connected socket (sendmmsg(2)), each whole; so many of the first ones are
/// gone. The error is that of the first one, if it could not be sent. Those beyond the first
/// [`DATAGRAMS_MAX`] wait for the next call.
pub fn send_many(
    fd: BorrowedFd<'_>,
    datagrams: &[IoSlice<'_>],
) -> Result<usize, Attempt<SendError>> {
    let datagrams = &datagrams[..datagrams.len().min(DATAGRAMS_MAX)];
    // SAFETY: `mmsghdr` is made of integers and pointers; all zero it says: no address, no slices.
    let mut headers: [libc::mmsghdr; DATAGRAMS_MAX] = unsafe { std::mem::zeroed() };
    for (header, datagram) in headers.iter_mut().zip(datagrams) {
        // `IoSlice` has the layout of `iovec`; for sending the kernel only reads through it.
        header.msg_hdr.msg_iov = std::ptr::from_ref(datagram).cast_mut().cast();
        header.msg_hdr.msg_iovlen = 1;
    }
    let count = datagrams.len();
    retry(SendError::from_errno, || {
        let (fd, start, flags) = (fd.as_raw_fd(), headers.as_mut_ptr(), send_flags(false));
        // SAFETY: the first `count` headers point to the slices, which are borrowed for the call, and
        // so are their bytes; the kernel reads them and writes `msg_len` of the headers, which live on
        // this stack. It copies before it returns.
        #[cfg(target_os = "linux")]
        let result = unsafe { libc::sendmmsg(fd, start, count as u32, flags) } as isize;
        // SAFETY: as above.
        #[cfg(not(target_os = "linux"))]
        let result = unsafe { libc::sendmmsg(fd, start, count, flags) };
        Errno::result(result).map(isize::cast_unsigned)
    })
}

fn send_flags(more: bool) -> i32 {
    #[cfg(target_os = "linux")]
    if more {
        return libc::MSG_NOSIGNAL | libc::MSG_MORE;
    }
    let _ = more;
    libc::MSG_NOSIGNAL
}

/// recv(2) and send(2) without the C library's thread-cancellation bookkeeping, which in a program
/// with threads costs twice what the rest of the call does in user space (glibc 2.36: 60
/// instructions of 90). Koi cancels no threads.
#[cfg(target_os = "linux")]
mod raw {
    use libc::{SYS_recvfrom, SYS_sendto, c_int, c_void, size_t, ssize_t, syscall};

    /// # Safety
    /// As recv(2): `start` is writable for `len` bytes.
    pub(super) unsafe fn recv(fd: c_int, start: *mut c_void, len: size_t) -> ssize_t {
        // SAFETY: the caller's; no flags, and no address is asked for.
        unsafe { syscall(SYS_recvfrom, fd, start, len, 0, 0, 0) as ssize_t }
    }

    /// # Safety
    /// As send(2): `start` is readable for `len` bytes.
    pub(super) unsafe fn send(fd: c_int, start: *const c_void, len: size_t) -> ssize_t {
        // SAFETY: the caller's; the socket is connected, so there is no address.
        unsafe { syscall(SYS_sendto, fd, start, len, libc::MSG_NOSIGNAL, 0, 0) as ssize_t }
    }
}

#[cfg(not(target_os = "linux"))]
mod raw {
    use libc::{c_int, c_void, size_t, ssize_t};

    /// # Safety
    /// As recv(2): `start` is writable for `len` bytes.
    pub(super) unsafe fn recv(fd: c_int, start: *mut c_void, len: size_t) -> ssize_t {
        // SAFETY: the caller's.
        unsafe { libc::recv(fd, start, len, 0) }
    }

    /// # Safety
    /// As send(2): `start` is readable for `len` bytes.
    pub(super) unsafe fn send(fd: c_int, start: *const c_void, len: size_t) -> ssize_t {
        // SAFETY: the caller's.
        unsafe { libc::send(fd, start, len, libc::MSG_NOSIGNAL) }
    }
}

/// Calls until no signal interrupts.
pub(super) fn retry<E>(
    sort: fn(i32) -> E,
    mut call: impl FnMut() -> Result<usize, Errno>,
) -> Result<usize, Attempt<E>> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Attempt::new(errno, sort)),
            Ok(count) => return Ok(count),
        }
    }
}
