//! The meshes: triangles with positions, normals and texture coordinates.

use crate::noise::{fractal, turn, unit};

/// A mesh of triangles.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mesh {
    pub(crate) positions: Vec<[f32; 3]>,
    pub(crate) normals: Vec<[f32; 3]>,
    pub(crate) uvs: Vec<[f32; 2]>,
    pub(crate) indices: Vec<u32>,
}

impl Mesh {
    fn vertex(&mut self, position: [f32; 3], uv: [f32; 2]) -> u32 {
        self.positions.push(position);
        self.normals.push([0.0; 3]);
        self.uvs.push(uv);
        self.positions.len() as u32 - 1
    }

    /// Adds another mesh to this one.
    pub(crate) fn join(mut self, other: &Self) -> Self {
        let base = self.positions.len() as u32;
        self.positions.extend_from_slice(&other.positions);
        self.normals.extend_from_slice(&other.normals);
        self.uvs.extend_from_slice(&other.uvs);
        self.indices.extend(other.indices.iter().map(|index| base + index));
        self
    }

    /// Moves all of it.
    pub(crate) fn shifted(mut self, by: [f32; 3]) -> Self {
        for position in &mut self.positions {
            for axis in 0..3 {
                position[axis] += by[axis];
            }
        }
        self
    }

    /// Computes smooth normals from the triangles, weighted by their area.
    fn with_normals(mut self) -> Self {
        for triangle in self.indices.chunks_exact(3) {
            let [a, b, c] = [0, 1, 2].map(|i| self.positions[triangle[i] as usize]);
            let normal = cross(sub(b, a), sub(c, a));
            for &index in triangle {
                let sum = &mut self.normals[index as usize];
                *sum = [sum[0] + normal[0], sum[1] + normal[1], sum[2] + normal[2]];
            }
        }
        for (normal, position) in self.normals.iter_mut().zip(&self.positions) {
            // Where only triangles without an area meet, at a pole, away from the middle is right.
            let flat = normal.iter().all(|axis| *axis == 0.0);
            *normal = unit_length(if flat { *position } else { *normal });
        }
        self
    }
}

fn sub(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn cross(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn unit_length(v: [f32; 3]) -> [f32; 3] {
    let length = (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt();
    if length > 1e-12 { [v[0] / length, v[1] / length, v[2] / length] } else { [0.0, 1.0, 0.0] }
}

/// The height of the island at a point, which lies in -1..1 both ways; the sea is at 0.
pub(crate) fn height(x: f32, z: f32) -> f32 {
    let distance = (x * x + z * z).sqrt();
    let hills = fractal((x + 2.0) * 2.2, (z + 2.0) * 2.2, 6, 11);
    let shore = 1.05 - distance * 1.35 + (fractal((x + 3.0) * 1.7, (z + 3.0) * 1.7, 3, 29) - 0.5) * 0.5;
    (hills * 0.75 + 0.15) * shore.clamp(-0.3, 1.0)
}

/// The ground, as a grid of `n` by `n` squares over -`size`..`size`.
pub(crate) fn ground(n: u32, size: f32) -> Mesh {
    let mut mesh = Mesh::default();
    for row in 0..=n {
        for column in 0..=n {
            let (u, v) = (column as f32 / n as f32, row as f32 / n as f32);
            let (x, z) = (u * 2.0 - 1.0, v * 2.0 - 1.0);
            mesh.vertex([x * size, height(x, z) * size * 0.42, z * size], [u * 6.0, v * 6.0]);
        }
    }
    for row in 0..n {
        for column in 0..n {
            let a = row * (n + 1) + column;
            let b = a + n + 1;
            mesh.indices.extend_from_slice(&[a, b, a + 1, a + 1, b, b + 1]);
        }
    }
    mesh.with_normals()
}

/// A flat square at height 0.
pub(crate) fn sea(size: f32) -> Mesh {
    let mut mesh = Mesh::default();
    for [x, z] in [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0f32]] {
        mesh.vertex([x * size, 0.0, z * size], [(x + 1.0) * 20.0, (z + 1.0) * 20.0]);
    }
    mesh.indices.extend_from_slice(&[0, 1, 2, 2, 1, 3]);
    mesh.with_normals()
}

/// A solid of revolution from (radius, height) pairs, bottom to top, with `sides` sides. `wobble` makes it
/// irregular.
pub(crate) fn turned(profile: &[[f32; 2]], sides: u32, wobble: f32, seed: u32) -> Mesh {
    let mut mesh = Mesh::default();
    let rings = profile.len() as u32;
    for (ring, &[radius, height]) in profile.iter().enumerate() {
        for side in 0..=sides {
            let (sin, cos) = turn(side as f32 / sides as f32);
            let bump = 1.0 + (unit(side % sides, ring as u32, seed) - 0.5) * wobble;
            let v = ring as f32 / (rings - 1) as f32;
            let uv = [side as f32 / sides as f32 * 3.0, v * 3.0];
            mesh.vertex([radius * bump * sin, height, radius * bump * cos], uv);
        }
    }
    for ring in 0..rings - 1 {
        for side in 0..sides {
            let a = ring * (sides + 1) + side;
            let b = a + sides + 1;
            mesh.indices.extend_from_slice(&[a, a + 1, b, a + 1, b + 1, b]);
        }
    }
    mesh.with_normals()
}

/// A box standing on the ground.
pub(crate) fn block(width: f32, height: f32, depth: f32) -> Mesh {
    let mut mesh = Mesh::default();
    let (x, z) = (width / 2.0, depth / 2.0);
    let faces = [
        [[-x, 0.0, z], [x, 0.0, z], [x, height, z], [-x, height, z]],
        [[x, 0.0, -z], [-x, 0.0, -z], [-x, height, -z], [x, height, -z]],
        [[x, 0.0, z], [x, 0.0, -z], [x, height, -z], [x, height, z]],
        [[-x, 0.0, -z], [-x, 0.0, z], [-x, height, z], [-x, height, -z]],
        [[-x, height, z], [x, height, z], [x, height, -z], [-x, height, -z]],
    ];
    for face in faces {
        let uvs = [[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]];
        let first = mesh.positions.len() as u32;
        for (position, uv) in face.into_iter().zip(uvs) {
            mesh.vertex(position, uv);
        }
        mesh.indices.extend([0, 1, 2, 0, 2, 3].map(|i| first + i));
    }
    mesh.with_normals()
}

/// A gabled roof whose eaves are at height 0.
pub(crate) fn roof(width: f32, height: f32, depth: f32) -> Mesh {
    let mut mesh = Mesh::default();
    let (x, z) = (width / 2.0, depth / 2.0);
    let faces: [&[[f32; 3]]; 4] = [
        &[[-x, 0.0, z], [x, 0.0, z], [x, height, 0.0], [-x, height, 0.0]],
        &[[x, 0.0, -z], [-x, 0.0, -z], [-x, height, 0.0], [x, height, 0.0]],
        &[[x, 0.0, z], [x, 0.0, -z], [x, height, 0.0]],
        &[[-x, 0.0, -z], [-x, 0.0, z], [-x, height, 0.0]],
    ];
    for face in faces {
        let first = mesh.positions.len() as u32;
        for (position, uv) in face.iter().zip([[0.0, 2.0], [2.0, 2.0], [2.0, 0.0], [0.0, 0.0]]) {
            mesh.vertex(*position, uv);
        }
        for i in 1..face.len() as u32 - 1 {
            mesh.indices.extend_from_slice(&[first, first + i, first + i + 1]);
        }
    }
    mesh.with_normals()
}

/// A rock: a sphere of `n` rings that noise has been at.
pub(crate) fn rock(n: u32, seed: u32) -> Mesh {
    let mut mesh = Mesh::default();
    let sides = n * 2;
    for ring in 0..=n {
        let (sin, cos) = turn(ring as f32 / n as f32 * 0.5);
        for side in 0..=sides {
            let (east, north) = turn(side as f32 / sides as f32);
            let point = [sin * east, cos, sin * north];
            let bump = fractal(point[0] * 1.5 + 4.0 + point[1], point[2] * 1.5 + 4.0, 4, seed);
            let radius = 0.6 + bump * 0.8;
            let uv = [side as f32 / sides as f32 * 2.0, ring as f32 / n as f32];
            mesh.vertex([point[0] * radius, point[1] * radius * 0.7, point[2] * radius], uv);
        }
    }
    for ring in 0..n {
        for side in 0..sides {
            let a = ring * (sides + 1) + side;
            let b = a + sides + 1;
            mesh.indices.extend_from_slice(&[a, b, a + 1, a + 1, b, b + 1]);
        }
    }
    mesh.with_normals()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normals_point_outwards() {
        let shapes = [
            block(2.0, 2.0, 2.0).shifted([0.0, -1.0, 0.0]),
            rock(8, 1),
            turned(&[[1.0, -1.0], [1.0, 1.0]], 8, 0.0, 1),
        ];
        for mesh in shapes {
            for (position, normal) in mesh.positions.iter().zip(&mesh.normals) {
                let dot: f32 = (0..3).map(|i| position[i] * normal[i]).sum();
                assert!(dot > 0.0, "{position:?} {normal:?}");
            }
            assert!(mesh.indices.iter().all(|&index| (index as usize) < mesh.positions.len()));
        }
        assert!(ground(10, 5.0).normals.iter().all(|normal| normal[1] > 0.0));
        assert!(sea(1.0).normals.iter().all(|normal| normal[1] > 0.99));
    }
}
