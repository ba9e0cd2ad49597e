"""Hints: colors that the user gives at points, or with a reference image.

Hint files (`io`) become discs in stored pixels (`discs`). The discs of one photo or frame form a
hint set (`hint_set`), which is given to the generator, blended into its prediction (`spread`,
`region`) and enforced in the finished chroma. A reference is aligned with the image where both show
the same scene (`registration`), otherwise its palette is used (`color_transfer`). In films, hints
belong to frames (`timeline`) and are carried to all key frames of their shots (`tracking`,
`tracks`).
"""
