"""Networks that others designed and trained, written anew from their published structure.

Modules are named so that the keys of a state dict are those of the published files: what is in a
file can then be held against what belongs there, key by key. Weight and spectral norms, which
matter to training alone, are folded into plain weights when a file is read (`checkpoints`).
"""
