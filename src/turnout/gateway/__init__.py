"""Moves live traffic: what the store says becomes what Envoy does.

Law: only this room knows Envoy, and it never decides where traffic goes. It reads whole projects from a
`GatewaySource`, turns each into Envoy resources (`planner`, pure), brings every connected Envoy to them in an
order that never lets a route name something that is not there yet (`conversation`, pure), and writes back
what each Envoy acknowledged or rejected, and nothing else. A change costs what it changes, not what exists.
Whatever else is away, the newest configuration that was ever read goes on being served (`snapshot`).
"""
