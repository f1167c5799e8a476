use super::*;
use crate::config::keywords::testing::{advice, errors, read_text};
use crate::config::source::MemoryFiles;

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";

fn files() -> MemoryFiles {
    let both = format!("{CERTIFICATE}{KEY}");
    let ticket = |character: &str| format!("{}=\n", character.repeat(107));
    let list = [
        ("/etc/a.pem", both.as_str()),
        ("/etc/alone.pem", CERTIFICATE),
        ("/etc/beside.pem", CERTIFICATE),
        ("/etc/beside.pem.key", KEY),
        ("/etc/key.pem", KEY),
        ("/etc/text.pem", "hello\n"),
        ("/etc/locked.pem", &format!("{CERTIFICATE}-----BEGIN ENCRYPTED PRIVATE KEY-----\n")),
        ("/etc/both.pem.rsa", &both),
        ("/etc/both.pem.ecdsa", &both),
        ("/etc/folder/a.pem", &both),
        ("/etc/folder/a.pem.ocsp", ""),
        ("/etc/folder/.hidden", ""),
        ("/etc/broken/a.pem", CERTIFICATE),
        ("/etc/hollow/.keep", ""),
        ("/etc/list", "a.pem [alpn h2] x.example\nalone.pem [key a.pem]\n"),
        (
            "/etc/rarelist",
            "a.pem [no-alpn ciphers ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA curves P-521:X25519]\n\
             a.pem [ciphersuites TLS_AES_128_CCM_SHA256]\n",
        ),
        ("/etc/badlist", "a.pem [alpin h2]\nnone.pem\n"),
        ("/etc/tickets", &format!("{}{}{}", ticket("A"), ticket("B"), ticket("C"))),
        ("/etc/fewtickets", &ticket("A")),
    ];
    let mut files = MemoryFiles::default();
    files.0.extend(list.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())));
    files
}

type Errors = Vec<(String, String)>;
type Advice = Vec<(&'static str, String)>;

/// What a plan's files are found to be, below `/etc`.
fn told(text: &str) -> (Errors, Advice) {
    let (plan, _) = read_text(text);
    let mut report = Report::default();
    let bases = Bases { certificates: Some("/etc/"), keys: None, authorities: Some("/etc") };
    check_files(&plan, &bases, &files(), &mut report);
    (errors(&plan, &report), advice(&plan, &report))
}

fn bind(words: &str) -> Vec<(String, String)> {
    told(&format!("frontend f\n  bind :443 ssl {words}\n")).0
}

#[test]
fn good_files() {
    for words in [
        "crt a.pem",
        "crt /etc/a.pem",
        "crt beside.pem",
        "crt both.pem",
        "crt folder",
        "crt-list /etc/list",
        "crt a.pem ca-file alone.pem crl-file a.pem",
        "crt a.pem ca-file folder",
        "crt a.pem ca-file @system-ca",
        "crt a.pem tls-ticket-keys /etc/tickets",
        "crt a.pem crt hollow",
    ] {
        assert_eq!(bind(words), [], "{words}");
    }
}

#[test]
fn stores_look_below_their_own_base_or_the_global_one() {
    let bind = "frontend f\n  bind :443 ssl crt";
    let own = "crt-store s\n  crt-base /etc/folder\n  load crt a.pem alias x\n";
    let global = "crt-store\n  load crt alone.pem key /etc/key.pem alias x\n";
    for good in ["@s/x", "@s/a.pem"] {
        assert_eq!(told(&format!("{own}{bind} {good}\n")).0, []);
    }
    assert_eq!(told(&format!("{global}{bind} @/x\n")).0, []);
    let words = |text: &str| told(text).0.into_iter().map(|(words, _)| words).collect::<Vec<_>>();
    assert_eq!(words(&format!("{own}{bind} @s/y\n")), ["@s/y"]);
    assert_eq!(words("crt-store\n  load crt none.pem alias x\n"), ["none.pem"]);
}

#[test]
fn bad_files() {
    let table = [
        ("crt @store/name", "@store/name", "no `crt-store` has the certificate `@store/name`"),
        ("crt none.pem", "none.pem", "cannot read `/etc/none.pem`: there is no such file"),
        ("crt text.pem", "text.pem", "`/etc/text.pem` holds neither a certificate nor a key"),
        ("crt key.pem", "key.pem", "`/etc/key.pem` holds no certificate"),
        (
            "crt alone.pem",
            "alone.pem",
            "there is no private key in `/etc/alone.pem` or `/etc/alone.pem.key`",
        ),
        (
            "crt locked.pem",
            "locked.pem",
            "the private key of `/etc/locked.pem` needs a pass phrase",
        ),
        ("crt hollow", "hollow", "the folder `/etc/hollow` has no certificates"),
        (
            "crt broken",
            "broken",
            "there is no private key in `/etc/broken/a.pem` or `/etc/broken/a.pem.key`",
        ),
        ("crt a.pem ca-file key.pem", "key.pem", "`/etc/key.pem` holds no certificate"),
        ("crt a.pem ca-file none", "none", "cannot read `/etc/none`: there is no such file"),
        (
            "crt a.pem tls-ticket-keys /etc/fewtickets",
            "/etc/fewtickets",
            "`/etc/fewtickets` has 1 keys",
        ),
        (
            "crt a.pem tls-ticket-keys /etc/text.pem",
            "/etc/text.pem",
            "key 1 of `/etc/text.pem` is no key",
        ),
    ];
    for (words, place, message) in table {
        assert_eq!(bind(words), [(place.to_owned(), message.to_owned())], "{words}");
    }
    let lines: Vec<_> = bind("crt-list /etc/badlist").into_iter().map(|(_, it)| it).collect();
    assert_eq!(
        lines,
        [
            "line 1 of `/etc/badlist`: `alpin` is not an option of a certificate",
            "line 2 of `/etc/badlist`: cannot read `/etc/none.pem`: there is no such file",
        ]
    );
    let advice = told("frontend f\n  bind :443 ssl strict-sni crt hollow\n").1;
    assert_eq!(advice, [("no-certificate", "hollow".to_owned())]);
}

#[test]
fn servers_name_files_too() {
    let server = |words: &str| told(&format!("backend b\n  server s 192.0.2.1:443 {words}\n")).0;
    assert_eq!(server("ssl verify none crt a.pem"), []);
    assert_eq!(server("ssl ca-file alone.pem crl-file none.pem").len(), 1);
    assert_eq!(server("crt none.pem"), []);
    assert_eq!(server("ca-file none.pem").len(), 1);
    assert_eq!(server("ssl verify none crt folder").len(), 1);
    let template = "backend b\n  server-template s 3 a.example:443 ssl ca-file none.pem\n";
    assert_eq!(told(template).0.len(), 1);
}

#[test]
fn what_a_list_asks_of_tls_in_vain_is_told() {
    let (errors, advice) = told("frontend f\n  bind :443 ssl crt-list /etc/rarelist\n");
    let errors: Vec<_> = errors.into_iter().map(|(_, it)| it).collect();
    assert_eq!(errors, ["line 2 of `/etc/rarelist`: of `ciphersuites` nothing is left"]);
    let lost: Vec<_> = advice.iter().map(|(name, _)| *name).collect();
    assert_eq!(lost, ["tls-dropped", "tls-dropped"]);
}
