//! A compression context together with the dictionary it refers to.
//!
//! A context of zstd borrows its dictionary. A worker thread uses one context for many frames, and a dictionary that
//! other threads use too. A copy of the dictionary in each context would cost 0.6-1.0 ms per change of dictionary and a
//! second set of tables; a new context per change, about 0.1 ms. So the borrow is tied to an `Arc` that lives beside
//! the context.
#![expect(
    unsafe_code,
    reason = "a borrow tied to an Arc in the same struct cannot be written in safe Rust"
)]

use std::sync::Arc;

use zstd_safe::{CCtx, CDict, CParameter, DictAttachPref, SafeResult};

/// A context that may refer to a shared dictionary. The order of the fields matters: the context is dropped first.
pub(super) struct CompressionContext {
    context: CCtx<'static>,
    dictionary: Option<Arc<CDict<'static>>>,
}

impl CompressionContext {
    pub(super) fn new(context: CCtx<'static>) -> Self {
        Self {
            context,
            dictionary: None,
        }
    }

    /// Sets the dictionary of the following frames.
    pub(super) fn refer(&mut self, dictionary: Option<&Arc<CDict<'static>>>) -> SafeResult {
        match (&self.dictionary, dictionary) {
            (None, None) => return Ok(0),
            (Some(old), Some(new)) if Arc::ptr_eq(old, new) => return Ok(0),
            _ => {}
        }
        // The context must drop its reference to the old dictionary before this struct does.
        self.context.disable_dictionary()?;
        self.dictionary = None;
        if let Some(new) = dictionary {
            let new = Arc::clone(new);
            // SAFETY: the reference is only stored inside `self.context`, which is private and never handed out. It
            // stays valid as long as the context can use it: `self.dictionary` holds the `Arc` (a stable heap address)
            // from here on, is replaced only above, after the context has dropped its reference, and is dropped after
            // the context because it is declared after it. If `ref_cdict` fails the context keeps no reference.
            let forever: &'static CDict<'static> = unsafe { &*Arc::as_ptr(&new) };
            self.context.ref_cdict(forever)?;
            self.dictionary = Some(new);
        }
        Ok(0)
    }

    /// Sets whether the following frames copy the dictionary's tables or use them in place.
    pub(super) fn attach(&mut self, how: DictAttachPref) -> SafeResult {
        self.context.set_parameter(CParameter::ForceAttachDict(how))
    }

    /// Compresses one frame into `out`. Its contents are replaced; its capacity bounds the result.
    pub(super) fn compress(&mut self, out: &mut Vec<u8>, raw: &[u8]) -> SafeResult {
        self.context.compress2(out, raw)
    }
}
