"""vLLM: its one model sleeps and wakes instead of coming and going."""
