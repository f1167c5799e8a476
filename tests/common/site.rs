//! What a worker has, made from a configuration's text, and exchanges that go to its servers.

use koi::balance::{Chooser, Live};
use koi::config::environment::Environment;
use koi::config::plan::Plan;
use koi::config::read::read;
use koi::config::report::Report;
use koi::config::source::MemoryFiles;
use koi::exchange::control::Control;
use koi::exchange::server::{Destination, Destinations, Link, Refusal, Servers, Wanted, acquire};
use koi::exchange::sessions::Sessions;
use koi::exchange::site::Site;
use koi::exchange::tenure::{Tenure, Throne};
use koi::ledger::Ledger;
use koi::log::access::{Sink, Targets};
use koi::proto::h1::Limits;
use koi::rules::compile::compile;
use koi::rules::context::{Connection, Exchange, ProcessFacts, Variables};
use koi::rules::program::Program;
use koi::rules::walk::{Effects, Walk};
use koi::stick;
use koi::worker::{Local, SocketAddress};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::std_address;

/// A configuration that is running; shared by the workers.
#[derive(Clone)]
pub struct Running {
    pub plan: Arc<Plan>,
    pub program: Arc<Program>,
    pub live: Arc<Live>,
    pub ledger: Arc<Ledger>,
    pub destinations: Arc<Destinations>,
}

impl Running {
    /// From a text. Every server is where `place` says: by proxy and server.
    pub fn new(text: &str, place: impl Fn(usize, usize) -> SocketAddress) -> Running {
        let files = MemoryFiles(BTreeMap::from([("a".to_owned(), text.as_bytes().to_vec())]));
        let mut report = Report::default();
        let plan = read(&["a".to_owned()], &files, &mut Environment::default(), &mut report);
        let program = compile(&plan, &files, &mut report);
        let errors: Vec<_> = report.faults.iter().filter(|it| it.advice.is_none()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let at = |proxy, server| match place(proxy, server) {
            unix @ SocketAddress::Unix(_) => Destination {
                address: None,
                unix: Some(unix),
                port_offset: 0,
                tls: None,
                moved: Default::default(),
            },
            address => Destination {
                address: Some(std_address(&address)),
                unix: None,
                port_offset: 0,
                tls: None,
                moved: Default::default(),
            },
        };
        let of = |(index, proxy): (usize, &koi::config::plan::Proxy)| {
            (0..proxy.servers.len()).map(|server| at(index, server)).collect()
        };
        let destinations = plan.proxies.iter().enumerate().map(of).collect();
        Running {
            live: Arc::new(Live::new(&plan)),
            ledger: Arc::new(Ledger::new(&plan, 8)),
            program: Arc::new(program),
            destinations: Arc::new(Destinations::new(destinations)),
            plan: Arc::new(plan),
        }
    }

    /// What a worker has of it.
    pub fn site(&self, local: &Local, worker: usize) -> Rc<Site> {
        Rc::new(self.make_site(local, worker))
    }

    /// What worker 0 has of it as the plan of this number.
    pub fn site_of_plan(&self, local: &Local, number: u64, throne: &Rc<Throne>) -> Rc<Site> {
        let tenure = Tenure::new(number, throne.clone());
        Rc::new(Site { tenure, ..self.make_site(local, 0) })
    }

    fn make_site(&self, local: &Local, worker: usize) -> Site {
        let targets = Targets::open(&self.plan).expect("no log targets");
        Site {
            local: local.clone(),
            plan: self.plan.clone(),
            program: self.program.clone(),
            live: self.live.clone(),
            tables: stick::Local::new(self.live.tables().clone()),
            ledger: self.ledger.clerk(worker),
            service: None,
            process: ProcessFacts { worker, ..ProcessFacts::default() },
            chooser: Chooser::new(&self.plan, worker),
            servers: Servers::new(self.destinations.clone()),
            tls: Arc::new(Vec::new()),
            log: Sink::new(targets, local),
            limits: Limits { head_bytes: 16_384, fields: 101 },
            wall_offset_us: Rc::default(),
            random: RefCell::new(fastrand::Rng::with_seed(1)),
            sessions: Sessions::default(),
            tenure: Tenure::default(),
            control: Control::default(),
        }
    }
}

/// A client's connection to proxy 0, told apart by its port, and by nothing else but its serial number.
pub fn client(port: u16) -> Connection {
    Connection {
        source: ([192, 0, 2, 1], port).into(),
        destination: ([198, 51, 100, 1], 80).into(),
        tls: None,
        frontend: 0,
        bind: 0,
        accepted_us: 1,
        serial: u64::from(port),
        http_major: 1,
        proxy_protocol: None,
    }
}

/// What came of an exchange's way to a server.
pub struct Way {
    pub link: Result<Link, Refusal>,
    pub exchange: Exchange,
    pub server: Option<usize>,
}

impl Way {
    /// The connection.
    pub fn link(self) -> Link {
        self.link.unwrap_or_else(|refusal| panic!("{refusal:?}"))
    }
}

/// A connection to a server of proxy 0.
pub async fn reach(
    site: &Rc<Site>,
    connection: &Connection,
    chosen: Option<usize>,
    wanted: Wanted,
) -> Way {
    let variables = Variables::default();
    let (plan, program, live) = (site.plan.clone(), site.program.clone(), site.live.clone());
    let mut walk = Walk {
        plan: &plan,
        program: &program,
        connection,
        counters: &*live,
        tables: &site.tables,
        moment: site.moment(),
        process: &site.process,
        variables: &variables,
        request: None,
        response: None,
        exchange: Exchange::default(),
        server_connection: None,
        proxy: 0,
        backend: Some(0),
        server: None,
        effects: Effects::default(),
    };
    let link = acquire(site, &mut walk, chosen, wanted).await;
    Way { link, server: walk.server, exchange: walk.exchange }
}
