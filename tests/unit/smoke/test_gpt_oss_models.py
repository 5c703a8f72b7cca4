"""Names of models: what is listed, what was asked for, what was meant."""

from __future__ import annotations

import pytest
from servicegateway import served, two_services

from doctor.smoke.gpt_oss_models import Catalogue, choose_model, read_jobs, read_list_endpoints, read_models
from doctor.smoke.judging import Judge
from doctor.smoke.service_client import ServiceClient
from doctor.smoke.services import SERVICES, service_named

METIS, SOPHIA = SERVICES["metis"], SERVICES["sophia"]
AT_METIS = Catalogue(
    models=("gemma-4-31B-it", "gpt-oss-120b"), elsewhere={"sophia": ("openai/gpt-oss-120b", "openai/gpt-oss-20b")}
)
AT_SOPHIA = Catalogue(models=("openai/gpt-oss-120b", "openai/gpt-oss-20b"), elsewhere={"metis": ("gpt-oss-120b",)})


@pytest.mark.parametrize(
    ("service", "wanted", "catalogue", "model", "meant", "words"),
    [
        (METIS, "", AT_METIS, "gpt-oss-120b", "", "is on the list"),
        (SOPHIA, "", AT_SOPHIA, "openai/gpt-oss-120b", "", "is on the list"),
        (METIS, "gpt-oss-120b", AT_METIS, "gpt-oss-120b", "", "is on the list"),
        (METIS, "gpt-oss-131K", AT_METIS, "", "gpt-oss-120b", "was renamed"),
        (METIS, "gpt-oss-120b-131072", AT_METIS, "", "gpt-oss-120b", "was renamed"),
        (METIS, "openai/gpt-oss-120b", AT_METIS, "", "gpt-oss-120b", "is a name of Sophia"),
        (SOPHIA, "gpt-oss-120b", AT_SOPHIA, "", "openai/gpt-oss-120b", "is a name of Metis"),
        (METIS, "openai/gpt-oss-20b", AT_METIS, "", "gpt-oss-120b", "is a name of Sophia"),
        (METIS, "GPT-OSS-120B", AT_METIS, "", "gpt-oss-120b", "it lists gpt-oss-120b"),
        (METIS, "gtp-oss-120b", AT_METIS, "", "gpt-oss-120b", "it lists gpt-oss-120b"),
        (METIS, "claude", AT_METIS, "", "", "has no model claude"),
        (
            METIS,
            "",
            Catalogue(models=("gpt-oss-20b-x", "gpt-oss-240b"), elsewhere={}),
            "gpt-oss-240b",
            "",
            "new to the doctor",
        ),
        (METIS, "", Catalogue(models=("gemma",), elsewhere={}), "", "", "lists no gpt-oss"),
    ],
)
def test_a_name_is_found_or_its_meaning(service, wanted, catalogue, model, meant, words):
    choice = choose_model(service, wanted, catalogue)
    assert (choice.model, choice.meant) == (model, meant)
    assert words in choice.sentence
    assert choice.model or choice.cures


def test_the_lists_of_both_clusters_are_read():
    with served(two_services()) as gateway:
        client = ServiceClient(service_named(gateway.base("sophia")), "good-token", judge=Judge.load())
        listed = read_list_endpoints(client.get("/list-endpoints").data, "sophia")
        assert listed.models == ("openai/gpt-oss-120b", "openai/gpt-oss-20b")
        assert listed.elsewhere["metis"] == ("gemma-4-31B-it", "gpt-oss-120b")
        assert "/vllm/v1/chat/completions" in listed.routes
        jobs = read_jobs(client.get("/sophia/jobs").data)
        assert jobs.running == ("openai/gpt-oss-120b", "openai/gpt-oss-20b", "meta-llama/Llama-3.3-70B-Instruct")
        assert read_jobs(client.get("/metis/jobs").data).stopped == ("gemma-4-31B-it",)


def test_endpoints_of_november_2025_were_a_mapping():
    data = {
        "clusters": {
            "metis": {
                "base_url": "/x",
                "frameworks": {
                    "api": {"models": ["gpt-oss-131K"], "endpoints": {"chat": "/metis/api/v1/chat/completions/"}}
                },
            }
        }
    }
    assert read_list_endpoints(data, "metis").routes == ("/api/metis/api/v1/chat/completions",)


@pytest.mark.parametrize("data", [None, 5, [], {}, {"clusters": []}, {"data": 3}, {"running": "x"}, "html"])
def test_other_forms_are_none(data):
    assert read_list_endpoints(data, "metis") is None
    assert read_models(data) is None
    assert read_jobs(data) is None


@pytest.mark.parametrize(
    "hostile",
    [
        {"clusters": {"metis": 1}},
        {"clusters": {"metis": {"frameworks": [1]}}},
        {"clusters": {"metis": {"frameworks": {"api": {"models": [1, None], "endpoints": 7}}}}},
    ],
)
def test_hostile_lists_are_empty(hostile):
    assert read_list_endpoints(hostile, "metis").models == ()


def test_a_plain_server_lists_models():
    assert read_models({"object": "list", "data": [{"id": "b"}, {"id": "a"}, {"no": 1}, 7]}).models == ("a", "b")
