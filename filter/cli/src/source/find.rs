//! Where in a document configurations of the modules stand.

use super::file::File;
use super::found::{Found, Kind};

/// Every configuration in a file, in the order in which they stand there. Whose one is that
/// stands for itself, `bare` says.
pub fn find(file: &File, bare: Kind) -> Vec<Found> {
    file.documents.iter().map(|document| Found::bare(document, bare)).collect()
}
