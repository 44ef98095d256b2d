//! Writing a binary glTF 2.0 file.

use serde_json::{Map, Value, json};

use crate::shapes::Mesh;

const FLOAT: u32 = 5126;
const UNSIGNED_INT: u32 = 5125;
const ARRAY_BUFFER: u32 = 34962;
const ELEMENT_ARRAY_BUFFER: u32 = 34963;

/// A file in the making.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bin: Vec<u8>,
    buffer_views: Vec<Value>,
    accessors: Vec<Value>,
    meshes: Vec<Value>,
    materials: Vec<Value>,
    textures: Vec<Value>,
    images: Vec<Value>,
    nodes: Vec<Value>,
}

/// Where a mesh stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) at: [f32; 3],
    /// Sine and cosine of half the angle around the vertical axis.
    pub(crate) half_turn: (f32, f32),
    pub(crate) scale: f32,
}

impl Writer {
    fn view(&mut self, bytes: &[u8], target: Option<u32>) -> usize {
        self.bin.resize(self.bin.len().next_multiple_of(4), 0);
        let mut view = json!({ "buffer": 0, "byteOffset": self.bin.len(), "byteLength": bytes.len() });
        if let Some(target) = target {
            view["target"] = target.into();
        }
        self.buffer_views.push(view);
        self.bin.extend_from_slice(bytes);
        self.buffer_views.len() - 1
    }

    fn vectors<const N: usize>(&mut self, vectors: &[[f32; N]], bounds: bool) -> usize {
        let bytes: Vec<u8> = vectors.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
        let view = self.view(&bytes, Some(ARRAY_BUFFER));
        let mut accessor = json!({
            "bufferView": view, "componentType": FLOAT, "count": vectors.len(),
            "type": format!("VEC{N}"),
        });
        if bounds {
            let bound = |pick: fn(f32, f32) -> f32| {
                let axis = |i: usize| vectors.iter().map(|vector| vector[i]).reduce(pick).unwrap_or_default();
                (0..N).map(axis).collect::<Vec<f32>>()
            };
            accessor["min"] = bound(f32::min).into();
            accessor["max"] = bound(f32::max).into();
        }
        self.accessors.push(accessor);
        self.accessors.len() - 1
    }

    /// Adds a material with a texture. Gives its number.
    pub(crate) fn material(&mut self, name: &str, png: &[u8], roughness: f32, metallic: f32) -> usize {
        let view = self.view(png, None);
        self.images.push(json!({ "name": name, "bufferView": view, "mimeType": "image/png" }));
        self.textures.push(json!({ "source": self.images.len() - 1, "sampler": 0 }));
        self.materials.push(json!({
            "name": name,
            "pbrMetallicRoughness": {
                "baseColorTexture": { "index": self.textures.len() - 1 },
                "metallicFactor": metallic,
                "roughnessFactor": roughness,
            },
        }));
        self.materials.len() - 1
    }

    /// Adds a mesh. Gives its number.
    pub(crate) fn mesh(&mut self, name: &str, mesh: &Mesh, material: usize) -> usize {
        let position = self.vectors(&mesh.positions, true);
        let normal = self.vectors(&mesh.normals, false);
        let uv = self.vectors(&mesh.uvs, false);
        let indices: Vec<u8> = mesh.indices.iter().flat_map(|index| index.to_le_bytes()).collect();
        let view = self.view(&indices, Some(ELEMENT_ARRAY_BUFFER));
        self.accessors.push(json!({
            "bufferView": view, "componentType": UNSIGNED_INT, "count": mesh.indices.len(), "type": "SCALAR",
        }));
        self.meshes.push(json!({
            "name": name,
            "primitives": [{
                "attributes": { "POSITION": position, "NORMAL": normal, "TEXCOORD_0": uv },
                "indices": self.accessors.len() - 1,
                "material": material,
            }],
        }));
        self.meshes.len() - 1
    }

    /// Adds a node that shows a mesh.
    pub(crate) fn node(&mut self, name: &str, mesh: usize, place: Place) {
        let (sin, cos) = place.half_turn;
        self.nodes.push(json!({
            "name": name,
            "mesh": mesh,
            "translation": place.at,
            "rotation": [0.0, sin, 0.0, cos],
            "scale": [place.scale, place.scale, place.scale],
        }));
    }

    /// The bytes of the file.
    pub(crate) fn finish(mut self, name: &str) -> Vec<u8> {
        self.bin.resize(self.bin.len().next_multiple_of(4), 0);
        let mut document = Map::new();
        let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
        put("asset", json!({ "version": "2.0", "generator": "aria-demo-model" }));
        put("scene", 0.into());
        put("scenes", json!([{ "name": name, "nodes": (0..self.nodes.len()).collect::<Vec<_>>() }]));
        put("nodes", self.nodes.into());
        put("meshes", self.meshes.into());
        put("materials", self.materials.into());
        put("textures", self.textures.into());
        put("images", self.images.into());
        put("samplers", json!([{ "magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497 }]));
        put("accessors", self.accessors.into());
        put("bufferViews", self.buffer_views.into());
        put("buffers", json!([{ "byteLength": self.bin.len() }]));
        let mut text = Value::Object(document).to_string().into_bytes();
        text.resize(text.len().next_multiple_of(4), b' ');

        let total = 12 + 8 + text.len() + 8 + self.bin.len();
        let mut out = Vec::with_capacity(total);
        out.extend_from_slice(b"glTF");
        for word in [2, total as u32, text.len() as u32] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(b"JSON");
        out.extend_from_slice(&text);
        out.extend_from_slice(&(self.bin.len() as u32).to_le_bytes());
        out.extend_from_slice(b"BIN\0");
        out.extend_from_slice(&self.bin);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shapes;

    #[test]
    fn bounds_and_counts_are_those_of_the_data() {
        let meshes = [shapes::rock(6, 3), shapes::ground(9, 5.0), shapes::roof(2.0, 1.0, 3.0)];
        let mut writer = Writer::default();
        for mesh in &meshes {
            writer.mesh("mesh", mesh, 0);
        }
        let glb = writer.finish("test");
        let word = |at: usize| u32::from_le_bytes(glb[at..at + 4].try_into().unwrap()) as usize;
        let json = word(12);
        let document: Value = serde_json::from_slice(&glb[20..20 + json]).unwrap();
        let bin = &glb[28 + json..];
        let number = |value: &Value| value.as_u64().unwrap() as usize;
        for (mesh, source) in document["meshes"].as_array().unwrap().iter().zip(&meshes) {
            let primitive = &mesh["primitives"][0];
            let position = &document["accessors"][number(&primitive["attributes"]["POSITION"])];
            assert_eq!(number(&position["count"]), source.positions.len());
            let view = &document["bufferViews"][number(&position["bufferView"])];
            let (start, length) = (number(&view["byteOffset"]), number(&view["byteLength"]));
            assert_eq!(start % 4, 0);
            // What the file has, not what it was made of.
            let floats: Vec<f32> = bin[start..start + length]
                .chunks_exact(4)
                .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
                .collect();
            assert_eq!(floats.len(), source.positions.len() * 3);
            for axis in 0..3 {
                let values = || floats.iter().skip(axis).step_by(3).copied();
                let bound = |which: &str| position[which][axis].as_f64().unwrap() as f32;
                assert_eq!(bound("min"), values().fold(f32::INFINITY, f32::min));
                assert_eq!(bound("max"), values().fold(f32::NEG_INFINITY, f32::max));
            }
            let indices = &document["accessors"][number(&primitive["indices"])];
            assert_eq!(number(&indices["count"]), source.indices.len());
        }
    }
}
