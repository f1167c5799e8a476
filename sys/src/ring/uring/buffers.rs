//! A group of buffers in the kernel's hands (a provided buffer ring, `io_uring_register(2)`,
//! `IORING_REGISTER_PBUF_RING`).
//!
//! In: blocks leased from the pool. Out: chunks, when the kernel says that it has filled one. Each
//! buffer id is a slot; an empty slot is filled again at the next turn, if the pool has a block.

use crate::buf::{Chunk, Class, Lease, Pool};
use io_uring::Submitter;
use io_uring::types::BufRingEntry;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

/// One group.
pub(super) struct Group {
    pub(super) id: u16,
    class: Class,
    ring: NonNull<BufRingEntry>,
    entries: u16,
    tail: u16,
    /// The blocks the kernel may write to, by buffer id.
    held: Vec<Option<Lease>>,
    empty: Vec<u16>,
}

impl Group {
    /// Registers a group of `entries` slots, a power of two, all empty.
    pub(super) fn register(
        submitter: &Submitter<'_>,
        id: u16,
        class: Class,
        entries: u16,
    ) -> io::Result<Group> {
        let ring = map(entries)?;
        let group = Group {
            id,
            class,
            ring,
            entries,
            tail: 0,
            held: (0..entries).map(|_| None).collect(),
            empty: (0..entries).rev().collect(),
        };
        // SAFETY: the mapping is page-aligned and holds `entries` entries. It is unmapped when the
        // group is dropped: by `Uring` after its ring was closed, or, when opening one failed half
        // way, before any request could have used it (the kernel has its pages pinned).
        unsafe {
            submitter.register_buf_ring_with_flags(ring.as_ptr() as u64, entries, id, 0)?;
        }
        Ok(group)
    }

    /// Gives the kernel a block for every empty slot, as far as the pool has them.
    pub(super) fn refill(&mut self, pool: &Pool) {
        if self.empty.is_empty() {
            return;
        }
        while let Some(bid) = self.empty.pop() {
            let lease = if pool.available(self.class) { pool.lease(self.class) } else { None };
            let Some(mut lease) = lease else {
                self.empty.push(bid);
                break;
            };
            self.offer(bid, lease.as_mut_ptr() as u64, lease.len() as u32);
            self.held[bid as usize] = Some(lease);
        }
        self.publish();
    }

    fn offer(&mut self, bid: u16, address: u64, len: u32) {
        let slot = (self.tail & (self.entries - 1)) as usize;
        // SAFETY: the slot lies within the mapping, and the kernel does not read a slot at or past
        // the tail that it knows. Field by field, because the first slot's last field is the tail.
        unsafe {
            let entry = &mut *self.ring.as_ptr().add(slot);
            entry.set_addr(address);
            entry.set_len(len);
            entry.set_bid(bid);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    /// Lets the kernel see the slots offered so far.
    fn publish(&self) {
        // SAFETY: the ring's first entry is initialised (zeroed mapping), its tail field is a
        // aligned u16 within it that the kernel only reads; both sides use it atomically.
        let tail = unsafe { &*BufRingEntry::tail(self.ring.as_ptr()).cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }

    /// The `len` bytes that the kernel wrote to a buffer, which is no longer the kernel's.
    pub(super) fn take(&mut self, bid: u16, len: usize) -> Option<Chunk> {
        let lease = self.held.get_mut(bid as usize)?.take()?;
        self.empty.push(bid);
        Some(lease.freeze(len))
    }

    /// Whether the kernel has a buffer to fill.
    pub(super) fn has_some(&self) -> bool {
        self.held() > 0
    }

    /// Blocks in the kernel's hands.
    pub(super) fn held(&self) -> usize {
        self.entries as usize - self.empty.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.class.bytes()
    }
}

fn map_bytes(entries: u16) -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(entries as usize * size_of::<BufRingEntry>() - 1)
}

fn map(entries: u16) -> io::Result<NonNull<BufRingEntry>> {
    let (access, private) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_PRIVATE);
    // SAFETY: a new anonymous mapping touches nothing that exists; fork does not matter, Koi does
    // not fork after a ring was opened.
    let mapping = unsafe { mmap_anonymous(None, map_bytes(entries), access, private)? };
    Ok(mapping.cast())
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, this long, and the kernel is done with it: the ring that it
        // was registered with is closed and drained (see `Uring`'s drop).
        let _ = unsafe { munmap(self.ring.cast(), map_bytes(self.entries).get()) };
    }
}
