//! What a check sends: requests of HTTP, bytes.
//!
//! In: the step, `option httpchk`, expressions. Out: bytes on the wire.

use super::script::{Line, Step};
use super::talk::{Judged, Talk};
use crate::config::plan::{CheckBytes, CheckRequest, CheckText};
use crate::exchange::server::{self, internet};
use crate::proto::check::reply::Reply;

impl Talk<'_> {
    pub(super) async fn ask(
        &mut self,
        step: &Step<'_>,
        request: Option<&CheckRequest>,
        line: Line<'_>,
    ) -> Judged<()> {
        let (method, bytes) = self.request(step, request, line);
        self.reply = Some(Reply::new(method.as_bytes()));
        self.ended = false;
        self.send(step, &bytes).await
    }

    /// The bytes of a request, and its method.
    fn request(
        &self,
        step: &Step<'_>,
        request: Option<&CheckRequest>,
        line: Line<'_>,
    ) -> (String, Vec<u8>) {
        let mut formats = step.compiled.iter();
        let mut text = |text: &CheckText| match text {
            CheckText::Plain(text) => text.as_bytes().to_vec(),
            CheckText::Format(_) => self.format(formats.next()),
        };
        let method = request.and_then(|it| it.method.as_deref()).unwrap_or(line.method).to_owned();
        let uri = match request.and_then(|it| it.uri.as_ref()) {
            Some(uri) => text(uri),
            None => line.uri.as_bytes().to_vec(),
        };
        let said = request.and_then(|it| it.version.as_deref()).unwrap_or(line.version);
        let (version, old_fields) = said.split_once("\r\n").unwrap_or((said, ""));
        let mut fields = Vec::new();
        for (name, value) in request.map_or(&[][..], |it| &it.fields) {
            let value = match step.compiled.is_empty() {
                true => value.text.as_bytes().to_vec(),
                false => text(&CheckText::Format(value.clone())),
            };
            fields.push((name.text.to_ascii_lowercase(), value));
        }
        let body = request.and_then(|it| it.body.as_ref()).map(text);
        let mut out = [method.as_bytes(), b" ", &uri, b" ", version.as_bytes(), b"\r\n"].concat();
        for line in old_fields.split("\r\n").filter(|line| !line.is_empty()) {
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if self.script.send_state {
            fields.push(("x-haproxy-server-state".to_owned(), self.state().into_bytes()));
        }
        if let Some(body) = &body {
            fields.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
        }
        if request.is_some() && !fields.iter().any(|(name, _)| name == "connection") {
            fields.push(("connection".to_owned(), b"close".to_vec()));
        }
        for (name, value) in fields {
            // A value that would end its line is no value.
            let value: Vec<u8> =
                value.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)).collect();
            out.extend_from_slice(&[name.as_bytes(), b": ", &value, b"\r\n"].concat());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&body.unwrap_or_default());
        (method, out)
    }

    /// `http-check send-state`: `UP 3/3; address=192.0.2.1; port=80; name=b/s; node=host; weight=1/3;
    /// scur=0/0; qcur=0`.
    fn state(&self) -> String {
        let (backend, server) = self.of;
        let Some(figures) = self.site.live.server(backend, server) else { return String::new() };
        let (up, (done, needed)) = {
            let checkup = figures.checkup();
            (checkup.check.is_up(), checkup.check.score())
        };
        let place = internet(server::place(self.site, self.of));
        let servers = self.site.live.servers(backend);
        let (weights, current): (u64, u64) =
            servers.iter().filter(|it| it.is_usable()).fold((0, 0), |sum, it| {
                (sum.0 + u64::from(it.weight()), sum.1 + u64::from(it.current()))
            });
        format!(
            "{} {done}/{needed}; address={}; port={}; name={}/{}; node={}; weight={}/{weights}; scur={}/{current}; qcur={}",
            if up { "UP" } else { "DOWN" },
            place.ip(),
            place.port(),
            self.site.plan.proxies.get(backend).map_or("", |it| &it.name),
            self.line.name.value,
            self.site.process.hostname,
            figures.weight(),
            figures.current(),
            figures.waiting(),
        )
    }

    pub(super) async fn send_bytes(&mut self, step: &Step<'_>, bytes: &CheckBytes) -> Judged<()> {
        let bytes = match bytes {
            CheckBytes::Text(text) => text.as_bytes().to_vec(),
            CheckBytes::Binary(bytes) => bytes.to_vec(),
            CheckBytes::Format(_) => self.format(step.compiled.first()),
            CheckBytes::HexFormat(_) => {
                let digits = self.format(step.compiled.first()).to_ascii_uppercase();
                data_encoding::HEXUPPER.decode(&digits).unwrap_or_default()
            }
        };
        self.bytes.clear();
        self.send(step, &bytes).await
    }
}
