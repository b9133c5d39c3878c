//! Scroll depth: the deepest point of the document that has been in view, in percent of its height now.

/// Scroll depth of one pageview.
#[derive(Debug, Clone, Default)]
pub(crate) struct ScrollDepth {
    deepest_px: i32,
    now_pct: u32,
}

impl ScrollDepth {
    pub(crate) const fn new() -> Self {
        Self { deepest_px: 0, now_pct: 0 }
    }

    /// What the window shows now. Overscroll and a document that is not laid out yet are no depth.
    pub(crate) fn see(&mut self, bottom_px: i32, height_px: i32) {
        if height_px > 0 {
            self.deepest_px = self.deepest_px.max(bottom_px.min(height_px));
            // Browsers end a document at 34 million pixels, so that the product fits.
            let pct = self.deepest_px.cast_unsigned().wrapping_mul(100) / height_px.cast_unsigned();
            // More than all of it only when the document has become shorter.
            self.now_pct = pct.min(100);
        }
    }

    /// The depth now, 0 to 100. It falls when late images make the document longer.
    pub(crate) const fn now_pct(&self) -> u32 {
        self.now_pct
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(views: &[(i32, i32)]) -> ScrollDepth {
        let mut scroll = ScrollDepth::new();
        for &(bottom_px, height_px) in views {
            scroll.see(bottom_px, height_px);
        }
        scroll
    }

    #[test]
    fn depth_is_the_deepest_point_seen() {
        assert_eq!(seen(&[(900, 3_000), (1_500, 3_000), (900, 3_000)]).now_pct(), 50);
    }

    #[test]
    fn a_page_that_fits_the_window_is_seen_whole() {
        assert_eq!(seen(&[(900, 400)]).now_pct(), 100);
    }

    #[test]
    fn a_late_image_lowers_a_depth_that_was_not_reported_yet() {
        assert_eq!(seen(&[(900, 900), (900, 3_000)]).now_pct(), 30);
    }

    #[test]
    fn an_article_below_the_window_has_no_depth_yet() {
        assert_eq!(seen(&[(-400, 3_000)]).now_pct(), 0);
    }

    #[test]
    fn nonsense_is_no_depth() {
        assert_eq!(seen(&[]).now_pct(), 0);
        assert_eq!(seen(&[(900, 0)]).now_pct(), 0);
        assert_eq!(seen(&[(i32::MAX, 1)]).now_pct(), 100);
        assert_eq!(seen(&[(i32::MAX, 34_000_000)]).now_pct(), 100);
        assert!(seen(&[(i32::MAX, i32::MAX)]).now_pct() <= 100);
        assert_eq!(seen(&[(900, 1_000), (9, 300)]).now_pct(), 100);
    }
}
