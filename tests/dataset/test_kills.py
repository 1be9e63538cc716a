"""Kills at random: a short campaign. `scripts/test-kills` runs a long one."""

from __future__ import annotations

from pathlib import Path

from helpers.kills import Campaign

KILLS = 30


def test_whatever_is_killed_the_result_is_the_same(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, KILLS)
    campaign.run()
    assert sum(campaign.killed.values()) >= KILLS
    assert campaign.killed["worker"]
    assert campaign.killed["driver"]
