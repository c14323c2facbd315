"""Files of an app that are none: `turnout.toml` and `Procfile`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_RUN: Final = '[run]\ncommand = "serve"\n'

MANIFESTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "no TOML": "<xml/>",
        "a half": "[run",
        "NUL": "[run]\ncommand = 'a\0b'\n",
        "NUL by escape": '[run]\ncommand = "a\\u0000b"\n',
        "an escape sequence": '[run]\ncommand = "\x1b[2J"\n',
        "half a surrogate pair": '[run]\ncommand = "\\ud800"\n',
        "a character beyond Unicode": '[run]\ncommand = "\\UFFFFFFFF"\n',
        "the same twice": f"{_RUN}[run]\ncommand = 'other'\n",
        "a table that is a value": "run = 1\n",
        "a list of tables": "[[run]]\ncommand = 'a'\n",
        "an unknown table": f"{_RUN}[hooks]\npre = 'reboot'\n",
        "an unknown setting": f"{_RUN}privileged = true\n",
        "a setting of somebody else": f"{_RUN}volumes = ['/:/host']\n",
        "a prototype": f"{_RUN}[__proto__]\na = 1\n",
        "nested lists": "x = " + "[" * 10_000 + "]" * 10_000,
        "nested tables": "[" + ".".join("a" * 3_000) + "]\n",
        "a number of 10,000 digits": "[resources]\nreplicas = " + "9" * 10_000 + "\n",
        "not a number": "[resources]\nreplicas = nan\n",
        "infinity": "[health]\ntimeout = inf\n",
        "a negative number": "[resources]\nmemory_mib = -1\n",
        "true for a number": "[resources]\nreplicas = true\n",
        "a text for a number": '[resources]\nreplicas = "1"\n',
        "a date for a number": "[resources]\nreplicas = 1979-05-27\n",
        "a list for a command": "[run]\ncommand = ['sh', '-c', 'reboot']\n",
        "a pipe in a command": "[run]\ncommand = 'serve | tee /etc/passwd'\n",
        "and in a command": "[run]\ncommand = 'serve && reboot'\n",
        "quotes that do not end": "[run]\ncommand = 'serve \"a'\n",
        "a command of spaces": "[run]\ncommand = '   '\n",
        "a command of 300 words": "[run]\ncommand = '" + "a " * 300 + "'\n",
        "a word of 5,000 characters": "[run]\ncommand = '" + "a" * 5_000 + "'\n",
        "a release command that is none": "[release]\ncommand = 7\n",
        "a name with shell in it": "[project]\nname = '$(reboot)'\n",
        "a name that leads out": "[project]\nname = '../x'\n",
        "a name of other letters": "[project]\nname = 'аdmin'\n",
        "a Dockerfile outside": f"{_RUN}[build]\ndockerfile = '../../etc/passwd'\n",
        "an absolute Dockerfile": f"{_RUN}[build]\ndockerfile = '/etc/passwd'\n",
        "a Dockerfile that is an option": f"{_RUN}[build]\ndockerfile = '--privileged'\n",
        "a stage that is an option": f"{_RUN}[build]\ntarget = '--output=/etc'\n",
        "a base that is an address": f"{_RUN}[build]\nbase = 'http://evil/image'\n",
        "a base of two lines": f'{_RUN}[build]\nbase = "a\\nRUN reboot"\n',
        "a build argument that is an option": f"{_RUN}[build.args]\n'--secret' = 'x'\n",
        "a build argument of two lines": f'{_RUN}[build.args]\n"A\\nRUN reboot" = "x"\n',
        "too many build arguments": _RUN + "[build.args]\n" + "".join(f"A{n} = ''\n" for n in range(100)),
        "a secret that is a path": f"{_RUN}[build]\nsecrets = ['../id_rsa']\n",
        "a secret of ours": f"{_RUN}[build]\nsecrets = ['TURNOUT_TOKEN']\n",
        "a backend that is none": f"{_RUN}[build]\nbackend = 'host'\n",
        "a keyspace that is none": f"{_RUN}[auth]\nkeyspace = '*'\n",
        "a keyspace of nobody": f"{_RUN}[auth]\nkeyspace = ''\n",
        "a gate that is none": f"{_RUN}[openapi]\nbreaking = 'ignore'\n",
        "a path to skip that is none": f"{_RUN}[openapi]\nskip = ['../admin']\n",
    }
)

PROCFILES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "nothing": "",
        "no web": "worker: work\n",
        "no command": "web:\n",
        "a pipe": "web: serve | sh\n",
        "NUL": "web: a\0b\n",
        "quotes that do not end": "web: serve 'a\n",
        "overlong": "web: " + "a" * 5_000 + "\n",
    }
)
