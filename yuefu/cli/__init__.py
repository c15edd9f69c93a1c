"""The `yuefu` command: every journey from a terminal, one file per group of commands.

It reads the environment and the clock, opens the database, finds out who acts and what they may do, calls one journey, and prints what
it returned: for people, or with `--json` as one JSON object on the last line of standard output.
"""
