"""I1: history, pointer, routes, sentinel configs, Envoy and traffic name the same deployment, and it serves."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.world import World
from turnout.domain.records import PRODUCTION


def one_live(world: World) -> Iterator[str]:
    """Every disagreement as a sentence."""
    for of in (_live, _followed, _sealed_with, _served, _clusters, _gateways, _answered):
        yield from (f"I1: {sentence}" for sentence in of(world))


def _live(world: World) -> Iterator[str]:
    status = {row["id"]: row["status"] for row in world.tables["deployments"]}
    for project in world.tables["projects"]:
        live, history = project["live_deployment_id"], world.history(project["id"])
        last = history[-1]["to_deployment_id"] if history else None
        if live != last:
            yield f"{live} is live in {project['slug']}, but the last switch led to {last}"
        if live is not None and status[live] != "ready":
            yield f"{live} is live, but {status[live]}"
        if live is not None and not world.addresses(live):
            yield f"{live} is live, but no instance of it has traffic"


def _followed(world: World) -> Iterator[str]:
    """The live domains, and production's own, lead to what is live."""
    live = {row["id"]: row["live_deployment_id"] for row in world.tables["projects"]}
    production = {row["id"] for row in world.rows("environments", slug=PRODUCTION)}
    for route in world.tables["routes"]:
        follows = route["sticky"] == "live" or (
            route["sticky"] == "environment" and route["environment_id"] in production
        )
        if follows and route["deployment_id"] != live[route["project_id"]]:
            yield f"{route['fqdn']} leads to {route['deployment_id']}, but {live[route['project_id']]} is live"


def _sealed_with(world: World) -> Iterator[str]:
    routes = {row["fqdn"]: row["deployment_id"] for row in world.tables["routes"]}
    for config in world.tables["sentinel_configs"]:
        led = routes.get(config["fqdn"])
        if led != config["deployment_id"]:
            yield f"{config['fqdn']} leads to {led}, its sentinel config names {config['deployment_id']}"


def _served(world: World) -> Iterator[str]:
    """Envoy answers for the routes that there are, and for no others but those of challenges."""
    routes = {row["fqdn"]: row["deployment_id"] for row in world.tables["routes"]}
    challenged = {row["fqdn"]: "" for row in world.tables["challenges"]}
    wanted = challenged | routes
    for fqdn in sorted(wanted.keys() | world.envoy.leads.keys()):
        if (served := world.envoy.leads.get(fqdn)) != (led := wanted.get(fqdn)):
            yield f"{fqdn} leads to {led}, in Envoy to {served}"


def _clusters(world: World) -> Iterator[str]:
    routed = {row["deployment_id"]: world.addresses(row["deployment_id"]) for row in world.tables["routes"]}
    for deployment in sorted(routed.keys() | world.envoy.endpoints.keys()):
        there, served = routed.get(deployment), world.envoy.endpoints.get(deployment)
        if there is None:
            yield f"Envoy has a cluster {deployment}, to which no route leads"
        elif there != served:
            yield f"{deployment} is at {sorted(there)}, for Envoy at {served and sorted(served)}"


def _gateways(world: World) -> Iterator[str]:
    connected = [row for row in world.tables["gateways"] if row["connected"]]
    if not connected:
        yield "no gateway is connected"
    for gateway in connected:
        if gateway["acknowledged_generation"] < world.generation:
            yield f"{gateway['id']} is at {gateway['acknowledged_generation']}, the store at {world.generation}"
        if gateway["error"] is not None:
            yield f"{gateway['id']} refused a configuration: {gateway['error']}"
    yield from (f"Envoy did not take {each}" for each in world.envoy.refused)


def _answered(world: World) -> Iterator[str]:
    """A request to each domain went to the deployment of its route, and to an instance that there is."""
    for route in world.tables["routes"]:
        fqdn, deployment, seen = route["fqdn"], route["deployment_id"], world.answers.get(route["fqdn"])
        if seen is None:
            yield f"the access log does not tell of a request to {fqdn}"
            continue
        there = world.addresses(deployment)
        if seen.deployment != deployment:
            yield f"{fqdn} leads to {deployment}, and {seen.deployment} answered"
        elif there and (seen.status >= 500 or seen.instance not in {"-", *there}):
            yield f"{fqdn} answered {seen.status} from {seen.instance}; its instances are {sorted(there)}"
