"""Still images: reading, writing and metadata of JPEG, PNG, TIFF, DPX, OpenEXR and others."""
