"""The known-good sets on real wheels: a real R_2.6.0 environment from its lock, and every set proven without one.

    python -m tests.real.known_good create FOLDER --modelzoo CHECKOUT [--find-links DIR] [--library-path DIRS]
    python -m tests.real.known_good prove [--checkouts DIR] [--only ID]

``create`` runs ``acdoctor create cerebras-r2.6.0 FOLDER/venv --without-cuda``, then ``acdoctor check``, ``cszoo --help``
and ``cszoo config validate`` in it. torch of the index loads its CUDA libraries when it is imported: where there are
none, name folders with (empty) ones in ``--library-path``. ``bigcode_eval`` and ``lm-dataformat`` come from their URLs, or
from ``--find-links``.

``prove`` follows the imports of every set in the wheels of the index; ``DIR/<release>`` are checkouts of the Model Zoo.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path

from doctor.rulebook.known_good import lock_folder
from doctor.rulebook.load import load_rulebook
from doctor.system import Completed, run

CONFIGURATION = """\
trainer:
  init:
    backend: {{backend_type: CPU}}
    model_dir: {folder}/model_dir
    seed: 1
    model: {{name: llama, vocab_size: 256, hidden_size: 64, num_hidden_layers: 2, num_heads: 4, filter_size: 128,
      max_position_embeddings: 64, position_embedding_type: rotary, rotary_dim: 16, share_embedding_weights: false,
      norm_type: rmsnorm, nonlinearity: swiglu, attention_type: scaled_dot_product, dropout_rate: 0.0,
      embedding_dropout_rate: 0.0, attention_dropout_rate: 0.0, use_bias_in_output: false, use_ffn_bias: false,
      use_projection_bias_in_attention: false, use_ffn_bias_in_attention: false, loss_scaling: num_tokens, loss_weight: 1.0}}
    optimizer: {{AdamW: {{learning_rate: 0.01, betas: [0.9, 0.95], eps: 1.0e-5, weight_decay: 0.1, correct_bias: true}}}}
    precision: {{enabled: false}}
    loop: {{max_steps: 30}}
    checkpoint: {{steps: 30}}
    logging: {{log_steps: 5}}
  fit:
    train_dataloader: {{data_processor: GptHDF5MapDataProcessor, data_dir: {folder}/data, shuffle: false, batch_size: 4,
      num_workers: 0}}
"""


def last(done: Completed) -> str:
    """The last line that a command said."""
    lines = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else done.failure


def timed(title: str, command: list[str], **how: object) -> Completed:
    """Run and say how it ended."""
    began = time.monotonic()
    done = run(command, timeout=3600, **how)
    print(f"{title}: exit {done.code}, {time.monotonic() - began:.0f} s: {last(done)}", flush=True)
    return done


def create(options: argparse.Namespace) -> int:
    """Make it, check it, run it."""
    folder = options.folder.absolute()
    (folder / "data").mkdir(parents=True, exist_ok=True)
    venv, config = folder / "venv", folder / "smoke.yaml"
    config.write_text(CONFIGURATION.format(folder=folder))
    doctor = [sys.executable, "-m", "doctor"]
    links = [word for place in options.find_links for word in ("--find-links", place)]
    wish = ["--without-cuda", "--modelzoo", str(options.modelzoo.absolute()), *links]
    made = timed("create", [*doctor, "create", "cerebras-r2.6.0", str(venv), *wish])
    path = f"{venv}/bin{os.pathsep}{os.environ['PATH']}"
    there = {**os.environ, "PATH": path, "LD_LIBRARY_PATH": options.library_path, "HOME": str(folder)}
    steps = [
        made,
        timed("check", [*doctor, "check", str(venv)]),
        timed("cszoo --help", [str(venv / "bin" / "cszoo"), "--help"], env=there),
        timed("cszoo config validate", [str(venv / "bin" / "cszoo"), "config", "validate", str(config)], env=there),
    ]
    return int(not all(step.ok for step in steps))


def prove(options: argparse.Namespace) -> int:
    """Every set that there is."""
    wrong = 0
    for stack in load_rulebook((), ("stack",)).stacks:
        if not (lock_folder(stack) / "pylock.toml").exists() or (options.only and stack.id not in options.only):
            continue
        release = re.sub(r"^cerebras-r([\d.]+).*", r"\1", stack.id)
        checkout = options.checkouts / release if options.checkouts and stack.checkouts else None
        words = ["--checkout", str(checkout)] if checkout else []
        wrong += not timed(stack.id, [sys.executable, "-m", "doctor", "lock", stack.id, "--prove", *words]).ok
    return int(bool(wrong))


def main() -> int:
    """Parse, do, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    making = commands.add_parser("create")
    making.add_argument("folder", type=Path)
    making.add_argument("--modelzoo", type=Path, required=True)
    making.add_argument("--find-links", action="append", default=[])
    making.add_argument("--library-path", default="")
    making.set_defaults(work=create)
    proving = commands.add_parser("prove")
    proving.add_argument("--checkouts", type=Path)
    proving.add_argument("--only", action="append", default=[])
    proving.set_defaults(work=prove)
    options = parser.parse_args()
    return options.work(options)


if __name__ == "__main__":
    sys.exit(main())
