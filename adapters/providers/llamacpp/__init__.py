"""llama.cpp's own server, with one model or as a router of several."""
