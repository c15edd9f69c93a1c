"""Arrears beyond what is told: cases, contacts, promises, measures, and credit that is closed because instalments were missed.

Owns the case of a consumer whose loans are overdue, what was tried to reach them, what they promised, and what was proposed and done about a loan
(re-age, reschedule, pauses, waivers, charge-off, write-off and its undoing), each with who and when. How late somebody is, and what was paid, is
always asked of the loans. Invariants, kept by PostgreSQL: one open case a consumer, one running promise a case, one waiting measure a loan; nobody is
contacted by us at night or more than three times a day; what changes money is entered only as a second person approved it.
"""
