//! What is counted where, by several workers, over a reload and a clearing.

use super::*;
use crate::config::environment::Environment;
use crate::config::read::read;
use crate::config::report::Report;
use crate::config::source::MemoryFiles;
use crate::rules::context::Exchange;
use crate::rules::ending::{Cause, Ending, Stage, Times};
use std::collections::BTreeMap;

fn plan(text: &str) -> Plan {
    let files = MemoryFiles(BTreeMap::from([("a".to_owned(), text.as_bytes().to_vec())]));
    let mut report = Report::default();
    read(&["a".to_owned()], &files, &mut Environment::default(), &mut report)
}

const TEXT: &str = "frontend f\nmode http\nbind :80\noption socket-stats\ndefault_backend b\n\
                    backend b\nmode http\nserver x 192.0.2.1:80\nserver y 192.0.2.2:80\n";

fn exchange() -> Exchange {
    let times = Times {
        greeted: Some(0),
        begun: Some(1_000),
        requested: Some(2_000),
        assigned: Some(4_000),
        connected: Some(7_000),
        answered: Some(12_000),
        ended: Some(20_000),
        ..Times::default()
    };
    Exchange {
        status: Some(200),
        server_status: Some(404),
        bytes_in: 10,
        bytes_out: 100,
        times,
        ..Exchange::default()
    }
}

fn entry(exchange: &Exchange) -> Entry<'_> {
    Entry { frontend: 0, bind: 0, backend: Some(1), server: Some(0), http: true, exchange }
}

#[test]
fn an_exchange_counts_on_every_side() {
    let ledger = Arc::new(Ledger::new(&plan(TEXT), 2));
    for worker in [0, 1, 1] {
        ledger.clerk(worker).note(&entry(&exchange()));
    }
    let (front, back) = (ledger.front(0).expect("one"), ledger.back(1).expect("one"));
    let (bind, server) = (ledger.bind(0, 0).expect("one"), ledger.server(1, 0).expect("one"));
    for sheets in [front, back, bind, server] {
        assert_eq!((sheets.total(Count::BytesIn), sheets.total(Count::BytesOut)), (30, 300));
        assert_eq!(sheets.total(Count::Requests), 3);
    }
    assert_eq!((front.total(Count::Status2), back.total(Count::Status2)), (3, 3));
    assert_eq!((server.total(Count::Status2), server.total(Count::Status4)), (0, 3));
    assert_eq!(ledger.server(1, 1).expect("one").total(Count::Requests), 0);
    let means = [Span::Queue, Span::Connect, Span::Response, Span::Total];
    assert_eq!(means.map(|span| back.mean_us(span)), [2_000, 3_000, 5_000, 19_000]);
    assert_eq!(server.longest_us(Span::Total), 19_000);
}

#[test]
fn means_are_those_of_the_last_ones() {
    let ledger = Arc::new(Ledger::new(&plan(TEXT), 1));
    let clerk = ledger.clerk(0);
    let mut long = exchange();
    long.times.answered = Some(1_007_000);
    for _ in 0..2_000 {
        clerk.note(&entry(&long));
    }
    for _ in 0..10_000 {
        clerk.note(&entry(&exchange()));
    }
    let back = ledger.back(1).expect("one");
    let mean = back.mean_us(Span::Response);
    assert!((5_000..8_000).contains(&mean), "{mean}");
    assert_eq!(back.longest_us(Span::Response), 1_000_000);
}

#[test]
fn what_went_wrong_is_told_apart() {
    let sums = |change: &dyn Fn(&mut Exchange)| {
        let ledger = Arc::new(Ledger::new(&plan(TEXT), 1));
        let mut it = exchange();
        change(&mut it);
        ledger.clerk(0).note(&entry(&it));
        let counts = [
            Count::DeniedRequests,
            Count::DeniedResponses,
            Count::RequestErrors,
            Count::ConnectErrors,
            Count::ResponseErrors,
            Count::ClientAborts,
            Count::ServerAborts,
        ];
        let of = |sheets: Option<&Sheets>| counts.map(|count| sheets.expect("one").total(count));
        (of(ledger.front(0)), of(ledger.back(1)), of(ledger.server(1, 0)))
    };
    let by = |cause, stage| move |it: &mut Exchange| it.ending = Ending { cause, stage };
    let denied = |cause, stage| {
        move |it: &mut Exchange| {
            it.ending = Ending { cause, stage };
            it.denied = true;
        }
    };
    let at = |places: &[usize]| {
        let mut row = [0; 7];
        places.iter().for_each(|&place| row[place] = 1);
        row
    };
    assert_eq!(sums(&|_| {}), (at(&[]), at(&[]), at(&[])));
    assert_eq!(sums(&denied(Cause::Proxy, Stage::Request)), (at(&[0]), at(&[0]), at(&[])));
    assert_eq!(sums(&denied(Cause::Proxy, Stage::Headers)), (at(&[1]), at(&[1]), at(&[1])));
    assert_eq!(sums(&by(Cause::ClientTimeout, Stage::Request)).0, at(&[2]));
    assert_eq!(sums(&by(Cause::Server, Stage::Connect)), (at(&[]), at(&[3]), at(&[3])));
    assert_eq!(sums(&by(Cause::ServerTimeout, Stage::Headers)), (at(&[]), at(&[4]), at(&[4])));
    assert_eq!(sums(&by(Cause::Client, Stage::Data)), (at(&[5]), at(&[5]), at(&[5])));
    assert_eq!(sums(&by(Cause::Server, Stage::Data)), (at(&[6]), at(&[6]), at(&[6])));
}

#[test]
fn clearing_forgets_maxima_or_all() {
    let ledger = Arc::new(Ledger::new(&plan(TEXT), 1));
    let clerk = ledger.clerk(0);
    clerk.note(&entry(&exchange()));
    ledger.clear(false);
    let back = ledger.back(1).expect("one");
    assert_eq!((back.longest_us(Span::Total), back.total(Count::BytesIn)), (0, 10));
    ledger.clear(true);
    assert_eq!(back.total(Count::BytesIn), 0);
    clerk.note(&entry(&exchange()));
    assert_eq!(back.total(Count::BytesIn), 10);
}

#[test]
fn what_lives_on_counts_on() {
    let (old, new) = (plan(TEXT), plan(&TEXT.replace("server x 192.0.2.1:80\n", "")));
    let ledger = Arc::new(Ledger::new(&old, 1));
    ledger.clerk(0).note(&Entry { server: Some(1), ..entry(&exchange()) });
    let next = Arc::new(ledger.succeed(&new, &Succession::new(&old, &new)));
    next.clerk(0).note(&entry(&exchange()));
    // Who is still at work under the old plan counts for both.
    ledger.clerk(0).note(&Entry { server: Some(1), ..entry(&exchange()) });
    assert_eq!(next.server(1, 0).expect("y").total(Count::Requests), 3);
    assert_eq!(next.front(0).expect("one").total(Count::Requests), 3);
    assert_eq!(next.bind(0, 0).expect("one").total(Count::Requests), 3);
}
