"""How large a picture may be; apart from what decodes them, so that it costs nothing to import."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureLimits:
    """
    How large a picture may be.

    Attributes:
        max_pixels: Width times height; 50 million take about 400 MB while they are decoded.
        min_side_px: The shorter side has at least this; less shows no object.
        max_side_px: The longer side has at most this; WebP ends here, and so do textures.
    """

    max_pixels: int = 50_000_000
    min_side_px: int = 16
    max_side_px: int = 16_383

    @property
    def max_shrunk_pixels(self) -> int:
        """Five times what is decoded in full: phones make pictures of 200 megapixels."""
        return 5 * self.max_pixels
