# %% [markdown]
# test
# %%
