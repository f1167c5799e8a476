//! Keywords that HAProxy had once, and what took their place.

use super::common::refused;
use crate::config::keyword::Keyword;
use crate::config::section::Sections;

/// A keyword that was removed.
const fn gone(name: &'static str, instead: &'static str) -> Keyword {
    refused(
        name,
        Sections::PROXIES,
        "HAProxy 3.0 does not have it any more",
        instead,
        "A keyword of old.",
        name,
    )
}

const NOTHING: &str = "remove the line";
const REQUEST: &str =
    "write rules with `http-request`: add-header, del-header, replace-header, deny";
const RESPONSE: &str =
    "write rules with `http-response`: add-header, del-header, replace-header, deny";

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    gone("appsession", "keep clients on a server by `cookie` or `stick on`"),
    gone("bind-process", NOTHING),
    gone("block", "write `http-request deny` with the same condition"),
    gone("clitimeout", "write `timeout client`"),
    gone("contimeout", "write `timeout connect`"),
    gone("grace", NOTHING),
    gone("monitor-net", "write `http-request return status 200 if { src <network> }`"),
    gone("option forceclose", "write `option httpclose` if connections must be closed"),
    gone("option http-tunnel", NOTHING),
    gone("redisp", "write `option redispatch`"),
    gone("redispatch", "write `option redispatch`"),
    gone("reqadd", "write `http-request add-header`"),
    gone("reqallow", REQUEST),
    gone("reqdel", REQUEST),
    gone("reqdeny", REQUEST),
    gone("reqiallow", REQUEST),
    gone("reqidel", REQUEST),
    gone("reqideny", REQUEST),
    gone("reqipass", REQUEST),
    gone("reqirep", REQUEST),
    gone("reqitarpit", REQUEST),
    gone("reqpass", REQUEST),
    gone("reqrep", REQUEST),
    gone("reqtarpit", REQUEST),
    gone("rspadd", "write `http-response add-header`"),
    gone("rspdel", RESPONSE),
    gone("rspdeny", RESPONSE),
    gone("rspidel", RESPONSE),
    gone("rspideny", RESPONSE),
    gone("rspirep", RESPONSE),
    gone("rsprep", RESPONSE),
    gone("srvtimeout", "write `timeout server`"),
    gone("timeout clitimeout", "write `timeout client`"),
    gone("timeout contimeout", "write `timeout connect`"),
    gone("timeout srvtimeout", "write `timeout server`"),
];

#[cfg(test)]
mod tests {
    use super::super::common::testing::bad;

    #[test]
    fn old_words_say_what_took_their_place() {
        assert_eq!(bad("clitimeout 5s"), ["clitimeout"]);
        assert_eq!(bad("reqadd X:\\ y"), ["reqadd"]);
        assert_eq!(bad("option forceclose"), ["option forceclose"]);
    }
}
