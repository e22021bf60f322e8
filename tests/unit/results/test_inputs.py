"""What analyses, figures and pages read, by name."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from svi_atlas.results import store
from svi_atlas.results.inputs import Fits, References, load

TABLE = pd.DataFrame({"guide": ["beta"], "kl": [0.5]})


@pytest.fixture
def table(tmp_path):
    spec = '{"stage": "table", "thresholds": {"rhat": 1.1}}'
    store.write_table(TABLE, tmp_path / "fits.parquet", spec)
    return str(tmp_path / "fits.parquet")


def write_fits(path, losses, **attributes):
    loss = (("seed", "setting", "step"), np.asarray(losses, float)[None, None], attributes)
    coords = {"seed": [1], "step_size": ("setting", [0.1]), "schedule": ("setting", ["constant"])}
    store.write_dataset(xr.Dataset({"loss": loss}, coords), path, "")
    return str(path)


class TestReferences:
    @pytest.fixture
    def path(self, tmp_path):
        datasets = {
            name: xr.Dataset({"mean.f": ((), value)}, attrs={"log_evidence": -value})
            for name, value in (("one", 1.0), ("two", 2.0))
        }
        store.write_datasets(datasets, tmp_path / "reference.nc", "")
        return str(tmp_path / "reference.nc")

    def test_models_in_order(self, path):
        references = References(path)
        assert list(references) == ["one", "two"]
        assert len(references) == 2

    def test_each_is_a_dataset(self, path):
        reference = load("reference", {"reference": path})["two"]
        assert float(reference["mean.f"]) == 2.0
        assert reference.attrs["log_evidence"] == -2.0

    def test_one_model(self, tmp_path):
        datasets = {"only": xr.Dataset({"mean.f": ((), 1.0)})}
        store.write_datasets(datasets, tmp_path / "reference.nc", "")
        assert list(References(str(tmp_path / "reference.nc"))) == ["only"]


class TestFits:
    @pytest.fixture
    def fits(self, tmp_path):
        paths = {
            "m/beta/particles-1": write_fits(tmp_path / "a.nc", [1, 2, 3]),
            "m/beta/tutorial_one": write_fits(tmp_path / "b.nc", [1, 2], stride=3),
        }
        return load("fits", {"fits": paths})

    def test_cells_by_model_guide_and_label(self, fits):
        assert list(fits) == [("m", "beta", "particles-1"), ("m", "beta", "tutorial_one")]
        assert len(fits) == 2
        assert fits["m", "beta", "particles-1"]["loss"].to_numpy().ravel().tolist() == [1, 2, 3]

    def test_fits_of_one_schedule_are_selected_by_step_size(self, fits):
        assert float(fits["m", "beta", "particles-1"]["loss"].sel(step_size=0.1, seed=1)[0]) == 1

    def test_fits_of_several_schedules_keep_their_settings(self, tmp_path):
        settings = {
            "step_size": ("setting", [0.1, 0.1]),
            "schedule": ("setting", ["constant", "cosine"]),
        }
        dataset = xr.Dataset(
            {"loss": (("seed", "setting", "step"), np.zeros((1, 2, 3)), {"stride": 1})}, settings
        )
        store.write_dataset(dataset, tmp_path / "c.nc", "")
        fits = load("fits", {"fits": {"m/beta/particles-1": str(tmp_path / "c.nc")}})
        assert fits["m", "beta", "particles-1"]["loss"].dims == ("seed", "setting", "step")

    def test_losses_stored_as_means_are_repeated(self, fits):
        losses = fits["m", "beta", "tutorial_one"]["loss"]
        assert losses.to_numpy().ravel().tolist() == [1, 1, 1, 2, 2, 2]

    def test_a_cell_by_its_label(self, fits):
        assert fits.with_label("tutorial_one").sizes["step"] == 6
        assert fits.with_label("unknown") is None

    def test_a_cell_that_failed_has_no_losses(self, tmp_path):
        failed = xr.Dataset(attrs={"message": "ValueError: no"})
        store.write_dataset(failed, tmp_path / "c.nc", "")
        fits = Fits({"m/beta/broken": str(tmp_path / "c.nc")})
        assert fits["m", "beta", "broken"].attrs["message"] == "ValueError: no"

    def test_a_file_is_opened_when_it_is_asked_for(self):
        fits = Fits({"m/beta/absent": "absent.nc"})
        assert len(fits) == 1
        with pytest.raises(FileNotFoundError):
            fits["m", "beta", "absent"]


def test_thresholds_are_those_that_the_table_was_judged_with(table):
    assert load("thresholds", {"table": table}) == {"rhat": 1.1}


def test_tables(tmp_path, table):
    store.write_table(TABLE, tmp_path / "verification.csv", "")
    pd.testing.assert_frame_equal(load("table", {"table": table}), TABLE, check_dtype=False)
    csv = load("verification", {"verification": str(tmp_path / "verification.csv")})
    assert csv["kl"].tolist() == [0.5]
    assert load("coin.density", {"coin.density": table})["kl"].tolist() == [0.5]
    ranks = load("sbc_ranks", {"sbc_ranks": {"one": table}})
    assert list(ranks) == ["one"]
    assert ranks["one"]["kl"].tolist() == [0.5]


def test_data(tmp_path):
    store.write_dataset(xr.Dataset({"heads": ((), 12)}), tmp_path / "data.nc", "")
    assert int(load("data", {"data": str(tmp_path / "data.nc")})["heads"]) == 12
