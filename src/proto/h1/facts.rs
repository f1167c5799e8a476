//! What the fields of a head say that decides about the message: its length, whom it is for, its
//! connection. And which fields belong to one hop only.

use super::bytes::{TOKEN, are, same_name, trim};
use super::host::is_authority;
use super::{Connection, Framing, Reason};
use crate::proto::head::{Head, Version};

/// Options in `Connection` that are read; each is compared with every field's name.
const OPTIONS_MAX: usize = 32;

/// The largest length: what fits in a signed number of 64 bits, for the sake of who comes behind us.
pub const LENGTH_MAX: u64 = i64::MAX as u64;

/// What the fields say.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    version: Version,
    /// `Host` and `Expect` do not count: it is a response.
    response: bool,
    /// `Content-Length`.
    pub length: Option<u64>,
    /// `Transfer-Encoding: chunked`.
    pub chunked: bool,
    /// There is a `Host`.
    pub host: bool,
    /// There is `Expect: 100-continue`, in a version that knows it.
    pub expect: bool,
    /// There is `Upgrade`.
    pub upgrade: bool,
    /// What `Connection` says; `upgrade` whatever `Upgrade` says.
    pub connection: Connection,
    /// How many options `Connection` has.
    options: usize,
    /// What is to be done about the fields.
    pub notes: Notes,
}

/// What is to be done about a head before rules see it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Notes {
    /// `Connection` names fields.
    pub names: bool,
    /// `Upgrade` names `h2c`, or there is `HTTP2-Settings`.
    pub h2c: bool,
    /// Fields look like framing but for an underscore.
    pub disguised: bool,
    /// There is `Expect`.
    pub expect: bool,
}

impl Facts {
    /// Of a request in this version.
    pub fn request(version: Version) -> Facts {
        Facts {
            version,
            response: false,
            length: None,
            chunked: false,
            host: false,
            expect: false,
            upgrade: false,
            connection: Connection::default(),
            options: 0,
            notes: Notes::default(),
        }
    }

    /// Of a response in this version.
    pub fn response(version: Version) -> Facts {
        Facts { response: true, ..Facts::request(version) }
    }

    /// Takes a field in. At fault: the reason.
    #[inline(always)]
    pub fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), Reason> {
        // Length and first letter tell most others from those that count.
        match (name.len(), name.first().map(|byte| byte | 0x20)) {
            (4, Some(b'h')) | (6, Some(b'e')) | (7, Some(b'u')) => self.take(name, value),
            (10, Some(b'c')) | (14, Some(b'c' | b'h')) | (17, Some(b't')) => self.take(name, value),
            _ => Ok(()),
        }
    }

    #[inline(never)]
    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), Reason> {
        match name.len() {
            4 if same_name(name, b"host") => self.host(value),
            6 if same_name(name, b"expect") => self.expect(value),
            7 if same_name(name, b"upgrade") => self.upgrade(value),
            10 if same_name(name, b"connection") => self.connection(value),
            14 if same_name(name, b"content-length") => self.length(value),
            14 if same_name(name, b"http2-settings") => {
                self.notes.h2c = true;
                Ok(())
            }
            17 if same_name(name, b"transfer-encoding") => self.coding(value),
            14 | 17 if is_disguised(name) => {
                self.notes.disguised = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn host(&mut self, value: &[u8]) -> Result<(), Reason> {
        if self.response {
            return Ok(());
        }
        if self.host {
            return Err(Reason::HostRepeated);
        }
        self.host = true;
        if is_authority(value) { Ok(()) } else { Err(Reason::Host) }
    }

    /// HTTP/1.0 knows no expectations (RFC 9110 §10.1.1): then they do not count.
    fn expect(&mut self, value: &[u8]) -> Result<(), Reason> {
        self.notes.expect = true;
        if self.response || self.version == Version::Http10 {
            return Ok(());
        }
        let once = !std::mem::replace(&mut self.expect, true);
        let good = once && value.eq_ignore_ascii_case(b"100-continue");
        if good { Ok(()) } else { Err(Reason::Expectation) }
    }

    fn upgrade(&mut self, value: &[u8]) -> Result<(), Reason> {
        self.upgrade = true;
        self.notes.h2c |= value
            .split(|byte| *byte == b',')
            .any(|protocol| trim(protocol).eq_ignore_ascii_case(b"h2c"));
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) -> Result<(), Reason> {
        for option in value.split(|byte| *byte == b',').map(trim) {
            self.options += 1;
            if self.options > OPTIONS_MAX {
                return Err(Reason::TooManyOptions);
            }
            match option.len() {
                0 => {}
                5 if option.eq_ignore_ascii_case(b"close") => self.connection.close = true,
                7 if option.eq_ignore_ascii_case(b"upgrade") => self.connection.upgrade = true,
                10 if option.eq_ignore_ascii_case(b"keep-alive") => {
                    self.connection.keep_alive = true;
                }
                _ => self.notes.names = true,
            }
        }
        Ok(())
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Reason> {
        if self.length.is_some() {
            return Err(Reason::LengthRepeated);
        }
        if self.chunked {
            return Err(Reason::LengthAndCoding);
        }
        self.length = Some(decimal(value)?);
        Ok(())
    }

    fn coding(&mut self, value: &[u8]) -> Result<(), Reason> {
        if self.chunked {
            return Err(Reason::CodingRepeated);
        }
        if self.length.is_some() {
            return Err(Reason::LengthAndCoding);
        }
        if self.version == Version::Http10 {
            return Err(Reason::CodingVersion);
        }
        check_codings(value)?;
        self.chunked = true;
        Ok(())
    }

    /// How the fields frame a body; `None` if they do not say.
    pub fn framing(&self) -> Option<Framing> {
        match self.length {
            _ if self.chunked => Some(Framing::Chunked),
            Some(0) => Some(Framing::None),
            Some(length) => Some(Framing::Length(length)),
            None => None,
        }
    }
}

/// Digits only; leading zeros are digits (RFC 9110 §8.6).
fn decimal(value: &[u8]) -> Result<u64, Reason> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Reason::Length);
    }
    value
        .iter()
        .try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .filter(|sum| *sum <= LENGTH_MAX)
        .ok_or(Reason::LengthTooLarge)
}

/// Good is `chunked` alone (RFC 9112 §6.1, §7). Empty members are legal and refused all the same.
fn check_codings(value: &[u8]) -> Result<(), Reason> {
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let codings = || value.split(|byte| *byte == b',').map(trim);
    if codings().any(|coding| coding.is_empty() || !are(coding, TOKEN)) {
        return Err(Reason::Coding);
    }
    match (codings().filter(|coding| is_chunked(coding)).count(), codings().next_back()) {
        (0, _) => Err(Reason::CodingUnknown),
        (1, Some(last)) if !is_chunked(last) => Err(Reason::CodingOrder),
        (1, _) if codings().count() == 1 => Ok(()),
        (1, _) => Err(Reason::CodingUnknown),
        _ => Err(Reason::CodingRepeated),
    }
}

/// Whether a name becomes that of a framing field for who takes `_` for `-` (CGI and its kin).
fn is_disguised(name: &[u8]) -> bool {
    let same = |lower: &[u8]| {
        let fold = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
        name.len() == lower.len() && name.iter().map(fold).eq(lower.iter().copied())
    };
    name.contains(&b'_') && (same(b"content-length") || same(b"transfer-encoding"))
}

/// Removes the disguised fields; gives how many.
pub fn remove_disguised(head: &mut Head, base: &[u8]) -> usize {
    let before = head.fields.len();
    head.remove(base, |name, _| is_disguised(name));
    before - head.fields.len()
}

/// Removes the fields that `Connection` names, but protected ones (RFC 9110 §7.6.1).
pub fn remove_named(head: &mut Head, base: &[u8]) {
    let view = head.view(base);
    let options = view.values(b"connection").flat_map(|value| value.split(|byte| *byte == b','));
    let names: Vec<Vec<u8>> =
        options.take(OPTIONS_MAX).map(|option| trim(option).to_vec()).collect();
    head.remove(base, |name, _| {
        !is_protected(name) && names.iter().any(|listed| name.eq_ignore_ascii_case(listed))
    });
}

/// What a client cannot have removed by naming it in `Connection` (row 71): what tells who it is and
/// what it wants, what frames the message, and what the hop itself is about.
fn is_protected(name: &[u8]) -> bool {
    const NAMES: [&str; 24] = [
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "date",
        "expect",
        "forwarded",
        "host",
        "location",
        "origin",
        "proxy-authorization",
        "range",
        "referer",
        "set-cookie",
        "transfer-encoding",
        "true-client-ip",
        "upgrade",
        "via",
        "x-client-ip",
        "x-real-ip",
    ];
    let starts = |prefix: &[u8]| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    starts(b"x-forwarded")
        || NAMES.iter().any(|protected| name.eq_ignore_ascii_case(protected.as_bytes()))
}

/// Whether a field belongs to one hop, or frames the message: it is never passed on as it came.
#[inline(always)]
pub fn is_hop_by_hop(name: &[u8]) -> bool {
    // Length and first letter tell most others from these.
    match (name.len(), name.first().map(|byte| byte | 0x20)) {
        (2, Some(b't')) | (7, Some(b't' | b'u')) | (10, Some(b'c' | b'k')) => is_of_hop(name),
        (14, Some(b'c' | b'h')) | (16, Some(b'p')) | (17, Some(b't')) => is_of_hop(name),
        _ => false,
    }
}

fn is_of_hop(name: &[u8]) -> bool {
    match name.len() {
        2 => same_name(name, b"te"),
        7 => same_name(name, b"upgrade") || same_name(name, b"trailer"),
        10 => same_name(name, b"connection") || same_name(name, b"keep-alive"),
        14 => same_name(name, b"content-length") || same_name(name, b"http2-settings"),
        16 => same_name(name, b"proxy-connection"),
        _ => same_name(name, b"transfer-encoding"),
    }
}
