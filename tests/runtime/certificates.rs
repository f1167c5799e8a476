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
