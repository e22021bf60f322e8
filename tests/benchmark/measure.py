"""Times one variant of one case in this process and prints a JSON line.

variant: `svi_run`, a loop of SVI.run; `vmap_scan`, jit(vmap(scan(SVI.update))) over replicas;
`engine`; `floor`, the arithmetic of the coin's Normal guide in NumPy.
`svi_run` compiles at every call, which its user waits for: its seconds_run include it. It may be timed
on a sample of replicas (--sample) and scaled. `without` leaves out parts of the engine: the compiler
flag, threefry, gamma, noise (ln q of multivariate Normals from their noise), blocks (random numbers made ahead of the steps), sharing (step
sizes no longer share a seed's draws).
"""

import argparse
import json
import os
import resource
import sys
import time

STARTED = (
    time.time()
    - time.clock_gettime(time.CLOCK_BOOTTIME)
    + float(
        open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19]  # noqa: SIM115
    )
    / os.sysconf("SC_CLK_TCK")
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case")
    parser.add_argument("variant", choices=["svi_run", "vmap_scan", "engine", "floor"])
    parser.add_argument("--num-particles", type=int, default=1)
    parser.add_argument("--num-steps", type=int, default=10_000)
    parser.add_argument("--replicas", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sample", type=int, default=2)
    parser.add_argument("--cache")
    parser.add_argument("--without", nargs="*", default=[])
    options = parser.parse_args()

    from svi_atlas.jobs import runtime

    runtime.limit_threads(options.threads)
    if options.variant == "engine" and "flag" not in options.without:
        runtime.set_compiler_flags()
    if options.cache:
        runtime.keep_compiled_programs(options.cache)
    began = time.time()
    compile_seconds, run_seconds, first_done = globals()[f"time_{options.variant}"](options)
    total = began - STARTED + first_done
    measured = {
        "seconds_start": total - compile_seconds - run_seconds[0],
        "seconds_compile": compile_seconds,
        "seconds_run": run_seconds,
        "seconds_total": total,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(measured))


def _grid(options):
    """(seeds, step sizes) whose product has `replicas` members."""
    from cases import STEP_SIZES

    count = min(len(STEP_SIZES), options.replicas)
    if "sharing" in options.without:
        count = 1
    return tuple(range(options.replicas // count)), STEP_SIZES[:count]


def time_svi_run(options):
    began = time.time()
    import cases
    import jax
    from numpyro import optim
    from numpyro.infer import SVI, Trace_ELBO

    model, make_guide, data = cases.load(options.case)
    count = min(options.sample, options.replicas)
    started = time.perf_counter()
    for seed in range(count):
        loss = Trace_ELBO(num_particles=options.num_particles)
        svi = SVI(model, make_guide(), optim.Adam(1e-3), loss)
        result = svi.run(jax.random.PRNGKey(seed), options.num_steps, data, progress_bar=False)
        jax.block_until_ready(result.losses)
    timed = time.perf_counter() - started
    scaled = timed * options.replicas / count
    return 0.0, [scaled], time.time() - began - timed + scaled


def time_vmap_scan(options):
    began = time.time()
    import cases
    import jax
    import jax.numpy as jnp
    from numpyro import optim
    from numpyro.infer import SVI, Trace_ELBO

    model, make_guide, data = cases.load(options.case)
    seeds, step_sizes = _grid(options)
    keys = jnp.stack([jax.random.PRNGKey(seed) for seed in seeds for _ in step_sizes])
    rates = jnp.tile(jnp.float32(step_sizes), len(seeds))

    def fit(key, rate):
        loss = Trace_ELBO(num_particles=options.num_particles)
        svi = SVI(model, make_guide(), optim.Adam(rate), loss)
        state, losses = jax.lax.scan(
            lambda state, _: svi.update(state, data),
            svi.init(key, data),
            None,
            length=options.num_steps,
        )
        return svi.get_params(state), losses

    started = time.perf_counter()
    program = jax.jit(jax.vmap(fit)).lower(keys, rates).compile()
    compiled = time.perf_counter() - started
    seconds = _timed(lambda: jax.block_until_ready(program(keys, rates)), options.repeats)
    return compiled, seconds, time.time() - began - sum(seconds[1:])


def time_engine(options):
    began = time.time()
    import cases

    from svi_atlas.inference.acceleration import PARTS, accelerated
    from svi_atlas.inference.fit import fit_cell

    part_of = {"noise": "cached_noise", "blocks": "hoist"}
    without = {part_of.get(name, name) for name in options.without}
    model, make_guide, data = cases.load(options.case)
    seeds, step_sizes = _grid(options)
    repeats, done = [], []
    with accelerated(PARTS - without):
        for _ in range(options.repeats):
            repeats.append(
                fit_cell(
                    model,
                    make_guide,
                    data,
                    num_particles=options.num_particles,
                    step_sizes=step_sizes,
                    seeds=seeds,
                    num_steps=options.num_steps,
                )
            )
            done.append(time.time() - began)
    return repeats[0].seconds_compile, [fits.seconds_run for fits in repeats], done[0]


def time_floor(options):
    """One step of the Normal guide: noise from NumPy, log densities by their counts, Adam."""
    import numpy as np

    shape = (options.replicas, options.num_particles)
    rng, heads, tails = np.random.default_rng(0), np.float32(12), np.float32(8)
    mean, log_sd = np.zeros((2, options.replicas), np.float32)
    moments = np.zeros((2, 2, options.replicas), np.float32)

    def run():
        nonlocal mean, log_sd
        for _ in range(options.num_steps):
            noise = rng.standard_normal(shape, np.float32)
            share = 1 / (1 + np.exp(-mean))
            sd = np.exp(log_sd)
            draw = np.clip(share[:, None] + sd[:, None] * noise, 1e-6, 1 - 1e-6)
            log_joint = heads * np.log(draw) + tails * np.log1p(-draw)
            slope = tails / (1 - draw) - heads / draw
            _ = (-0.5 * noise**2 - log_sd[:, None] - log_joint).mean(1)
            gradient = np.stack(
                [slope.mean(1) * share * (1 - share), (slope * noise).mean(1) * sd - 1]
            )
            moments[0] += np.float32(0.1) * (gradient - moments[0])
            moments[1] += np.float32(0.001) * (gradient**2 - moments[1])
            step = np.float32(1e-3) * moments[0] / (np.sqrt(moments[1]) + np.float32(1e-8))
            mean, log_sd = mean - step[0], log_sd - step[1]

    seconds = _timed(run, options.repeats)
    return 0.0, seconds, seconds[0]


def _timed(function, repeats):
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
