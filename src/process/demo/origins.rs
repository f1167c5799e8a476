//! Three servers for the demonstration, each with its own answer, on a worker of their own.
//!
//! They understand as much of HTTP as the demonstration sends: heads without bodies.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use super::stop;
use crate::worker::{Choice, Group, GroupConfig, ListenOptions, SocketAddress, Stream};

/// Bytes of a request's head that an origin reads before it gives up.
const HEAD_MAX: usize = 16 * 1024;

/// Running origins.
pub(super) struct Origins {
    group: Group,
    ports: Vec<u16>,
}

impl Origins {
    /// Starts one for each name, on ports that the system chooses.
    pub(super) fn start(names: &'static [&'static str], ring: Choice) -> Result<Origins, String> {
        let ports = Arc::new(Mutex::new(Vec::new()));
        let chosen = ports.clone();
        let config = GroupConfig { workers: 1, cores: Vec::new(), ring, ..GroupConfig::default() };
        let group = Group::start(&config, move |_, local| {
            let any = SocketAddress::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
            for &name in names {
                let listener = local
                    .listen(&any, &ListenOptions::default())
                    .map_err(|error| format!("an origin cannot listen on 127.0.0.1: {error}"))?;
                let port = listener.local_address().and_then(|address| address.port());
                let mut chosen = chosen.lock().unwrap_or_else(PoisonError::into_inner);
                chosen.push(port.unwrap_or_default());
                let name: Rc<str> = name.into();
                local.spawn(listener.serve(move |_, stream| answer(stream, name.clone())));
            }
            Ok(())
        })
        .map_err(|error| error.to_string())?;
        let ports = ports.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Origins { group, ports })
    }

    /// Where they listen, in the order of their names.
    pub(super) fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Ends them; whether they ended in order.
    pub(super) fn stop(self) -> bool {
        stop(self.group)
    }
}

/// One answer for each head, as long as the client asks.
async fn answer(stream: Stream, name: Rc<str>) {
    let mut head = Vec::new();
    while let Ok(Some(chunk)) = stream.receive().await {
        head.extend_from_slice(&chunk);
        while let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            let request: Vec<u8> = head.drain(..end + 4).collect();
            let Some(answer) = stream.pool().copy_from(&reply(&name, &request)) else { return };
            if stream.send(answer).await.is_err() {
                return;
            }
        }
        if head.len() > HEAD_MAX {
            return;
        }
    }
}

fn reply(name: &str, request: &[u8]) -> Vec<u8> {
    let request = String::from_utf8_lossy(request);
    let field = request.lines().filter_map(|line| line.split_once(':'));
    let seen = field.filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"));
    let seen: Vec<&str> = seen.map(|(_, value)| value.trim()).collect();
    let body = format!("origin {name}, which saw X-Forwarded-For: {}\n", seen.join(", "));
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}
