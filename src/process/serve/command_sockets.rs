//! The runtime socket's own sockets: where commands come in, and on what terms.
//!
//! In: `stats socket` lines. Out: what to listen on, and how clients are served there.

use std::time::Duration;

use super::address::{self, Names, Place};
use super::ports::{self, Wanted};
use super::workers::Shared;
use crate::admin::office::{self, Running};
use crate::admin::socket::Terms;
use crate::config::plan::{CommandLevel, Given, Plan, Proxy, SeverityOutput};
use crate::config::report::Report;
use crate::config::section::Section;
use crate::config::source::Span;
use crate::worker::SocketAddress;

/// How long a client may be silent if nobody says (`stats timeout`).
const PATIENCE: Duration = Duration::from_secs(10);

/// Clients at a time if nobody says (`stats maxconn`).
const CLIENTS: u32 = 10;

/// Bytes of a line, if nobody says (`tune.bufsize`).
const LINE: u32 = 16_384;

/// Everything that `stats socket` lines want to listen on: what would be a frontend's bind is a line.
pub fn wanted(plan: &Plan, names: &mut Names, report: &mut Report) -> Vec<Wanted> {
    // What a proxy says of its binds: here nothing.
    let proxy = Proxy::new(Section::Frontend, "GLOBAL".into(), Span::default());
    let mut all = Vec::new();
    for (bind, line) in plan.global.stats.sockets.iter().enumerate() {
        let options = ports::listen_options(plan, &proxy, line, report);
        for endpoint in &line.endpoints {
            let span = endpoint.span;
            match address::listening(endpoint, "", names) {
                Ok(places) => all.extend(places.into_iter().map(|place| {
                    let options = options.clone();
                    Wanted { frontend: 0, bind, span, place, options }
                })),
                Err(fault) => fault.tell(span, report),
            }
        }
    }
    all
}

/// How clients of a line's sockets are served.
pub fn terms(plan: &Plan, line: usize) -> Terms {
    let stats = &plan.global.stats;
    let bytes = plan.global.tuning.buffer.map_or(LINE, |it: Given<u32>| it.value);
    let line = stats.sockets.get(line);
    let level = line.and_then(|it| it.level).map_or(CommandLevel::Operator, |it| it.value);
    let severity = line.and_then(|it| it.severity_output);
    Terms {
        level,
        severity: severity.map_or(SeverityOutput::None, |it| it.value),
        patience: stats.timeout.map_or(PATIENCE, |it| it.value),
        line_max: usize::try_from(bytes).unwrap_or(usize::MAX),
    }
}

/// Clients at a time.
pub fn clients(plan: &Plan) -> usize {
    let most = plan.global.stats.connections.map_or(CLIENTS, |it| it.value);
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// A socket as commands show it.
pub fn shown(place: &Place, terms: &Terms) -> office::Place {
    let address = match place {
        Place::Address(SocketAddress::Unix(path)) => format!("unix@{}", path.display()),
        Place::Address(address) => address.to_string(),
        Place::Descriptor(number) => format!("fd@{number}"),
    };
    office::Place { address, level: terms.level }
}

/// What commands look at.
pub fn running(shared: &Shared) -> Running {
    Running {
        plan: shared.plan.clone(),
        program: shared.program.clone(),
        live: shared.live.clone(),
        ledger: shared.ledger.clone(),
        process: shared.desk.process().clone(),
        destinations: shared.destinations.clone(),
        tls: shared.tls.clone(),
        control: shared.control.clone(),
    }
}
