//! Messages that are no HTTP, kept for `show errors`.
//!
//! In: the bytes as they came, and where they are wrong. Out: a copy in the ledger. Only who refuses a
//! message calls this.

use crate::exchange::site::Site;
use crate::ledger::{Capture, Named, Refused};
use crate::proto::h1::Reject;
use crate::rules::fetch::lookup;
use crate::rules::walk::Walk;

/// A client's.
pub(super) fn request(site: &Site, walk: &Walk<'_>, bytes: &[u8], reject: Reject) {
    keep(site, walk, Refused::Request, bytes, reject);
}

/// A server's.
pub(super) fn response(site: &Site, walk: &Walk<'_>, bytes: &[u8], reject: Reject) {
    keep(site, walk, Refused::Response, bytes, reject);
}

fn keep(site: &Site, walk: &Walk<'_>, which: Refused, bytes: &[u8], reject: Reject) {
    let plan = walk.plan;
    let proxy = |index: usize| -> Option<Named> {
        Some((plan.proxies.get(index)?.name.clone(), lookup::proxy_id(plan, index)?))
    };
    let server = |backend: usize, server: usize| -> Option<Named> {
        let line = plan.proxies.get(backend)?.servers.get(server)?;
        Some((line.name.value.clone(), lookup::server_id(plan, backend, server)?))
    };
    let frontend = walk.connection.frontend;
    let of = match which {
        Refused::Request => frontend,
        Refused::Response => walk.backend.unwrap_or(frontend),
    };
    let capture = Capture {
        frontend: proxy(frontend).unwrap_or_default(),
        backend: walk.backend.and_then(proxy),
        server: walk.backend.zip(walk.server).and_then(|(it, place)| server(it, place)),
        source: walk.connection.source,
        at_us: site.unix_us(site.local.now()),
        bytes: Capture::cut(bytes),
        position: reject.at,
        reason: reject.reason.code(),
        section: reject.reason.section(),
        event: 0,
    };
    site.ledger.refuse(of, which, capture);
}
