//! One configuration, served by Koi and by HAProxy 3.0, the same requests to both: which server each took.
//! Without HAProxy only Koi runs, and what can be said of it alone is looked at.

use super::end_to_end::client::Client;
use super::end_to_end::proxy::{Folder, Program, Proxy};
use super::end_to_end::{free_ports, loopback};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

/// A server that answers `200` to everything, at every loopback address. To a path with `hold` in it the
/// body never comes.
pub fn origin() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            thread::spawn(move || serve(stream));
        }
    });
    port
}

/// Answers with what it got in `X-Got`, line by line.
fn serve(stream: TcpStream) {
    let mut write = stream.try_clone().expect("a second handle");
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut head = Vec::new();
    for line in lines {
        if !line.is_empty() {
            head.push(line);
            continue;
        }
        let (hold, got) = (head.iter().any(|it| it.contains("hold")), head.join("|"));
        let body = if hold { "" } else { "ok" };
        let answer = format!("HTTP/1.1 200 OK\r\nX-Got: {got}\r\nContent-Length: 2\r\n\r\n{body}");
        if write.write_all(answer.as_bytes()).is_err() {
            return;
        }
        head.clear();
    }
}

/// A program with a configuration. `@port@` is where it listens, `@origin@` where servers do.
pub struct Side {
    pub port: u16,
    proxy: Proxy,
}

impl Side {
    pub fn start(program: &Program, text: &str, origin: u16) -> Side {
        let port = free_ports(1)[0];
        let text = text.replace("@port@", &port.to_string());
        let text = text.replace("@origin@", &origin.to_string());
        let folder = Folder::new("balance");
        let proxy = Proxy::start(program, folder, &text, &[loopback(port)]);
        Side { port, proxy }
    }

    pub fn client(&self) -> Client {
        Client::connect(loopback(self.port))
    }

    pub fn assert_well(&mut self) {
        self.proxy.assert_well();
    }
}

/// Koi, and HAProxy if it is there.
pub fn sides(text: &str) -> Vec<Side> {
    let origin = origin();
    let mut sides = vec![Side::start(&Program::koi(), text, origin)];
    match Program::haproxy() {
        Ok(haproxy) => sides.push(Side::start(&haproxy, text, origin)),
        Err(why) => println!("*** SKIPPED: HAProxy beside Koi: {why} ***"),
    }
    sides
}

/// The server that each of these requests came to, by its number.
pub fn servers(client: &mut Client, requests: &[String]) -> String {
    let mut all = String::new();
    for request in requests {
        let answer = client.ask(request);
        all += &answer.value("x-srv").map_or_else(|| answer.status().to_string(), str::to_owned);
    }
    all
}
