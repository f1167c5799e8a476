//! The cases: what a backend is, what its server does, and what is logged. `@` is the backend's name.

use super::part::Act;

/// A line of the log.
#[derive(Clone, Copy, Debug)]
pub enum Line {
    /// The server goes down, for this reason.
    Down(&'static str),
    /// It comes back.
    Up(&'static str),
    /// The backend has no server.
    None,
    /// Anything else; `LEFT` and `ONLINE` are what follows the number of servers.
    Other(&'static str),
}

/// The server begins to do something, and lines come. None: some checks more, and nothing is logged.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub act: Act,
    /// Requests to be sent before: what for, and how many.
    pub ask: Option<(&'static str, usize)>,
    /// What is said on the runtime socket before.
    pub order: Option<&'static str>,
    pub lines: &'static [Line],
    /// What Koi logs, where it is right to differ.
    pub koi: Option<&'static [Line]>,
}

/// A backend.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: &'static str,
    pub mode: &'static str,
    pub backend: &'static [&'static str],
    /// Behind the server's address.
    pub server: &'static str,
    /// Lines behind it: other servers, other backends.
    pub more: &'static [&'static str],
    pub steps: Vec<Step>,
}

fn case(name: &'static str, backend: &'static [&'static str], steps: Vec<Step>) -> Case {
    Case { name, mode: "http", backend, server: "check", more: &[], steps }
}

/// Of bytes.
fn tcp(name: &'static str, backend: &'static [&'static str], steps: Vec<Step>) -> Case {
    Case { mode: "tcp", ..case(name, backend, steps) }
}

impl Case {
    fn server(self, server: &'static str) -> Case {
        Case { server, ..self }
    }

    fn more(self, more: &'static [&'static str]) -> Case {
        Case { more, ..self }
    }
}

const fn step(act: Act, lines: &'static [Line]) -> Step {
    Step { act, ask: None, order: None, lines, koi: None }
}

impl Step {
    const fn koi(self, lines: &'static [Line]) -> Step {
        Step { koi: Some(lines), ..self }
    }

    const fn ask(self, path: &'static str, count: usize) -> Step {
        Step { ask: Some((path, count)), ..self }
    }
}

/// Something is said on the runtime socket, and the server goes on as it is.
const fn order(order: &'static str, lines: &'static [Line]) -> Step {
    Step { order: Some(order), ..step(Act::Hold, lines) }
}

/// An answer to any request.
const fn http(answer: &'static [u8]) -> Act {
    Act::Answer(b"\r\n\r\n", answer)
}

const OK: Act = http(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
const BROKEN: Act = http(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
const MISSING: Act = http(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
const TEXT: Act = http(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nall-fine here");
const OTHER: Act = http(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnope");
const FIELD: Act = http(b"HTTP/1.1 200 OK\r\nX-Fine: yes\r\nContent-Length: 0\r\n\r\n");
const WHY: Act = http(b"HTTP/1.1 500 No\r\nX-Why: because\r\nContent-Length: 0\r\n\r\n");

const PASSED: &str = "Layer7 check passed, code: 200";
const STEPS: &str = "Layer7 check passed, code: 0, info: \"(tcp-check)\"";
const L4: &[Line] = &[UP4];
const L7: &[Line] = &[UP7];
const L7_STEPS: &[Line] = &[Line::Up(STEPS)];
const UP4: Line = Line::Up("Layer4 check passed");
const UP7: Line = Line::Up(PASSED);
const NO_CONNECTION: Line = Line::Down("Layer4 connection problem, info: \"Connection refused\"");
const REFUSED: &[Line] = &[NO_CONNECTION, Line::None];
const HTTPCHK: &str = "option httpchk";
const SHORT: &str = "timeout check 300ms";
const UNMATCHED: &[Line] = &[
    Line::Down("Layer7 invalid response, info: \"HTTP content check did not match\""),
    Line::None,
];
const WRONG: &[Line] = &[Line::Down("Layer7 wrong status, code: 200, info: \"OK\""), Line::None];

const ERROR: &[Line] =
    &[Line::Down("Layer7 wrong status, code: 500, info: \"Internal Server Error\""), Line::None];
const SILENCE: &[Line] = &[Line::Down("Layer7 timeout"), Line::None];

/// All of them.
pub fn cases() -> Vec<Case> {
    [checks(), agents(), observed(), orders()].concat()
}

fn checks() -> Vec<Case> {
    vec![
    // Connections.
    case("l4con", &[], vec![step(Act::Refuse, REFUSED), step(Act::Hold, L4), step(Act::Hold, &[])]),
    case(
        "l4tout",
        &["timeout connect 300ms"],
        vec![step(Act::Full, &[Line::Down("Layer4 timeout"), Line::None]), step(Act::Hold, L4)],
    ),
    tcp("l4mode", &[], vec![step(Act::Refuse, REFUSED), step(Act::Hold, L4)]),
    case(
        "l6rsp",
        &[],
        vec![step(
            Act::Say(b"HTTP/1.1 400 no\r\n\r\n"),
            &[Line::Down("Layer6 invalid response, info: \"SSL handshake failure\""), Line::None],
        )
        // What failed, too.
        .koi(&[
            Line::Down(
                "Layer6 invalid response, info: \"SSL handshake failure: received corrupt message \
                 of type InvalidContentType\"",
            ),
            Line::None,
        ])],
    )
    .server("check check-ssl verify none"),
    case(
        "l6tout",
        &[SHORT],
        vec![step(Act::Hold, &[Line::Down("Layer6 timeout"), Line::None])],
    )
    .server("check check-ssl verify none"),
    // HTTP.
    case(
        "l7sts",
        &[HTTPCHK],
        vec![
            step(
                BROKEN,
                ERROR,
            ),
            step(OK, L7),
            step(OK, &[]),
        ],
    ),
    case(
        "l7tout",
        &[HTTPCHK, SHORT],
        vec![step(Act::Hold, SILENCE), step(OK, L7)],
    ),
    // HAProxy waits for the rest of a head that is none.
    case(
        "l7rsp",
        &[HTTPCHK, SHORT],
        vec![
            step(Act::Say(b"SSH-2.0-x\r\n\r\n"), SILENCE)
                .koi(&[
 Line::Down("Layer7 invalid response, info: \"version (RFC 9112 §2.3)\""), Line::None]),
            step(OK, L7),
        ],
    ),
    case(
        "closed",
        &[HTTPCHK],
        vec![step(Act::ReadEnd, &[Line::Down("Socket error"), Line::None]), step(OK, L7)],
    ),
    case(
        "notfound",
        &[HTTPCHK, "http-check disable-on-404"],
        vec![
            step(OK, &[]),
            step(
                MISSING,
                &[
                    Line::Other(
                        "<29>Server @/s is stopping, reason: Layer7 check conditionally passed, \
                         code: 404, check duration: T. 0 ONLINE",
                    ),
                    Line::None,
                ],
            ),
            step(OK, L7),
        ],
    ),
    case(
        "string",
        &["option httpchk GET /x", "http-check expect string all-fine"],
        vec![step(OTHER, UNMATCHED), step(OK, &[]), step(TEXT, L7)],
    ),
    case(
        "rstring",
        &["option httpchk GET /x", "http-check expect rstring ^all.fine"],
        vec![step(OTHER, UNMATCHED), step(TEXT, L7)],
    ),
    case(
        "rstatus",
        &[HTTPCHK, "http-check expect rstatus ^2"],
        vec![
            step(
                MISSING,
                &[Line::Down("Layer7 wrong status, code: 404, info: \"Not Found\""), Line::None],
            ),
            step(OK, L7),
        ],
    ),
    case(
        "field",
        &[HTTPCHK, "http-check expect hdr name X-Fine value yes"],
        vec![step(OK, WRONG), step(FIELD, L7)],
    ),
    case(
        "unless",
        &[HTTPCHK, "http-check expect ! status 500-599"],
        vec![
            step(
                BROKEN,
                ERROR,
            ),
            step(MISSING, &[Line::Up("Layer7 check passed, code: 404")]),
        ],
    ),
    case(
        "onerror",
        &[HTTPCHK, "http-check expect status 200 on-error %[res.hdr(x-why)]"],
        vec![
            step(
                WHY,
                &[Line::Down("Layer7 wrong status, code: 500, info: \"because\""), Line::None],
            ),
            step(OK, L7),
        ],
    ),
    // What is sent.
    case(
        "sent",
        &[
            HTTPCHK,
            "http-check set-var(check.x) int(7)",
            "http-check send meth POST uri-lf /v/%[var(check.x)] ver HTTP/1.1 hdr Host a.example \
             body hello",
        ],
        vec![
            step(
                Act::Hold,
                SILENCE,
            ),
            step(
                Act::Answer(
                    b"POST /v/7 HTTP/1.1\r\nhost: a.example\r\ncontent-length: 5\r\n\
                      connection: close\r\n\r\nhello",
                    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                ),
                L7,
            ),
        ],
    ),
    case(
        "twice",
        &[
            HTTPCHK,
            "http-check connect",
            "http-check send uri /a",
            "http-check expect status 200 comment first",
            "http-check connect",
            "http-check send uri /b",
            "http-check expect status 200 comment second",
        ],
        vec![
            step(
                Act::Choose(&[
                    ("/a", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                    ("/b", b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"),
                ]),
                &[
                    Line::Down("Layer7 wrong status, code: 500, info: \"No comment: second\""),
                    Line::None,
                ],
            ),
            step(OK, L7),
        ],
    ),
    // Bytes.
    tcp(
        "unwanted",
        &["option tcp-check", "tcp-check connect", "tcp-check expect ! string BAD"],
        vec![
            step(
                Act::Say(b"it is BAD\r\n"),
                &[
                    Line::Down(
                        "Layer7 invalid response, info: \"TCPCHK matched unwanted content 'BAD' \
                         at step 2\"",
                    ),
                    Line::None,
                ],
            ),
            step(Act::SayEnd(b"fine\r\n"), L7_STEPS),
        ],
    ),
    tcp(
        "unmatched",
        &["option tcp-check", "tcp-check connect", "tcp-check expect string +PONG"],
        vec![
            step(
                Act::SayEnd(b"nothing"),
                &[
                    Line::Down(
                        "Layer7 invalid response, info: \"TCPCHK did not match content '+PONG' \
                         at step 2\"",
                    ),
                    Line::None,
                ],
            ),
            step(Act::Say(b"+PONG\r\n"), L7_STEPS),
        ],
    ),
    tcp(
        "silent",
        &[
            "option tcp-check",
            SHORT,
            "tcp-check connect",
            "tcp-check send PING\\r\\n comment ask",
            "tcp-check expect string +PONG comment answer",
        ],
        vec![
            step(
                Act::Hold,
                &[
                    Line::Down(
                        "Layer7 timeout, info: \" at step 3 of tcp-check (expect string '+PONG') \
                         comment: 'answer'\"",
                    ),
                    Line::None,
                ],
            ),
            step(Act::Answer(b"PING\r\n", b"+PONG\r\n"), L7_STEPS),
        ],
    ),
    tcp(
        "ended",
        &["option tcp-check", "tcp-check connect", "tcp-check expect string +PONG"],
        vec![
            step(
                Act::SayEnd(b""),
                &[
                    Line::Down(
                        "Layer7 invalid response, info: \"TCPCHK got an empty response at step 2\"",
                    ),
                    Line::None,
                ],
            ),
            step(Act::Say(b"+PONG\r\n"), L7_STEPS),
        ],
    ),
    tcp(
        "binary",
        &[
            "option tcp-check",
            "tcp-check send-binary 50494e470a",
            "tcp-check expect binary 2b504f4e47",
        ],
        vec![
            step(
                Act::SayEnd(b"-ERR no\r\n"),
                &[
                    Line::Down(
                        "Layer7 invalid response, info: \"TCPCHK did not match content (binary) \
                         at step 2\"",
                    ),
                    Line::None,
                ],
            ),
            step(Act::Answer(b"PING\n", b"+PONG\r\n"), L7_STEPS),
        ],
    ),
    // Presets.
    tcp(
        "redis",
        &["option redis-check", SHORT],
        vec![
            step(Act::Hold, SILENCE),
            step(
                Act::Answer(b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
                &[Line::Up("Layer7 check passed, code: 0, info: \"Redis server is ok\"")],
            ),
        ],
    ),
    tcp(
        "smtp",
        &["option smtpchk EHLO a.example"],
        vec![step(
            Act::Say(b"554 no\r\n"),
            &[Line::Down("Layer7 wrong status, code: 554, info: \"no\""), Line::None],
        )],
    ),
    tcp(
        "pgsql",
        &["option pgsql-check user u", SHORT],
        vec![
            step(Act::Hold, SILENCE),
            step(
                Act::Answer(b"user\0u\0\0", b"R\0\0\0\x08\0\0\0\0"),
                &[Line::Up("Layer7 check passed, code: 0, info: \"PostgreSQL server is ok\"")],
            ),
        ],
    ),
    tcp(
        "ldap",
        &["option ldap-check", SHORT],
        vec![
            step(Act::Hold, SILENCE),
            step(
                Act::Answer(
                    b"\x30\x0c\x02\x01\x01\x60",
                    b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00",
                ),
                &[Line::Up("Layer7 check passed, code: 0")],
            ),
        ],
    ),
    tcp(
        "sslhello",
        &["option ssl-hello-chk"],
        vec![
            step(
                Act::Answer(b"\x16\x03\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
                &[Line::Down("Layer6 invalid response"), Line::None],
            ),
            step(
                Act::Answer(b"\x16\x03\x00", b"\x15\x03\x00\x00\x02\x02\x28"),
                &[Line::Up("Layer6 check passed")],
            ),
        ],
    ),
    tcp(
        "mysql",
        &["option mysql-check"],
        vec![
            step(
                Act::Say(b"\x04\0\0\0\xff\x10\x04x"),
                &[Line::Down("Layer7 wrong status, code: 1040, info: \"x\""), Line::None],
            ),
            step(
                Act::Say(
                    b"\x4a\0\0\0\x0a5.7.33\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\
                      aaaaaaaaaa",
                ),
                &[Line::Up("Layer7 check passed, code: 0")],
            ),
        ],
    ),
    // Each result.
    case(
        "each",
        &[HTTPCHK, "option log-health-checks"],
        vec![
            step(
                BROKEN,
                &[
                    Line::Other(
                        "<29>Health check for server @/s failed, reason: Layer7 wrong status, \
                         code: 500, info: \"Internal Server Error\", check duration: T, \
                         status: 0/2 DOWN.",
                    ),
                    Line::Other("<25>Server @/s is DOWN. 0 LEFT"),
                    Line::None,
                ],
            ),
            step(
                OK,
                &[
                    Line::Other(
                        "<29>Health check for server @/s succeeded, reason: Layer7 check passed, \
                         code: 200, check duration: T, status: 1/2 DOWN.",
                    ),
                    Line::Other(
                        "<29>Health check for server @/s succeeded, reason: Layer7 check passed, \
                         code: 200, check duration: T, status: 2/2 UP.",
                    ),
                    Line::Other("<29>Server @/s is UP. 1 ONLINE"),
                ],
            ),
        ],
    ),
    // Who is not checked is never marked.
    case(
        "unchecked",
        &[],
        vec![
            step(
                Act::Refuse,
                &[Line::Other(
                    "<25>Server @/s is DOWN, reason: Layer4 connection problem, \
                     info: \"Connection refused\", check duration: T. 1 LEFT",
                )],
            ),
            step(
                Act::Hold,
                &[Line::Other(
                    "<29>Server @/s is UP, reason: Layer4 check passed, check duration: T. 2 ONLINE",
                )],
            ),
            step(Act::Hold, &[]),
        ],
    )
    .more(&[" server u 127.0.0.1:NOWHERE"]),
    // Who follows another.
    case(
        "leads",
        &[],
        vec![
            step(
                Act::Refuse,
                &[
                    NO_CONNECTION,
                    Line::None,
                    Line::Other("<25>Server t-@/t is DOWN via @/s. 0 LEFT"),
                    Line::Other("<24>backend t-@ has no server available!"),
                ],
            ),
            step(
                Act::Hold,
                &[UP4, Line::Other("<29>Server t-@/t is UP via @/s. 1 ONLINE")],
            ),
        ],
    )
    .more(&["backend t-@", " LOG", " server t 127.0.0.1:NOWHERE track @/s"]),
]
}

const AGENT_CHECK: &str = "weight 100 agent-check agent-port PORT agent-inter 100ms";

/// The agent.
fn agents() -> Vec<Case> {
    vec![case(
    "agent",
    &[],
    vec![
        step(Act::SayEnd(b"up\n"), &[]),
        step(
            Act::SayEnd(b"drain\n"),
            &[Line::Other("<29>Server @/s enters drain state. 0 ONLINE"), Line::None],
        ),
        step(
            Act::SayEnd(b"ready\n"),
            &[Line::Other("<29>Server @/s is UP (leaving forced drain).")],
        ),
        step(
            Act::SayEnd(b"down #broken disk\n"),
            &[
                Line::Down(
                    "Layer7 wrong status, code: 0, info: \"via agent : down (broken disk)\"",
                ),
                Line::None,
            ],
        ),
        // Nonsense says nothing about the server.
        step(Act::SayEnd(b"blah blah\n"), &[]),
        step(Act::SayEnd(b""), &[]),
        step(
            Act::SayEnd(b"up 75%\n"),
            &[Line::Up("Layer7 check passed, code: 0, info: \"via agent : up\"")],
        ),
        step(Act::SayEnd(b"\xff\xfe\x00\r\n"), &[]),
        step(
            Act::SayEnd(b"fail\n"),
            &[Line::Down("Layer7 wrong status, code: 0, info: \"via agent : fail\""), Line::None],
        ),
        step(
            Act::SayEnd(b"up 100%\n"),
            &[Line::Up("Layer7 check passed, code: 0, info: \"via agent : up\"")],
        ),
        step(
            Act::SayEnd(b"maint\n"),
            &[Line::Other("<25>Server @/s is going DOWN for maintenance. 0 LEFT"), Line::None],
        ),
        step(Act::SayEnd(b"up\n"), &[]),
        step(
            Act::SayEnd(b"ready up 50% maxconn:30\n"),
            &[Line::Other("<29>Server @/s is UP/READY (leaving forced maintenance).")],
        ),
    ],
)
.server(AGENT_CHECK)]
}

const MIXED: Act = Act::Choose(&[
    ("/bad", b"HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n"),
    ("/odd", b"SSH-2.0-x\r\n\r\n"),
    ("/", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
]);

/// Requests tell of a server, too: the third error in a row marks it down.
fn observed() -> Vec<Case> {
    const WRONG_STATUS: &[Line] = &[
        Line::Other(
            "<25>Server @/s is DOWN, reason: Health analyze, info: \"Detected 3 consecutive errors, \
             last one was: Wrong http response\". 0 LEFT",
        ),
        Line::None,
        UP7,
    ];
    const WRONG_HEAD: &[Line] = &[
        Line::Other(
            "<25>Server @/s is DOWN, reason: Health analyze, info: \"Detected 3 consecutive errors, \
             last one was: Invalid http response (headers)\". 0 LEFT",
        ),
        Line::None,
        UP7,
    ];
    let observed = |name, path, lines| {
        case(name, &[HTTPCHK], vec![step(MIXED, lines).ask(path, 3)])
            .server("check observe layer7 error-limit 3 on-error mark-down")
    };
    vec![observed("markdown", "/bad", WRONG_STATUS), observed("headers", "/odd", WRONG_HEAD)]
}

/// Both servers leave maintenance.
const READY: &[Line] = &[
    Line::Other("<29>Server @/s is UP/READY (leaving forced maintenance)."),
    Line::Other("<29>Server t-@/t is UP/READY (leaving maintenance)."),
];
const NONE_LEFT: Line = Line::Other("<24>backend t-@ has no server available!");

/// Operators tell of a server, too, and those that track it follow.
fn orders() -> Vec<Case> {
    vec![
        case(
            "orders",
            &[],
            vec![
                step(Act::Hold, &[]),
                order(
                    "disable server @/s",
                    &[
                        Line::Other("<25>Server @/s is going DOWN for maintenance. 1 LEFT"),
                        Line::Other(
                            "<25>Server t-@/t is going DOWN for maintenance via @/s. 0 LEFT",
                        ),
                        NONE_LEFT,
                    ],
                ),
                order("enable server @/s", READY),
                order(
                    "set server @/s state drain",
                    &[
                        Line::Other("<29>Server @/s enters drain state. 1 ONLINE"),
                        Line::Other("<29>Server t-@/t enters drain state via @/s. 0 ONLINE"),
                        NONE_LEFT,
                    ],
                ),
                order(
                    "set server @/s state maint",
                    &[
                        Line::Other("<29>Server @/s is going DOWN for maintenance. 1 LEFT"),
                        Line::Other(
                            "<29>Server t-@/t is going DOWN for maintenance via @/s. 0 LEFT",
                        ),
                    ],
                ),
                order("set server @/s state ready", READY),
                // The next checks find it well.
                order(
                    "set server @/s health down",
                    &[
                        Line::Other("<25>Server @/s is DOWN, changed from CLI. 1 LEFT"),
                        Line::Other("<25>Server t-@/t is DOWN via @/s. 0 LEFT"),
                        NONE_LEFT,
                        Line::Other(
                            "<29>Server @/s is UP, reason: Layer4 check passed, check duration: T. \
                             2 ONLINE",
                        ),
                        Line::Other("<29>Server t-@/t is UP via @/s. 1 ONLINE"),
                    ],
                ),
                order(
                    "disable server t-@/t",
                    &[
                        Line::Other("<25>Server t-@/t is going DOWN for maintenance. 0 LEFT"),
                        NONE_LEFT,
                    ],
                ),
                order(
                    "disable server @/s",
                    &[Line::Other("<25>Server @/s is going DOWN for maintenance. 1 LEFT")],
                ),
                order(
                    "enable server t-@/t",
                    &[Line::Other(
                        "<29>Server t-@/t is leaving forced maintenance but remains in maintenance \
                         via @/s.",
                    )],
                ),
                order("enable server @/s", READY),
                order(
                    "set server @/u health down",
                    &[Line::Other("<25>Server @/u is DOWN, changed from CLI. 1 LEFT")],
                ),
                order(
                    "disable server @/u",
                    &[Line::Other("<29>Server @/u was DOWN and now enters maintenance.")],
                ),
                order(
                    "set server @/u state drain",
                    &[
                        Line::Other("<29>Server @/u is UP/DRAIN (leaving forced maintenance)."),
                        Line::Other("<29>Server @/u remains in forced drain mode."),
                    ],
                ),
                order(
                    "set server @/u state ready",
                    &[Line::Other("<29>Server @/u is UP (leaving forced drain).")],
                ),
            ],
        )
        .more(&[
            " server u 127.0.0.1:NOWHERE",
            "backend t-@",
            " LOG",
            " server t 127.0.0.1:NOWHERE track @/s",
        ]),
    ]
}
