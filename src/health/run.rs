//! A check, step by step: what the script says, and the verdict.

use std::rc::Rc;

use super::expect;
use super::script::{Act, Form, Script, Step};
use super::talk::{Judged, Talk};
use crate::exchange::site::Site;
use crate::proto::check::preset::{Next, Talk as Conversation};
use crate::proto::check::{Status, Verdict};
use crate::rules::program::Compiled;

/// Asks a server once.
pub(super) async fn check(site: &Rc<Site>, backend: usize, server: usize) -> Verdict {
    // The plan is kept for as long as the check runs, whatever is reloaded meanwhile.
    let (plan, program) = (site.plan.clone(), site.program.clone());
    let Some(proxy) = plan.proxies.get(backend) else { return Verdict::plain(Status::Unknown) };
    let Some(line) = proxy.servers.get(server) else { return Verdict::plain(Status::Unknown) };
    let script = Script::new(proxy, program.proxy(backend));
    let mut talk = Talk::new(site, (backend, server), line, &script);
    match talk.run().await {
        Ok(verdict) | Err(verdict) => {
            talk.close();
            verdict
        }
    }
}

impl Talk<'_> {
    async fn run(&mut self) -> Judged<Verdict> {
        let mut passed = match &self.script.form {
            Form::Plain => Verdict::plain(Status::L4Passed),
            _ => Verdict { code: Some(0), ..Verdict::plain(Status::L7Passed) },
        };
        for step in &self.script.steps {
            match &step.act {
                Act::Connect(connect) => self.connect(step, *connect).await?,
                Act::Request(request, line) => self.ask(step, *request, *line).await?,
                Act::Bytes(bytes) => self.send_bytes(step, bytes).await?,
                Act::Expect(expect) => {
                    if let Some(verdict) = expect::wait(self, step, expect).await? {
                        passed = verdict;
                    }
                }
                Act::ExpectSuccess => passed = expect::success(self).await?,
                Act::Variable => {
                    if let Some(Compiled::Variable(edit)) = step.compiled.first() {
                        edit.apply(&self.context());
                    }
                }
            }
        }
        match &self.script.form {
            Form::Plain if self.is_secure() => Ok(Verdict::plain(Status::L6Passed)),
            Form::Preset(kind) => {
                let (conversation, first) = Conversation::new(kind.clone());
                self.converse(conversation, first).await
            }
            Form::Tcp if passed.info.is_empty() => {
                Ok(Verdict { info: "(tcp-check)".into(), ..passed })
            }
            _ => Ok(passed),
        }
    }

    async fn converse(
        &mut self,
        mut talk: Conversation,
        first: Option<Vec<u8>>,
    ) -> Judged<Verdict> {
        let step = Step { act: Act::ExpectSuccess, number: 0, comment: None, compiled: &[] };
        if let Some(first) = first {
            self.send(&step, &first).await?;
        }
        loop {
            self.bytes.clear();
            if !self.receive(&step).await? {
                return Err(Verdict::with(Status::L7Response, "Connection closed by the server"));
            }
            match talk.handle_bytes(&self.bytes) {
                Next::Wait => {}
                Next::Send(bytes) => self.send(&step, &bytes).await?,
                Next::Done(verdict, farewell) => {
                    if !farewell.is_empty() {
                        // It has said what there was to say.
                        let _ = self.send(&step, farewell).await;
                    }
                    return Ok(verdict);
                }
            }
        }
    }
}
