//! `cookie`, `dynamic-cookie-key`, `persist rdp-cookie`.

use std::time::Duration;

use super::common::{BACKS, here, replaced, row, set, surplus, text, word};
use crate::config::advice;
use crate::config::args::Args;
use crate::config::keyword::{Feature, Keyword};
use crate::config::plan::{Cookie, CookieMode, Given, Proxy};
use crate::config::word::Word;

const OPTIONS: &[&str] = &[
    "rewrite", "insert", "prefix", "indirect", "nocache", "postonly", "preserve", "httponly",
    "secure", "dynamic", "domain", "attr", "maxidle", "maxlife",
];

fn cookie(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(name) = text(args, "the cookie's name") else { return args.skip() };
    let mut cookie = Cookie {
        name: name.value,
        mode: None,
        indirect: false,
        no_cache: false,
        post_only: false,
        preserve: false,
        http_only: false,
        secure: false,
        dynamic: false,
        domains: Vec::new(),
        attributes: Vec::new(),
        max_idle: None,
        max_life: None,
    };
    let mut preserve = None;
    while let Some(word) = args.take() {
        if &*word.text == "preserve" {
            preserve = Some(word);
        }
        if option(args, &mut cookie, word).is_none() {
            return args.skip();
        }
    }
    if cookie.mode == Some(CookieMode::Rewrite) && cookie.indirect {
        args.error(args.keyword_span(), "`rewrite` and `indirect` exclude each other")
            .label("what is rewritten has to be seen by the server");
        return;
    }
    if let Some(word) = preserve
        && cookie.mode != Some(CookieMode::Insert)
        && !cookie.indirect
    {
        args.error(word.span, "`preserve` needs `insert` or `indirect` beside it")
            .label("without them the server's cookie stays anyway");
        return;
    }
    if let Some(earlier) = &proxy.back.cookie {
        replaced(args, proxy.span, earlier.span);
    }
    proxy.back.cookie = Some(here(args, cookie));
}

/// One option; `None` if it was wrong.
fn option(args: &mut Args<'_>, cookie: &mut Cookie, word: &Word) -> Option<()> {
    match &*word.text {
        "rewrite" => mode(args, cookie, word, CookieMode::Rewrite)?,
        "insert" => mode(args, cookie, word, CookieMode::Insert)?,
        "prefix" => mode(args, cookie, word, CookieMode::Prefix)?,
        "indirect" => cookie.indirect = true,
        "nocache" => cookie.no_cache = true,
        "postonly" => cookie.post_only = true,
        "preserve" => cookie.preserve = true,
        "httponly" => cookie.http_only = true,
        "secure" => cookie.secure = true,
        "dynamic" => cookie.dynamic = true,
        "domain" => cookie.domains.push(domain(args)?),
        "attr" => cookie.attributes.push(attribute(args)?),
        "maxidle" => cookie.max_idle = Some(life(args)?.value),
        "maxlife" => cookie.max_life = Some(life(args)?.value),
        _ => {
            args.unknown(word, "an option", OPTIONS.iter().copied());
            return None;
        }
    }
    Some(())
}

fn mode(args: &mut Args<'_>, cookie: &mut Cookie, word: &Word, mode: CookieMode) -> Option<()> {
    if cookie.mode.is_some_and(|earlier| earlier != mode) {
        args.error(word.span, "`rewrite`, `insert` and `prefix` exclude each other")
            .label("one of them stands before this");
        return None;
    }
    cookie.mode = Some(mode);
    Some(())
}

fn life(args: &mut Args<'_>) -> Option<Given<Duration>> {
    args.long_seconds("a time")
}

fn domain(args: &mut Args<'_>) -> Option<Box<str>> {
    let domain = word(args, "a domain")?;
    legal_in_cookie(args, domain, " ;")?;
    if !domain.get(1..).is_some_and(|rest| rest.contains('.')) {
        args.report
            .advise(&advice::COOKIE_DOMAIN, domain.span, "this domain has no dot inside")
            .label("browsers ignore such a cookie")
            .help("RFC 6265 §5.3, step 5");
    }
    Some(domain.text.clone())
}

fn attribute(args: &mut Args<'_>) -> Option<Box<str>> {
    let attribute = word(args, "an attribute")?;
    legal_in_cookie(args, attribute, ";")?;
    Some(attribute.text.clone())
}

/// Whether a word can stand in `Set-Cookie`: no controls and none of `bad` (RFC 6265 §4.1.1).
fn legal_in_cookie(args: &mut Args<'_>, word: &Word, bad: &str) -> Option<()> {
    let bad = word.find(|c: char| c.is_control() || bad.contains(c));
    let Some(at) = bad else { return Some(()) };
    let length = word[at..].chars().next().map_or(1, char::len_utf8);
    args.error(word.part(at..at + length), "this character cannot stand in a cookie's attribute");
    None
}

fn dynamic_key(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(key) = text(args, "a secret") else { return args.skip() };
    surplus(args);
    set(args, proxy.span, &mut proxy.back.dynamic_cookie_key, key);
}

fn persist(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(word) = args.word("`rdp-cookie`") else { return };
    let name = match word.strip_prefix("rdp-cookie") {
        Some("") => Some("mstshash".into()),
        Some(rest) if rest.starts_with('(') => {
            let at = "rdp-cookie(".len();
            match word[at..].find(')') {
                Some(0) => {
                    args.error(word.part(at - 1..at + 1), "a cookie's name is missing here");
                    None
                }
                Some(end) if at + end + 1 == word.len() => Some(word.cut(at..at + end).text),
                Some(end) => {
                    let span = word.part(at + end + 1..word.len());
                    args.error(span, "nothing may follow the parenthesis");
                    None
                }
                None => {
                    args.error(word.part(at - 1..at), "this parenthesis is not closed");
                    None
                }
            }
        }
        _ => {
            args.unknown(word, "a way", ["rdp-cookie", "rdp-cookie(<name>)"]);
            None
        }
    };
    let Some(name) = name else { return args.skip() };
    surplus(args);
    let name = Given { value: name, span: word.span };
    set(args, proxy.span, &mut proxy.back.rdp_cookie, name);
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row(
        "cookie",
        BACKS,
        "<name> [rewrite | insert | prefix] [indirect] [nocache] [postonly] [preserve] [httponly] [secure] [dynamic] [domain <domain>]... [attr <attribute>]... [maxidle <time>] [maxlife <time>]",
        "Keeps a client on its server by a cookie that names the server.",
        "cookie SERVER insert indirect nocache httponly secure",
        cookie,
    ),
    row(
        "dynamic-cookie-key",
        BACKS,
        "<secret>",
        "The secret that `cookie ... dynamic` makes servers' values with.",
        "dynamic-cookie-key 3h4kPq8z",
        dynamic_key,
    ),
    row(
        "persist",
        BACKS,
        "rdp-cookie[(<name>)]",
        "Sends a client to the server that its RDP cookie names.",
        "persist rdp-cookie",
        persist,
    )
    .later(Feature::Bodies),
];

#[cfg(test)]
mod tests {
    use super::super::common::testing::{advice_in, bad, good};
    use super::*;

    #[test]
    fn every_option() {
        let line = "cookie S insert indirect nocache postonly preserve httponly secure dynamic \
                    domain .a.b domain c.d attr SameSite=None maxidle 30m maxlife 8h";
        let cookie = good(line).back.cookie.expect("given").value;
        assert_eq!(cookie.mode, Some(CookieMode::Insert));
        assert!(cookie.indirect && cookie.no_cache && cookie.post_only && cookie.preserve);
        assert!(cookie.http_only && cookie.secure && cookie.dynamic);
        assert_eq!(cookie.domains, [".a.b".into(), "c.d".into()]);
        assert_eq!(cookie.attributes, ["SameSite=None".into()]);
        assert_eq!(cookie.max_idle, Some(Duration::from_secs(1800)));
        assert_eq!(cookie.max_life, Some(Duration::from_secs(8 * 3600)));
        assert_eq!(good("cookie S").back.cookie.expect("given").mode, None);
        let long = good("cookie S insert maxlife 30d").back.cookie.expect("given").value;
        assert_eq!(long.max_life, Some(Duration::from_secs(30 * 86_400)));
    }

    #[test]
    fn faults_point_at_the_option() {
        assert_eq!(bad("cookie"), [""]);
        assert_eq!(bad("cookie \"\" insert"), ["\"\""]);
        assert_eq!(bad("cookie S insert prefix"), ["prefix"]);
        assert_eq!(bad("cookie S prefix preserve"), ["preserve"]);
        assert_eq!(bad("cookie S indirect rewrite"), ["cookie"]);
        assert_eq!(bad("cookie S insert insrt"), ["insrt"]);
        assert_eq!(bad("cookie S insert maxidle soon"), ["soon"]);
        assert_eq!(bad("cookie S insert attr a;b"), [";"]);
        assert_eq!(bad("cookie S insert domain"), [""]);
        assert_eq!(bad("persist rdp-cookie("), ["("]);
        assert_eq!(bad("persist rdp-cookie()"), ["()"]);
        assert_eq!(bad("persist cookie"), ["cookie"]);
        let advice = advice_in("listen l", "cookie S insert domain local");
        assert_eq!(advice, ["cookie-domain"]);
    }

    #[test]
    fn rdp_cookies() {
        let name = |line| good(line).back.rdp_cookie.map(|name| name.value);
        assert_eq!(name("persist rdp-cookie").as_deref(), Some("mstshash"));
        assert_eq!(name("persist rdp-cookie(abc)").as_deref(), Some("abc"));
    }
}
