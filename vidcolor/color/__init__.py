"""Color science: transfer function, CIELAB, Y'CbCr, gamut, a*b* bins, fading, metrics."""
