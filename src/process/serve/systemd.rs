//! Telling systemd how it goes (sd_notify(3)): a datagram to the socket that `$NOTIFY_SOCKET` names.

use std::os::unix::net::UnixDatagram;

/// The way to systemd, if it wants to hear.
#[derive(Debug)]
pub struct Notifier(Option<String>);

impl Notifier {
    /// As the environment says.
    pub fn from_environment() -> Notifier {
        Notifier(std::env::var("NOTIFY_SOCKET").ok().filter(|path| !path.is_empty()))
    }

    /// Nobody wants to hear.
    pub fn nobody() -> Notifier {
        Notifier(None)
    }

    /// Says it. Nobody can be told if that does not work.
    pub fn say(&self, text: &str) {
        if let Some(path) = &self.0
            && let Err(error) = send(path, text)
        {
            crate::log::warning(format_args!("$NOTIFY_SOCKET: {path}: {error}"));
        }
    }
}

fn send(path: &str, text: &str) -> std::io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = path.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        return socket.send_to_addr(text.as_bytes(), &address).map(drop);
    }
    socket.send_to(text.as_bytes(), path).map(drop)
}
