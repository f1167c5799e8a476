//! The file that Koi starts from (`tests/seed/haproxy.conf`, verbatim): it is accepted, with exactly
//! the advice that it deserves, each piece at its line.

use koi::config::environment::Environment;
use koi::config::report::{Fault, Level};
use koi::config::source::MemoryFiles;
use koi::process::check::{Checked, check};

const NAME: &str = "haproxy.conf";
const SEED: &str = include_str!("seed/haproxy.conf");

/// What a PEM file must have at least; nobody decodes it before the start.
const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MAA=
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MAA=
-----END PRIVATE KEY-----
";

fn checked(text: &str) -> Checked {
    let files = [
        (NAME.to_owned(), text.as_bytes().to_vec()),
        ("/usr/local/etc/ssl/example.net.pem".to_owned(), CERTIFICATE.into()),
    ];
    check(&[NAME.to_owned()], &MemoryFiles(files.into()), &mut Environment::default(), &[])
}

/// Level, name and line of every fault, by line.
fn advice(checked: &Checked) -> Vec<(Level, &'static str, usize)> {
    let sources = &checked.plan.sources;
    let mut all: Vec<_> = checked
        .report
        .faults
        .iter()
        .map(|fault| {
            let line = fault.span.map_or(0, |span| sources.line(span));
            (fault.level, fault.advice.unwrap_or("no advice"), line)
        })
        .collect();
    all.sort_by_key(|&(level, name, line)| (level, line, name));
    all
}

fn one<'a>(checked: &'a Checked, name: &str) -> &'a Fault {
    let mut found = checked.report.faults.iter().filter(|fault| fault.advice == Some(name));
    let fault = found.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(found.next().is_none(), "{name} is said twice");
    fault
}

/// The lines a piece of advice stands for.
fn lines(checked: &Checked, name: &str) -> Vec<usize> {
    let fault = one(checked, name);
    let spans = fault.span.iter().chain(&fault.same);
    spans.map(|&span| checked.plan.sources.line(span)).collect()
}

#[test]
fn it_is_accepted_with_exactly_this_advice() {
    let checked = checked(SEED);
    assert_eq!(
        advice(&checked),
        [
            (Level::Warning, "tls-dropped", 5),
            (Level::Warning, "tls-dropped", 9),
            (Level::Warning, "stats-everywhere", 15),
            (Level::Warning, "log-without-target", 19),
            (Level::Warning, "not-yet", 32),
            (Level::Warning, "verify-none", 53),
            (Level::Warning, "stick-table-ipv4", 54),
            (Level::Note, "overrides", 49),
            (Level::Note, "stick-one-server", 55),
        ]
    );
}

#[test]
fn advice_for_many_lines_names_each() {
    let checked = checked(SEED);
    assert_eq!(lines(&checked, "verify-none"), [53, 71, 77, 83, 89, 108]);
    let tables = [54, 60, 66, 72, 78, 84, 90, 96, 102, 109, 115];
    assert_eq!(lines(&checked, "stick-table-ipv4"), tables);
    assert_eq!(lines(&checked, "stick-one-server"), tables.map(|line| line + 1));
}

#[test]
fn advice_says_what_to_do() {
    let checked = checked(SEED);
    let table = one(&checked, "stick-table-ipv4");
    assert!(table.help.iter().any(|help| help.contains("type ipv6")), "{table:?}");
    let overrides = one(&checked, "overrides");
    assert!(
        overrides.message.contains("15m") && overrides.message.contains("30s"),
        "{overrides:?}"
    );
    let dropped = checked.report.faults.iter().find(|it| it.advice == Some("tls-dropped"));
    let dropped = dropped.expect("asserted above");
    for name in
        ["DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-CHACHA20-POLY1305"]
    {
        assert!(dropped.message.contains(&format!(" {name}")), "{dropped:?}");
    }
    let remains = dropped.help.join("\n");
    assert_eq!(remains.matches("ECDHE-").count(), 6, "{remains}");
}

/// Each piece can be silenced by its name, and nothing else goes with it.
#[test]
fn advice_is_silenced_by_name() {
    let all = advice(&checked(SEED));
    for name in ["tls-dropped", "not-yet", "verify-none", "overrides", "stick-one-server"] {
        let silenced = checked(&format!("# koi: silence {name}\n{SEED}"));
        let expected: Vec<_> = all
            .iter()
            .filter(|(_, other, _)| *other != name)
            .map(|&(level, other, line)| (level, other, line + 1))
            .collect();
        assert_eq!(advice(&silenced), expected, "{name}");
    }
}

/// A word that is wrong is found where it stands, and nothing else is said to be wrong.
#[test]
fn a_wrong_word_is_one_error_at_its_place() {
    for (line, right, wrong) in [
        (21, "timeout client 30s", "timeout cleint 30s"),
        (36, "http-request redirect scheme https", "http-request redirct scheme https"),
        (38, "use_backend ADGUARD01", "use_backend ADGUARD1"),
        (38, "hdr(host)", "hrd(host)"),
        (53, "ssl verify none", "ssl verfy none"),
        (55, "stick on src", "stick on scr"),
    ] {
        let text = SEED.replacen(right, wrong, 1);
        let checked = checked(&text);
        let errors: Vec<_> =
            checked.report.faults.iter().filter(|fault| fault.level == Level::Error).collect();
        let [error] = &errors[..] else { panic!("{wrong}: {errors:#?}") };
        let span = error.span.expect("a place");
        assert_eq!(checked.plan.sources.line(span), line, "{error:?}");
        let word = checked.plan.sources.slice(span);
        assert!(wrong.contains(word) && !right.contains(word), "{word}: {error:?}");
        assert!(error.help.iter().any(|help| help.contains("did you mean")), "{error:?}");
    }
}
