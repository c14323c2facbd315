"""Where the policy of keys is written, beside what the golden plans show."""

from __future__ import annotations

from typing import Any

from turnout.domain.views import GuardView, KeyView, ProjectView, RouteView
from turnout.gateway import policies, protos
from turnout.gateway.policies import keys


def view(*known: KeyView) -> ProjectView:
    """Two domains that ask for keys of two keyspaces."""
    return ProjectView(
        project_id="prj_1",
        routes=tuple(
            RouteView(fqdn=f"{n}.example", deployment_id="dep_1", guard=GuardView(key_auth_id=f"ks_{n}"))
            for n in (1, 2)
        ),
        targets=(),
        keys=known,
    )


def planned(of: ProjectView) -> Any:
    """A route configuration with a redirect, an answer of the gateway and the way to the app in each domain."""
    made = protos.RouteConfiguration()
    for route in of.routes:
        host = made.virtual_hosts.add(name=route.fqdn)
        host.routes.add().redirect.https_redirect = True
        host.routes.add().direct_response.status = 200
        host.routes.add().route.cluster = route.deployment_id
    keys.guard_project(made, of)
    return made


def policies_of(made: Any) -> list[list[dict[str, str]]]:
    """By domain and route, what the script will read."""
    return [[dict(route.metadata.filter_metadata["keys"]) for route in host.routes] for host in made.virtual_hosts]


def test_what_the_gateway_answers_by_itself_needs_no_key() -> None:
    """A redirect must not ask for a key over plain HTTP; whatever leads to an app needs one."""
    for redirect, answer, way in policies_of(planned(view())):
        assert redirect == answer == {}
        assert way.keys() == {"keyspace", "version"}


def test_a_version_names_the_keys_of_its_own_keyspace() -> None:
    """A change in one keyspace has no thread read the other again; and equal keys are equal versions everywhere."""
    one, two = (KeyView(id=f"key_{n}", keyspace_id=f"ks_{n}", sha256=str(n) * 64) for n in (1, 2))

    def versions(*known: KeyView) -> list[str]:
        return [routes[-1]["version"] for routes in policies_of(planned(view(*known)))]

    before, after = versions(one, two), versions(one)
    assert before[0] == after[0]
    assert before[1] != after[1]
    assert versions(one, two) == before


def test_a_project_without_keyspaces_has_nothing_of_it() -> None:
    """Not even an empty configuration."""
    open_view = ProjectView(project_id="p", routes=(RouteView(fqdn="1.example", deployment_id="d"),), targets=())
    made = protos.RouteConfiguration()
    keys.guard_project(made, open_view)
    assert made == protos.RouteConfiguration()


def test_no_filter_of_a_policy_has_the_route_chosen_again() -> None:
    """A request would be checked by one version's policy and served by another."""
    scripts = [each for each in policies.filters() if each["name"] == "keys"]
    scripts += [
        each["typed_config"]["extension_config"] for each in policies.filters() if "xds_matcher" in each["typed_config"]
    ]
    assert len(scripts) == 2
    assert all(each["typed_config"]["clear_route_cache"] is False for each in scripts)
