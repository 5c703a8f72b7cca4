"""What ``acdoctor smoke llama-7b`` runs: the tiny model for the CPU, the canned 7B run, limits, names of rungs.

The numbers of the tiny model were run with release 2.6.0: the loss falls to a twentieth (3.99 to 0.20) in 30 steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAME, STACK = "llama-7b", "cerebras-r2.6.0"
IMPORTS, CONFIG, TRAINING, COMPILE, APPLIANCE = "imports", "config", "training", "compile", "appliance"
LOCAL = (IMPORTS, CONFIG, TRAINING, COMPILE)
RUNGS = (*LOCAL, APPLIANCE)
TITLES = {
    IMPORTS: "imports",
    CONFIG: "configuration",
    TRAINING: "CPU training",
    COMPILE: "7B compile",
    APPLIANCE: "7B on the system",
}
DOING = {
    IMPORTS: "really imports what users of the stack import, each entry to its end",
    CONFIG: "cszoo config validate of the shipped 7B configuration, its data replaced by data made on the spot",
    TRAINING: "cszoo fit of a tiny Llama on the CPU, on data made on the spot: losses must be finite and fall",
    COMPILE: "cszoo fit --validate_only of the 7B configuration for CSX; no system is needed",
    APPLIANCE: "cszoo fit of the 7B configuration for a few steps on the real system, followed live",
}

LAUNCHER, LOWERING = "cszoo", "torch-cirh-opt"
CLIENT, MODELZOO = "cerebras-pytorch", "cerebras-modelzoo"
SHIPPED = "cerebras/modelzoo/models/nlp/llama/configs/params_llama2_7b.yaml"
CLUSTER_VARIABLE, CLUSTER_FILE = "CSCONFIG_PATH", "/opt/cerebras/config_v2"
ENTRIES = (
    f"script:{LAUNCHER}",
    "cerebras.modelzoo.trainer.extensions",
    "cerebras.pytorch",
    "cerebras.appliance.cluster.client",
)
"""Imported where the environment is of no stack that the rules know."""

TINY_BATCH, TINY_LENGTH, TINY_VOCABULARY, TINY_STEPS, TINY_LOG_STEPS = 4, 64, 256, 30, 5
TINY_SAMPLES = 64
FALLEN = 0.5
"""The tiny model learns its data by heart: a last loss above this part of the first is no learning."""

LARGE_BATCH, LARGE_LENGTH, LARGE_VOCABULARY, LARGE_STEPS = 1024, 4096, 32000, 5

DEFAULT_SECONDS: Mapping[str, float] = {IMPORTS: 900, CONFIG: 900, TRAINING: 1800, COMPILE: 3600, APPLIANCE: 6 * 3600}
"""Wall time; a cold shared file system takes many minutes for imports alone, a queue takes hours."""
DEFAULT_MEMORY_GB = 16.0
GRACE_SECONDS: Mapping[str, float] = {APPLIANCE: 60.0}
"""On the system a run that is asked to end takes its job out of the queue first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for.

    ``rungs``: those to climb, in their order. ``params``: own 7B configuration ('' for the shipped one);
    ``cpu_config``: own configuration for the CPU. Own configurations keep their own data. ``steps`` 0: the recipe's
    (own configurations keep theirs on the CPU). ``seconds`` 0: the defaults. ``memory_gb`` 0: no limit. ``arguments``
    are handed to ``cszoo fit`` on the system. ``untouched``: byte code is not written into the environment.
    """

    rungs: tuple[str, ...] = LOCAL
    params: str = ""
    cpu_config: str = ""
    batch_sizes: tuple[int, ...] = ()
    steps: int = 0
    seconds: float = 0.0
    memory_gb: float = DEFAULT_MEMORY_GB
    keep: bool = False
    arguments: tuple[str, ...] = ()
    untouched: bool = False


def tiny_config() -> dict[str, Any]:
    """The configuration of the CPU's training, without its data."""
    off = (
        "share_embedding_weights",
        "use_bias_in_output",
        "use_ffn_bias",
        "use_projection_bias_in_attention",
        "use_ffn_bias_in_attention",
    )
    model = {
        "name": "llama",
        "vocab_size": TINY_VOCABULARY,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_heads": 4,
        "filter_size": 128,
        "max_position_embeddings": TINY_LENGTH,
        "position_embedding_type": "rotary",
        "rotary_dim": 16,
        "norm_type": "rmsnorm",
        "nonlinearity": "swiglu",
        "attention_type": "scaled_dot_product",
        "dropout_rate": 0.0,
        "embedding_dropout_rate": 0.0,
        "attention_dropout_rate": 0.0,
        "loss_scaling": "num_tokens",
        "loss_weight": 1.0,
        **dict.fromkeys(off, False),
    }
    adamw = {"learning_rate": 0.003, "betas": [0.9, 0.95], "eps": 1.0e-5, "weight_decay": 0.1, "correct_bias": True}
    init = {
        "backend": {"backend_type": "CPU"},
        "model_dir": "model_dir",
        "seed": 1,
        "model": model,
        "optimizer": {"AdamW": adamw},
        "precision": {"enabled": False},
        "loop": {"max_steps": TINY_STEPS},
        "checkpoint": {"steps": TINY_STEPS},
        "logging": {"log_steps": TINY_LOG_STEPS},
    }
    loader = {
        "data_processor": "GptHDF5MapDataProcessor",
        "data_dir": "data",
        "shuffle": False,
        "batch_size": TINY_BATCH,
        "num_workers": 0,
    }
    return {"trainer": {"init": init, "fit": {"train_dataloader": loader}}}
