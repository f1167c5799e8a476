//! A question to what the rules can be asked, and the answer as text.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use super::phrase::{Target, Version};
use super::{Endpoint, Question, Tls};
use crate::config::render::{self, Style};
use crate::process::check::{Checked, check_disk};
use crate::process::output;
use crate::proto::head;
use crate::rules::context::{Moment, TlsFacts};
use crate::rules::explain::{Asked, AskedResponse, explain};

/// The port of a client that the question does not give one: the first of those that nobody is given
/// by name (RFC 6335 §6).
const CLIENT_PORT: u16 = 49_152;

/// Reads the configuration and walks its rules.
///
/// # Errors
/// What is wrong with the configuration, or why the request arrives nowhere.
pub fn answer(question: &Question) -> Result<String, String> {
    let Checked { plan, program, report, .. } = check_disk(&question.paths);
    if report.failed() {
        let style = Style { colour: output::error_in_colour(), errors_only: true };
        let faults = render::report(&report, &plan.sources, style);
        return Err(format!("the configuration has errors\n\n{faults}"));
    }
    let explanation = explain(&plan, &program, &asked(question))?;
    Ok(explanation.text(&plan))
}

fn asked(question: &Question) -> Asked {
    Asked {
        method: question.method.0.clone(),
        target: in_request_line(&question.target),
        version: match question.version {
            Version::Http10 => head::Version::Http10,
            Version::Http11 => head::Version::Http11,
            Version::Http2 => head::Version::Http2,
        },
        fields: question.headers.clone(),
        source: question.from.map_or_else(somebody, |from| socket(from, CLIENT_PORT)),
        destination: question.to.map(|to| socket(to, 0)).or_else(|| usual_port(question)),
        tls: question.tls.as_ref().map(facts),
        frontend: question.frontend.clone(),
        response: question.response.as_ref().map(|response| AskedResponse {
            status: response.status,
            fields: response.headers.clone(),
        }),
        moment: now(),
    }
}

/// The target as a client writes it to a server: without scheme and host.
fn in_request_line(target: &Target) -> String {
    match target {
        Target::Absolute { path, .. } => path.clone(),
        other => other.to_string(),
    }
}

/// An address that documentation uses (RFC 5737).
fn somebody() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), CLIENT_PORT)
}

fn socket(endpoint: Endpoint, port: u16) -> SocketAddr {
    SocketAddr::new(endpoint.address, endpoint.port.unwrap_or(port))
}

/// Where the target's scheme and port lead, whatever our address is.
fn usual_port(question: &Question) -> Option<SocketAddr> {
    let Target::Absolute { https, authority, .. } = &question.target else { return None };
    let behind =
        authority.rsplit_once(':').map(|(_, port)| port).and_then(|port| port.parse().ok());
    let port = behind.unwrap_or(if *https { 443 } else { 80 });
    Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port))
}

fn facts(tls: &Tls) -> TlsFacts {
    let text = |given: &Option<String>, usual: &'static str| -> Cow<'static, str> {
        given.clone().map_or(usual.into(), Cow::Owned)
    };
    TlsFacts {
        sni: tls.sni.as_deref().map(Box::from),
        alpn: tls.alpn.clone().map(Cow::Owned),
        version: text(&tls.version, "TLSv1.3"),
        cipher: text(&tls.cipher, "TLS_AES_128_GCM_SHA256"),
        ..TlsFacts::default()
    }
}

fn now() -> Moment {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let unix_us = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
    // Any number does: the explanation shows what `rand` gave.
    Moment { unix_us, random: unix_us.wrapping_mul(0x9e37_79b9_7f4a_7c15) }
}
