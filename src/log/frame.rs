//! What stands around a line on its way: the header of `format`, the line's end, the limit of `len`.
//!
//! In: a line, how a target wants it, the time. Out: bytes, as HAProxy 3.0 sends them.

use std::io::Write;

use crate::config::plan::{Facility, LogLevel, SyslogFormat};
use crate::rules::format::date::{Stamp, two};
use crate::rules::format::decimal;

/// Who speaks, in headers.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// `log-send-hostname`.
    pub host: Option<Box<str>>,
    /// The process's number.
    pub pid: u32,
}

/// What a header says.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// How it is made.
    pub format: SyslogFormat,
    /// The facility.
    pub facility: Facility,
    /// The level.
    pub level: LogLevel,
    /// The program's name: `log-tag`.
    pub tag: &'a str,
    /// RFC 5424's structured data.
    pub structured: Option<&'a [u8]>,
}

/// The dates of headers, made once a second.
#[derive(Debug, Default)]
pub struct Clock {
    second: u64,
    /// `Nov 23 23:45:12`.
    old: Vec<u8>,
    /// `2026-11-23T23:45:12`.
    new: Vec<u8>,
    /// `+00:00`.
    offset: Vec<u8>,
}

impl Clock {
    fn set(&mut self, unix_us: u64) {
        let second = unix_us / 1_000_000;
        if second == self.second && !self.old.is_empty() {
            return;
        }
        let Some(stamp) = Stamp::local(unix_us) else { return };
        self.second = second;
        self.old.clear();
        self.old.extend_from_slice(stamp.month().as_bytes());
        self.old.push(b' ');
        // The day is as wide as in RFC 3164 §4.1.2: `Nov  3`.
        match stamp.at.day() {
            day @ 0..=9 => self.old.extend_from_slice(&[b' ', b'0' + day.unsigned_abs()]),
            day => two(day, &mut self.old),
        }
        self.old.push(b' ');
        stamp.put_time(&mut self.old);
        self.new.clear();
        // Nothing can fail that writes to memory.
        let _ = write!(self.new, "{:04}-", stamp.at.year());
        two(stamp.at.month(), &mut self.new);
        self.new.push(b'-');
        two(stamp.at.day(), &mut self.new);
        self.new.push(b'T');
        stamp.put_time(&mut self.new);
        self.offset.clear();
        stamp.put_offset(":", &mut self.offset);
    }

    /// `2026-11-23T23:45:12.123456+00:00`.
    fn put_iso(&self, unix_us: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.new);
        let _ = write!(out, ".{:06}", unix_us % 1_000_000);
        out.extend_from_slice(&self.offset);
    }
}

/// Appends a line with its header and its end, cut to `length` bytes in all.
pub fn put(
    header: &Header<'_>,
    speaker: &Speaker,
    clock: &mut Clock,
    unix_us: u64,
    line: &[u8],
    length: usize,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    clock.set(unix_us);
    put_header(header, speaker, clock, unix_us, out);
    // The last byte is the line's end.
    let room = length.saturating_sub(1);
    out.truncate(start.saturating_add(room));
    let left = room.saturating_sub(out.len() - start);
    out.extend_from_slice(line.get(..left).unwrap_or(line));
    out.push(b'\n');
}

fn put_header(
    header: &Header<'_>,
    speaker: &Speaker,
    clock: &Clock,
    unix_us: u64,
    out: &mut Vec<u8>,
) {
    // Both are small numbers, in syslog's order.
    let level = header.level as u8;
    let priority = (header.facility as u8) << 3 | level;
    let host = speaker.host.as_deref();
    match header.format {
        SyslogFormat::Raw => {}
        SyslogFormat::Iso => {
            clock.put_iso(unix_us, out);
            out.push(b' ');
        }
        SyslogFormat::Short => put_priority(level, out),
        SyslogFormat::Priority => put_priority(priority, out),
        SyslogFormat::Timed => {
            put_priority(level, out);
            clock.put_iso(unix_us, out);
            out.push(b' ');
        }
        SyslogFormat::Local | SyslogFormat::Rfc3164 => {
            put_priority(priority, out);
            out.extend_from_slice(&clock.old);
            out.push(b' ');
            if header.format == SyslogFormat::Rfc3164 {
                out.extend_from_slice(host.unwrap_or("localhost").as_bytes());
                out.push(b' ');
            }
            out.extend_from_slice(header.tag.as_bytes());
            out.push(b'[');
            decimal(speaker.pid.into(), out);
            out.extend_from_slice(b"]: ");
        }
        SyslogFormat::Rfc5424 => {
            put_priority(priority, out);
            out.extend_from_slice(b"1 ");
            clock.put_iso(unix_us, out);
            let _ = write!(out, " {} {} {} - ", host.unwrap_or("-"), header.tag, speaker.pid);
            out.extend_from_slice(header.structured.unwrap_or(b"-"));
            out.push(b' ');
        }
    }
}

fn put_priority(number: u8, out: &mut Vec<u8>) {
    out.push(b'<');
    decimal(number.into(), out);
    out.push(b'>');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-04 05:06:07.012345 UTC.
    const AT: u64 = 1_699_074_367_012_345;

    fn framed(format: SyslogFormat, host: Option<&str>, length: usize) -> String {
        let header = Header {
            format,
            facility: Facility::Local0,
            level: LogLevel::Info,
            tag: "web",
            structured: None,
        };
        let speaker = Speaker { host: host.map(Into::into), pid: 4711 };
        let mut out = Vec::new();
        // The machine's zone is anybody's guess, so the dates are set.
        let mut clock = Clock {
            second: AT / 1_000_000,
            old: b"Nov  4 05:06:07".to_vec(),
            new: b"2023-11-04T05:06:07".to_vec(),
            offset: b"+00:00".to_vec(),
        };
        put(&header, &speaker, &mut clock, AT, b"text", length, &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn each_format_is_haproxys() {
        let is = |format, bytes: &str| assert_eq!(framed(format, None, 1024), bytes);
        is(SyslogFormat::Local, "<134>Nov  4 05:06:07 web[4711]: text\n");
        is(SyslogFormat::Rfc3164, "<134>Nov  4 05:06:07 localhost web[4711]: text\n");
        is(SyslogFormat::Rfc5424, "<134>1 2023-11-04T05:06:07.012345+00:00 - web 4711 - - text\n");
        is(SyslogFormat::Priority, "<134>text\n");
        is(SyslogFormat::Short, "<6>text\n");
        is(SyslogFormat::Timed, "<6>2023-11-04T05:06:07.012345+00:00 text\n");
        is(SyslogFormat::Iso, "2023-11-04T05:06:07.012345+00:00 text\n");
        is(SyslogFormat::Raw, "text\n");
        let named = framed(SyslogFormat::Rfc3164, Some("h"), 1024);
        assert_eq!(named, "<134>Nov  4 05:06:07 h web[4711]: text\n");
        let named = framed(SyslogFormat::Rfc5424, Some("h"), 1024);
        assert_eq!(named, "<134>1 2023-11-04T05:06:07.012345+00:00 h web 4711 - - text\n");
    }

    #[test]
    fn a_long_line_is_cut_with_its_header() {
        assert_eq!(framed(SyslogFormat::Short, None, 6), "<6>te\n");
        assert_eq!(framed(SyslogFormat::Short, None, 3), "<6\n");
        assert_eq!(framed(SyslogFormat::Raw, None, 1), "\n");
    }

    #[test]
    fn dates_are_made_for_their_second() {
        let mut clock = Clock::default();
        clock.set(AT);
        let (old, new) = (clock.old.clone(), clock.new.clone());
        assert_eq!((old.len(), new.len(), clock.offset.len()), (15, 19, 6));
        clock.set(AT + 900_000);
        assert_eq!((&clock.old, &clock.new), (&old, &new));
        clock.set(AT + 1_000_000);
        assert_ne!((&clock.old, &clock.new), (&old, &new));
    }
}
