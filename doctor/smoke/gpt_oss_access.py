"""The lower rungs of the gpt-oss ladder: may this user, on this machine, with these packages, ask the service?"""

from __future__ import annotations

import time

from doctor.errors import UsageError
from doctor.smoke.gpt_oss_climb import Climb, asked, failed, rung
from doctor.smoke.gpt_oss_network import traps, walk
from doctor.smoke.gpt_oss_packages import Packages, examine_clients, hiding_files
from doctor.smoke.ladder import Rung, Verdict
from doctor.smoke.service_client import ServiceClient
from doctor.smoke.service_network import RouteError
from doctor.smoke.tokens import find_login


def packages_rung(climb: Climb) -> Rung:
    """The packages of the environment that was named, and files that would hide them."""
    hiding = hiding_files(climb.wish.folder)
    packages = examine_clients(climb.wish.environment, climb.wish.rules) if climb.wish.environment else None
    climb.clients = tuple(pin.partition("==")[0] for pin in packages.present) if packages else ()
    if packages and packages.findings:
        return _broken_packages(packages)
    present = ", ".join(packages.present) if packages else "no environment was named"
    if hiding:
        return _hidden(hiding, present)
    if packages is None:
        steps: tuple[str, ...] = ("acdoctor smoke gpt-oss VENV   also checks the packages that your programs use",)
        return rung("packages", Verdict.SKIPPED, present, next_steps=steps)
    if not packages.present:
        steps = ("python -m pip install openai   in that environment",)
        return rung("packages", Verdict.WARNED, "no known client is installed there", next_steps=steps)
    if packages.crashed:
        steps = (f"acdoctor check -v {climb.wish.environment}",)
        sentence = "not all of it could be checked"
        return rung("packages", Verdict.WARNED, sentence, details=packages.crashed, next_steps=steps)
    return rung("packages", Verdict.PASSED, present, measured={"clients": list(packages.present), "errors": 0})


def _broken_packages(packages: Packages) -> Rung:
    """The findings of the check, each with its first cure: failed if one is an error, else they fail when called."""
    first = packages.findings[0]
    cures = [fix.command for finding in packages.findings for fix in finding.fixes[:1] if fix.command]
    details = (*first.details[:2], *(finding.message for finding in packages.findings[1:]))
    return rung(
        "packages",
        Verdict.FAILED if packages.errors else Verdict.WARNED,
        first.message,
        details=details[:8],
        next_steps=(*dict.fromkeys(cures), f"acdoctor check {packages.environment.path}   shows all of it"),
        category="packages",
        rule=first.rule,
        measured={"clients": list(packages.present), "errors": len(packages.errors)},
    )


def _hidden(files: tuple[str, ...], what: str) -> Rung:
    sentence = f"{', '.join(files)} in this directory would be imported instead of the module of that name"
    steps = tuple(f"mv {name} my_{name}" for name in files)
    return rung("packages", Verdict.WARNED, sentence, details=(what,), next_steps=steps, category="packages")


def token_rung(climb: Climb) -> Rung:
    """The token, by reading where it is kept."""
    login = climb.login = find_login(climb.wish.service, climb.wish.token, time.time(), climb.clients)
    verdicts = {"ready": Verdict.PASSED, "unneeded": Verdict.PASSED, "soon": Verdict.WARNED, "loose": Verdict.WARNED}
    verdict = verdicts.get(login.state, Verdict.FAILED)
    return rung(
        "token",
        verdict,
        login.sentence,
        details=login.details,
        next_steps=login.next_steps,
        category="" if verdict is Verdict.PASSED else "auth",
        rule=login.rule,
        measured={"state": login.state, "expires_at": login.expires_at},
    )


def network_rung(climb: Climb) -> Rung:
    """The way to the service; makes the client of all later rungs."""
    wish = climb.wish
    way = walk(wish.service.base, wish.limits.connect)
    told, steps = tuple(what for what, _ in traps(wish.service)), tuple(cure for _, cure in traps(wish.service))
    through = f"through the proxy {way.route.proxy}" if way.route.proxy else "without a proxy"
    measured = {"proxy": bool(way.route.proxy), "tls": way.protocol, **{f"{k}_s": v for k, v in way.times.items()}}
    lines = way.lines
    if not lines:
        token = climb.login.token if climb.login else ""
        try:
            climb.client = ServiceClient(wish.service, token, judge=climb.judge, limits=wish.limits)
        except RouteError as error:
            lines = (error.line,)
        except UsageError as error:
            steps = (f"write https://{wish.service.host}", *steps)
            sentence = str(error).rstrip(".")
            return rung("network", Verdict.FAILED, sentence, details=told, next_steps=steps, category="auth")
    if lines:
        details = (f"{wish.service.host} {through}", *told)
        return failed("network", climb.judge.unreachable(lines), details=details, more=steps, measured=measured)
    times = ", ".join(f"{step} {1000 * seconds:.0f} ms" for step, seconds in way.times.items())
    sentence = f"{wish.service.host} answers {through} ({times}{', ' + way.protocol if way.protocol else ''})"
    verdict = Verdict.WARNED if told else Verdict.PASSED
    return rung("network", verdict, sentence, details=told, next_steps=steps, measured=measured)


def health_rung(climb: Climb) -> Rung:
    """The gateway, and whether the cluster is up; asked without a token."""
    client, service = asked(climb), climb.wish.service
    reply = client.get("/health", token=False)
    if reply.failure:
        return failed("health", reply.failure)
    status = client.get("/status", token=False)
    up = status.data.get(service.cluster) if isinstance(status.data, dict) else None
    if up is False:
        steps = (f"wait, or use the other cluster; {service.root}/status says when it is back",)
        return rung(
            "health", Verdict.FAILED, f"{service.title} is down for maintenance", next_steps=steps, category="wait"
        )
    known = "" if up is None else f", {service.cluster} is up"
    return rung("health", Verdict.PASSED, f"the gateway is well{known}", measured={"seconds": reply.seconds})


def whoami_rung(climb: Climb) -> Rung:
    """Whether the service accepts the token, and as whom."""
    reply = asked(climb).get("/whoami")
    if reply.failure:
        return failed("whoami", reply.failure)
    person = reply.data if isinstance(reply.data, dict) else {}
    who = f"as {person['username']}" if person.get("username") else "with your token"
    through = f" ({person['idp_name']})" if person.get("idp_name") else ""
    return rung("whoami", Verdict.PASSED, f"logged in {who}{through}")
