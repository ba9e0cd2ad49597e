"""What a person knows of a picture's colours: rows of places and colours, or a coloured picture.

rows (`rows`) → places in the stored pixels (`spots`) → known colour for the generator, spread along
objects (`spread`) → settled in what the generator said, and exactly in the finished chroma
(`known`). A coloured picture is laid over the grey one where both show the same (`align`), and
lends its palette where they show the like (`reference`, `palette`). `find` gathers all of it for
a photograph.
"""
