//! Whether two programs made the same: indexes, stores, files.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read,
    path::Path,
};

use anyhow::{Context, Result, ensure};

/// Bytes in front of an index's table and behind it, and bytes of one entry (the chunk's end and its ID).
const HEADER: usize = 64;
const TAIL: usize = 40;
const ENTRY: usize = 40;

/// How an index that is compared may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// Not at all.
    Bytes,
    /// In its header: programs set feature flags that mean nothing for files.
    Table,
}

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same(&'static str),
    Differs(String),
}

/// The entries of an index file: where each chunk ends, and its ID. Read here anew, so that nothing of what is
/// compared is trusted.
#[derive(Debug)]
pub(crate) struct Table(Vec<u8>);

impl Table {
    pub(crate) fn read(index: &Path) -> Result<Self> {
        Self::of(&read(index)?).with_context(|| format!("{} is not an index", index.display()))
    }

    fn of(index: &[u8]) -> Result<Self> {
        let fits = index.len() >= HEADER + TAIL && (index.len() - HEADER - TAIL).is_multiple_of(ENTRY);
        ensure!(fits, "{} bytes are no header, entries and tail", index.len());
        Ok(Self(index[HEADER..index.len() - TAIL].to_vec()))
    }

    /// Each chunk's ID and size, in the order of the file.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (&[u8], u64)> {
        let mut start = 0;
        self.0.chunks_exact(ENTRY).map(move |entry| {
            let (end, id) = entry.split_at(8);
            let end = end.iter().rev().fold(0, |end, &byte| end << 8 | u64::from(byte));
            let size = end.saturating_sub(start);
            start = end;
            (id, size)
        })
    }

    /// The bytes of all different chunks together.
    pub(crate) fn unique_bytes(&self) -> u64 {
        self.chunks().collect::<BTreeSet<_>>().iter().map(|(_, size)| size).sum()
    }

    /// The IDs of all different chunks, in order.
    fn ids(&self) -> Vec<Id> {
        in_order(self.chunks().filter_map(|(id, _)| id.try_into().ok()).collect())
    }
}

type Id = [u8; 32];

fn in_order(mut ids: Vec<Id>) -> Vec<Id> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The ID that a chunk's file name starts with.
fn id_of(name: &str) -> Option<Id> {
    let hex = name.strip_suffix(".cacnk").unwrap_or(name);
    let mut id = [0; 32];
    let fits = hex.len() == 2 * id.len() && hex.is_ascii();
    for (at, byte) in id.iter_mut().enumerate().take(if fits { 32 } else { 0 }) {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
    }
    fits.then_some(id)
}

/// Compares two index files.
pub(crate) fn indexes(found: &Path, expected: &Path, agreement: Agreement) -> Result<Verdict> {
    index_bytes(&read(found)?, &read(expected)?, agreement)
}

fn index_bytes(found: &[u8], expected: &[u8], agreement: Agreement) -> Result<Verdict> {
    if found == expected {
        return Ok(Verdict::Same("index"));
    }
    let (found, expected) = (Table::of(found)?, Table::of(expected)?);
    if found.0 == expected.0 {
        return Ok(match agreement {
            Agreement::Table => Verdict::Same("chunk table"),
            Agreement::Bytes => Verdict::Differs("the same chunks under another header".to_owned()),
        });
    }
    let entries: BTreeSet<_> = expected.chunks().collect();
    let total = found.chunks().count();
    let shared = found.chunks().filter(|chunk| entries.contains(chunk)).count();
    Ok(Verdict::Differs(format!("{shared} of {total} chunks are the same")))
}

/// Whether a store holds the chunks of an index and no other files.
pub(crate) fn store_of(store: &Path, index: &Path) -> Result<Verdict> {
    // Flat lists: a store may have millions of chunks, and what this process has is in the peaks it measures.
    let (mut found, mut strange) = (Vec::new(), 0);
    for folder in fs::read_dir(store).with_context(|| format!("cannot read {}", store.display()))? {
        let folder = folder?.path();
        for file in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            match id_of(&file?.file_name().to_string_lossy()) {
                Some(id) => found.push(id),
                None => strange += 1,
            }
        }
    }
    let (found, expected) = (in_order(found), Table::read(index)?.ids());
    if strange == 0 && found == expected {
        return Ok(Verdict::Same("chunks"));
    }
    let lacks = |ids: &[Id], of: &[Id]| of.iter().filter(|id| ids.binary_search(id).is_err()).count();
    let (missing, more) = (lacks(&found, &expected), lacks(&expected, &found) + strange);
    Ok(Verdict::Differs(format!("{missing} chunks are missing, {more} too many")))
}

/// Compares the content of two files.
pub(crate) fn files(found: &Path, expected: &Path) -> Result<Verdict> {
    let open = |path: &Path| File::open(path).with_context(|| format!("cannot open {}", path.display()));
    let (mut found, mut expected) = (open(found)?, open(expected)?);
    let [mut left, mut right] = [vec![0; 1 << 20], vec![0; 1 << 20]];
    let mut at = 0;
    loop {
        let (one, other) = (fill(&mut found, &mut left)?, fill(&mut expected, &mut right)?);
        if left[..one] != right[..other] {
            return Ok(Verdict::Differs(format!("another content behind byte {at}")));
        }
        if one == 0 {
            return Ok(Verdict::Same("content"));
        }
        at += one as u64;
    }
}

/// Reads until the buffer is full or the input ends.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let mut len = 0;
    while len < buffer.len() {
        match input.read(&mut buffer[len..])? {
            0 => break,
            read => len += read,
        }
    }
    Ok(len)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(flags: u8, chunks: &[(u64, u8)]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[16] = flags;
        for &(end, id) in chunks {
            bytes.extend(end.to_le_bytes());
            bytes.extend([id; 32]);
        }
        bytes.extend([9; TAIL]);
        bytes
    }

    #[test]
    fn a_header_matters_only_where_it_is_said_to() {
        let (one, other) = (index(1, &[(10, 1), (300, 2)]), index(2, &[(10, 1), (300, 2)]));
        assert_eq!(index_bytes(&one, &one, Agreement::Bytes).unwrap(), Verdict::Same("index"));
        assert_eq!(index_bytes(&one, &other, Agreement::Table).unwrap(), Verdict::Same("chunk table"));
        assert!(matches!(index_bytes(&one, &other, Agreement::Bytes).unwrap(), Verdict::Differs(_)));
    }

    #[test]
    fn other_chunks_are_counted() {
        let (one, other) = (index(1, &[(10, 1), (300, 2)]), index(1, &[(10, 1), (301, 2)]));
        let verdict = index_bytes(&one, &other, Agreement::Table).unwrap();
        assert_eq!(verdict, Verdict::Differs("1 of 2 chunks are the same".to_owned()));
        assert!(index_bytes(&one[..one.len() - 1], &other, Agreement::Table).is_err());
    }

    #[test]
    fn a_table_knows_sizes_and_what_repeats() {
        let table = Table::of(&index(1, &[(10, 1), (300, 2), (310, 1)])).unwrap();
        let sizes: Vec<_> = table.chunks().map(|(id, size)| (id[0], size)).collect();
        assert_eq!(sizes, [(1, 10), (2, 290), (1, 10)]);
        assert_eq!(table.unique_bytes(), 300);
    }

    #[test]
    fn stores_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let (store, file) = (folder.path().join("store"), folder.path().join("x.caibx"));
        fs::write(&file, index(1, &[(10, 0xab), (300, 0xcd)])).unwrap();
        for id in ["ab", "cd"] {
            fs::create_dir_all(store.join(id.repeat(2))).unwrap();
            fs::write(store.join(id.repeat(2)).join(format!("{}.cacnk", id.repeat(32))), "").unwrap();
        }
        assert_eq!(store_of(&store, &file).unwrap(), Verdict::Same("chunks"));
        fs::write(store.join("abab/other.cacnk"), "").unwrap();
        assert!(matches!(store_of(&store, &file).unwrap(), Verdict::Differs(_)));

        let other = folder.path().join("other");
        fs::copy(&file, &other).unwrap();
        assert_eq!(files(&file, &other).unwrap(), Verdict::Same("content"));
        fs::write(&other, index(1, &[(10, 0xab)])).unwrap();
        assert!(matches!(files(&file, &other).unwrap(), Verdict::Differs(_)));
    }
}
