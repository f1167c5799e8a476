//! A client of raw bytes: sends what it is told, reads responses.

use std::net::SocketAddr;

use super::message::{Message, read_head};
use super::wire::{End, Wire};

/// Interim responses in front of a final one after which the client gives up.
const INTERIM_MAX: usize = 100;

/// A client's connection.
pub struct Client {
    pub wire: Wire,
}

/// What became of a connection after the last response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It answers another request.
    Open,
    /// It was closed.
    Closed,
    /// Neither.
    Silent,
}

impl Client {
    /// A connection to this address in the clear.
    pub fn connect(address: SocketAddr) -> Client {
        Client { wire: Wire::connect(address).unwrap_or_else(|why| panic!("{address}: {why}")) }
    }

    /// Sends bytes; a peer that closed meanwhile is found when its answer is read.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.wire.send(bytes);
    }

    /// Sends each byte by itself.
    pub fn send_byte_by_byte(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.wire.send(std::slice::from_ref(byte)).is_err() {
                return;
            }
        }
    }

    /// The next final response, behind those of 1xx before it (101 is a final one).
    ///
    /// # Errors
    /// Why none came.
    pub fn responses(&mut self, bodiless: bool) -> Result<Vec<Message>, End> {
        let mut all = Vec::new();
        loop {
            let response = self.response(bodiless)?;
            let is_final = !matches!(response.status(), 100 | 102..=199);
            all.push(response);
            if is_final || all.len() > INTERIM_MAX {
                return Ok(all);
            }
        }
    }

    /// The next response, interim or not.
    ///
    /// # Errors
    /// Why none came.
    pub fn response(&mut self, bodiless: bool) -> Result<Message, End> {
        let head = read_head(&mut self.wire)?;
        let mut response = Message::from_head(&head);
        let framing = response.response_framing(bodiless);
        response.read_body(&mut self.wire, framing);
        Ok(response)
    }

    /// Sends a request and reads the final response.
    pub fn ask(&mut self, request: &str) -> Message {
        self.send(request.as_bytes());
        let bodiless = request.starts_with("HEAD ");
        let responses = self.responses(bodiless);
        let mut all =
            responses.unwrap_or_else(|end| panic!("no response ({end:?}) to {request:?}"));
        all.pop().expect("one at least")
    }

    /// Whether the connection still takes requests, tried by one that the proxy answers itself with
    /// this status.
    pub fn probe(mut self, request: &[u8], status: u16) -> After {
        self.send(request);
        match self.response(false) {
            Ok(response) if response.status() == status => After::Open,
            Ok(_) | Err(End::Finished | End::Broken) => After::Closed,
            Err(End::Silent) => After::Silent,
        }
    }

    /// Reads to the end: what came, and how it ended.
    pub fn drain(&mut self) -> (Vec<u8>, End) {
        self.wire.take_rest()
    }
}
