"""py_rdiff's interface, over redelta: signature, delta and patch of files by their names.

>>> import py_rdiff
>>> done, signature = py_rdiff.rsync_sig("test.txt")
>>> done, delta = py_rdiff.rsync_delta(signature, "test2.txt")
>>> py_rdiff.rsync_patch(delta, "test.txt", "patched.txt")
(True, None)
"""

from py_rdiff.py_rdiff import rsync_delta, rsync_patch, rsync_sig
from redelta.compat import distributions

__all__ = ["rsync_delta", "rsync_patch", "rsync_sig"]

distributions.warn_of_others(__name__, __file__)
