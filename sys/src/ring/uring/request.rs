//! Requests to the kernel: what their 64 bits of user data say, and their submission entries.

use crate::table::Key;
use io_uring::opcode;
use io_uring::squeue::{Entry, Flags};
use io_uring::types::{CancelBuilder, Fd};
use std::os::fd::RawFd;

/// What a completion is about; four bits beside the descriptor's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The cancel itself, whose result says nothing that the cancelled request does not.
    Cancel,
    Wake,
    Accept,
    /// A multishot receive into small buffers.
    Stream,
    /// One receive into a bulk buffer.
    Once,
    Connect,
    Send,
    /// Readiness, for what is done by a direct call.
    PollRead,
    PollWrite,
}

const KINDS: [Kind; 9] = [
    Kind::Cancel,
    Kind::Wake,
    Kind::Accept,
    Kind::Stream,
    Kind::Once,
    Kind::Connect,
    Kind::Send,
    Kind::PollRead,
    Kind::PollWrite,
];

pub(super) fn user_data(kind: Kind, key: Key) -> u64 {
    ((kind as u64) << 60) | key.to_bits()
}

pub(super) fn split(user_data: u64) -> Option<(Kind, Key)> {
    KINDS.get((user_data >> 60) as usize).map(|&kind| (kind, Key::from_bits(user_data)))
}

pub(super) fn accept(fd: RawFd, key: Key) -> Entry {
    opcode::AcceptMulti::new(Fd(fd))
        .flags(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC)
        .build()
        .user_data(user_data(Kind::Accept, key))
}

pub(super) fn receive_stream(fd: RawFd, key: Key, group: u16) -> Entry {
    opcode::RecvMulti::new(Fd(fd), group).build().user_data(user_data(Kind::Stream, key))
}

pub(super) fn receive_once(fd: RawFd, key: Key, group: u16, bytes: usize) -> Entry {
    opcode::Recv::new(Fd(fd), std::ptr::null_mut(), bytes as u32)
        .buf_group(group)
        .build()
        .flags(Flags::BUFFER_SELECT)
        .user_data(user_data(Kind::Once, key))
}

/// Without `MSG_WAITALL`, with which the kernel waits for room by itself: an error after the first
/// bytes then comes as a short count, is forgotten, and a reset looks like the end of the stream.
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;

pub(super) fn send(fd: RawFd, key: Key, run: &[u8]) -> Entry {
    opcode::Send::new(Fd(fd), run.as_ptr(), run.len() as u32)
        .flags(SEND_FLAGS)
        .build()
        .user_data(user_data(Kind::Send, key))
}

pub(super) fn send_message(fd: RawFd, key: Key, message: *const libc::msghdr) -> Entry {
    opcode::SendMsg::new(Fd(fd), message)
        .flags(SEND_FLAGS as u32)
        .build()
        .user_data(user_data(Kind::Send, key))
}

pub(super) fn connect(fd: RawFd, key: Key, to: *const libc::sockaddr, len: u32) -> Entry {
    opcode::Connect::new(Fd(fd), to, len).build().user_data(user_data(Kind::Connect, key))
}

pub(super) fn poll(fd: RawFd, key: Key, kind: Kind) -> Entry {
    let events = if kind == Kind::PollRead { libc::POLLIN } else { libc::POLLOUT };
    opcode::PollAdd::new(Fd(fd), events as u32).build().user_data(user_data(kind, key))
}

/// Reads the wake counter, eight bytes.
pub(super) fn wake(fd: RawFd, into: *mut u64) -> Entry {
    opcode::Read::new(Fd(fd), into.cast(), 8).build().user_data(user_data(Kind::Wake, Key::NONE))
}

pub(super) fn cancel(kind: Kind, key: Key) -> Entry {
    cancel_matching(CancelBuilder::user_data(user_data(kind, key)))
}

/// Everything in flight on the ring.
pub(super) fn cancel_everything() -> Entry {
    cancel_matching(CancelBuilder::any())
}

fn cancel_matching(which: CancelBuilder) -> Entry {
    opcode::AsyncCancel2::new(which).build().user_data(user_data(Kind::Cancel, Key::NONE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_survives_the_round_trip() {
        let key = Key { index: 77, generation: Key::GENERATION_MASK };
        for kind in KINDS {
            assert_eq!(split(user_data(kind, key)), Some((kind, key)));
        }
        assert_eq!(split(u64::MAX), None);
    }
}
