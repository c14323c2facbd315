"""Random histories of operations and faults, and a small model of what must be true after them.

A history is a pure function of its seed (`generation`). It is carried out on a real Restate, a real store, the API and
a worker that can be killed (`world`, `runner`). After each batch everything there is is read at once (`picture`) and
held against the invariants (`invariants`) and against a model that knows nothing of Turnout's code (`model`, `judge`).
"""
