"""Hints: colors that the user gives at points, or with a reference image.

`io` reads hint files, and `discs` converts hints to discs in stored pixels. The discs of one photo
or frame form a hint set (`hint_set`). It is given to the generator (`predict`), blended into the
prediction (`spread`), and enforced in the finished chroma. A reference is aligned with the image
where both show the same scene (`registration`). Elsewhere its palette is used (`color_transfer`).
In films, hints belong to frames (`timeline`). The object that a hint lies on (`region`) is carried
to all key frames of the shot (`tracking`, `tracks`).
"""
