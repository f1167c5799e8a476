//! What an operation in flight keeps for the kernel, and what the kernel has of it.

use super::super::inflight::{InFlight, RUNS_MAX};
use super::super::op::Op;
use super::request;
use crate::net::RawAddress;

/// What an operation in flight keeps beside itself.
#[derive(Debug, Default)]
pub(super) struct Extra {
    pub(super) canceled: bool,
    /// The kernel has a poll request for it.
    pub(super) polling: bool,
    pub(super) memory: Memory,
}

/// Memory that the kernel reads until the final completion.
#[derive(Debug, Default)]
#[expect(dead_code, reason = "kept for the kernel, which reads it by address")]
pub(super) enum Memory {
    #[default]
    Nothing,
    Address(Box<RawAddress>),
    Message(Box<Message>),
}

/// A vectored send in the kernel's words.
pub(super) struct Message {
    pub(super) header: libc::msghdr,
    runs: [libc::iovec; RUNS_MAX],
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({} runs)", self.header.msg_iovlen)
    }
}

impl Message {
    pub(super) fn new<'a>(runs: impl Iterator<Item = &'a [u8]>) -> Box<Message> {
        let empty = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        // SAFETY: msghdr is plain data for which all zeroes mean "nothing": no name, no control.
        let header: libc::msghdr = unsafe { std::mem::zeroed() };
        let mut message = Box::new(Message { header, runs: [empty; RUNS_MAX] });
        let mut count = 0;
        for run in runs {
            message.runs[count] =
                libc::iovec { iov_base: run.as_ptr().cast_mut().cast(), iov_len: run.len() };
            count += 1;
        }
        message.header.msg_iov = message.runs.as_mut_ptr();
        message.header.msg_iovlen = count as _;
        message
    }
}

/// Whether an operation's end has been asked for.
pub(super) fn is_canceled(inflight: &InFlight<Extra>) -> bool {
    inflight.extra().is_some_and(|extra| extra.canceled)
}

/// The request that the kernel has for an operation itself.
pub(super) fn kernel_request(inflight: &InFlight<Extra>) -> Option<request::Kind> {
    use request::Kind;
    let polling = inflight.extra().is_some_and(|extra| extra.polling);
    match &inflight.op {
        // Its request is the connection's: what that brings waits in the stash for the next one.
        Op::Receive(_) => None,
        Op::Accept(_) => Some(Kind::Accept),
        Op::Connect(..) => Some(Kind::Connect),
        Op::Send(_, payload) => (!payload.is_empty()).then_some(Kind::Send),
        Op::Fill(..) => polling.then_some(Kind::PollRead),
        Op::Drain(..) | Op::SendTo(..) | Op::Shutdown(..) => polling.then_some(Kind::PollWrite),
    }
}
