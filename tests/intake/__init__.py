"""What a journal's owner takes from other processes, through real sockets, and from the worst of them."""
