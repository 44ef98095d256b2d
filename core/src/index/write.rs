//! Writing an index file.

use alloc::vec::Vec;

use super::Index;

/// Length of the header record, and the distance that a tail says lies between it and the table.
pub(super) const HEADER_SIZE: u64 = 48;
/// Length of a table entry and of the tail.
pub(super) const ITEM_SIZE: usize = 40;
/// Length of the header record and the start of the table record behind it.
pub(super) const PREAMBLE_SIZE: usize = 64;

pub(super) const INDEX_MAGIC: u64 = 0x9682_4d9c_7b12_9ff9;
pub(super) const TABLE_MAGIC: u64 = 0xe75b_9e11_2f17_417d;
pub(super) const TAIL_MAGIC: u64 = 0x4b4f_050e_5549_ecd1;

/// The real size of the table of `chunks` chunks: its own 16 bytes of header, the entries, the tail.
pub(super) const fn table_size(chunks: usize) -> u64 {
    16 + ITEM_SIZE as u64 * (chunks as u64 + 1)
}

impl Index {
    /// The bytes of the index file: `104 + 40 * chunks` of them.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PREAMBLE_SIZE + ITEM_SIZE * (self.chunks.len() + 1));
        let mut put = |value: u64| out.extend_from_slice(&value.to_le_bytes());
        put(HEADER_SIZE);
        put(INDEX_MAGIC);
        put(self.flags.bits());
        put(self.sizes.min() as u64);
        put(self.sizes.avg() as u64);
        put(self.sizes.max() as u64);
        put(u64::MAX);
        put(TABLE_MAGIC);
        for chunk in &self.chunks {
            out.extend_from_slice(&chunk.end().to_le_bytes());
            out.extend_from_slice(chunk.id.as_bytes());
        }
        for value in [0, 0, HEADER_SIZE, table_size(self.chunks.len()), TAIL_MAGIC] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out
    }
}
