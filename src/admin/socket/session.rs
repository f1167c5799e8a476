//! A client of the runtime socket, from its first line to its end.
//!
//! Without `prompt` a client is asked for one line, which may hold several commands; then the connection is
//! closed. With it the client stays until it says `quit`, as in HAProxy.

use std::sync::Arc;
use std::time::Duration;

use super::input::{Input, Line};
use super::words::{self, Request};
use super::{PAYLOAD_MAX, PIECE, Terms};
use crate::admin::commands::{self, Answer, Call, Severity};
use crate::admin::office::Office;
use crate::config::plan::{CommandLevel, SeverityOutput};
use crate::worker::{How, Local, Stream};

/// How much a client that is sent away may still say, and for how long, so that it reads why.
const LAST_BYTES: usize = 16 << 20;
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a client has chosen.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// What it may do.
    pub level: CommandLevel,
    /// Whether it stays and reads a prompt.
    pub prompt: bool,
    /// Whether the prompt shows how long the process has run.
    pub timed: bool,
    /// How answers are marked.
    pub severity: SeverityOutput,
    /// How long it may say nothing.
    pub patience: Duration,
    /// It said `quit`.
    pub leaving: bool,
}

/// The client is gone, or does not read.
struct Gone;

struct Client {
    local: Local,
    stream: Stream,
    office: Arc<Office>,
    session: Session,
    line_max: usize,
    input: Input,
}

/// Serves one client.
pub(super) async fn serve(local: Local, stream: Stream, terms: Terms, office: Arc<Office>) {
    let session = Session {
        level: terms.level,
        prompt: false,
        timed: false,
        severity: terms.severity,
        patience: terms.patience,
        leaving: false,
    };
    let (line_max, input) = (terms.line_max, Input::default());
    let mut client = Client { local, stream, office, session, line_max, input };
    // Whoever is gone needs no answer.
    let _ = client.run().await;
    client.part().await;
}

impl Client {
    async fn run(&mut self) -> Result<(), Gone> {
        loop {
            let line = self.line(self.line_max).await?;
            let Some(line) = line else {
                let message = format!(
                    "The line is longer than {} bytes (tune.bufsize); nothing was done.",
                    self.line_max
                );
                return self.refuse(&message).await;
            };
            let Ok(line) = String::from_utf8(line) else {
                self.refuse("The line is not UTF-8; nothing was done.").await?;
                if self.session.prompt { continue } else { return Ok(()) }
            };
            match words::split(&line) {
                Ok(requests) if requests.is_empty() => self.end_answer().await?,
                Ok(requests) => self.requests(requests).await?,
                Err(fault) => self.refuse(&fault.message()).await?,
            }
            if self.session.leaving || !self.session.prompt || self.local.is_stopping() {
                return Ok(());
            }
        }
    }

    async fn requests(&mut self, requests: Vec<Request>) -> Result<(), Gone> {
        for request in requests {
            let payload = match &request.payload_end {
                None => None,
                Some(end) => match self.payload(end).await? {
                    Some(payload) => Some(payload),
                    None => {
                        let message = format!(
                            "The payload is longer than {PAYLOAD_MAX} bytes; nothing was done."
                        );
                        self.session.leaving = true;
                        return self.refuse(&message).await;
                    }
                },
            };
            let call = Call {
                running: self.office.running(),
                office: self.office.clone(),
                local: self.local.clone(),
                words: request.words,
                payload,
            };
            let answer = commands::run(call, &mut self.session);
            if self.session.leaving {
                return Ok(());
            }
            self.answer(answer).await?;
        }
        Ok(())
    }

    /// A line; `None` if it is too long.
    async fn line(&mut self, most: usize) -> Result<Option<Vec<u8>>, Gone> {
        let patience = self.session.patience;
        match self.input.line(&self.local, &self.stream, most, patience).await {
            Line::Whole(line) => Ok(Some(line)),
            Line::TooLong => Ok(None),
            Line::Gone => Err(Gone),
        }
    }

    /// The lines of a payload; `None` if they are too much. What is not UTF-8 is replaced: keys and
    /// certificates are.
    async fn payload(&mut self, end: &str) -> Result<Option<String>, Gone> {
        let mut all = Vec::new();
        loop {
            if self.session.prompt {
                self.send(b"+ ").await?;
            }
            let left = PAYLOAD_MAX.saturating_sub(all.len());
            let Some(line) = self.line(left).await? else { return Ok(None) };
            if line == end.as_bytes() {
                return Ok(Some(String::from_utf8_lossy(&all).into_owned()));
            }
            all.extend_from_slice(&line);
            all.push(b'\n');
        }
    }

    async fn answer(&mut self, answer: Answer) -> Result<(), Gone> {
        let mut answer = answer;
        loop {
            match answer {
                Answer::Nothing => break,
                Answer::Text(text) => {
                    self.whole(&text).await?;
                    break;
                }
                Answer::Message(severity, text) => {
                    let mark = self.mark(severity);
                    self.whole(&(mark + &text)).await?;
                    break;
                }
                Answer::Pieces(mut more) => {
                    let mut piece = String::with_capacity(PIECE);
                    while more(&mut piece) {
                        if piece.len() >= PIECE {
                            self.send(piece.as_bytes()).await?;
                            piece.clear();
                        }
                    }
                    self.send(piece.as_bytes()).await?;
                    break;
                }
                Answer::Parts(mut parts) => {
                    while let Some(part) = parts.next().await {
                        self.send(part.as_bytes()).await?;
                    }
                    break;
                }
                Answer::Later(later) => answer = later.await,
            }
        }
        self.end_answer().await
    }

    fn mark(&self, severity: Severity) -> String {
        match self.session.severity {
            SeverityOutput::None => String::new(),
            SeverityOutput::Number => format!("[{}]: ", severity as u8),
            SeverityOutput::String => format!("[{}]: ", severity.word()),
        }
    }

    async fn refuse(&mut self, message: &str) -> Result<(), Gone> {
        let text = self.mark(Severity::Error) + message;
        self.whole(&text).await?;
        self.end_answer().await
    }

    /// A text, its last line ended.
    async fn whole(&mut self, text: &str) -> Result<(), Gone> {
        self.send(text.as_bytes()).await?;
        if !text.is_empty() && !text.ends_with('\n') {
            self.send(b"\n").await?;
        }
        Ok(())
    }

    /// What stands behind each answer.
    async fn end_answer(&mut self) -> Result<(), Gone> {
        match (self.session.prompt, self.session.timed) {
            (false, _) => self.send(b"\n").await,
            (true, false) => self.send(b"\n> ").await,
            (true, true) => {
                let up = self.office.uptime().as_secs();
                let (days, hours, minutes) = (up / 86400, up / 3600 % 24, up / 60 % 60);
                let prompt = format!("\n[{days}:{hours:02}:{minutes:02}:{:02}]> ", up % 60);
                self.send(prompt.as_bytes()).await
            }
        }
    }

    /// Sends all of it, in pieces that the client must take in time.
    async fn send(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        for piece in bytes.chunks(PIECE) {
            let chunk = self.stream.pool().copy_from(piece).ok_or(Gone)?;
            let sent = self.local.timeout(self.session.patience, self.stream.send(chunk)).await;
            if !matches!(sent, Ok(Ok(()))) {
                return Err(Gone);
            }
        }
        Ok(())
    }

    /// Closes so that the client can read what it was told: a connection closed with bytes unread in it is
    /// reset.
    async fn part(&mut self) {
        let _ = self.stream.shutdown(How::Write).await;
        let mut left = LAST_BYTES;
        let deadline = self.local.now() + LAST_WORDS;
        while left > 0 {
            let patience = deadline.since(self.local.now());
            match self.local.timeout(patience, self.stream.receive()).await {
                Ok(Ok(Some(chunk))) => left = left.saturating_sub(chunk.len()),
                _ => return,
            }
        }
    }
}
