//! Deterministic randomness, and smooth noise made of it.

/// A well-mixed number for a point of an integer grid (the finaliser of `MurmurHash3`).
pub(crate) fn hash(x: u32, y: u32, seed: u32) -> u32 {
    let mut h = x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77) ^ seed.wrapping_mul(0xc2b2_ae3d);
    h ^= h >> 16;
    h = h.wrapping_mul(0x85eb_ca6b);
    h ^= h >> 13;
    h = h.wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

/// A number in 0..1 for a point of an integer grid.
pub(crate) fn unit(x: u32, y: u32, seed: u32) -> f32 {
    (hash(x, y, seed) >> 8) as f32 / 16_777_216.0
}

/// Smooth noise in 0..1 at a point (with coordinates of at least 0), with features about 1 apart.
pub(crate) fn smooth(x: f32, y: f32, seed: u32) -> f32 {
    let (cx, cy) = (x as u32, y as u32);
    let (fx, fy) = (x - cx as f32, y - cy as f32);
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    let top = mix(unit(cx, cy, seed), unit(cx + 1, cy, seed), ease(fx));
    let bottom = mix(unit(cx, cy + 1, seed), unit(cx + 1, cy + 1, seed), ease(fx));
    mix(top, bottom, ease(fy))
}

/// Several octaves of smooth noise, in 0..1.
pub(crate) fn fractal(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut size, mut scale, mut total) = (0.0, 0.5, 1.0, 0.0);
    for octave in 0..octaves {
        sum += size * smooth(x * scale, y * scale, seed + octave);
        total += size;
        size *= 0.5;
        scale *= 2.0;
    }
    sum / total
}

/// Sine and cosine of a number of whole turns, from polynomials: the system's own differ between machines.
pub(crate) fn turn(turns: f32) -> (f32, f32) {
    // To -1/8..1/8 of a turn around the nearest quarter.
    let turns = turns - (turns as i32) as f32;
    let quarter = (turns * 4.0 + if turns < 0.0 { -0.5 } else { 0.5 }) as i32;
    let a = (turns - quarter as f32 * 0.25) * core::f32::consts::TAU;
    let b = a * a;
    let sin = a * (1.0 - b / 6.0 * (1.0 - b / 20.0 * (1.0 - b / 42.0)));
    let cos = 1.0 - b / 2.0 * (1.0 - b / 12.0 * (1.0 - b / 30.0));
    match quarter.rem_euclid(4) {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_sines_and_cosines() {
        for i in -40..40 {
            let turns = i as f32 / 13.0;
            let (sin, cos) = turn(turns);
            let exact = f64::from(turns) * std::f64::consts::TAU;
            assert!((f64::from(sin) - exact.sin()).abs() < 1e-4, "{turns}");
            assert!((f64::from(cos) - exact.cos()).abs() < 1e-4, "{turns}");
        }
    }

    #[test]
    fn noise_stays_in_its_range() {
        for i in 0..1000 {
            let value = fractal(i as f32 * 0.37, i as f32 * 0.11, 5, 3);
            assert!((0.0..=1.0).contains(&value));
        }
    }
}
