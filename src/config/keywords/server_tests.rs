use core::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::config::keywords::server::TEMPLATE_MAX;
use crate::config::keywords::testing::{advice, errors, only_error, proxy, read_text};
use crate::config::plan::{
    InitAddr, Location, Observe, PortSpec, Pretend, ProxyV2Option, Server, ServerVerify,
};

fn server(words: &str) -> Server {
    let mut proxy = proxy(&format!("backend b\n  server s 192.0.2.1:80 {words}\n"));
    assert_eq!(proxy.servers.len(), 1, "{words}");
    proxy.servers.remove(0)
}

fn error(words: &str) -> (String, String) {
    only_error(&format!("backend b\n  server s 192.0.2.1:80 {words}\n"))
}

#[test]
fn the_table_is_in_order_and_every_example_is_what_its_status_says() {
    assert!(OPTIONS.is_sorted_by(|one, two| one.name < two.name));
    let context = "resolvers dns\nbackend other\n  server web1 192.0.2.7:80 check\nbackend b\n";
    for option in OPTIONS {
        let text = format!("{context}  server s 192.0.2.1:80 {}\n", option.example);
        let (plan, report) = read_text(&text);
        // This proxy is in `mode tcp`; not every example fits that.
        let mode = |message: &str| message.contains("mode");
        let mut errors = errors(&plan, &report);
        errors.retain(|(_, message)| !mode(message));
        let refused = matches!(option.status, Status::Refused { .. });
        assert_eq!(errors.is_empty(), !refused, "{}: {errors:?}", option.name);
        let shown = option.example.split([' ', '(']).any(|word| word == option.name);
        assert!(shown, "{}: its example does not show it", option.name);
        let told = advice(&plan, &report).iter().any(|(name, _)| *name == "no-effect");
        assert_eq!(told, matches!(option.status, Status::NoEffect(_)), "{}", option.name);
    }
}

#[test]
fn default_server_is_the_start_of_those_behind_it() {
    let text = "defaults\n  default-server inter 3s rise 2 fall 3\nbackend b\n  \
                server one 192.0.2.1:80 check\n  default-server backup check weight 5\n  \
                server two 192.0.2.2 no-backup no-check weight 6 port 8080\n";
    let proxy = proxy(text);
    let (one, two) = (&proxy.servers[0].settings, &proxy.servers[1].settings);
    assert_eq!(one.health.inter.map(|it| it.as_secs()), Some(3));
    assert_eq!(one.health.fall.map(|it| it.value), Some(3));
    assert_eq!((one.backup, one.weight), (None, None));
    assert_eq!(two.health.rise.map(|it| it.value), Some(2));
    assert_eq!((two.backup, two.health.check), (None, None));
    assert_eq!(two.weight.map(|it| it.value), Some(6));
}

#[test]
fn what_default_server_does_not_take() {
    let (plan, report) = read_text("backend b\n  default-server id 5 no-tlsv12 weight 3\n");
    assert!(!report.failed());
    let told = [("no-effect", "id 5".to_owned()), ("no-effect", "no-tlsv12".to_owned())];
    assert_eq!(advice(&plan, &report), told);
    let error = only_error("backend b\n  default-server s 192.0.2.1:80 check\n");
    assert_eq!(error, ("s".into(), "`s` is not an option of `default-server`".into()));
}

#[test]
fn values() {
    let one = server(
        "maxconn 10 minconn 2 slowstart 10s pool-max-conn -1 max-reuse 5 hash-key addr-port \
         check observe layer4 on-marked-down shutdown-sessions send-proxy-v2-ssl-cn \
         set-proxy-v2-tlv-fmt(0x20) %[src] init-addr last,libc,192.0.2.9 resolve-net 10.0.0.0/8",
    );
    let settings = &one.settings;
    assert_eq!(settings.pool.max_idle.map(|it| it.value), Some(None));
    assert_eq!(settings.pool.max_reuse.map(|it| it.value), Some(Some(5)));
    assert_eq!(settings.health.observe.map(|it| it.value), Some(Observe::Layer4));
    let options: Vec<_> = settings.proxy_protocol.options.iter().map(|it| it.value).collect();
    assert_eq!(options, [ProxyV2Option::Ssl, ProxyV2Option::CertCn]);
    let tlv = &settings.proxy_protocol.tlvs[0];
    assert_eq!((tlv.id.value, &*tlv.format.text), (0x20, "%[src]"));
    let ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
    let ways = [InitAddr::Last, InitAddr::Libc, InitAddr::Ip(ip)];
    assert_eq!(settings.naming.init_addr.as_ref().map(|it| &*it.value), Some(&ways[..]));
    assert_eq!(settings.naming.networks.as_ref().map(|it| it.value[0].prefix), Some(8));
    let plain = server("send-proxy-v2-ssl no-send-proxy-v2-ssl cookie a cookie b");
    assert!(plain.settings.proxy_protocol.v2.is_none());
    assert!(plain.settings.proxy_protocol.options.is_empty());
    assert_eq!(plain.settings.cookie.as_ref().map(|it| &*it.value), Some("b"));
}

#[test]
fn source_takes_what_belongs_to_it() {
    let one =
        server("source 192.0.2.3:1024-2048 usesrc hdr_ip(x-real-ip,2) interface em0 weight 3");
    let source = one.settings.source.clone().expect("a source");
    assert_eq!(source.endpoint.port, PortSpec::Range(1024, 2048));
    let header = Pretend::Header { name: "x-real-ip".into(), occurrence: 2 };
    assert_eq!(source.pretend.map(|it| it.value), Some(header));
    assert_eq!(source.interface.map(|it| it.value).as_deref(), Some("em0"));
    assert_eq!(one.settings.weight.map(|it| it.value), Some(3));
    assert_eq!(error("usesrc client").1, "`usesrc` without `source`");
    assert_eq!(error("source 192.0.2.3 usesrc hdr_ip()").0, "hdr_ip()");
    assert_eq!(error("source app.example").0, "app.example");
}

#[test]
fn what_is_wrong_has_its_place() {
    let table = [
        ("chekc", "chekc", "`chekc` is not an option of `server`"),
        ("weight 257", "257", "`257` is out of range for a weight"),
        ("weight", "", "`weight` needs a weight"),
        ("inter 0", "0", "`inter` cannot be zero"),
        ("inter 2x", "x", "`x` behind the number is not a unit here"),
        ("rise 0", "0", "`0` is out of range for a number of checks"),
        ("on-error foo", "foo", "`foo` is not a value of `on-error`"),
        ("pool-max-conn -2", "-2", "`-2` is not a number, or -1"),
        ("resolve-opts allow-dup-ip,x", "x", "`x` is not a value of `resolve-opts`"),
        ("resolve-net 10.0.0.0/33", "10.0.0.0/33", "`10.0.0.0/33` is not a network"),
        ("init-addr last,foo", "foo", "`foo` is no way to an address"),
        ("proxy-v2-options ssl,x", "x", "`x` is not a value of `proxy-v2-options`"),
        ("set-proxy-v2-tlv-fmt(256) x", "256", "`256` is not the type of a field"),
        ("addr 192.0.2.1:80-90", "80-90", "a range of ports is not possible here"),
        ("agent-addr 192.0.2.1:80", ":80", "no port may stand here"),
        ("guid a/b", "/", "'/' cannot stand in an id"),
        ("cookie \"\"", "\"\"", "`cookie` needs a value"),
        ("ssl verify optional", "optional", "`optional` is not a value of `verify`"),
        (
            "socks4 192.0.2.1:1080",
            "socks4",
            "`socks4` is not possible: Koi does not dial through SOCKS proxies",
        ),
    ];
    for (words, place, message) in table {
        let text = format!("backend b\n  server s 192.0.2.1:80 {words}\n");
        let (plan, report) = read_text(&text);
        let first = errors(&plan, &report).into_iter().next();
        assert_eq!(first, Some((place.to_owned(), message.to_owned())), "{words}");
    }
}

#[test]
fn names_and_addresses_of_servers() {
    let line = |words: &str| only_error(&format!("backend b\n  server {words}\n"));
    assert_eq!(line("s!x 192.0.2.1").0, "!");
    assert_eq!(line("s").1, "`server` needs an address");
    assert_eq!(line("").1, "`server` needs a name");
    assert_eq!(line("s 192.0.2.1:80-90").0, "80-90");
    assert_eq!(line("s ::1").0, "::1");
    let one = proxy("backend b\n  server s app.example:+5\n").servers.remove(0);
    assert_eq!(one.endpoint.port, PortSpec::Offset(5));
    assert!(matches!(one.endpoint.location, Location::Name { .. }));
    let (_, report) = read_text("frontend f\n  server s 192.0.2.1:80\n");
    assert_eq!(report.errors(), 1);
}

#[test]
fn a_template_makes_servers() {
    let proxy = proxy("backend b\n  server-template web 2-4 app.example:80 id 7 weight 3\n");
    let names: Vec<_> = proxy.servers.iter().map(|server| &*server.name.value).collect();
    assert_eq!(names, ["web2", "web3", "web4"]);
    let ids: Vec<_> = proxy.servers.iter().map(|server| server.id.is_some()).collect();
    assert_eq!(ids, [true, false, false]);
    let line = |words: &str| only_error(&format!("backend b\n  server-template web {words}\n"));
    for numbers in ["0", "3-1", "x", "-3", "3-", "+3", "99999999999"] {
        assert_eq!(line(&format!("{numbers} app.example:80")).0, numbers);
    }
    let many = format!("{} app.example:80", TEMPLATE_MAX + 1);
    assert_eq!(line(&many).1, "more than 10000 servers");
}

#[test]
fn verify_is_both_words() {
    let text = "backend b\n  server s 192.0.2.1:443 ssl verify none check\n";
    let (plan, _) = read_text(text);
    let verify = plan.proxies[0].servers[0].settings.tls.verify.expect("verify");
    assert_eq!(verify.value, ServerVerify::None);
    assert_eq!(plan.sources.slice(verify.span), "verify none");
}
