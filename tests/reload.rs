//! Reloads, as an operator and clients meet them: the executable, signals, files that change, connections
//! that stay.

#[allow(dead_code, reason = "others also run the executable and wait for it")]
#[path = "common/folder.rs"]
mod folder;
#[path = "starting/koi.rs"]
mod koi;

#[path = "reload/binds.rs"]
mod binds;
#[path = "runtime/client.rs"]
#[allow(dead_code, reason = "others start a Koi with it")]
mod client;
#[path = "reload/connections.rs"]
mod connections;
#[path = "reload/earlier.rs"]
mod earlier;
#[path = "reload/origin.rs"]
mod origin;
#[path = "reload/paused.rs"]
mod paused;
#[path = "reload/privileges.rs"]
mod privileges;
#[path = "reload/refused.rs"]
mod refused;
#[path = "reload/said.rs"]
mod said;
#[path = "reload/servers.rs"]
mod servers;
#[path = "reload/tell.rs"]
mod tell;
#[path = "reload/tls.rs"]
mod tls;
