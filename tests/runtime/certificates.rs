//! Certificates that are replaced at run time.

use std::sync::Arc;

use rcgen::KeyPair;

use crate::client::Stage;
use crate::common::tls::{Authority, dial, shake};
use crate::koi::{free_port, loopback, until};

struct Tls {
    authority: Authority,
    stage: Stage,
    port: u16,
}

/// A certificate with its key, as one text.
fn pem(authority: &Authority, names: &[&str], serial: u64) -> String {
    let signed = authority.sign(names, KeyPair::generate().expect("a key"), serial);
    signed.pem + &signed.key_pem
}

fn start() -> Tls {
    let (authority, port) = (Authority::new(), free_port());
    let first = pem(&authority, &["a.example"], 0x1234);
    let sections = format!(
        "frontend tls\n    bind 127.0.0.1:{port} ssl crt site.pem\n    \
         bind 127.0.0.1:{} ssl crt site.pem crt other.pem\n    http-request return status 200\n",
        free_port()
    );
    let other = pem(&authority, &["other.example"], 99);
    let files = [("site.pem", first.as_str()), ("other.pem", other.as_str())];
    let stage = Stage::new("", "    http-request return status 200\n", &sections, &files);
    Tls { authority, stage, port }
}

impl Tls {
    /// The serial number of the certificate that a new connection gets.
    fn serial(&self, name: &str) -> Option<u64> {
        let config = Arc::new(self.authority.client());
        let mut client = dial(loopback(self.port), &config, name);
        shake(&mut client).ok()?;
        let chain = client.conn.peer_certificates().expect("a certificate");
        let (_, certificate) =
            x509_parser::parse_x509_certificate(&chain[0]).expect("a certificate");
        certificate.tbs_certificate.serial.clone().try_into().ok()
    }
}

#[test]
fn a_certificate_is_replaced_for_new_handshakes() {
    let tls = start();
    let ask = |line: &str| tls.stage.ask(line);
    until("the port is open", || std::net::TcpStream::connect(loopback(tls.port)).is_ok());
    assert_eq!(tls.serial("a.example"), Some(0x1234));
    assert_eq!(ask("show ssl cert"), "# filename\nother.pem\nsite.pem\n");
    let details = ask("show ssl cert site.pem");
    for line in [
        "Filename: site.pem",
        "Status: Used",
        "Serial: 1234",
        "Subject Alternative Name: DNS:a.example",
        "Algorithm: EC256",
        "Subject: /O=test",
        "Issuer: /CN=the test's authority",
    ] {
        assert!(details.lines().any(|it| it == line), "{line}\n{details}");
    }
    assert!(details.contains("\nSHA1 FingerPrint: ") && details.contains(" GMT\n"), "{details}");
    let payload = pem(&tls.authority, &["a.example", "b.example"], 0x5678);
    let set = format!("set ssl cert site.pem <<\n{payload}");
    assert_eq!(ask(&set), "Transaction created for certificate site.pem!\n");
    assert_eq!(ask(&set), "Transaction updated for certificate site.pem!\n");
    assert_eq!(tls.serial("a.example"), Some(0x1234), "it is not committed yet");
    assert!(ask("show ssl cert").starts_with("# transaction\n*site.pem\n# filename\n"));
    let waiting = ask("show ssl cert *site.pem");
    assert!(waiting.contains("Status: Unused\nSerial: 5678\n"), "{waiting}");
    assert_eq!(ask("commit ssl cert site.pem"), "Committing site.pem.\nSuccess!\n");
    assert_eq!(tls.serial("a.example"), Some(0x5678));
    assert_eq!(tls.serial("b.example"), Some(0x5678), "its names are known");
    assert!(ask("show ssl cert site.pem").contains("Serial: 5678\n"));
    // A look at the files, which have not changed, leaves it in place.
    koi_sys::guard::send_signal(tls.stage.pid(), koi_sys::guard::Signal::Hangup).expect("there");
    assert_eq!(tls.serial("a.example"), Some(0x5678));
}

#[test]
fn a_certificate_is_made_and_comes_into_a_list() {
    let (authority, port) = (Authority::new(), free_port());
    let first = pem(&authority, &["a.example"], 1);
    let sections = format!(
        "frontend tls\n    bind 127.0.0.1:{port} ssl crt-list all.list\n    http-request return status 200\n"
    );
    let files = [("site.pem", first.as_str()), ("all.list", "# ours\nsite.pem\n")];
    let stage = Stage::new("", "    http-request return status 200\n", &sections, &files);
    let tls = Tls { authority, stage, port };
    let ask = |line: &str| tls.stage.ask(line);
    until("the port is open", || std::net::TcpStream::connect(loopback(port)).is_ok());
    assert_eq!(tls.serial("b.example"), None, "the first certificate is not its own");
    assert_eq!(ask("new ssl cert b.pem"), "New empty certificate store 'b.pem'!\n");
    assert_eq!(ask("new ssl cert site.pem"), "Certificate 'site.pem' already exists!\n");
    assert_eq!(ask("show ssl cert b.pem"), "Filename: b.pem\nStatus: Empty\nOCSP Response Key: \n");
    assert_eq!(
        ask("add ssl crt-list all.list b.pem"),
        "Can't edit the crt-list: certificate 'b.pem' is empty!\n"
    );
    let payload = pem(&tls.authority, &["b.example", "c.example"], 2);
    assert!(ask(&format!("set ssl cert b.pem <<\n{payload}")).starts_with("Transaction created"));
    assert!(ask("del ssl cert b.pem").contains("ongoing transaction for the certificate 'b.pem'"));
    assert_eq!(ask("commit ssl cert b.pem"), "Committing b.pem.\nSuccess!\n");
    assert!(ask("show ssl cert b.pem").contains("Status: Unused\nSerial: 02\n"));
    assert_eq!(
        ask("add ssl crt-list all.list b.pem"),
        "Inserting certificate 'b.pem' in crt-list 'all.list'.\nSuccess!\n"
    );
    assert_eq!((tls.serial("a.example"), tls.serial("b.example")), (Some(1), Some(2)));
    assert_eq!(ask("show ssl crt-list -n all.list"), "# all.list\nsite.pem:2\nb.pem:3\n");
    assert!(ask("show ssl cert b.pem").contains("Status: Used\n"));
    assert!(ask("del ssl cert b.pem").contains("certificate 'b.pem' in use, can't be deleted!"));
    // A reload that changes nothing here keeps it; one that does reads files, and says so.
    assert!(ask("reload").starts_with("Success=1\n"));
    assert_eq!(tls.serial("b.example"), Some(2));
    assert_eq!(
        ask("del ssl crt-list all.list b.pem"),
        "Entry 'b.pem' deleted in crtlist 'all.list'!\n"
    );
    assert_eq!(tls.serial("b.example"), None);
    let line = "add ssl crt-list all.list <<\nb.pem [ssl-min-ver TLSv1.2] c.example\n";
    assert!(ask(line).ends_with("\nSuccess!\n"));
    assert_eq!((tls.serial("b.example"), tls.serial("c.example")), (None, Some(2)));
    for (command, why) in [
        (
            "del ssl crt-list all.list b.pem:9",
            "please specify a correct line number preceded by colons (4)!",
        ),
        ("del ssl crt-list all.list b.pem:x", "wrong line number after colons in 'b.pem:x'!"),
        (
            "del ssl crt-list all.list no.pem",
            "certificate 'no.pem' can't be found in crt-list 'all.list'!",
        ),
        ("del ssl crt-list all.list site.pem", "it is used as default certificate"),
        (
            "add ssl crt-list all.lst b.pem",
            "crt-list 'all.lst' does not exist! (did you mean `all.list`?)",
        ),
        ("add ssl crt-list all.list no.pem", "certificate 'no.pem' does not exist!"),
        ("add ssl crt-list all.list <<\nb.pem [aplpn h2]\n", "`aplpn` is not an option"),
    ] {
        let answer = ask(command);
        assert!(answer.contains(why), "{command}: {answer}");
    }
    // One that is deleted, key and all, is nowhere any more.
    let payload = pem(&tls.authority, &["d.example"], 4);
    ask("new ssl cert d.pem");
    ask(&format!("set ssl cert d.pem <<\n{payload}"));
    assert!(ask("commit ssl cert d.pem").ends_with("Success!\n"));
    assert!(ask("add ssl crt-list all.list d.pem").ends_with("Success!\n"));
    assert_eq!(tls.serial("d.example"), Some(4));
    assert!(ask("del ssl crt-list all.list d.pem").contains(" deleted "));
    assert_eq!(ask("del ssl cert d.pem"), "Certificate 'd.pem' deleted!\n");
    let config =
        std::fs::read_to_string(tls.stage.folder.path().join("koi.cfg")).expect("it is there");
    let changed = config.replace("ssl crt-list all.list", "ssl crt-list all.list alpn http/1.1");
    tls.stage.folder.file("koi.cfg", changed);
    let answer = ask("reload");
    assert!(
        answer
            .contains("reload: all.list was changed at run time and is read from its file again\n"),
        "{answer}"
    );
    let gone = "reload: b.pem was made at run time and has no file: it is not in use any more\n";
    assert!(answer.contains(gone) && !answer.contains("d.pem"), "{answer}");
    assert_eq!(tls.serial("c.example"), None);
    assert_eq!(ask("del ssl cert b.pem"), "Certificate 'b.pem' deleted!\n");
}

#[test]
fn what_is_no_certificate_changes_nothing() {
    let tls = start();
    let ask = |line: &str| tls.stage.ask(line);
    until("the port is open", || std::net::TcpStream::connect(loopback(tls.port)).is_ok());
    let answer = ask("set ssl cert site.pem <<\nnonsense\n");
    assert!(answer.ends_with("\nCan't update site.pem!\n"), "{answer}");
    let signed = tls.authority.sign(&["a.example"], KeyPair::generate().expect("a key"), 5);
    let answer = ask(&format!("set ssl cert site.pem <<\n{}", signed.pem));
    assert!(
        answer.contains("no private key") && answer.ends_with("Can't update site.pem!\n"),
        "{answer}"
    );
    let key = KeyPair::generate().expect("a key").serialize_pem();
    let answer = ask(&format!("set ssl cert site.pem <<\n{}{key}", signed.pem));
    assert!(answer.contains("does not belong"), "{answer}");
    let answer = ask(&format!("set ssl cert sitr.pem <<\n{}{}", signed.pem, signed.key_pem));
    assert!(answer.contains("not referenced by the configuration!"), "{answer}");
    assert!(answer.contains("did you mean `site.pem`?"), "{answer}");
    assert_eq!(
        ask("commit ssl cert site.pem"),
        "No ongoing transaction! !\nCan't commit site.pem!\n"
    );
    assert_eq!(ask("abort ssl cert site.pem"), "No ongoing transaction!\n");
    let good = format!("set ssl cert site.pem <<\n{}{}", signed.pem, signed.key_pem);
    assert_eq!(ask(&good), "Transaction created for certificate site.pem!\n");
    assert_eq!(ask("abort ssl cert site.pem"), "Transaction aborted for certificate 'site.pem'!\n");
    assert_eq!(
        ask("set ssl cert"),
        "'set ssl cert' expects a filename and a certificate as a payload\n"
    );
    assert!(ask("show ssl cert nope").starts_with("Can't display the certificate: Not found"));
    assert_eq!(tls.serial("a.example"), Some(0x1234));
}
