//! How a server is chosen.

/// `balance`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Balance {
    /// In turn, by weight.
    RoundRobin,
    /// In turn, by weights that cannot change.
    StaticRoundRobin,
    /// The fewest connections.
    LeastConnections,
    /// The first that has room.
    First,
    /// The better of so many drawn by chance.
    Random {
        /// How many are drawn.
        draws: u32,
    },
    /// A hash of the client's address.
    Source,
    /// A hash of the URI.
    Uri {
        /// `whole`: the query too.
        whole: bool,
        /// `path-only`: without scheme and authority.
        path_only: bool,
        /// `len`: only so many characters.
        length: Option<u32>,
        /// `depth`: only so many folders.
        depth: Option<u32>,
    },
    /// A hash of a parameter of the query.
    UrlParam {
        /// Its name.
        name: Box<str>,
        /// `check_post`: in a POST's body too.
        check_post: bool,
    },
    /// A hash of a request field.
    Header {
        /// Its name.
        name: Box<str>,
        /// `use_domain_only`: only the name in front of the top-level domain.
        domain_only: bool,
    },
    /// A hash of an RDP cookie.
    RdpCookie {
        /// Its name.
        name: Box<str>,
    },
    /// A hash of an expression, which is a rule line of `formats`.
    Hash,
    /// For logs: a hash of the message behind converters, which are a rule line of `formats`.
    LogHash,
    /// For logs: one server as long as it is up.
    Sticky,
}

/// `hash-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashType {
    /// How a hash leads to a server.
    pub method: HashMethod,
    /// How bytes become a hash; `None` for the method's own choice (sdbm).
    pub function: Option<HashFunction>,
    /// `avalanche`: the hash is hashed again.
    pub avalanche: bool,
}

/// How a hash leads to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashMethod {
    /// By position in a table: exact shares, but every change moves most keys.
    MapBased,
    /// By nearness on a ring: a change moves few keys.
    Consistent,
}

/// How bytes become a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashFunction {
    /// sdbm.
    Sdbm,
    /// djb2.
    Djb2,
    /// wt6.
    Wt6,
    /// CRC-32.
    Crc32,
    /// The bytes are the number.
    None,
}
