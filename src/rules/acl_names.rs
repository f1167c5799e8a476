//! Names that only ACLs know: a fetch and a match method in one, `path_beg`, `hdr_dom`.
//!
//! In: a name. Out: the fetch's name and the method it implies (HAProxy 3.0 lists them by
//! `haproxy -dKacl`). Behind a converter only the fetch counts.

use super::pattern::Method;

/// Fetches with a name for each method of [`SUFFIXES`], and one without suffix, which is `str`.
const FAMILIES: &[(&str, &str)] = &[
    ("base", "base"),
    ("cook", "req.cook"),
    ("hdr", "hdr"),
    ("path", "path"),
    ("scook", "res.cook"),
    ("shdr", "res.hdr"),
    ("url", "url"),
    ("urlp", "urlp"),
];

const SUFFIXES: &[(&str, Method)] = &[
    ("_beg", Method::Beg),
    ("_dir", Method::Dir),
    ("_dom", Method::Dom),
    ("_end", Method::End),
    ("_len", Method::Len),
    ("_reg", Method::Reg),
    ("_sub", Method::Sub),
];

const OTHERS: &[(&str, &str, Method)] = &[
    ("http_auth_group", "http_auth_group", Method::Str),
    ("method", "method", Method::Verb),
    ("payload", "req.payload", Method::Bin),
    ("payload_lv", "req.payload_lv", Method::Bin),
    ("req.ssl_ver", "req.ssl_ver", Method::Dotted),
    ("req_rdp_cookie", "req.rdp_cookie", Method::Str),
    ("req_rdp_cookie_cnt", "req.rdp_cookie_cnt", Method::Int),
    ("req_ssl_sni", "req.ssl_sni", Method::Str),
    ("req_ssl_ver", "req.ssl_ver", Method::Dotted),
    ("req_ver", "req.ver", Method::Str),
    ("resp_ver", "res.ver", Method::Str),
    ("ssl_fc_sni_end", "ssl_fc_sni", Method::End),
    ("ssl_fc_sni_reg", "ssl_fc_sni", Method::Reg),
];

/// The fetch and the method that an ACL's name stands for.
pub fn find(name: &str) -> Option<(&'static str, Method)> {
    if let Some(&(_, fetch, method)) = OTHERS.iter().find(|(other, ..)| *other == name) {
        return Some((fetch, method));
    }
    FAMILIES.iter().find_map(|(family, fetch)| {
        let suffix = name.strip_prefix(family)?;
        if suffix.is_empty() {
            return Some((*fetch, Method::Str));
        }
        SUFFIXES.iter().find(|(other, _)| *other == suffix).map(|(_, method)| (*fetch, *method))
    })
}

/// Every name, for "did you mean".
pub fn names() -> impl Iterator<Item = String> {
    let plain = FAMILIES.iter().map(|(family, _)| (*family).to_owned());
    let suffixed = FAMILIES.iter().flat_map(|(family, _)| {
        SUFFIXES.iter().map(move |(suffix, _)| format!("{family}{suffix}"))
    });
    plain.chain(suffixed).chain(OTHERS.iter().map(|(name, ..)| (*name).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_a_fetch_and_a_method() {
        assert_eq!(find("path_beg"), Some(("path", Method::Beg)));
        assert_eq!(find("hdr"), Some(("hdr", Method::Str)));
        assert_eq!(find("urlp_reg"), Some(("urlp", Method::Reg)));
        assert_eq!(find("url_param"), None);
        assert!(names().all(|name| find(&name).is_some()));
    }
}
