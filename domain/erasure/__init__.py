"""What was taken out of the record, and on whose word."""
