//! Random lists of rules over random requests: [`Select`] gives what a slow reading of the manual
//! gives.
//!
//! The reading ([`Clause::holds`] and what it calls) is written from configuration.txt §7.1 and §7.2
//! on its own: it works on what the generator meant, never on compiled code, and searches by trying
//! every place. `KOI_SEED` repeats one list of rules, `KOI_SEEDS` says how many there are.

mod common;

use std::fmt::Write;
use std::net::IpAddr;

use common::random::{Random, seeds};
use common::rules::{World, compile};
use koi::config::source::MemoryFiles;
use koi::config::tokenize::WORDS_MAX;
use koi::rules::select::Select;

const LISTS: u64 = 500;
const REQUESTS: usize = 50;
/// For how many of them every condition is explained too, which is slow.
const EXPLAINED: usize = 5;

// ---------------------------------------------------------------------------------------------
// What is meant.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Found,
    Bool,
    Str,
    Beg,
    End,
    Sub,
    Dir,
    Dom,
    Reg,
    Len,
    Int,
    Ip,
    Bin,
}

const METHODS: &[(Method, &str)] = &[
    (Method::Str, "str"),
    (Method::Beg, "beg"),
    (Method::End, "end"),
    (Method::Sub, "sub"),
    (Method::Dir, "dir"),
    (Method::Dom, "dom"),
    (Method::Reg, "reg"),
    (Method::Len, "len"),
    (Method::Int, "int"),
    (Method::Found, "found"),
    (Method::Bool, "bool"),
    (Method::Bin, "bin"),
];

#[derive(Clone, Debug)]
enum Fetch {
    /// A field, perhaps in lower case.
    Hdr(&'static str, bool),
    /// What stands behind the first dot of a field's values: the first value without one ends them.
    Part(&'static str),
    Src,
    Tls,
}

#[derive(Clone, Debug)]
enum Pattern {
    Text(String),
    /// `^`, text, `$`: anchors may be missing. A dot in the text is any byte.
    Regex(bool, String, bool),
    /// From, to.
    Range(Option<i64>, Option<i64>),
    /// An operator and a number.
    Number(&'static str, i64),
    /// An address and how many bits of it count.
    Net(IpAddr, u32),
}

/// One ACL line, or one test between braces.
#[derive(Clone, Debug)]
struct Clause {
    fetch: Fetch,
    method: Method,
    fold: bool,
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug)]
enum Term {
    /// The n-th named ACL.
    Named(usize),
    Anonymous(Clause),
}

#[derive(Clone, Debug)]
struct Condition {
    unless: bool,
    branches: Vec<Vec<(bool, Term)>>,
}

#[derive(Clone, Debug)]
struct Request {
    fields: Vec<(&'static str, String)>,
    source: IpAddr,
    tls: bool,
}

// ---------------------------------------------------------------------------------------------
// The slow reading.

/// What a sample is.
#[derive(Clone, Debug)]
enum Sample {
    Text(String),
    Address(IpAddr),
    Bool(bool),
}

impl Fetch {
    fn samples(&self, request: &Request) -> Vec<Sample> {
        match self {
            Fetch::Src => vec![Sample::Address(request.source)],
            Fetch::Tls => vec![Sample::Bool(request.tls)],
            Fetch::Part(name) => {
                let whole = Fetch::Hdr(name, false).samples(request);
                let part = |sample: Sample| match sample {
                    Sample::Text(text) => text.split('.').nth(1).map(str::to_owned),
                    _ => None,
                };
                whole.into_iter().map_while(part).map(Sample::Text).collect()
            }
            Fetch::Hdr(name, lower) => {
                let fields =
                    request.fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
                let values = fields.flat_map(|(_, value)| value.split(','));
                let values = values.map(|value| value.trim_matches([' ', '\t']));
                let cased = |text: &str| if *lower { text.to_lowercase() } else { text.to_owned() };
                values.map(|value| Sample::Text(cased(value))).collect()
            }
        }
    }
}

fn same(fold: bool, a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| match fold {
            true => a.eq_ignore_ascii_case(b),
            false => a == b,
        })
}

/// Every place of `text` where `pattern` stands.
fn places(fold: bool, text: &[u8], pattern: &[u8]) -> Vec<usize> {
    let last = text.len().checked_sub(pattern.len());
    let starts = last.map_or(0..0, |last| 0..last + 1);
    starts.filter(|at| same(fold, &text[*at..at + pattern.len()], pattern)).collect()
}

/// Whether `pattern`, without delimiters around it, stands between delimiters.
fn part(fold: bool, text: &[u8], pattern: &str, delimiters: &str) -> bool {
    let pattern = pattern.trim_matches(|c| delimiters.contains(c)).as_bytes();
    let delimiter = |at: usize| text.get(at).is_none_or(|it| delimiters.as_bytes().contains(it));
    !pattern.is_empty()
        && places(fold, text, pattern)
            .iter()
            .any(|at| (*at == 0 || delimiter(at - 1)) && delimiter(at + pattern.len()))
}

fn regex(fold: bool, text: &[u8], start: bool, middle: &str, end: bool) -> bool {
    let middle = middle.as_bytes();
    (0..=text.len()).any(|at| {
        let fits = text[at..].len() >= middle.len()
            && text[at..].iter().zip(middle).all(|(byte, pattern)| match pattern {
                b'.' => *byte != b'\n',
                _ => same(fold, &[*byte], &[*pattern]),
            });
        fits && (!start || at == 0) && (!end || at + middle.len() == text.len())
    })
}

/// The number that text begins with; nothing if there is no text.
fn number(text: &str) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
    Some(sign * digits.parse::<i64>().unwrap_or(0))
}

fn in_range(pattern: &Pattern, number: i64) -> bool {
    match pattern {
        Pattern::Range(from, to) => {
            from.is_none_or(|from| number >= from) && to.is_none_or(|to| number <= to)
        }
        Pattern::Number("eq", other) => number == *other,
        Pattern::Number("ge", other) => number >= *other,
        Pattern::Number("gt", other) => number > *other,
        Pattern::Number("le", other) => number <= *other,
        Pattern::Number("lt", other) => number < *other,
        other => panic!("{other:?} is for other methods"),
    }
}

/// The bits of an address, as many as the family has.
fn bits(address: IpAddr) -> String {
    let octets = match address {
        IpAddr::V4(it) => it.octets().to_vec(),
        IpAddr::V6(it) => it.octets().to_vec(),
    };
    octets.iter().fold(String::new(), |mut out, octet| {
        write!(out, "{octet:08b}").expect("memory");
        out
    })
}

fn in_net(address: IpAddr, net: IpAddr, length: u32) -> bool {
    let prefix = |address: IpAddr| bits(address)[..length as usize].to_owned();
    match (address, net) {
        (IpAddr::V4(it), IpAddr::V6(_)) => prefix(IpAddr::V6(it.to_ipv6_mapped())) == prefix(net),
        (IpAddr::V6(it), IpAddr::V4(_)) => {
            let text = bits(IpAddr::V6(it));
            let mapped = format!("{}{}", "0".repeat(80), "1".repeat(16));
            let held = if text.starts_with(&"0".repeat(96)) || text.starts_with(&mapped) {
                &text[96..]
            } else if text.starts_with("0010000000000010") {
                &text[16..48]
            } else {
                return false;
            };
            held[..length as usize] == *prefix(net)
        }
        _ => prefix(address) == prefix(net),
    }
}

impl Clause {
    fn holds(&self, request: &Request) -> bool {
        self.fetch.samples(request).iter().any(|sample| self.matches(sample))
    }

    fn matches(&self, sample: &Sample) -> bool {
        let text = match sample {
            Sample::Text(text) => text.clone(),
            Sample::Address(address) => address.to_string(),
            Sample::Bool(it) => u8::from(*it).to_string(),
        };
        match self.method {
            Method::Found => return true,
            Method::Bool => return number(&text).is_some_and(|number| number != 0),
            _ => {}
        }
        self.patterns.iter().any(|pattern| {
            let number_in = |number: Option<i64>| number.is_some_and(|it| in_range(pattern, it));
            match (self.method, pattern) {
                (Method::Int, _) => number_in(number(&text)),
                (Method::Len, _) => number_in(i64::try_from(text.len()).ok()),
                (Method::Ip, Pattern::Net(net, length)) => match sample {
                    Sample::Address(address) => in_net(*address, *net, *length),
                    other => panic!("{other:?} is no address"),
                },
                (Method::Reg, Pattern::Regex(start, middle, end)) => {
                    regex(self.fold, text.as_bytes(), *start, middle, *end)
                }
                (_, Pattern::Text(pattern)) => self.text_matches(&text, pattern, sample),
                (method, pattern) => panic!("{pattern:?} is not for {method:?}"),
            }
        })
    }

    fn text_matches(&self, text: &str, pattern: &str, sample: &Sample) -> bool {
        let (bytes, other) = (text.as_bytes(), pattern.as_bytes());
        let found = places(self.fold, bytes, other);
        match self.method {
            Method::Str => same(self.fold, bytes, other),
            Method::Beg => found.contains(&0),
            Method::End => found.iter().any(|at| at + other.len() == bytes.len()),
            Method::Sub => !found.is_empty(),
            Method::Dir => part(self.fold, bytes, pattern, "/"),
            Method::Dom => part(self.fold, bytes, pattern, "./:?"),
            Method::Bin => match sample {
                Sample::Text(_) => bytes == other,
                Sample::Address(address) => bits(*address) == binary(other),
                Sample::Bool(it) => other == i64::from(*it).to_be_bytes(),
            },
            method => panic!("{method:?} has no text"),
        }
    }
}

fn binary(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:08b}")).collect()
}

impl Condition {
    fn holds(&self, acls: &[Vec<Clause>], request: &Request) -> bool {
        let term = |(negated, term): &(bool, Term)| match term {
            Term::Named(at) => acls[*at].iter().any(|clause| clause.holds(request)) != *negated,
            Term::Anonymous(clause) => clause.holds(request) != *negated,
        };
        self.branches.iter().any(|terms| terms.iter().all(term)) != self.unless
    }
}

// ---------------------------------------------------------------------------------------------
// As text.

fn quoted(text: &str) -> String {
    format!("'{text}'")
}

impl Clause {
    fn text(&self, random: &mut Random) -> String {
        let named = METHODS.iter().find(|(method, _)| *method == self.method);
        let name = named.map_or("ip", |(_, name)| name);
        let (fetch, usual) = match &self.fetch {
            Fetch::Hdr(name, false) => (format!("hdr({name})"), Method::Str),
            Fetch::Hdr(name, true) => (format!("hdr({name}),lower"), Method::Str),
            Fetch::Part(name) => (format!("hdr({name}),field(2,.)"), Method::Str),
            Fetch::Src => ("src".to_owned(), Method::Ip),
            Fetch::Tls => ("ssl_fc".to_owned(), Method::Bool),
        };
        let mut out = fetch;
        if self.method != usual || random.once_in(4) {
            write!(out, " -m {name}").expect("memory");
        }
        if self.fold {
            out.push_str(" -i");
        }
        // A pattern may begin with a dash.
        out.push_str(" --");
        let mut operator = "eq";
        for pattern in &self.patterns {
            if let Pattern::Number(other, _) = pattern
                && *other != operator
            {
                operator = other;
                write!(out, " {operator}").expect("memory");
            }
            let text = match pattern {
                Pattern::Text(text) if self.method == Method::Bin => {
                    text.bytes().map(|byte| format!("{byte:02x}")).collect()
                }
                Pattern::Text(text) => quoted(text),
                Pattern::Regex(start, middle, end) => {
                    let anchor = |there: &bool, text| if *there { text } else { "" };
                    quoted(&format!("{}{middle}{}", anchor(start, "^"), anchor(end, "$")))
                }
                Pattern::Number(_, number) => number.to_string(),
                Pattern::Range(from, to) => {
                    let end = |it: &Option<i64>| it.map_or(String::new(), |it| it.to_string());
                    format!("{}:{}", end(from), end(to))
                }
                Pattern::Net(address, length) => format!("{address}/{length}"),
            };
            write!(out, " {text}").expect("memory");
        }
        out
    }
}

impl Condition {
    fn text(&self, random: &mut Random) -> String {
        let mut out = String::from(if self.unless { "unless" } else { "if" });
        for (at, terms) in self.branches.iter().enumerate() {
            if at > 0 {
                out.push_str([" or", " ||", " OR"][random.below(3)]);
            }
            for (negated, term) in terms {
                out.push_str(match (negated, random.below(4)) {
                    (true, 0) => " ! ",
                    (true, 1) => " !!!",
                    (true, _) => " !",
                    (false, 0) => " !!",
                    (false, _) => " ",
                });
                match term {
                    Term::Named(at) => write!(out, "acl{at}").expect("memory"),
                    Term::Anonymous(clause) => {
                        write!(out, "{{ {} }}", clause.text(random)).expect("memory");
                    }
                }
            }
        }
        out
    }
}

// ---------------------------------------------------------------------------------------------
// Dice. Few words, so that they meet.

const FIELDS: &[&str] = &["host", "x-a", "x-b"];
const SPELLED: &[&str] = &["Host", "HOST", "host", "X-A", "x-a", "X-B", "x-b", "other"];
const WORDS: &[&str] = &[
    "a", "A", "b", "B", "ab", "aB", "AB", "a.b", "A.b", "a/b", "/a", "/a/b/", "b.a:80", "a.b/c?d",
    "ba", "10", "7", "-3", "7x", "+5", "x7", "a-b", "-i", "aab", "abab", "/", ".",
];

fn word(random: &mut Random) -> String {
    match random.below(8) {
        0 => format!("{}{}", WORDS[random.below(WORDS.len())], WORDS[random.below(WORDS.len())]),
        _ => WORDS[random.below(WORDS.len())].to_owned(),
    }
}

fn address(random: &mut Random) -> IpAddr {
    const ALL: &[&str] = &[
        "10.0.0.1",
        "10.0.0.2",
        "10.1.2.3",
        "192.0.2.7",
        "2001:db8::1",
        "2001:db8:1::1",
        "::1",
        "2002:a00:1::5",
        "::10.0.0.2",
        "::",
        "0.0.0.1",
    ];
    ALL[random.below(ALL.len())].parse().expect("an address")
}

fn pattern(method: Method, operator: &mut &'static str, random: &mut Random) -> Pattern {
    match method {
        Method::Int | Method::Len => {
            if random.once_in(3) {
                let (from, to) = (random.below(6) as i64, random.below(12) as i64);
                return match random.below(3) {
                    0 => Pattern::Range(Some(from), None),
                    1 => Pattern::Range(None, Some(to)),
                    _ => Pattern::Range(Some(from), Some(from + to)),
                };
            }
            if random.once_in(3) {
                *operator = ["eq", "ge", "gt", "le", "lt"][random.below(5)];
            }
            Pattern::Number(operator, random.below(12) as i64)
        }
        Method::Reg => {
            let middle: String =
                word(random).chars().map(|c| if "+?".contains(c) { '.' } else { c }).collect();
            Pattern::Regex(random.once_in(2), middle, random.once_in(2))
        }
        Method::Ip => {
            let net = address(random);
            let most = if net.is_ipv4() { 32 } else { 128 };
            Pattern::Net(net, [0, 7, 8, 24, 31, most][random.below(6)])
        }
        _ => Pattern::Text(word(random)),
    }
}

fn clause(random: &mut Random) -> Clause {
    let fetch = match random.below(13) {
        0 => Fetch::Src,
        1 => Fetch::Tls,
        2 => Fetch::Hdr(FIELDS[random.below(FIELDS.len())], true),
        3 => Fetch::Hdr("x-a", false),
        4 => Fetch::Part("host"),
        // Mostly the same, so that rules run together.
        _ => Fetch::Hdr("host", false),
    };
    let method = match (&fetch, random.below(3)) {
        (Fetch::Hdr(..) | Fetch::Part(_), 0) => METHODS[random.below(METHODS.len())].0,
        (Fetch::Hdr(..) | Fetch::Part(_), _) => Method::Str,
        (Fetch::Src, 0) => [Method::Str, Method::Beg, Method::Len, Method::Found][random.below(4)],
        (Fetch::Src, _) => Method::Ip,
        (Fetch::Tls, 0) => Method::Int,
        (Fetch::Tls, _) => Method::Bool,
    };
    let mut operator = "eq";
    let count = match method {
        Method::Found | Method::Bool => 0,
        _ => [1, 1, 1, 2, 3, 9][random.below(6)],
    };
    let patterns = (0..count).map(|_| pattern(method, &mut operator, random)).collect();
    // Hexadecimal digits have no case of their own, and neither has `-i` a meaning for them.
    let fold = random.once_in(3) && method != Method::Bin;
    Clause { fetch, method, fold, patterns }
}

fn condition(acls: usize, random: &mut Random) -> Condition {
    let simple = random.once_in(2);
    let branches = if simple { 1 } else { 1 + random.below(3) };
    let term = |random: &mut Random| {
        let term = match acls > 0 && random.once_in(2) {
            true => Term::Named(random.below(acls)),
            false => Term::Anonymous(clause(random)),
        };
        (!simple && random.once_in(4), term)
    };
    let terms = |random: &mut Random| {
        let count = if simple { 1 } else { 1 + random.below(3) };
        (0..count).map(|_| term(random)).collect()
    };
    Condition {
        branches: (0..branches).map(|_| terms(random)).collect(),
        unless: !simple && random.once_in(6),
    }
}

/// A condition that fits on a line, and its text.
fn short(acls: usize, random: &mut Random) -> (Condition, String) {
    loop {
        let condition = condition(acls, random);
        let text = condition.text(random);
        if text.split(' ').count() < WORDS_MAX - 1 {
            return (condition, text);
        }
    }
}

fn request(random: &mut Random) -> Request {
    let value = |random: &mut Random| {
        let count = [1, 1, 1, 2, 3, 20][random.below(6)];
        let parts: Vec<String> = (0..count)
            .map(|_| {
                let blanks = [" ", "", "\t "][random.below(3)];
                let text = if random.once_in(9) { String::new() } else { word(random) };
                format!("{blanks}{text}{blanks}")
            })
            .collect();
        parts.join(",").trim().to_owned()
    };
    let fields =
        (0..random.below(5)).map(|_| (SPELLED[random.below(SPELLED.len())], value(random)));
    Request { fields: fields.collect(), source: address(random), tls: random.once_in(2) }
}

// ---------------------------------------------------------------------------------------------

fn all_from(
    select: &Select,
    from: usize,
    world: &World,
    plan: &koi::config::plan::Plan,
) -> Vec<usize> {
    let context = world.context(plan);
    let mut at = from;
    let mut found = Vec::new();
    while let Some(rule) = select.next(at, &context) {
        assert!(rule >= at, "rule {rule} was found from {at} on");
        found.push(rule);
        at = rule + 1;
    }
    found
}

fn run(seed: u64) -> usize {
    let mut random = Random(seed);
    let acls: Vec<Vec<Clause>> = (0..random.below(6))
        .map(|_| (0..1 + random.below(2)).map(|_| clause(&mut random)).collect())
        .collect();
    let rules: Vec<(Condition, String)> =
        (0..1 + random.below(24)).map(|_| short(acls.len(), &mut random)).collect();
    let mut text = String::new();
    for (at, clauses) in acls.iter().enumerate() {
        for clause in clauses {
            writeln!(text, " acl acl{at} {}", clause.text(&mut random)).expect("memory");
        }
    }
    for (_, rule) in &rules {
        writeln!(text, " use_backend b {rule}").expect("memory");
    }
    let compiled = compile(&text, MemoryFiles::default());
    assert!(!compiled.report.failed(), "seed {seed}: {:?}\n{text}", compiled.report.faults);
    assert_eq!(compiled.conditions.len(), rules.len());
    let select = Select::new(compiled.conditions);
    let mut matches = 0;
    for number in 0..REQUESTS {
        let request = request(&mut random);
        let fields: Vec<(&str, &str)> =
            request.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let world = World::new("/", &fields, request.source, request.tls);
        let slow: Vec<usize> =
            (0..rules.len()).filter(|at| rules[*at].0.holds(&acls, &request)).collect();
        let quick = all_from(&select, 0, &world, &compiled.plan);
        assert_eq!(quick, slow, "KOI_SEED={seed}\n{text}\n{request:?}");
        let from = random.below(rules.len() + 2);
        let slow_from: Vec<usize> = slow.iter().copied().filter(|at| *at >= from).collect();
        let quick_from = all_from(&select, from, &world, &compiled.plan);
        assert_eq!(quick_from, slow_from, "KOI_SEED={seed}, from {from}\n{text}\n{request:?}");
        let context = world.context(&compiled.plan);
        let explained = if number < EXPLAINED { rules.len() } else { 0 };
        for at in 0..explained {
            let explained =
                select.condition(at).is_some_and(|it| it.explain(&context, &mut |_| ()));
            assert_eq!(explained, slow.contains(&at), "KOI_SEED={seed}, explaining {at}\n{text}");
        }
        matches += slow.len();
    }
    matches
}

#[test]
fn rules_are_selected_as_the_manual_says() {
    let seeds = seeds(LISTS);
    let lists = seeds.end - seeds.start;
    let matches: usize = seeds.map(run).sum();
    common::say(&format!("{lists} lists, {REQUESTS} requests each, {matches} rules that held"));
}
