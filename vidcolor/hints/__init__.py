"""Hints: colors that the user gives at points, or with a reference image.

`io` reads hint files, and `discs` converts hints to discs in stored pixels. The discs of one photo
or frame form a hint set (`hint_set`). The objects that they lie on are segmented and get their
colors (`objects`, `predict`), and the discs are enforced in the finished chroma. A reference is
aligned with the image where both show the same scene (`registration`). Elsewhere its palette is
used (`color_transfer`). In films, hints belong to frames (`timeline`). The masks of their objects
(`object_tracks`) and the color of references (`tracks`) are carried through the shot (`tracking`),
and stored as the overlays of its frames (`overlays`).
"""
