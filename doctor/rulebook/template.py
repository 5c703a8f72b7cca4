"""The file that ``acdoctor rules new`` writes: every key of the kind, what it means, and blanks to fill in.

The loader refuses the blanks and names each of them, so that nothing half-written is ever used.
"""

from __future__ import annotations

_HEAD = """\
# {path}: what each key means stands in rules/README.md. Empty values must be filled in; delete what you do not
# need. Then: acdoctor rules test {path}
schema = 1
id = '{id}'
kind = '{kind}'
"""

_WORDS = """\
title = ''                # the headline of a finding: one line, no final stop
explain = '''
'''                       # what happens, why, and since when, for somebody who has never heard of it
"""

_SEVERITY = """\
severity = 'error'        # error: really fails; warning: may fail, or fails when called; note: explains
"""

_BREAKAGE = """\
together = ['']           # what must not hold together, first what breaks: 'peft==0.18.0', 'transformers<4.52'
# marker = "sys_platform == 'linux'"   # PEP 508: where it holds
# symbol = 'package.module.name'       # what is missing
# where = 'package/file.py:26'         # where it shows
contract = false          # true: the static import contracts find it by themselves

[[fix]]
install = ['']            # exact pins; also reinstall = ['name'], remove = ['name']
safety = 'safe'           # safe (you ran it), unsafe, or manual (shown only)
because = ''
"""

_STACK = """\
detect = ['']             # requirements that all hold where the stack is; detect_any: at least one of them
python = '==3.11.*'
# marker = "sys_platform == 'linux'"
pins = ['']               # requirements that must hold
entries = ['']            # modules and script:NAME that its users run
# provided = ['torch==2.4.0']          # what host or container brings
# asks = ['']             # what the vendor's own instructions install, without our cures (for drift and recheck)

# [[accepts]]             # a failure of the vendor's own that is no finding
# module = 'package.internal.*'
# symbol = ''
# reason = ''
"""

_NATIVE = """\
when = ''                 # the requirement under which it holds: 'protobuf>=4.21'
module = ''               # the compiled module, dotted

[[raises]]                # what in it always raises; also names = [...], closed = true, needs = [...]
callable = ''             # dotted, from the module's name on
exception = 'TypeError'
message = ''
"""

_LOG = """\
pattern = ''              # regex, searched in each line of the log
category = ''             # missing_module, cluster, wait, stall, data, service, auth, ...
advice = ['']             # lines for the user
"""

_EVIDENCE = """
[[evidence]]
on = {today}
how = 'run'               # run (you executed it), read (you read it in a source), report (somebody said so)
claim = '''
'''                       # what you ran, with versions, and what it printed
source = ''

"""

_PIN_EXAMPLES = """\
[[example]]
found = true
installed = ['']          # exact pins

[[example]]
found = false
installed = ['']
"""

_LOG_EXAMPLES = """\
[[example]]
found = true
text = '''
'''

[[example]]
found = false
text = '''
'''
"""

_BODIES = {
    "breakage": _SEVERITY + _WORDS + _BREAKAGE,
    "stack": _WORDS + _STACK,
    "native": _WORDS + _NATIVE,
    "log": _SEVERITY + _WORDS + _LOG,
}


def template(kind: str, rule_id: str, path: str, today: str) -> str:
    """The text of a new rule file of a kind (a key of ``sources.FOLDERS``); ``today`` is an ISO date."""
    examples = _LOG_EXAMPLES if kind == "log" else _PIN_EXAMPLES
    head = _HEAD.format(path=path, id=rule_id, kind=kind)
    return head + _BODIES[kind] + _EVIDENCE.format(today=today) + examples
