//! The servers' states at the last run: the files of `server-state-file` and `server-state-file-name`.
//!
//! In: the plan, files that `show servers state` wrote. Out: servers begin as they were, where their backends say
//! `load-server-state-from-file`. What cannot be read is told, and everything else goes on. A reload reads
//! none of it: what runs knows better.
//!
//! Limits: 256 MiB of a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::workers::{Shared, unix_us};
use crate::config::plan::{Plan, StateFile};
use crate::log;

/// The largest file: a million servers.
const FILE_MAX: u64 = 256 << 20;

/// A file that was read.
#[derive(Debug)]
pub struct States {
    path: String,
    text: String,
    /// The backends that begin with what it says.
    backends: Vec<usize>,
}

/// Reads the files that the plan names: to be called while the process may.
pub fn read(plan: &Plan) -> Vec<States> {
    let files = wanted(plan).into_iter();
    let states = files.filter_map(|(path, backends)| match text_of(&path) {
        Ok(text) => Some(States { path, text, backends }),
        Err(error) => {
            log::warning(format_args!(
                "{path}: the servers' states cannot be read: {error}; they begin as the configuration says"
            ));
            None
        }
    });
    states.collect()
}

/// Servers begin as they were.
pub fn restore(shared: &Shared, all: Vec<States>) {
    for States { path, text, backends } in all {
        let wants = |backend| backends.contains(&backend);
        let restored = shared.live.restore(&shared.plan, &text, wants, unix_us());
        if let Some((line, why)) = restored.first {
            let more = restored.unread.saturating_sub(1);
            log::warning(format_args!("{path}:{line}: {why}; {more} more such lines"));
        }
    }
}

/// Which file is for which backends.
fn wanted(plan: &Plan) -> BTreeMap<String, Vec<usize>> {
    let mut files: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let states = &plan.global.states;
    for (number, proxy) in plan.proxies.iter().enumerate() {
        if !proxy.has_backend() || proxy.disabled {
            continue;
        }
        let name = match proxy.back.state_file.map(|it| it.value) {
            None | Some(StateFile::None) => continue,
            Some(StateFile::Global) => states.file.as_ref().map(|it| &*it.value),
            Some(StateFile::Local) => {
                let own = proxy.back.state_file_name.as_ref();
                Some(own.map_or(&*proxy.name, |it| &it.value))
            }
        };
        let Some(name) = name else {
            log::warning(format_args!(
                "{}: `load-server-state-from-file global` without `server-state-file` in `global` reads nothing",
                proxy.name
            ));
            continue;
        };
        let path = match &states.base {
            Some(base) if !name.starts_with('/') => Path::new(&*base.value).join(name),
            _ => name.into(),
        };
        files.entry(path.to_string_lossy().into_owned()).or_default().push(number);
    }
    files
}

fn text_of(path: &str) -> io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?.take(FILE_MAX + 1).read_to_string(&mut text)?;
    match u64::try_from(length) {
        Ok(length) if length <= FILE_MAX => Ok(text),
        _ => Err(io::Error::other(format!("it has more than {FILE_MAX} bytes"))),
    }
}
