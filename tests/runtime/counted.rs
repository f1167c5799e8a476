//! What is counted whether or not anybody keeps a log.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::client::Stage;
use crate::client::cell;
use crate::koi::{Client, until};

/// A server that sends back what it gets.
fn echo() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let serve = |mut stream: TcpStream| {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..read]).is_err() {
                return;
            }
        }
    };
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

#[test]
fn bytes_of_tcp_connections_are_counted_without_a_log() {
    let backend = format!("backend app\n    mode tcp\n    server a 127.0.0.1:{}\n", echo());
    let front = "    mode tcp\n    default_backend app\n";
    let stage = Stage::new("", front, &backend, &[]);
    let mut client = Client::connect(stage.port).0;
    client.write_all(&[b'x'; 1000]).expect("bytes");
    client.read_exact(&mut [0; 1000]).expect("the same bytes");
    drop(client);
    let rows = [("web", "FRONTEND"), ("app", "a"), ("app", "BACKEND")];
    for row in rows {
        for column in ["bin", "bout"] {
            until(&format!("{row:?} has {column}"), || {
                cell(&stage.ask("show stat"), row, column) == "1000"
            });
        }
    }
}
