"""What of a conversation matters: measured on its texts, told to the rules as integers in facts."""
