//! An answer of HTTP to a health check.
//!
//! In: bytes as they come, and the end of the connection. Out: the answer once it is whole, or as much as
//! is kept of it. The same parser as for servers in use reads it, so a server whose answers would be
//! refused is found by its checks.

use super::REPLY_MAX;
use crate::proto::h1::body::{BodyReader, Step};
use crate::proto::h1::response::{self, Asked, Response};
use crate::proto::h1::{Limits, Reject, Scan};

/// Fields of an answer.
const FIELDS: usize = 101;

/// An answer that comes.
#[derive(Debug)]
pub struct Reply {
    bytes: Vec<u8>,
    scan: Scan,
    asked: Asked,
    head: Option<Response>,
    body: Option<BodyReader>,
    /// How far the body was read.
    read: usize,
    content: Vec<u8>,
    full: bool,
    ended: bool,
}

impl Reply {
    /// To a request of this method.
    pub fn new(method: &[u8]) -> Reply {
        Reply {
            bytes: Vec::new(),
            scan: Scan::default(),
            asked: Asked { head: method == b"HEAD", ..Asked::default() },
            head: None,
            body: None,
            read: 0,
            content: Vec::new(),
            full: false,
            ended: false,
        }
    }

    /// Bytes came; those beyond what is kept are forgotten.
    ///
    /// # Errors
    /// It is not HTTP.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), Reject> {
        let room = REPLY_MAX.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.full = self.bytes.len() >= REPLY_MAX;
        while self.head.is_none() {
            let limits = Limits { head_bytes: REPLY_MAX, fields: FIELDS };
            let found =
                response::parse(&self.bytes, &mut self.scan, &limits, self.asked, Vec::new())?;
            let Some(head) = found else { return Ok(()) };
            if (100..200).contains(&head.head.view(&self.bytes).status()) {
                self.bytes.drain(..head.length.min(self.bytes.len()));
                continue;
            }
            self.read = head.length;
            self.body = Some(BodyReader::new(head.framing));
            self.head = Some(head);
        }
        self.read_body()
    }

    fn read_body(&mut self) -> Result<(), Reject> {
        let Some(body) = &mut self.body else { return Ok(()) };
        while let Some(rest) = self.bytes.get(self.read..) {
            match body.handle_bytes(rest)? {
                Step::Data { skip, data } => {
                    let end = skip.saturating_add(data);
                    self.content.extend_from_slice(rest.get(skip..end).unwrap_or_default());
                    self.read += end;
                }
                Step::End { .. } | Step::More => break,
            }
        }
        Ok(())
    }

    /// The connection ended.
    pub fn handle_end(&mut self) {
        self.ended = true;
    }

    /// The head, once it is there.
    pub fn head(&self) -> Option<&Response> {
        self.head.as_ref()
    }

    /// The bytes that the head points into.
    pub fn base(&self) -> &[u8] {
        &self.bytes
    }

    /// The content so far.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// Whether nothing comes any more that would be kept.
    pub fn is_whole(&self) -> bool {
        self.ended || self.full || self.body.as_ref().is_some_and(BodyReader::is_done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(method: &str, text: &str) -> Result<Reply, Reject> {
        let mut reply = Reply::new(method.as_bytes());
        for byte in text.as_bytes() {
            reply.handle_bytes(std::slice::from_ref(byte))?;
        }
        Ok(reply)
    }

    #[test]
    fn an_answer_is_whole_when_its_framing_says_so() {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        let mut it = reply("GET", text).expect("good");
        assert!(!it.is_whole());
        it.handle_bytes(b"okmore").expect("good");
        assert!(it.is_whole());
        assert_eq!(it.content(), b"ok");
        let chunked = "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        let it = reply("GET", chunked).expect("good");
        assert_eq!((it.is_whole(), it.content()), (true, &b"abc"[..]));
        let it = reply("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").expect("good");
        assert!(it.is_whole());
        let mut it = reply("GET", "HTTP/1.0 200 OK\r\n\r\nabc").expect("good");
        assert!(!it.is_whole());
        it.handle_end();
        assert_eq!((it.is_whole(), it.content()), (true, &b"abc"[..]));
    }

    #[test]
    fn what_is_no_answer_is_refused_and_too_much_is_forgotten() {
        assert!(reply("GET", "SSH-2.0-OpenSSH\r\n\r\n").is_err());
        let mut it = reply("GET", "HTTP/1.0 200 OK\r\n\r\n").expect("good");
        for _ in 0..100 {
            it.handle_bytes(&[b'x'; 1000]).expect("good");
        }
        assert!(it.is_whole() && it.content().len() < REPLY_MAX);
    }
}
