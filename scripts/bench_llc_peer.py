"""The other libraries' side of bench_llc.py; run by it, in an environment that has them.

    /path/to/python scripts/bench_llc_peer.py '{"contestant": "devinterp", …}'

The task names the contestant, the widths and rank of a deep linear network at w* = padded
identities, and the settings. The answer is one line of JSON: processor seconds, gradients, and
nβ (K - K*) along the chains where the contestant gives them. Nothing of pfmap is imported.
"""

from __future__ import annotations

import itertools
import json
import math
import sys
import time
import warnings
from typing import Any

Task = dict[str, Any]


def _torch_model(task: Task) -> tuple[Any, Any, Any]:
    """The network, and the inputs sqrt(H0) e_p with the true outputs as one batch."""
    import torch

    torch.set_num_threads(1)
    widths, rank = task["widths"], task["rank"]
    layers = [torch.nn.Linear(a, b, bias=False) for a, b in itertools.pairwise(widths)]
    with torch.no_grad():
        for layer in layers:
            layer.weight.zero_()
            layer.weight[:rank, :rank] = torch.eye(rank)
    model = torch.nn.Sequential(*layers)
    inputs = math.sqrt(widths[0]) * torch.eye(widths[0])
    return model, inputs, model(inputs).detach()


def _loss(model: Any, data: Any) -> Any:
    """K = 1/(2P) Σ (output - target)², as pfmap has it."""
    inputs, targets = data
    return 0.5 * ((model(inputs) - targets) ** 2).sum(1).mean()


def devinterp(task: Task) -> Task:
    """The library's own estimator with its data loader: one batch that holds everything."""
    import torch
    from devinterp.optim.sgld import SGLD
    from devinterp.slt.sampler import estimate_learning_coeff_with_summary

    model, inputs, targets = _torch_model(task)
    data = torch.utils.data.TensorDataset(inputs, targets)
    loader = torch.utils.data.DataLoader(data, batch_size=len(inputs))
    start = time.process_time()
    found = estimate_learning_coeff_with_summary(
        model,
        loader,
        evaluate=lambda model, data: (_loss(model, data),),
        sampling_method=SGLD,
        optimizer_kwargs={
            "lr": task["step_size"],
            "localization": task["gamma"],
            "nbeta": task["n_beta"],
        },
        num_chains=task["chains"],
        num_draws=task["steps"],
        num_burnin_steps=0,
        # K(w*) is 0, which the library takes for "not given".
        init_loss=torch.tensor(1e-30),
        seed=task["seed"],
        verbose=False,
    )
    seconds = time.process_time() - start
    return _answer(task, seconds, found["loss/trace"])


def torch_loop(task: Task) -> Task:
    """The library's optimiser in a plain loop on the full batch: no loader, no callbacks."""
    import torch
    from devinterp.optim.sgld import SGLD
    from devinterp.optim.sgmcmc import SGMCMC

    torch.manual_seed(task["seed"])
    losses = []
    settings = {"lr": task["step_size"], "localization": task["gamma"], "nbeta": task["n_beta"]}
    start = time.process_time()
    for _ in range(task["chains"]):
        model, *data = _torch_model(task)
        if task["preconditioner"] == "rmsprop":
            optimizer: Any = SGMCMC.rmsprop_sgld(model.parameters(), **settings)
        else:
            optimizer = SGLD(model.parameters(), **settings)
        chain = torch.empty(task["steps"])
        for step in range(task["steps"]):
            optimizer.zero_grad()
            loss = _loss(model, data)
            loss.backward()
            chain[step] = loss.detach()
            optimizer.step()
        losses.append(chain.tolist())
    return _answer(task, time.process_time() - start, losses)


def _answer(task: Task, seconds: float, losses: Any) -> Task:
    trace = [[task["n_beta"] * float(loss) for loss in chain] for chain in losses]
    return {"seconds": seconds, "gradients": task["chains"] * task["steps"], "trace": trace}


def blackjax(task: Task) -> Task:
    """HMC with ten leapfrog steps, all chains in one batch and in compiled code."""
    import blackjax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", task["precision"] == "float64")
    widths, rank = task["widths"], task["rank"]
    shapes = [(b, a) for a, b in itertools.pairwise(widths)]
    truth = jnp.zeros((widths[-1], widths[0])).at[:rank, :rank].set(jnp.eye(rank))
    center = [jnp.zeros(shape).at[:rank, :rank].set(jnp.eye(rank)) for shape in shapes]

    def log_density(weights: Any) -> Any:
        product = jnp.eye(widths[0])
        for matrix in weights:
            product = matrix @ product
        distance = sum(((w - c) ** 2).sum() for w, c in zip(weights, center, strict=True))
        loss = 0.5 * ((product - truth) ** 2).sum()
        return -task["n_beta"] * loss - 0.5 * task["gamma"] * distance

    size = sum(a * b for a, b in shapes)
    kernel = blackjax.hmc(log_density, task["step_size"], jnp.ones(size), 10)
    stack = [jnp.broadcast_to(c, (task["chains"], *c.shape)) for c in center]

    @jax.jit
    def run(states: Any, key: Any) -> Any:
        def step(states: Any, key: Any) -> Any:
            return jax.vmap(kernel.step)(jax.random.split(key, task["chains"]), states)[0], None

        return jax.lax.scan(step, states, jax.random.split(key, task["steps"]))[0]

    states = jax.vmap(kernel.init)(stack)
    key = jax.random.key(task["seed"])
    jax.block_until_ready(run(states, key))  # compiles
    start = time.process_time()
    jax.block_until_ready(run(states, key))
    seconds = time.process_time() - start
    return {"seconds": seconds, "gradients": 10 * task["chains"] * task["steps"], "trace": []}


def main() -> None:
    """Do the task given as JSON on the command line."""
    warnings.simplefilter("ignore")
    task = json.loads(sys.argv[1])
    contestants = {"devinterp": devinterp, "torch_loop": torch_loop, "blackjax": blackjax}
    contestant = contestants[task["contestant"]]
    contestant({**task, "chains": 2, "steps": 5})  # first imports are not timed
    print(json.dumps(contestant(task)))


if __name__ == "__main__":
    main()
