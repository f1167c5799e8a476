//! `koi demo`: the main job, to be seen at work in a minute.
//!
//! In: ports. A configuration in the seed's style, a certificate made in memory, three origins on the
//! loopback address; the workers serve it as they would serve any file. Out: what came back for a few
//! requests, on standard output; then it serves until Ctrl-C, or ends (`--once`). Nothing is written to
//! the disk, and nothing leaves the machine.

mod client;
mod origins;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use self::client::{Client, Reply};
use self::origins::Origins;
use super::check::check;
use super::serve;
use crate::config::environment::Environment;
use crate::config::source::MemoryFiles;
use crate::worker::{Choice, Group, GroupConfig};
use koi_sys::guard;

/// The names of the three services. Browsers and curl take `*.localhost` for this machine.
const SERVICES: [&str; 3] = ["app", "wiki", "files"];

/// Ports that are tried one after the other when the wanted one is taken.
const PORTS_TRIED: u16 = 20;

/// How long what is under way may take when it ends.
const GRACE: Duration = Duration::from_secs(2);

/// What to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The port for HTTP; 0 lets the system choose.
    pub port: u16,
    /// The port for HTTPS; 0 lets the system choose.
    pub tls_port: u16,
    /// The back-end.
    pub ring: Choice,
    /// Requests to send over one connection and to time.
    pub requests: u32,
    /// Whether to end after them.
    pub once: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { port: 8080, tls_port: 8443, ring: Choice::Auto, requests: 1000, once: false }
    }
}

/// Runs the demonstration.
///
/// # Errors
/// What could not be started or did not work, in words.
pub fn run(options: &Options) -> Result<(), String> {
    guard::block_signals().map_err(|error| error.to_string())?;
    guard::ignore_broken_pipe().map_err(|error| error.to_string())?;
    let (port, tls_port) = (free_port(options.port)?, free_port(options.tls_port)?);
    let origins = Origins::start(&SERVICES, options.ring)?;
    let certificate = certificate()?;
    let text = configuration(port, tls_port, origins.ports());
    let group = start(&text, &certificate, options.ring)?;
    println!("Koi serves this configuration:\n\n{text}");
    let shown = show(port, tls_port, &certificate, options.requests);
    if shown.is_ok() && !options.once {
        println!("\nTry it yourself; Ctrl-C ends it:");
        println!("  curl -k https://app.localhost:{tls_port}/");
        println!("  curl -i http://wiki.localhost:{port}/page");
        guard::wait_signal().map_err(|error| error.to_string())?;
    }
    let clean = stop(group) & origins.stop();
    match (shown, clean) {
        (Ok(()), false) => Err("a worker did not stop in order".to_owned()),
        (shown, _) => shown,
    }
}

/// The wanted port, or the next one that is free.
fn free_port(wanted: u16) -> Result<u16, String> {
    let last = if wanted == 0 { 0 } else { wanted.saturating_add(PORTS_TRIED) };
    for port in wanted..=last {
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        if let Ok(address) = probe.and_then(|listener| listener.local_addr()) {
            if port != wanted {
                println!("port {wanted} is taken; {port} is used instead");
            }
            return Ok(address.port());
        }
    }
    Err(format!("no port from {wanted} to {last} is free on 127.0.0.1; --port N chooses others"))
}

/// A certificate for `*.localhost`, signed by itself.
struct Certificate {
    /// Key and certificate, as a `crt` file has them.
    pem: String,
    der: Vec<u8>,
}

fn certificate() -> Result<Certificate, String> {
    let names: Vec<String> = SERVICES.iter().map(|name| host(name)).collect();
    let made = rcgen::generate_simple_self_signed(names)
        .map_err(|error| format!("no certificate could be made: {error}"))?;
    let pem = format!("{}{}", made.signing_key.serialize_pem(), made.cert.pem());
    Ok(Certificate { pem, der: made.cert.der().to_vec() })
}

fn host(service: &str) -> String {
    format!("{service}.localhost")
}

/// The configuration, in the manner of the file that Koi starts from.
fn configuration(port: u16, tls_port: u16, origins: &[u16]) -> String {
    let mut text = format!(
        "\
global
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout http-request 15s
    timeout http-keep-alive 5s
frontend web
    bind 127.0.0.1:{tls_port} ssl crt demo.pem alpn http/1.1
    bind 127.0.0.1:{port}
    http-request redirect location https://%[req.hdr(host),field(1,:)]:{tls_port}%[pathq] unless {{ ssl_fc }}
    option forwardfor if-none
"
    );
    for service in SERVICES {
        let name = service.to_uppercase();
        text += &format!(
            "    use_backend {name} if {{ req.hdr(host),field(1,:) -i {} }}\n",
            host(service)
        );
    }
    for (service, origin) in SERVICES.iter().zip(origins) {
        let name = service.to_uppercase();
        text += &format!("backend {name}\n    server {service} 127.0.0.1:{origin}\n");
    }
    text
}

/// Checks the configuration and starts workers that serve it.
fn start(text: &str, certificate: &Certificate, ring: Choice) -> Result<Group, String> {
    let file = |name: &str, content: &str| (name.to_owned(), content.as_bytes().to_vec());
    let files = [file("demo.cfg", text), file("demo.pem", &certificate.pem)];
    let files = MemoryFiles(BTreeMap::from(files));
    let paths = ["demo.cfg".to_owned()];
    let checked = check(&paths, &files, &mut Environment::default(), &[]);
    let config = GroupConfig { ring, ..GroupConfig::default() };
    serve::start_here(checked, &files, &config)
}

/// Sends requests, and says what became of them.
fn show(port: u16, tls_port: u16, certificate: &Certificate, requests: u32) -> Result<(), String> {
    println!("It was asked, and answered:\n");
    let reply = Client::plain(port)?.get("app.localhost", "/page?x=1", &[])?;
    tell("http://app.localhost/page?x=1", &reply);
    for service in SERVICES {
        let host = host(service);
        let reply = Client::tls(tls_port, &host, &certificate.der)?.get(&host, "/", &[])?;
        expect(&reply, 200, &format!("origin {service}"))?;
        tell(&format!("https://{host}/"), &reply);
    }
    let mut client = Client::tls(tls_port, "app.localhost", &certificate.der)?;
    let reply = client.get("app.localhost", "/", &[("X-Forwarded-For", "198.51.100.7")])?;
    expect(&reply, 200, "198.51.100.7")?;
    tell("the same with X-Forwarded-For: 198.51.100.7", &reply);
    let reply = client.get("nobody.localhost", "/", &[])?;
    expect(&reply, 503, "")?;
    tell("https://nobody.localhost/", &reply);
    let start = Instant::now();
    for _ in 0..requests {
        expect(&client.get("app.localhost", "/", &[])?, 200, "origin app")?;
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(requests.max(1));
    println!("\n{requests} requests over one TLS connection: all answered, {each:.1} us each.");
    Ok(())
}

fn tell(asked: &str, reply: &Reply) {
    let more = match reply.field("location") {
        Some(location) => format!("-> {location}"),
        None if reply.status == 200 => reply.text(),
        None => String::new(),
    };
    println!("  {asked:48} {} {more}", reply.status);
}

fn expect(reply: &Reply, status: u16, text: &str) -> Result<(), String> {
    match reply.status == status && reply.text().contains(text) {
        true => Ok(()),
        false => Err(format!("{status} was expected, {} came: {}", reply.status, reply.text())),
    }
}

/// Ends workers; whether all of them ended in order.
fn stop(group: Group) -> bool {
    group.stop(GRACE);
    group.join().into_iter().all(|left| left.is_some())
}
