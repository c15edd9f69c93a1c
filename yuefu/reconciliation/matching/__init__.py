"""Two sides of any size, matched: a file of what we recorded against a file of what the outside reports, every row classified, nothing dropped.

Parquet in, Parquet out, without a database. `expression` says what is matched and knows no engine; `engines` has an adapter for each; `files` runs
one on the other and proves what came out before anybody reads it.
"""
