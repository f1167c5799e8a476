//! A slab whose keys carry a generation, so that a key kept too long finds nothing.
//!
//! In: values. Out: [`Key`]s. Keys of removed values are never equal to later ones until a slot
//! has been reused 2^28 times. Inserting reuses the slot freed last, which is warm in the cache.
//!
//! Limits: 2^32 - 2 slots; the table grows and does not shrink.

/// Which value of a [`Table`]: a slot and how often it had been reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The slot.
    pub index: u32,
    /// How often the slot had been freed, modulo 2^28: keys travel through the kernel in 64 bits
    /// that must leave four for what kind of request it was.
    pub generation: u32,
}

impl Key {
    /// A key that no table ever gives out.
    pub const NONE: Key = Key { index: u32::MAX, generation: 0 };

    /// The mask of the bits that a generation uses.
    pub const GENERATION_MASK: u32 = (1 << 28) - 1;

    /// The key in 60 bits.
    pub const fn to_bits(self) -> u64 {
        ((self.generation as u64) << 32) | self.index as u64
    }

    /// The inverse of [`Key::to_bits`]; the upper four bits are ignored.
    pub const fn from_bits(bits: u64) -> Key {
        Key { index: bits as u32, generation: (bits >> 32) as u32 & Key::GENERATION_MASK }
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// The slab.
#[derive(Debug)]
pub struct Table<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Table<T> {
    /// Stores a value and says where.
    #[inline]
    pub fn insert(&mut self, value: T) -> Key {
        match self.free.pop() {
            Some(index) => {
                let slot = &mut self.slots[index as usize];
                slot.value = Some(value);
                Key { index, generation: slot.generation }
            }
            None => {
                let index = self.slots.len() as u32;
                self.slots.push(Slot { generation: 0, value: Some(value) });
                Key { index, generation: 0 }
            }
        }
    }

    /// The value, unless the key is stale.
    #[inline]
    pub fn get(&self, key: Key) -> Option<&T> {
        match self.slots.get(key.index as usize) {
            Some(slot) if slot.generation == key.generation => slot.value.as_ref(),
            _ => None,
        }
    }

    /// The value for changing, unless the key is stale.
    #[inline]
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.slots.get_mut(key.index as usize) {
            Some(slot) if slot.generation == key.generation => slot.value.as_mut(),
            _ => None,
        }
    }

    /// Takes the value out; every copy of the key is stale from now on.
    #[inline]
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = (slot.generation + 1) & Key::GENERATION_MASK;
        self.free.push(key.index);
        Some(value)
    }

    /// Drops the value where it is; as [`Table::remove`], for who has seen the value already.
    #[inline]
    pub fn free(&mut self, key: Key) {
        if let Some(slot) = self.slots.get_mut(key.index as usize)
            && slot.generation == key.generation
            && slot.value.is_some()
        {
            slot.value = None;
            slot.generation = (slot.generation + 1) & Key::GENERATION_MASK;
            self.free.push(key.index);
        }
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys of all values, in slot order.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.value.is_some())
            .map(|(i, slot)| Key { index: i as u32, generation: slot.generation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut table = Table::default();
        let a = table.insert("a");
        assert_eq!(table.remove(a), Some("a"));
        let b = table.insert("b");
        assert_eq!((a.index, b.index), (0, 0));
        assert_eq!(table.get(a), None);
        assert_eq!(table.remove(a), None);
        assert_eq!(table.get(b), Some(&"b"));
        assert_eq!(table.get(Key::NONE), None);
        assert_eq!((table.len(), table.keys().count()), (1, 1));
    }

    #[test]
    fn keys_survive_sixty_bits() {
        let key = Key { index: 0xdead_beef, generation: Key::GENERATION_MASK };
        assert_eq!(Key::from_bits(key.to_bits() | 0xf << 60), key);
    }
}
