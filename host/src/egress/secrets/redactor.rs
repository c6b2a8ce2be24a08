//! Redaction of bytes that come in pieces.

use std::sync::Arc;

use bytes::{Buf, BytesMut};

use super::Secrets;
use super::search::{BLOCK, Position};

/// Takes secrets out of bytes that come in pieces. It holds back as many bytes behind the last line
/// end as a secret may take, whatever they are; so lines and events are never kept waiting, and how
/// much of a piece is passed on tells nothing of what is looked for.
pub(crate) struct Redactor {
    secrets: Arc<Secrets>,
    held: BytesMut,
    position: Position,
}

impl Redactor {
    pub(crate) fn new(secrets: Arc<Secrets>) -> Self {
        Self { secrets, held: BytesMut::new(), position: Position::default() }
    }

    /// Takes bytes as they came and passes on what is decided; without a copy if nothing was held
    /// back.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut out: impl FnMut(&[u8])) {
        // Anew each time: a credential may have been minted since.
        let search = self.secrets.search.load();
        let Some(search) = &*search else { return out(bytes) };
        for block in bytes.chunks(BLOCK) {
            if self.held.is_empty() {
                let passed = search.pass(&mut self.position, block, false, &mut out);
                self.held.extend_from_slice(block.get(passed..).unwrap_or_default());
            } else {
                self.held.extend_from_slice(block);
                let passed = search.pass(&mut self.position, &self.held, false, &mut out);
                self.held.advance(passed);
            }
        }
    }

    /// No more bytes will come: passes on what was held back.
    pub(crate) fn end(&mut self, out: impl FnMut(&[u8])) {
        if let Some(search) = &*self.secrets.search.load() {
            search.pass(&mut self.position, &self.held.split(), true, out);
        }
    }

    /// Returns the number of bytes that are held back.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }
}
