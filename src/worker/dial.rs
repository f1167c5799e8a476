//! New connections that want more than an address: where they come from, and how the kernel treats
//! them.

use super::pending::{Connecting, Pending};
use super::{Local, Stream};
use koi_sys::net::{self, BindError, ConnectError, KeepAlive, SocketAddress};
use koi_sys::ring::Op;
use std::os::fd::BorrowedFd;

/// What a new connection shall have. An option that the kernel refuses is left out, except for the
/// source.
#[derive(Clone, Debug, Default)]
pub struct DialOptions {
    /// The address (port 0: any) that it comes from.
    pub source: Option<SocketAddress>,
    /// That address need not be ours (it is the client's).
    pub foreign: bool,
    /// The kernel asks a silent peer whether it lives.
    pub keep_alive: Option<KeepAlive>,
    /// Bytes of the kernel's receive buffer.
    pub receive_buffer: Option<u32>,
    /// Bytes of the kernel's send buffer.
    pub send_buffer: Option<u32>,
}

impl Local {
    /// A new connection to this address. What is sent on it leaves at once, however little it is.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn dial(
        &self,
        to: &SocketAddress,
        options: &DialOptions,
    ) -> Result<Stream, ConnectError> {
        let handle = self.0.ring.borrow_mut().stream_socket(to)?;
        let stream = Stream::new(self.0.clone(), handle);
        if to.ip().is_some() {
            let prepared = self.0.ring.borrow().with_fd(handle, |fd| prepare(fd, to, options));
            prepared.unwrap_or(Ok(()))?;
        }
        let op = Op::Connect(handle, Box::new(to.clone()));
        Pending::<Connecting>::submit(&self.0, op).await?;
        Ok(stream)
    }
}

fn prepare(
    fd: BorrowedFd<'_>,
    to: &SocketAddress,
    options: &DialOptions,
) -> Result<(), ConnectError> {
    let _ = net::set_no_delay(fd, true);
    if let Some(values) = options.keep_alive {
        let _ = net::set_keep_alive(fd, values);
    }
    if let Some(bytes) = options.receive_buffer {
        let _ = net::set_receive_buffer(fd, bytes);
    }
    if let Some(bytes) = options.send_buffer {
        let _ = net::set_send_buffer(fd, bytes);
    }
    let Some(source) = &options.source else { return Ok(()) };
    if options.foreign {
        net::set_bind_any(fd, to.family()).map_err(|_| ConnectError::Denied)?;
    }
    net::bind_source(fd, source).map_err(|error| match error {
        BindError::AddressInUse => ConnectError::AddressInUse,
        BindError::Denied => ConnectError::Denied,
        BindError::DescriptorLimit => ConnectError::DescriptorLimit,
        BindError::Memory => ConnectError::Memory,
        BindError::Unexpected(errno) => ConnectError::Unexpected(errno),
        _ => ConnectError::AddressNotAvailable,
    })
}
