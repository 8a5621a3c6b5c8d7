"""Everything that touches the outside; each implements a port of the domain and is handed what it needs."""
