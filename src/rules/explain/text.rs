//! An explanation as text: what somebody reads who wants to know at once.

use std::fmt::Write;

use super::{Effect, Explanation, Outcome, Seen, Step, Term, Test};
use crate::config::args::shown_text;
use crate::config::plan::Plan;
use crate::config::source::Span;
use crate::rules::program::Persistence;
use crate::rules::walk::{Admission, By, Decision, Passage};

/// How much of a body is shown.
const BODY_SHOWN: usize = 200;

impl Explanation {
    /// The text. `plan` is the one that was walked.
    pub fn text(&self, plan: &Plan) -> String {
        let mut page = Page { plan, out: String::new() };
        page.arrival(self);
        for step in &self.steps {
            page.step(step);
        }
        page.outcome(self);
        page.out
    }
}

struct Page<'p> {
    plan: &'p Plan,
    out: String,
}

impl Page<'_> {
    fn line(&mut self, text: impl AsRef<str>) {
        self.out.push_str(text.as_ref().trim_end());
        self.out.push('\n');
    }

    /// `file:line`.
    fn place(&self, span: Span) -> String {
        let place = self.plan.sources.place(span);
        format!("{}:{}", place.file, place.line)
    }

    /// ``backend `name` ``.
    fn proxy(&self, index: usize) -> String {
        match self.plan.proxies.get(index) {
            Some(proxy) => format!("{} `{}`", proxy.section.word(), proxy.name),
            None => "no section".to_owned(),
        }
    }

    fn proxy_and_place(&self, index: usize) -> String {
        let place = self.plan.proxies.get(index).map(|proxy| self.place(proxy.span));
        format!("{} ({})", self.proxy(index), place.unwrap_or_default())
    }

    fn arrival(&mut self, it: &Explanation) {
        let clear = if it.tls { "over TLS" } else { "in the clear" };
        self.line(format!("{} from {} {clear}", it.request.start, it.source));
        for (name, value) in &it.request.fields {
            self.line(format!("  {name}: {value}"));
        }
        let frontend = self.proxy_and_place(it.frontend);
        self.line(format!("arrives at {frontend}: {}", it.because));
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::List { keyword, proxy, rules } => {
                let rules =
                    if *rules == 1 { "1 rule".to_owned() } else { format!("{rules} rules") };
                let proxy = self.proxy(*proxy);
                self.line("");
                self.line(format!("{keyword}, {rules} of {proxy}"));
            }
            Step::Rule { span, held, unless, terms } => self.rule(*span, *held, *unless, terms),
            Step::Effect(effect) => self.effect(effect),
        }
    }

    fn rule(&mut self, span: Span, held: bool, unless: Option<bool>, terms: &[Term]) {
        let mark = if held { "*" } else { " " };
        let text = shown_line(self.plan.sources.slice(span));
        let place = self.place(span);
        self.line(format!("{mark} {place}  {text}"));
        let mut branch = 0;
        for term in terms {
            if term.branch != branch {
                branch = term.branch;
                self.line("      or");
            }
            self.term(term);
        }
        let why = match (unless, held) {
            (None, _) => "always",
            (Some(false), true) => "the condition holds",
            (Some(false), false) => "the condition does not hold",
            (Some(true), true) => "the condition does not hold, and the rule says unless",
            (Some(true), false) => "the condition holds, and the rule says unless",
        };
        self.line(format!("      {}: {why}", if held { "runs" } else { "skipped" }));
    }

    fn term(&mut self, term: &Term) {
        let verdict = match (term.reached, term.holds) {
            (true, true) => "yes",
            (true, false) => "no",
            // What would be, though nobody looked.
            (false, true) => "(yes)",
            (false, false) => "(no)",
        };
        self.line(format!("      {verdict:<5} {}", shown_text(&term.text)));
        for test in &term.tests {
            let found = found(test);
            self.line(format!("            {} = {found}", shown_text(&test.expression)));
        }
    }

    fn effect(&mut self, effect: &Effect) {
        let text = match effect {
            Effect::StartLine { before, after } => format!("{before}  becomes  {after}"),
            Effect::Field { name, before, after } => change(name, before, after),
            Effect::Variable { name, value: Some(value) } => format!("{name} = {}", quoted(value)),
            Effect::Variable { name, value: None } => format!("{name} is forgotten"),
            Effect::Backend { backend: None, .. } => {
                "no backend: no rule chose one, and there is no `default_backend`".to_owned()
            }
            Effect::Backend { backend: Some(backend), by } => {
                let backend = self.proxy_and_place(*backend);
                match by {
                    By::Rule => backend,
                    By::Default => {
                        self.line("");
                        format!("default_backend: {backend}")
                    }
                    By::Itself => {
                        self.line("");
                        format!("{backend} itself: no rule chose another")
                    }
                }
            }
            Effect::Server(Some(_)) => "this server is taken".to_owned(),
            Effect::Server(None) => "this server is down: the next rule is tried".to_owned(),
            Effect::Said(text) => text.clone(),
        };
        self.line(format!("      -> {text}"));
    }

    fn outcome(&mut self, it: &Explanation) {
        self.line("");
        let text = match &it.outcome {
            Outcome::Refused(Admission::Drop(_)) => {
                "the connection is dropped without a sign to the client".to_owned()
            }
            Outcome::Refused(_) => "the connection is closed before a request is read".to_owned(),
            Outcome::Request(decision) => self.decision(decision, it),
            Outcome::Response(passage) => self.passage(passage, it),
        };
        self.line(format!("=> {text}"));
        if let Some(sent) = &it.sent {
            self.line("   the server gets:");
            self.message(sent, &it.request);
        }
        if let Some(answered) = &it.answered {
            self.line("   the client gets:");
            let before = it.response.clone().unwrap_or_default();
            self.message(answered, &before);
            self.body(&it.body);
        }
        for (name, value) in &it.effects.hints {
            let value = String::from_utf8_lossy(value);
            self.line(format!("   early hint (103): {name}: {value}"));
        }
    }

    fn decision(&self, decision: &Decision, it: &Explanation) -> String {
        match decision {
            Decision::Forward { backend, server, .. } => self.forwarded(*backend, *server, it),
            Decision::Answer(answer) if answer.silent => {
                "the connection is closed without an answer".to_owned()
            }
            Decision::Answer(answer) => match location(it) {
                Some(location) => format!("redirected ({}) to {location}", answer.status()),
                None => format!("Koi answers {}", answer.status()),
            },
            Decision::Tarpit(answer) => {
                format!(
                    "the client waits for `timeout tarpit`, then Koi answers {}",
                    answer.status()
                )
            }
            Decision::Service(name) => format!("the service {name} answers"),
            Decision::Statistics { .. } => "the statistics page answers".to_owned(),
            Decision::Close => "the connection is closed without an answer".to_owned(),
            Decision::Drop(_) => {
                "the connection is dropped without a sign to the client".to_owned()
            }
            Decision::SwitchToHttp => "the connection goes on as HTTP".to_owned(),
        }
    }

    fn passage(&self, passage: &Passage, it: &Explanation) -> String {
        match passage {
            Passage::Forward => {
                let way = it.backend.map(|backend| self.forwarded(backend, it.server, it));
                format!("{}; the response passes", way.unwrap_or_default())
            }
            Passage::Answer(answer) => {
                format!("Koi answers {} instead of the server's response", answer.status())
            }
            Passage::Close => "both connections are closed without an answer".to_owned(),
            Passage::Drop(_) => "the connection is dropped without a sign to the client".to_owned(),
        }
    }

    fn forwarded(&self, backend: usize, server: Option<usize>, it: &Explanation) -> String {
        let mut text = format!("goes to {}", self.proxy_and_place(backend));
        let servers = self.plan.proxies.get(backend).map_or(&[][..], |proxy| &proxy.servers);
        match server.and_then(|server| servers.get(server)) {
            Some(server) => {
                let _ = write!(text, ", server `{}`", server.name.value);
            }
            None => {
                let names: Vec<String> =
                    servers.iter().map(|server| format!("`{}`", server.name.value)).collect();
                let _ = match &names[..] {
                    [] => write!(text, ", which has no servers: the answer is 503"),
                    [only] => write!(text, ", server {only}"),
                    many => write!(text, ", one of the servers {}", many.join(", ")),
                };
            }
        }
        match it.persistence {
            Some(Persistence::Force) => {
                text.push_str("; a client stays on its server even if it is down")
            }
            Some(Persistence::Ignore) => text.push_str("; persistence is ignored"),
            None => {}
        }
        text
    }

    /// A message; what is new in it has a plus, what is gone a minus.
    fn message(&mut self, now: &Seen, before: &Seen) {
        let mark = if before.start.is_empty() || before.start == now.start { " " } else { "+" };
        self.line(format!("   {mark} {}", now.start));
        let mut left = before.fields.clone();
        for field in &now.fields {
            let known = left.iter().position(|it| it == field);
            let mark = match known {
                Some(at) => {
                    left.remove(at);
                    " "
                }
                None if before.start.is_empty() => " ",
                None => "+",
            };
            self.line(format!("   {mark} {}: {}", field.0, field.1));
        }
        for (name, value) in left {
            self.line(format!("   - {name}: {value}"));
        }
    }

    fn body(&mut self, body: &[u8]) {
        if body.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(body.get(..BODY_SHOWN).unwrap_or(body)).into_owned();
        self.line("");
        for line in text.lines() {
            self.line(format!("     {}", shown_text(line)));
        }
        if body.len() > BODY_SHOWN {
            self.line(format!("     ... {} bytes in all", body.len()));
        }
    }
}

/// What a test's expression gave, and what matched.
fn found(test: &Test) -> String {
    if !test.known {
        return "not known here, so it never matches".to_owned();
    }
    let values: Vec<String> = test.values.iter().map(|value| quoted(value)).collect();
    let values = match values.is_empty() {
        true => "nothing".to_owned(),
        false => values.join(", "),
    };
    match &test.matched {
        Some((at, Some(pattern))) if test.values.len() > 1 => {
            let which = test.values.get(*at).map(|value| quoted(value)).unwrap_or_default();
            format!("{values}: {which} matches {}", shown_text(pattern))
        }
        Some((_, Some(pattern))) => format!("{values}: matches {}", shown_text(pattern)),
        Some((_, None)) => format!("{values}: matches"),
        None => format!("{values}: no match"),
    }
}

fn location(it: &Explanation) -> Option<&str> {
    let answered = it.answered.as_ref()?;
    let mut fields = answered.fields.iter();
    fields.find(|(name, _)| name.eq_ignore_ascii_case("location")).map(|(_, value)| value.as_str())
}

fn change(name: &str, before: &[String], after: &[String]) -> String {
    let values =
        |all: &[String]| all.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(" and ");
    match (before, after) {
        ([], after) => format!("{name}: {} (new)", values(after)),
        (before, []) => format!("{name} is removed; it was {}", values(before)),
        (before, after) => format!("{name}: {} (it was {})", values(after), values(before)),
    }
}

/// A value in quotes, short, without control characters.
fn quoted(value: &str) -> String {
    format!("\"{}\"", shown_text(value))
}

/// A line of the configuration with single spaces.
fn shown_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
