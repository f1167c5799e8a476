//! What a hash of a request is made of: `balance source`, `uri`, `url_param`, `hdr()`, `hash`.
//!
//! In: the plan's lines and a request. Out: 32 bits, or none where the request has nothing to hash: such
//! requests take turns. As HAProxy has it, byte for byte, so that both lead to the same server.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::config::plan::{Balance, HashFunction, HashMethod, HashType, Proxy};
use crate::proto::head::View;
use crate::rules::context::Context;
use crate::rules::convert::hash::{avalanche, crc32, djb2, sdbm, wt6};
use crate::rules::expr::Expr;
use crate::rules::fetch::list;
use crate::rules::program::{Compiled, ProxyProgram};
use crate::rules::target::Target;

/// How hashes lead to servers if `hash-type` does not say.
const TYPE: HashType = HashType { method: HashMethod::MapBased, function: None, avalanche: false };

/// `hash-type`.
pub(crate) fn hash_type(proxy: &Proxy) -> HashType {
    let mut how = proxy.back.hash_type.as_ref().map_or(TYPE, |it| it.value);
    // Without anything said about the function, a place on the ring is hashed twice.
    how.avalanche |= how.method == HashMethod::Consistent && how.function.is_none();
    how
}

/// Whether a hash decides, and not a turn.
pub fn hashes(proxy: &Proxy) -> bool {
    let balance = proxy.back.balance.as_ref().map(|it| &it.value);
    matches!(
        balance,
        Some(
            Balance::Source
                | Balance::Uri { .. }
                | Balance::UrlParam { .. }
                | Balance::Header { .. }
                | Balance::Hash
        )
    )
}

/// How requests to a backend are hashed.
#[derive(Clone, Debug)]
pub struct Hash {
    of: Of,
    how: HashType,
}

/// What is hashed.
#[derive(Clone, Debug)]
enum Of {
    Uri { whole: bool, path_only: bool, length: Option<usize>, depth: Option<usize> },
    UrlParam(Box<[u8]>),
    Header { name: Box<[u8]>, domain_only: bool },
    Expression(Expr),
}

impl Hash {
    /// Of a backend; `None` if it does not hash requests. (A hash of the client's address takes no
    /// request: see `of_address`.)
    pub fn new(proxy: &Proxy, program: &ProxyProgram) -> Option<Hash> {
        let number = |given: Option<u32>| given.and_then(|it| usize::try_from(it).ok());
        let bytes = |text: &str| text.as_bytes().into();
        let of = match &proxy.back.balance.as_ref()?.value {
            Balance::Uri { whole, path_only, length, depth } => Of::Uri {
                whole: *whole,
                path_only: *path_only,
                length: number(*length),
                depth: number(*depth),
            },
            Balance::UrlParam { name, .. } => Of::UrlParam(bytes(name)),
            Balance::Header { name, domain_only } => {
                Of::Header { name: bytes(name), domain_only: *domain_only }
            }
            Balance::Hash => Of::Expression(expression(proxy, program)?),
            _ => return None,
        };
        Some(Hash { of, how: hash_type(proxy) })
    }

    /// The hash of a request.
    pub fn of(&self, context: &Context<'_>) -> Option<u32> {
        let request = || context.request.as_ref();
        let bytes: Cow<'_, [u8]> = match &self.of {
            Of::Uri { whole, path_only, length, depth } => {
                let target = request()?.target();
                let uri = if *path_only { Target::of(target).path_and_query() } else { target };
                Cow::Borrowed(uri_part(uri, *whole, *length, *depth))
            }
            Of::UrlParam(name) => Cow::Borrowed(parameter(request()?.target(), name)?),
            Of::Header { name, domain_only } => {
                let value = first_value(request()?, name)?;
                Cow::Borrowed(if *domain_only { domain(value) } else { value })
            }
            Of::Expression(expression) => expression.last(context)?.into_bytes(),
        };
        Some(hash(&bytes, self.how))
    }
}

/// The expression of `balance hash`: the last such line holds.
fn expression(proxy: &Proxy, program: &ProxyProgram) -> Option<Expr> {
    let is_balance = |line: &crate::config::plan::RuleLine| {
        line.keyword == "balance" && line.words.first().is_some_and(|it| &*it.text == "hash")
    };
    let index = proxy.rules.formats.iter().rposition(is_balance)?;
    match program.formats.get(index)? {
        Some(Compiled::Expr(expression)) => Some(expression.clone()),
        _ => None,
    }
}

/// The hash of a client's address: its 32-bit words, one XORed with the other.
pub(crate) fn of_address(address: IpAddr, how: HashType) -> u32 {
    let hash = match address {
        IpAddr::V4(v4) => v4.to_bits(),
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            [0, 32, 64, 96].iter().fold(0, |hash, shift| {
                hash ^ u32::try_from((bits >> shift) & 0xffff_ffff).unwrap_or(0)
            })
        }
    };
    if how.avalanche { avalanche(hash) } else { hash }
}

fn hash(bytes: &[u8], how: HashType) -> u32 {
    let hash = match how.function.unwrap_or(HashFunction::Sdbm) {
        HashFunction::Sdbm => sdbm(bytes),
        HashFunction::Djb2 => djb2(bytes),
        HashFunction::Wt6 => wt6(bytes),
        HashFunction::Crc32 => crc32(bytes),
        HashFunction::None => number(bytes),
    };
    if how.avalanche { avalanche(hash) } else { hash }
}

/// The low bits of the number that bytes begin with.
fn number(bytes: &[u8]) -> u32 {
    let (negative, digits) = match bytes.first() {
        Some(b'-') => (true, &bytes[1..]),
        Some(b'+') => (false, &bytes[1..]),
        _ => (false, bytes),
    };
    let digits = digits.iter().take_while(|it| it.is_ascii_digit());
    let value = digits.fold(0_i64, |value, digit| {
        let digit = i64::from(digit - b'0');
        value.saturating_mul(10).saturating_add(if negative { -digit } else { digit })
    });
    u32::try_from(value & 0xffff_ffff).unwrap_or(0)
}

/// The part of a URI that counts: up to the question mark, so many characters, so many folders.
fn uri_part(uri: &[u8], whole: bool, length: Option<usize>, depth: Option<usize>) -> &[u8] {
    let uri = &uri[..length.unwrap_or(usize::MAX).min(uri.len())];
    let mut slashes = 0;
    let end = uri.iter().position(|&byte| match byte {
        b'/' => {
            slashes += 1;
            // The first slash opens the first folder.
            depth.is_some_and(|depth| slashes == depth.saturating_add(1))
        }
        b'?' => !whole,
        _ => false,
    });
    &uri[..end.unwrap_or(uri.len())]
}

/// The value of a parameter of the query.
fn parameter<'a>(target: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let start = target.iter().position(|&byte| byte == b'?')?;
    let mut pairs = target.get(start + 1..)?.split(|&byte| byte == b'&');
    pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"="))
}

/// The first value of a field, if there is one and it is not empty.
fn first_value<'a>(request: &View<'a>, name: &[u8]) -> Option<&'a [u8]> {
    let value = list::parts(request.values(name).next()?).next()?;
    Some(value).filter(|it| !it.is_empty())
}

/// The name in front of the top-level domain: between the last dot and the one before. Whole if there is
/// no dot.
fn domain(value: &[u8]) -> &[u8] {
    // A dot at the very front divides nothing.
    let Some(end) = value.iter().rposition(|&byte| byte == b'.').filter(|&end| end > 0) else {
        return value;
    };
    let name = &value[..end];
    // The byte next to the last dot is not looked at.
    let before = name.len().checked_sub(1).and_then(|last| {
        name.get(..last).and_then(|name| name.iter().rposition(|&byte| byte == b'.'))
    });
    &name[before.map_or(0, |dot| dot + 1)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_uris() {
        let part = |uri: &'static str, whole, length, depth| {
            std::str::from_utf8(uri_part(uri.as_bytes(), whole, length, depth)).expect("text")
        };
        assert_eq!(part("/a/b/c?d=/e", false, None, None), "/a/b/c");
        assert_eq!(part("/a/b/c?d=/e", true, None, None), "/a/b/c?d=/e");
        assert_eq!(part("/a/b/c?d", false, Some(3), None), "/a/");
        assert_eq!(part("/a/b/c?d", false, None, Some(1)), "/a");
        assert_eq!(part("/a/b/c?d", false, Some(900), Some(2)), "/a/b");
        assert_eq!(part("", false, Some(1), Some(1)), "");
    }

    #[test]
    fn parameters() {
        let value = |target: &'static str| {
            parameter(target.as_bytes(), b"id").map(|it| std::str::from_utf8(it).expect("text"))
        };
        assert_eq!(value("/?id=1"), Some("1"));
        assert_eq!(value("/?a=b&id=12&id=3"), Some("12"));
        assert_eq!(value("/?xid=1&id2=4"), None);
        assert_eq!(value("/?id="), Some(""));
        assert_eq!((value("/id=1"), value("/?id")), (None, None));
    }

    #[test]
    fn names_of_domains() {
        let name = |host: &'static str| std::str::from_utf8(domain(host.as_bytes())).expect("text");
        assert_eq!(name("www.example.net"), "example");
        assert_eq!(name("example.net"), "example");
        assert_eq!(name("a.b.example.net:80"), "example");
        assert_eq!(name("localhost"), "localhost");
        assert_eq!((name(""), name(".net"), name("a.")), ("", ".net", "a"));
    }

    #[test]
    fn numbers_are_read_as_far_as_they_go() {
        assert_eq!((number(b"12x"), number(b""), number(b"-1")), (12, 0, u32::MAX));
        assert_eq!(number(b"4294967297"), 1);
        assert_eq!(number(b"99999999999999999999"), u32::MAX);
    }
}
