//! What TLS costs a request: a worker that answers 1 KiB to each request, in the clear or over TLS 1.3
//! with AES-128-GCM, and a client in a process of its own. The difference, divided by the requests, is
//! the price:
//!
//! `perf stat --no-inherit -e instructions:u <this> serve {clear|tls} 100000`
//!
//! As a benchmark of cargo's it runs a few requests, so that it cannot rot.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;

use koi::config::plan::Plan;
use koi::process::check::check_disk;
use koi::tls::BindTls;
use koi::worker::{
    Choice, Chunk, Class, ListenOptions, Local, Pool, PoolConfig, Ring, Stream, Worker,
};
use rustls::crypto::aws_lc_rs::{self, cipher_suite};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const REQUEST: [u8; 100] = [b'q'; 100];
const HEAD: [u8; 200] = [b'h'; 200];
const BODY: [u8; 1024] = [b'b'; 1024];

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    match words[..] {
        ["serve", how, count] => serve(how == "tls", count.parse().expect("a number")),
        ["ask", to, count] => ask(TcpStream::connect(to).expect("a server"), count, None),
        ["ask", to, count, ca] => ask(TcpStream::connect(to).expect("a server"), count, Some(ca)),
        _ => [true, false].into_iter().for_each(|tls| serve(tls, 1000)),
    }
}

fn serve(tls: bool, count: u64) {
    let folder = std::env::temp_dir().join(format!("koi-bench-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let made = rcgen::generate_simple_self_signed(vec!["bench.example".to_owned()]).expect("one");
    let path = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("ca.pem"), made.cert.pem()).expect("a file");
    let both = made.cert.pem() + &made.signing_key.serialize_pem();
    std::fs::write(path("own.pem"), both).expect("a file");
    let text = format!("frontend f\n bind 127.0.0.1:8443 ssl crt {}\n", path("own.pem"));
    std::fs::write(path("koi.cfg"), text).expect("a file");
    let plan: Plan = check_disk(&[path("koi.cfg")]).plan;
    let bind = BindTls::load(&plan, &plan.proxies[0].binds[0], &mut |_| {}).expect("it loads");

    let pool = Pool::new(PoolConfig::default());
    let ring = Ring::open(Choice::Auto, &pool).expect("a ring");
    let worker = Worker::new(ring, pool);
    let local = worker.local().clone();
    let ca = path("ca.pem");
    worker.block_on(async move {
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let mut listener =
            local.listen(&any.into(), &ListenOptions::default()).expect("a listener");
        let to = listener.local_address().expect("an address").to_string();
        let mut client = Command::new(std::env::current_exe().expect("a path"));
        client.args(["ask", &to, &count.to_string()]).args(tls.then_some(ca));
        let mut client = client.spawn().expect("a client");
        let stream = listener.accept().await.expect("a connection");
        match tls {
            true => answer_by_tls(&local, &bind, stream, count).await,
            false => answer(&local, stream, count).await,
        }
        assert!(client.wait().expect("it ran").success());
    });
    let _ = std::fs::remove_dir_all(folder);
}

/// Head and body, as an exchange has them: two slices.
fn response(local: &Local) -> Vec<Chunk> {
    let mut lease = local.pool().lease(Class::Small).expect("a block");
    lease[..HEAD.len()].copy_from_slice(&HEAD);
    lease[HEAD.len()..HEAD.len() + BODY.len()].copy_from_slice(&BODY);
    let mut both = lease.freeze(HEAD.len() + BODY.len());
    let head = both.cut_front(HEAD.len());
    vec![head, both]
}

async fn answer(local: &Local, stream: Stream, count: u64) {
    for _ in 0..count {
        let request = stream.receive().await.expect("a request").expect("a request");
        assert_eq!(request.len(), REQUEST.len());
        stream.send(response(local)).await.expect("it is sent");
    }
}

async fn answer_by_tls(local: &Local, bind: &Arc<BindTls>, stream: Stream, count: u64) {
    let (tls, _) = bind.accept(stream, None).await.expect("a handshake");
    for _ in 0..count {
        let request = poll_fn(|_| tls.poll_receive()).await.expect("a request").expect("a request");
        assert_eq!(request.len(), REQUEST.len());
        tls.send(response(local).into()).await.expect("it is sent");
    }
}

fn ask(mut stream: TcpStream, count: &str, ca: Option<&str>) {
    stream.set_nodelay(true).expect("an option");
    let Some(ca) = ca else { return repeat(&mut stream, count) };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).expect("a certificate")).expect("a root");
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = vec![cipher_suite::TLS13_AES_128_GCM_SHA256];
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("bench.example").expect("a name");
    let connection = ClientConnection::new(config.into(), name).expect("a client");
    repeat(&mut StreamOwned::new(connection, stream), count);
}

fn repeat(stream: &mut (impl Read + Write), count: &str) {
    let answer = &mut [0; HEAD.len() + BODY.len()];
    for _ in 0..count.parse().expect("a number") {
        stream.write_all(&REQUEST).expect("it is sent");
        stream.read_exact(answer).expect("an answer");
    }
}
