"""Choosing markets for grids, and what becomes of a choice.

scoring      how well a market suits a grid, 0 to 1, and the figures it was chosen by
proposals    what was proposed, read back from the journal
opening      bots started unasked, where a person allowed it, and within what they allowed
"""
