"""The journal on a disk that tears, drops, reorders, fills up, fails and lies: `./dev crash`.

A run has clients append to a real `Journal` in virtual time, on SQLite, on a disk in memory that writes down
every operation (`disk`, `vfs`, `storage`, `workload`). Then the power is cut before each operation, in one of
several ways (`damage`), and what is left is opened by the code that opens journals and compared with what was
promised at that moment (`points`, `examine`, `truth`). `worlds` numbers the runs; `kills` does without any of
this: it kills a real process on a real file.
"""
