"""Starts and ends a measurement once, in the process from which commands are forked.

Otherwise each of hundreds of processes would search modules and files for coverage again, which
takes longer than most of what a test does with them.
"""

from coverage import Coverage

_first = Coverage(data_file=None, config_file=False, branch=True, source_pkgs=["payments_sandbox"])
_first.set_option("run:disable_warnings", ["module-not-measured", "no-data-collected"])
with _first.collect():
    pass
_first.get_data()
