//! The textures, as PNG files.

use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use crate::{
    Error,
    noise::{fractal, hash},
};

/// What a surface looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// Grass with patches of sand.
    Ground,
    /// Weathered stone.
    Stone,
    /// White plaster with red bands.
    Plaster,
    /// Planks.
    Wood,
    /// Red tiles.
    Tiles,
    /// Blue slates.
    Slates,
    /// Needles.
    Leaves,
    /// Ripples.
    Water,
}

/// A PNG of `size` by `size` pixels.
pub(crate) fn png(surface: Surface, size: u32) -> Result<Vec<u8>, Error> {
    let mut pixels = Vec::with_capacity((size * size * 3) as usize);
    for y in 0..size {
        for x in 0..size {
            pixels.extend_from_slice(&pixel(surface, x, y, size));
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, size, size);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(Filter::Sub);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(bytes)
}

fn pixel(surface: Surface, x: u32, y: u32, size: u32) -> [u8; 3] {
    let (u, v) = (x as f32 / size as f32, y as f32 / size as f32);
    let seed = surface as u32 * 101 + 7;
    let coarse = fractal(u * 6.0, v * 6.0, 4, seed);
    let grain = (hash(x, y, seed) & 15) as f32 - 7.5;
    let between =
        |a: [f32; 3], b: [f32; 3], t: f32| [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t.clamp(0.0, 1.0));
    // The narrow gaps between planks, tiles and stones.
    let seam = |across: f32, along: f32| {
        let row = (v * along) as u32;
        let shift = if row.is_multiple_of(2) { 0.0 } else { 0.5 };
        let (a, b) = (u * across + shift, v * along);
        (a - (a as u32) as f32) < 0.05 || (b - (b as u32) as f32) < 0.07
    };
    let colour = match surface {
        Surface::Ground => between([88.0, 122.0, 58.0], [176.0, 160.0, 108.0], (coarse - 0.42) * 4.0),
        Surface::Stone => between([96.0, 94.0, 92.0], [158.0, 152.0, 144.0], coarse),
        Surface::Plaster if !((v * 4.0) as u32).is_multiple_of(2) => {
            between([168.0, 44.0, 38.0], [196.0, 66.0, 52.0], coarse)
        }
        Surface::Plaster => between([222.0, 218.0, 208.0], [244.0, 242.0, 236.0], coarse),
        Surface::Wood if seam(1.0, 10.0) => [74.0, 52.0, 34.0],
        Surface::Wood => {
            between([128.0, 92.0, 58.0], [170.0, 128.0, 84.0], fractal(u * 3.0, v * 40.0, 3, seed))
        }
        Surface::Tiles if seam(10.0, 12.0) => [96.0, 40.0, 28.0],
        Surface::Tiles => between([160.0, 70.0, 48.0], [206.0, 104.0, 72.0], coarse),
        Surface::Slates if seam(14.0, 16.0) => [34.0, 52.0, 78.0],
        Surface::Slates => between([58.0, 98.0, 142.0], [104.0, 150.0, 192.0], coarse),
        Surface::Leaves => between([30.0, 70.0, 40.0], [74.0, 122.0, 58.0], coarse),
        Surface::Water => {
            between([28.0, 92.0, 128.0], [66.0, 150.0, 176.0], fractal(u * 14.0, v * 9.0, 4, seed))
        }
    };
    colour.map(|channel| (channel + grain).clamp(0.0, 255.0) as u8)
}
