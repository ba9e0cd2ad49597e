"""What a person knows of a picture's colors: rows of places and colors, or a colored picture.

rows (`rows`) → places in the stored pixels (`spots`) → known color for the generator, spread along
objects (`spread`) → settled in what the generator said, and exactly in the finished chroma
(`known`). A colored picture is laid over the gray one where both show the same (`align`), and
lends its palette where they show the like (`reference`, `palette`). `find` gathers all of it for
a photograph.
"""
