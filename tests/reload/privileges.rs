//! What a process without its privileges can no longer do is said. These tests need the superuser.

use koi_sys::guard::is_superuser;

use crate::folder::Folder;
use crate::koi::*;
use crate::origin::defaults;
use crate::tell::{done, reload};

fn skips() -> bool {
    if !is_superuser() {
        eprintln!("skipped: only the superuser can give privileges up");
    }
    !is_superuser()
}

fn text(port: u16, global: &str, more: &str) -> String {
    let text = defaults(&format!(
        "frontend web\n    bind 127.0.0.1:{port}\n{more}    \
         http-request return status 200 content-type text/plain string hello\n"
    ));
    text.replacen("global\n", &format!("global\n{global}"), 1)
}

#[test]
fn a_port_of_the_superusers_is_refused_and_the_reason_told() {
    if skips() {
        return;
    }
    let (folder, port, other) = (Folder::new(), free_port(), free_port());
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("a mode");
    let user = "    user nobody\n";
    folder.file("a.cfg", text(port, user, ""));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let said = reload(&koi, &folder, &text(port, user, "    bind 127.0.0.1:81\n"));
    // Some systems let everybody have these ports.
    if !said.contains(" holds: ") {
        assert!(said.contains("permission denied") && said.contains("gave up its"), "{said}");
    }
    answers(port);
    let more = format!("    bind 127.0.0.1:{other}\n");
    done(&koi, &folder, &text(port, user, &more));
    answers(other);
}

#[test]
fn in_a_chroot_nothing_can_be_read() {
    if skips() {
        return;
    }
    let (folder, port) = (Folder::new(), free_port());
    std::fs::create_dir(folder.path().join("empty")).expect("a folder");
    let chroot = format!("    chroot {}\n", folder.path().join("empty").display());
    folder.file("a.cfg", text(port, &chroot, ""));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let said = reload(&koi, &folder, &text(port, &chroot, ""));
    assert!(said.contains("refused") && said.contains("outside of the `chroot`"), "{said}");
    answers(port);
}
