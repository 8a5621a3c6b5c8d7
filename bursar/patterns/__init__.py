"""Prompts and results that are kept to be used again: stored, found, filled in, and given up by the rules.

    values   what a pattern is to its user; its name, and what stands in it for something
    shelf    storing, reading and removing them, and deleting the texts of those that were given up
    uses     counting, in batches
    texts    where they are
    finding  by what is in them
    lookup   the index for that
    methods  the manager's

What is decided is in `domain/patterns`.
"""
