"""The agent that makes the instances of its region what the store says they should be.

Law: krane decides nothing about versions and traffic. It compares what is desired with what exists, acts on
the difference, and reports what it observes. Without a desired state it stops nothing; when it dies, its
instances go on, and the next krane takes them over. It talks to the server over HTTP only and listens
nowhere. Only this room and `builds` know what a process or a container engine is.
"""
