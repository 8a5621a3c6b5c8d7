"""How many tokens a text is likely to have, from what is in it; in floats, and told in facts as integers."""
