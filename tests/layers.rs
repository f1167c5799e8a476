//! The arrows of the house (`architecture.md`), checked against the source.
//!
//! Every `.rs` file under `src/` and `sys/src/` is read as tokens, so that a path counts wherever it
//! stands: in a `use`, a type, an expression, an attribute, a macro's body. Renames (`use std::time
//! as t`) are followed inside a file, `self` and `super` through the file's place in the tree. Code
//! under `#[cfg(test)]` keeps to the same rules.
//!
//! What it does not see: a trait method or a value that comes from a forbidden place without its
//! name being written, names that a procedural macro makes, and the random order of a `HashMap`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Ident, Spacing, TokenStream, TokenTree};

// ---------------------------------------------------------------------------------------------
// The house, as data.

/// A top folder of `src`, or a file that stands there by itself.
struct Room {
    name: &'static str,
    /// Names of rooms, divided by spaces.
    may_use: &'static str,
    because: &'static str,
}

/// Every room of `src`, lowest first. `process` is in nobody's list but main's: it starts things, so
/// nothing may lean on it.
const HOUSE: &[Room] = &[
    Room {
        name: "config",
        may_use: "",
        because: "text in, plan out: the plan is what everybody else reads",
    },
    Room {
        name: "proto",
        may_use: "",
        because: "a sans-IO core gets bytes and time passed in and gives events and bytes out",
    },
    Room {
        name: "stick",
        may_use: "config",
        because: "keys, entries and what is counted in them; the time is told",
    },
    Room {
        name: "rules",
        may_use: "config proto stick",
        because: "pure functions of the plan, the request's fields and the tables passed in",
    },
    Room {
        name: "balance",
        may_use: "config proto rules stick",
        because: "chooses among the plan's servers by the request's fields, and answers what rules ask \
                  about them",
    },
    Room {
        name: "ledger",
        may_use: "config rules",
        because: "counts what exchanges were; it reads their facts and nothing else",
    },
    Room {
        name: "tls",
        may_use: "config proto rules worker",
        because: "pumps records between rustls and the worker's sockets, chosen by the plan's binds",
    },
    Room {
        name: "exchange",
        // With worker this is the one pair that knows each other. The worker runs exchanges; an
        // exchange holds the worker's leaf handles (its sockets, its clock, its timers). A trait
        // between the two would have one implementation and hide nothing.
        may_use: "config proto rules balance ledger stick tls worker log",
        because: "joins the cores into one request and its response",
    },
    Room {
        name: "worker",
        may_use: "config balance stick exchange log",
        because: "the shell: owns the state that lives per core and runs exchanges on sys; no \
                  grammar, no policy",
    },
    Room {
        name: "failover",
        may_use: "config proto worker",
        because: "a process of its own that joins proto::carp to sys and shares nothing with the \
                  workers but a pipe",
    },
    Room {
        name: "log",
        may_use: "config proto rules balance stick tls exchange worker failover",
        because: "looks in from outside: writes down what the others did",
    },
    Room {
        name: "health",
        may_use: "config proto rules balance tls exchange worker log",
        because: "asks servers how they are, on the worker's sockets, and tells the balance and the log",
    },
    Room {
        name: "admin",
        may_use: "config proto rules balance ledger stick tls exchange worker failover log health",
        because: "looks in from outside: shows and steers what the others do",
    },
    Room {
        name: "process",
        may_use: "config proto rules balance ledger stick tls exchange worker failover log health admin",
        because: "starts, reloads and stops all of it",
    },
    Room {
        name: "lib",
        may_use: "",
        because: "the map of the crate: it declares the folders; a re-export at the root would \
                  hide where a thing lives",
    },
    Room {
        name: "main",
        may_use: "config proto rules balance stick tls exchange worker failover log health admin process",
        because: "the command line: chooses which role to start",
    },
];

/// A crate that only some rooms may name.
struct Fence {
    krate: &'static str,
    /// Names of rooms, divided by spaces. `sys` stands for the crate koi-sys.
    rooms: &'static str,
    remedy: &'static str,
}

const ASK_SYS: &str = "the operating system lives behind koi-sys: give sys a function for it";

const FENCES: &[Fence] = &[
    Fence { krate: "libc", rooms: "sys", remedy: ASK_SYS },
    Fence { krate: "nix", rooms: "sys", remedy: ASK_SYS },
    Fence { krate: "io_uring", rooms: "sys", remedy: ASK_SYS },
    Fence { krate: "kqueue_sys", rooms: "sys", remedy: ASK_SYS },
    Fence { krate: "mio", rooms: "sys", remedy: ASK_SYS },
    Fence {
        krate: "koi_sys",
        rooms: "worker failover process admin log main",
        remedy: "exchange and tls take what they need from crate::worker, which re-exports it; the \
                 rooms below get bytes and time passed in",
    },
];

/// The rooms that do no I/O, read no clock and roll no dice.
const PURE: &[&str] = &["config", "proto", "rules"];

/// What a pure room may not name, and what it does instead.
const IMPURE: &[(&str, &str)] = &[
    ("std::net", "addresses as plain data are in core::net; sockets belong to sys"),
    ("std::time::Instant", "take the time as an argument"),
    ("std::time::SystemTime", "take the time as an argument"),
    ("std::time::UNIX_EPOCH", "take the time as an argument"),
    ("std::hash::RandomState", "take a seed or a hasher as an argument"),
    ("std::collections::hash_map::RandomState", "take a seed or a hasher as an argument"),
    ("rand", "take the random value or its seed as an argument"),
    ("getrandom", "take the random value or its seed as an argument"),
    ("fastrand", "take the random value or its seed as an argument"),
];

/// Rooms whose one file must say `#![forbid(unsafe_code)]`: the roots of the package's two crates.
const ROOTS: &[&str] = &["lib", "main"];

// ---------------------------------------------------------------------------------------------
// The test.

#[test]
fn the_arrows_of_the_house_point_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = Vec::new();
    let mut seen = Vec::new();
    for folder in ["src", "sys/src"] {
        for path in rust_files(&root.join(folder)) {
            let source = fs::read_to_string(&path).expect("a source file is readable text");
            let name = path.strip_prefix(root).expect("the walk began at the root");
            let name = name.to_str().expect("a source file's name is text").replace('\\', "/");
            faults.extend(check(&name, &source));
            seen.push(name);
        }
    }
    for file in ["src/lib.rs", "src/main.rs", "sys/src/lib.rs"] {
        assert!(seen.iter().any(|name| name == file), "{file} was not found: what was walked?");
    }
    let report: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{} faults\n\n{}\n", faults.len(), report.join("\n\n"));
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a source folder can be listed") {
        let path = entry.expect("a source folder can be listed").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

// ---------------------------------------------------------------------------------------------
// The rules.

#[derive(Debug)]
struct Fault {
    file: String,
    line: usize,
    what: String,
    remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}\n    {}", self.file, self.line, self.what, self.remedy)
    }
}

/// The faults of one file. `file` is its name from the repository's root, with slashes.
fn check(file: &str, source: &str) -> Vec<Fault> {
    let mut faults = Faults { file, found: Vec::new() };
    match source.parse::<TokenStream>() {
        Err(error) => faults.add(1, format!("not Rust: {error}"), "make it compile first"),
        Ok(tokens) => {
            let (room, module) = place(file);
            if ROOTS.contains(&room.as_str()) && !forbids_unsafe(&tokens) {
                faults.add(
                    1,
                    format!("{file} does not say #![forbid(unsafe_code)]"),
                    "put it back: the compiler keeps that promise, not a reviewer",
                );
            }
            let mut scan = Scan::default();
            scan.block(tokens, &module, Statement::Each);
            for (line, what) in &scan.hidden {
                faults.add(*line, what.clone(), "write the module as a file in its own place");
            }
            faults.of_unsafe(&room, &scan, source);
            faults.of_names(&room, &scan);
        }
    }
    faults.found
}

struct Faults<'a> {
    file: &'a str,
    found: Vec<Fault>,
}

impl Faults<'_> {
    fn add(&mut self, line: usize, what: String, remedy: impl Into<String>) {
        let (file, remedy) = (self.file.to_owned(), remedy.into());
        self.found.push(Fault { file, line, what, remedy });
    }

    fn of_unsafe(&mut self, room: &str, scan: &Scan, source: &str) {
        let lines: Vec<&str> = source.lines().collect();
        for site in &scan.unsafes {
            if room != "sys" {
                self.add(
                    site.line,
                    "`unsafe` outside sys".to_owned(),
                    "koi-sys is the only crate with unsafe code: give it a safe function",
                );
            } else if !site.is_explained(&lines) {
                self.add(
                    site.line,
                    "`unsafe` without a `// SAFETY:` comment directly above it".to_owned(),
                    "say why it is sound: pointers, lengths, who keeps the memory alive",
                );
            }
        }
    }

    fn of_names(&mut self, room: &str, scan: &Scan) {
        let known = HOUSE.iter().find(|known| known.name == room);
        if known.is_none() && room != "sys" {
            self.add(
                1,
                format!("src/{room} has no row in the table HOUSE of tests/layers.rs"),
                "add the row: what it may use, and why",
            );
        }
        for name in &scan.names {
            // A single word outside `use` is a variable, a field, or something whose import was
            // already looked at.
            if name.path.len() < 2 && !name.imported {
                continue;
            }
            for path in scan.resolve(name) {
                if path[0] != "crate" {
                    self.of_foreign_path(room, name.line, &path);
                } else if let Some((what, remedy)) = known.and_then(|known| backward(known, &path))
                {
                    self.add(name.line, format!("{what} ({})", path.join("::")), remedy);
                }
            }
        }
    }

    fn of_foreign_path(&mut self, room: &str, line: usize, path: &[String]) {
        let shown = path.join("::");
        for fence in FENCES {
            if path[0] == fence.krate && !lists(fence.rooms, room) {
                self.add(line, format!("{room} -> {} ({shown})", fence.krate), fence.remedy);
            }
        }
        for (banned, remedy) in IMPURE {
            if PURE.contains(&room) && covers(path, banned) {
                self.add(
                    line,
                    format!("{room} -> {banned} ({shown})"),
                    format!("{room} does no I/O, reads no clock, rolls no dice: {remedy}"),
                );
            }
        }
    }
}

/// What is wrong with `path`, which begins at the crate's root, when `room` names it.
fn backward(room: &Room, path: &[String]) -> Option<(String, String)> {
    let Some(target) = path.get(1).filter(|target| *target != "*") else {
        return Some((
            format!("{} names the crate's root as a whole", room.name),
            "name the folder: behind the root any arrow could hide".to_owned(),
        ));
    };
    if target == room.name || lists(room.may_use, target) {
        return None;
    }
    if !HOUSE.iter().any(|known| known.name == target) {
        return Some((
            format!("{} -> crate::{target}, which is no folder of the house", room.name),
            "nothing lives at the crate's root; or add the folder to HOUSE in tests/layers.rs"
                .to_owned(),
        ));
    }
    let may_use = if room.may_use.is_empty() { "nothing of ours" } else { room.may_use };
    Some((
        format!("{} -> {target}", room.name),
        format!(
            "{} may use {may_use} ({}): pass the thing in, or move it down to where both can see it",
            room.name, room.because
        ),
    ))
}

/// Whether `room` is in a list of names divided by spaces.
fn lists(rooms: &str, room: &str) -> bool {
    rooms.split(' ').any(|listed| listed == room)
}

/// Whether `path` names `banned`, something inside it, or everything beside it (`use std::time::*`).
fn covers(path: &[String], banned: &str) -> bool {
    let banned: Vec<&str> = banned.split("::").collect();
    match path.split_last() {
        Some((last, parents)) if last == "*" && parents.len() < banned.len() => {
            parents.iter().zip(&banned).all(|(a, b)| a == b)
        }
        _ => path.len() >= banned.len() && path.iter().zip(&banned).all(|(a, b)| a == b),
    }
}

/// The room of a file and its module path inside its crate.
fn place(file: &str) -> (String, Vec<String>) {
    let (is_sys, inside) = match file.strip_prefix("sys/src/") {
        Some(inside) => (true, inside),
        None => (false, file.strip_prefix("src/").unwrap_or(file)),
    };
    let inside = inside.strip_suffix(".rs").unwrap_or(inside);
    let mut module: Vec<String> = inside.split('/').map(str::to_owned).collect();
    let room = if is_sys { "sys".to_owned() } else { module[0].clone() };
    if module.last().is_some_and(|last| last == "mod") || ROOTS.contains(&inside) {
        module.pop();
    }
    (room, module)
}

/// Whether the file says `#![forbid(unsafe_code)]`, of itself and under no condition.
fn forbids_unsafe(tokens: &TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    tokens.windows(3).any(|window| {
        let [hash, bang, TokenTree::Group(attribute)] = window else { return false };
        let attribute: Vec<TokenTree> = attribute.stream().into_iter().collect();
        let [level, TokenTree::Group(lints)] = attribute.as_slice() else { return false };
        is_punct(Some(hash), '#')
            && is_punct(Some(bang), '!')
            && is_word(Some(level), "forbid")
            && lints.stream().into_iter().any(|lint| is_word(Some(&lint), "unsafe_code"))
    })
}

// ---------------------------------------------------------------------------------------------
// Reading the tokens.

/// What one file names and does.
#[derive(Default)]
struct Scan {
    names: Vec<Name>,
    renames: Vec<(String, Name)>,
    unsafes: Vec<Unsafe>,
    /// Files brought in where this test does not look for them, with the line.
    hidden: Vec<(usize, String)>,
}

/// A path as it is written, and the module it is written in.
#[derive(Clone)]
struct Name {
    line: usize,
    path: Vec<String>,
    module: Vec<String>,
    imported: bool,
}

/// An `unsafe` block or item, and the line on which its statement begins.
struct Unsafe {
    line: usize,
    statement: usize,
    declares: bool,
}

/// Where statements begin inside a group of tokens.
#[derive(Clone, Copy)]
enum Statement {
    /// Between braces: after each `;`, `,` or closing brace.
    Each,
    /// Between parentheses or brackets: the statement around them goes on.
    Around(usize),
}

impl Scan {
    fn block(&mut self, tokens: TokenStream, module: &[String], statements: Statement) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        let mut begun = None;
        while let Some(token) = tokens.get(at) {
            let line = token.span().start().line;
            let statement = match statements {
                Statement::Each => *begun.get_or_insert(line),
                Statement::Around(line) => line,
            };
            match token {
                TokenTree::Ident(word) => {
                    at = self.word(word, &tokens, at, module, statement);
                }
                TokenTree::Group(group) => {
                    let braces = group.delimiter() == Delimiter::Brace;
                    let inside =
                        if braces { Statement::Each } else { Statement::Around(statement) };
                    self.block(group.stream(), module, inside);
                    if braces {
                        begun = None;
                    }
                    at += 1;
                }
                TokenTree::Punct(punct) => {
                    if matches!(punct.as_char(), ';' | ',') {
                        begun = None;
                    }
                    at += 1;
                }
                TokenTree::Literal(_) => at += 1,
            }
        }
    }

    /// Takes in what begins with the word at `at`; returns where to go on.
    fn word(
        &mut self,
        word: &Ident,
        tokens: &[TokenTree],
        at: usize,
        module: &[String],
        statement: usize,
    ) -> usize {
        let line = word.span().start().line;
        let next = tokens.get(at + 1);
        match word.to_string().as_str() {
            // `use<'a>` is a bound, not an import.
            "use" if !is_punct(next, '<') => self.import(tokens, at + 1, &[], module),
            "extern" if is_word(next, "crate") => self.import(tokens, at + 2, &[], module),
            "mod" => match (next, tokens.get(at + 2)) {
                (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) => {
                    let inner = [module, &[plain(name)]].concat();
                    self.block(body.stream(), &inner, Statement::Each);
                    at + 3
                }
                _ => at + 1,
            },
            "path" if at == 0 && is_punct(next, '=') && leaves_folder(tokens.get(2)) => {
                self.hidden.push((line, "a module taken from another folder by #[path]".into()));
                at + 1
            }
            "include" if is_punct(next, '!') => {
                self.hidden.push((line, "include! brings in a file without a place".into()));
                at + 1
            }
            "unsafe" => {
                if let Some(declares) = unsafe_item(&tokens[at + 1..]) {
                    self.unsafes.push(Unsafe { line, statement, declares });
                }
                at + 1
            }
            _ => {
                let mut path = vec![plain(word)];
                let mut at = at + 1;
                while let Some(TokenTree::Ident(segment)) = after_colons(tokens, at) {
                    path.push(plain(segment));
                    at += 3;
                }
                self.names.push(Name { line, path, module: module.to_vec(), imported: false });
                at
            }
        }
    }

    /// Takes in one branch of a `use` tree; returns where it ended.
    fn import(
        &mut self,
        tokens: &[TokenTree],
        mut at: usize,
        parents: &[String],
        module: &[String],
    ) -> usize {
        let mut path = parents.to_vec();
        let mut line = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    let Some(TokenTree::Ident(rename)) = tokens.get(at + 1) else { break };
                    self.imported(line, path, plain(rename), module);
                    return at + 2;
                }
                TokenTree::Ident(word) => {
                    line = word.span().start().line;
                    // `{self}` is the parent itself.
                    if word != "self" || path.is_empty() {
                        path.push(plain(word));
                    }
                }
                TokenTree::Punct(punct) if matches!(punct.as_char(), ':' | '$') => {}
                TokenTree::Punct(punct) if punct.as_char() == '*' => {
                    line = punct.span().start().line;
                    path.push("*".to_owned());
                }
                TokenTree::Group(group) => {
                    let branches: Vec<TokenTree> = group.stream().into_iter().collect();
                    let mut branch = 0;
                    while branch < branches.len() {
                        branch = self.import(&branches, branch, &path, module) + 1;
                    }
                    return at + 1;
                }
                _ => break,
            }
            at += 1;
        }
        if let Some(last) = path.last().cloned().filter(|_| line > 0) {
            self.imported(line, path, last, module);
        }
        at
    }

    fn imported(&mut self, line: usize, path: Vec<String>, rename: String, module: &[String]) {
        let name = Name { line, path, module: module.to_vec(), imported: true };
        self.names.push(name.clone());
        self.renames.push((rename, name));
    }

    /// The full paths that a name may stand for: beginning with `crate`, or with a foreign crate or
    /// a local name. More than one if two modules of the file import different things by one name.
    fn resolve(&self, name: &Name) -> Vec<Vec<String>> {
        self.resolve_within(name, 4)
    }

    fn resolve_within(&self, name: &Name, renames_left: usize) -> Vec<Vec<String>> {
        let is_room = |word: &str| HOUSE.iter().any(|room| room.name == word);
        match name.path[0].as_str() {
            "crate" | "koi" => return vec![from_root(&[], &name.path[1..])],
            "self" | "super" => {
                let mut module = name.module.as_slice();
                let mut rest = name.path.as_slice();
                while let Some((first, behind)) = rest.split_first() {
                    match first.as_str() {
                        "self" => {}
                        "super" => module = &module[..module.len().saturating_sub(1)],
                        _ => break,
                    }
                    rest = behind;
                }
                return vec![from_root(module, rest)];
            }
            // In lib.rs and main.rs the folders' names are in scope as they are.
            word if name.module.is_empty() && is_room(word) && name.path.len() > 1 => {
                return vec![from_root(&[], &name.path)];
            }
            _ => {}
        }
        let mut found = Vec::new();
        for (rename, origin) in &self.renames {
            let loops = origin.path[0] == *rename;
            if *rename == name.path[0] && !loops && renames_left > 0 {
                for mut path in self.resolve_within(origin, renames_left - 1) {
                    path.extend_from_slice(&name.path[1..]);
                    found.push(path);
                }
            }
        }
        if found.is_empty() {
            found.push(name.path.clone());
        }
        found
    }
}

impl Unsafe {
    /// Whether a `// SAFETY:` comment stands right above the word or above its statement; for a
    /// declared function or trait, the documentation's `# Safety` does as well.
    fn is_explained(&self, lines: &[&str]) -> bool {
        [self.line, self.statement].iter().any(|line| {
            lines[..line - 1]
                .iter()
                .rev()
                .map(|above| above.trim_start())
                .take_while(|above| above.starts_with("//") || above.starts_with("#["))
                .any(|above| {
                    above.starts_with("// SAFETY:")
                        || (self.declares && above.starts_with("/// # Safety"))
                })
        })
    }
}

/// What follows the word `unsafe`: a declaration that passes the duty on to its callers, a block or
/// an impl that takes it, or (`None`) the type of a function pointer, which does neither.
fn unsafe_item(after: &[TokenTree]) -> Option<bool> {
    let keyword = after
        .iter()
        .find(|token| !is_word(Some(token), "extern") && !matches!(token, TokenTree::Literal(_)));
    if is_word(keyword, "fn") {
        let at = after.iter().position(|token| is_word(Some(token), "fn"))?;
        return matches!(after.get(at + 1), Some(TokenTree::Ident(_))).then_some(true);
    }
    Some(is_word(keyword, "trait"))
}

fn from_root(module: &[String], rest: &[String]) -> Vec<String> {
    let mut path = vec!["crate".to_owned()];
    path.extend_from_slice(module);
    path.extend_from_slice(rest);
    path
}

/// Whether a `#[path]` points out of its folder. One that stays there (a file of tests beside the
/// code) is read in its own place; `super` then counts from that place, which can only report more.
fn leaves_folder(path: Option<&TokenTree>) -> bool {
    matches!(path, Some(TokenTree::Literal(path)) if path.to_string().contains('/'))
}

/// The token behind a `::` that stands at `at`.
fn after_colons(tokens: &[TokenTree], at: usize) -> Option<&TokenTree> {
    match (tokens.get(at), tokens.get(at + 1)) {
        (Some(TokenTree::Punct(a)), Some(TokenTree::Punct(b)))
            if a.as_char() == ':' && a.spacing() == Spacing::Joint && b.as_char() == ':' =>
        {
            tokens.get(at + 2)
        }
        _ => None,
    }
}

fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == word)
}

fn is_punct(token: Option<&TokenTree>, character: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == character)
}

/// An identifier without its `r#`.
fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

// ---------------------------------------------------------------------------------------------
// The checker's own tests: each rule can fail, and does not fail where it should not.

/// `line: what`, one for each fault of `source` standing in `file`.
fn found(file: &str, source: &str) -> Vec<String> {
    check(file, source).iter().map(|fault| format!("{}: {}", fault.line, fault.what)).collect()
}

#[track_caller]
fn assert_clean(file: &str, source: &str) {
    assert_eq!(found(file, source), Vec::<String>::new());
}

#[track_caller]
fn assert_found(file: &str, source: &str, expected: &[&str]) {
    assert_eq!(found(file, source), expected);
}

#[test]
fn an_arrow_back_is_found_wherever_the_path_stands() {
    assert_found(
        "src/proto/h1/mod.rs",
        "use crate::worker::time;",
        &["1: proto -> worker (crate::worker::time)"],
    );
    assert_found(
        "src/config/mod.rs",
        "struct A(\n Vec<crate::rules::Acl>);",
        &["2: config -> rules (crate::rules::Acl)"],
    );
    assert_found(
        "src/rules/acl.rs",
        "fn f() { g(crate::exchange::run()) }",
        &["1: rules -> exchange (crate::exchange::run)"],
    );
    assert_found(
        "src/balance.rs",
        "fn f() { assert!(crate::tls::get() == 1) }",
        &["1: balance -> tls (crate::tls::get)"],
    );
    assert_found(
        "src/log/mod.rs",
        "macro_rules! m { () => { $crate::process::stop() } }",
        &["1: log -> process (crate::process::stop)"],
    );
    assert_found(
        "src/failover/mod.rs",
        "pub(in crate::failover) use koi::{proto, admin::page};",
        &["1: failover -> admin (crate::admin::page)"],
    );
}

#[test]
fn an_arrow_back_is_found_through_super_and_through_a_rename() {
    assert_found(
        "src/proto/mod.rs",
        "use super::tls::Store;",
        &["1: proto -> tls (crate::tls::Store)"],
    );
    assert_found(
        "src/proto/h1/head.rs",
        "mod tests { use super::super::super::super::log; }",
        &["1: proto -> log (crate::log)"],
    );
    assert_found(
        "src/proto/h1.rs",
        "use super::super as root;",
        &["1: proto names the crate's root as a whole (crate)"],
    );
    assert_found(
        "src/proto/mod.rs",
        "use crate::*;",
        &["1: proto names the crate's root as a whole (crate::*)"],
    );
    assert_clean("src/proto/h1/head.rs", "use super::*; mod tests { use super::super::body; }");
}

#[test]
fn the_arrows_that_the_house_allows_pass() {
    assert_clean("src/rules/acl.rs", "use crate::{config::Plan, proto::h1::Head, rules::map};");
    assert_clean("src/exchange/mod.rs", "use crate::worker::{socket, time}; use crate::log::Line;");
    assert_clean("src/worker/mod.rs", "use crate::exchange::Exchange; use koi_sys::ring::Ring;");
    assert_clean("src/admin/mod.rs", "use crate::{exchange, failover}; use koi_sys::net;");
    assert_clean(
        "src/main.rs",
        "#![forbid(unsafe_code)] use koi::process::run; use koi_sys::guard;",
    );
    assert_clean("src/lib.rs", "#![forbid(unsafe_code)] pub mod config; pub mod proto;");
}

#[test]
fn the_root_holds_nothing_but_the_map() {
    assert_found(
        "src/lib.rs",
        "#![forbid(unsafe_code)]\npub mod proto;\npub use proto::Head;",
        &["3: lib -> proto (crate::proto::Head)"],
    );
    assert_found(
        "src/rules/mod.rs",
        "use crate::Head;",
        &["1: rules -> crate::Head, which is no folder of the house (crate::Head)"],
    );
}

#[test]
fn a_folder_without_a_row_is_an_error_that_names_the_table() {
    assert_found(
        "src/cache/mod.rs",
        "",
        &["1: src/cache has no row in the table HOUSE of tests/layers.rs"],
    );
    assert_found(
        "src/cache.rs",
        "",
        &["1: src/cache has no row in the table HOUSE of tests/layers.rs"],
    );
}

#[test]
fn pure_rooms_have_no_sockets_no_clock_and_no_dice() {
    assert_found(
        "src/config/words.rs",
        "use std::{fmt, net::IpAddr};",
        &["1: config -> std::net (std::net::IpAddr)"],
    );
    assert_found(
        "src/proto/carp.rs",
        "use std::time;\nfn f() { time::Instant::now(); }",
        &["2: proto -> std::time::Instant (std::time::Instant::now)"],
    );
    assert_found(
        "src/proto/carp.rs",
        "use std as s;\nfn f(now: s::time::SystemTime) {}",
        &["2: proto -> std::time::SystemTime (std::time::SystemTime)"],
    );
    assert_found(
        "src/rules/mod.rs",
        "use std::net::*;\nfn f() { rand::random() }",
        &["1: rules -> std::net (std::net::*)", "2: rules -> rand (rand::random)"],
    );
    assert_found(
        "src/rules/mod.rs",
        "fn f() { std::collections::hash_map::RandomState::new() }",
        &["1: rules -> std::collections::hash_map::RandomState \
         (std::collections::hash_map::RandomState::new)"],
    );
    assert_found(
        "src/proto/mod.rs",
        "use koi_sys::buf::Chunk;",
        &["1: proto -> koi_sys (koi_sys::buf::Chunk)"],
    );
    assert_clean("src/proto/mod.rs", "use core::net::IpAddr; use std::time::Duration;");
    assert_clean("src/proto/mod.rs", "/// Like std::net::IpAddr.\nfn f(rand: u8) -> u8 { rand }");
    assert_clean("src/worker/time.rs", "use std::time::Instant;");
    assert_found(
        "src/proto/mod.rs",
        "use rand;\nfn f(mut path: &str) { path = \"rand\"; }",
        &["1: proto -> rand (rand)"],
    );
}

#[test]
fn the_system_crates_stay_behind_sys() {
    assert_found(
        "src/worker/mod.rs",
        "use nix::sys::socket; fn f() { libc::getpid(); }",
        &["1: worker -> nix (nix::sys::socket)", "1: worker -> libc (libc::getpid)"],
    );
    assert_found(
        "src/exchange/mod.rs",
        "use koi_sys as sys; extern crate mio;",
        &["1: exchange -> koi_sys (koi_sys)", "1: exchange -> mio (mio)"],
    );
    assert_clean("sys/src/ring/uring.rs", "use io_uring::opcode; use std::net::SocketAddr;");
}

#[test]
fn unsafe_stays_in_sys_and_the_roots_forbid_it() {
    assert_found("src/worker/mod.rs", "fn f() {\n unsafe { g() }\n}", &["2: `unsafe` outside sys"]);
    assert_found(
        "src/main.rs",
        "#![deny(unsafe_code)]",
        &["1: src/main.rs does not say #![forbid(unsafe_code)]"],
    );
    assert_found(
        "src/lib.rs",
        "#[forbid(unsafe_code)] mod config;",
        &["1: src/lib.rs does not say #![forbid(unsafe_code)]"],
    );
    assert_found(
        "src/lib.rs",
        "#![cfg_attr(test, forbid(unsafe_code))]",
        &["1: src/lib.rs does not say #![forbid(unsafe_code)]"],
    );
}

#[test]
fn unsafe_in_sys_says_why_it_is_sound() {
    let fault =
        |line: usize| format!("{line}: `unsafe` without a `// SAFETY:` comment directly above it");
    for (source, line) in [
        ("fn f() {\n    unsafe { g() }\n}", 2),
        ("fn f() {\n    // SAFETY: too far.\n\n    unsafe { g() }\n}", 4),
        ("fn f() {\n    // SAFETY: for one.\n    unsafe { g() };\n    unsafe { g() };\n}", 4),
        ("// It is safe.\nunsafe impl Send for A {}", 2),
        ("/// # Safety\nunsafe impl Send for A {}", 2),
        ("/// Does it.\npub unsafe fn f() {}", 2),
        ("unsafe extern \"C\" {}", 1),
        ("fn f() {\n    assert!(\n        unsafe { g() } == 0);\n}", 3),
    ] {
        assert_eq!(found("sys/src/buf.rs", source), [fault(line)], "{source}");
    }
    for source in [
        "fn f() {\n    // SAFETY: why,\n    // and how.\n    let n = unsafe { g() };\n}",
        "fn f() {\n    // SAFETY: why.\n    let n = cvt(\n        unsafe { g() },\n    );\n}",
        "fn f() {\n    match x {\n        // SAFETY: why.\n        1 => unsafe { g() },\n    }\n}",
        "// SAFETY: why.\n#[cfg(unix)]\nunsafe impl Send for A {}",
        "/// Does it.\n///\n/// # Safety\n/// `p` is valid.\npub unsafe fn f(p: *const u8) {}",
        "type F = unsafe extern \"C\" fn(i32);",
        "/// unsafe { not code }\nfn f() {}",
    ] {
        assert_clean("sys/src/buf.rs", source);
    }
}

#[test]
fn a_file_without_a_place_is_found() {
    assert_found(
        "src/worker/mod.rs",
        "#[path = \"../x.rs\"]\nmod x;\ninclude!(\"y.rs\");",
        &[
            "1: a module taken from another folder by #[path]",
            "3: include! brings in a file without a place",
        ],
    );
    assert_clean("src/worker/wheel.rs", "#[cfg(test)] #[path = \"wheel_tests.rs\"] mod tests;");
}

#[test]
fn the_house_has_no_arrow_to_a_room_that_is_not_there() {
    for room in HOUSE {
        for target in room.may_use.split(' ').filter(|target| !target.is_empty()) {
            assert!(HOUSE.iter().any(|known| known.name == target), "{} -> {target}", room.name);
        }
    }
    let fenced = FENCES.iter().flat_map(|fence| fence.rooms.split(' '));
    for room in fenced.filter(|room| *room != "sys").chain(PURE.iter().copied()) {
        assert!(HOUSE.iter().any(|known| known.name == room), "{room}");
    }
}
