"""Views: what a projection has made of a journal, in a file that anybody may delete. See README.md."""
