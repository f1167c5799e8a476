//! Names that only ACLs have: a fetch and the way its samples are compared unless `-m` says otherwise
//! (`haproxy -dKacl`).
//!
//! A name that is a fetch too stands here when it means something else in an ACL: `hdr` is then always
//! the request's. Names that are fetches and nothing else do not: their way follows from their type.

/// How an ACL compares samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `-m str`: the whole text.
    Str,
    /// `-m beg`: how it begins.
    Beg,
    /// `-m end`: how it ends.
    End,
    /// `-m sub`: what is in it.
    Sub,
    /// `-m dir`: a part between slashes.
    Dir,
    /// `-m dom`: a part between dots, slashes, question marks or colons.
    Dom,
    /// `-m len`: how long it is.
    Len,
    /// `-m reg`: a regular expression.
    Reg,
    /// `-m int`: a number or a range.
    Int,
    /// `-m bin`: bytes, in hexadecimal digits.
    Bin,
    /// `-m ip`: an address or a network.
    Ip,
    /// `-m bool`: true or false.
    Bool,
    /// `-m found`: whether there is a sample.
    Found,
    /// The name of a method, in any case (`method`); for `-m`, `str`.
    Meth,
    /// A group that the sample's user is in (`http_auth_group`, see `fetch::in_group`); for `-m`, `str`.
    Group,
    /// A number written as `major.minor`, 65536 times the first and the second (`req.ssl_ver`); for
    /// `-m`, `int`.
    Version,
}

impl Method {
    /// The method that `-m` names.
    pub fn named(name: &str) -> Option<Method> {
        Some(match name {
            "str" => Method::Str,
            "beg" => Method::Beg,
            "end" => Method::End,
            "sub" => Method::Sub,
            "dir" => Method::Dir,
            "dom" => Method::Dom,
            "len" => Method::Len,
            "reg" => Method::Reg,
            "int" => Method::Int,
            "bin" => Method::Bin,
            "ip" => Method::Ip,
            "bool" => Method::Bool,
            "found" => Method::Found,
            _ => return None,
        })
    }

    /// What stands behind `-m` for it.
    pub fn name(self) -> &'static str {
        match self {
            Method::Str | Method::Meth | Method::Group => "str",
            Method::Beg => "beg",
            Method::End => "end",
            Method::Sub => "sub",
            Method::Dir => "dir",
            Method::Dom => "dom",
            Method::Len => "len",
            Method::Reg => "reg",
            Method::Int | Method::Version => "int",
            Method::Bin => "bin",
            Method::Ip => "ip",
            Method::Bool => "bool",
            Method::Found => "found",
        }
    }
}

/// A name of an ACL's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AclName {
    /// What is written; arguments follow it as they do the fetch.
    pub name: &'static str,
    /// The fetch it stands for.
    pub fetch: &'static str,
    /// How samples are compared.
    pub method: Method,
}

const fn name(name: &'static str, fetch: &'static str, method: Method) -> AclName {
    AclName { name, fetch, method }
}

/// A name for each of the ways that text is compared: `path`, `path_beg`...
macro_rules! family {
    ($($name:literal $fetch:literal,)*) => {
        &[$(
            name($name, $fetch, Method::Str),
            name(concat!($name, "_beg"), $fetch, Method::Beg),
            name(concat!($name, "_dir"), $fetch, Method::Dir),
            name(concat!($name, "_dom"), $fetch, Method::Dom),
            name(concat!($name, "_end"), $fetch, Method::End),
            name(concat!($name, "_len"), $fetch, Method::Len),
            name(concat!($name, "_reg"), $fetch, Method::Reg),
            name(concat!($name, "_sub"), $fetch, Method::Sub),
        )*]
    };
}

const FAMILIES: &[AclName] = family! {
    "base" "base",
    "cook" "req.cook",
    "hdr" "req.hdr",
    "path" "path",
    "scook" "res.cook",
    "shdr" "res.hdr",
    "url" "url",
    "urlp" "urlp",
};

const SINGLE: &[AclName] = &[
    name("http_auth_group", "http_auth_group", Method::Group),
    name("method", "method", Method::Meth),
    name("payload", "req.payload", Method::Bin),
    name("payload_lv", "req.payload_lv", Method::Bin),
    name("req.ssl_ver", "req.ssl_ver", Method::Version),
    name("req_rdp_cookie", "req.rdp_cookie", Method::Str),
    name("req_rdp_cookie_cnt", "req.rdp_cookie_cnt", Method::Int),
    name("req_ssl_sni", "req.ssl_sni", Method::Str),
    name("req_ssl_ver", "req.ssl_ver", Method::Version),
    name("req_ver", "req.ver", Method::Str),
    name("resp_ver", "res.ver", Method::Str),
    name("ssl_fc_sni_end", "ssl_fc_sni", Method::End),
    name("ssl_fc_sni_reg", "ssl_fc_sni", Method::Reg),
];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static AclName> {
    FAMILIES.iter().chain(SINGLE)
}

/// The entry of this name.
pub fn acl_name(name: &str) -> Option<&'static AclName> {
    all().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stands_for_a_fetch() {
        for entry in all() {
            assert!(super::super::find(entry.fetch).is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn names_are_found() {
        let found = |name| acl_name(name).map(|it| (it.fetch, it.method));
        assert_eq!(found("hdr_dom"), Some(("req.hdr", Method::Dom)));
        assert_eq!(found("method"), Some(("method", Method::Meth)));
        assert_eq!(found("req.hdr"), None);
        assert_eq!(Method::named(Method::Dom.name()), Some(Method::Dom));
    }
}
