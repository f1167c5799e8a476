//! The machine's name (gethostname(3)).

/// The name of this machine; `None` if it has none or it is not UTF-8.
pub fn host_name() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    Some(name).filter(|name| !name.is_empty())
}
