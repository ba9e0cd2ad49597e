"""Color science: Lab, Y′CbCr matrices and ranges, gamut, a*b* bins."""
