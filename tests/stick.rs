//! Stick tables as a user sees them: clients keep their servers, rates limit, tables are full. Real sockets,
//! several workers; where HAProxy 3.0 is there, it has to say the same.

mod end_to_end;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use end_to_end::client::Client;
use end_to_end::message::Message;
use end_to_end::origin::{Origins, reply};
use end_to_end::proxy::{Folder, Program, Proxy};
use end_to_end::{PATIENCE, free_ports, loopback};
use koi::config::environment::Environment;
use koi::config::plan::{KeyKind, TableId};
use koi::config::source::MemoryFiles;
use koi::process::check::check;
use koi::stick::{Key, Tables};

const HEAD: &str = "global\n nbthread 4\ndefaults\n mode http\n timeout client 30s\n \
    timeout server 30s\n timeout connect 5s\n";

/// A proxy with these lines behind `HEAD`; `PORT` in them is where it listens.
fn start(program: &Program, lines: &str) -> (Proxy, SocketAddr) {
    let address = loopback(free_ports(1)[0]);
    let text = format!("{HEAD}{}", lines.replace("PORT", &address.port().to_string()));
    (Proxy::start(program, Folder::new("stick"), &text, &[address]), address)
}

fn servers(origins: &Origins, names: &[&str]) -> String {
    let line = |name: &&str| format!(" server {name} 127.0.0.1:{}\n", origins.port(name));
    names.iter().map(line).collect()
}

/// A request on a connection of its own, which is over when the answer is returned.
fn ask(address: SocketAddr, target: &str, fields: &str) -> Message {
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n");
    let mut client = Client::connect(address);
    let answer = client.ask(&request);
    client.drain();
    answer
}

/// The name of the origin that answered.
fn origin(message: &Message) -> String {
    message.value("x-origin").expect("an origin answered").to_owned()
}

fn from(source: usize) -> String {
    format!("X-Src: 10.1.{}.{}\r\n", source / 250, source % 250 + 1)
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Koi, and HAProxy if it is there.
fn programs() -> Vec<Program> {
    match Program::haproxy() {
        Ok(haproxy) => vec![Program::koi(), haproxy],
        Err(why) => {
            println!("without HAProxy beside it: {why}");
            vec![Program::koi()]
        }
    }
}

const SET_SOURCE: &str = " http-request set-src req.hdr(X-Src) if { req.hdr(X-Src) -m found }\n";

#[test]
fn a_client_keeps_its_server_over_all_workers_and_is_forgotten() {
    const THREADS: usize = 4;
    const EACH: usize = 2_500;
    const SOURCES: usize = 40;
    let origins = Origins::start(&["a", "b", "c"]);
    let (mut proxy, address) = start(
        &Program::koi(),
        &format!(
            "listen l\n bind 127.0.0.1:PORT\n{SET_SOURCE} http-request return status 200 hdr X-Known \
             %[src,in_table(l)] if {{ path /known }}\n balance roundrobin\n stick-table type ip size \
             10k expire 2s\n stick on src\n{}",
            servers(&origins, &["a", "b", "c"])
        ),
    );
    let found: Vec<BTreeMap<usize, String>> = thread::scope(|scope| {
        let run = |thread: usize| {
            let mut servers: BTreeMap<usize, String> = BTreeMap::new();
            for number in 0..EACH {
                let source = (number + thread) % SOURCES;
                let server = origin(&ask(address, "/", &from(source)));
                let before = servers.entry(source).or_insert_with(|| server.clone());
                assert_eq!(*before, server, "source {source}, request {number}");
            }
            servers
        };
        let threads: Vec<_> = (0..THREADS).map(|it| scope.spawn(move || run(it))).collect();
        threads.into_iter().map(|it| it.join().expect("it ran")).collect()
    });
    assert!(found.iter().all(|it| *it == found[0]), "every worker knows the same: {found:?}");
    let used: BTreeSet<_> = found[0].values().collect();
    assert_eq!(used.len(), 3, "sources are spread over all servers: {used:?}");
    let known = |source| {
        let answer = ask(address, "/known", &from(source));
        answer.value("x-known").expect("told").to_owned()
    };
    until("all are forgotten", || (0..SOURCES).all(|source| known(source) == "0"));
    proxy.assert_well();
}

/// HAProxy stores a server once it was reached, so that the next request may go elsewhere.
#[test]
fn a_server_that_refuses_is_not_remembered() {
    let origins = Origins::start(&["b"]);
    let nobody = free_ports(1)[0];
    for program in programs() {
        let (mut proxy, address) = start(
            &program,
            &format!(
                "listen l\n bind 127.0.0.1:PORT\n{SET_SOURCE} balance roundrobin\n retries 0\n \
                 stick-table type ip size 10k expire 30s\n stick on src\n server a \
                 127.0.0.1:{nobody}\n{}",
                servers(&origins, &["b"])
            ),
        );
        let mut refused = 0;
        for source in 0..20 {
            // Each worker has turns of its own, so that the first few may all go to `a`.
            let statuses: Vec<_> =
                (0..12).map(|_| ask(address, "/", &from(source)).status()).collect();
            let first = statuses.iter().position(|it| *it == 200).expect("b has its turn");
            assert!(statuses[first..].iter().all(|it| *it == 200), "{program:?}: {statuses:?}");
            refused += first;
        }
        assert!(refused > 0, "{program:?}: a had its turns, too");
        proxy.assert_well();
    }
}

#[test]
fn first_requests_at_the_same_moment_end_on_one_server() {
    const AT_ONCE: usize = 8;
    let origins = Origins::start(&["a", "b", "c"]);
    let (mut proxy, address) = start(
        &Program::koi(),
        &format!(
            "listen l\n bind 127.0.0.1:PORT\n{SET_SOURCE} balance roundrobin\n stick-table type ip \
             size 10k expire 1h\n stick on src\n{}",
            servers(&origins, &["a", "b", "c"])
        ),
    );
    let barrier = Barrier::new(AT_ONCE);
    let all: Vec<Vec<String>> = thread::scope(|scope| {
        let run = || {
            let mut servers = Vec::new();
            for source in 0..100 {
                let mut client = Client::connect(address);
                barrier.wait();
                let fields = from(source);
                servers.push(origin(
                    &client.ask(&format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n")),
                ));
            }
            servers
        };
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|it| it.join().expect("it ran")).collect()
    });
    for servers in &all {
        assert_eq!(*servers, all[0]);
    }
    proxy.assert_well();
}

#[test]
fn a_rate_limits_exactly_whatever_worker_is_reached() {
    for program in programs() {
        let origins = Origins::start(&["a"]);
        let (mut proxy, address) = start(
            &program,
            &format!(
                "backend t\n stick-table type ip size 1k expire 1h store http_req_rate(1h)\nlisten \
                 l\n bind 127.0.0.1:PORT\n{SET_SOURCE} http-request track-sc0 src table t\n \
                 http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 10 }}\n{}",
                servers(&origins, &["a"])
            ),
        );
        for source in 0..5 {
            let statuses: Vec<u16> =
                (0..20).map(|_| ask(address, "/", &from(source)).status()).collect();
            assert_eq!(statuses, [[200; 10], [429; 10]].concat(), "{}", program.name);
        }
        proxy.assert_well();
    }
}

/// Fields that an answer of a rule may have: a line has 64 words at most.
const FIELDS: usize = 15;

/// Rules that answer with what these are.
fn shows(names: &[&str]) -> String {
    let rule = |(part, names): (usize, &[&str])| {
        let field = |(number, name): (usize, &&str)| format!("hdr X-{number} \"%[{name}]\"");
        let fields: Vec<String> = names.iter().enumerate().map(field).collect();
        let fields = fields.join(" ");
        format!(" http-request return status 200 {fields} if {{ path /show/{part} }}\n")
    };
    names.chunks(FIELDS).enumerate().map(rule).collect()
}

fn shown(address: SocketAddr, names: &[&str], fields: &str) -> Vec<(String, Option<String>)> {
    let mut all = Vec::new();
    for (part, names) in names.chunks(FIELDS).enumerate() {
        let answer = ask(address, &format!("/show/{part}"), fields);
        assert_eq!(answer.status(), 200);
        // HAProxy leaves an empty field out.
        let value = |number: usize| {
            let field = format!("x-{number}");
            answer.value(&field).filter(|it| !it.is_empty()).map(str::to_owned)
        };
        all.extend(names.iter().enumerate().map(|(at, name)| (name.to_string(), value(at))));
    }
    all
}

#[test]
fn fetches_converters_and_actions_say_what_haproxys_say() {
    let names = [
        "sc0_conn_cnt",
        "sc0_conn_cur",
        "sc0_http_req_cnt",
        "sc_http_req_cnt(0)",
        "sc0_http_req_rate",
        "sc0_http_err_cnt",
        "sc0_http_fail_cnt",
        "sc0_get_gpc0",
        "sc0_get_gpc1",
        "sc0_get_gpt0",
        "sc0_gpc0_rate",
        "sc0_tracked",
        "sc1_tracked",
        "sc1_conn_cnt",
        "sc0_trackers",
        "sc2_sess_cnt",
        "sc2_conn_cur",
        "sc2_http_req_cnt",
        "sc2_sess_rate",
        "sc0_http_req_cnt(other)",
        "src_http_req_cnt(t)",
        "src_http_req_cnt(other)",
        "src_conn_cnt(t)",
        "src_get_gpc0(t)",
        "src_inc_gpc0(other)",
        "src_get_gpc0(other)",
        "src_clr_gpc0(other)",
        "src_updt_conn_cnt(other)",
        "src,in_table(t)",
        "src,in_table(other)",
        "str(10.9.9.9),in_table(t)",
        "src,table_http_req_cnt(t)",
        "src,table_gpc0(t)",
        "str(10.9.9.9),table_gpc0(t)",
        "str(10.9.9.9),table_expire(t,7)",
        "str(10.9.9.9),table_idle(t,8)",
        "str(10.9.9.9),table_idle(t)",
        "table_cnt(t)",
        "table_avl(t)",
        "table_cnt(arrays)",
        "sc_get_gpc(2,1)",
        "sc_get_gpt(1,1)",
        "sc_gpc_rate(2,1)",
        "src_get_gpc(2,arrays)",
        "src_inc_gpc(0,arrays)",
        "src_clr_gpc(2,arrays)",
        "src,table_gpc(0,arrays)",
        "src,table_gpt(1,arrays)",
        "src,table_gpc_rate(0,arrays)",
        "sc1_get_gpc0",
        "sc0_kbytes_in",
        "sc_bytes_in_rate(0)",
        "src,table_conn_cur(t)",
        "src_conn_cur(t)",
        "src_conn_rate(t)",
        "src_sess_cnt(t)",
    ];
    let mut said = Vec::new();
    for program in programs() {
        let origins = Origins::start(&["a"]);
        let lines = format!(
            "backend t\n stick-table type ip size 1k expire 1h store gpc0,gpc0_rate(1h),gpc1,gpt0,\
             conn_cnt,conn_cur,conn_rate(1h),sess_cnt,http_req_cnt,http_req_rate(1h),http_err_cnt,\
             http_fail_cnt,bytes_in_cnt\nbackend other\n stick-table type ip size 1k expire 1h store \
             gpc0,http_req_cnt,conn_cnt\nbackend arrays\n stick-table type ipv6 size 1k expire 1h store \
             gpc(4),gpc_rate(4,1h),gpt(2)\nbackend whole\n stick-table type integer size 1k store \
             conn_cur,sess_cnt,sess_rate(1h),http_req_cnt\nlisten l\n bind 127.0.0.1:PORT\n \
             tcp-request connection track-sc2 src_port table whole\n{SET_SOURCE} http-request track-sc0 \
             src table t\n http-request track-sc1 src table arrays\n http-request sc-inc-gpc0(0) if {{ \
             path /count }}\n http-request sc-inc-gpc1(0) if {{ path /count }}\n http-request \
             sc-set-gpt0(0) int(42) if {{ path /count }}\n http-request sc-inc-gpc(2,1) if {{ path \
             /count }}\n http-request sc-add-gpc(2,1) 5 if {{ path /count }}\n http-request \
             sc-set-gpt(1,1) 9 if {{ path /count }}\n{} http-request deny if {{ path /denied }}\n \
             http-request return status 404 if {{ path /ours }}\n{}",
            shows(&names),
            servers(&origins, &["a"])
        );
        let (mut proxy, address) = start(&program, &lines);
        let mut of_program = vec![shown(address, &names, &from(1))];
        for target in ["/", "/count", "/count", "/denied", "/ours"] {
            ask(address, target, &from(1));
        }
        let status = |status| reply(format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n"));
        origins.begin(["404", "500", "501"].map(status).to_vec());
        for _ in 0..3 {
            ask(address, "/", &from(1));
        }
        of_program.push(shown(address, &names, &from(1)));
        of_program.push(shown(address, &names, &from(2)));
        said.push(of_program);
        proxy.assert_well();
    }
    let of = |at: usize, name: &str| {
        let found = said[0][at].iter().find(|(it, _)| it == name);
        found.and_then(|(_, value)| value.clone()).unwrap_or_default()
    };
    assert_eq!((of(0, "sc0_http_req_cnt"), of(1, "sc0_http_req_cnt")), ("1".into(), "13".into()));
    assert_eq!((of(1, "sc0_get_gpc0"), of(1, "sc0_get_gpt0")), ("2".into(), "42".into()));
    assert_eq!((of(1, "sc0_http_err_cnt"), of(1, "sc0_http_fail_cnt")), ("2".into(), "1".into()));
    assert_eq!((of(1, "sc_get_gpc(2,1)"), of(2, "sc_get_gpc(2,1)")), ("12".into(), "0".into()));
    if let [koi, haproxy] = &said[..] {
        // How many are open just now depends on when the ends of earlier ones are seen: see the next test.
        let passing = |name: &str| name.contains("conn_cur") || name.contains("trackers");
        for (ours, theirs) in koi.iter().flatten().zip(haproxy.iter().flatten()) {
            if !passing(&ours.0) {
                assert_eq!(ours, theirs);
            }
        }
    }
}

#[test]
fn open_connections_are_counted_until_they_close() {
    for program in programs() {
        let (mut proxy, address) = start(
            &program,
            "backend t\n stick-table type ip size 1k expire 1h store conn_cur,conn_cnt\nlisten l\n bind \
             127.0.0.1:PORT\n tcp-request connection track-sc0 src table t\n tcp-request connection \
             reject if { sc0_conn_cur gt 100 }\n http-request return status 200 hdr X-Now \
             %[sc0_conn_cur]\n",
        );
        // The connection that looked whether it listens is over.
        until("one connection", || ask(address, "/", "").value("x-now") == Some("1"));
        let mut open: Vec<Client> = (0..3).map(|_| Client::connect(address)).collect();
        for client in &mut open {
            assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status(), 200);
        }
        until("those that are open, and one more", || {
            ask(address, "/", "").value("x-now") == Some("4")
        });
        drop(open);
        until("they are over", || ask(address, "/", "").value("x-now") == Some("1"));
        proxy.assert_well();
    }
}

#[test]
fn keys_are_text_numbers_or_bytes_and_full_tables_drop_or_refuse() {
    let key = |kind: &str, key: &str, table: &str| {
        format!(
            "backend {table}\n stick-table {kind} store http_req_cnt\nlisten l{table}\n bind \
             127.0.0.1:PORT-{table}\n http-request track-sc0 {key} table {table}\n http-request return \
             status 200 hdr X-Count %[sc0_http_req_cnt] hdr X-Used %[table_cnt({table})]\n"
        )
    };
    let tables = [
        ("text", "type string len 4 size 3 expire 1h", "req.hdr(X-Key)"),
        ("number", "type integer size 3 expire 1h", "req.hdr(X-Key)"),
        ("bytes", "type binary len 3 size 3 expire 1h", "req.hdr(X-Key)"),
        ("closed", "type string size 3 expire 1h nopurge", "req.hdr(X-Key)"),
    ];
    let mut said = Vec::new();
    for program in programs() {
        let ports = free_ports(tables.len());
        let mut text = HEAD.to_owned();
        for ((table, kind, fetch), port) in tables.iter().zip(&ports) {
            text += &key(kind, fetch, table).replace(&format!("PORT-{table}"), &port.to_string());
        }
        let ready: Vec<SocketAddr> = ports.iter().map(|port| loopback(*port)).collect();
        let mut proxy = Proxy::start(&program, Folder::new("stick"), &text, &ready);
        let mut answers = Vec::new();
        for address in &ready {
            for key in ["abcd", "abcdef", "12", "12x", "ab", "ab", "x", "y", "abcd", "ab"] {
                let answer = ask(*address, "/", &format!("X-Key: {key}\r\n"));
                // HAProxy takes any of those last used within one turn for the oldest.
                thread::sleep(Duration::from_millis(5));
                let value = |name| answer.value(name).unwrap_or_default().to_owned();
                answers.push((key, value("x-count"), value("x-used")));
            }
        }
        said.push(answers);
        proxy.assert_well();
    }
    let counts = |from: usize| -> Vec<&str> {
        said[0][from..from + 10].iter().map(|(_, count, _)| &**count).collect()
    };
    // `abcdef` is cut to `abcd`; the third key but one is the first that drops another.
    assert_eq!(counts(0)[..2], ["1", "2"]);
    assert_eq!(counts(10)[2..4], ["1", "2"], "12 and 12x are the number 12");
    assert_eq!(counts(20)[..2], ["1", "2"]);
    assert!(said[0].iter().all(|(_, _, used)| used.parse::<u32>().expect("a number") <= 3));
    assert_eq!(said[0][36], ("x", String::new(), "3".into()), "{:?}", &said[0][30..]);
    if let [koi, haproxy] = &said[..] {
        for (koi, haproxy) in koi.chunks(10).zip(haproxy.chunks(10)) {
            // At the last one HAProxy has dropped `x` and still has `ab`, which was used before it.
            assert_eq!(koi[..9], haproxy[..9]);
        }
    }
}

#[test]
fn a_server_is_remembered_by_what_the_response_says() {
    for program in programs() {
        let origins = Origins::start(&["a", "b"]);
        let (mut proxy, address) = start(
            &program,
            &format!(
                "listen l\n bind 127.0.0.1:PORT\n balance roundrobin\n stick-table type string len 32 \
                 size 1k expire 1h\n stick store-response res.hdr(X-Session)\n stick match \
                 req.hdr(X-Session)\n http-response set-header X-Server %s\n http-response set-header \
                 X-Id %[str(one),table_server_id(l)]\n{}",
                servers(&origins, &["a", "b"])
            ),
        );
        let session = reply("HTTP/1.1 200 OK\r\nX-Session: one\r\nContent-Length: 0\r\n\r\n");
        origins.begin(vec![session]);
        let first = ask(address, "/", "");
        let (server, id) = (first.value("x-server"), first.value("x-id"));
        assert_eq!(id, if server == Some("a") { Some("1") } else { Some("2") }, "{}", program.name);
        for _ in 0..6 {
            let answer = ask(address, "/", "X-Session: one\r\n");
            assert_eq!(answer.value("x-server"), server, "{}", program.name);
        }
        // Each worker has turns of its own.
        let others: BTreeSet<_> = (0..40)
            .map(|_| ask(address, "/", "X-Session: two\r\n").value("x-server").map(str::to_owned))
            .collect();
        assert_eq!(others.len(), 2, "who is not known is balanced");
        proxy.assert_well();
    }
}

#[test]
fn a_table_of_another_section_and_servers_that_are_not_remembered() {
    for program in programs() {
        let origins = Origins::start(&["a", "b"]);
        let (mut proxy, address) = start(
            &program,
            &format!(
                "backend t\n stick-table type ip size 1k expire 1h\nlisten l\n bind 127.0.0.1:PORT\n\
                 {SET_SOURCE} http-request return status 200 hdr X-Known %[src,in_table(t)] if {{ path \
                 /known }}\n use-server b if {{ path /b }}\n use-server a if {{ path /a }}\n stick on \
                 src table t\n server a 127.0.0.1:{}\n server b 127.0.0.1:{} non-stick\n",
                origins.port("a"),
                origins.port("b")
            ),
        );
        ask(address, "/b", &from(1));
        ask(address, "/a", &from(2));
        let known = |source| {
            let answer = ask(address, "/known", &from(source));
            answer.value("x-known").map(str::to_owned)
        };
        let name = program.name;
        assert_eq!((known(1), known(2)), (Some("0".into()), Some("1".into())), "{name}");
        let servers: Vec<String> = (0..4).map(|_| origin(&ask(address, "/", &from(2)))).collect();
        assert!(servers.iter().all(|it| *it == servers[0]), "{name}: {servers:?}");
        proxy.assert_well();
    }
}

fn tables(text: &str) -> (Tables, koi::config::plan::Plan) {
    let files = MemoryFiles([("t.cfg".into(), text.into())].into());
    let checked = check(&["t.cfg".to_owned()], &files, &mut Environment::default(), &[]);
    assert!(!checked.report.failed(), "{:?}", checked.report.faults);
    (Tables::new(&checked.plan), checked.plan)
}

#[test]
fn an_address_and_its_server_take_100_bytes_at_most() {
    const ENTRIES: i64 = 1_000_000;
    let (tables, plan) = tables(
        "listen l\n mode http\n bind :80\n stick-table type ip size 1000000 expire 1h\n stick on src\n \
         server a 192.0.2.1:80\n server b 192.0.2.2:80\n",
    );
    let [(_, entry, all)] = &Tables::bounds(&plan)[..] else { panic!("one table") };
    assert!(*entry <= 100, "{entry}");
    let table = tables.get(TableId::Proxy(0)).expect("there");
    let mut kept = 0;
    let used = measure(|| {
        for number in 0..ENTRIES {
            let address = core::net::Ipv4Addr::from_bits(number as u32);
            let key = Key::address(KeyKind::Ip, address.into()).expect("an address");
            kept += i64::from(table.obtain(&key, 1).is_some());
        }
    });
    assert_eq!(kept, ENTRIES);
    let each = used.bytes_current as f64 / ENTRIES as f64;
    println!("{each:.1} bytes an entry, told are {entry} ({all} in all)");
    assert!(each <= 100.0 && each <= *entry as f64, "{each} of {entry}");
}

#[test]
fn the_check_tells_what_tables_take() {
    let folder = Folder::new("stick");
    let lines = "listen l\n bind 127.0.0.1:9\n mode http\n timeout client 1s\n timeout server 1s\n \
        timeout connect 1s\n stick-table type ip size 1m expire 1h\n stick on src\n server a \
        127.0.0.1:1\n server b 127.0.0.1:2\n";
    let file = folder.file("t.cfg", lines);
    let output = Command::new(env!("CARGO_BIN_EXE_koi"))
        .args(["-c", "-V", "-f"])
        .arg(&file)
        .output()
        .expect("koi runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("stick table l: at most 92 bytes an entry, 92.0 MiB in all"), "{said}");
    assert!(said.contains("each worker's handles of entries: at most 0.5 MiB"), "{said}");
}

#[test]
fn tables_live_on_where_their_declaration_stays() {
    let head = "listen l\n mode http\n bind :80\n stick on src\n server a 192.0.2.1:80\n server b \
        192.0.2.2:80\n";
    let (before, _) = tables(&format!("{head} stick-table type ip size 10 expire 1h\n"));
    let key = Key::address(KeyKind::Ip, core::net::Ipv4Addr::LOCALHOST.into()).expect("an address");
    let table = before.get(TableId::Proxy(0)).expect("there");
    table.obtain(&key, 1).expect("room");
    let swapped = "listen x\n mode http\n bind :81\n server s 192.0.2.3:80\n".to_owned() + head;
    let (_, plan) = tables(&format!("{swapped} stick-table type ip size 10 expire 1h\n"));
    let (after, said) = before.succeed(&plan);
    let table = after.get(TableId::Proxy(1)).expect("there");
    assert!(table.find(&key, 1).is_some() && said.is_empty(), "{said:?}");
    let (_, plan) = tables(&format!("{head} stick-table type ip size 20 expire 1h\n"));
    let (after, said) = after.succeed(&plan);
    assert!(after.get(TableId::Proxy(0)).expect("there").find(&key, 1).is_none());
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("stick table l"), "{said:?}");
}
