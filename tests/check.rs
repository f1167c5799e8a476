//! `koi -c` as an operator meets it: the executable, files in a folder, what it says, how it exits.

mod common;

use common::folder::Folder;

/// A configuration that nothing is wrong with.
const GOOD: &str = "\
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s

frontend web
    bind 127.0.0.1:8080
    default_backend app

backend app
    server one 192.0.2.1:80
";

const VALID: &str = "Configuration file is valid\n";

#[test]
fn a_good_file_is_valid() {
    let folder = Folder::new();
    folder.file("good.cfg", GOOD);
    let said = folder.koi(&["-c", "-f", "good.cfg"]);
    said.exits(0);
    assert_eq!((&*said.out, &*said.err), (VALID, ""), "{said}");
}

#[test]
fn nothing_to_listen_on_is_told_apart() {
    let folder = Folder::new();
    folder.file("empty.cfg", "");
    folder.file("backend.cfg", "backend app\n");
    for file in ["empty.cfg", "backend.cfg"] {
        let said = folder.koi(&["-c", "-f", file]);
        let wanted =
            "Configuration file has no error but will not start (no listener) => exit(2).\n";
        assert_eq!((said.code, &*said.out), (2, wanted), "{said}");
        let said = folder.koi(&["-q", "-c", "-f", file]);
        assert_eq!((said.code, &*said.out, &*said.err), (2, "", ""), "{said}");
    }
}

#[test]
fn faults_look_like_this() {
    let folder = Folder::new();
    folder.file("a.cfg", "frontend web\n\tuse_backnd app if TRUE # why\n\nbackend app\n");
    folder.file("b.cfg", "backend app\n    acl é漢字 path /x \"y\n");
    let said = folder.koi(&["-c", "-f", "a.cfg", "-f", "b.cfg"]);
    said.exits(1);
    assert_eq!(said.out, "", "{said}");
    said.tells(
        "\
error: unknown keyword `use_backnd` in `frontend`
 --> a.cfg:2:2
  |
2 |     use_backnd app if TRUE # why
  |     ^^^^^^^^^^ not a keyword of `frontend`
  |
  = help: did you mean `use_backend`?
",
    );
    said.tells(
        "\
error: a `backend` is named `app` already
 --> b.cfg:1:1
  |
1 | backend app
  | ^^^^^^^^^^^ this name is taken
  |
 ::: a.cfg:4:1
  |
4 | backend app
  | ----------- by this section
",
    );
    said.tells(
        "\
error: this double quote is never closed
 --> b.cfg:2:21
  |
2 |     acl é漢字 path /x \"y
  |                       ^
",
    );
    said.tells("3 errors");
    // In the files' order.
    let places = ["a.cfg:2:2", "b.cfg:1:1", "b.cfg:2:21"].map(|place| said.err.find(place));
    assert!(places.is_sorted(), "{said}");
}

#[test]
fn long_lines_are_cut_around_the_caret() {
    let folder = Folder::new();
    let long = "x".repeat(100_000);
    folder.file("long.cfg", format!("backend a\n    acl b path {long} 'y {}\n", &long[..20_000]));
    folder.file("mega.cfg", format!("backend a\n    acl b path {long}{long}\n"));
    let said = folder.koi(&["-c", "-f", "long.cfg"]);
    said.exits(1).tells("--> long.cfg:2:100017\n");
    said.tells("2 | ...xxx").tells("xxxxxxxxxx 'y xxxxxxxxxx");
    let widest = said.err.lines().map(|line| line.chars().count()).max();
    assert!(widest < Some(200), "{widest:?}");
    let said = folder.koi(&["-c", "-f", "mega.cfg"]);
    said.exits(1).tells("error: a line of 200015 bytes\n --> mega.cfg:2:1\n");
    said.tells("a line may have 131072 bytes");
    // The line is not obeyed in part.
    said.tells("1 error");
}

#[test]
fn what_is_no_configuration_is_told_as_what_it_is() {
    let folder = Folder::new();
    let cases: &[(&str, &[u8], &str)] = &[
        (
            "nul.cfg",
            b"backend a\n\0\n",
            "error: this is no text file: it holds a NUL byte\n --> nul.cfg:2:1",
        ),
        ("utf16.cfg", b"\xff\xfeb\0a\0c\0k\0", "error: the file is UTF-16\n --> utf16.cfg:1:1"),
        (
            "bom.cfg",
            b"\xef\xbb\xbfbackend a\n",
            "error: the file begins with a byte-order mark\n --> bom.cfg:1:1",
        ),
        (
            "cut.cfg",
            b"backend a\nbackend b",
            "error: the last line does not end: the file may have been cut off\n --> cut.cfg:2:10",
        ),
        (
            "comment.cfg",
            b"backend a\n# b",
            "error: the last line does not end: the file may have been cut off\n --> comment.cfg:2:4",
        ),
        (
            "mac.cfg",
            b"backend a\racl b path /\n",
            "error: a carriage return in the middle of a line\n --> mac.cfg:1:10",
        ),
        (
            "latin1.cfg",
            b"backend a\n acl caf\xe9 path /\n",
            "error: `caf\u{fffd}` is not UTF-8\n --> latin1.cfg:2:6",
        ),
        (
            "blank.cfg",
            b"backend a\n\xc2\xa0acl a path /\n",
            "error: unknown keyword `\\u{a0}acl` in `backend`\n --> blank.cfg:2:1",
        ),
        (
            "digits.cfg",
            "backend a\n timeout server \u{ff13}0s\n".as_bytes(),
            "error: `\u{ff13}0s` has digits that are not 0 to 9\n --> digits.cfg:2:17",
        ),
        (
            "words.cfg",
            &*format!("backend a\n acl a path {}\n", "x ".repeat(62)).into_bytes(),
            "error: more than 64 words on one line\n --> words.cfg:2:135",
        ),
        (
            "hex.cfg",
            b"backend a\n acl a path \\xg0\n",
            "error: `\\x` needs two hexadecimal digits\n --> hex.cfg:2:13",
        ),
        (
            "outside.cfg",
            b"bakend a\n",
            "error: `bakend` stands in no section\n --> outside.cfg:1:1",
        ),
    ];
    for (name, content, wanted) in cases {
        folder.file(name, content);
        folder.koi(&["-c", "-f", name]).exits(1).tells(wanted);
    }
    // Behind a mark at its start, a file is read all the same.
    folder.file("both.cfg", b"\xef\xbb\xbfbackend a\nbackend a\n");
    folder.koi(&["-c", "-f", "both.cfg"]).exits(1).tells("2 errors").tells("both.cfg:2:1");
}

#[test]
fn what_is_odd_but_harmless_is_advice() {
    let folder = Folder::new();
    folder.file("crlf.cfg", GOOD.replace('\n', "\r\n"));
    let said = folder.koi(&["-c", "-f", "crlf.cfg"]);
    said.exits(0).tells("note[line-ends]: lines end in CR LF\n --> crlf.cfg:1:9\n");
    said.tells("here first, and on 12 lines in all");
    folder.file(
        "quotes.cfg",
        format!("{GOOD}backend b\n acl a path \u{201c}x\u{a0}y\u{201d} 'x\u{a0}y'\n"),
    );
    let said = folder.koi(&["-c", "-f", "quotes.cfg"]);
    said.exits(0).tells(
        "warning[look-alike]: a typographic quote (U+201C) does not quote\n  --> quotes.cfg:14:13\n",
    );
    // Between quotes, a blank of another kind is meant.
    assert_eq!(said.err.matches("warning[look-alike]").count(), 1, "{said}");
    folder.file("hidden.cfg", format!("{GOOD}backend b\n acl a path 'x\u{202e}y'\n"));
    folder
        .koi(&["-c", "-f", "hidden.cfg"])
        .exits(0)
        .tells("changes the direction of writing (U+202E)");
    // Blanks of C's kind divide words.
    folder.file("blanks.cfg", GOOD.replace("    ", "\x0c\x0b\t"));
    folder.koi(&["-c", "-f", "blanks.cfg"]).exits(0).keeps("look-alike");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = Folder::new();
    folder.file("good.cfg", GOOD);
    let said = folder.koi(&["-c", "-f", "none.cfg", "-f", "good.cfg"]);
    said.exits(1).tells("error: cannot read `none.cfg`: there is no such file\n");
    folder
        .koi(&["-c", "-f", "good.cfg/"])
        .exits(1)
        .tells("cannot read `good.cfg/`: not a directory");
    let secret = folder.file("secret.cfg", GOOD);
    let mut rights = std::fs::metadata(&secret).expect("its rights").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0);
    std::fs::set_permissions(&secret, rights).expect("changed");
    match std::fs::File::open(&secret) {
        Err(_) => {
            let said = folder.koi(&["-c", "-f", "secret.cfg"]);
            said.exits(1).tells("error: cannot read `secret.cfg`: permission denied\n");
        }
        Ok(_) => println!("*** SKIPPED: a file without read permission: root may read it ***"),
    }
    // A device without an end is read no further than a file may go.
    let said = folder.koi(&["-c", "-f", "/dev/zero"]);
    said.exits(1).tells("error: cannot read `/dev/zero`: it has more than 64 MiB\n");
    folder.koi(&["-c", "-f", "/dev/null"]).exits(2);
}

#[test]
fn a_pipe_is_a_file() {
    let folder = Folder::new();
    folder.file("good.cfg", GOOD);
    let script = r#"cat good.cfg | "$0" -c -f /dev/stdin"#;
    let output = std::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_koi")])
        .current_dir(folder.path())
        .output()
        .expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn folders_are_read_in_the_order_of_names() {
    let folder = Folder::new();
    folder.file("conf/20-app.cfg", "backend app\n    server one 192.0.2.1:80\n");
    let (start, rest) = GOOD.split_once("\nbackend app").expect("a backend");
    assert!(rest.contains("server"));
    folder.file("conf/10-web.cfg", start);
    for ignored in ["conf/.hidden.cfg", "conf/notes.txt", "conf/more/30-more.cfg"] {
        folder.file(ignored, "nonsense\n");
    }
    let said = folder.koi(&["-V", "-c", "-f", "conf/"]);
    said.exits(0);
    let read: Vec<&str> = said.out.lines().filter(|line| line.starts_with("read ")).collect();
    assert_eq!(read, ["read conf/10-web.cfg: 9 lines", "read conf/20-app.cfg: 2 lines"], "{said}");
    // An empty one is a remark: packages ship such folders.
    folder.file("empty/notes.txt", "");
    folder.file("good.cfg", GOOD);
    let said = folder.koi(&["-c", "-f", "empty", "-f", "good.cfg"]);
    said.exits(0).tells("note[empty-folder]: the folder `empty` has no configuration\n");
}

#[test]
fn a_file_ends_its_last_section() {
    let folder = Folder::new();
    folder.file("one.cfg", GOOD);
    folder.file("two.cfg", "    description x\n");
    let said = folder.koi(&["-c", "-f", "one.cfg", "-f", "two.cfg"]);
    said.exits(1).tells("error: `description` stands in no section\n --> two.cfg:1:5");
}

#[test]
fn names_that_clash() {
    let folder = Folder::new();
    let error = |text: &str, wanted: &str| {
        folder.file("names.cfg", text);
        folder.koi(&["-c", "-f", "names.cfg"]).exits(1).tells(wanted);
    };
    error("frontend a\nlisten a\n", "error: a `frontend` is named `a` already\n --> names.cfg:2:1");
    error("listen a\nbackend a\n", "error: a `listen` is named `a` already\n --> names.cfg:2:1");
    for section in ["resolvers", "peers", "mailers", "ring", "http-errors", "cache"] {
        let wanted = format!("error: a `{section}` is named `a` already\n --> names.cfg:2:1");
        error(&format!("{section} a\n{section} a\n"), &wanted);
    }
    error(
        "defaults d\ndefaults d\nbackend a from d\n",
        "error: two `defaults` sections are named `d`\n --> names.cfg:3:16",
    );
    error("backend a from d\n", "error: no `defaults` section is named `d`\n --> names.cfg:1:16");
    error("backend a,b\n", "error: ',' cannot stand in a name\n --> names.cfg:1:10");
    error("backend\n", "error: `backend` needs a name\n --> names.cfg:1:8");
    error("peers a b\n", "error: unexpected `b`\n --> names.cfg:1:9");
    folder.file("extra.cfg", "defaults d e\nresolvers a b\n");
    let said = folder.koi(&["-c", "-f", "extra.cfg"]);
    said.exits(2).tells("warning[extra-words]: nobody reads `e`\n --> extra.cfg:1:12");
    said.tells("extra.cfg:2:13");
    // What HAProxy accepts: a frontend and a backend, a backend and then a `listen`.
    folder.file("fine.cfg", "frontend a\nbackend a\nbackend b\nlisten b\ndefaults x!\n");
    let said = folder.koi(&["-c", "-f", "fine.cfg"]);
    said.exits(2).tells("warning[same-name]: a `backend` is named `b` already\n --> fine.cfg:4:1");
    folder.file("users.cfg", "userlist a\nuserlist b\nuserlist a\n");
    let said = folder.koi(&["-V", "-c", "-f", "users.cfg"]);
    said.exits(2)
        .tells("warning[same-name]: a `userlist` is named `a` already\n --> users.cfg:3:1");
    assert!(said.out.contains("2 userlists"), "{said}");
}

#[test]
fn blocks_and_variables() {
    let folder = Folder::new();
    let text = "\
.if defined(WITH)
backend \"${NAME-none}-${.LINE}\"
.elif 1 && !defined(WITH)
backend without
.else
nonsense \\
.endif
.notice \"${.FILE} of $HAPROXY_LOCALPEER, ${HAPROXY_BRANCH}\"
";
    folder.file("v.cfg", text);
    let words = ["-V", "-c", "-L", "here", "-f", "v.cfg"];
    let said = folder.koi(&words);
    said.exits(2).tells("note[notice]: v.cfg of here, 3.0\n --> v.cfg:8:9");
    assert!(said.out.contains("backend without (v.cfg:4)"), "{said}");
    let said = folder.koi_with(&words, &[("WITH", ""), ("NAME", "x")]);
    assert!(said.out.contains("backend x-2 (v.cfg:2)"), "{said}");
    folder.file("open.cfg", "backend a\n.if 0\n 'x\n");
    let said = folder.koi(&["-c", "-f", "open.cfg"]);
    said.exits(1).tells("error: this `.if` has no `.endif`\n --> open.cfg:2:1");
    // HAProxy divides skipped lines into words, too.
    said.tells("error: this single quote is never closed\n --> open.cfg:3:2");
    folder.file("deep.cfg", format!("{}{}", ".if 1\n".repeat(17), ".endif\n".repeat(17)));
    folder.koi(&["-c", "-f", "deep.cfg"]).exits(2);
    folder.file("far.cfg", ".if 1\n".repeat(50_000));
    folder.koi(&["-c", "-f", "far.cfg"]).exits(1).tells("more than 100 blocks").tells("... and ");
}

#[test]
fn advice_is_silenced_by_its_name() {
    let folder = Folder::new();
    folder.file("w.cfg", ".warning \"mind this\"\n.notice \"and this\"\n");
    let words = ["-c", "-f", "w.cfg"];
    let said = folder.koi(&words);
    said.exits(2)
        .tells("warning[message]: mind this\n --> w.cfg:1:10")
        .tells("note[notice]: and this");
    said.tells("1 warning, 1 note\nadvice is silenced by its name in brackets");
    let said = folder.koi(&["--silence", "message", "--silence", "notice", "-c", "-f", "w.cfg"]);
    assert_eq!((said.code, &*said.err), (2, ""), "{said}");
    // Wherever the comment stands, but only a comment.
    for (comment, silent) in [
        ("# koi: silence message", true),
        ("backend b # koi: silence notice,message", true),
        ("backend b # a # koi: silence message", false),
        ("# koi: silence messages", false),
        (".if 0\n# koi: silence message\n.endif", false),
        ("backend b\n acl a path \"# koi: silence message\"", false),
    ] {
        folder.file("c.cfg", format!(".warning \"mind this\"\n{comment}\n"));
        let said = folder.koi(&["-c", "-f", "c.cfg"]);
        assert_eq!(!said.err.contains("mind this"), silent, "{comment}: {said}");
    }
    folder.file("c.cfg", "# koi: silence mesage\n");
    let said = folder.koi(&["-c", "-f", "c.cfg"]);
    said.tells("warning[silence]: no advice is named `mesage`\n --> c.cfg:1:16");
    said.tells("did you mean `message`?");
    let said = folder.koi(&["--silence", "mesage", "-c", "-f", "c.cfg"]);
    said.exits(1).tells("--silence: no advice is named `mesage`; did you mean `message`?");
}

#[test]
fn errors_only_or_all_that_was_read() {
    let folder = Folder::new();
    folder.file("good.cfg", GOOD);
    let said = folder.koi(&["-q", "-c", "-f", "good.cfg"]);
    assert_eq!((said.code, &*said.out, &*said.err), (0, "", ""), "{said}");
    folder.file("bad.cfg", ".warning x\nbackend a\nbackend a\n");
    let said = folder.koi(&["-q", "-c", "-f", "bad.cfg"]);
    said.exits(1).tells("error: a `backend`").tells("\n1 error\n").keeps("warning");
    let said = folder.koi(&["-V", "-c", "-f", "good.cfg"]);
    let wanted = "\
read good.cfg: 12 lines
1 defaults section, 2 proxies
frontend web (good.cfg:7): mode http, 1 bind line, 0 rules
backend app (good.cfg:11): mode http, 1 server line, 0 rules
Configuration file is valid
";
    assert_eq!(said.out, wanted, "{said}");
}

#[test]
fn warnings_may_count_as_errors() {
    let folder = Folder::new();
    folder.file("w.cfg", ".warning x\n");
    folder.file("n.cfg", ".notice x\n");
    folder.koi(&["-dW", "-c", "-f", "w.cfg"]).exits(1).tells("-dW makes them errors");
    folder.koi(&["-dW", "-c", "-f", "n.cfg"]).exits(2);
}

#[test]
fn conditions_answer_by_the_exit_status() {
    let folder = Folder::new();
    for (condition, code) in [
        ("1", 0),
        ("0", 1),
        ("", 1),
        ("!1", 1),
        ("version_atleast(3.0)", 0),
        ("version_atleast(3.1)", 1),
        ("streq(\"$KOI_TEST\",a)", 0),
        ("defined(KOI_TEST) && 0", 1),
    ] {
        let said = folder.koi_with(&["-cc", condition], &[("KOI_TEST", "a")]);
        assert_eq!((said.code, &*said.err), (code, ""), "{condition}");
    }
    folder.koi(&["-cc", "1 1"]).exits(2).tells("koi: -cc: ");
    folder.koi(&["-cc", "streq(\"a"]).exits(2).tells("this double quote is never closed, at `\"`");
    folder.koi(&["-cc"]).exits(1).tells("`-cc` needs a condition");
}

#[test]
fn keywords_are_listed() {
    let folder = Folder::new();
    let said = folder.koi(&["-dKcfg"]);
    assert!(said.out.starts_with("# List of configuration keywords:\nglobal\n"), "{said}");
    assert!(said.out.contains("\nfrontend\n\tacl\n"), "{said}");
    let said = folder.koi(&["-dKhelp"]);
    let options = ["bind-option", "server-option"];
    for class in ["all", "acl", "cfg", "cli", "cnv", "flt", "smp", "svc"].into_iter().chain(options)
    {
        assert!(said.out.contains(&format!("\n{class}: ")), "{class}: {said}");
    }
    let said = folder.koi(&["-dKbind-option,server-option"]);
    assert!(said.out.contains("\nbind <addr> accept-proxy\n"), "{said}");
    assert!(said.out.contains("\nserver <name> <addr> set-proxy-v2-tlv-fmt(<id>) "), "{said}");
    assert!(!said.out.contains(" namespace "), "what is refused is left out: {said}");
    folder.koi(&["-dKcgf"]).exits(1).tells("there is no class `cgf`; did you mean `cfg`?");
    folder.file("good.cfg", GOOD);
    let said = folder.koi(&["-c", "-dKflt", "-f", "good.cfg"]);
    assert!(said.out.starts_with("# List of filters") && said.out.ends_with(VALID), "{said}");
}

#[test]
fn versions() {
    let folder = Folder::new();
    let said = folder.koi(&["-v"]);
    let first = format!(
        "Koi version {} - HAProxy's configuration language, version 3.0\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!((said.code, &said.out), (0, &first));
    assert_eq!(folder.koi(&["--version"]).out, first);
    let said = folder.koi(&["-vv"]);
    assert!(said.out.starts_with(&first) && said.out.contains("\nnot built yet:\n"), "{said}");
}

#[test]
fn wrong_words_are_answered_with_what_to_write() {
    let folder = Folder::new();
    folder.file("good.cfg", GOOD);
    for (words, advice) in [
        (&["-c"][..], "`-c` needs a file: koi -c -f FILE"),
        (&["-c", "-f"], "`-f` needs a file or folder behind it"),
        (&["-f", "-c"], "`-f` needs a file or folder, and `-c` is an option"),
        (&["-cf", "good.cfg"], "there is no option `-cf`; options stand apart: -c -f"),
        (&["-Vc", "-f", "good.cfg"], "there is no option `-Vc`; options stand apart: -V -c"),
        (&["-c", "-fgood.cfg"], "there is no option `-fgood.cfg`; write it apart: -f good.cfg"),
        (&["-c", "-f", "good.cfg", "more.cfg"], "unexpected `more.cfg`; each file needs a -f"),
        (&["-c", "--silense", "x"], "there is no option `--silense`; did you mean `--silence`?"),
        (&["-zz"], "there is no option `-zz`"),
        (&["chekc"], "`chekc` is no command; files are named by -f: koi -c -f FILE"),
        (&["explian"], "`explian` is no command; did you mean `explain`?"),
        (&["-C", "/no/such/folder", "-c", "-f", "x"], "-C: cannot go to `/no/such/folder`"),
        (&[], "usage: koi -f FILE"),
    ] {
        folder.koi(words).exits(1).tells(advice);
    }
    let said = folder.koi(&["--help"]);
    assert!(said.code == 0 && said.out.starts_with("usage: koi -f FILE"), "{said}");
    // What HAProxy is started with changes nothing about the check.
    let words =
        ["-c", "-D", "-W", "-n", "10", "-sf", "1", "2", "-dMx", "-p", "f", "-f", "good.cfg"];
    assert_eq!(folder.koi(&words).out, VALID);
    folder.file("sub/good.cfg", GOOD);
    assert_eq!(folder.koi(&["-C", "sub", "-c", "-f", "good.cfg"]).out, VALID);
}

#[test]
fn words_of_the_language_are_explained() {
    let folder = Folder::new();
    let said = folder.koi(&["help", "use_backend"]);
    assert!(said.out.starts_with("keyword: use_backend <backend>"), "{said}");
    assert!(said.out.contains("  in:      frontend or listen\n"), "{said}");
    let said = folder.koi(&["help", "tcp-request"]);
    assert!(said.out.lines().any(|line| line == "tcp-request content"), "{said}");
    let said = folder.koi(&["help", "keyword", "tcp-request", "content"]);
    assert!(said.out.starts_with("keyword: tcp-request content <action>"), "{said}");
    let said = folder.koi(&["help", "section", "frontend"]);
    assert!(said.out.contains("    use_backend\n"), "{said}");
    let said = folder.koi(&["help", "advice", "verify-none"]);
    assert!(said.out.starts_with("advice: verify-none (warning)\n"), "{said}");
    let said = folder.koi(&["help", "advice"]);
    assert!(said.out.lines().any(|line| line == "not-yet"), "{said}");
    let said = folder.koi(&["help", "maxconn"]);
    for entry in
        ["keyword: maxconn <number>", "bind-option: maxconn <n", "server-option: maxconn <n"]
    {
        assert!(said.out.contains(entry), "{entry}: {said}");
    }
    let said = folder.koi(&["help", "server-option", "check"]);
    assert!(said.out.contains("  example: server s 192.0.2.1:80 check\n"), "{said}");
    folder.koi(&["help", "use_bakend"]).exits(1).tells("did you mean `use_backend`?");
    assert!(folder.koi(&["help"]).out.contains("\n  keyword    "));
}

#[test]
fn requests_to_explain_are_read_with_care() {
    let folder = Folder::new();
    let ask = |words: &[&str]| folder.koi(&[&["explain", "-f", "good.cfg"], words].concat());
    for (words, advice) in [
        (
            &["GET www.example.net"][..],
            "error: `www.example.net` is neither a path nor a URL\n --> request:1:5",
        ),
        (&["GET / from 192.0.2.300"], "error: `192.0.2.300` is no address\n --> request:1:12"),
        (&["GET", "/", "form", "192.0.2.1"], "error: unexpected `form`\n --> request:1:7"),
        (&["-H", "Host", "GET /"], "-H 'Host': a header is written 'Name: value'"),
        (&["--response", "99", "GET /"], "--response 99: a status from 100 to 999"),
        (&["--sin", "a", "GET /"], "there is no option `--sin`; did you mean `--sni`?"),
        (&[], "explain: what request?"),
    ] {
        ask(words).exits(1).tells(advice);
    }
    folder.koi(&["explain", "GET /"]).exits(1).tells("which configuration?");
}
