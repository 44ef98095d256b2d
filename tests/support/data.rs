//! Test data: always the same, but without any pattern that chunking could profit from.

/// Bytes that look random.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = vec![0; len];
    random.fill(&mut bytes);
    bytes
}

/// Something like an archive of many files: text that compresses, noise that does not, runs of zeros, and
/// parts that stand in it twice.
pub fn archive(seed: u64, len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes: Vec<u8> = Vec::with_capacity(len);
    while bytes.len() < len {
        let size = random.usize(1000..400_000);
        match random.u8(0..10) {
            0 => bytes.resize(bytes.len() + size, 0),
            1 if !bytes.is_empty() => {
                let from = random.usize(0..bytes.len());
                let to = bytes.len().min(from + size);
                bytes.extend_from_within(from..to);
            }
            2..6 => bytes.extend((0..size).map(|_| b"etaoin shrdlu\n"[random.usize(0..14)])),
            _ => bytes.extend_from_slice(&noise(random.u64(..), size)),
        }
    }
    bytes.truncate(len);
    bytes
}

/// The next version: some parts changed, some inserted, some removed, so that most of it moves.
pub fn edited(old: &[u8], seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut new = old.to_vec();
    for _ in 0..6 {
        let at = random.usize(0..new.len());
        let size = random.usize(1..20_000).min(new.len() - at);
        match random.u8(0..3) {
            0 => new[at..at + size].copy_from_slice(&noise(random.u64(..), size)),
            1 => drop(new.splice(at..at, noise(random.u64(..), size))),
            _ => drop(new.drain(at..at + size)),
        }
    }
    new
}
