//! Lists of backends and servers: `show backend`, `show servers state`, `show servers conn`.
//!
//! Tables are made a backend at a time, while the client reads.

use std::fmt::Write;
use std::net::IpAddr;
use std::ops::Range;

use super::{Answer, Call, Command};
use crate::admin::office::Running;
use crate::admin::socket::Session;
use crate::balance::checkup::Count;
use crate::balance::figures::ServerFigures;
use crate::balance::{Admin, Health};
use crate::config::plan::{CommandLevel, Location, Proxy, Server};
use crate::exchange::server::Destination;
use crate::proto::check::Status;
use crate::rules::fetch::lookup;

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    show("show backend", "", "list backends in the current running config", backends),
    show(
        "show servers state",
        "[<backend>]",
        "dump volatile server information (all or for a single backend)",
        states,
    ),
    show(
        "show servers conn",
        "[<backend>]",
        "dump server connections status (all or for a single backend)",
        connections,
    ),
];

const fn show(
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    run: fn(&mut Call, &mut Session) -> Answer,
) -> Command {
    Command { name, usage, about, level: CommandLevel::User, run }
}

/// What `check` of a server without one says in HAProxy.
const RISE: u32 = 2;

/// The columns of `show servers state`, version 1.
const STATE_COLUMNS: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state \
                             srv_uweight srv_iweight srv_time_since_last_change srv_check_status \
                             srv_check_result srv_check_health srv_check_state srv_agent_state \
                             bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl \
                             srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n";

/// Whether it is listed: HAProxy lists every backend that is not disabled.
fn is_listed(proxy: &Proxy) -> bool {
    proxy.has_backend() && !proxy.disabled
}

fn backends(call: &mut Call, _: &mut Session) -> Answer {
    let proxies = call.running.plan.proxies.iter().filter(|proxy| is_listed(proxy));
    Answer::Text(proxies.fold("# name\n".to_owned(), |text, proxy| text + &proxy.name + "\n"))
}

/// A table with a line for each server of one backend, or all.
fn table(
    call: &Call,
    columns: String,
    line: impl Fn(&mut String, &Running, usize, usize) + 'static,
) -> Answer {
    let mut proxies: Range<usize> = match call.word(0) {
        None => 0..call.running.plan.proxies.len(),
        Some(name) => match call.running.plan.backend(name) {
            Some(index) => index..index + 1,
            None => return Answer::error("Can't find backend."),
        },
    };
    let (running, mut columns) = (call.running.clone(), Some(columns));
    let mut servers = 0..0;
    let mut backend = 0;
    Answer::Pieces(Box::new(move |piece| {
        if let Some(columns) = columns.take() {
            piece.push_str(&columns);
        }
        if let Some(server) = servers.next() {
            line(piece, &running, backend, server);
            return true;
        }
        let Some(next) = proxies.next() else { return false };
        backend = next;
        let proxy = running.plan.proxies.get(backend).filter(|proxy| is_listed(proxy));
        servers = 0..proxy.map_or(0, |proxy| proxy.servers.len());
        true
    }))
}

fn states(call: &mut Call, _: &mut Session) -> Answer {
    table(call, STATE_COLUMNS.to_owned(), state_line)
}

/// Where a server is, as HAProxy prints it: its address and port, `-` for a Unix socket.
fn place(destination: Option<&Destination>) -> (String, u16) {
    match destination.and_then(Destination::address) {
        Some(address) => (shown_ip(address.ip()), address.port()),
        None => ("-".to_owned(), 0),
    }
}

fn shown_ip(ip: IpAddr) -> String {
    ip.to_canonical().to_string()
}

/// The number of a proxy and of a server: those that their lines give, or their places.
fn ids(running: &Running, backend: usize, server: usize) -> Option<(i64, i64)> {
    let plan = &running.plan;
    Some((lookup::proxy_id(plan, backend)?, lookup::server_id(plan, backend, server)?))
}

fn state_line(piece: &mut String, running: &Running, backend: usize, server: usize) {
    let Some(proxy) = running.plan.proxies.get(backend) else { return };
    let Some(it) = proxy.servers.get(server) else { return };
    let Some((backend_id, server_id)) = ids(running, backend, server) else { return };
    let Some(figures) = running.live.server(backend, server) else { return };
    let (address, port) = place(running.destination(backend, server));
    let mut admin = figures.admin();
    // As HAProxy says of `disabled`, whether it still holds or not.
    if admin.has(Admin::CONFIG_MAINT) {
        admin.0 |= Admin::FORCED_MAINT.0;
    }
    if it.settings.disabled.is_some() {
        admin.0 |= Admin::CONFIG_MAINT.0;
    }
    let op_state = match figures.health() {
        _ if figures.admin().has(Admin::MAINT) => Health::Stopped,
        health => health,
    };
    let checks = Checks::of(it, figures, running.sight().unix_us);
    let _ = writeln!(
        piece,
        "{backend_id} {} {server_id} {} {address} {} {} {} {} {} {} {} {} {} {} {} {} {} {port} - {} {} {} {} {}",
        proxy.name,
        &*it.name.value,
        op_state as u8,
        admin.0,
        figures.weight(),
        figures.initial_weight(),
        checks.seconds_since_change,
        checks.status,
        checks.result,
        checks.health,
        checks.state,
        checks.agent_state,
        u8::from(proxy.settings.id.is_some()),
        u8::from(it.id.is_some()),
        name(it),
        u8::from(it.settings.uses_tls()),
        checks.port,
        checks.address,
        checks.agent_address,
        checks.agent_port,
    );
}

/// The host name that a server's address comes from.
fn name(server: &Server) -> &str {
    match &server.endpoint.location {
        Location::Name { name, .. } => name,
        _ => "-",
    }
}

/// What a table says of checks.
struct Checks {
    seconds_since_change: u64,
    status: u8,
    result: u8,
    health: u32,
    state: u8,
    agent_state: u8,
    port: u16,
    address: String,
    agent_address: String,
    agent_port: u16,
}

impl Checks {
    fn of(server: &Server, figures: &ServerFigures, now_us: u64) -> Checks {
        let (health, agent) = (&server.settings.health, &server.settings.agent);
        let checkup = figures.checkup();
        let ip = |address: Option<IpAddr>| address.map_or_else(|| "-".to_owned(), shown_ip);
        let since = match checkup.changed_us {
            0 => 0,
            at => now_us.saturating_sub(at) / 1_000_000,
        };
        let up = figures.health() != Health::Stopped && !figures.admin().has(Admin::MAINT);
        let level = match checkup.check.configured {
            true => checkup.check.raw().0,
            false if up => RISE,
            false => 0,
        };
        let last = checkup.check.last.as_ref().map(|last| last.verdict.status);
        Checks {
            seconds_since_change: since,
            status: last.map_or(1, status_number),
            result: last.map_or(0, |status| if status.is_passed() { 3 } else { 2 }),
            health: level,
            state: switches(&checkup.check),
            // The agent's bit beside them.
            agent_state: match checkup.agent.configured {
                true => switches(&checkup.agent) | 16,
                false => 0,
            },
            port: checkup.check_port.or(health.port.map(|it| it.value)).unwrap_or(0),
            address: ip(checkup.check_address),
            agent_address: ip(checkup.agent_address),
            agent_port: checkup.agent_port.or(agent.port.map(|it| it.value)).unwrap_or(0),
        }
    }
}

/// HAProxy's bits: 2 is configured, 4 is enabled.
fn switches(count: &Count) -> u8 {
    u8::from(count.configured) * 2 + u8::from(count.configured && count.enabled) * 4
}

/// HAProxy's number of a check's status.
fn status_number(status: Status) -> u8 {
    match status {
        Status::Unknown => 0,
        Status::Initial => 1,
        Status::Analyzed => 4,
        Status::SocketError => 5,
        Status::L4Passed => 6,
        Status::L4Timeout => 7,
        Status::L4Connect => 8,
        Status::L6Passed => 9,
        Status::L6Timeout => 10,
        Status::L6Response => 11,
        Status::L7Timeout => 12,
        Status::L7Response => 13,
        Status::L7Passed => 15,
        Status::L7Conditional => 16,
        Status::L7Status => 17,
    }
}

fn connections(call: &mut Call, _: &mut Session) -> Answer {
    let workers = call.office.workers().len().max(1);
    let columns = format!(
        "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb \
         safe_nb idle_lim idle_cur idle_per_thr[{workers}]\n"
    );
    let row = move |piece: &mut String, running: &Running, backend: usize, server: usize| {
        connection_line(piece, running, backend, server);
        piece.push_str(&" 0".repeat(workers));
        piece.push('\n');
    };
    table(call, columns, row)
}

fn connection_line(piece: &mut String, running: &Running, backend: usize, server: usize) {
    let Some(proxy) = running.plan.proxies.get(backend) else { return };
    let Some(it) = proxy.servers.get(server) else { return };
    let Some((backend_id, server_id)) = ids(running, backend, server) else { return };
    let Some(figures) = running.live.server(backend, server) else { return };
    let (address, port) = place(running.destination(backend, server));
    let _ = write!(
        piece,
        "{}/{} {backend_id}/{server_id} {address} {port} - {} {} 0 0 0 0 -1 0",
        proxy.name,
        &*it.name.value,
        it.settings.pool.purge_delay.map_or(5000, |it| it.value.as_millis()),
        figures.current(),
    );
}
