"""`yuefu conform loans`: published cases of other loan cores, replayed by our engine and compared figure by figure.

`reading` takes the values of a case as what they should be, `inputs` its product as terms of ours; `story` plays its events, `course` keeps the state
from one to the next; `told` is the loan at a point of it, `telling` and `journal` say what has become of the loan in the words
of the cases' source, `judging` compares. What a case asks that is not understood is unsupported, never passed over.
"""
