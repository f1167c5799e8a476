//! The PROXY protocol to a server: what it says about the client's connection.

use crate::config::plan::ProxyProtocol;
use crate::exchange::site::Site;
use crate::rules::walk::Walk;
use crate::worker::{Chunk, Class};

/// The header's bytes.
pub(super) fn encode(_walk: &Walk<'_>, _says: &ProxyProtocol) -> Vec<u8> {
    Vec::new()
}

/// The same in a buffer; `None` if there is none.
pub(super) fn payload(site: &Site, bytes: &[u8]) -> Option<Chunk> {
    let class = if bytes.len() <= Class::Small.bytes() { Class::Small } else { Class::Bulk };
    let mut lease = site.local.pool().lease(class)?;
    lease.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(lease.freeze(bytes.len()))
}
