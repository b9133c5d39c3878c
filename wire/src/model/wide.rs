//! Loops over numbers with the widest vectors that the machine has: a build for all machines may use only the narrowest.

#![expect(clippy::inline_always, reason = "what is not inlined into the vectorised loop is compiled for the narrowest machine")]

/// A loop over numbers. Whatever it calls has to be inlined into it: what is not is compiled for the narrowest.
pub trait Work {
    /// Does it; to be `#[inline(always)]`.
    fn run(self);
}

/// Does it with the widest vectors.
#[cfg(not(target_family = "wasm"))]
pub fn vectorised(work: impl Work) {
    struct Native<W>(W);

    impl<W: Work> pulp::NullaryFnOnce for Native<W> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            self.0.run();
        }
    }

    pulp::Arch::new().dispatch(Native(work));
}

/// Does it; wasm has one width, which the build chooses.
#[cfg(target_family = "wasm")]
pub fn vectorised(work: impl Work) {
    work.run();
}
