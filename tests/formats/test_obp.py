"""The dictionary of Open Bandit Pipeline, in memory and as .npz."""

from pathlib import Path

import numpy as np
import pytest
from logs import assert_same, obd_text, sample_log

from banditcore.bandit_log import BanditLog
from banditcore.errors import InvalidInput
from banditcore.formats import read_log, write_log
from banditcore.formats.obp import from_dict, to_dict


def test_what_a_data_set_of_obp_gives() -> None:
    """The keys and shapes of `SyntheticBanditDataset.obtain_batch_bandit_feedback`."""
    random = np.random.default_rng(0)
    n, k, d = 40, 5, 3
    pi_b, action = random.dirichlet(np.ones(k), n), random.integers(k, size=n)
    feedback = {
        "n_rounds": n,
        "n_actions": k,
        "context": random.standard_normal((n, d)),
        "action_context": np.eye(k),
        "action": action,
        "position": None,
        "reward": random.integers(2, size=n),
        "expected_reward": random.random((n, k)),
        "pi_b": pi_b[:, :, np.newaxis],
        "pscore": pi_b[np.arange(n), action],
    }
    log = from_dict(feedback)
    rows = log.load()
    assert log.n_arms == k and log.rows == n and log.source == "memory"
    assert (rows.arms == action).all() and (rows.contexts == feedback["context"]).all()
    assert (rows.propensities == pi_b).all() and (rows.propensity == feedback["pscore"]).all()
    assert (rows.columns["expected_reward"] == feedback["expected_reward"]).all() and rows.rewards.dtype == np.float64
    by_arm = from_dict(feedback, action_context=True).load().contexts
    assert by_arm.shape == (n, k, d + k) and (by_arm[7, 2] == [*rows.contexts[7], 0, 0, 1, 0, 0]).all()
    back = to_dict(log)
    for name in ("n_rounds", "n_actions", "action", "reward", "pscore", "pi_b", "context", "expected_reward"):
        assert np.array_equal(back[name], feedback[name]), name  # type: ignore[arg-type]
    assert back["position"] is None


def test_vectors_by_position() -> None:
    pi_b = np.array([[[0.25, 0.5], [0.75, 0.5]], [[0.1, 0.8], [0.9, 0.2]]])
    feedback = {"action": [0, 1], "reward": [0, 1], "position": [0, 1], "pi_b": pi_b}
    rows = from_dict(feedback).load()
    assert rows.propensities is not None and rows.propensities.tolist() == [[0.25, 0.75], [0.8, 0.2]]
    assert rows.propensity.tolist() == [0.25, 0.2] and rows.contexts.tolist() == [[1], [1]]
    with pytest.raises(InvalidInput, match=r"position must lie in 0\.\.1"):
        from_dict(feedback | {"position": [1, 2]}).load()
    with pytest.raises(InvalidInput, match="position is missing"):
        from_dict(feedback | {"position": None}).load()


def test_positions_count_from_0_in_obp(tmp_path: Path) -> None:
    (tmp_path / "men.csv").write_text(obd_text())
    assert to_dict(read_log(tmp_path / "men.csv"))["position"].tolist() == [0, 1, 2] * 2


def test_features_by_arm_have_no_place_in_obp(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="obp has no features by arm: write Parquet or DSJSON"):
        write_log(BanditLog.of(np.ones((2, 2, 3)), [0, 1], [0, 1], [0.5, 0.5]), tmp_path / "log.npz")


def test_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = sample_log(50)
    write_log(log, tmp_path / "log.npz")
    monkeypatch.setattr("banditcore.formats.obp.PAGE", 20)
    again = read_log(tmp_path / "log.npz")
    assert [len(rows) for rows in again.pages()] == [20, 20, 10] and again.rows == 50
    assert_same(again.load(), log.load())
