//! Kinds of data that the kernels are measured on, always the same.

/// Bytes in each kind of data.
pub(crate) const LEN: usize = 8 << 20;

fn noise(len: usize) -> impl Iterator<Item = u8> {
    let mut state = 1u64;
    (0..len).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
}

/// Nothing that repeats: every position is a possible cut, nothing can be compressed.
pub(crate) fn incompressible() -> Vec<u8> {
    noise(LEN).collect()
}

/// Words out of 256, with spaces: compresses to about a third.
pub(crate) fn text() -> Vec<u8> {
    let letters: Vec<u8> = noise(256 * 12).map(|byte| b'a' + byte % 26).collect();
    let mut text = Vec::with_capacity(LEN + 16);
    for number in noise(LEN) {
        let word = &letters[usize::from(number) * 12..][..2 + usize::from(number % 11)];
        text.extend_from_slice(word);
        text.push(b' ');
        if text.len() >= LEN {
            break;
        }
    }
    text.truncate(LEN);
    text
}

/// One byte only: never a cut but at the maximum, and almost nothing when compressed.
pub(crate) fn zeros() -> Vec<u8> {
    vec![0; LEN]
}

/// Every kind, with its name.
pub(crate) fn kinds() -> [(&'static str, Vec<u8>); 3] {
    [("incompressible", incompressible()), ("text", text()), ("zeros", zeros())]
}
