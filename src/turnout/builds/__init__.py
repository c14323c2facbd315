"""Source in, image out: a release folder for processes, a Docker image for Docker.

Law: whatever comes from outside (archives, file names, build output) is hostile until it has been checked
here. A build runs in a process of its own that outlives whoever asked for it; nobody waits inside a call,
they start and look again. Nothing here knows the store, the API or a workflow.
"""
