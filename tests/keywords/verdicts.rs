//! Lines and whether they are right: what Koi says, and what HAProxy says where it is there.

use koi::config::LANGUAGE_VERSION;
use koi::config::condition::evaluate;
use koi::config::environment::Environment;

use crate::harness::{check, checked, errors, haproxy, messages, run};

/// Lines that stand behind a header; the last line of a bad one has the first error.
struct Lines {
    header: &'static str,
    good: &'static [&'static str],
    bad: &'static [&'static str],
}

const GLOBAL: Lines = Lines {
    header: "global",
    good: &[
        "maxconn 0",
        "maxconn 5\nmaxconn 6",
        "user root\nuser root",
        "description a b c",
        "node a.b-c_d",
        "nbthread 1",
        "cpu-map 1 0",
        "cpu-map auto:1/1-4 0-3",
        "cpu-map auto:1/1-4 0-1 2-3",
        "cpu-map auto:1/1-4 3,2,1,0",
        "cpu-map 1/1- 0-",
        "cpu-map 1/3-1 0-2",
        "cpu-map 1/1 0,,1",
        "cpu-map auto:1/all 0-63",
        "cpu-map 1/1 1023",
        "http-err-codes 400-499",
        "http-err-codes +500,501 -404",
        "http-err-codes 599",
        "unix-bind prefix /tmp mode 600 user root group root",
        "unix-bind uid 5 gid 6",
        "stats socket /tmp/x.sock",
        "stats socket /tmp/x.sock level admin mode 660",
        "stats timeout 30s x",
        "set-var proc.x int(5)",
        "setenv A b",
        "resetenv A B",
        "default-path config",
        "default-path origin /tmp",
        "h1-case-adjust content-length Content-Length",
        "close-spread-time infinite",
        "hard-stop-after 30s 5",
        "log-send-hostname",
        "setcap cap_net_raw,cap_net_admin",
        "ssl-load-extra-files key ocsp",
        "expose-experimental-directives\ntune.fd.edge-triggered on",
        "busy-polling\nno busy-polling",
        "no strict-limits",
        "tune.h2.header-table-size 4096",
        "tune.idletimer 65535",
        "external-check preserve-env",
        "anonkey 4294967295",
        "ssl-security-level 1",
    ],
    bad: &[
        "maxconn",
        "maxconn 5 6",
        "maxconn 5x",
        "daemon 5",
        "no daemon",
        "default busy-polling",
        "ca-base /\nca-base /",
        "chroot",
        "description \"\"",
        "node a:b",
        "nbthread 0",
        "nbthread 257",
        "nbproc 2",
        "thread-groups 17",
        "thread-group 1 x",
        "cpu-map 1",
        "cpu-map 0/1 0",
        "cpu-map 1/65 0",
        "cpu-map 1/1 all",
        "cpu-map 1/1 1024",
        "cpu-map 1/ 0",
        "cpu-map 1/1,2 0",
        "cpu-map auto:1/all 0-62",
        "cpu-map auto:1-2/1-2 0-3",
        "http-err-codes",
        "http-err-codes 99",
        "http-err-codes 500-400",
        "http-err-codes 400-",
        "http-err-codes 404,-405",
        "http-err-codes 404,",
        "http-err-codes +",
        "unix-bind foo",
        "unix-bind prefix",
        "stats socket",
        "stats foo",
        "stats timeout 0",
        "stats maxconn 0",
        "stats bind-process 1",
        "set-var proc.x",
        "set-var txn.x int(5)",
        "set-var(proc.x) int(5)",
        "setenv A",
        "setenv A b c",
        "setenv A=B b",
        "unsetenv",
        "default-path 5",
        "default-path origin",
        "h1-case-adjust content-length Content-Size",
        "h1-case-adjust a A\nh1-case-adjust a A",
        "h1-case-adjust a A b",
        "hard-stop-after 5x",
        "setcap cap_foo",
        "ssl-load-extra-files key,ocsp",
        "ssl-load-extra-files none key",
        "ssl-server-verify 5",
        "tune.fd.edge-triggered on",
        "tune.h2.header-table-size 4095",
        "tune.idletimer 65536",
        "tune.http.maxhdr 32768",
        "tune.ssl.default-dh-param 1023",
        "spread-checks 51",
        "warn-blocked-traffic-after 1001",
        "profiling.tasks 5",
        "lua-load /missing.lua",
        "anonkey 5000000000",
    ],
};

const LOGS: Lines = Lines {
    header: "global",
    good: &[
        "log 127.0.0.1 local0",
        "log 127.0.0.1:514 local0 notice err",
        "log 127.0.0.1:514 len 1024 format rfc5424 sample 1:2 local0 info err",
        "log stdout format raw local0",
        "log stderr format short daemon",
        "log fd@99 local0",
        "log /dev/log local0",
        "log unix@/dev/log local0",
        "log 10.0.0.1:0 local0",
        "log [::1]:514 local0",
        "log ::1:514 local0",
        "log ipv6@::1:514 local0",
        "log *:514 local0",
        "log :514 local0",
        "log tcp@127.0.0.1:514 local0",
        "log 127.0.0.1 sample 1-2,4:5 local0",
        "log 127.0.0.1 sample 1,:5 local0",
        "no log",
    ],
    bad: &[
        "log",
        "log 127.0.0.1",
        "log 127.0.0.1:514 local0 notice err x",
        "log 127.0.0.1:514 format rfc5424 len 1024 local0",
        "log 127.0.0.1:514 len 79 local0",
        "log 127.0.0.1:514 len 65536 local0",
        "log 127.0.0.1:514 format foo local0",
        "log fd@x local0",
        "log dev/log local0",
        "log 10.0.0.1:70000 local0",
        "log 10.0.0.1:abc local0",
        "log 10.0.0.1:1-5 local0",
        "log ::1 local0",
        "log +127.0.0.1 local0",
        "log 127.0.0.1:+514 local0",
        "log 127.0.0.1 foo",
        "log 127.0.0.1 local0 panic",
        "log 127.0.0.1 local0 info silent",
        "log 127.0.0.1 len",
        "log 127.0.0.1 sample local0",
        "log 127.0.0.1 sample 1:0 local0",
        "log 127.0.0.1 sample 3:2 local0",
        "log 127.0.0.1 sample 1-2,2:5 local0",
        "log 127.0.0.1 sample 2-1:5 local0",
        "log 127.0.0.1 sample a:5 local0",
        "log global",
        "no log x",
        "log \"\" local0",
    ],
};

const USERS: Lines = Lines {
    header: "userlist u",
    good: &[
        "user a",
        "user a insecure-password x",
        "group g users a\nuser a password x",
        "user a groups g password x\ngroup g",
        "user a password x\nuser a password y",
        "group g\ngroup g",
        "user a,b password x",
        "user a groups g,\ngroup g",
    ],
    bad: &[
        "user",
        "group",
        "user a password x groups g",
        "group g users a",
        "user a foo",
        "user a password x y",
        "group g foo",
        "user \"\" password x",
        "foo",
    ],
};

const RESOLVERS: Lines = Lines {
    header: "resolvers r",
    good: &[
        "nameserver a 127.0.0.1:53",
        "nameserver a tcp@127.0.0.1:53 maxconn 5",
        "nameserver a 127.0.0.1:53 maxconn 5",
        "nameserver a ::1:53",
        "parse-resolv-conf x",
        "hold nx 30s",
        "hold valid 10 x",
        "timeout resolve 1s x",
        "timeout retry 0",
        "accepted_payload_size 65535",
        "resolve_retries 0",
    ],
    bad: &[
        "nameserver a 127.0.0.1",
        "nameserver a 127.0.0.1:53\nnameserver a 127.0.0.2:53",
        "nameserver a",
        "nameserver a 127.0.0.1:0",
        "nameserver a 127.0.0.1:53-54",
        "nameserver a:b/ 127.0.0.1:53",
        "hold foo 30s",
        "hold valid",
        "hold obsolete 25d",
        "resolve_retries",
        "timeout foo 1s",
        "timeout resolve x",
        "accepted_payload_size 65536",
        "accepted_payload_size 11",
        "no parse-resolv-conf",
    ],
};

const PEERS: Lines = Lines {
    header: "global\nlocalpeer lp\npeers p",
    good: &[
        "peer a 127.0.0.1:1024",
        "peer a",
        "bind :1025\nserver lp\nserver a 127.0.0.1:5",
        "default-bind ssl\ndefault-bind v4v6",
        "default-server ssl verify none",
        "table t type ip size 10k",
        "log global\nlog 127.0.0.1 local0",
        "no log",
        "disabled x",
        "shards 3 4",
        "peer a /tmp/sock",
    ],
    bad: &[
        "peer a 127.0.0.1",
        "peer a 127.0.0.1:0",
        "peer a 127.0.0.1:1024-1025",
        "peer a 127.0.0.1:+1",
        "peer a:b/c 127.0.0.1:1024",
        "peer a 127.0.0.1:1024\nbind :1025",
        "bind :1025\npeer a 127.0.0.1:1024",
        "bind :1025\nserver lp 127.0.0.1:1024",
        "bind :1025\nbind :1026",
        "table t",
        "table t size 10k",
        "table t type ip size 10k\ntable t type ip size 10k",
        "shards 0",
        "shards",
        "stick-table type ip size 1k",
        "no disabled",
    ],
};

const MAILERS: Lines = Lines {
    header: "mailers m",
    good: &[
        "mailer a 127.0.0.1:25",
        "mailer a 127.0.0.1:25\nmailer a 127.0.0.1:26",
        "timeout mail 20s x",
    ],
    bad: &[
        "mailer a 127.0.0.1",
        "mailer a",
        "mailer a /tmp/x",
        "mailer a/b 127.0.0.1:25",
        "timeout mail",
        "timeout foo 5",
    ],
};

const RING: Lines = Lines {
    header: "ring r",
    good: &[
        "size 32k",
        "maxlen 1200 x",
        "format rfc3164",
        "description a b",
        "timeout connect 5s\ntimeout server 5s\nserver s 127.0.0.1",
    ],
    bad: &[
        "size 0",
        "size",
        "maxlen x",
        "format json",
        "description",
        "timeout connect",
        "server s",
        "server s 127.0.0.1:514\nserver s 127.0.0.1:514",
        "foo",
    ],
};

const CACHE: Lines = Lines {
    header: "cache c",
    good: &[
        "total-max-size 4095",
        "max-object-size 2097152\ntotal-max-size 4",
        "total-max-size 4\nprocess-vary on\nmax-secondary-entries 5",
    ],
    bad: &[
        "total-max-size 4096",
        "total-max-size 4x",
        "total-max-size 4 5",
        "total-max-size 4\nmax-object-size 1k",
        "total-max-size 4\nmax-age 5 6",
        "total-max-size 4\nmax-secondary-entries 0",
        "total-max-size 4\nmax-object-size 2097153",
    ],
};

const OTHERS: Lines = Lines {
    header: "http-errors h",
    good: &["errorfile 503 /dev/null", "errorfile 503 /dev/null x"],
    bad: &[
        "errorfile 402 /dev/null",
        "errorfile abc /dev/null",
        "errorfile 503 /missing",
        "errorfile 503",
        "errorloc 503 http://x/",
    ],
};

const STORES: Lines = Lines {
    header: "crt-store s",
    good: &["crt-base /tmp x", "crt-base /tmp\ncrt-base /tmp"],
    bad: &[
        "crt-base",
        "load",
        "load /x",
        "load key x",
        "load crt x foo y",
        "load crt x ocsp-update foo",
        "load crt /missing",
    ],
};

const ALL: &[&Lines] =
    &[&GLOBAL, &LOGS, &USERS, &RESOLVERS, &PEERS, &MAILERS, &RING, &CACHE, &OTHERS, &STORES];

/// Good lines that Koi refuses, each for its reason.
const DIFFERENT: &[&str] = &[
    // Koi runs no programs.
    "external-check preserve-env",
];

#[test]
fn right_and_wrong_lines() {
    for lines in ALL {
        for line in lines.good.iter().filter(|line| !DIFFERENT.contains(line)) {
            let (plan, report) = checked(&format!("{}\n{line}\n", lines.header));
            assert!(errors(&report).is_empty(), "{line}: {:#?}", messages(&plan, &report));
        }
        for line in lines.bad {
            let (_, report) = checked(&format!("{}\n{line}\n", lines.header));
            assert!(!errors(&report).is_empty(), "{}: {line}", lines.header);
        }
    }
}

#[test]
fn one_fault_is_one_error_on_its_line() {
    for lines in [&GLOBAL, &LOGS, &RESOLVERS, &MAILERS, &RING, &STORES, &OTHERS] {
        for line in lines.bad {
            let text = format!("{}\n{line}\n", lines.header);
            let (plan, report) = checked(&text);
            let messages = messages(&plan, &report);
            let prefix = format!("{}: ", text.lines().count());
            assert!(
                matches!(&messages[..], [only] if only.starts_with(&prefix)),
                "{line}: {messages:#?}"
            );
        }
    }
}

#[test]
fn haproxy_agrees() {
    let Some(program) = haproxy() else { return };
    let path = std::env::temp_dir().join(format!("koi-verdicts-{}.cfg", std::process::id()));
    let name = path.to_string_lossy().into_owned();
    for lines in ALL {
        let good = lines.good.iter().map(|line| (line, true));
        for (line, right) in good.chain(lines.bad.iter().map(|line| (line, false))) {
            let proxy = "listen l\nbind 127.0.0.1:54321\n";
            std::fs::write(&path, format!("{}\n{line}\n{proxy}", lines.header)).expect("a file");
            let (code, output) = run(&program, &["-c", "-f", &name]);
            assert_eq!(code == 0, right, "{}: {line}: {output}", lines.header);
        }
    }
    std::fs::remove_file(&path).expect("it goes");
}

/// Conditions that depend neither on the version nor on how a program was built.
const CONDITIONS: &[&str] = &[
    "1",
    " 1 ",
    "0",
    "",
    " ",
    "-1",
    "+1",
    "01",
    "08",
    "0x1",
    "0x",
    "0xg",
    "1a",
    "1.5",
    "--1",
    "- 1",
    "99999999999999999999",
    "true",
    "!1",
    "!!1",
    "! 1",
    "!",
    "!(1)",
    "(1)",
    "( 1 )",
    "((1",
    "1)",
    "()",
    "(1",
    "1 && 0",
    "1&&1",
    "1\t&&\t1",
    "1 ||",
    "|| 1",
    "1 && && 1",
    "1 1",
    "1 | 1",
    "1 & 1",
    "0 || 1 && 0",
    "1||foo",
    "0&&foo",
    "streq",
    "streq()",
    "streq(a)",
    "streq(a,b)",
    "streq(a,a)",
    "streq(a, a)",
    "streq( a,a )",
    "streq(a,b,c)",
    "streq(,)",
    "streq(a,)",
    "streq(a,a)&&streq(b,b)",
    "streq(a,a)streq(b,b)",
    "streq(a(b),x)",
    "streq(a(b,a(b)",
    "strneq(a,b)",
    "strstr(abc,b)",
    "strstr(a)",
    "defined(KOI_IS_NOT_SET)",
    "defined",
    "defined()",
    "defined(A,B)",
    "feature(foo)",
    "feature",
    "feature(SSL",
    "feature(SSL)x",
    "feature(SSL) x",
    "feature (SSL)",
    "feature(SSL,LUA)",
    "feature(SSL)",
    "FEATURE(SSL)",
    "enabled(foo)",
    "enabled(POLL)",
    "version_atleast(3.0)",
    "version_atleast(3)",
    "version_atleast(2.9.9999)",
    "version_atleast()",
    "version_atleast",
    "version_atleast(4.0)",
    "version_before(3.0)",
    "version_before(3.1)",
    "version_before(3.1-dev1)",
    "version_before(3.0-dev1)",
    "version_atleast(abc)",
    "openssl_version_atleast(1.1.1k)",
    "openssl_version_atleast(3)",
    "openssl_version_atleast()",
    "ssllib_name_startswith(o)",
    "awslc_api_atleast(3)",
    "foo(",
    "1 #",
    "1 || (",
];

#[test]
fn haproxy_agrees_on_conditions() {
    let Some(program) = haproxy() else { return };
    let environment = Environment::default();
    for text in CONDITIONS {
        let ours = match evaluate(text, &environment) {
            Ok(true) => 0,
            Ok(false) => 1,
            Err(_) => 2,
        };
        let (theirs, output) = run(&program, &["-cc", text]);
        assert_eq!(ours, theirs, "{text:?} ({LANGUAGE_VERSION}): {output}");
    }
}

const CARP: &str = "carp lan
    interface vnet0
    vhid 1
    advbase 1
    advskew 0
    pass very-secure-password
    address 10.1.60.200/32
    address fd5e:d1c2:c9de:60::200/128
    preempt
    preempt-delay 30s
    peer 10.1.60.202
    demote 240 if { nbsrv(GITEA) eq 0 }
    on-change /usr/local/etc/koi/notify
";

#[test]
fn a_carp_section_gets_into_the_plan() {
    let (plan, report) = check(CARP);
    assert!(errors(&report).is_empty(), "{:#?}", messages(&plan, &report));
    let long = report.faults.iter().filter(|fault| fault.advice == Some("carp-password"));
    assert_eq!(long.count(), 1);
    let [carp] = &plan.carps[..] else { panic!("{:#?}", plan.carps) };
    assert_eq!(carp.interface.as_ref().map(|it| &*it.value), Some("vnet0"));
    assert_eq!((carp.vhid.map(|it| it.value), carp.skew.map(|it| it.value)), (Some(1), Some(0)));
    let addresses: Vec<_> = carp.addresses.iter().map(|it| (it.address, it.prefix)).collect();
    assert_eq!(
        addresses,
        [
            ("10.1.60.200".parse().expect("v4"), 32),
            ("fd5e:d1c2:c9de:60::200".parse().expect("v6"), 128)
        ]
    );
    let [demotion] = &carp.demotions[..] else { panic!("{:#?}", carp.demotions) };
    assert_eq!((demotion.by.value, &*demotion.condition.words[0].text), (240, "if"));
    assert!(!format!("{carp:?}").contains("very-secure"));
}

#[test]
fn faults_of_carp_sections() {
    for (from, to, line, part) in [
        ("advskew 0", "advskew 1ß0", 5, "`ß0` behind the number"),
        ("advskew 0", "advskew 255", 5, "out of range"),
        ("vhid 1", "vhid 0", 3, "out of range"),
        ("vhid 1", "vhid +1", 3, "not a vhid"),
        ("vhid 1\n", "", 1, "has no vhid"),
        ("    interface vnet0\n", "", 1, "has no interface"),
        ("pass very-secure-password", "", 1, "has no password"),
        ("pass very-secure-password", "pass \"\"", 6, "password is empty"),
        ("preempt\n", "pass-file /koi/pass\n", 9, "password was given before"),
        ("preempt\n", "pass-file /missing\n", 9, "cannot read"),
        ("pass very-secure-password", "key-hex 00", 6, "no key"),
        ("10.1.60.200/32", "10.1.60.200", 7, "prefix is missing"),
        ("10.1.60.200/32", "10.1.60.200/33", 7, "out of range"),
        ("10.1.60.200/32", "224.0.0.18/32", 7, "no address of a machine"),
        ("fd5e:d1c2:c9de:60::200/128", "10.1.60.200/24", 8, "stands here twice"),
        ("peer 10.1.60.202", "peer fe80::1", 11, "no address of a machine"),
        ("demote 240 if", "demote 241 if", 12, "out of range"),
        ("demote 240 if { nbsrv(GITEA) eq 0 }", "demote 240 if", 12, "a condition"),
        ("demote 240 if", "demote 240 when", 12, "`if` or `unless`"),
        ("/usr/local/etc/koi/notify", "notify", 13, "must begin with `/`"),
        ("carp lan", "carp lan wan", 1, "unexpected `wan`"),
    ] {
        let text = CARP.replacen(from, to, 1);
        let (plan, report) = check(&text);
        let messages = messages(&plan, &report);
        let first = messages.first().map_or("", String::as_str);
        assert!(
            first.starts_with(&format!("{line}: ")) && first.contains(part),
            "{from} to {to}: {messages:#?}"
        );
    }
    let (plan, report) = check(&format!("{CARP}{}", CARP.replacen("lan", "wan", 1)));
    let messages = messages(&plan, &report);
    assert_eq!(messages.len(), 3, "{messages:#?}");
}

#[test]
fn global_lines_get_into_the_plan() {
    let (plan, report) = check(
        "global
    cpu-map auto:1/2-4 1,2 9
    http-err-codes 404,429 +500-502 -501
    log [::1]:1514 len 2048 format rfc5424 sample 4,1-2:5 local7 notice crit
    setenv KOI_HOST 192.0.2.7
    log \"${KOI_HOST}\" daemon
    unix-bind mode 640
    h1-case-adjust-file case.txt
    ssl-default-bind-options ssl-min-ver TLSv1.2
    ssl-default-bind-options no-tls-tickets
    no strict-limits
    tune.ssl.lifetime 10m
",
    );
    assert!(errors(&report).is_empty(), "{:#?}", messages(&plan, &report));
    let global = &plan.global;
    let map = &global.process.cpu_maps[0];
    assert_eq!((map.each, map.groups, map.threads, &*map.cpus), (true, 1, 0b1110, &[1, 2, 9][..]));
    let codes: Vec<u16> =
        (400..600).filter(|&code| global.error_codes.has(code, code < 500)).collect();
    assert_eq!(codes, [404, 429, 500, 502]);
    let [first, second] = &global.logs.targets[..] else { panic!("{:#?}", global.logs) };
    assert_eq!(
        first.sample.as_ref().map(|it| (&*it.ranges, it.size)),
        Some((&[(1, 2), (4, 4)][..], 5))
    );
    assert!(format!("{:?}", second.to.value).contains("192.0.2.7"));
    assert_eq!(global.process.unix_bind.mode.map(|it| it.value), Some(0o640));
    assert_eq!(global.case_adjust_file.as_ref().map_or(0, |file| file.len()), 1);
    let options: Vec<&str> = global.tls.bind.options.iter().map(|word| &*word.text).collect();
    assert_eq!(options, ["ssl-min-ver", "TLSv1.2", "no-tls-tickets"]);
    assert_eq!(global.process.strict_limits.map(|it| it.value), Some(false));
    assert_eq!(global.tls.session_lifetime.map(|it| it.as_secs()), Some(600));
}

#[test]
fn a_condition_is_the_whole_line() {
    let (_, report) = check(".if feature(OPENSSL) && (streq(a,b) || 1)\nnonsense\n.endif\n");
    assert_eq!(errors(&report).len(), 1);
    let text = ".if feature(OPENSSL) && foo(a)\n.endif\n";
    let (plan, report) = check(text);
    let [fault] = &errors(&report)[..] else { panic!("{report:?}") };
    assert_eq!(fault.span.map(|span| plan.sources.slice(span).to_owned()), Some("foo".to_owned()));
}
