//! Evaluation: what the rules decide about a connection, a request, a response.
//!
//! In: a [`Program`] and the facts of an exchange. Out: a decision, and the heads as the rules changed
//! them. Pure: no I/O, no clock; nothing is allocated where no rule changes anything.
//!
//! The order is HAProxy's. A request: `tcp-request content` of the frontend, `monitor-uri`,
//! `http-request`, the statistics page and `redirect` of the frontend, `use_backend` and
//! `default_backend`, persistence, then `tcp-request content`, `http-request`, the page and `redirect` of
//! the backend, `use-server`, `cookie`. A response: `tcp-response content` of the backend,
//! `http-response` of the backend and of the frontend, `cookie`. Every response, Koi's own included:
//! `http-after-response` of the backend and of the frontend.
//!
//! A [`Watch`] sees every step: `explain` is one.

mod act;
mod addresses;
mod cookie;
mod effects;
mod forwarded;
mod keep;
pub mod page;
mod stick;
mod track;

pub use effects::Effects;
pub use stick::Sticking;

use std::borrow::Cow;

use super::action::{Action, Ruleset};
use super::answer::{self, Answer};
use super::condition::Condition;
use super::context::{
    Connection, Context, Counters, Exchange, Moment, ProcessFacts, ServerConnection, Variables,
};
use super::ending::{Cause, Ending, Stage};
use super::program::{List, Persistence, Program, Route, Rule, ServerChoice};
use super::target::Target;
use crate::config::plan::{Mode, Plan};
use crate::config::source::Span;
use crate::proto::head::{Head, View};
use crate::stick::Local;

/// A head with the bytes it points into.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The head; rules change it.
    pub head: Head,
    /// The bytes that a parser read.
    pub base: &'a [u8],
}

impl Message<'_> {
    /// To read.
    pub fn view(&self) -> View<'_> {
        self.head.view(self.base)
    }
}

/// An exchange while rules run over it.
pub struct Walk<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its rules.
    pub program: &'a Program,
    /// The client's connection.
    pub connection: &'a Connection,
    /// Counters of the proxies.
    pub counters: &'a dyn Counters,
    /// The stick tables.
    pub tables: &'a Local,
    /// Time and chance.
    pub moment: Moment,
    /// The process.
    pub process: &'a ProcessFacts,
    /// The exchange's variables.
    pub variables: &'a Variables,
    /// The request, from when its head is there until it is sent.
    pub request: Option<Message<'a>>,
    /// The response, once it is there.
    pub response: Option<Message<'a>>,
    /// What outlives them. The caller fills the request's line in, if anything asks for it later.
    pub exchange: Exchange,
    /// The connection to the server, once there is one.
    pub server_connection: Option<&'a ServerConnection>,
    /// The proxy whose rules run.
    pub proxy: usize,
    /// The backend, once it is chosen.
    pub backend: Option<usize>,
    /// The server, once it is chosen: its index in the backend.
    pub server: Option<usize>,
    /// What rules ask for besides.
    pub effects: Effects,
}

/// What is decided about a connection.
#[derive(Clone, Debug)]
pub enum Admission {
    /// It goes on.
    Accept,
    /// It is closed.
    Close,
    /// It is forgotten, or reset by a packet that lives for so many hops.
    Drop(Option<u8>),
}

/// What is decided about a request (or, in TCP mode, a connection).
#[derive(Clone, Debug)]
pub enum Decision {
    /// It goes to this backend.
    Forward {
        /// An index into `Plan::proxies`.
        backend: usize,
        /// What `use-server` chose, or the client's cookie. Who looks elsewhere if it is none (a stick
        /// table) says so in [`Exchange::bound`], too.
        server: Option<usize>,
        /// What `force-persist` or `ignore-persist` ask for.
        persistence: Option<Persistence>,
    },
    /// Koi answers.
    Answer(Answer),
    /// Koi answers after `timeout tarpit`.
    Tarpit(Answer),
    /// A service of Koi's answers.
    Service(Box<str>),
    /// The statistics page of a proxy answers.
    Statistics {
        /// An index into `Plan::proxies`.
        proxy: usize,
        /// Whether who asks may change things (`stats admin`).
        admin: bool,
    },
    /// The connection is closed.
    Close,
    /// The connection is forgotten, or reset by a packet that lives for so many hops.
    Drop(Option<u8>),
    /// A connection of a TCP frontend goes on as HTTP; its first request comes next.
    SwitchToHttp,
}

/// What is decided about a response.
#[derive(Clone, Debug)]
pub enum Passage {
    /// It goes to the client.
    Forward,
    /// Koi answers instead.
    Answer(Answer),
    /// Both connections are closed.
    Close,
    /// The client's connection is forgotten, or reset by a packet that lives for so many hops.
    Drop(Option<u8>),
}

/// How a list of rules ended.
enum Flow {
    /// At its end, or by `allow`.
    Continue,
    /// By a verdict.
    End(Decision),
}

/// Who sees the steps.
pub trait Watch {
    /// Whether anybody looks. If not, nothing is prepared, and lists are searched as a whole.
    const ACTIVE: bool;
    /// A list of rules begins.
    fn list(&mut self, _walk: &Walk<'_>, _keyword: &'static str, _rules: usize) {}
    /// A rule was considered.
    fn rule(&mut self, _walk: &Walk<'_>, _span: Span, _condition: Option<&Condition>, _held: bool) {
    }
    /// A rule's action was done (or would be).
    fn did(&mut self, _walk: &Walk<'_>, _what: Did<'_>) {}
}

/// What was done.
#[derive(Clone, Debug)]
pub enum Did<'d> {
    /// The head may have changed: compare.
    Acted,
    /// A variable was set or forgotten; or was not, because the rule's own conditions do not hold or
    /// there is no value.
    Variable(&'d str, bool),
    /// `allow`.
    Allowed,
    /// A backend was chosen; `None`: there is none.
    Backend(Option<usize>, By),
    /// A server was chosen; `None`: the name that a format gave is none.
    Server(Option<usize>),
    /// The name that a format gave, and that no backend or server has.
    Unknown(Cow<'d, [u8]>),
    /// A redirection without a location: the rule is skipped.
    EmptyLocation,
    /// `monitor-uri` answers.
    Monitor {
        /// Whether no `monitor fail` holds.
        up: bool,
    },
    /// A rule asks for something that this build does not do.
    NotBuilt(&'static str),
    /// Something is set that no head shows.
    Set(String),
}

/// By what a backend is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A rule.
    Rule,
    /// `default_backend`.
    Default,
    /// It is a `listen`.
    Itself,
}

/// Nobody looks.
pub struct Quiet;

impl Watch for Quiet {
    const ACTIVE: bool = false;
}

/// Runs the rules for a connection that was accepted, or whose handshakes are done.
pub fn connection<W: Watch>(walk: &mut Walk<'_>, ruleset: Ruleset, watch: &mut W) -> Admission {
    walk.proxy = walk.connection.frontend;
    match walk.run(ruleset, watch) {
        Flow::Continue => Admission::Accept,
        Flow::End(Decision::Drop(ttl)) => Admission::Drop(ttl),
        Flow::End(_) => Admission::Close,
    }
}

/// Runs the rules for a request, or for the first bytes of a connection in TCP mode.
pub fn request<W: Watch>(walk: &mut Walk<'_>, watch: &mut W) -> Decision {
    walk.variables.request_begins();
    walk.keep_of_request();
    let decision = match decide(walk, watch) {
        Flow::End(decision) => decision,
        Flow::Continue => walk.forward(watch),
    };
    match decision {
        Decision::Answer(answer) => Decision::Answer(own_answer(walk, answer, watch)),
        Decision::Tarpit(answer) => Decision::Tarpit(own_answer(walk, answer, watch)),
        other => other,
    }
}

/// Runs the rules for the response of a server.
pub fn response<W: Watch>(walk: &mut Walk<'_>, watch: &mut W) -> Passage {
    walk.request = None;
    walk.variables.response_begins();
    walk.keep_of_response();
    let frontend = walk.connection.frontend;
    let backend = walk.backend.unwrap_or(frontend);
    let front = (frontend != backend).then_some((frontend, Ruleset::HttpResponse));
    walk.count_status();
    walk.proxy = backend;
    walk.stick_by_response(backend);
    let passes =
        [Some((backend, Ruleset::TcpResponse)), Some((backend, Ruleset::HttpResponse)), front];
    for (proxy, ruleset) in passes.into_iter().flatten() {
        walk.proxy = proxy;
        if ruleset.is_http() && !walk.is_http(proxy) {
            continue;
        }
        match walk.run(ruleset, watch) {
            Flow::Continue => {}
            Flow::End(Decision::Answer(answer) | Decision::Tarpit(answer)) => {
                return Passage::Answer(own_answer(walk, answer, watch));
            }
            Flow::End(Decision::Drop(ttl)) => return Passage::Drop(ttl),
            Flow::End(_) => return Passage::Close,
        }
    }
    if !walk.cookie_of_response() {
        walk.exchange.ending = Ending { cause: Cause::Proxy, stage: Stage::Headers };
        let answer = answer::default(502, walk.program, &walk.context());
        return Passage::Answer(own_answer(walk, answer, watch));
    }
    after(walk, watch);
    Passage::Forward
}

/// Runs the rules for every response over one of Koi's own.
pub fn own_answer<W: Watch>(walk: &mut Walk<'_>, answer: Answer, watch: &mut W) -> Answer {
    if answer.silent {
        return answer;
    }
    let Answer { head, body, silent } = answer;
    let request = walk.request.take();
    walk.variables.response_begins();
    walk.response = Some(Message { head, base: b"" });
    after(walk, watch);
    walk.request = request;
    let head = walk.response.take().map(|message| message.head);
    match head {
        Some(head) => Answer { head, body, silent },
        None => Answer::new(500, &[], body),
    }
}

/// `http-after-response`.
fn after<W: Watch>(walk: &mut Walk<'_>, watch: &mut W) {
    let frontend = walk.connection.frontend;
    let backend = walk.backend.filter(|&backend| backend != frontend);
    for proxy in backend.into_iter().chain([frontend]) {
        if walk.is_http(proxy) {
            walk.proxy = proxy;
            // Nothing in these rules ends the exchange.
            let _ = walk.run(Ruleset::HttpAfterResponse, watch);
        }
    }
}

/// Everything up to the choice of a server.
fn decide<W: Watch>(walk: &mut Walk<'_>, watch: &mut W) -> Flow {
    let frontend = walk.connection.frontend;
    walk.proxy = frontend;
    if let end @ Flow::End(_) = walk.run(Ruleset::TcpContent, watch) {
        return end;
    }
    walk.count_request();
    if walk.request.is_some() && walk.is_http(frontend) {
        if let Some(answer) = walk.monitor(watch) {
            return Flow::End(Decision::Answer(answer));
        }
        if let end @ Flow::End(_) = walk.http_request(watch) {
            return end;
        }
    }
    let Some(backend) = walk.switch(watch) else {
        let answer = answer::default(503, walk.program, &walk.context());
        walk.exchange.ending = Ending { cause: Cause::Server, stage: Stage::Connect };
        return Flow::End(match walk.is_http(frontend) {
            true => Decision::Answer(answer),
            false => Decision::Close,
        });
    };
    walk.backend = Some(backend);
    walk.persist(backend, watch);
    if backend == frontend {
        return Flow::Continue;
    }
    walk.proxy = backend;
    if let end @ Flow::End(_) = walk.run(Ruleset::TcpContent, watch) {
        return end;
    }
    match walk.request.is_some() && walk.is_http(backend) {
        true => walk.http_request(watch),
        false => Flow::Continue,
    }
}

impl<'a> Walk<'a> {
    /// What expressions see.
    pub fn context(&self) -> Context<'_> {
        Context {
            connection: self.connection,
            request: self.request.as_ref().map(Message::view),
            response: self.response.as_ref().map(Message::view),
            exchange: &self.exchange,
            server_connection: self.server_connection,
            proxy: self.proxy,
            backend: self.backend,
            server: self.server,
            variables: self.variables,
            counters: self.counters,
            tables: self.tables,
            moment: self.moment,
            process: self.process,
            plan: self.plan,
        }
    }

    fn is_http(&self, proxy: usize) -> bool {
        let found = self.plan.proxies.get(proxy);
        found.is_some_and(|proxy| proxy.mode() == Mode::Http) || self.effects.switched
    }

    /// Runs a list of the current proxy. Most lists are empty.
    #[inline]
    fn run<W: Watch>(&mut self, ruleset: Ruleset, watch: &mut W) -> Flow {
        let program = self.program;
        let list = program.proxy(self.proxy).list(ruleset);
        match list.is_empty() {
            true => Flow::Continue,
            false => self.run_list(list, ruleset, watch),
        }
    }

    #[inline(never)]
    fn run_list<W: Watch>(&mut self, list: &List<Action>, ruleset: Ruleset, watch: &mut W) -> Flow {
        // `strict-mode` holds for one list.
        self.effects.lenient = false;
        self.effects.ruleset = Some(ruleset);
        let mut from = 0;
        if W::ACTIVE {
            watch.list(self, ruleset.keyword(), list.rules.len());
        }
        while let Some((index, rule)) = self.next(list, from, watch) {
            match self.act(&rule.action, rule.span, watch) {
                None => from = index + 1,
                Some(flow) => return flow,
            }
        }
        Flow::Continue
    }

    /// The next rule of a list whose condition holds.
    fn next<'l, A, W: Watch>(
        &self,
        list: &'l List<A>,
        from: usize,
        watch: &mut W,
    ) -> Option<(usize, &'l Rule<A>)> {
        if !W::ACTIVE {
            return list.next(from, &self.context());
        }
        for (index, rule) in list.rules.iter().enumerate().skip(from) {
            let condition = rule.condition.as_ref();
            let held = condition.is_none_or(|condition| condition.holds(&self.context()));
            watch.rule(self, rule.span, condition, held);
            if held {
                return Some((index, rule));
            }
        }
        None
    }

    /// `http-request` and `redirect` of the current proxy.
    fn http_request<W: Watch>(&mut self, watch: &mut W) -> Flow {
        if let end @ Flow::End(_) = self.run(Ruleset::HttpRequest, watch) {
            return end;
        }
        if let Some(end) = self.page(watch) {
            return end;
        }
        let program = self.program;
        let list = &program.proxy(self.proxy).redirects;
        if list.is_empty() {
            return Flow::Continue;
        }
        if W::ACTIVE {
            watch.list(self, "redirect", list.rules.len());
        }
        let mut from = 0;
        while let Some((index, rule)) = self.next(list, from, watch) {
            match self.redirect(&rule.action, rule.span, watch) {
                None => from = index + 1,
                Some(flow) => return flow,
            }
        }
        Flow::Continue
    }

    /// `monitor-uri`: a path is compared with path and query, anything else with the whole target.
    fn monitor<W: Watch>(&mut self, watch: &mut W) -> Option<Answer> {
        let uri = self.plan.proxies.get(self.proxy)?.front.monitor_uri.as_ref()?;
        let whole = self.request.as_ref()?.view().target();
        let asked = match uri.value.starts_with('/') {
            true => Target::of(whole).path_and_query(),
            false => whole,
        };
        if asked != uri.value.as_bytes() {
            return None;
        }
        // Such requests leave no line in the log.
        self.effects.log_level = Some(None);
        let list = &self.program.proxy(self.proxy).monitor_fail;
        if W::ACTIVE {
            watch.list(self, "monitor fail", list.rules.len());
        }
        let up = self.next(list, 0, watch).is_none();
        watch.did(self, Did::Monitor { up });
        self.end_by(Cause::Local);
        // Who asks so is not interested in being logged, and asks all day.
        self.effects.log_level = Some(None);
        Some(answer::default(if up { 200 } else { 503 }, self.program, &self.context()))
    }

    /// Chooses the backend.
    fn switch<W: Watch>(&mut self, watch: &mut W) -> Option<usize> {
        let program = self.program.proxy(self.proxy);
        let mut chosen = None;
        if W::ACTIVE && !program.routes.is_empty() {
            watch.list(self, "use_backend", program.routes.rules.len());
        }
        if let Some((_, rule)) = self.next(&program.routes, 0, watch) {
            self.exchange.last_rule = Some(rule.span);
            chosen = match &rule.action {
                Route::Backend(index) => Some(*index),
                Route::Named(format) => self.backend_named(&format.bytes(&self.context()), watch),
            };
        }
        let itself = || {
            let here = self.plan.proxies.get(self.proxy);
            here.is_some_and(|it| it.has_backend()).then_some(self.proxy)
        };
        let (backend, by) = match (chosen, program.default_backend) {
            (Some(backend), _) => (Some(backend), By::Rule),
            (None, Some(backend)) => (Some(backend), By::Default),
            (None, None) => (itself(), By::Itself),
        };
        if W::ACTIVE {
            watch.did(self, Did::Backend(backend, by));
        }
        backend
    }

    /// The backend of a name that a format gave. The modes must fit, as for one that is written down.
    fn backend_named<W: Watch>(&self, name: &[u8], watch: &mut W) -> Option<usize> {
        let found = std::str::from_utf8(name).ok().and_then(|name| self.plan.backend(name));
        let http = self.is_http(self.proxy);
        let fits = found.filter(|&index| {
            let mode = self.plan.proxies.get(index).map(|proxy| proxy.mode());
            matches!((http, mode), (_, Some(Mode::Http)) | (false, Some(Mode::Tcp)))
        });
        if W::ACTIVE && fits.is_none() {
            watch.did(self, Did::Unknown(Cow::Borrowed(name)));
        }
        fits
    }

    /// `force-persist` and `ignore-persist`: the first that holds.
    fn persist<W: Watch>(&mut self, backend: usize, watch: &mut W) {
        let list = &self.program.proxy(backend).persistence;
        if list.is_empty() {
            return;
        }
        if W::ACTIVE {
            watch.list(self, "force-persist and ignore-persist", list.rules.len());
        }
        self.effects.persistence = self.next(list, 0, watch).map(|(_, rule)| rule.action);
    }

    /// The way to the backend, and to a server if a rule chooses one.
    fn forward<W: Watch>(&mut self, watch: &mut W) -> Decision {
        let backend = self.backend.unwrap_or(self.connection.frontend);
        self.proxy = backend;
        self.server = self.choose_server(backend, watch);
        self.exchange.bound = self.server;
        self.cookie_of_request();
        self.stick(backend, watch);
        self.send_identifier();
        addresses::send(self, backend);
        forwarded::send(self, backend);
        let persistence = self.effects.persistence;
        Decision::Forward { backend, server: self.server, persistence }
    }

    /// `use-server`: a server that is down does not count, unless `option persist` or `force-persist`
    /// says so.
    fn choose_server<W: Watch>(&mut self, backend: usize, watch: &mut W) -> Option<usize> {
        let list = &self.program.proxy(backend).servers;
        if list.is_empty() {
            return None;
        }
        if W::ACTIVE {
            watch.list(self, "use-server", list.rules.len());
        }
        let proxy = self.plan.proxies.get(backend)?;
        let stay = self.effects.persistence == Some(Persistence::Force)
            || proxy.settings.options.persist.is_some_and(|it| it.value);
        let mut from = 0;
        while let Some((index, rule)) = self.next(list, from, watch) {
            from = index + 1;
            let server = match &rule.action {
                ServerChoice::Server(server) => *server,
                ServerChoice::Named(format) => {
                    let name = format.bytes(&self.context());
                    let all = &proxy.servers;
                    let found = all.iter().position(|it| it.name.value.as_bytes() == &*name);
                    // No other rule is tried: the balance chooses.
                    let Some(server) = found else {
                        watch.did(self, Did::Unknown(name));
                        return None;
                    };
                    server
                }
            };
            if stay || self.counters.server_up(backend, server) {
                watch.did(self, Did::Server(Some(server)));
                return Some(server);
            }
            watch.did(self, Did::Server(None));
        }
        None
    }

    /// `unique-id-header`.
    fn send_identifier(&mut self) {
        let front = self.plan.proxies.get(self.connection.frontend);
        let name = front.and_then(|proxy| proxy.front.unique_id_header.as_ref());
        let (Some(name), Some(id), Some(request)) =
            (name, &self.exchange.unique_id, &mut self.request)
        else {
            return;
        };
        request.head.append(name.value.as_bytes(), id);
    }
}

#[cfg(test)]
mod tests;
