//! The buffer pool of one worker.
//!
//! In: requests for a block of one of two sizes. Out: [`Lease`]s (one owner, writable) that freeze
//! into [`Chunk`]s (shared by count, cut without copying). The last chunk of a block to go returns
//! it to its pool, on whatever path that happens.
//!
//! Limits: [`PoolConfig`] bounds the blocks that exist and the free ones that are kept; a pool that
//! is exhausted answers `None` and nobody panics. Everything here belongs to one thread (`!Send`),
//! so counting costs no atomic operation.
//!
//! Two sizes, because one loses at both ends: an answer of 1 KiB wants a block that stays in the
//! cache, and a body of a megabyte read 16 KiB at a time costs 2.5 times what it costs in reads of
//! 128 KiB (`performance.md`, case F).

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;
use std::rc::Rc;

/// Bytes in a small block: one TLS record of 16 KiB with its header, tag and padding
/// (RFC 8446 §5.2: at most 256 bytes over; 512 keeps the block a multiple of 512).
pub const SMALL_BYTES: usize = 16 * 1024 + 512;

/// Bytes in a bulk block: where larger reads stop paying (`performance.md`, case F).
pub const BULK_BYTES: usize = 128 * 1024;

/// The two sizes of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// [`SMALL_BYTES`]: heads, small bodies, TLS records.
    Small,
    /// [`BULK_BYTES`]: a transfer that filled a small block.
    Bulk,
}

impl Class {
    /// How many bytes a block of this class holds.
    pub const fn bytes(self) -> usize {
        match self {
            Class::Small => SMALL_BYTES,
            Class::Bulk => BULK_BYTES,
        }
    }

    const fn index(self) -> usize {
        match self {
            Class::Small => 0,
            Class::Bulk => 1,
        }
    }
}

/// How many blocks a pool may have, and how many free ones it keeps for the next lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Small blocks that may exist at once.
    pub small_max: usize,
    /// Bulk blocks that may exist at once.
    pub bulk_max: usize,
    /// Free small blocks kept; more are given back to the allocator.
    pub small_keep: usize,
    /// Free bulk blocks kept.
    pub bulk_keep: usize,
}

impl Default for PoolConfig {
    /// 64 MiB of small and 32 MiB of bulk blocks at most, of which about 6 MiB stay when idle, and
    /// with io_uring 8 MiB more in the kernel's hands.
    fn default() -> Self {
        PoolConfig { small_max: 4096, bulk_max: 256, small_keep: 256, bulk_keep: 16 }
    }
}

/// What a pool has done so far; numbers are blocks unless they say bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Blocks that exist, small and bulk.
    pub existing: [usize; 2],
    /// Blocks out on lease (or in the kernel's hands), small and bulk.
    pub leased: [usize; 2],
    /// The most ever out at once, small and bulk.
    pub leased_max: [usize; 2],
    /// Leases refused because the pool was exhausted.
    pub refused: u64,
    /// Bytes copied into blocks by [`Pool::copy_from`]. Bodies in the clear never pass there.
    pub copied_bytes: u64,
}

struct Inner {
    config: PoolConfig,
    classes: [Shelf; 2],
    refused: Cell<u64>,
    copied_bytes: Cell<u64>,
}

/// The blocks of one class.
#[derive(Default)]
struct Shelf {
    free: RefCell<Vec<NonNull<Header>>>,
    existing: Cell<usize>,
    leased: Cell<usize>,
    leased_max: Cell<usize>,
}

/// The head of every block; its data follows in the same allocation.
struct Header {
    /// Leases and chunks that name this block.
    shares: Cell<u32>,
    class: Class,
    /// The pool to return to; `None` while the block is free, so a pool is not kept by itself.
    pool: Cell<Option<Rc<Inner>>>,
}

const HEADER_BYTES: usize = 64;
const _: () = assert!(size_of::<Header>() <= HEADER_BYTES);

fn layout(class: Class) -> Layout {
    // A cache line of header keeps the data aligned to one.
    match Layout::from_size_align(HEADER_BYTES + class.bytes(), HEADER_BYTES) {
        Ok(layout) => layout,
        Err(_) => unreachable!("two constants, checked by every test that leases"),
    }
}

fn allocate(class: Class) -> NonNull<Header> {
    let layout = layout(class);
    // SAFETY: the layout is not empty. Zeroed, so that the data is initialised memory from birth.
    let raw = unsafe { alloc_zeroed(layout) };
    let Some(block) = NonNull::new(raw.cast::<Header>()) else { handle_alloc_error(layout) };
    // SAFETY: the block is ours alone, large enough and aligned for a Header (layout above).
    unsafe { block.write(Header { shares: Cell::new(0), class, pool: Cell::new(None) }) };
    block
}

fn free(block: NonNull<Header>) {
    // SAFETY: called for blocks on no free list and with no share left; the header is valid.
    let class = unsafe { block.as_ref() }.class;
    // SAFETY: `block` came from `allocate` with this very layout, and a free block's header owns
    // nothing (its pool is None), so there is no destructor to run.
    unsafe { dealloc(block.as_ptr().cast(), layout(class)) };
}

fn data(block: NonNull<Header>) -> NonNull<u8> {
    // SAFETY: every block is HEADER_BYTES plus its class's bytes long.
    unsafe { block.cast::<u8>().add(HEADER_BYTES) }
}

impl Inner {
    fn max(&self, class: Class) -> usize {
        [self.config.small_max, self.config.bulk_max][class.index()]
    }

    fn keep(&self, class: Class) -> usize {
        [self.config.small_keep, self.config.bulk_keep][class.index()]
    }

    fn take(&self, class: Class) -> Option<NonNull<Header>> {
        let shelf = &self.classes[class.index()];
        let free = shelf.free.borrow_mut().pop();
        let block = match free {
            Some(block) => block,
            None => self.make(class)?,
        };
        let leased = shelf.leased.get() + 1;
        shelf.leased.set(leased);
        if leased > shelf.leased_max.get() {
            shelf.leased_max.set(leased);
        }
        Some(block)
    }

    #[cold]
    fn make(&self, class: Class) -> Option<NonNull<Header>> {
        let shelf = &self.classes[class.index()];
        if shelf.existing.get() >= self.max(class) {
            self.refused.set(self.refused.get() + 1);
            return None;
        }
        shelf.existing.set(shelf.existing.get() + 1);
        Some(allocate(class))
    }

    fn give_back(&self, block: NonNull<Header>, class: Class) {
        let shelf = &self.classes[class.index()];
        shelf.leased.set(shelf.leased.get() - 1);
        let mut list = shelf.free.borrow_mut();
        if list.len() < self.keep(class) {
            list.push(block);
        } else {
            shelf.existing.set(shelf.existing.get() - 1);
            free(block);
        }
    }

    fn stats(&self) -> PoolStats {
        let each = |count: fn(&Shelf) -> usize| [count(&self.classes[0]), count(&self.classes[1])];
        PoolStats {
            existing: each(|shelf| shelf.existing.get()),
            leased: each(|shelf| shelf.leased.get()),
            leased_max: each(|shelf| shelf.leased_max.get()),
            refused: self.refused.get(),
            copied_bytes: self.copied_bytes.get(),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for shelf in &mut self.classes {
            for block in shelf.free.get_mut().drain(..) {
                free(block);
            }
        }
    }
}

/// A handle on a worker's pool; clones name the same pool.
#[derive(Clone)]
pub struct Pool(Rc<Inner>);

impl Pool {
    /// An empty pool. Blocks come into being when they are first leased.
    pub fn new(config: PoolConfig) -> Pool {
        Pool(Rc::new(Inner {
            config,
            classes: Default::default(),
            refused: Cell::new(0),
            copied_bytes: Cell::new(0),
        }))
    }

    /// A block of this class, or `None` when all that may exist are out.
    pub fn lease(&self, class: Class) -> Option<Lease> {
        let block = self.0.take(class)?;
        // SAFETY: the block was free, so nobody else refers to its header.
        let header = unsafe { block.as_ref() };
        header.shares.set(1);
        header.pool.set(Some(self.0.clone()));
        Some(Lease { share: Share(block) })
    }

    /// Blocks of this class that may exist at once.
    pub fn max(&self, class: Class) -> usize {
        self.0.max(class)
    }

    /// Whether a lease of this class would be granted now.
    pub fn available(&self, class: Class) -> bool {
        let shelf = &self.0.classes[class.index()];
        !shelf.free.borrow().is_empty() || shelf.existing.get() < self.0.max(class)
    }

    /// A chunk with a copy of `bytes`: `None` when the pool is exhausted or when they do not fit
    /// in a bulk block. Counted in [`PoolStats::copied_bytes`].
    pub fn copy_from(&self, bytes: &[u8]) -> Option<Chunk> {
        let class = if bytes.len() <= SMALL_BYTES { Class::Small } else { Class::Bulk };
        if bytes.len() > class.bytes() {
            return None;
        }
        let mut lease = self.lease(class)?;
        lease[..bytes.len()].copy_from_slice(bytes);
        self.0.copied_bytes.set(self.0.copied_bytes.get() + bytes.len() as u64);
        Some(lease.freeze(bytes.len()))
    }

    /// A chunk with the bytes of both, copied and counted as by [`Pool::copy_from`].
    pub fn join(&self, first: &[u8], second: &[u8]) -> Option<Chunk> {
        let len = first.len() + second.len();
        let class = if len <= SMALL_BYTES { Class::Small } else { Class::Bulk };
        if len > class.bytes() {
            return None;
        }
        let mut lease = self.lease(class)?;
        let (front, back) = lease.split_at_mut(first.len());
        front.copy_from_slice(first);
        back[..second.len()].copy_from_slice(second);
        self.0.copied_bytes.set(self.0.copied_bytes.get() + len as u64);
        Some(lease.freeze(len))
    }

    /// What the pool has done so far.
    pub fn stats(&self) -> PoolStats {
        self.0.stats()
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.stats()).finish()
    }
}

/// One count on a block. Not cloned behind anybody's back: only `Chunk` shares.
struct Share(NonNull<Header>);

impl Share {
    fn header(&self) -> &Header {
        // SAFETY: the block lives while a share of it does.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let header = self.header();
        let left = header.shares.get() - 1;
        header.shares.set(left);
        if left == 0 {
            let class = header.class;
            if let Some(pool) = header.pool.take() {
                pool.give_back(self.0, class);
            }
        }
    }
}

/// A whole block with one owner, writable. Dereferences to all of its bytes.
pub struct Lease {
    share: Share,
}

impl Lease {
    /// The block's class.
    pub fn class(&self) -> Class {
        self.share.header().class
    }

    /// The first `len` bytes as a chunk; a `len` past the end means the whole block.
    pub fn freeze(self, len: usize) -> Chunk {
        let len = len.min(self.class().bytes()) as u32;
        Chunk { share: self.share, start: 0, len }
    }
}

impl Deref for Lease {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: the data was zeroed at birth and is `bytes()` long; it lives while the share does.
        unsafe { std::slice::from_raw_parts(data(self.share.0).as_ptr(), self.class().bytes()) }
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut [u8] {
        let len = self.class().bytes();
        // SAFETY: as above; a lease is the only share of its block, so the access is exclusive.
        unsafe { std::slice::from_raw_parts_mut(data(self.share.0).as_ptr(), len) }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({:?})", self.class())
    }
}

/// A run of bytes in a block, shared by count. Cutting and cloning copy no bytes.
pub struct Chunk {
    share: Share,
    start: u32,
    len: u32,
}

const _: () = assert!(size_of::<Chunk>() == 16 && size_of::<Option<Chunk>>() == 16);

impl Chunk {
    /// Removes the first `n` bytes (all of them, if there are fewer) and returns them.
    pub fn cut_front(&mut self, n: usize) -> Chunk {
        let n = (n.min(self.len as usize)) as u32;
        let front = Chunk { share: self.another(), start: self.start, len: n };
        self.start += n;
        self.len -= n;
        front
    }

    /// Drops the first `n` bytes (all of them, if there are fewer).
    pub fn advance(&mut self, n: usize) {
        let n = (n.min(self.len as usize)) as u32;
        self.start += n;
        self.len -= n;
    }

    /// Keeps the first `n` bytes.
    pub fn truncate(&mut self, n: usize) {
        self.len = self.len.min(u32::try_from(n).unwrap_or(u32::MAX));
    }

    /// A share of part of this chunk; the range is clamped to it.
    pub fn slice(&self, range: Range<usize>) -> Chunk {
        let end = range.end.min(self.len as usize);
        let start = range.start.min(end);
        Chunk { share: self.another(), start: self.start + start as u32, len: (end - start) as u32 }
    }

    /// The bytes for writing, if no other chunk shares the block (a TLS record is opened in place).
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        if self.share.header().shares.get() != 1 {
            return None;
        }
        let (start, len) = (self.start as usize, self.len as usize);
        // SAFETY: start + len never exceeds the block (they only shrink from `freeze`), the block
        // lives while the share does, and it is the only one, so the access is exclusive.
        Some(unsafe { std::slice::from_raw_parts_mut(data(self.share.0).add(start).as_ptr(), len) })
    }

    fn another(&self) -> Share {
        let shares = &self.share.header().shares;
        match shares.get().checked_add(1) {
            Some(n) => shares.set(n),
            // Four thousand million shares of one block exist only by a leak of ours.
            None => std::process::abort(),
        }
        Share(self.share.0)
    }
}

impl Clone for Chunk {
    fn clone(&self) -> Chunk {
        Chunk { share: self.another(), start: self.start, len: self.len }
    }
}

impl Deref for Chunk {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        let (start, len) = (self.start as usize, self.len as usize);
        // SAFETY: start + len never exceeds the block, which lives while the share does; nobody
        // writes it while more than one share exists, and a sole owner needs `&mut` to write.
        unsafe { std::slice::from_raw_parts(data(self.share.0).add(start).as_ptr(), len) }
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(small_max: usize) -> Pool {
        Pool::new(PoolConfig { small_max, bulk_max: 1, small_keep: 1, bulk_keep: 1 })
    }

    #[test]
    fn a_block_returns_when_its_last_chunk_goes() {
        let pool = pool(4);
        let mut lease = pool.lease(Class::Small).expect("lease");
        lease[..5].copy_from_slice(b"hello");
        let mut chunk = lease.freeze(5);
        let front = chunk.cut_front(2);
        let middle = chunk.slice(0..1);
        assert_eq!((&front[..], &middle[..], &chunk[..]), (&b"he"[..], &b"l"[..], &b"llo"[..]));
        drop(chunk);
        drop(front);
        assert_eq!(pool.stats().leased, [1, 0]);
        drop(middle);
        assert_eq!(pool.stats().leased, [0, 0]);
        assert_eq!(pool.stats().existing, [1, 0]);
    }

    #[test]
    fn an_exhausted_pool_refuses_and_recovers() {
        let pool = pool(2);
        let a = pool.lease(Class::Small);
        let b = pool.lease(Class::Small);
        assert!(a.is_some() && b.is_some() && !pool.available(Class::Small));
        assert!(pool.lease(Class::Small).is_none());
        assert_eq!(pool.stats().refused, 1);
        drop(a);
        assert!(pool.available(Class::Small) && pool.lease(Class::Small).is_some());
    }

    #[test]
    fn free_blocks_over_the_keep_go_back_to_the_allocator() {
        let pool = pool(3);
        let all: Vec<_> = (0..3).map(|_| pool.lease(Class::Small)).collect();
        assert_eq!(pool.stats().existing, [3, 0]);
        drop(all);
        assert_eq!(pool.stats().existing, [1, 0]);
        assert_eq!(pool.stats().leased_max, [3, 0]);
    }

    #[test]
    fn only_a_sole_owner_writes() {
        let pool = pool(2);
        let mut chunk = pool.copy_from(b"abc").expect("fits");
        let other = chunk.clone();
        assert!(chunk.bytes_mut().is_none());
        drop(other);
        chunk.bytes_mut().expect("sole owner")[0] = b'x';
        assert_eq!(&chunk[..], b"xbc");
        assert_eq!(pool.stats().copied_bytes, 3);
    }

    #[test]
    fn ranges_past_the_end_are_clamped() {
        let pool = pool(2);
        let mut chunk = pool.copy_from(b"abc").expect("fits");
        assert_eq!(&chunk.slice(2..9)[..], b"c");
        assert_eq!(&chunk.slice(7..9)[..], b"");
        chunk.truncate(100);
        assert_eq!(chunk.len(), 3);
        assert_eq!(&chunk.cut_front(100)[..], b"abc");
        assert!(chunk.is_empty());
        assert!(pool.copy_from(&vec![0; BULK_BYTES + 1]).is_none());
    }

    #[test]
    fn chunks_may_outlive_their_pool() {
        let pool = pool(2);
        let chunk = pool.copy_from(b"still here").expect("fits");
        drop(pool);
        assert_eq!(&chunk[..], b"still here");
    }
}
