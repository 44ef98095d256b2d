//! What stands where on the island.

use crate::{
    Detail, Error, Version,
    glb::{Place, Writer},
    noise::{turn, unit},
    shapes::{self, Mesh, height},
    texture::{Surface, png},
};

/// Half the width of the ground.
const SIZE: f32 = 20.0;

/// The numbers of the materials.
struct Materials {
    ground: usize,
    stone: usize,
    plaster: usize,
    wood: usize,
    roof: usize,
    leaves: usize,
    water: usize,
}

pub(crate) fn build(version: Version, detail: Detail) -> Result<Vec<u8>, Error> {
    let (pixels, grid, rocks, rings) = match detail {
        Detail::Full => (1024, 220, 70, 20),
        Detail::Small => (96, 40, 12, 6),
    };
    let mut writer = Writer::default();
    let mut material = |surface, name, roughness, metallic| {
        Ok::<usize, Error>(writer.material(name, &png(surface, pixels)?, roughness, metallic))
    };
    let materials = Materials {
        ground: material(Surface::Ground, "ground", 1.0, 0.0)?,
        stone: material(Surface::Stone, "stone", 0.9, 0.0)?,
        plaster: material(Surface::Plaster, "plaster", 0.7, 0.0)?,
        wood: material(Surface::Wood, "wood", 0.8, 0.0)?,
        roof: match version {
            Version::One => material(Surface::Tiles, "roof", 0.8, 0.0)?,
            Version::Two => material(Surface::Slates, "roof", 0.5, 0.1)?,
        },
        leaves: material(Surface::Leaves, "leaves", 1.0, 0.0)?,
        water: material(Surface::Water, "water", 0.15, 0.3)?,
    };

    let ground = writer.mesh("ground", &shapes::ground(grid, SIZE), materials.ground);
    writer.node("ground", ground, Place { at: [0.0; 3], half_turn: (0.0, 1.0), scale: 1.0 });
    let sea = writer.mesh("sea", &shapes::sea(SIZE * 8.0), materials.water);
    writer.node("sea", sea, Place { at: [0.0; 3], half_turn: (0.0, 1.0), scale: 1.0 });

    lighthouse(&mut writer, version, &materials);
    for number in 0..rocks / 2 {
        rock(&mut writer, number, rings, &materials);
    }
    for number in 0..14 {
        house(&mut writer, number, &materials);
    }
    // The additions stand in the middle of the file, so that everything behind them moves.
    if version == Version::Two {
        windmill(&mut writer, &materials);
        for number in 100..118 {
            tree(&mut writer, number, &materials);
        }
    }
    for number in rocks / 2..rocks {
        rock(&mut writer, number, rings, &materials);
    }
    for number in 0..40 {
        tree(&mut writer, number, &materials);
    }
    Ok(writer.finish("island"))
}

/// A place on dry land, at least `from` and at most `to` above the sea (of a height of at most about 6), by
/// trying points until one will do.
fn on_land(number: u32, seed: u32, from: f32, to: f32, scale: f32) -> Place {
    let mut at = [0.0; 3];
    for attempt in 0..200 {
        let x = unit(number, attempt, seed) * 1.6 - 0.8;
        let z = unit(number, attempt, seed + 1) * 1.6 - 0.8;
        let y = height(x, z) * SIZE * 0.42;
        at = [x * SIZE, y - 0.06, z * SIZE];
        // The lighthouse stands alone.
        let clear = (at[0] - LIGHTHOUSE[0]).abs() > 2.0 || (at[2] - LIGHTHOUSE[1]).abs() > 2.0;
        if clear && (from..to).contains(&y) {
            break;
        }
    }
    Place { at, half_turn: turn(unit(number, 7, seed) / 2.0), scale }
}

/// Where the lighthouse stands (x, z).
const LIGHTHOUSE: [f32; 2] = [7.0, 6.0];

fn lighthouse(writer: &mut Writer, version: Version, materials: &Materials) {
    let top = match version {
        Version::One => 5.0,
        Version::Two => 8.0,
    };
    let tower = shapes::turned(
        &[[1.15, 0.0], [1.0, top * 0.3], [0.85, top * 0.6], [0.7, top * 0.9], [0.72, top]],
        48,
        0.0,
        1,
    );
    let gallery =
        shapes::turned(&[[0.72, top], [1.05, top + 0.05], [1.05, top + 0.25], [0.5, top + 0.3]], 48, 0.0, 2);
    let lamp = shapes::turned(&[[0.5, top + 0.3], [0.5, top + 1.0]], 24, 0.0, 3);
    let cap = shapes::turned(&[[0.75, top + 1.0], [0.4, top + 1.4], [0.0, top + 1.9]], 24, 0.0, 4);
    let y = height(LIGHTHOUSE[0] / SIZE, LIGHTHOUSE[1] / SIZE) * SIZE * 0.42 - 0.2;
    let place = Place { at: [LIGHTHOUSE[0], y.max(0.0), LIGHTHOUSE[1]], half_turn: (0.0, 1.0), scale: 1.0 };
    for (name, mesh, material) in [
        ("lighthouse tower", tower, materials.plaster),
        ("lighthouse gallery", gallery.join(&lamp), materials.stone),
        ("lighthouse cap", cap, materials.roof),
    ] {
        let number = writer.mesh(name, &mesh, material);
        writer.node(name, number, place);
    }
}

fn rock(writer: &mut Writer, number: u32, rings: u32, materials: &Materials) {
    let name = format!("rock {number}");
    let mesh = writer.mesh(&name, &shapes::rock(rings, number * 13 + 5), materials.stone);
    let scale = 0.25 + unit(number, 1, 77) * 0.7;
    writer.node(&name, mesh, on_land(number, 300, -0.4, 1.2, scale));
}

fn house(writer: &mut Writer, number: u32, materials: &Materials) {
    let (width, depth) = (1.2 + unit(number, 2, 55) * 0.8, 1.0 + unit(number, 3, 55) * 0.4);
    let walls = 0.8 + unit(number, 4, 55) * 0.6;
    let place = on_land(number, 500, 0.5, 2.6, 1.0);
    let chimney = shapes::block(0.2, 0.7, 0.2).shifted([width * 0.25, walls + 0.1, 0.1]);
    let body: Mesh = shapes::block(width, walls, depth).join(&chimney);
    let material = if number.is_multiple_of(3) { materials.wood } else { materials.stone };
    let name = format!("house {number}");
    let mesh = writer.mesh(&name, &body, material);
    writer.node(&name, mesh, place);
    let roof = shapes::roof(width * 1.2, walls * 0.7, depth * 1.25).shifted([0.0, walls, 0.0]);
    let name = format!("roof {number}");
    let mesh = writer.mesh(&name, &roof, materials.roof);
    writer.node(&name, mesh, place);
}

fn windmill(writer: &mut Writer, materials: &Materials) {
    let (x, z) = (-4.5, -2.5);
    let place = Place {
        at: [x, height(x / SIZE, z / SIZE) * SIZE * 0.42 - 0.1, z],
        half_turn: turn(0.06),
        scale: 1.0,
    };
    let tower = shapes::turned(&[[1.1, 0.0], [0.9, 1.6], [0.7, 3.4]], 32, 0.0, 9);
    let cap = shapes::turned(&[[0.85, 3.4], [0.6, 3.9], [0.0, 4.4]], 32, 0.0, 10);
    let blade = |dx: f32, dy: f32| {
        let (w, h) = if dx == 0.0 { (0.35, 2.2) } else { (2.2, 0.35) };
        shapes::block(w, h, 0.06).shifted([dx * 1.2, 3.5 - h / 2.0 + dy * 1.2, 0.95])
    };
    let sails = blade(0.0, 1.0).join(&blade(0.0, -1.0)).join(&blade(1.0, 0.0)).join(&blade(-1.0, 0.0));
    for (name, mesh, material) in [
        ("windmill tower", tower, materials.stone),
        ("windmill cap", cap, materials.roof),
        ("windmill sails", sails, materials.wood),
    ] {
        let number = writer.mesh(name, &mesh, material);
        writer.node(name, number, place);
    }
}

fn tree(writer: &mut Writer, number: u32, materials: &Materials) {
    let mut profile = Vec::new();
    for tier in 0..4 {
        let bottom = 0.5 + tier as f32 * 0.45;
        let radius = 0.62 - tier as f32 * 0.13;
        profile.extend_from_slice(&[[0.12, bottom], [radius, bottom + 0.02], [radius * 0.35, bottom + 0.42]]);
    }
    profile.push([0.0, 2.5]);
    let place = on_land(number, 900, 0.6, 4.0, 0.7 + unit(number, 5, 91) * 0.6);
    let name = format!("tree {number}");
    let mesh = writer.mesh(&name, &shapes::turned(&profile, 14, 0.35, number), materials.leaves);
    writer.node(&name, mesh, place);
    let name = format!("trunk {number}");
    let mesh =
        writer.mesh(&name, &shapes::turned(&[[0.12, 0.0], [0.09, 0.6]], 10, 0.2, number), materials.wood);
    writer.node(&name, mesh, place);
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn word(bytes: &[u8], at: usize) -> usize {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    }

    #[test]
    fn the_file_is_well_formed_and_always_the_same() {
        for version in [Version::One, Version::Two] {
            let glb = build(version, Detail::Small).unwrap();
            assert_eq!(glb, build(version, Detail::Small).unwrap());
            assert_eq!(&glb[..4], b"glTF");
            assert_eq!(word(&glb, 8), glb.len());
            let json = word(&glb, 12);
            assert_eq!(word(&glb, 20 + json) + 28 + json, glb.len());
            let document: serde_json::Value = serde_json::from_slice(&glb[20..20 + json]).unwrap();
            assert!(document["meshes"].as_array().unwrap().len() > 80);
            assert_eq!(document["images"].as_array().unwrap().len(), 7);
        }
    }

    #[test]
    fn most_of_the_content_stays_between_versions() {
        // Pieces that begin at content, not at offsets: behind each 16 bits that are zero under a mask.
        let pieces = |data: &[u8]| {
            let (mut pieces, mut start) = (Vec::new(), 0);
            for end in 3..data.len() {
                let window = u32::from_le_bytes(data[end - 3..=end].try_into().unwrap());
                if window.wrapping_mul(0x9e37_79b1) >> 22 == 0 || end - start > 8192 {
                    pieces.push(data[start..=end].to_vec());
                    start = end + 1;
                }
            }
            pieces
        };
        let (one, two) =
            (build(Version::One, Detail::Full).unwrap(), build(Version::Two, Detail::Full).unwrap());
        assert!((15_000_000..25_000_000).contains(&one.len()), "{}", one.len());
        assert!(two.len() > one.len());
        let old: HashSet<Vec<u8>> = pieces(&one).into_iter().collect();
        let kept: usize = pieces(&two).iter().filter(|piece| old.contains(*piece)).map(Vec::len).sum();
        assert!(kept * 10 > two.len() * 7, "{kept} of {}", two.len());
        assert!(kept < two.len());
    }
}
