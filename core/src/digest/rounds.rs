//! The rounds of SHA-2 (FIPS 180-4, section 6) over vectors that hold a word of each message.
//!
//! The macro [`lanes`] makes a kernel of the operations of a vector type, so that the rounds are written once
//! for all processors and both word sizes. Where it stands, these have to be in scope:
//!
//! | name | gives |
//! |---|---|
//! | `Vector` | a vector of `N` words |
//! | `splat(word)` | that word in every lane |
//! | `add(a, b)`, `xor(a, b)` | lane by lane |
//! | `xor3(a, b, c)` | `a ^ b ^ c` |
//! | `choose(e, f, g)` | bits of `f` where `e` has ones, else of `g` |
//! | `majority(a, b, c, &mut bc)` | each bit as most of the three have it; `bc` is `b ^ c` before, `a ^ b` after, if it is used |
//! | `rotate::<R, L>(a)` | turned right by `R`; `L` is the width of a word less `R` |
//! | `shift::<R>(a)` | shifted right by `R` |
//! | `load(words)`, `store(vector)` | from and to an array of `N` words |
//! | `load_block(blocks)` | a block of each of `N` messages as 16 vectors, of which the first holds their first words |

/// The round constants of SHA-512: the first 64 bits of the fractions of the cube roots of the first 80 primes.
#[rustfmt::skip]
pub(super) const K512: [u64; 80] = [
    0x428a_2f98_d728_ae22, 0x7137_4491_23ef_65cd, 0xb5c0_fbcf_ec4d_3b2f, 0xe9b5_dba5_8189_dbbc,
    0x3956_c25b_f348_b538, 0x59f1_11f1_b605_d019, 0x923f_82a4_af19_4f9b, 0xab1c_5ed5_da6d_8118,
    0xd807_aa98_a303_0242, 0x1283_5b01_4570_6fbe, 0x2431_85be_4ee4_b28c, 0x550c_7dc3_d5ff_b4e2,
    0x72be_5d74_f27b_896f, 0x80de_b1fe_3b16_96b1, 0x9bdc_06a7_25c7_1235, 0xc19b_f174_cf69_2694,
    0xe49b_69c1_9ef1_4ad2, 0xefbe_4786_384f_25e3, 0x0fc1_9dc6_8b8c_d5b5, 0x240c_a1cc_77ac_9c65,
    0x2de9_2c6f_592b_0275, 0x4a74_84aa_6ea6_e483, 0x5cb0_a9dc_bd41_fbd4, 0x76f9_88da_8311_53b5,
    0x983e_5152_ee66_dfab, 0xa831_c66d_2db4_3210, 0xb003_27c8_98fb_213f, 0xbf59_7fc7_beef_0ee4,
    0xc6e0_0bf3_3da8_8fc2, 0xd5a7_9147_930a_a725, 0x06ca_6351_e003_826f, 0x1429_2967_0a0e_6e70,
    0x27b7_0a85_46d2_2ffc, 0x2e1b_2138_5c26_c926, 0x4d2c_6dfc_5ac4_2aed, 0x5338_0d13_9d95_b3df,
    0x650a_7354_8baf_63de, 0x766a_0abb_3c77_b2a8, 0x81c2_c92e_47ed_aee6, 0x9272_2c85_1482_353b,
    0xa2bf_e8a1_4cf1_0364, 0xa81a_664b_bc42_3001, 0xc24b_8b70_d0f8_9791, 0xc76c_51a3_0654_be30,
    0xd192_e819_d6ef_5218, 0xd699_0624_5565_a910, 0xf40e_3585_5771_202a, 0x106a_a070_32bb_d1b8,
    0x19a4_c116_b8d2_d0c8, 0x1e37_6c08_5141_ab53, 0x2748_774c_df8e_eb99, 0x34b0_bcb5_e19b_48a8,
    0x391c_0cb3_c5c9_5a63, 0x4ed8_aa4a_e341_8acb, 0x5b9c_ca4f_7763_e373, 0x682e_6ff3_d6b2_b8a3,
    0x748f_82ee_5def_b2fc, 0x78a5_636f_4317_2f60, 0x84c8_7814_a1f0_ab72, 0x8cc7_0208_1a64_39ec,
    0x90be_fffa_2363_1e28, 0xa450_6ceb_de82_bde9, 0xbef9_a3f7_b2c6_7915, 0xc671_78f2_e372_532b,
    0xca27_3ece_ea26_619c, 0xd186_b8c7_21c0_c207, 0xeada_7dd6_cde0_eb1e, 0xf57d_4f7f_ee6e_d178,
    0x06f0_67aa_7217_6fba, 0x0a63_7dc5_a2c8_98a6, 0x113f_9804_bef9_0dae, 0x1b71_0b35_131c_471b,
    0x28db_77f5_2304_7d84, 0x32ca_ab7b_40c7_2493, 0x3c9e_be0a_15c9_bebc, 0x431d_67c4_9c10_0d4c,
    0x4cc5_d4be_cb3e_42b6, 0x597f_299c_fc65_7e2a, 0x5fcb_6fab_3ad6_faec, 0x6c44_198c_4a47_5817,
];

/// Those of SHA-256: the first 32 bits for the first 64 primes.
pub(super) const K256: [u32; 64] = {
    let mut k = [0; 64];
    let mut i = 0;
    while i < k.len() {
        k[i] = (K512[i] >> 32) as u32;
        i += 1;
    }
    k
};

/// One round. The numbers are where in `$state` the words that the standard calls a to h stand: instead of
/// moving the words on after a round, the next one looks for them a place further.
macro_rules! round {
    ($state:ident $bc:ident $word:expr, $k:expr; $a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal) => {
        let t = add(add($state[$h], add($word, splat($k))), choose($state[$e], $state[$f], $state[$g]));
        let t = add(t, big_sigma1($state[$e]));
        $state[$d] = add($state[$d], t);
        let m = majority($state[$a], $state[$b], $state[$c], &mut $bc);
        $state[$h] = add(add(t, big_sigma0($state[$a])), m);
    };
}

/// Sixteen rounds, each followed by `$then` with the place of the word it used, the word after it, and those
/// that are 9 and 14 after it.
macro_rules! rounds {
    ($state:ident $bc:ident $words:ident $k:ident $then:ident) => {
        rounds!(@ $state $bc $words $k $then; 0 1 9 14; 0 1 2 3 4 5 6 7);
        rounds!(@ $state $bc $words $k $then; 1 2 10 15; 7 0 1 2 3 4 5 6);
        rounds!(@ $state $bc $words $k $then; 2 3 11 0; 6 7 0 1 2 3 4 5);
        rounds!(@ $state $bc $words $k $then; 3 4 12 1; 5 6 7 0 1 2 3 4);
        rounds!(@ $state $bc $words $k $then; 4 5 13 2; 4 5 6 7 0 1 2 3);
        rounds!(@ $state $bc $words $k $then; 5 6 14 3; 3 4 5 6 7 0 1 2);
        rounds!(@ $state $bc $words $k $then; 6 7 15 4; 2 3 4 5 6 7 0 1);
        rounds!(@ $state $bc $words $k $then; 7 8 0 5; 1 2 3 4 5 6 7 0);
        rounds!(@ $state $bc $words $k $then; 8 9 1 6; 0 1 2 3 4 5 6 7);
        rounds!(@ $state $bc $words $k $then; 9 10 2 7; 7 0 1 2 3 4 5 6);
        rounds!(@ $state $bc $words $k $then; 10 11 3 8; 6 7 0 1 2 3 4 5);
        rounds!(@ $state $bc $words $k $then; 11 12 4 9; 5 6 7 0 1 2 3 4);
        rounds!(@ $state $bc $words $k $then; 12 13 5 10; 4 5 6 7 0 1 2 3);
        rounds!(@ $state $bc $words $k $then; 13 14 6 11; 3 4 5 6 7 0 1 2);
        rounds!(@ $state $bc $words $k $then; 14 15 7 12; 2 3 4 5 6 7 0 1);
        rounds!(@ $state $bc $words $k $then; 15 0 8 13; 1 2 3 4 5 6 7 0);
    };
    (@ $state:ident $bc:ident $words:ident $k:ident $then:ident; $w0:literal $w1:literal $w9:literal $w14:literal; $($place:literal)*) => {
        round!($state $bc $words[$w0], $k[$w0]; $($place)*);
        $then!($words $w0 $w1 $w9 $w14);
    };
}

/// Replaces a word of the message that was used by the one to use 16 rounds later.
macro_rules! extend {
    ($words:ident $w0:literal $w1:literal $w9:literal $w14:literal) => {
        let sum = add(add($words[$w0], $words[$w9]), small_sigma0($words[$w1]));
        $words[$w0] = add(sum, small_sigma1($words[$w14]));
    };
}

/// Leaves the words as they are: no later round needs one.
macro_rules! keep {
    ($words:ident $w0:literal $w1:literal $w9:literal $w14:literal) => {};
}

/// A kernel for SHA-256 (`u32`) or SHA-512/256 (`u64`): `kernel NAME: WORD from PAYS messages, FEATURES as
/// "FEATURES"`, the latter as the compiler calls them.
macro_rules! lanes {
    (kernel $name:ident: u32 from $pays:literal messages, $needs:ident as $features:literal) => {
        lanes!(@ $name u32 $pays $needs $features 64 $crate::digest::rounds::K256;
            2 13 22; 6 11 25; 7 18 3; 17 19 10);
    };
    (kernel $name:ident: u64 from $pays:literal messages, $needs:ident as $features:literal) => {
        lanes!(@ $name u64 $pays $needs $features 128 $crate::digest::rounds::K512;
            28 34 39; 14 18 41; 1 8 7; 19 61 6);
    };
    (@ $name:ident $word:ident $pays:literal $needs:ident $features:literal $block:literal $k:expr;
        $a0:literal $a1:literal $a2:literal; $b0:literal $b1:literal $b2:literal;
        $c0:literal $c1:literal $c2:literal; $d0:literal $d1:literal $d2:literal
    ) => {
        /// The proof that the processor can run this kernel.
        #[derive(Clone, Copy)]
        pub(in crate::digest) struct $name(());

        impl $name {
            pub(in crate::digest) fn new(features: $crate::cpu::Features) -> Option<Self> {
                features.if_available().has($crate::cpu::Features::$needs).then_some(Self(()))
            }
        }

        impl $crate::digest::lanes::Kernel<N> for $name {
            type Word = $word;

            const PAYS: usize = $pays;

            fn compress(self, states: &mut [[$word; N]; 8], blocks: &[&[[u8; $block]]; N]) {
                // SAFETY: `new`, which alone makes a value of this type, saw that the processor has the features.
                #[allow(unused_unsafe, reason = "safe where the build takes the features for granted")]
                unsafe {
                    compress(states, blocks);
                }
            }
        }

        #[target_feature(enable = $features)]
        fn compress(states: &mut [[$word; N]; 8], blocks: &[&[[u8; $block]]; N]) {
            let mut state = [splat(0); 8];
            for (vector, words) in state.iter_mut().zip(states.iter()) {
                *vector = load(words);
            }
            let count = blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
            for at in 0..count {
                let before = state;
                let mut block = [&blocks[0][at]; N];
                for (block, blocks) in block.iter_mut().zip(blocks) {
                    *block = &blocks[at];
                }
                let mut words = load_block(&block);
                let mut bc = xor(state[1], state[2]);
                let (k, _) = const { &$k }.as_chunks::<16>();
                let [k @ .., last] = k else { unreachable!() };
                for k in k {
                    rounds!(state bc words k extend);
                }
                rounds!(state bc words last keep);
                let _ = bc;
                for (vector, before) in state.iter_mut().zip(before) {
                    *vector = add(*vector, before);
                }
            }
            for (vector, words) in state.iter().zip(states) {
                *words = store(*vector);
            }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn big_sigma0(a: Vector) -> Vector {
            const BITS: i32 = <$word>::BITS as i32;
            xor3(rotate::<$a0, { BITS - $a0 }>(a), rotate::<$a1, { BITS - $a1 }>(a), rotate::<$a2, { BITS - $a2 }>(a))
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn big_sigma1(a: Vector) -> Vector {
            const BITS: i32 = <$word>::BITS as i32;
            xor3(rotate::<$b0, { BITS - $b0 }>(a), rotate::<$b1, { BITS - $b1 }>(a), rotate::<$b2, { BITS - $b2 }>(a))
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn small_sigma0(a: Vector) -> Vector {
            const BITS: i32 = <$word>::BITS as i32;
            xor3(rotate::<$c0, { BITS - $c0 }>(a), rotate::<$c1, { BITS - $c1 }>(a), shift::<$c2>(a))
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn small_sigma1(a: Vector) -> Vector {
            const BITS: i32 = <$word>::BITS as i32;
            xor3(rotate::<$d0, { BITS - $d0 }>(a), rotate::<$d1, { BITS - $d1 }>(a), shift::<$d2>(a))
        }
    };
}

pub(super) use {extend, keep, lanes, round, rounds};
