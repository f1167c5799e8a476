//! Reloads under load. A program of its own: its clients take thousands of ports, which other tests would
//! miss.

#[allow(dead_code, reason = "others also run the executable and wait for it")]
#[path = "common/folder.rs"]
mod folder;
#[allow(dead_code, reason = "others ask and look, too")]
#[path = "starting/koi.rs"]
mod koi;
#[allow(dead_code, reason = "others hold answers back, too")]
#[path = "reload/origin.rs"]
mod origin;
#[allow(dead_code, reason = "others assert what came of it")]
#[path = "reload/tell.rs"]
mod tell;
#[path = "reload/traffic.rs"]
mod traffic;
