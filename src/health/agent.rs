//! Agents: a connection, what `agent-send` says, a line of words.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::connect::{literal, unreachable};
use super::talk::gone;
use crate::exchange::server::{self, internet};
use crate::exchange::site::Site;
use crate::exchange::transport::Transport;
use crate::proto::check::agent::{Advice, parse};
use crate::proto::check::{Status, Verdict};
use crate::worker::DialOptions;

/// How much an agent may say.
const LINE_MAX: usize = 1024;

/// Asks a server's agent once. It has as long as there is from one time to the next.
pub(super) async fn ask(
    site: &Rc<Site>,
    backend: usize,
    server: usize,
) -> (Verdict, Option<Advice>) {
    let limit = site.live.server(backend, server);
    let limit = limit.map_or(Duration::from_secs(2), |it| it.checkup().agent_inter);
    match site.local.timeout(limit, talk(site, backend, server)).await {
        Ok(Ok((verdict, advice))) => (verdict, Some(advice)),
        Ok(Err(verdict)) => (verdict, None),
        Err(_) => (Verdict::plain(Status::L7Timeout), None),
    }
}

async fn talk(
    site: &Rc<Site>,
    backend: usize,
    server: usize,
) -> Result<(Verdict, Advice), Verdict> {
    let (address, question) = target(site, backend, server)
        .ok_or_else(|| Verdict::with(Status::SocketError, "the agent has no address"))?;
    let options = DialOptions {
        source: server::source(&site.plan, (backend, server)),
        ..DialOptions::default()
    };
    let stream = site.local.dial(&address.into(), &options).await.map_err(unreachable)?;
    let transport = Transport::Plain(stream);
    if !question.is_empty() {
        let chunk = site.local.pool().copy_from(question.as_bytes());
        let chunk = chunk.ok_or_else(|| Verdict::with(Status::SocketError, "no buffers"))?;
        transport.send(chunk).await.map_err(|_| gone())?;
    }
    let mut bytes = Vec::new();
    loop {
        let ended = match transport.receive().await {
            Ok(Some(chunk)) => {
                let room = LINE_MAX.saturating_sub(bytes.len());
                bytes.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                bytes.len() >= LINE_MAX
            }
            Ok(None) => true,
            Err(_) if bytes.is_empty() => return Err(gone()),
            Err(_) => true,
        };
        if let Some(advice) = parse(&bytes, ended) {
            transport.abort();
            return Ok((verdict(&advice), advice));
        }
    }
}

/// What it said, as the result of a check.
fn verdict(advice: &Advice) -> Verdict {
    let status = advice.status();
    let info = match (&advice.nonsense, advice.word) {
        (Some(word), "") => format!("agent reports an error : {word}"),
        (None, "") => String::new(),
        (_, word) if advice.info.is_empty() => format!("via agent : {word}"),
        (_, word) => format!("via agent : {word} ({})", advice.info),
    };
    let code = status.has_code().then_some(0);
    Verdict { code, ..Verdict::with(status, &info) }
}

/// Where an agent is, and what it is told.
fn target(site: &Rc<Site>, backend: usize, server: usize) -> Option<(SocketAddr, String)> {
    let line = site.plan.proxies.get(backend)?.servers.get(server)?;
    let agent = &line.settings.agent;
    let (address, port, send) = {
        let checkup = site.live.server(backend, server)?.checkup();
        (checkup.agent_address, checkup.agent_port, checkup.agent_send.clone())
    };
    let of_line = agent.addr.as_ref().and_then(|it| literal(&it.location));
    let server = server::place(site, (backend, server)).map(|it| internet(Some(it)).ip());
    let ip = address.or(of_line).or(server)?;
    let port = port
        .or(agent.port.map(|it| it.value))
        .or(agent.addr.as_ref().and_then(|it| it.fixed_port()))?;
    let send = send.or(agent.send.as_ref().map(|it| it.value.clone())).unwrap_or_default();
    Some((SocketAddr::new(ip, port), send.into()))
}
