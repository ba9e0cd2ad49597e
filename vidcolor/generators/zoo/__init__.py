"""Published colorization networks, reimplemented from their published structure.

Attribute names of modules, e.g. ``shuf`` or ``model3short8``, are those of the originals, so that
state-dict keys match the published files and a file can be validated key by key. Weight norm and
spectral norm, which only training needs, are folded into plain weights when a file is read (see
`store.checkpoints`).
"""
