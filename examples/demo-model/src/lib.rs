//! A model in two versions, as an artist might save them: an island with a lighthouse, houses, trees and
//! rocks, as a binary glTF of about 20 MB. Between the versions the lighthouse grows, the roofs get another
//! texture, and a windmill and some trees are added, so that what follows moves in the file.
//!
//! The same bytes come out on every machine: all randomness is an integer hash, and only operations that
//! IEEE 754 defines to the last bit are used on floating-point numbers.

mod glb;
mod noise;
mod scene;
mod shapes;
mod texture;

/// Which version of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The first.
    One,
    /// The edited one.
    Two,
}

/// How much detail the model has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// About 20 MB, for the demo.
    Full,
    /// About half a megabyte, for tests.
    Small,
}

/// Why a model could not be made.
pub type Error = png::EncodingError;

/// The bytes of the model's `.glb` file.
pub fn glb(version: Version, detail: Detail) -> Result<Vec<u8>, Error> {
    scene::build(version, detail)
}
