"""Verification: pfmap against exact laws and published numbers, as a table with verdicts.

    python scripts/verification.py            every check (some minutes on two cores)
    python scripts/verification.py --quick    the subset that the tests run
    python scripts/verification.py --json     the table as JSON
    python scripts/verification.py --markdown docs/verification.md    write the page as well

Every check states a statistic and a limit from theory; every law comes with a negative control that
must break it. The exit code is 1 if any verdict is "fail".
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numba
import numpy as np
import pandas as pd
from verification_question import question_rows
from verification_row import Row

import pfmap
from pfmap import pipeline
from pfmap.complexity import FunctionBatch, measure
from pfmap.experiments import named_campaign
from pfmap.functions.keys import bits_from_words, words_from_keys
from pfmap.sampling import outputs_of_draws, plan_sampling, sample_blocks, sample_prior
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping
from pfmap.store import provenance, read_table

PUBLISHED_PK = Path(__file__).parents[1] / "results/reference/mingard2025_tanh_sigma1_pk.csv"
PUBLISHED_PK_DRAWS = 10**8
BAR = r"\|"
"""A bar within a cell of a table."""


def boolean_campaign(widths: tuple[int, ...], draws: int, **tables: dict) -> Campaign:
    """Campaign on a Boolean cube with the given tables."""
    network = {"widths": widths, **tables.pop("network", {})}
    return campaign_from_mapping({"draws": draws, "network": network, **tables})


def bits_of(counts: pd.DataFrame, n_points: int) -> np.ndarray:
    """Truth tables of the functions of a counts table."""
    words = words_from_keys(counts["function"].to_numpy(), n_points, exact=True)
    return bits_from_words(words, n_points)


def flat_chi_square(counts: pd.DataFrame, n_points: int) -> tuple[float, float]:
    """Chi-square of T against the flat law on 0 … 2^n - 1, and its 5-sigma limit."""
    ones = bits_of(counts, n_points).sum(axis=1)
    observed = np.bincount(ones, weights=counts["count"], minlength=n_points + 1)
    expected = observed.sum() / n_points
    # T = 2^n cannot happen without a bias (the zero input gives output 0, hence bit 0); with one
    # it does, and its draws count in full against the law.
    statistic = ((observed[:n_points] - expected) ** 2 / expected).sum() + observed[n_points]
    dof = n_points - 1
    return float(statistic), dof + 5 * math.sqrt(2 * dof)


def perceptron_rows(n: int, draws: int) -> Iterator[Row]:
    """Mingard et al. 2019 (arXiv 1909.11522): T is flat without a bias, and not with one."""
    for law in ("normal", "uniform"):
        prior = {"law": law, "weight_scale": "none"}
        for bias in (False, True):
            counts = sample_prior(
                boolean_campaign((n, 1), draws, network={"bias": bias}, prior=prior)
            )
            statistic, limit = flat_chi_square(counts, 2**n)
            name = f"perceptron n={n} {law}: T is flat" + (" (control: with bias)" if bias else "")
            yield Row(
                name, statistic, limit, bias, f"chi-square on {2**n - 1} dof, {draws:,} draws"
            )
    for bias in (False, True):
        campaign = boolean_campaign(
            (n, 1), draws, network={"bias": bias}, domain={"kind": "boolean", "encoding": "pm1"}
        )
        counts = sample_prior(campaign)
        others = counts[bits_of(counts, 2**n).sum(axis=1) != 2 ** (n - 1)]
        # Weights are float32, so now and then a sum of them is exactly 0, which is bit 0 at
        # x and at -x. Such ties are no exception to the law, which is about continuous weights.
        outputs = outputs_of_draws(plan_sampling(campaign), others["first_draw"].to_numpy()[:1000])
        tied = (outputs == 0.0).any(axis=1)
        name = f"perceptron n={n} on -1,1: T = 2^(n-1)" + (" (control: with bias)" if bias else "")
        detail = f"functions with another T and no tie; {int(tied.sum())} with a tie"
        yield Row(name, int((~tied).sum()), 0, bias, detail)


def constant_rows(name: str, published: float, published_se: float, draws: int) -> Iterator[Row]:
    """P of both constants of (7,40,40,1) against an independent count of 2e6 draws."""
    campaign = named_campaign(name).model_copy(update={"draws": draws})
    counts = sample_prior(campaign).set_index("function")["count"]
    zero, one = int(counts.get("0" * 32, 0)), int(counts.get("f" * 32, 0))
    for label, count in (("all 0", zero), ("all 1", one)):
        p = count / draws
        se = math.hypot(math.sqrt(published * (1 - published) / draws), published_se)
        yield Row(
            f"{name}: P({label})",
            abs(p - published) / se,
            5,
            False,
            f"{p:.5f} against {published:.5f}, in combined standard errors",
        )
    yield Row(
        f"{name}: all 0 against all 1",
        abs(zero - one) / math.sqrt(zero + one),
        5,
        False,
        f"{zero:,} and {one:,} draws, in standard errors",
    )
    wrong = 0.3639 if published < 0.2 else 0.1086
    p = zero / draws
    yield Row(
        f"{name}: P(all 0) (control: the other prior's value)",
        abs(p - wrong) / math.sqrt(wrong * (1 - wrong) / draws),
        5,
        True,
        f"{p:.5f} against {wrong:.5f}",
    )


@cache
def mingard2025_counts(draws: int) -> pd.DataFrame:
    """Functions of the (7, 64 × 10, 1) tanh network at sigma_w = 1."""
    return sample_prior(named_campaign("mingard2025").model_copy(update={"draws": draws}))


def mingard2025_rows(draws: int) -> Iterator[Row]:
    """P(K) against Mingard et al. 2025 (arXiv 2304.06670): the variant fits, LZ76 must not."""
    published = pd.read_csv(PUBLISHED_PK, comment="#").set_index("K")["probability"]
    counts = mingard2025_counts(draws)
    batch = FunctionBatch("boolean", np.zeros((128, 7)), bits=bits_of(counts, 128))
    values = measure(batch, ("lz_mingard2025", "lz"))
    expected = published[published * draws >= 10] * draws
    dof = len(expected) - 1
    for proxy, control in (("lz_mingard2025", False), ("lz", True)):
        observed = counts["count"].groupby(np.round(values[proxy], 3)).sum()
        observed = observed.reindex(expected.index, fill_value=0)
        variance = expected * (1 + draws / PUBLISHED_PK_DRAWS)
        statistic = float(((observed - expected) ** 2 / variance).sum())
        yield Row(
            f"mingard2025: P(K) by {proxy}" + (" (control: textbook LZ76)" if control else ""),
            statistic,
            dof + 5 * math.sqrt(2 * dof),
            control,
            f"chi-square on {len(expected)} bins, {draws:,} draws",
        )


def lz_rows() -> Iterator[Row]:
    """Values of C_LZ (Dingle, Camargo, Louis 2018) on strings of 128 bits."""
    strings = {
        "0 x 128": ("0" * 128, 7.0),
        "1 x 128": ("1" * 128, 7.0),
        "0101...": ("01" * 64, 21.0),
        "0011...": ("0011" * 32, 28.0),
        "0001...": ("0001" * 32, 24.5),
        "0 x 127, 1": ("0" * 127 + "1", 17.5),
        "0 x 64, 1 x 64": ("0" * 64 + "1" * 64, 21.0),
    }
    bits = np.array([[int(c) for c in text] for text, _ in strings.values()], dtype=np.uint8)
    values = measure(FunctionBatch("boolean", np.zeros((128, 7)), bits=bits), ("lz",))["lz"]
    for (name, (_, truth)), value in zip(strings.items(), values, strict=True):
        yield Row(f"lz of {name}", abs(value - truth), 0, False, f"{value} against {truth}")
    n_strings = 10_000
    uniform = np.random.default_rng(1).integers(0, 2, (n_strings, 128), dtype=np.uint8)
    values = measure(FunctionBatch("boolean", np.zeros((128, 7)), bits=uniform), ("lz",))["lz"]
    se = math.hypot(values.std() / math.sqrt(n_strings), 0.10)
    yield Row(
        "lz of uniform strings: mean",
        abs(values.mean() - 148.88) / se,
        5,
        False,
        f"{values.mean():.2f} against 148.88, in combined standard errors",
    )
    se_sd = 6.17 / math.sqrt(2 * (n_strings - 1))
    yield Row(
        "lz of uniform strings: sd",
        abs(values.std(ddof=1) - 6.17) / se_sd,
        6,
        False,
        f"{values.std(ddof=1):.2f} against 6.17, in standard errors",
    )


def naive_words(text: str) -> int:
    """Words of the Lempel-Ziv 1976 exhaustive parse, by searching strings."""
    words = start = 0
    while start < len(text):
        length = 1
        while start + length <= len(text) and (
            text[start : start + length] in text[: start + length - 1]
        ):
            length += 1
        words += 1
        start += length
    return words


def naive_twin_rows() -> Iterator[Row]:
    """C_LZ against a parser of three lines, on strings from constant-like to uniform."""
    rng = np.random.default_rng(2)
    n_strings, n_points = 10_000, 128
    density = rng.choice([0.02, 0.1, 0.3, 0.5], n_strings)[:, None]
    bits = (rng.random((n_strings, n_points)) < density).astype(np.uint8)
    mixed = bits.any(axis=1) & ~bits.all(axis=1)
    texts = ["".join(map(str, row)) for row in bits]
    twin = [math.log2(n_points) / 2 * (naive_words(t) + naive_words(t[::-1])) for t in texts]
    twin = np.where(mixed, twin, math.log2(n_points))
    batch = FunctionBatch("boolean", np.zeros((n_points, 7)), bits=bits)
    values = measure(batch, ("lz", "lz_mingard2025"))
    for proxy, control in (("lz", False), ("lz_mingard2025", True)):
        wrong = int((np.abs(values[proxy] - twin) > 1e-9).sum())
        name = f"{proxy} against a naive twin" + (" (control: the variant)" if control else "")
        yield Row(name, wrong, 0, control, f"of {n_strings:,} strings differ")


def killed_rows() -> Iterator[Row]:
    """Tables after SIGKILL and resume against an uninterrupted run, functions and counts."""
    campaign = campaign_from_mapping({"draws": 400_000, "block_draws": 4096})
    stages = ("sample", "functions")
    with tempfile.TemporaryDirectory() as scratch:
        whole, killed = Path(scratch, "whole"), Path(scratch, "killed")
        pipeline.run(campaign, whole, stages=stages)
        file = Path(scratch, "campaign.toml")
        file.write_text(campaign.to_toml(), encoding="utf-8")
        command = [
            sys.executable, "-c",
            "import sys, pathlib; from pfmap import pipeline; "
            "from pfmap.settings.read import read_campaign; "
            "pipeline.run(read_campaign(pathlib.Path(sys.argv[1])), sys.argv[2])",
            str(file), str(killed),
        ]  # fmt: skip
        with subprocess.Popen(command) as process:
            while len(list(killed.glob("counts/part-*.parquet"))) < 3 and process.poll() is None:
                time.sleep(0.005)
            process.kill()
        blocks = len(list(killed.glob("counts/part-*.parquet")))
        undisturbed = float(process.returncode != -signal.SIGKILL or blocks == campaign.n_blocks)
        yield Row(
            "SIGKILL struck in the middle", undisturbed or float(blocks == 0), 0, False,
            f"{blocks} of {campaign.n_blocks} blocks on disk; exit {process.returncode}",
        )  # fmt: skip
        pipeline.run(campaign, killed, resume=True, stages=stages)
        tables = [read_table(folder, "functions") for folder in (whole, killed)]
        differs = float(not tables[0].equals(tables[1]))
        yield Row(
            "identical tables: SIGKILL and resume", differs, 0, False,
            f"killed with {blocks} of {campaign.n_blocks} blocks on disk; 0 is equal",
        )  # fmt: skip
        longer = campaign.model_copy(update={"draws": campaign.draws + 4096})
        pipeline.run(longer, killed, resume=True, stages=stages)
        differs = float(not tables[0].equals(read_table(killed, "functions")))
        yield Row("identical tables: (control: one block more)", differs, 0, True, "0 is equal")


def total(campaign: Campaign, blocks: list[int], threads: int) -> pd.DataFrame:
    """Merged counts of the given blocks of a campaign, in the order given."""
    plan = plan_sampling(campaign)
    parts = []
    for tally in sample_blocks(plan, blocks, threads=threads):
        frame = pd.DataFrame(tally.words).astype("uint64")
        parts.append(frame.assign(count=tally.counts, first_draw=tally.first_draws))
    names = [name for name in parts[0].columns if name not in ("count", "first_draw")]
    merged = pd.concat(parts).groupby(names).agg({"count": "sum", "first_draw": "min"})
    return merged.sort_index()


def invariance_rows(draws: int) -> Iterator[Row]:
    """The same functions and counts however the work was done; another seed must differ."""
    campaign = campaign_from_mapping({"draws": draws, "block_draws": 4096})
    blocks = list(range(campaign.n_blocks))
    reference = total(campaign, blocks, threads=1)
    shuffled = list(np.random.default_rng(0).permutation(blocks))
    longer = campaign.model_copy(update={"draws": 2 * draws})
    other = campaign.model_copy(update={"seed": campaign.seed + 1})
    runs: dict[str, tuple[Callable[[], pd.DataFrame], bool]] = {
        "2 threads": (lambda: total(campaign, blocks, threads=2), False),
        "shuffled blocks": (lambda: total(campaign, shuffled, threads=2), False),
        "prefix of a campaign twice as long": (lambda: total(longer, blocks, threads=2), False),
        "(control: another seed)": (lambda: total(other, blocks, threads=2), True),
    }
    for name, (compute, control) in runs.items():
        differs = float(not reference.equals(compute()))
        yield Row(f"identical counts: {name}", differs, 0, control, f"{draws:,} draws; 0 is equal")


def rows(quick: bool) -> Iterator[Row]:
    """Every check, or the quick subset."""
    for n in (3, 5) if quick else range(3, 8):
        yield from perceptron_rows(n, 200_000 if quick else 2_000_000)
    draws = 100_000 if quick else 1_000_000
    yield from constant_rows("vallePerez2019", 0.10857, 0.00016, draws)
    yield from constant_rows("gaussian", 0.36386, 0.00016, draws)
    yield from lz_rows()
    yield from naive_twin_rows()
    yield from mingard2025_rows(40_000 if quick else 1_000_000)
    # Whole blocks, so that the beginning of the longer campaign ends where the shorter one does.
    yield from invariance_rows(16_384 if quick else 131_072)
    yield from killed_rows()
    yield from question_rows(quick)


def main() -> int:
    """Print the table; exit code 1 if a verdict is "fail"."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the subset that the tests run")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--markdown", type=Path, help="write the table as a page")
    options = parser.parse_args()
    start = time.perf_counter()
    table = []
    for row in rows(options.quick):
        table.append({**asdict(row), "verdict": row.verdict})
        if not options.json:
            print(
                f"{row.verdict}  {row.check:<58} {row.statistic:>12.4g} "
                f"{'>' if row.control else '<='} {row.limit:<9.4g} {row.detail}",
                flush=True,
            )
    failed = [row["check"] for row in table if row["verdict"] == "fail"]
    elapsed_s = round(time.perf_counter() - start, 1)
    if options.json:
        print(json.dumps({"rows": table, "failed": failed, "elapsed_s": elapsed_s}, indent=1))
    else:
        print(f"{len(table) - len(failed)} of {len(table)} pass, {elapsed_s} s")
    if options.markdown:
        options.markdown.write_text(page(table, elapsed_s), encoding="utf-8")
    return 1 if failed else 0


def page(table: list[dict], elapsed_s: float) -> str:
    """The table as a page of the documentation."""
    machine = provenance.machine()
    lines = [
        "<!-- made by scripts/verification.py --markdown; run it again instead of editing -->",
        "",
        "# Verification",
        "",
        __doc__.split("\n\n")[2].strip(),
        "",
        f"pfmap {pfmap.__version__}, numba {numba.__version__}, numpy {np.__version__}, "
        f"{machine['cpu']}, {elapsed_s:.0f} s.",
        "",
        "| verdict | check | statistic | limit | |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in table:
        limit = f"{'>' if row['control'] else '≤'} {row['limit']:.4g}"
        lines.append(
            f"| {row['verdict']} | {row['check']} | {row['statistic']:.4g} | {limit} | "
            f"{row['detail'].replace('|', BAR)} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
