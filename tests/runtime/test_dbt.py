"""What is said of an error when dbt runs as a process."""

import doctest

from clientele.runtime import dbt

SAID = """\
20:56:08  Encountered an error:
Compilation Error in operation clientele-on-run-start-0 (./dbt_project.yml)
  check_settings: --vars names 'gap', which is no setting.
  Known: as_of
  
  > in macro check_settings (macros/runtime/settings.sql)
  > called by operation clientele-on-run-start-0 (./dbt_project.yml)
"""


def test_an_error_is_told_without_what_led_to_it():
    assert dbt.sentences(SAID) == "check_settings: --vars names 'gap', which is no setting.\nKnown: as_of"
    assert dbt.sentences("12:00:01  There is > in macro here") == "12:00:01  There is > in macro here"
    assert doctest.testmod(dbt).failed == 0 < doctest.testmod(dbt).attempted
