//! Tar archives that are the same whoever writes them, wherever and whenever.

use std::io::Write;

use anyhow::Result;
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

/// An archive of regular files in the order given: owned by root, readable by all,
/// from 1970.
pub fn tar<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_size(u64::try_from(bytes.len())?);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        archive.append_data(&mut header, path, bytes)?;
    }
    Ok(archive.into_inner()?)
}

/// Compresses without a name and a time. The compressor is compiled in, and pinned
/// by Cargo.lock: another one would give other bytes.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut compressed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    compressed.write_all(bytes)?;
    Ok(compressed.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn an_archive_holds_its_files_in_order_and_nothing_of_who_wrote_it() {
        let bytes = tar([("b", b"1".as_slice()), ("a/c", b"22")]).unwrap();
        let mut archive = ::tar::Archive::new(bytes.as_slice());
        let entries: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                assert_eq!(
                    (header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()),
                    (0, 0, 0)
                );
                assert_eq!(header.mode().unwrap(), 0o644);
                assert_eq!(header.username().unwrap(), Some(""));
                entry.path().unwrap().display().to_string()
            })
            .collect();
        assert_eq!(entries, ["b", "a/c"]);
    }

    #[test]
    fn compressed_bytes_tell_no_time_and_no_name() {
        let compressed = gzip(b"hello").unwrap();
        let mut reader = flate2::read::GzDecoder::new(compressed.as_slice());
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        let header = reader.header().unwrap();
        assert_eq!((text.as_str(), header.mtime(), header.filename()), ("hello", 0, None));
    }
}
