"""The upper rungs of the gpt-oss ladder: which model, does it run, and does it answer?"""

from __future__ import annotations

from collections.abc import Iterator

from doctor.smoke.gpt_oss_climb import Climb, asked, failed, rung
from doctor.smoke.gpt_oss_models import Catalogue, Choice, choose_model, read_jobs, read_list_endpoints, read_models
from doctor.smoke.judging import explain_empty
from doctor.smoke.ladder import Rung, Verdict
from doctor.smoke.service import Exchange, Question, Reply
from doctor.smoke.services import Service

QUESTION = "What is 17 + 25? Answer with the number only."
_ANSWER = "42"


def model_rung(climb: Climb) -> Rung:
    """The name of the model; sets which one the later rungs ask."""
    service, wanted = climb.wish.service, climb.wish.model
    reply, catalogue = _catalogue(climb)
    if reply.failure and reply.failure.category in ("auth", "rate_limit", "network"):
        return failed("model", reply.failure)
    if catalogue is None or not catalogue.models:
        return _unlisted(climb, reply)
    choice = choose_model(service, wanted, catalogue)
    climb.model = choice.model
    measured: dict[str, object] = {"models": list(catalogue.models), "chosen": choice.model, "meant": choice.meant}
    if not choice.model:
        return _no_model(choice, catalogue, measured)
    verdict = Verdict.WARNED if choice.guessed else Verdict.PASSED
    return rung("model", verdict, choice.sentence, next_steps=choice.cures, measured=measured)


def _catalogue(climb: Climb) -> tuple[Reply, Catalogue | None]:
    """What the service lists, by its own route."""
    client, service = asked(climb), climb.wish.service
    if service.root:
        reply = client.get("/list-endpoints")
        return reply, read_list_endpoints(reply.data, service.cluster)
    reply = client.get("/models", base=service.base)
    return reply, read_models(reply.data)


def _unlisted(climb: Climb, reply: Reply) -> Rung:
    """No list to choose from: the name of the user, else the usual one, else none."""
    service = climb.wish.service
    climb.model = climb.wish.model or next(iter(service.models), "")
    why = reply.failure.sentence if reply.failure else "the service lists no models"
    if climb.model:
        return rung("model", Verdict.WARNED, f"{climb.model} is asked unseen: {why}", measured={"chosen": climb.model})
    return rung("model", Verdict.FAILED, f"{why}; a name is needed", next_steps=("--model NAME",), category="service")


def _no_model(choice: Choice, catalogue: Catalogue, measured: dict[str, object]) -> Rung:
    listed = f"listed: {', '.join(catalogue.models)}"
    return rung(
        "model",
        Verdict.FAILED,
        choice.sentence,
        details=(listed,),
        next_steps=choice.cures,
        category="service",
        rule="service-endpoint",
        measured=measured,
    )


def running_rung(climb: Climb) -> Rung:
    """Whether the model runs now."""
    service = climb.wish.service
    reply = asked(climb).get(f"/{service.cluster}/jobs")
    jobs = read_jobs(reply.data)
    if reply.failure and reply.failure.category in ("auth", "rate_limit", "network"):
        return failed("running", reply.failure)
    if jobs is None:
        return rung("running", Verdict.WARNED, "what runs now is not known: the service did not say")
    measured = {"running": list(jobs.running), "queued": list(jobs.queued)}
    if climb.model in jobs.running:
        return rung("running", Verdict.PASSED, f"{climb.model} is running", measured=measured)
    state = "queued for a machine" if climb.model in jobs.queued else "not running now"
    first = "the first question starts it and may take 10-15 minutes" if service.stream_batched else "it may answer 503"
    steps = (f"running now: {', '.join(jobs.running) or 'nothing'}",)
    return rung("running", Verdict.WARNED, f"{climb.model} is {state}: {first}", next_steps=steps, measured=measured)


def answer_rung(climb: Climb) -> Rung:
    """A short question, answered in one piece."""
    return _asked_for(climb, "answer", stream=False)


def stream_rung(climb: Climb) -> Rung:
    """The same, streamed."""
    return _asked_for(climb, "stream", stream=True)


def _asked_for(climb: Climb, name: str, *, stream: bool) -> Rung:
    """Ask the short question in one of the two ways and judge what comes."""
    question = Question(text=QUESTION, max_tokens=climb.wish.max_tokens, temperature=0.0)
    exchange = asked(climb).ask(question, model=climb.model, stream=stream)
    measured = _numbers(exchange)
    if exchange.failure:
        return failed(name, exchange.failure, measured=measured)
    details = tuple(_lines(exchange, climb.wish.service))
    empty = explain_empty(exchange.text, exchange.finish)
    if empty:
        sentence, cures = empty
        return rung(
            name, Verdict.WARNED, sentence, details=details, next_steps=cures, category="answer", measured=measured
        )
    return rung(name, Verdict.PASSED, _said(exchange), details=details, measured=measured)


def _said(exchange: Exchange) -> str:
    right = "right" if _ANSWER in exchange.text else "not the answer to the question, but an answer"
    text = " ".join(exchange.text.split())
    return f'"{text if len(text) <= 40 else text[:37] + "..."}" in {exchange.seconds:.2f} s ({right})'  # noqa: PLR2004


def _lines(exchange: Exchange, service: Service) -> Iterator[str]:
    """What was measured, in lines."""
    usage, speed = exchange.usage, exchange.tokens_per_second
    if usage.completion is not None:
        rate = f", {speed:.1f} tokens/s end to end" if speed else ""
        yield f"{usage.completion} tokens, reasoning included, after {usage.prompt or 0} of the question{rate}"
    if exchange.first_token_at is not None:
        first = f"first token after {exchange.first_token_at:.2f} s"
        answer = f", first of the answer after {exchange.first_answer_at:.2f} s" if exchange.first_answer_at else ""
        bundled = " (its stream comes in bundles: not comparable)" if service.stream_batched else ""
        yield f"{first}{answer}{bundled}"
    told = ", ".join(f"{name} {value:.4g}" for name, value in sorted(exchange.server.items()))
    if told:
        yield f"measured by the service: {told}"


def _numbers(exchange: Exchange) -> dict[str, object]:
    usage = exchange.usage
    return {
        "status": exchange.status,
        "seconds": exchange.seconds,
        "first_token_at": exchange.first_token_at,
        "first_answer_at": exchange.first_answer_at,
        "finish": exchange.finish,
        "answered": exchange.answered,
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "server": dict(exchange.server),
        "failure": exchange.failure.rule if exchange.failure else None,
        "failure_kind": exchange.failure.kind if exchange.failure else None,
    }
