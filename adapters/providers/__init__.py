"""Programs and libraries that run models."""
