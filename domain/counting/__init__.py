"""How many tokens a text has where its model's vocabulary is not at hand: learnt from their counts."""
