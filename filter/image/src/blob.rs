//! Content with its media type, as registries know it.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A blob of a registry or an image layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// What the bytes are.
    pub media_type: String,
    /// The content, as it goes over the wire.
    pub bytes: Vec<u8>,
    /// What clients call the file that they save it as.
    pub file: Option<&'static str>,
}

impl Blob {
    /// A blob of these bytes.
    pub fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { media_type: media_type.to_owned(), bytes, file: None }
    }

    /// The same blob, as a file of this name.
    #[must_use]
    pub fn named(self, file: &'static str) -> Self {
        Self { file: Some(file), ..self }
    }

    /// A blob of JSON.
    pub fn json(media_type: &str, value: &Value) -> Self {
        Self::new(media_type, value.to_string().into_bytes())
    }

    /// Its name in every registry: `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        format!("sha256:{}", sha256(&self.bytes))
    }

    /// How manifests and indexes name it
    /// ([OCI content descriptor](https://github.com/opencontainers/image-spec/blob/main/descriptor.md)).
    #[must_use]
    pub fn descriptor(&self) -> Value {
        let mut descriptor = json!({
            "mediaType": self.media_type,
            "digest": self.digest(),
            "size": self.bytes.len(),
        });
        if let (Some(file), Some(fields)) = (self.file, descriptor.as_object_mut()) {
            let title = json!({ "org.opencontainers.image.title": file });
            fields.insert("annotations".into(), title);
        }
        descriptor
    }
}

/// The SHA-256 of `bytes` in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_named_by_its_content() {
        let blob = Blob::new("text/plain", b"abc".to_vec());
        // The test vector of FIPS 180-2, appendix B.1.
        let digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(blob.digest(), digest);
        assert_eq!(
            blob.descriptor(),
            json!({ "mediaType": "text/plain", "digest": digest, "size": 3 })
        );
    }
}
