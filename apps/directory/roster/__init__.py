"""Rosters: a file of people as the school exports it, compared with the directory, shown, and then applied.

`reading` makes rows of a file, `values` what a cell means, `known` says what the directory holds, `planning` compares
the two, `applying` writes what was shown and nothing else, `services` are the verbs.
"""
