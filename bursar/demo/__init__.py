"""The main job end to end: more models asked for than fit, on a real engine, explained and replayed."""
