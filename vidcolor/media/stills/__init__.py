"""Still images: reading, writing and metadata of JPEG, PNG, TIFF, WebP, BMP, DPX and OpenEXR."""
