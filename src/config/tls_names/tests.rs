use super::*;
use crate::config::plan::{Curve, Suite12, Suite13, TlsVersion};
use crate::config::report::{Level, Report};
use crate::config::word::Word;

fn kept(text: &str) -> Vec<&'static str> {
    ciphers(text).kept.into_iter().map(Suite12::name).collect()
}

fn why(text: &str) -> Vec<(String, Reason)> {
    ciphers(text).dropped.into_iter().map(|it| (it.name.into(), it.reason)).collect()
}

#[test]
fn lists_keep_their_order_and_drop_the_rest_by_name() {
    let text =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256";
    assert_eq!(kept(text), ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"]);
    let dropped = ciphers(text).dropped;
    assert_eq!(dropped.len(), 1);
    assert_eq!(&text[dropped[0].range.clone()], "DHE-RSA-AES128-GCM-SHA256");
    assert_eq!(dropped[0].reason, Reason::Dhe);
}

#[test]
fn groups_commands_and_signs() {
    assert_eq!(kept("HIGH:!aNULL:!MD5").len(), 6);
    assert_eq!(kept("ECDHE+AESGCM:!SHA384").len(), 4);
    assert_eq!(kept("EECDH+aRSA+AESGCM").len(), 2);
    assert_eq!(kept("ALL:!AES128:!CHACHA20:!ECDSA"), ["ECDHE-RSA-AES256-GCM-SHA384"]);
    assert_eq!(kept("ALL:-ALL:CHACHA20").len(), 2);
    assert_eq!(kept("ALL:!CHACHA20:CHACHA20").len(), 4);
    assert_eq!(kept("AESGCM:+AES256")[0], "ECDHE-ECDSA-AES128-GCM-SHA256");
    assert_eq!(kept("AES128,AES256 CHACHA20:@STRENGTH")[0], "ECDHE-ECDSA-AES256-GCM-SHA384");
    assert_eq!(kept("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), ["ECDHE-RSA-AES128-GCM-SHA256"]);
    assert!(why("HIGH:!aNULL:!MD5:!3DES").is_empty());
    assert_eq!(kept("!ALL"), Vec::<&str>::new());
}

#[test]
fn each_name_has_its_reason() {
    let table = [
        ("DHE-RSA-CHACHA20-POLY1305", Reason::Dhe),
        ("EDH", Reason::Dhe),
        ("DHE+AESGCM", Reason::Dhe),
        ("AES128-GCM-SHA256", Reason::NoForwardSecrecy),
        ("AES256-SHA", Reason::NoForwardSecrecy),
        ("RSA", Reason::NoForwardSecrecy),
        ("kRSA+AES", Reason::NoForwardSecrecy),
        ("ECDHE-RSA-AES128-SHA256", Reason::Cbc),
        ("ECDHE-ECDSA-AES256-SHA", Reason::Cbc),
        ("ECDHE-ECDSA-AES128-CCM8", Reason::Rare),
        ("ECDHE-RSA-CAMELLIA128-SHA256", Reason::Rare),
        ("PSK-AES128-GCM-SHA256", Reason::SharedSecret),
        ("DES-CBC3-SHA", Reason::Broken),
        ("RC4-MD5", Reason::Broken),
        ("eNULL", Reason::Broken),
        ("TLS_AES_128_GCM_SHA256", Reason::OtherList),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", Reason::NoForwardSecrecy),
        ("@SECLEVEL=0", Reason::Level),
        ("ECDHE-RSA-AES128-GCM-SHA255", Reason::Unknown),
        ("FOO", Reason::Unknown),
    ];
    for (name, reason) in table {
        assert_eq!(why(name), [(name.to_owned(), reason)], "{name}");
    }
}

#[test]
fn tls_1_3_and_curves() {
    let reading = ciphersuites("TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256:FOO:AES128-SHA");
    assert_eq!(reading.kept, [Suite13::Aes128]);
    let reasons: Vec<_> = reading.dropped.iter().map(|it| it.reason).collect();
    assert_eq!(reasons, [Reason::Rare, Reason::Unknown, Reason::OtherList]);
    let reading = curves("x25519:prime256v1:P-256:secp384r1:P-521:?foo:bar");
    assert_eq!(reading.kept, [Curve::X25519, Curve::Secp256r1, Curve::Secp384r1]);
    let reasons: Vec<_> = reading.dropped.iter().map(|it| it.reason).collect();
    assert_eq!(reasons, [Reason::Group, Reason::Group, Reason::Unknown]);
}

fn word(text: &str) -> Word {
    Word::synthetic(text)
}

#[test]
fn a_list_gives_one_warning_or_one_error() {
    let mut report = Report::default();
    let good = word("ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:AES128-SHA");
    advise_lists(&[&good], &[&word("TLS_AES_128_GCM_SHA256")], &[&word("X25519")], &mut report);
    assert_eq!(report.faults.len(), 1);
    let fault = &report.faults[0];
    assert_eq!(fault.level, Level::Warning);
    assert!(fault.message.ends_with(": DHE-RSA-AES128-GCM-SHA256, AES128-SHA"));
    assert_eq!(
        fault.help,
        [
            "DHE-RSA-AES128-GCM-SHA256: Diffie-Hellman over finite fields (DHE) is not built in",
            "AES128-SHA: keys without forward secrecy are not possible",
            "what remains, in this order: ECDHE-RSA-AES128-GCM-SHA256",
        ]
    );
    let mut report = Report::default();
    advise_lists(
        &[&word("kRSA")],
        &[&word("FOO")],
        &[&word("P-521"), &word("X25519:x")],
        &mut report,
    );
    assert_eq!((report.errors(), report.faults.len()), (4, 4));
}

#[test]
fn options_of_global() {
    let words: Vec<Word> =
        ["prefer-client-ciphers", "ssl-min-ver", "TLSv1.2", "no-tls-tickets"].map(word).into();
    let mut report = Report::default();
    let options = read_options(&words, Side::Bind, &mut report);
    assert!(!report.failed());
    assert_eq!(options.versions.min.map(|it| it.value), Some(TlsVersion::Tls12));
    assert_eq!(options.tickets.map(|it| it.value), Some(false));
    assert!(options.prefer_client_ciphers.is_some());
    for (line, side) in [
        ("prefer-client-ciphers", Side::Server),
        ("tls-tickets", Side::Bind),
        ("ssl-min-ver", Side::Bind),
        ("ssl-min-ver tlsv1.2", Side::Server),
        ("strict-sni", Side::Bind),
    ] {
        let words: Vec<Word> = line.split(' ').map(word).collect();
        let mut report = Report::default();
        read_options(&words, side, &mut report);
        assert_eq!(report.errors(), 1, "{line}");
    }
}

/// The file that this project began with: one warning for each of its two lists.
#[test]
fn the_mozilla_list() {
    let list = word(
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
         ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
         DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305",
    );
    let suites = word("TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
    let curves = word("X25519:prime256v1:secp384r1");
    let mut report = Report::default();
    advise_lists(&[&list, &list], &[&suites, &suites], &[&curves, &curves], &mut report);
    assert_eq!(report.faults.len(), 2);
    let fault = &report.faults[0];
    assert_eq!(fault.advice, Some("tls-dropped"));
    assert_eq!(
        fault.message,
        "cipher suites that Koi's TLS does not have are left out: DHE-RSA-AES128-GCM-SHA256, \
         DHE-RSA-AES256-GCM-SHA384, DHE-RSA-CHACHA20-POLY1305"
    );
    assert_eq!(fault.label, "Diffie-Hellman over finite fields (DHE) is not built in");
    assert_eq!(fault.help.len(), 1);
    assert_eq!(fault.help[0].matches("ECDHE-").count(), 6);
}

#[test]
fn versions_of_lines_and_of_global() {
    let told = |bind: &str, global: &[&str]| -> Vec<(Option<&'static str>, String)> {
        let (plan, _) = crate::config::keywords::testing::read_text(&format!(
            "frontend f\n  bind :443 ssl crt a.pem {bind}\n"
        ));
        let words: Vec<Word> = global.iter().map(|text| word(text)).collect();
        let mut report = Report::default();
        let options = read_options(&words, Side::Bind, &mut report);
        let server = Default::default();
        advise_plan(&plan, Bases { bind: &options, server: &server }, &mut report);
        let place = |span| plan.sources.slice(span).to_owned();
        let faults = report.faults.iter();
        faults.map(|it| (it.advice, it.span.map_or(String::new(), place))).collect()
    };
    assert_eq!(told("ssl-min-ver TLSv1.2", &["ssl-min-ver", "TLSv1.3"]), []);
    assert_eq!(told("no-sslv3 no-tlsv10 no-tlsv12", &[]), []);
    let low = (Some("tls-dropped"), "TLSv1.0".to_owned());
    assert_eq!(told("ssl-min-ver TLSv1.0", &[]), [low]);
    let error = |place: &str| [(None, place.to_owned())];
    assert_eq!(told("force-tlsv11", &[]), error("force-tlsv11"));
    assert_eq!(told("no-tlsv12 no-tlsv13", &[]), error("no-tlsv13"));
    assert_eq!(told("ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2", &[]), error("TLSv1.2"));
    assert_eq!(told("ssl-max-ver TLSv1.2", &["ssl-min-ver", "TLSv1.3"]), error("TLSv1.2"));
    let ignored = (Some("no-effect"), "no-tlsv12".to_owned());
    assert_eq!(told("no-tlsv12 ssl-min-ver TLSv1.2", &[]), [ignored]);
}
