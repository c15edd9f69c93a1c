"""`yuefu conform loans`: published cases of other loan cores, replayed by our engine and compared figure by figure.

`inputs` reads a case's product as terms of ours, `story` plays its events, `telling` and `journal` say what has become of the loan in the words
of the cases' source, `judging` compares. What a case asks that is not understood is unsupported, never passed over.
"""
