"""Interactive segmentation: the object that clicks in an image mean, and its mask in other images.

The color that a person gives acts in these masks, see `vidcolor.hints`.
"""
