"""LM Studio: loads and unloads by instance where it has the v1 API, just-in-time loading where not."""
