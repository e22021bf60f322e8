# %% tags=["parameters"]
results = "results"
experiments = {"coin": {"title": "Fairness of a coin", "lead": None, "pages": {}, "place": 0}}

# %%
import html

import numpy as np
import pandas as pd
from IPython.display import HTML, display

from svi_atlas.report import show as nb
from svi_atlas.results.store import Results

experiments = dict(sorted(experiments.items(), key=lambda item: item[1]["place"]))
of = {name: Results(results, name) for name in experiments}
fits = {name: found.table() for name, found in of.items()}
best = {name: nb.best_settings(table) for name, table in fits.items()}
n = nb.number


def words(verdict):
    return verdict.replace("_", " ")


def several_models(table):
    return nb.grid_fits(table)["model"].nunique() > 1


def cost(name, setting):
    """Median seconds a fit of a setting's seeds."""
    table = fits[name]
    same = (table["model"] == setting.model) & (table["guide"] == setting.guide)
    same &= (table["label"] == setting.label) & np.isclose(table["step_size"], setting.step_size)
    return float(table.loc[same, "seconds"].median())


def setting(row):
    """A recommended setting in words."""
    particles = "1 particle" if row.num_particles == 1 else f"{row.num_particles} particles"
    average = ", averaged iterate" if row.iterate == "averaged" else ""
    return f"`{row.guide}` ({particles}, step size {row.step_size:g}{average})"


def advice(name):
    """Which setting to use, a sentence a model, with what is as good."""
    table, lines = fits[name], []
    found = nb.recommend(table)
    for model in nb.grid_fits(table)["model"].unique():
        where = f" on the model `{model}`" if several_models(table) else ""
        rows = list(found[found["model"] == model].itertuples())
        if not rows:
            why = nb.why_none_qualifies(table[table["model"] == model])
            lines.append(f"**Nothing to recommend**{where}: {why}.")
            continue
        top, *others = rows
        same = [(row.guide, row.label, row.step_size) for row in rows]
        ties = [row for place, row in enumerate(others, 1) if same[place] not in same[:place]]
        lines.append(
            f"**Use**{where} {setting(top)}: {round(top.adequate * top.fits)} of {top.fits} seeds are "
            f"adequate, KL {n(top.kl, 2)} nats, {n(top.seconds, 2)} s a fit."
        )
        if ties:
            more = f" and {len(ties) - 3} more" if len(ties) > 3 else ""
            lines[-1] += f" As good: {'; '.join(map(setting, ties[:3]))}{more}."
    return nb.say("\n".join(f"- {line}" for line in lines))


def by_guide(name):
    """Verdict counts of every guide over all settings, and its best setting with its cost."""
    grid, several = nb.grid_fits(fits[name]), several_models(fits[name])
    counts = grid.groupby(["model", "guide", "verdict"], sort=False).size().unstack(fill_value=0)
    present = [verdict for verdict in nb.ORDER if verdict in counts]
    settings = {(top.model, top.guide): top for top in best[name].itertuples()}
    rows = []
    for (model, guide), counted in counts[present].iterrows():
        top = settings.get((model, guide))
        label = nb.breakable(guide) + (f"<br>on {nb.breakable(model)}" if several else "")
        row = {"guide": HTML(label), **counted.to_dict()}
        if top is None:
            row |= {"best": "", "there": "", "kl": np.nan, "seconds": np.nan}
        else:
            row |= {
                "best": f"{top.num_particles},\N{NO-BREAK SPACE}{top.step_size:g}", "kl": top.kl,
                "there": f"{round(top.adequate * top.fits)} of {top.fits}",
                "seconds": cost(name, top),
            }  # fmt: skip
        rows.append(row)
    headings = {"guide": "guide"} | {verdict: words(verdict) for verdict in present}
    headings |= {"best": "best", "there": "adequate there", "kl": "KL", "seconds": "seconds"}
    return nb.table(pd.DataFrame(rows), headings)


def lead(name):
    """The experiment's first figure, if it has any."""
    figure = experiments[name]["lead"]
    if figure:
        more = f'<a href="{name}.html#{figure}">More on the experiment\'s page</a>.'
        caption = f"{nb.CAPTIONS.get(figure, '')} {more}"
        display(nb.figure(of[name], figure, caption))


def failed(name):
    """Failed cells with their messages; diverged fits by guide, with the reason of the clearest."""
    table = fits[name]
    keys = ["model", "guide"]
    rows = []
    for verdict, column in (("failed", "message"), ("diverged", "reason")):
        chosen = table[table["verdict"] == verdict]
        clear = [name for name in ("evidence_violation_z", "nonfinite") if name in chosen]
        chosen = chosen.sort_values(clear, ascending=False)
        for (model, guide), group in chosen.groupby(keys, sort=False):
            total = int(((table["model"] == model) & (table["guide"] == guide)).sum())
            rows.append({
                "verdict": verdict, "guide": guide, "model": model,
                "fits": f"{len(group)} of {total}", "why": group[column].iloc[0],
            })  # fmt: skip
    if not rows:
        return nb.say("Nothing failed and nothing diverged.")
    models = {"model": "model"} if table["model"].nunique() > 1 else {}
    return nb.table(pd.DataFrame(rows), {
        "verdict": "verdict", "guide": "guide", **models, "fits": "fits",
        "why": "message, or reason of the clearest",
    })  # fmt: skip


display(nb.say("# SVI Atlas"))
total = sum(map(len, fits.values()))
display(
    nb.say(
        "Stochastic variational inference fits a *guide* $q$ to a posterior $p$. Which guide, step "
        "size and number of particles (draws per estimate of the loss) can be trusted? "
        f"{total:,} fits answer. Of each two things are asked: has it **converged** to the best that "
        "its guide can do, and is that **adequate**, close to the posterior?"
    )
)
rows = []
for name, entry in experiments.items():
    counted = fits[name]["verdict"].value_counts()
    link = HTML(f'<a href="{name}.html">{html.escape(entry["title"])}</a>')
    compared = of[name].verification()
    met = f"{int(compared['ok'].sum())} of {len(compared)}" if len(compared) else nb.MISSING
    rows.append({"page": link, **{verdict: counted.get(verdict, 0) for verdict in nb.ORDER}})
    rows[-1] |= {"all": len(fits[name]), "met": met}
headings = {verdict: words(verdict) for verdict in nb.ORDER}
display(nb.table(pd.DataFrame(rows), {
    "page": "experiment", **headings, "all": "all fits", "met": "published and exact values met",
}))  # fmt: skip
display(
    nb.say(
        "In the tables of guides below the verdicts are counted over all settings; *best* is each "
        "guide's best setting (particles, step size), with its adequate seeds, their median KL "
        "divergence in nats and the seconds of one fit."
    )
)

# %%
for name, entry in experiments.items():
    links = [f"[The whole story]({name}.html)"]
    links += [f"[{label.capitalize()}]({page}.html)" for page, label in entry["pages"].items()]
    display(HTML(f'<h2 id="{name}">{html.escape(entry["title"])}</h2>'))
    display(nb.say(" · ".join(links)), advice(name), by_guide(name))
    lead(name)
    display(nb.say("**What failed or diverged**"), failed(name))
    display(nb.say("**What differs from published and exact values**"))
    display(nb.verification(of[name], only_differing=True))

display(HTML("<h2>How to read the verdicts</h2>"))

# %% [markdown]
# | verdict | meaning |
# |---|---|
# | <span class="verdict adequate">adequate</span> | converged and close to the posterior |
# | <span class="verdict inadequate">inadequate</span> | converged, but not close to the posterior |
# | <span class="verdict not_converged">not converged</span> | still drifting, or jumping about the optimum |
# | <span class="verdict diverged">diverged</span> | losses or parameters are not finite, or the loss falls without bound |
# | <span class="verdict failed">failed</span> | the model or the guide raised an error; its message is kept |
#
# The *loss* is minus the ELBO, a lower bound on the log evidence; both in nats. The best setting of
# a guide is the one with the largest share of adequate seeds, then of converged ones, then the
# smallest KL divergence from the posterior, then the fewest particles. The setting to *use* is the
# cheapest that is adequate for at least 95 % of its seeds, with the last iterate or the average of the
# iterates; those that are cheapest in more than 5 % of bootstrap resamples of the seeds are as good.
# Seconds are those of one fit among the many that run as one program, without its compilation.

# %%
display(HTML("<h2>Where the numbers come from</h2>"))
for name, entry in experiments.items():
    display(HTML(f"<h3>{html.escape(entry['title'])}</h3>"), nb.provenance(of[name]))
    display(nb.downloads(of[name]))
