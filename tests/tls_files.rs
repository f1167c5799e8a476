//! The files that binds name: what is taken, what is told of what is not, and changes while Koi runs.

mod common;

use common::rings;
use common::tls::{Accepted, Authority, close, dial, meet, rsa, shake};
use koi::rules::context::TlsFacts;
use koi::tls::{BindTls, HandshakeFault, Reload};
use koi::worker::Local;
use std::io::Read;
use std::process::Command;
use std::sync::Arc;

/// The certificate that a client gets which asks for `name`; `None` if it is refused.
fn served(authority: &Authority, bind: &Arc<BindTls>, name: &str) -> Option<Vec<u8>> {
    let (client, name) = (Arc::new(authority.client()), name.to_owned());
    let serve = async |_: Local, accepted: Accepted| drop(accepted);
    let (_, got) = meet(rings()[0], bind, serve, move |to| {
        let mut client = dial(to, &client, &name);
        shake(&mut client).ok()?;
        Some(client.conn.peer_certificates()?[0].to_vec())
    });
    got
}

/// What was agreed on with a client that asks for `name`.
fn agreed(
    authority: &Authority,
    bind: &Arc<BindTls>,
    name: &str,
) -> Result<TlsFacts, HandshakeFault> {
    let (client, name) = (Arc::new(authority.client()), name.to_owned());
    let serve = async |_: Local, accepted: Accepted| accepted.map(|(_, facts)| facts);
    let (facts, _) = meet(rings()[0], bind, serve, move |to| {
        let mut client = dial(to, &client, &name);
        let _ = shake(&mut client);
        let _ = client.read(&mut [0]);
    });
    facts
}

/// What is said of a line that does not load.
fn told(authority: &Authority, words: &str) -> Vec<String> {
    let faults = authority.try_bind(words).0.expect_err("it does not load");
    let folder = format!("{}/", authority.folder.path().display());
    faults.iter().map(|fault| fault.message.replace(&folder, "")).collect()
}

#[test]
fn certificates_and_keys_in_any_form() {
    let authority = Authority::new();
    let write = |name: &str, content: &str| close(&authority.folder.file(name, content));
    let own = authority.sign(&["one.example"], rsa(), 1);
    let der = &*own.der;
    write("plain.key.pem", &own.key_pem);
    let openssl = |words: &[&str]| {
        let said =
            Command::new("openssl").args(words).current_dir(authority.folder.path()).output();
        said.is_ok_and(|said| said.status.success())
    };
    let mut forms = vec![
        ("key first".to_owned(), format!("{}{}", own.key_pem, own.pem)),
        ("words around".to_owned(), format!("a\r\n\n{}b: c\n{}\n", own.pem, own.key_pem)),
        ("crlf".to_owned(), format!("{}{}", own.pem, own.key_pem).replace('\n', "\r\n")),
        ("x509 mark".to_owned(), own.pem.replace("CERTIFICATE", "X509 CERTIFICATE") + &own.key_pem),
    ];
    if openssl(&["rsa", "-traditional", "-in", "plain.key.pem", "-out", "pkcs1.pem"]) {
        let key =
            std::fs::read_to_string(authority.folder.path().join("pkcs1.pem")).expect("a key");
        assert!(key.contains("BEGIN RSA PRIVATE KEY"));
        forms.push(("PKCS#1".to_owned(), format!("{}{key}", own.pem)));
    }
    for (what, content) in forms {
        write("one.pem", &content);
        let bind = authority.bind("crt @/one.pem");
        assert_eq!(served(&authority, &bind, "one.example").as_deref(), Some(der), "{what}");
    }
    // SEC1, with the parameters that openssl writes before the key.
    let elliptic = authority.sign(&["one.example"], rcgen::KeyPair::generate().expect("a key"), 1);
    write("ec.key.pem", &elliptic.key_pem);
    if openssl(&["ec", "-in", "ec.key.pem", "-out", "sec1.pem"]) {
        let key = std::fs::read_to_string(authority.folder.path().join("sec1.pem")).expect("a key");
        assert!(key.contains("BEGIN EC PRIVATE KEY"));
        let parameters =
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
        write("one.pem", &format!("{parameters}{key}{}", elliptic.pem));
        let bind = authority.bind("crt @/one.pem");
        assert_eq!(served(&authority, &bind, "one.example").as_deref(), Some(&*elliptic.der));
    }
    // The key beside it, by either name; and in a store.
    write("alone.crt", &own.pem);
    write("alone.crt.key", &own.key_pem);
    let bind = authority.bind("crt @/alone.crt");
    assert_eq!(served(&authority, &bind, "one.example").as_deref(), Some(der));
    std::fs::rename(
        authority.folder.path().join("alone.crt.key"),
        authority.folder.path().join("alone.key"),
    )
    .expect("it is renamed");
    let bind = authority.try_bind("ssl-load-extra-del-ext\ncrt @/alone.crt").0.expect("it loads");
    assert_eq!(served(&authority, &bind, "one.example").as_deref(), Some(der));
    for (store, name) in [
        ("crt-store s\n load crt @/alone.crt key @/alone.key alias a", "@s/a"),
        (
            "crt-store s\n crt-base @/.\n key-base @/.\n load crt alone.crt key alone.key",
            "@s/alone.crt",
        ),
    ] {
        let text = format!("{store}\nfrontend f\n bind 127.0.0.1:8443 ssl crt {name}\n");
        let plan = authority.plan(&text);
        let bind = BindTls::load(&plan, &plan.proxies[0].binds[0], &mut |_| {}).expect("it loads");
        assert_eq!(served(&authority, &bind, "one.example").as_deref(), Some(der), "{name}");
    }
}

/// As `openssl x509 -req` makes them without extensions: many appliances and old scripts have such.
/// (`openssl req -new` and `openssl x509 -req -signkey -days 36500` made this one.)
#[test]
fn a_certificate_of_version_1_is_served() {
    let authority = Authority::new();
    close(&authority.folder.file("one.pem", include_str!("certificates/version1.pem")));
    let bind = authority.bind("crt @/one.pem");
    // The client that looks for its authority sees it, and says so.
    let refused = agreed(&authority, &bind, "one.example");
    assert!(
        matches!(refused, Err(HandshakeFault::Tls(rustls::Error::AlertReceived(_)))),
        "{refused:?}"
    );
}

#[test]
fn a_folder_and_bases() {
    let authority = Authority::new();
    let one = authority.file("certs/b.pem", &["one.example"]);
    let two = authority.file("certs/a.pem", &["two.example"]);
    authority.folder.file("certs/.hidden", "nothing");
    authority.folder.file("certs/a.pem.ocsp", "nothing");
    for words in ["crt @/certs", "crt @/certs/", "crt-base @/\ncrt certs"] {
        let bind = authority.try_bind(words).0.expect("it loads");
        assert_eq!(served(&authority, &bind, "one.example").as_deref(), Some(&*one.der));
        assert_eq!(served(&authority, &bind, "two.example").as_deref(), Some(&*two.der));
    }
    std::fs::create_dir(authority.folder.path().join("empty")).expect("a folder");
    assert!(authority.try_bind("strict-sni crt @/empty").0.is_ok());
    assert_eq!(told(&authority, "crt @/empty").len(), 1);
}

#[test]
fn a_list_with_filters_and_options() {
    let authority = Authority::new();
    let names = ["first.example", "a.site.example", "www.site.example"];
    let first = authority.file("first.pem", &names);
    let wild = authority.file("wild.pem", &["*.wild.example"]);
    let second = authority.file("second.pem", &["www.site.example", "*.site.example"]);
    let list = "# a list\n@/first.pem !*\n@/wild.pem [ssl-max-ver TLSv1.2] *.wild.example !no.wild.example\n\
                @/second.pem [verify required ca-file @/ca.pem] www.site.example\n@/second.pem !a.site.example\n";
    let folder = authority.folder.path().to_str().expect("UTF-8").to_owned();
    authority.folder.file("list.txt", list.replace("@/", &format!("{folder}/")));
    let bind = authority.bind("crt-list @/list.txt");
    assert_eq!(
        served(&authority, &bind, "a.site.example").as_deref(),
        Some(&*first.der),
        "the default"
    );
    assert_eq!(served(&authority, &bind, "yes.wild.example").as_deref(), Some(&*wild.der));
    assert_eq!(served(&authority, &bind, "no.wild.example").as_deref(), None, "by default first");
    assert_eq!(served(&authority, &bind, "b.site.example").as_deref(), Some(&*second.der));
    let version = |name: &str| agreed(&authority, &bind, name).map(|facts| facts.version);
    assert_eq!(version("yes.wild.example"), Ok("TLSv1.2".into()));
    assert_eq!(version("b.site.example"), Ok("TLSv1.3".into()));
    let wanted = HandshakeFault::Tls(rustls::Error::NoCertificatesPresented);
    assert_eq!(version("www.site.example"), Err(wanted), "a certificate is required");
    let default = authority.bind("crt @/wild.pem default-crt @/first.pem");
    assert_eq!(served(&authority, &default, "www.site.example").as_deref(), Some(&*first.der));
    assert_eq!(served(&authority, &default, "x.wild.example").as_deref(), Some(&*wild.der));
}

#[test]
fn every_fault_is_told_with_its_file() {
    let authority = Authority::new();
    let own = authority.sign(&["one.example"], rsa(), 1);
    let other = authority.file("other.pem", &["other.example"]);
    let write = |name: &str, content: String| close(&authority.folder.file(name, content));
    write("mixed.pem", format!("{}{}", own.pem, other.key_pem));
    write("cert.pem", own.pem.clone());
    write("key.pem", own.key_pem.clone());
    write("text.pem", "hello".to_owned());
    write("broken.pem", own.pem.replace("MII", "!!!"));
    write(
        "rubbish.pem",
        format!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{}", own.key_pem),
    );
    write(
        "locked.pem",
        format!(
            "{}-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            own.pem
        ),
    );
    authority.folder.file("version1.crl", include_str!("certificates/version1.crl"));
    for (words, wanted) in [
        ("crt @/absent.pem", &["cannot read `absent.pem`: there is no such file"][..]),
        (
            "crt @/mixed.pem",
            &[
                "the private key in `mixed.pem` does not belong to the first certificate in `mixed.pem`",
            ],
        ),
        ("crt @/cert.pem", &["there is no private key in `cert.pem` or `cert.pem.key`"]),
        ("crt @/key.pem", &["`key.pem` holds no certificate"]),
        ("crt @/text.pem", &["`text.pem` holds neither a certificate nor a key"]),
        ("crt @/broken.pem", &["`broken.pem` has a PEM block that is broken"]),
        ("crt @/rubbish.pem", &["`rubbish.pem` holds a certificate that cannot be read"]),
        ("crt @/locked.pem", &["the private key of `locked.pem` needs a pass phrase"]),
        (
            "crt @/text.pem crt @/other.pem crt @/key.pem",
            &["`text.pem` holds neither a certificate nor a key", "`key.pem` holds no certificate"],
        ),
        (
            "crt @/other.pem verify required ca-file @/absent.pem",
            &["cannot read `absent.pem`: there is no such file"],
        ),
        ("crt @/other.pem verify required ca-file @/key.pem", &["`key.pem` holds no certificate"]),
        // As `openssl ca -gencrl` makes them where nobody asks for extensions.
        (
            "crt @/other.pem verify required ca-file @/ca.pem crl-file @/version1.crl",
            &["`version1.crl` holds a list of revoked certificates of version 1"],
        ),
        (
            "crt @/other.pem verify required ca-file @/ca.pem crl-file @/ca.pem",
            &["`ca.pem` holds no list of revoked certificates"],
        ),
    ] {
        assert_eq!(told(&authority, words), wanted, "{words}");
    }
    authority.folder.file("list.txt", "/absent.pem\n[x]\n/also.pem [verify sometimes]\n");
    let faults = told(&authority, "crt-list @/list.txt");
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(faults.iter().all(|fault| fault.starts_with("line ")), "{faults:?}");
    assert!(faults.iter().all(|fault| !fault.contains("PRIVATE")), "{faults:?}");
}

#[test]
fn a_key_that_others_can_read_is_worth_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let authority = Authority::new();
    authority.file("one.pem", &["one.example"]);
    assert_eq!(authority.try_bind("crt @/one.pem").1, []);
    let path = authority.folder.path().join("one.pem");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let warnings = authority.try_bind("crt @/one.pem crt @/one.pem").1;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message.starts_with("every user can read the private key"));
}

#[test]
fn files_are_loaded_again() {
    let authority = Authority::new();
    let old = authority.file("certs/one.pem", &["one.example"]);
    let other = authority.file("certs/two.pem", &["two.example"]);
    let bind = authority.bind("crt @/certs verify optional ca-file @/ca.pem");
    let serves = |name: &str| served(&authority, &bind, name).expect("a certificate");
    assert_eq!(bind.reload(), Reload::default());
    assert_eq!(serves("one.example"), &*old.der);

    let new = authority.file("certs/one.pem", &["one.example"]);
    let Reload { faults, changes } = bind.reload();
    assert!(matches!(&changes[..], [line] if line.contains("certs/one.pem`")), "{changes:?}");
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(serves("one.example"), &*new.der);
    assert_eq!(bind.reload(), Reload::default());

    // A broken one stays as it was; a new one beside it is taken.
    authority.folder.file("certs/one.pem", "half a certifi");
    let third = authority.file("certs/three.pem", &["three.example"]);
    let Reload { faults, changes } = bind.reload();
    assert!(matches!(&faults[..], [line] if line.contains("stays as it was")), "{faults:?}");
    assert!(matches!(&changes[..], [line] if line.contains("three.pem")), "{changes:?}");
    assert_eq!(serves("one.example"), &*new.der);
    assert_eq!(serves("two.example"), &*other.der);
    assert_eq!(serves("three.example"), &*third.der);
    assert_eq!(bind.reload(), Reload::default(), "it is told once");

    // One that was never good is told, and holds nothing up.
    authority.folder.file("certs/four.pem", "rubbish");
    let mended = authority.file("certs/one.pem", &["one.example"]);
    let Reload { faults, .. } = bind.reload();
    assert!(matches!(&faults[..], [line] if line.contains("four.pem")), "{faults:?}");
    assert_eq!(serves("one.example"), &*mended.der);
    // A broken one alone changes nothing.
    authority.folder.file("certs/one.pem", "half a certificate");
    let Reload { faults, changes } = bind.reload();
    assert!(faults.iter().any(|line| line.contains("one.pem")), "{faults:?}");
    assert_eq!(changes, Vec::<String>::new());
    let mended = authority.file("certs/one.pem", &["one.example"]);
    bind.reload();

    // A file that is gone takes its certificate along.
    std::fs::remove_file(authority.folder.path().join("certs/three.pem")).expect("it is there");
    std::fs::remove_file(authority.folder.path().join("certs/four.pem")).expect("it is there");
    let Reload { faults, changes } = bind.reload();
    assert!(matches!(&changes[..], [line] if line.contains("three.pem")), "{changes:?}");
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(served(&authority, &bind, "three.example"), None);

    // Without authorities everything stays.
    let pem = std::fs::read(authority.folder.path().join("ca.pem")).expect("it is there");
    authority.folder.file("ca.pem", "rubbish");
    let last = authority.file("certs/one.pem", &["one.example"]);
    let Reload { faults, .. } = bind.reload();
    assert!(faults.iter().any(|line| line.contains("ca.pem")), "{faults:?}");
    assert_eq!(serves("one.example"), &*mended.der);
    assert_eq!(bind.reload(), Reload::default(), "that is told once, too");
    authority.folder.file("ca.pem", pem);
    assert_eq!(bind.reload().faults, Vec::<String>::new());
    assert_eq!(serves("one.example"), &*last.der);
}

#[test]
fn chains_are_completed() {
    let authority = Authority::new();
    authority.file("one.pem", &["one.example"]);
    std::fs::create_dir(authority.folder.path().join("issuers")).expect("a folder");
    std::fs::rename(
        authority.folder.path().join("ca.pem"),
        authority.folder.path().join("issuers/ca.pem"),
    )
    .expect("it is renamed");
    for (words, wanted) in [
        ("crt @/one.pem", 1),
        ("issuers-chain-path @/issuers\ncrt @/one.pem", 2),
        ("issuers-chain-path @/issuers\nssl-skip-self-issued-ca\ncrt @/one.pem", 1),
    ] {
        let bind = authority.try_bind(words).0.expect("it loads");
        let client = Arc::new(authority.client());
        let serve = async |_: Local, accepted: Accepted| drop(accepted);
        let (_, chain) = meet(rings()[0], &bind, serve, move |to| {
            let mut client = dial(to, &client, "one.example");
            shake(&mut client).expect("a handshake");
            client.conn.peer_certificates().expect("a chain").len()
        });
        assert_eq!(chain, wanted, "{words}");
    }
}
