"""The rules: facts in, decisions out. Pure; imports nothing of ours but itself."""
