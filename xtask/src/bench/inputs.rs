//! Inputs to measure on, generated: the same bytes on every machine, without a network.
//!
//! A version pair is a list of parts, each of one kind (text, machine code, noise, zeros). The second version
//! has some parts edited, some moved, some gone and some new, as the next build of a product would.

use std::{
    fs::{self, File},
    io::{BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use fastrand::Rng;

use super::compare::Verdict;

/// How large the first version of a generated pair is, in bytes.
const PAIR_SIZE: u64 = 400 << 20;

/// A file to measure on.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    /// Its base name, by which it is shown.
    pub(crate) name: String,
    pub(crate) size: u64,
}

impl Input {
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let path = path.canonicalize().with_context(|| format!("cannot find {}", path.display()))?;
        let size = fs::metadata(&path)?.len();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { path, name, size })
    }
}

/// The generated pair, made unless it is there.
pub(crate) fn pair(folder: &Path) -> Result<[Input; 2]> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let first = first_version(PAIR_SIZE);
    let second = next_version(&first);
    let make = |name: &str, parts: &[Part]| {
        let path = folder.join(name);
        if !path.exists() {
            whole(&path, |file| parts.iter().try_for_each(|part| file.write_all(&part.bytes())))?;
        }
        Input::new(&path)
    };
    Ok([make("generated-a.bin", &first)?, make("generated-b.bin", &second)?])
}

/// Writes a file that is there whole or not at all.
fn whole(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> Result<()> {
    let part = path.with_extension("part");
    let written = File::create(&part).and_then(|file| {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        write(&mut file)?;
        file.flush()
    });
    written.and_then(|()| fs::rename(&part, path)).with_context(|| format!("cannot write {}", path.display()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Code,
    Noise,
    Zeros,
}

/// A run of bytes of one kind, and whether it was edited.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    kind: Kind,
    len: usize,
    seed: u64,
    edited: bool,
}

impl Part {
    /// A part of any kind, of 8 KiB to 2 MiB.
    fn any(rng: &mut Rng) -> Self {
        let kind = match rng.u32(..100) {
            0..30 => Kind::Text,
            30..75 => Kind::Code,
            75..95 => Kind::Noise,
            _ => Kind::Zeros,
        };
        let len = rng.usize(8 << 10..16 << 10) << rng.u32(..8);
        Self { kind, len, seed: rng.u64(..), edited: false }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut rng = Rng::with_seed(self.seed);
        let mut bytes = Vec::with_capacity(self.len + 1024);
        match self.kind {
            Kind::Text => text(&mut rng, self.len, &mut bytes),
            Kind::Code => code(&mut rng, self.len, &mut bytes),
            Kind::Noise => {
                bytes.resize(self.len, 0);
                rng.fill(&mut bytes);
            }
            Kind::Zeros => bytes.resize(self.len, 0),
        }
        bytes.truncate(self.len);
        if self.edited {
            edit(&mut rng, &mut bytes);
        }
        bytes
    }
}

fn first_version(size: u64) -> Vec<Part> {
    let mut rng = Rng::with_seed(1);
    let (mut parts, mut total) = (Vec::new(), 0);
    while total < size {
        let part = Part::any(&mut rng);
        total += part.len as u64;
        parts.push(part);
    }
    parts
}

/// One part in eight edited, one in fifty moved, gone or new each.
fn next_version(parts: &[Part]) -> Vec<Part> {
    let mut rng = Rng::with_seed(2);
    let (mut next, mut moved) = (Vec::new(), Vec::new());
    for part in parts {
        match rng.u32(..100) {
            0..2 => {}
            2..4 => moved.push(part.clone()),
            4..6 => next.extend([Part::any(&mut rng), part.clone()]),
            6..18 => next.push(Part { edited: true, ..part.clone() }),
            _ => next.push(part.clone()),
        }
    }
    for part in moved {
        next.insert(rng.usize(..=next.len()), part);
    }
    next
}

/// Changes some bytes in one place, and puts some in at another.
fn edit(rng: &mut Rng, bytes: &mut Vec<u8>) {
    let mut new = vec![0; rng.usize(4..400)];
    rng.fill(&mut new);
    let at = rng.usize(..=bytes.len() - new.len().min(bytes.len()));
    let end = (at + new.len()).min(bytes.len());
    bytes[at..end].copy_from_slice(&new[..end - at]);
    rng.fill(&mut new);
    let at = rng.usize(..=bytes.len());
    bytes.splice(at..at, new);
}

/// Numbers below `n`, small ones far more often (about as words are distributed in texts). Integers only: they
/// are the same everywhere.
fn zipf(rng: &mut Rng, n: usize) -> usize {
    let bits = rng.u32(..=n.ilog2());
    rng.usize(..(2 << bits).min(n))
}

/// `n` made-up words of 2 to 12 letters.
fn words(rng: &mut Rng, n: usize) -> Vec<Vec<u8>> {
    (0..n).map(|_| (0..rng.usize(2..=12)).map(|_| rng.lowercase() as u8).collect()).collect()
}

/// Lines of words with some numbers, indented now and then: somewhat like sources, logs and tables.
fn text(rng: &mut Rng, len: usize, out: &mut Vec<u8>) {
    let words = words(&mut Rng::with_seed(3), 4000);
    while out.len() < len {
        match rng.u32(..16) {
            0 => out.extend_from_slice(b",\n        "),
            1 => out.extend_from_slice(b";\n"),
            2 => out.extend_from_slice(rng.u32(..10_000).to_string().as_bytes()),
            _ => out.extend_from_slice(&words[zipf(rng, words.len())]),
        }
        out.push(b' ');
    }
}

/// Instructions: an operation out of many that are not equally frequent, with a small operand, an address or
/// none, and now and then a run of what was there shortly before.
fn code(rng: &mut Rng, len: usize, out: &mut Vec<u8>) {
    let mut fixed = Rng::with_seed(4);
    let operations: Vec<(Vec<u8>, u32)> =
        (0..600).map(|_| ((0..fixed.usize(1..=4)).map(|_| fixed.u8(..)).collect(), fixed.u32(..6))).collect();
    while out.len() < len {
        if out.len() > 1 << 16 && rng.u32(..12) == 0 {
            let start = out.len() - rng.usize(64..1 << 16);
            out.extend_from_within(start..start + rng.usize(8..64));
            continue;
        }
        let (operation, operand) = &operations[zipf(rng, operations.len())];
        out.extend_from_slice(operation);
        match operand {
            0 | 1 => out.push(8 * rng.u8(..16)),
            2 => out.extend_from_slice(&(rng.i32(..) >> 16).to_le_bytes()),
            3 => out.extend_from_slice(&(zipf(rng, 1 << 16) as u32).to_le_bytes()),
            _ => {}
        }
    }
}

/// How often [`Large`] stamps a number of its own into what repeats, in bytes.
const STAMP: usize = 4096;

/// A file of any size whose chunks are all different, cut as those of a text are, and small when compressed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Large {
    /// In MiB.
    pub(crate) size: u64,
}

impl Large {
    /// Gives the content to `take`, one MiB after the other, until it wants no more.
    fn each(self, mut take: impl FnMut(&[u8]) -> std::io::Result<bool>) -> std::io::Result<bool> {
        let mut rng = Rng::with_seed(5);
        let few = words(&mut rng, 48);
        let mut block = Vec::with_capacity((1 << 20) + 16);
        while block.len() < 1 << 20 {
            block.extend_from_slice(&few[rng.usize(..few.len())]);
            block.push(b' ');
        }
        block.truncate(1 << 20);
        for _ in 0..self.size {
            block
                .chunks_exact_mut(STAMP)
                .for_each(|page| page[..8].copy_from_slice(&rng.u64(..).to_le_bytes()));
            if !take(&block)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(crate) fn write(self, path: &Path) -> Result<()> {
        whole(path, |file| self.each(|block| file.write_all(block).map(|()| true)).map(|_| ()))
    }

    /// Compares a file with the content, generated anew.
    pub(crate) fn compare(self, path: &Path) -> Result<Verdict> {
        let compare = || {
            let mut file = File::open(path)?;
            let size = file.metadata()?.len();
            let mut found = vec![0; 1 << 20];
            let same = self.each(|block| Ok(file.read_exact(&mut found).is_ok() && found == block))?;
            std::io::Result::Ok(same && size == self.size << 20)
        };
        let same = compare().with_context(|| format!("cannot read {}", path.display()))?;
        Ok(if same { Verdict::Same("content") } else { Verdict::Differs("another content".to_owned()) })
    }
}

/// Writes a file of so many records of 256 bytes, no two the same.
pub(crate) fn records(path: &Path, count: u64) -> Result<()> {
    whole(path, |file| {
        let mut record = [b'.'; 256];
        (0..count).try_for_each(|number| {
            record[..8].copy_from_slice(&number.to_le_bytes());
            file.write_all(&record)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_version_is_mostly_the_first() {
        let first = first_version(PAIR_SIZE);
        let next = next_version(&first);
        assert_eq!(first, first_version(PAIR_SIZE));
        let kept: usize = next.iter().filter(|part| first.contains(part)).map(|part| part.len).sum();
        let total: usize = next.iter().map(|part| part.len).sum();
        assert!(kept * 10 > total * 7 && kept * 10 < total * 9, "{kept} of {total}");
        for kind in [Kind::Text, Kind::Code, Kind::Noise, Kind::Zeros] {
            assert!(first.iter().any(|part| part.kind == kind));
        }
    }

    #[test]
    fn parts_are_always_the_same_bytes() {
        for kind in [Kind::Text, Kind::Code, Kind::Noise, Kind::Zeros] {
            let part = Part { kind, len: 100_000, seed: 7, edited: false };
            assert_eq!(part.bytes(), part.bytes());
            assert_eq!(part.bytes().len(), 100_000);
            let edited = Part { edited: true, ..part.clone() }.bytes();
            assert!(edited.len() > 100_000 && edited.len() <= 100_400);
            // Behind the last edit all is as it was.
            assert!(edited[..1000] == part.bytes()[..1000] || edited.ends_with(&part.bytes()[99_000..]));
        }
    }

    #[test]
    fn a_large_file_is_what_it_was_made_as() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        let large = Large { size: 3 };
        large.write(&path).unwrap();
        assert_eq!(large.compare(&path).unwrap(), Verdict::Same("content"));
        assert_ne!(Large { size: 2 }.compare(&path).unwrap(), Verdict::Same("content"));
        assert_ne!(Large { size: 4 }.compare(&path).unwrap(), Verdict::Same("content"));
        let mut bytes = fs::read(&path).unwrap();
        bytes[2_000_000] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_ne!(large.compare(&path).unwrap(), Verdict::Same("content"));
    }

    #[test]
    fn records_differ() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records");
        records(&path, 3).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 3 * 256);
        assert!(bytes[..256] != bytes[256..512]);
    }
}
