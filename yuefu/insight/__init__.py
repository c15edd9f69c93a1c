"""Reports over all packages, read only but for what was given out: daily clearing and monthly settlement (日清月结), and the money flow of a day.

Owns the reports as they were given out, append only: one of each day and month of a book, known by the hash of its text. A report is made of closed days
only, whose figures never change; what is posted later and was true on one of these days is told beside it. Its queries read the tables of any package
and write none but its own.
"""
