"""Wire faults: one module each, with all that is known about it; nothing here does I/O.

A new fault is a module beside these and its row in `FAULTS`; docs/how-to/write-a-fault.md has the
recipe, and tests/rules/test_faults.py holds every row to it.
"""

from typing import Final

from payments_sandbox.rules.faults.drip import Drip
from payments_sandbox.rules.faults.drop import Drop
from payments_sandbox.rules.faults.fault import Fault
from payments_sandbox.rules.faults.hang import Hang
from payments_sandbox.rules.faults.malform import Malform
from payments_sandbox.rules.faults.respond_raw import RespondRaw
from payments_sandbox.rules.faults.truncate import Truncate

FAULTS: Final[tuple[type[Fault], ...]] = (Drop, Hang, Truncate, Malform, Drip, RespondRaw)
"""Every wire fault there is, in the order of the documentation."""

FAULT_NAMED: Final = {fault.name: fault for fault in FAULTS}
"""A name that is none of a fault's raises a KeyError."""
