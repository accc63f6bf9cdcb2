"""What the engine says in English, said in the language of whoever reads it.

The engine knows no language: its texts are English, and some were written into the journal years ago. Each of them is
listed here as a pattern that translators translate, and recognised by it.

marking      the mark of a text that is translated later
recogniser   recognise a text, and say it in the language in use
indicators   patterns of readings of indicators, and their names
markets      patterns of criteria, of statistics and of recommended grids
grids        patterns of what is wrong with a grid
exchanges    patterns of why an exchange was not asked
advice       patterns of what agents say
decisions    patterns of what a decision knew, left undone and refused
"""
