//! Hashing many messages at once: the scheduler that keeps the lanes of a kernel busy.
//!
//! SHA-2 cannot be computed in parallel within a message, but a processor can work on several messages in the
//! time of one: with a message in each lane of its vectors, or by overlapping instructions that each take
//! long. A [`Kernel`] does that for a fixed number of messages and the same number of blocks of each. Here
//! messages of any lengths and number are dealt to it.

use alloc::vec::Vec;
use core::array;

use crate::ChunkId;

/// The word of a SHA-2 function, which says all about it: `u32` for SHA-256, `u64` for SHA-512/256.
pub(super) trait Word: Copy + Default {
    /// A block of 16 words, as bytes.
    type Block;

    /// The state before the first block.
    const INITIAL: [Self; 8];

    /// Cuts bytes into whole blocks and a rest.
    fn blocks(bytes: &[u8]) -> (&[Self::Block], &[u8]);

    /// Takes blocks into the state of one message.
    fn compress(state: &mut [Self; 8], blocks: &[Self::Block]);

    /// The digest a final state stands for.
    fn id(state: [Self; 8]) -> ChunkId;
}

impl Word for u32 {
    type Block = [u8; 64];

    const INITIAL: [Self; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];

    fn blocks(bytes: &[u8]) -> (&[Self::Block], &[u8]) {
        bytes.as_chunks()
    }

    fn compress(state: &mut [Self; 8], blocks: &[Self::Block]) {
        sha2::block_api::compress256(state, blocks);
    }

    fn id(state: [Self; 8]) -> ChunkId {
        let mut id = [0; 32];
        id.as_chunks_mut().0.iter_mut().zip(state).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
        ChunkId::new(id)
    }
}

impl Word for u64 {
    type Block = [u8; 128];

    const INITIAL: [Self; 8] = [
        0x2231_2194_fc2b_f72c,
        0x9f55_5fa3_c84c_64c2,
        0x2393_b86b_6f53_b151,
        0x9638_7719_5940_eabd,
        0x9628_3ee2_a88e_ffe3,
        0xbe5e_1e25_5386_3992,
        0x2b01_99fc_2c85_b8aa,
        0x0eb7_2ddc_81c5_2ca2,
    ];

    fn blocks(bytes: &[u8]) -> (&[Self::Block], &[u8]) {
        bytes.as_chunks()
    }

    fn compress(state: &mut [Self; 8], blocks: &[Self::Block]) {
        sha2::block_api::compress512(state, blocks);
    }

    /// Half of the state: the 256 of SHA-512/256.
    fn id(state: [Self; 8]) -> ChunkId {
        let mut id = [0; 32];
        id.as_chunks_mut().0.iter_mut().zip(state).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
        ChunkId::new(id)
    }
}

/// Takes blocks into the states of `N` messages at once.
///
/// A value of such a type is the proof that the processor has what the kernel needs.
pub(super) trait Kernel<const N: usize>: Copy {
    /// Says which function it computes.
    type Word: Word;

    /// From how many messages on it is faster than one after another: at most `N`.
    const PAYS: usize;

    /// Takes the blocks of each message into its state. All messages give as many blocks. `states[word][lane]`
    /// is a word of a message's state.
    fn compress(self, states: &mut [[Self::Word; N]; 8], blocks: &[&[<Self::Word as Word>::Block]; N]);
}

/// A message on its way.
struct Lane<'a, W: Word> {
    /// Which one.
    message: usize,
    /// Its whole blocks that are still to be taken.
    blocks: &'a [W::Block],
    /// What comes after those: its last bytes and the padding, one or two blocks of them.
    tail: [u8; 256],
    /// The part of the tail that is still to be taken.
    start: usize,
    end: usize,
}

impl<'a, W: Word> Lane<'a, W> {
    fn new(message: usize, bytes: &'a [u8]) -> Self {
        let (blocks, rest) = W::blocks(bytes);
        // The padding: a bit that is set, zeros, the length in bits as two words.
        let mut tail = [0; 256];
        tail[..rest.len()].copy_from_slice(rest);
        tail[rest.len()] = 0x80;
        let length = (bytes.len() as u128 * 8).to_be_bytes();
        let length = &length[16 - 2 * size_of::<W>()..];
        let end = (rest.len() + 1 + length.len()).next_multiple_of(size_of::<W::Block>());
        tail[end - length.len()..end].copy_from_slice(length);
        Self { message, blocks, tail, start: 0, end }
    }

    /// Blocks to take next. None means that the message is done.
    fn next(&self) -> &[W::Block] {
        if self.blocks.is_empty() { W::blocks(&self.tail[self.start..self.end]).0 } else { self.blocks }
    }

    /// Moves on by so many of [`next`](Self::next). Says whether the message is done.
    fn advance(&mut self, count: usize) -> bool {
        if self.blocks.is_empty() {
            self.start += count * size_of::<W::Block>();
        } else {
            self.blocks = &self.blocks[count..];
        }
        self.next().is_empty()
    }
}

/// Gives each message's digest, in `ids`, which has a place for each.
pub(super) fn run<K: Kernel<N>, const N: usize>(kernel: K, messages: &[&[u8]], ids: &mut [ChunkId]) {
    // Or messages would be left waiting when too few lanes are busy.
    const { assert!(K::PAYS <= N) };

    // The longest first, so that the last to be done are short and end at about the same time.
    let mut order: Vec<usize> = (0..messages.len()).collect();
    order.sort_unstable_by_key(|&message| core::cmp::Reverse(messages[message].len()));
    let mut waiting = order.into_iter();

    let mut lanes: [Option<Lane<'_, K::Word>>; N] = [const { None }; N];
    let mut states = [[K::Word::default(); N]; 8];
    loop {
        for (at, lane) in lanes.iter_mut().enumerate().filter(|(_, lane)| lane.is_none()) {
            let Some(message) = waiting.next() else { break };
            *lane = Some(Lane::new(message, messages[message]));
            states.iter_mut().zip(K::Word::INITIAL).for_each(|(words, initial)| words[at] = initial);
        }

        // All run as long as the first of them can. A lane without a message repeats another's blocks, to a
        // state that nobody looks at.
        let busy = || lanes.iter().flatten();
        let Some(spare) = busy().map(Lane::next).min_by_key(|next| next.len()) else { return };
        if busy().count() < K::PAYS {
            break;
        }
        let count = spare.len();
        let blocks = array::from_fn(|at| lanes[at].as_ref().map_or(spare, |lane| &lane.next()[..count]));
        kernel.compress(&mut states, &blocks);

        for (at, lane) in lanes.iter_mut().enumerate() {
            if let Some(done) = lane.take_if(|lane| lane.advance(count)) {
                ids[done.message] = K::Word::id(states.map(|words| words[at]));
            }
        }
    }

    // No message waits any more, and too few are left.
    for (at, lane) in lanes.iter_mut().enumerate() {
        let Some(lane) = lane else { continue };
        let mut state = states.map(|words| words[at]);
        loop {
            let next = lane.next();
            let count = next.len();
            K::Word::compress(&mut state, next);
            if lane.advance(count) {
                break;
            }
        }
        ids[lane.message] = K::Word::id(state);
    }
}
