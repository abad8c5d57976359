"""Wire faults: one module each, with everything about it; nothing here does I/O.

To add a fault, add a module here and list its class in `FAULTS`. docs/how-to/write-a-fault.md
describes this, and tests/rules/test_faults.py checks every class.
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
"""Every wire fault, in the order of the documentation."""

FAULT_NAMED: Final = {fault.name: fault for fault in FAULTS}
"""The faults by name."""
