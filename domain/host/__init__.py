"""The manager's own life, its settings, and the machine it runs on."""
