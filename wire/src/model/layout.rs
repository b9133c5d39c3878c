//! Where things stand in the blob: a header, a table of sections, the sections.
//!
//! All numbers are little-endian. The checksum is CRC-32 (IEEE) of everything behind it; it finds every flipped bit and every cut.

use crate::error::Error;

/// What a blob begins with.
pub(super) const MAGIC: [u8; 8] = *b"PULSOMDL";
/// The format that is written and read. A later one is refused, and the edge goes on with the copy that it has.
pub(super) const VERSION: u32 = 1;
/// Largest blob: KV holds 25 MiB, and an isolate has 128 MB for everything.
pub const MODEL_BYTES_MAX: usize = 24 << 20;
/// Most articles of a blob.
pub const MODEL_ITEMS_MAX: usize = 50_000;
/// Magic, version, checksum, length, articles, moment.
const HEADER_BYTES: usize = 8 + 4 + 4 + 4 + 4 + 8;
/// Where the checksum stands.
const CHECKSUM_AT: usize = 12;
/// A section's offset and length.
const ENTRY_BYTES: usize = 8;

/// The parts of a blob, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// The name of the model, UTF-8.
    Name,
    /// Offsets into [`Section::Texts`], one more than articles, u32.
    TextOffsets,
    /// The articles' paths, sorted, without anything between them.
    Texts,
    /// When each article was first seen, Unix seconds, u32.
    FirstSeen,
    /// Its section's number, u8; 0 when it has none.
    SectionNumbers,
    /// The sections' names, by number: length u8, UTF-8.
    SectionNames,
    /// Each article's [`super::Fact`]s, a byte each.
    Facts,
    /// Each article's two embeddings, a byte each number.
    Embeddings,
    /// Offsets into [`Section::Neighbours`] in entries, one more than articles, u32.
    NeighbourOffsets,
    /// Entries: article u24, fast u8, slow u8, back u8.
    Neighbours,
    /// Each article's row of [`Section::Lifts`], from 1, u16; 0 when it has none.
    LiftRows,
    /// Rows of a lift per word, a byte each.
    Lifts,
    /// The vocabularies: place u8, length u8, UTF-8.
    Words,
    /// Trending: article u32, score f32.
    Trending,
    /// Most read: article u32, score f32.
    TopPages,
    /// Latest: article u32, score f32.
    Latest,
    /// Candidates whatever was read: article u32.
    Leaders,
    /// What the ranker has learnt, f32; empty when it has learnt nothing.
    Weights,
}

impl Section {
    /// Its place in the table.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::as_conversions, reason = "the number of a plain enum's variant")]
    pub(super) const fn place(self) -> usize {
        self as usize
    }
}

/// How many sections there are.
pub(super) const SECTIONS: usize = 18;
/// Bytes of an entry of [`Section::Neighbours`].
pub(super) const NEIGHBOUR_BYTES: usize = 6;

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Articles.
    pub(super) items: u32,
    /// When it was made, Unix milliseconds.
    pub(super) generated_at_ms: u64,
}

/// Puts header and sections together.
#[must_use]
pub(super) fn assemble(header: Header, sections: &[Vec<u8>; SECTIONS]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(HEADER_BYTES + SECTIONS * ENTRY_BYTES + sections.iter().map(Vec::len).sum::<usize>());
    blob.extend_from_slice(&MAGIC);
    blob.extend_from_slice(&VERSION.to_le_bytes());
    blob.extend_from_slice(&[0; 8]);
    blob.extend_from_slice(&header.items.to_le_bytes());
    blob.extend_from_slice(&header.generated_at_ms.to_le_bytes());
    let mut offset = HEADER_BYTES + SECTIONS * ENTRY_BYTES;
    for section in sections {
        blob.extend_from_slice(&number(offset).to_le_bytes());
        blob.extend_from_slice(&number(section.len()).to_le_bytes());
        offset += section.len();
    }
    sections.iter().for_each(|section| blob.extend_from_slice(section));
    let length = number(blob.len());
    put(&mut blob, CHECKSUM_AT + 4, length);
    let checksum = blob.get(CHECKSUM_AT + 4..).map_or(0, crc32fast::hash);
    put(&mut blob, CHECKSUM_AT, checksum);
    blob
}

fn put(blob: &mut [u8], at: usize, value: u32) {
    if let Some(bytes) = blob.get_mut(at..at + 4) {
        bytes.copy_from_slice(&value.to_le_bytes());
    }
}

/// Blobs stay far below 4 GB; one that does not is refused by whoever reads it.
fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// The header and where each section lies, after all that can be checked without knowing what the sections mean.
///
/// # Errors
/// [`Error::UnsupportedVersion`], or [`Error::BadModel`] when it is damaged.
pub(super) fn open(blob: &[u8]) -> Result<(Header, [(usize, usize); SECTIONS]), Error> {
    let u32_at = |at: usize| u32_at(blob, at).ok_or(bad("it is cut short"));
    if blob.get(..MAGIC.len()) != Some(&MAGIC) {
        return Err(bad("it does not begin with PULSOMDL"));
    }
    let version = u32_at(8)?;
    if version != VERSION {
        return Err(Error::UnsupportedVersion { found: version.into() });
    }
    if usize::try_from(u32_at(CHECKSUM_AT + 4)?) != Ok(blob.len()) || blob.len() > MODEL_BYTES_MAX {
        return Err(bad("its length is not the one it names"));
    }
    if u32_at(CHECKSUM_AT)? != blob.get(CHECKSUM_AT + 4..).map_or(0, crc32fast::hash) {
        return Err(bad("its checksum does not fit"));
    }
    let generated_at_ms = u64::from(u32_at(24)?) | u64::from(u32_at(28)?) << 32;
    let header = Header { items: u32_at(20)?, generated_at_ms };
    let mut table = [(0, 0); SECTIONS];
    let mut expected = HEADER_BYTES + SECTIONS * ENTRY_BYTES;
    for (nth, place) in table.iter_mut().enumerate() {
        let at = HEADER_BYTES + nth * ENTRY_BYTES;
        let (offset, length) = (index(u32_at(at)?), index(u32_at(at + 4)?));
        if offset != expected || length > blob.len() - offset.min(blob.len()) {
            return Err(bad("its sections do not follow each other"));
        }
        *place = (offset, length);
        expected = offset + length;
    }
    if expected == blob.len() { Ok((header, table)) } else { Err(bad("there is something behind its last section")) }
}

/// What is wrong with a blob.
pub(super) const fn bad(what: &'static str) -> Error {
    Error::BadModel { what }
}

/// A number of a blob as a place in it.
#[inline(always)]
pub(super) fn index(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// Four bytes as a number.
#[inline(always)]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}
