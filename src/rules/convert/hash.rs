//! Hashes: the quick ones that HAProxy balances with, and digests.

use std::borrow::Cow;

use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, Crc};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use xxhash_rust::{xxh3, xxh32, xxh64};

use super::{Converter, checked, converter};
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::source::Span;
use crate::rules::arg::{Arg, Kind, Param, may, must};
use crate::rules::compiler::Compiler;
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

static CRC32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
static CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// Bob Jenkins' full avalanche of 32 bits, in the six-step form of his page on integer hashing, times a
/// large prime: what HAProxy puts behind every hash that places servers.
pub fn avalanche(mut hash: u32) -> u32 {
    hash = hash.wrapping_add(0x7ed5_5d16).wrapping_add(hash << 12);
    hash = (hash ^ 0xc761_c23c) ^ (hash >> 19);
    hash = hash.wrapping_add(0x1656_67b1).wrapping_add(hash << 5);
    hash = hash.wrapping_add(0xd3a2_646c) ^ (hash << 9);
    hash = hash.wrapping_add(0xfd70_46c5).wrapping_add(hash << 3);
    ((hash ^ 0xb55a_4f09) ^ (hash >> 16)).wrapping_mul(3_221_225_473)
}

/// CRC-32, as zip has it.
pub fn crc32(bytes: &[u8]) -> u32 {
    CRC32.checksum(bytes)
}

/// djb2: times 33.
pub fn djb2(bytes: &[u8]) -> u32 {
    bytes.iter().fold(5381, |hash: u32, &byte| hash.wrapping_mul(33).wrapping_add(u32::from(byte)))
}

/// sdbm: times 65599.
pub fn sdbm(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |hash: u32, &byte| hash.wrapping_mul(65_599).wrapping_add(u32::from(byte)))
}

/// WT6, as HAProxy balances with it: two words that turn each other.
pub fn wt6(bytes: &[u8]) -> u32 {
    let (mut first, mut second) = (0xa53c_965a_u32, 0x5ca6_953a_u32);
    let (mut left, mut right) = (6, 18);
    for &byte in bytes {
        first = !(first ^ u32::from(byte));
        second = !second.wrapping_add(u32::from(byte));
        (first, second) = (second.rotate_left(left), first.rotate_left(right));
        let turn = ((first >> 16) ^ second) & 0xffff;
        (left, right) = (turn & 0x1f, turn >> 11);
    }
    first ^ second
}

macro_rules! quick {
    ($($name:ident |$bytes:ident| $hash:expr;)*) => {
        $(fn $name<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
            let $bytes = value?.into_bytes();
            let hash: u32 = $hash;
            let spread = args.first().and_then(Arg::int).is_some_and(|flag| flag == 1);
            Some(Value::Int(i64::from(if spread { avalanche(hash) } else { hash })))
        })*
    };
}

quick! {
    crc32_of |bytes| crc32(&bytes);
    crc32c_of |bytes| CRC32C.checksum(&bytes);
    djb2_of |bytes| djb2(&bytes);
    sdbm_of |bytes| sdbm(&bytes);
    wt6_of |bytes| wt6(&bytes);
}

fn seed(args: &[Arg]) -> u64 {
    args.first().and_then(Arg::int).unwrap_or(0).cast_unsigned()
}

fn xxh32_of<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let low = (seed(args) & u64::from(u32::MAX)) as u32;
    Some(Value::Int(i64::from(xxh32::xxh32(&value?.into_bytes(), low))))
}

fn xxh64_of<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(xxh64::xxh64(&value?.into_bytes(), seed(args)).cast_signed()))
}

fn xxh3_of<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(xxh3::xxh3_64_with_seed(&value?.into_bytes(), seed(args)).cast_signed()))
}

/// The digests there are.
const DIGESTS: &[&str] = &["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];

fn digest_of(name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    Some(match name {
        "md5" => Md5::digest(bytes).to_vec(),
        "sha1" => Sha1::digest(bytes).to_vec(),
        "sha224" => Sha224::digest(bytes).to_vec(),
        "sha256" => Sha256::digest(bytes).to_vec(),
        "sha384" => Sha384::digest(bytes).to_vec(),
        "sha512" => Sha512::digest(bytes).to_vec(),
        _ => return None,
    })
}

fn hmac_of(name: &str, key: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    macro_rules! run {
        ($digest:ty) => {{
            let mut mac = Hmac::<$digest>::new_from_slice(key).ok()?;
            mac.update(bytes);
            mac.finalize().into_bytes().to_vec()
        }};
    }
    Some(match name {
        "md5" => run!(Md5),
        "sha1" => run!(Sha1),
        "sha224" => run!(Sha224),
        "sha256" => run!(Sha256),
        "sha384" => run!(Sha384),
        "sha512" => run!(Sha512),
        _ => return None,
    })
}

fn binary<'a>(bytes: Vec<u8>) -> Option<Value<'a>> {
    Some(Value::Bin(Cow::Owned(bytes)))
}

fn sha1_of<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    binary(digest_of("sha1", &value?.into_bytes())?)
}

fn sha2_of<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let name = match args.first().and_then(Arg::int).unwrap_or(256) {
        224 => "sha224",
        384 => "sha384",
        512 => "sha512",
        _ => "sha256",
    };
    binary(digest_of(name, &value?.into_bytes())?)
}

fn digest<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    binary(digest_of(args.first()?.text()?, &value?.into_bytes())?)
}

/// The key is base64, or a variable that holds base64.
fn hmac<'a>(context: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let (name, key) = (args.first()?.text()?, args.get(1)?.text()?);
    let key = match context.variables.get(key) {
        Some(value) => value.into_text(),
        None => Cow::Borrowed(key.as_bytes()),
    };
    let key = data_encoding::BASE64.decode(&key).ok()?;
    binary(hmac_of(name, &key, &value?.into_bytes())?)
}

/// Digest names are known in any case.
fn check_digest(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    let name = args.first().and_then(Arg::text).unwrap_or_default().to_ascii_lowercase();
    if !DIGESTS.contains(&&*name) {
        let near = did_you_mean(&nearest(&name, DIGESTS.iter().copied()));
        let fault = compiler.report.error(span, format!("unknown digest `{name}`"));
        fault.help(near.unwrap_or_else(|| format!("there are: {}", DIGESTS.join(", "))));
        return None;
    }
    args[0] = Arg::Str(name.into());
    Some(())
}

fn check_hmac(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    check_digest(args, span, compiler)?;
    let key = args.get(1).and_then(Arg::text).unwrap_or_default();
    let decodes = data_encoding::BASE64.decode(key.as_bytes()).is_ok();
    if !decodes && crate::rules::arg::variable(key, span, compiler).is_none() {
        return None;
    }
    Some(())
}

fn check_sha2(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    match args.first().and_then(Arg::int) {
        None | Some(224 | 256 | 384 | 512) => Some(()),
        Some(bits) => {
            compiler
                .report
                .error(span, format!("there is no SHA-2 of {bits} bits"))
                .label("224, 256, 384, 512 are possible");
            None
        }
    }
}

const SPREAD: &[Param] = &[may("avalanche", Kind::Int)];
const SEED: &[Param] = &[may("seed", Kind::Int)];

/// The table.
pub const CONVERTERS: &[Converter] = &[
    converter(
        "crc32",
        SPREAD,
        Type::Bin,
        Type::Int,
        "CRC-32 as in Ethernet; 1 spreads the bits.",
        "src,crc32",
        crc32_of,
    ),
    converter(
        "crc32c",
        SPREAD,
        Type::Bin,
        Type::Int,
        "CRC-32C (RFC 4960 appendix B); 1 spreads the bits.",
        "src,crc32c",
        crc32c_of,
    ),
    converter(
        "djb2",
        SPREAD,
        Type::Bin,
        Type::Int,
        "The hash DJB2; 1 spreads the bits.",
        "path,djb2",
        djb2_of,
    ),
    converter(
        "sdbm",
        SPREAD,
        Type::Bin,
        Type::Int,
        "The hash SDBM; 1 spreads the bits.",
        "path,sdbm",
        sdbm_of,
    ),
    converter(
        "wt6",
        SPREAD,
        Type::Bin,
        Type::Int,
        "The hash WT6; 1 spreads the bits.",
        "path,wt6",
        wt6_of,
    ),
    converter("xxh32", SEED, Type::Bin, Type::Int, "The hash XXH32.", "path,xxh32", xxh32_of),
    converter(
        "xxh64",
        SEED,
        Type::Bin,
        Type::Int,
        "The hash XXH64, signed.",
        "path,xxh64",
        xxh64_of,
    ),
    converter(
        "xxh3",
        SEED,
        Type::Bin,
        Type::Int,
        "The hash XXH3 of 64 bits, signed.",
        "path,xxh3",
        xxh3_of,
    ),
    converter("sha1", &[], Type::Bin, Type::Bin, "The digest SHA-1.", "path,sha1,hex", sha1_of),
    checked(
        converter(
            "sha2",
            &[may("bits", Kind::Int)],
            Type::Bin,
            Type::Bin,
            "A digest of SHA-2, of 256 bits unless told.",
            "path,sha2(512),hex",
            sha2_of,
        ),
        check_sha2,
    ),
    checked(
        converter(
            "digest",
            &[must("algorithm", Kind::Str)],
            Type::Bin,
            Type::Bin,
            "A digest by name: md5, sha1, sha224, sha256, sha384, sha512.",
            "path,digest(sha256),hex",
            digest,
        ),
        check_digest,
    ),
    checked(
        converter(
            "hmac",
            &[must("algorithm", Kind::Str), must("key", Kind::Str)],
            Type::Bin,
            Type::Bin,
            "A message authentication code. The key is base64, or a variable that holds base64.",
            "path,hmac(sha256,a2V5),hex",
            hmac,
        ),
        check_hmac,
    ),
];
