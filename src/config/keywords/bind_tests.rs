use super::*;
use crate::config::keywords::testing::{advice, errors, only_error, proxy, read_text};
use crate::config::plan::{Location, PortSpec, Suite12, TlsVersion};

fn bind(words: &str) -> Bind {
    let mut proxy = proxy(&format!("frontend f\n  bind {words}\n"));
    assert_eq!(proxy.binds.len(), 1, "{words}");
    proxy.binds.remove(0)
}

fn error(words: &str) -> (String, String) {
    only_error(&format!("frontend f\n  bind {words}\n"))
}

#[test]
fn the_table_is_in_order_and_every_example_is_what_its_status_says() {
    assert!(OPTIONS.is_sorted_by(|one, two| one.name < two.name));
    for option in OPTIONS {
        let text = format!("frontend f\n  bind :80 {}\n", option.example);
        let (plan, report) = read_text(&text);
        // This proxy is in `mode tcp`; not every example fits that.
        let mut errors = errors(&plan, &report);
        errors.retain(|(_, message)| !message.contains("fit the mode"));
        let refused = matches!(option.status, Status::Refused { .. });
        let hopeless = matches!(option.name, "force-sslv3" | "force-tlsv10" | "force-tlsv11");
        assert_eq!(errors.is_empty(), !refused || hopeless, "{}: {errors:?}", option.name);
        let last = option.example.split(' ').any(|word| word == option.name);
        assert!(last, "{}: its example does not show it", option.name);
        let told = advice(&plan, &report).iter().any(|(name, _)| *name == "no-effect");
        assert_eq!(told, matches!(option.status, Status::NoEffect(_)), "{}", option.name);
    }
}

#[test]
fn addresses() {
    let bind = bind(":80,[::1]:8000-8002,/run/x name web");
    let ports: Vec<_> = bind.endpoints.iter().map(|endpoint| endpoint.port).collect();
    assert_eq!(ports, [PortSpec::One(80), PortSpec::Range(8000, 8002), PortSpec::None]);
    assert_eq!(bind.endpoints[2].location, Location::Unix("/run/x".into()));
    assert_eq!(bind.sockets(), 5);
    assert_eq!(bind.name.map(|name| name.value).as_deref(), Some("web"));
    assert_eq!(error("80").0, "80");
    assert_eq!(error(":80x name web"), ("x".into(), "no port has the character 'x'".into()));
    assert_eq!(error(":80,:81y"), ("y".into(), "no port has the character 'y'".into()));
    assert_eq!(only_error("frontend f\n  bind\n").1, "`bind` needs an address");
    assert_eq!(error("\"\"").1, "the address is empty");
}

#[test]
fn an_unknown_option_is_told_once_with_the_nearest() {
    let text = "frontend f\n  bind :80 maxcon 5 foo bar ssl\n  bind :81 acept-proxy\n";
    let (plan, report) = read_text(text);
    let found = errors(&plan, &report);
    let words: Vec<_> = found.iter().map(|(words, _)| &**words).collect();
    assert_eq!(words, ["maxcon", "acept-proxy", "ssl"]);
    assert_eq!(report.faults[0].help, ["did you mean `maxconn`?"]);
}

#[test]
fn values_and_what_is_wrong_with_them() {
    let bind = bind(":80 maxconn 0 backlog 9 mss -100 tcp-ut 30s id 7 mode 660 uid 0 group www");
    assert_eq!(bind.maxconn.map(|it| it.value), Some(0));
    assert_eq!(bind.mss.map(|it| it.value), Some(-100));
    assert_eq!(bind.tcp_user_timeout.map(|it| it.as_secs()), Some(30));
    assert_eq!(bind.unix.mode.map(|it| it.value), Some(0o660));
    assert_eq!(bind.unix.user.map(|it| it.value), Some(Owner::Id(0)));
    assert_eq!(bind.unix.group.map(|it| it.value), Some(Owner::Name("www".into())));
    let table = [
        (":80 maxconn", "", "`maxconn` needs a number of connections"),
        (":80 maxconn -1", "-1", "`-1` is not a number of connections"),
        (":80 mss 0", "0", "a segment size cannot be zero"),
        (":80 mss -70000", "-70000", "`-70000` is not a segment size"),
        (":80 mss --5", "--5", "`--5` is not a segment size"),
        (":80 nice 1025", "1025", "`1025` is out of range for a number"),
        (":80 id 0", "0", "`0` is out of range for an id"),
        (":80,:81 id 5", "id 5", "`id` is for a single socket"),
        (":80 mode 999", "999", "`999` is not a mode"),
        (":80 level root", "root", "`root` is not a value of `level`"),
        (":80 thread 1/1,2", "2", "sets with a group and without cannot be mixed"),
        (":80 thread 0", "0", "`0` is not a set of threads"),
        (":80 shards 257", "257", "`257` is out of range for a number of sockets"),
        (":80 guid-prefix a/b", "/", "'/' cannot stand in an id"),
        (":80 proto fcgi", "fcgi", "`fcgi` is not possible: Koi does not speak it"),
        (
            ":80 process 1",
            "process",
            "`process` is not possible: HAProxy 3.0 does not have it any more either",
        ),
        (":80 ssl-min-ver tlsv1.2", "tlsv1.2", "`tlsv1.2` is not a value of `ssl-min-ver`"),
        (":80 alpn \"\"", "\"\"", "`alpn` needs a list of protocols"),
    ];
    for (words, place, message) in table {
        assert_eq!(error(words), (place.to_owned(), message.to_owned()), "{words}");
    }
}

#[test]
fn tls() {
    let bind = bind(
        ":443 ssl crt a.pem crt-list l.txt default-crt b.pem alpn h2,http/1.1 strict-sni verify \
         optional ca-file ca.pem ciphers ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA curves P-256 ecdhe \
         X25519 ssl-min-ver TLSv1.2 no-tls-tickets",
    );
    let kinds: Vec<_> = bind.tls.certificates.iter().map(|it| it.kind).collect();
    use CertificateKind::{Crt, DefaultCrt, List};
    assert_eq!(kinds, [Crt, List, DefaultCrt]);
    assert_eq!(bind.tls.alpn.map(|it| it.value.len()), Some(2));
    let options = &bind.tls.options;
    assert_eq!(options.ciphers.as_ref().map(|it| &*it.kept), Some(&[Suite12::RsaAes128][..]));
    assert_eq!(options.curves.as_ref().map(|it| &*it.kept), Some(&[Curve::Secp256r1][..]));
    assert_eq!(options.versions.min.map(|it| it.value), Some(TlsVersion::Tls12));
    assert_eq!(options.tickets.map(|it| it.value), Some(false));
    let none = self::bind(":443 ssl crt a.pem alpn h2 no-alpn");
    assert_eq!(none.tls.alpn.map(|it| it.value.len()), Some(0));
}

#[test]
fn a_backend_does_not_listen() {
    let (plan, report) = read_text("backend b\n  bind :80\n");
    assert!(!report.failed());
    assert_eq!(advice(&plan, &report), [("no-effect", "bind".to_owned())]);
    assert!(plan.proxies[0].binds.is_empty());
}
