//! What a reload says that it changed.

use crate::folder::Folder;
use crate::koi::*;
use crate::origin::defaults;
use crate::tell::done;

fn text(port: u16, password: &str, global: &str, user: &str) -> String {
    let auth = format!("    stats uri /stats\n    stats auth admin:{password}\n");
    let text = defaults(&format!(
        "frontend web\n    bind 127.0.0.1:{port}\n{auth}    http-request return status 200\n\
         userlist people\n    user anna insecure-password {user}\n"
    ));
    text.replace("global\n", &format!("global\n{global}"))
}

#[test]
fn a_new_password_is_a_change() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", text(port, "one", "", "x"));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let said = done(&koi, &folder, &text(port, "one", "", "x"));
    assert!(said.contains("nothing changed"), "{said}");
    let said = done(&koi, &folder, &text(port, "two", "", "x"));
    assert!(said.contains("1 proxy changed") && !said.contains("nothing changed"), "{said}");
    let said = done(&koi, &folder, &text(port, "two", "", "y"));
    assert!(said.contains("userlist") && !said.contains("nothing changed"), "{said}");
    let said = done(&koi, &folder, &text(port, "two", "    maxconn 777\n", "y"));
    assert!(said.contains("global") && !said.contains("nothing changed"), "{said}");
    let said = done(&koi, &folder, &text(port, "two", "    maxconn 777\n", "y"));
    assert!(said.contains("nothing changed"), "{said}");
    let told = koi.told();
    assert!(!told.contains("two"), "no password is told: {told}");
}
