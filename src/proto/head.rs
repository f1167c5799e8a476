//! The head of a request or response: start line and fields, as places in bytes.
//!
//! In: the bytes that a parser read (the *base*, which stays where it is), and edits. Out: the parts,
//! as slices of the base or of what was added. Nothing of the base is copied; an edit appends to
//! `added` and moves a place.
//!
//! Limits: base and additions have at most 2^31 - 1 bytes each.

/// A piece of the base or of the additions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Piece {
    /// Offset of the first byte; the top bit says that it lies in the additions.
    start: u32,
    length: u32,
}

const ADDED: u32 = 1 << 31;

/// Room for the first edits: a few fields, so that adding them allocates once.
const ADDED_BYTES: usize = 192;

impl Piece {
    /// Where a piece of the base ends at most.
    pub const END_MAX: usize = ADDED as usize - 1;

    /// Bytes `start..end` of the base.
    pub fn base(start: usize, end: usize) -> Piece {
        // What is at most 2^31 - 1 fits.
        let clamp = |offset: usize| offset.min(Piece::END_MAX) as u32;
        let (start, end) = (clamp(start), clamp(end));
        Piece { start, length: end.saturating_sub(start) }
    }

    /// Where it lies in the base; nowhere if it was added.
    pub fn in_base(self) -> Option<std::ops::Range<usize>> {
        let start = self.start as usize;
        (self.start & ADDED == 0).then(|| start..start + self.len())
    }

    /// How many bytes it has.
    pub fn len(self) -> usize {
        self.length as usize
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.length == 0
    }
}

/// One field line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, in the case it came in.
    pub name: Piece,
    /// Its value, without the white space around it.
    pub value: Piece,
}

/// The version of the message (RFC 9110 §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

impl Version {
    /// `1.0`, `1.1`, `2.0`: what `req.ver` gives.
    pub fn number(self) -> &'static str {
        match self {
            Version::Http10 => "1.0",
            Version::Http11 => "1.1",
            Version::Http2 => "2.0",
        }
    }
}

/// What a head begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Method and target of a request. The target is in the form it came in: `/path?query`,
    /// `http://host/path`, `*`, `host:port`.
    Request {
        /// `GET`.
        method: Piece,
        /// `/index.html`.
        target: Piece,
    },
    /// Status and reason of a response.
    Response {
        /// 100 to 999.
        status: u16,
        /// `Not Found`; empty in HTTP/2.
        reason: Piece,
    },
}

/// A head: places only. With its base it makes a [`View`].
#[derive(Clone, Debug)]
pub struct Head {
    /// The start line.
    pub start: Start,
    /// The version.
    pub version: Version,
    /// The fields, in order.
    pub fields: Vec<Field>,
    /// Bytes that edits brought.
    added: Vec<u8>,
}

impl Head {
    /// A head of what a parser found.
    pub fn new(start: Start, version: Version, fields: Vec<Field>) -> Head {
        Head { start, version, fields, added: Vec::new() }
    }

    /// Room for edits, which they use instead of making their own: an empty vector.
    pub fn keep_room(&mut self, added: Vec<u8>) {
        debug_assert!(self.added.is_empty() && added.is_empty());
        self.added = added;
    }

    /// The vectors, for other heads: fields, and bytes that edits brought.
    pub fn into_room(self) -> (Vec<Field>, Vec<u8>) {
        (self.fields, self.added)
    }

    /// The parts, to read.
    pub fn view<'a>(&'a self, base: &'a [u8]) -> View<'a> {
        View { head: self, base }
    }

    /// Keeps `bytes` and gives their place.
    pub fn add(&mut self, bytes: &[u8]) -> Piece {
        let start = self.added.len();
        let room = (ADDED as usize - 1).saturating_sub(start);
        let bytes = &bytes[..bytes.len().min(room)];
        if self.added.capacity() == 0 {
            self.added.reserve(ADDED_BYTES.max(bytes.len()));
        }
        self.added.extend_from_slice(bytes);
        Piece { start: start as u32 | ADDED, length: bytes.len() as u32 }
    }

    /// Appends a field.
    pub fn append(&mut self, name: &[u8], value: &[u8]) {
        let field = Field { name: self.add(name), value: self.add(value) };
        self.fields.push(field);
    }

    /// Gives the fields of a name the values that `edit` has for theirs; those that become empty go.
    pub fn edit(
        &mut self,
        base: &[u8],
        name: &[u8],
        mut edit: impl FnMut(&[u8]) -> Option<Vec<u8>>,
    ) {
        let mut index = 0;
        while let Some(&field) = self.fields.get(index) {
            index += 1;
            let view = self.view(base);
            if !view.bytes(field.name).eq_ignore_ascii_case(name) {
                continue;
            }
            let Some(value) = edit(view.bytes(field.value)) else { continue };
            if value.is_empty() {
                index -= 1;
                self.fields.remove(index);
                continue;
            }
            let value = self.add(&value);
            if let Some(field) = self.fields.get_mut(index - 1) {
                field.value = value;
            }
        }
    }

    /// Removes the fields for which `drop` says so.
    pub fn remove(&mut self, base: &[u8], mut drop: impl FnMut(&[u8], &[u8]) -> bool) {
        let mut fields = std::mem::take(&mut self.fields);
        let view = self.view(base);
        fields.retain(|field| !drop(view.bytes(field.name), view.bytes(field.value)));
        self.fields = fields;
    }
}

/// A head and the bytes it points into.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The places.
    pub head: &'a Head,
    /// The bytes they were parsed from.
    pub base: &'a [u8],
}

impl<'a> View<'a> {
    /// The bytes of a piece; empty if it lies outside (a piece of another head).
    pub fn bytes(&self, piece: Piece) -> &'a [u8] {
        let (from, start) = match piece.start & ADDED {
            0 => (self.base, piece.start as usize),
            _ => (self.head.added.as_slice(), (piece.start & !ADDED) as usize),
        };
        from.get(start..start + piece.len()).unwrap_or_default()
    }

    /// The method; empty in a response.
    pub fn method(&self) -> &'a [u8] {
        match self.head.start {
            Start::Request { method, .. } => self.bytes(method),
            Start::Response { .. } => b"",
        }
    }

    /// The target; empty in a response.
    pub fn target(&self) -> &'a [u8] {
        match self.head.start {
            Start::Request { target, .. } => self.bytes(target),
            Start::Response { .. } => b"",
        }
    }

    /// The status; 0 in a request.
    pub fn status(&self) -> u16 {
        match self.head.start {
            Start::Response { status, .. } => status,
            Start::Request { .. } => 0,
        }
    }

    /// All fields, in order: name and value.
    pub fn fields(&self) -> impl DoubleEndedIterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let view = *self;
        self.head.fields.iter().map(move |field| (view.bytes(field.name), view.bytes(field.value)))
    }

    /// The values of the fields of this name (any case), in order.
    pub fn values<'n>(
        &self,
        name: &'n [u8],
    ) -> impl DoubleEndedIterator<Item = &'a [u8]> + use<'a, 'n> {
        let view = *self;
        self.head
            .fields
            .iter()
            .filter(move |field| {
                field.name.len() == name.len() && view.bytes(field.name).eq_ignore_ascii_case(name)
            })
            .map(move |field| view.bytes(field.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_append_and_the_base_stays() {
        let base = b"GET /a HTTP/1.1\r\nHost: x\r\n";
        let start = Start::Request { method: Piece::base(0, 3), target: Piece::base(4, 6) };
        let host = Field { name: Piece::base(17, 21), value: Piece::base(23, 24) };
        let mut head = Head::new(start, Version::Http11, vec![host]);
        head.append(b"X-A", b"1");
        let view = head.view(base);
        assert_eq!((view.method(), view.target()), (&b"GET"[..], &b"/a"[..]));
        assert_eq!(view.values(b"host").collect::<Vec<_>>(), [b"x"]);
        assert_eq!(view.values(b"x-a").collect::<Vec<_>>(), [b"1"]);
        head.remove(base, |name, _| name == b"Host");
        assert_eq!(head.view(base).fields().count(), 1);
        assert_eq!(head.view(base).bytes(Piece::base(20, 900)), b"");
    }
}
