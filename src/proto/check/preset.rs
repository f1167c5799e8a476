//! Checks with fixed questions: `option ssl-hello-chk`, `smtpchk`, `mysql-check`, `pgsql-check`,
//! `redis-check`, `ldap-check` (HAProxy 3.0, configuration.txt §4.2).
//!
//! In: what the server sent. Out: what to send to it, or the verdict.

use super::{Status, Verdict, printable};

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A server that speaks SSL 3.0 or TLS.
    TlsHello,
    /// A mail server: the greeting (`EHLO` or `HELO`) and our name.
    Smtp(Box<str>, Box<str>),
    /// MySQL: the user to log in as, and whether by the protocol before 4.1.
    Mysql(Option<Box<str>>, bool),
    /// PostgreSQL: the user.
    Postgres(Box<str>),
    /// Redis.
    Redis,
    /// LDAP version 3.
    Ldap,
}

/// A conversation.
#[derive(Debug)]
pub struct Talk {
    kind: Kind,
    step: u8,
    bytes: Vec<u8>,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// More has to come.
    Wait,
    /// This is sent.
    Send(Vec<u8>),
    /// It is over; the bytes, if any, are sent as a farewell.
    Done(Verdict, &'static [u8]),
}

/// How much of an answer anybody needs.
const ANSWER_MAX: usize = 1024;

impl Talk {
    /// With a server that was just connected to; what is sent first.
    pub fn new(kind: Kind) -> (Talk, Option<Vec<u8>>) {
        let first = match &kind {
            Kind::TlsHello => Some(hello()),
            Kind::Smtp(..) | Kind::Mysql(..) => None,
            Kind::Postgres(user) => Some(postgres(user)),
            Kind::Redis => Some(b"*1\r\n$4\r\nPING\r\n".to_vec()),
            // A bind request of nobody, RFC 4511 §4.2.
            Kind::Ldap => {
                Some(b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00".to_vec())
            }
        };
        (Talk { kind, step: 0, bytes: Vec::new() }, first)
    }

    /// Bytes came.
    pub fn handle_bytes(&mut self, bytes: &[u8]) -> Next {
        let room = ANSWER_MAX.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        match &self.kind {
            Kind::TlsHello => self.tls(),
            Kind::Smtp(..) => self.smtp(),
            Kind::Mysql(..) => self.mysql(),
            Kind::Postgres(_) => self.postgres(),
            Kind::Redis => self.redis(),
            Kind::Ldap => self.ldap(),
        }
    }

    fn tls(&self) -> Next {
        // An alert is as good as a hello: somebody speaks TLS.
        match self.bytes.first() {
            Some(0x15 | 0x16) => done(Status::L6Passed, ""),
            Some(_) => done(Status::L6Response, ""),
            None => Next::Wait,
        }
    }

    fn smtp(&mut self) -> Next {
        let Some(end) = self.bytes.iter().position(|&byte| byte == b'\n') else {
            return match self.bytes.len() < ANSWER_MAX {
                true => Next::Wait,
                false => done(Status::L7Response, "no line"),
            };
        };
        let line = self.bytes.drain(..=end).collect::<Vec<u8>>();
        let digits = line.get(..3).unwrap_or_default();
        if digits.len() < 3 || !digits.iter().all(u8::is_ascii_digit) {
            return done(Status::L7Response, &String::from_utf8_lossy(&line));
        }
        let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
        if digits.first() != Some(&b'2') {
            return refused(code, line.get(4..).unwrap_or_default());
        }
        // A line with a hyphen is followed by another.
        if line.get(3) == Some(&b'-') {
            return if self.bytes.is_empty() { Next::Wait } else { self.smtp() };
        }
        self.step += 1;
        match &self.kind {
            Kind::Smtp(hello, name) if self.step == 1 => {
                self.bytes.clear();
                Next::Send(format!("{hello} {name}\r\n").into_bytes())
            }
            _ => Next::Done(
                Verdict::with(Status::L7Passed, &String::from_utf8_lossy(&line)),
                b"QUIT\r\n",
            ),
        }
    }

    fn mysql(&mut self) -> Next {
        let Some([a, b, c, _]) = self.bytes.first_chunk::<4>() else { return Next::Wait };
        let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
        if length == 0 || length > ANSWER_MAX - 4 {
            return done(Status::L7Response, "no packet of MySQL");
        }
        if self.bytes.len() < length + 4 {
            return Next::Wait;
        }
        let packet: Vec<u8> = self.bytes.drain(..length + 4).skip(4).collect();
        if packet.first() == Some(&0xff) {
            // An error: its number, then (since 4.1 behind a mark and a state) its text.
            let code = packet.get(1..3).and_then(|it| it.first_chunk::<2>());
            let code = code.map_or(0, |it| u16::from_le_bytes(*it));
            return refused(code, packet.get(3..).unwrap_or_default());
        }
        self.step += 1;
        let Kind::Mysql(user, old) = &self.kind else { return Next::Wait };
        match user {
            Some(user) if self.step == 1 => Next::Send(login(user, *old)),
            Some(_) => Next::Done(Verdict::with(Status::L7Passed, "MySQL server is ok"), QUIT),
            None => Next::Done(Verdict::plain(Status::L7Passed), QUIT),
        }
    }

    fn postgres(&self) -> Next {
        match self.bytes.first() {
            None => Next::Wait,
            Some(b'R') => done(Status::L7Passed, "PostgreSQL server is ok"),
            Some(b'E') => done(Status::L7Response, "PostgreSQL server is not ok"),
            Some(_) => done(Status::L7Status, "PostgreSQL unknown error"),
        }
    }

    fn redis(&self) -> Next {
        const PONG: &[u8] = b"+PONG\r\n";
        match self.bytes.len() < PONG.len() && PONG.starts_with(&self.bytes) {
            true => Next::Wait,
            false if self.bytes.starts_with(PONG) => done(Status::L7Passed, "Redis server is ok"),
            false => done(Status::L7Status, &String::from_utf8_lossy(&self.bytes)),
        }
    }

    fn ldap(&self) -> Next {
        if self.bytes.first().is_some_and(|&byte| byte != 0x30) {
            return done(Status::L7Response, "Not LDAPv3 protocol");
        }
        // A sequence with a message's number 1, and in it a bind response with a result.
        let Some(length) = self.bytes.get(1) else { return Next::Wait };
        let at = if length & 0x80 == 0 { 2 } else { 2 + usize::from(length & 0x7f) };
        let Some(rest) = self.bytes.get(at..at.saturating_add(8)) else { return Next::Wait };
        match rest {
            [0x02, 0x01, 0x01, 0x61, _, 0x0a, 0x01, 0x00] => done(Status::L7Passed, ""),
            [0x02, 0x01, 0x01, 0x61, ..] => {
                done(Status::L7Status, "See RFC: https://www.rfc-editor.org/rfc/rfc4511")
            }
            _ => done(Status::L7Response, "Not LDAPv3 protocol"),
        }
    }
}

/// MySQL's good-bye.
const QUIT: &[u8] = b"\x01\x00\x00\x00\x01";

/// The server said no, and why.
fn refused(code: u16, why: &[u8]) -> Next {
    let verdict = Verdict { code: Some(code), ..Verdict::plain(Status::L7Status) };
    Next::Done(Verdict { info: printable(why), ..verdict }, b"")
}

fn done(status: Status, info: &str) -> Next {
    Next::Done(Verdict::with(status, info), b"")
}

/// A hello of SSL 3.0 without extensions, which every server answers, if only by an alert.
fn hello() -> Vec<u8> {
    // Cipher suites with RSA and DHE, of which one was always known (RFC 6101, RFC 5246).
    const SUITES: &[u16] =
        &[0x39, 0x38, 0x35, 0x16, 0x13, 0x0a, 0x33, 0x32, 0x2f, 0x05, 0x04, 0x09];
    let suites: Vec<u8> = SUITES.iter().flat_map(|it| it.to_be_bytes()).collect();
    let mut body = vec![3, 0];
    body.extend_from_slice(&[0x4b; 32]);
    body.push(0);
    body.extend_from_slice(&u16::try_from(suites.len()).unwrap_or(0).to_be_bytes());
    body.extend_from_slice(&suites);
    body.extend_from_slice(&[1, 0]);
    let length = |extra: usize| u16::try_from(body.len() + extra).unwrap_or(0).to_be_bytes();
    let mut out = vec![0x16, 3, 0];
    out.extend_from_slice(&length(4));
    out.extend_from_slice(&[1, 0]);
    out.extend_from_slice(&length(0));
    out.extend_from_slice(&body);
    out
}

/// A startup message of protocol 3.0.
fn postgres(user: &str) -> Vec<u8> {
    let length = u32::try_from(4 + 4 + 5 + user.len() + 2).unwrap_or(0);
    let mut out = length.to_be_bytes().to_vec();
    out.extend_from_slice(&196_608_u32.to_be_bytes());
    out.extend_from_slice(b"user\0");
    out.extend_from_slice(user.as_bytes());
    out.extend_from_slice(b"\0\0");
    out
}

/// A handshake response without a password.
fn login(user: &str, old: bool) -> Vec<u8> {
    let mut body = Vec::new();
    match old {
        // Long passwords are not spoken; packets up to the largest.
        true => body.extend_from_slice(&[0x00, 0x80, 0x00, 0x00, 0x01]),
        false => {
            // Protocol 4.1, secure connection; packets up to the largest; latin1 or utf8.
            body.extend_from_slice(&[0x00, 0x82, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x21]);
            body.extend_from_slice(&[0; 23]);
        }
    }
    body.extend_from_slice(user.as_bytes());
    body.extend_from_slice(b"\0\0");
    let length = u32::try_from(body.len()).unwrap_or(0).to_le_bytes();
    let mut out = length.get(..3).unwrap_or_default().to_vec();
    out.push(1);
    out.extend_from_slice(&body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(kind: Kind, says: &[&[u8]]) -> Option<(Status, Vec<Vec<u8>>)> {
        let (mut talk, first) = Talk::new(kind);
        let mut sent: Vec<Vec<u8>> = first.into_iter().collect();
        for bytes in says {
            match talk.handle_bytes(bytes) {
                Next::Wait => {}
                Next::Send(bytes) => sent.push(bytes),
                Next::Done(verdict, _) => return Some((verdict.status, sent)),
            }
        }
        None
    }

    fn status(kind: Kind, says: &[&[u8]]) -> Option<Status> {
        verdict(kind, says).map(|it| it.0)
    }

    #[test]
    fn good_servers_pass_and_others_do_not() {
        let smtp = || Kind::Smtp("EHLO".into(), "localhost".into());
        let (passed, sent) =
            verdict(smtp(), &[b"220 mail\r\n", b"250-mail\r\n250 ok\r\n"]).expect("a verdict");
        assert_eq!((passed, &*sent[0]), (Status::L7Passed, &b"EHLO localhost\r\n"[..]));
        assert_eq!(status(smtp(), &[b"554 no\r\n"]), Some(Status::L7Status));
        assert_eq!(status(smtp(), &[b"hello\r\n"]), Some(Status::L7Response));
        assert_eq!(status(smtp(), &[b"220"]), None);
        let redis = |says: &[u8]| status(Kind::Redis, &[says]);
        assert_eq!(redis(b"+PONG\r\n"), Some(Status::L7Passed));
        assert_eq!(redis(b"-NOAUTH\r\n"), Some(Status::L7Status));
        assert_eq!(redis(b"+PO"), None);
        let tls = |says: &[u8]| status(Kind::TlsHello, &[says]);
        assert_eq!(tls(b"\x15\x03\x00"), Some(Status::L6Passed));
        assert_eq!(tls(b"HTTP/1.1 400"), Some(Status::L6Response));
        let postgres = |says: &[u8]| status(Kind::Postgres("koi".into()), &[says]);
        assert_eq!(postgres(b"R\0\0\0\x08\0\0\0\0"), Some(Status::L7Passed));
        assert_eq!(postgres(b"E\0\0\0\x08"), Some(Status::L7Response));
        let ldap = |says: &[u8]| status(Kind::Ldap, &[says]);
        let good = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";
        assert_eq!(ldap(good), Some(Status::L7Passed));
        assert_eq!(ldap(&good[..6]), None);
        assert_eq!(ldap(b"\x31"), Some(Status::L7Response));
        let greeting = b"\x05\0\0\0\x0a5.7\0";
        assert_eq!(status(Kind::Mysql(None, false), &[greeting]), Some(Status::L7Passed));
        let user = || Kind::Mysql(Some("koi".into()), false);
        assert_eq!(status(user(), &[greeting]), None);
        assert_eq!(status(user(), &[greeting, b"\x01\0\0\x02\0"]), Some(Status::L7Passed));
        assert_eq!(status(user(), &[b"\x04\0\0\0\xff\x10\x04x"]), Some(Status::L7Status));
        assert_eq!(status(user(), &[b"\xff\xff\xff\0"]), Some(Status::L7Response));
    }

    #[test]
    fn nothing_that_a_server_says_breaks_a_talk() {
        // A linear congruential generator: the same bytes in every run.
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for round in 0..2000 {
            let kind = match round % 6 {
                0 => Kind::TlsHello,
                1 => Kind::Smtp("HELO".into(), "a".into()),
                2 => Kind::Mysql(Some("a".into()), round % 4 == 0),
                3 => Kind::Postgres("a".into()),
                4 => Kind::Redis,
                _ => Kind::Ldap,
            };
            let (mut talk, _) = Talk::new(kind);
            for _ in 0..=random(8) {
                let length = random(700);
                let bytes: Vec<u8> =
                    (0..length).map(|_| u8::try_from(random(256)).unwrap_or(0)).collect();
                talk.handle_bytes(&bytes);
            }
        }
    }
}
