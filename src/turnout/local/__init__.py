"""What `turnout up` starts on this machine, watches, and stops again.

Law: this room knows processes, ports and files of the home, and nothing of deployments. It starts the other
parts as programs and never imports them, so that the one process that must not die stays small.
"""
