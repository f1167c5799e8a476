//! Credentials of requests: `http_auth` and its relatives (RFC 7617; HAProxy 3.0, configuration.txt
//! §7.3.6).
//!
//! Passwords are kept in the clear or as crypt(3) hashes. `$5$`, `$6$` (SHA-crypt) and `$2a$`, `$2b$`,
//! `$2y$` (bcrypt) can be checked; the others (`$1$`, yescrypt, DES) cannot: nobody is let in by them,
//! and compiling `http_auth` says so.

use data_encoding::BASE64;
use sha_crypt::{PasswordVerifier, ShaCrypt};

use super::list::{parts, trim};
use super::lookup::{self, Password};
use super::places::REQUEST;
use super::{Fetch, Get};
use crate::config::advice;
use crate::config::source::Span;
use crate::rules::arg::{Arg, Kind, may, must};
use crate::rules::compiler::Compiler;
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

/// What a request authenticates itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Credentials<'a> {
    /// User and password.
    Basic(Vec<u8>, Vec<u8>),
    /// A token.
    Bearer(&'a [u8]),
}

/// Scheme and what follows.
fn scheme(value: &[u8]) -> (&[u8], &[u8]) {
    let end = value.iter().position(|&byte| byte == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    (scheme, trim(rest))
}

/// The credentials in the first `Authorization` field, if they are of a kind that is known.
fn credentials<'a>(context: &Context<'a>) -> Option<Credentials<'a>> {
    let value = context.request?.values(b"authorization").next()?;
    let (scheme, rest) = scheme(parts(value).next()?);
    if rest.is_empty() {
        return None;
    }
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(Credentials::Bearer(rest));
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let mut user = BASE64.decode(rest.as_ref()).ok()?;
    let colon = user.iter().position(|&byte| byte == b':')?;
    let password = user.split_off(colon + 1);
    user.truncate(colon);
    Some(Credentials::Basic(user, password))
}

fn basic(context: &Context<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    match credentials(context)? {
        Credentials::Basic(user, password) => Some((user, password)),
        Credentials::Bearer(_) => None,
    }
}

/// Whether the request brings one of these users and passwords (Basic).
pub fn is_one_of<'u>(
    context: &Context<'_>,
    users: impl IntoIterator<Item = (&'u str, &'u str)>,
) -> bool {
    let Some((user, password)) = basic(context) else { return false };
    // All are compared, so that the time tells nothing of who there is.
    users.into_iter().fold(false, |found, (name, word)| {
        found | (same(name.as_bytes(), &user) & same(word.as_bytes(), &password))
    })
}

/// The user that the request names, if the userlist knows the password.
fn known<'a>(context: &Context<'a>, args: &[Arg]) -> Option<Option<&'a str>> {
    let (user, password) = basic(context)?;
    let Some(Arg::Userlist(list)) = args.first() else { return None };
    let user = std::str::from_utf8(&user).ok();
    let user = user.and_then(|user| lookup::user(context.plan, *list, user));
    Some(user.filter(|user| matches(&user.password, &password)).map(|user| user.name))
}

/// Whether this is the password.
pub fn matches(password: &Password<'_>, given: &[u8]) -> bool {
    match password {
        Password::None => false,
        Password::Clear(text) => same(text.as_bytes(), given),
        Password::Hash(hash) => match kind(hash) {
            Some(Hash::Sha) => ShaCrypt::default().verify_password(given, *hash).is_ok(),
            Some(Hash::Bcrypt) => bcrypt::verify(given, hash).unwrap_or(false),
            None => false,
        },
    }
}

/// Compares in a time that tells nothing but the lengths.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differing = one.iter().zip(other).fold(0, |sum, (one, other)| sum | (one ^ other));
    one.len() == other.len() && differing == 0
}

enum Hash {
    Sha,
    Bcrypt,
}

/// The kind of a hash, if it can be checked.
fn kind(hash: &str) -> Option<Hash> {
    match hash.get(..hash.get(1..)?.find('$')? + 2)? {
        "$5$" | "$6$" => Some(Hash::Sha),
        "$2a$" | "$2b$" | "$2y$" => Some(Hash::Bcrypt),
        _ => None,
    }
}

fn http_auth<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    known(context, args).map(|user| Value::Bool(user.is_some()))
}

fn http_auth_group<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    known(context, args)?.map(|user| Value::str(user.as_bytes()))
}

/// Whether the user that a sample of `http_auth_group` names is in a group: what the ACL of that name
/// tests. `args` are those of the fetch.
pub fn in_group(context: &Context<'_>, args: &[Arg], user: &[u8], group: &str) -> bool {
    let (Some(Arg::Userlist(list)), Ok(user)) = (args.first(), std::str::from_utf8(user)) else {
        return false;
    };
    lookup::in_group(context.plan, *list, user, group)
}

fn user<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    basic(context).map(|(user, _)| Value::string(user))
}

fn pass<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    basic(context).map(|(_, password)| Value::string(password))
}

fn kind_name<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::str(match credentials(context)? {
        Credentials::Basic(..) => b"Basic",
        Credentials::Bearer(_) => b"Bearer",
    }))
}

fn bearer<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let Some(field) = args.first().and_then(Arg::text) else {
        return match credentials(context)? {
            Credentials::Bearer(token) => Some(Value::str(token)),
            Credentials::Basic(..) => None,
        };
    };
    // Of a field that is named, HAProxy always gives a sample: an empty one if there is no token.
    let value = context.request?.values(field.as_bytes()).next();
    let (scheme, token) = scheme(value.and_then(|value| parts(value).next()).unwrap_or_default());
    Some(Value::str(if scheme.eq_ignore_ascii_case(b"bearer") { token } else { b"" }))
}

/// Says which users of the list have passwords that cannot be checked.
fn check_list(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    let Some(Arg::Userlist(list)) = args.first() else { return Some(()) };
    for user in lookup::users(compiler.plan, *list) {
        if let Password::Hash(hash) = user.password
            && kind(hash).is_none()
        {
            let message = format!(
                "the password of `{}` is hashed in a way that cannot be checked: it is always wrong",
                user.name
            );
            compiler
                .report
                .advise(&advice::NO_EFFECT, span, message)
                .label("a userlist with such a password")
                .help("hash it anew with `mkpasswd -m sha-512`, or as bcrypt");
        }
    }
    Some(())
}

/// The table.
pub const FETCHES: &[Fetch] = &[
    Fetch::new(
        "http_auth",
        Type::Bool,
        REQUEST,
        Get::One(http_auth),
        "Whether user and password of the request (Basic) are those of a userlist.",
    )
    .takes(&[must("userlist", Kind::Userlist)], "http_auth(admins)")
    .checked(check_list),
    Fetch::new(
        "http_auth_group",
        Type::Str,
        REQUEST,
        Get::One(http_auth_group),
        "The user's name, if user and password (Basic) are those of a userlist. As an ACL it tests the \
         user's groups.",
    )
    .takes(&[must("userlist", Kind::Userlist)], "http_auth_group(admins)")
    .checked(check_list),
    Fetch::new(
        "http_auth_bearer",
        Type::Str,
        REQUEST,
        Get::One(bearer),
        "The token of the request (Bearer), from `Authorization` or the named field; unchecked.",
    )
    .takes(&[may("field", Kind::Str)], "http_auth_bearer(x-token)"),
    Fetch::new(
        "http_auth_user",
        Type::Str,
        REQUEST,
        Get::One(user),
        "The user that the request names (Basic); unchecked.",
    ),
    Fetch::new(
        "http_auth_pass",
        Type::Str,
        REQUEST,
        Get::One(pass),
        "The password that the request brings (Basic); unchecked.",
    ),
    Fetch::new(
        "http_auth_type",
        Type::Str,
        REQUEST,
        Get::One(kind_name),
        "The scheme of the request's credentials: `Basic` or `Bearer`.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::World;

    fn with(authorization: &str) -> World {
        let base = format!(
            "GET / HTTP/1.1\nHost: h\nAuthorization: {authorization}\nX-T: Bearer tok, x\n"
        );
        let mut world = World::request(&base);
        lookup::add_users(
            &mut world.plan,
            "u",
            &[("joe", Password::Clear("pw"), &["g1"]), ("ann", Password::Clear(":"), &[])],
        );
        world
    }

    /// What HAProxy 3.0.11 gives.
    #[test]
    fn credentials_are_read_as_by_haproxy() {
        for (value, ok, user, kind) in [
            ("Basic am9lOnB3", Some("1"), Some("joe"), Some("Basic")),
            ("basic  am9lOnB3 ", Some("1"), Some("joe"), Some("Basic")),
            ("Basic am9lOnB3,x", Some("1"), Some("joe"), Some("Basic")),
            ("Basic am9lOmJhZA==", Some("0"), Some("joe"), Some("Basic")),
            ("Basic YW5uOjo=", Some("1"), Some("ann"), Some("Basic")),
            ("Basic OnB3", Some("0"), Some(""), Some("Basic")),
            ("Basic am9lOg==", Some("0"), Some("joe"), Some("Basic")),
            ("Basic am9l", None, None, None),
            ("Basic am9lOnB", None, None, None),
            ("Basic !!!", None, None, None),
            ("Basic", None, None, None),
            ("Digest x", None, None, None),
            ("Bearer  abc", None, None, Some("Bearer")),
            ("Bearer", None, None, None),
        ] {
            let world = with(value);
            assert_eq!(world.text("http_auth(u)").as_deref(), ok, "{value}");
            assert_eq!(world.text("http_auth_user").as_deref(), user, "{value}");
            assert_eq!(world.text("http_auth_type").as_deref(), kind, "{value}");
        }
        assert_eq!(with("bearer a b").text("http_auth_bearer").as_deref(), Some("a b"));
        assert_eq!(with("x").text("http_auth_bearer(x-t)").as_deref(), Some("tok"));
        assert_eq!(with("x").text("http_auth_bearer(none)").as_deref(), Some(""));
        assert_eq!(with("Basic am9lOnB3").text("http_auth_pass").as_deref(), Some("pw"));
    }

    #[test]
    fn a_group_is_tested_by_the_name() {
        let world = with("Basic am9lOnB3");
        let expr = world.expr("http_auth_group(u)");
        assert_eq!(world.text("http_auth_group(u)").as_deref(), Some("joe"));
        assert!(in_group(&world.context(), &expr.args, b"joe", "g1"));
        assert!(!in_group(&world.context(), &expr.args, b"joe", "g2"));
        assert!(!in_group(&world.context(), &expr.args, b"ann", "g1"));
        assert_eq!(with("Basic am9lOmJhZA==").text("http_auth_group(u)"), None);
    }

    /// Hashes of `pw`, made by crypt(3).
    const HASHES: &[&str] = &[
        "$5$saltsalt$0rl.MZtoLLPP3X0Rdl8riRnphIcAXJY27/aOAyK2hB5",
        "$5$rounds=1500$saltsalt$yYKrS6IZ1Z1N4oAeARWH4EaAqzHGNcrbmFybx2Di9O6",
        "$6$saltsalt$pauPrmdmG4BTE9h2HPmywiw152IFch6BJCEsaY6D.PLTfpV8sqvXwWdyfsgVgozkYH9B80bAip/08R2BPH2xk/",
        "$2b$04$qoJ0UoV1CAfODlwLUSf9oO4XR0SkNS/hyk2DFjQwJQDgM44MuOVfO",
        "$2y$05$abcdefghijklmnopqrstuuHIrMEWpUCQe2YqFR3sXwQ75u4od..9q",
    ];

    #[test]
    fn hashes_are_checked() {
        for hash in HASHES {
            assert!(matches(&Password::Hash(hash), b"pw"), "{hash}");
            assert!(!matches(&Password::Hash(hash), b"pW"), "{hash}");
        }
        for hash in ["$1$abc$0123", "x", "$", "", "$6$", "$6$salt$", "$2y$", "ab01FAX.bQRSU"] {
            assert!(!matches(&Password::Hash(hash), b"pw"), "{hash}");
        }
    }

    #[test]
    fn a_password_that_cannot_be_checked_is_told() {
        let mut world = with("x");
        lookup::add_users(&mut world.plan, "v", &[("eve", Password::Hash("$1$a$b"), &[])]);
        assert_eq!(world.faults("http_auth(v)").len(), 1);
        assert_eq!(world.faults("http_auth(u)"), [""; 0]);
    }
}
