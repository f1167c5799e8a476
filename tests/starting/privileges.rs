//! Users, groups, and the folder it shuts itself into: only the superuser's tests.

use koi_sys::guard::{is_superuser, user_by_name};

use crate::folder::Folder;
use crate::koi::*;

/// Says so if this test cannot be done.
fn cannot() -> bool {
    let cannot = !is_superuser() || user_by_name("nobody").is_none();
    if cannot {
        eprintln!("skipped: only the superuser may change users, to `nobody`");
    }
    cannot
}

/// A line of `/proc/PID/status`.
#[cfg(target_os = "linux")]
fn status(pid: i32, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    line.trim_start_matches(':').split_whitespace().map(str::to_owned).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn privileges_are_given_up_for_good() {
    if cannot() {
        return;
    }
    let nobody = user_by_name("nobody").expect("asked above");
    let (uid, gid) = (nobody.uid.to_string(), nobody.gid.expect("a group").to_string());
    let four = |number: &str| vec![number.to_owned(); 4];
    let (folder, port) = (Folder::new(), free_port());
    let jail = folder.path().join("jail");
    std::fs::create_dir(&jail).expect("a folder");
    let jailed = format!("    chroot {}\n    user nobody\n", jail.display());
    for (global, group) in [
        (jailed.clone(), &*gid),
        (format!("{jailed}    gid 4242\n"), "4242"),
        ("    uid 4343\n    gid 4242\n".to_owned(), "4242"),
    ] {
        folder.file("a.cfg", hello(port, &global, ""));
        let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
        answers(port);
        let user = if global.contains("4343") { "4343" } else { &uid };
        assert_eq!(status(koi.pid(), "Uid"), four(user));
        assert_eq!(status(koi.pid(), "Gid"), four(group));
        assert_eq!(status(koi.pid(), "Groups"), Vec::<String>::new());
        assert_eq!(status(koi.pid(), "CapPrm"), ["0000000000000000"]);
        assert_eq!(status(koi.pid(), "CapEff"), ["0000000000000000"]);
        assert_eq!(status(koi.pid(), "NoNewPrivs"), ["1"]);
        let root = std::fs::read_link(format!("/proc/{}/root", koi.pid())).expect("its root");
        let jail = if global.contains("chroot") { jail.clone() } else { "/".into() };
        assert_eq!(root, jail);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn capabilities_are_kept_that_are_asked_for() {
    if cannot() {
        return;
    }
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "    user nobody\n    setcap cap_net_bind_service\n", ""));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    assert_eq!(status(koi.pid(), "CapPrm"), ["0000000000000400"]);
    assert_eq!(status(koi.pid(), "CapEff"), ["0000000000000400"]);
}

#[test]
fn a_daemon_in_a_jail_lets_go_of_the_terminal() {
    if cannot() {
        return;
    }
    let (folder, port) = (Folder::new(), free_port());
    let jail = folder.path().join("jail");
    std::fs::create_dir(&jail).expect("a folder");
    let global = format!("    chroot {}\n    user nobody\n    pidfile pid\n", jail.display());
    folder.file("a.cfg", hello(port, &global, ""));
    folder.koi(&["-D", "-f", "a.cfg"]).exits(0).keeps("error");
    answers(port);
    let pid = std::fs::read_to_string(folder.path().join("pid")).expect("a pidfile");
    let pid: i32 = pid.trim().parse().expect("a number");
    if cfg!(target_os = "linux") {
        for stream in 0..3 {
            let target = std::fs::read_link(format!("/proc/{pid}/fd/{stream}")).expect("a stream");
            assert_eq!(target.to_str(), Some("/dev/null"));
        }
    }
    koi_sys::guard::send_signal(pid, koi_sys::guard::Signal::Terminate).expect("it runs");
    until("the port closes", || is_closed(port));
}

#[test]
fn others_cannot_change_users() {
    if cannot() {
        return;
    }
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "    user root\n", ""));
    let binary = env!("CARGO_BIN_EXE_koi");
    let output = std::process::Command::new("setpriv")
        .args(["--reuid=nobody", "--clear-groups", binary, "-f", "a.cfg"])
        .current_dir(folder.path())
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: no setpriv(1)");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("setpriv: ") || output.status.code() == Some(127) {
        eprintln!("skipped: {said}");
        return;
    }
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot become the user: only the superuser may"), "{said}");
    assert!(said.contains("--> a.cfg:3:10"), "{said}");
}
