//! The file that Koi starts from (`tests/seed/haproxy.conf`) is served, with real sockets at the very
//! addresses that it names: the test runs in a network namespace of its own, in which all of them are
//! local. Only the certificate's path is another.
//!
//! Where namespaces are not to be had, or `KOI_NAMESPACES=no`, the addresses and ports of the file are
//! replaced by such of the loopback address.

mod end_to_end;
#[path = "served/report.rs"]
mod report;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;

use end_to_end::client::{After, Client};
use end_to_end::message::Message;
use end_to_end::origin::{Origins, Taken};
use end_to_end::proxy::{Folder, Program, Proxy};
use end_to_end::tls::{self, Certificate};
use end_to_end::{free_ports, loopback};
use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};

const SEED: &str = include_str!("seed/haproxy.conf");
const CERTIFICATE: &str = "/usr/local/etc/ssl/example.net.pem";
const TEST: &str = "the_seed_file_is_served";
const INSIDE: &str = "KOI_INSIDE_NAMESPACE";

#[test]
fn the_seed_file_is_served() {
    if std::env::var_os(INSIDE).is_some() {
        println!("served in a network namespace, at the file's own addresses");
        return serve(Way::Namespace);
    }
    match namespace() {
        Ok(mut command) => {
            let status = command.status().expect("unshare runs");
            assert!(status.success(), "in the namespace: {status}");
        }
        Err(why) => {
            println!("no namespaces ({why}): served at loopback addresses in place of the file's");
            serve(Way::Loopback);
        }
    }
}

/// This test again, in a namespace where the file's addresses are local; it ends with the process.
fn namespace() -> Result<Command, String> {
    if std::env::var_os("KOI_NAMESPACES").is_some_and(|value| value == "no") {
        return Err("KOI_NAMESPACES=no".to_owned());
    }
    let mut script = String::from("ip link set lo up");
    for server in servers() {
        let family = if server.address.is_ipv6() { "-6" } else { "-4" };
        script.push_str(&format!(" && ip {family} addr replace {} dev lo", server.address.ip()));
    }
    let mut reasons = Vec::new();
    for options in [&["-n"][..], &["-r", "-n"]] {
        let mut trial = Command::new("unshare");
        match trial.args(options).args(["sh", "-c", &script]).output() {
            Ok(output) if output.status.success() => {
                let mut command = Command::new("unshare");
                command.args(options).arg("sh").arg("-c");
                command.arg(format!("{script} && exec \"$0\" \"$@\""));
                command.arg(std::env::current_exe().expect("the path of this test"));
                command.args([TEST, "--exact", "--nocapture"]).env(INSIDE, "yes");
                return Ok(command);
            }
            Ok(output) => reasons.push(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(why) => reasons.push(why.to_string()),
        }
    }
    Err(reasons.join("; "))
}

/// A server of the file.
struct Server {
    name: String,
    address: SocketAddr,
    has_tls: bool,
}

/// Those of the file's `server` lines.
fn servers() -> Vec<Server> {
    let lines = SEED.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines
        .filter(|words| words.first() == Some(&"server"))
        .map(|words| Server {
            name: words[1].to_owned(),
            address: words[2].parse().expect("a literal address"),
            has_tls: words.contains(&"ssl"),
        })
        .collect()
}

/// Host and the server that it is for: `use_backend GITEA if { hdr(host) -i gitea.example.net }`, and
/// each backend has one server.
fn hosts() -> Vec<(String, String)> {
    let server_of = |backend: &str| {
        let section =
            SEED.split("\nbackend ").find(|text| text.split('\n').next() == Some(backend));
        let line = section?.lines().find(|line| line.starts_with("server "))?;
        Some(line.split_whitespace().nth(1)?.to_owned())
    };
    let lines = SEED.lines().filter_map(|line| line.strip_prefix("use_backend "));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let host = words[words.len() - 2];
            (host.to_owned(), server_of(words[0]).expect("a server in the backend"))
        })
        .collect()
}

/// Where the file's addresses are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Namespace,
    Loopback,
}

/// The proxy with its origins.
struct Site {
    // Before the origins: it goes first.
    proxy: Proxy,
    origins: Origins,
    certificate: Certificate,
    /// In the clear and by TLS, of both families.
    clear: [SocketAddr; 2],
    secure: [SocketAddr; 2],
}

fn serve(way: Way) {
    let mut site = Site::start(way);
    report::all_servers_are_up(&site);
    every_host_reaches_its_server(&site);
    hosts_are_known_in_any_case_and_on_one_connection(&site);
    forwarded_for_is_added_only_if_there_is_none(&site);
    other_hosts_get_503(&site);
    what_comes_in_the_clear_is_redirected(&site);
    bodies_pass_both_ways_by_tls(&site);
    both_versions_of_tls_are_spoken(&site);
    http_1_1_is_agreed_on(&site);
    report::the_report_asks_for_the_password(&site);
    report::the_report_shows_true_figures(&site);
    report::a_killed_server_is_down_and_up_again(&site, way);
    site.proxy.assert_well();
}

impl Site {
    fn start(way: Way) -> Site {
        let certificate = Certificate::new(&["example.net", "*.example.net"]);
        let folder = Folder::new("served");
        let path = folder.file("example.net.pem", certificate.pem());
        let text = SEED.replace(CERTIFICATE, &path.display().to_string());
        assert_eq!(text.matches(&*path.display().to_string()).count(), 2);
        let own = Certificate::new(&["origin.invalid"]).server();
        let servers = servers();
        let tls = |server: &Server| server.has_tls.then(|| own.clone());
        match way {
            Way::Namespace => {
                let at = |port| -> [SocketAddr; 2] {
                    [(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
                };
                let (clear, secure) = (at(80), at(443));
                let ready = [clear, secure].concat();
                let proxy = Proxy::start(&Program::koi(), folder, &text, &ready);
                // Behind the proxy, which has some of these ports at all addresses.
                let places: Vec<_> =
                    servers.iter().map(|it| (&*it.name, it.address, tls(it))).collect();
                let origins = Origins::start_at(&places);
                Site { proxy, origins, certificate, clear, secure }
            }
            Way::Loopback => {
                let places: Vec<_> =
                    servers.iter().map(|it| (&*it.name, loopback(0), tls(it))).collect();
                let origins = Origins::start_at(&places);
                let mut text = text;
                for server in &servers {
                    let new = loopback(origins.port(&server.name)).to_string();
                    text = replaced(
                        &text,
                        &format!(" {} ", line_address(server)),
                        &format!(" {new} "),
                    );
                }
                let ports = free_ports(4);
                let at = |port| SocketAddr::from((Ipv6Addr::LOCALHOST, port));
                let clear = [loopback(ports[0]), at(ports[1])];
                let secure = [loopback(ports[2]), at(ports[3])];
                for (old, new) in [
                    ("bind :80\n", clear[0]),
                    ("bind ipv6@:80\n", clear[1]),
                    ("bind :443 ", secure[0]),
                    ("bind ipv6@:443 ", secure[1]),
                ] {
                    let end = &old[old.len() - 1..];
                    text = replaced(&text, old, &format!("bind {new}{end}"));
                }
                let ready = [clear, secure].concat();
                let proxy = Proxy::start(&Program::koi(), folder, &text, &ready);
                Site { proxy, origins, certificate, clear, secure }
            }
        }
    }

    fn client(&self) -> Arc<ClientConfig> {
        self.certificate.client(&[&TLS13, &TLS12], &[])
    }

    fn connect(&self, address: SocketAddr, host: &str) -> Client {
        tls::connect(&self.client(), address, host).unwrap_or_else(|why| panic!("{host}: {why}")).0
    }

    /// A request over HTTPS: the response, and what reached an origin.
    fn ask(&self, address: SocketAddr, host: &str, request: &str) -> (Message, Vec<Taken>) {
        self.origins.begin(Vec::new());
        let mut client = self.connect(address, host);
        let answer = client.ask(request);
        (answer, self.origins.so_far().requests)
    }
}

/// The address as the file has it.
fn line_address(server: &Server) -> String {
    let line = SEED.lines().find(|line| line.starts_with(&format!("server {} ", server.name)));
    line.and_then(|line| line.split_whitespace().nth(2)).expect("its line").to_owned()
}

fn replaced(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old:?}");
    text.replace(old, new)
}

fn get(host: &str, more: &str) -> String {
    format!("GET /path?query=1 HTTP/1.1\r\nHost: {host}\r\n{more}\r\n")
}

fn every_host_reaches_its_server(site: &Site) {
    let hosts = hosts();
    assert_eq!(hosts.len(), 11);
    for (host, server) in &hosts {
        for address in site.secure {
            let (answer, taken) = site.ask(address, host, &get(host, ""));
            assert_eq!(answer.status(), 200, "{host}: {answer}");
            assert_eq!(answer.value("x-origin"), Some(&**server), "{host}: {answer}");
            assert_eq!(answer.body, b"ok\n");
            let [taken] = &taken[..] else { panic!("{host}: {taken:?}") };
            assert_eq!(&taken.origin, server);
            assert_eq!(taken.request.start, "GET /path?query=1 HTTP/1.1");
            assert_eq!(taken.request.value("host"), Some(&**host));
        }
    }
}

fn hosts_are_known_in_any_case_and_on_one_connection(site: &Site) {
    site.origins.begin(Vec::new());
    let mut client = site.connect(site.secure[0], "example.net");
    for (host, server) in hosts() {
        let answer = client.ask(&get(&host.to_uppercase(), ""));
        assert_eq!(answer.value("x-origin"), Some(&*server), "{host}: {answer}");
    }
}

fn forwarded_for_is_added_only_if_there_is_none(site: &Site) {
    let host = "gitea.example.net";
    for (address, client) in site.secure.into_iter().zip(["127.0.0.1", "::1"]) {
        let (_, taken) = site.ask(address, host, &get(host, ""));
        let values: Vec<_> = taken[0].request.values("x-forwarded-for").collect();
        assert_eq!(values, [client]);
        let (_, taken) = site.ask(address, host, &get(host, "X-Forwarded-For: 192.0.2.1\r\n"));
        let values: Vec<_> = taken[0].request.values("x-forwarded-for").collect();
        assert_eq!(values, ["192.0.2.1"]);
    }
}

fn other_hosts_get_503(site: &Site) {
    for host in ["example.net", "other.example.net", "gitea.example.net.example.org"] {
        let (answer, taken) = site.ask(site.secure[0], "example.net", &get(host, ""));
        assert_eq!((answer.status(), taken.len()), (503, 0), "{host}: {answer}");
    }
}

fn what_comes_in_the_clear_is_redirected(site: &Site) {
    for address in site.clear {
        for host in ["gitea.example.net", "unknown.example.org"] {
            site.origins.begin(Vec::new());
            let mut client = Client::connect(address);
            let answer = client.ask(&get(host, ""));
            assert_eq!(answer.start, "HTTP/1.1 302 Found");
            let location = format!("https://{host}/path?query=1");
            assert_eq!(answer.value("location"), Some(&*location));
            assert_eq!(answer.value("content-length"), Some("0"));
            assert_eq!(answer.value("cache-control"), Some("no-cache"));
            assert_eq!(client.probe(get(host, "").as_bytes(), 302), After::Open);
            assert_eq!(site.origins.so_far().requests.len(), 0);
        }
    }
}

fn bodies_pass_both_ways_by_tls(site: &Site) {
    let body = "0123456789".repeat(30_000);
    for host in ["proxmox.example.net", "zabbix.example.net"] {
        let length = body.len();
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
        site.origins.begin(vec![end_to_end::origin::reply(response)]);
        let mut client = site.connect(site.secure[1], host);
        let answer = client.ask(&format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        assert!(answer.body == body.as_bytes() && answer.cut.is_none(), "{host}");
        let taken = site.origins.so_far().requests;
        assert!(taken.len() == 1 && taken[0].request.body == body.as_bytes(), "{host}");
    }
}

/// `ssl-min-ver TLSv1.2`: nothing older is asked for here, since the test's TLS knows nothing older.
fn both_versions_of_tls_are_spoken(site: &Site) {
    let host = "heimdall.example.net";
    for version in [&TLS12, &TLS13] {
        let config = site.certificate.client(&[version], &[]);
        let (mut client, _) = tls::connect(&config, site.secure[0], host)
            .unwrap_or_else(|why| panic!("{version:?}: {why}"));
        assert_eq!(client.ask(&get(host, "")).status(), 200);
    }
}

/// The file says `alpn h2,http/1.1`; HTTP/2 is a later step, so it must not be agreed on yet.
fn http_1_1_is_agreed_on(site: &Site) {
    let host = "heimdall.example.net";
    for offered in [&["http/1.1"][..], &["h2", "http/1.1"]] {
        if Program::is_stand_in() && offered.contains(&"h2") {
            continue;
        }
        let config = site.certificate.client(&[&TLS13, &TLS12], offered);
        let (mut client, agreed) = tls::connect(&config, site.secure[0], host)
            .unwrap_or_else(|why| panic!("{offered:?}: {why}"));
        assert_eq!(agreed.as_deref(), Some("http/1.1"), "{offered:?}");
        assert_eq!(client.ask(&get(host, "")).status(), 200);
    }
}
