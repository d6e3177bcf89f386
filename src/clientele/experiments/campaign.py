"""A campaign as a file: an audience from a few conditions, and an experiment that holds a part of it back."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import yaml

from clientele.contents import exposure_files
from clientele.errors import ClienteleError

__all__ = ["Campaign", "CampaignError", "write"]

TREATED = "treated"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


class CampaignError(ClienteleError, ValueError):
    """A campaign that cannot be written; the message says why, and what to do."""


@dataclass(frozen=True)
class Campaign:
    """What a campaign is made from.

    Attributes
    ----------
    name : str
        Of the experiment. The list that is exported is called ``<name>_treated``.
    label, label_fr, purpose, owner : str
    starts : date
        First day on which arms may be drawn.
    horizon_days : int
    measure : str
        revenue, orders, buyers or visits.
    holdout : float
        Part of the audience that is held back.
    smallest_effect : float
        As a part of the measure.
    when_too_small : str
        refuse or warn.
    personas, tier_from, chance_from, states, audience
        Conditions, all of which have to hold; those that are not said do not count.
    consent : str, optional
        The purpose that customers have to consent to, where the shop delivers consents; that of `audience`
        when it is not said.
    """

    name: str
    label: str
    label_fr: str
    purpose: str
    owner: str
    starts: date
    horizon_days: int = 28
    measure: str = "orders"
    holdout: float = 0.5
    smallest_effect: float = 0.1
    when_too_small: str = "refuse"
    personas: tuple[int, ...] = ()
    tier_from: int | None = None
    chance_from: float | None = None
    states: tuple[str, ...] = ()
    audience: str | None = None
    consent: str | None = None

    def conditions(self) -> list[dict[str, object]]:
        """Return the conditions of its audience, as files of audiences have them."""
        found: list[dict[str, object]] = []
        if self.audience is not None:
            found.append({"audience": self.audience})
        if self.personas:
            found.append({"field": "persona", "in": list(self.personas)})
        if self.tier_from is not None:
            found.append({"field": "value_tier", "at_least": self.tier_from})
        if self.chance_from is not None:
            found.append({"field": "p_order_30d", "at_least": self.chance_from})
        if self.states:
            found.append({"field": "lifecycle_state", "in": list(self.states)})
        return found

    def text(self) -> str:
        """Return the file: one exposure for the audience, one for the experiment."""
        ends = self.starts + timedelta(days=self.horizon_days + 60)
        audience = {
            "name": f"{self.name}_audience",
            "label": self.label,
            "description": f"Who takes part in {self.name}.",
            "type": "application",
            "owner": {"name": self.owner},
            "depends_on": ["ref('audience_members')"],
            "config": {
                "meta": {
                    "audience": {
                        "label_fr": self.label_fr,
                        "purpose": self.purpose,
                        **({"consent": self.consent} if self.consent else {}),
                        "expires": f"{ends}",
                        "destinations": [],
                        "where": {"all": self.conditions()},
                    }
                }
            },
        }
        arms = [
            {"name": "holdout", "share": self.holdout, "label": "Held back", "label_fr": "Témoin"},
            {
                "name": TREATED,
                "share": round(1 - self.holdout, 9),
                "label": self.purpose[:256],
                "label_fr": "Campagne",
            },
        ]
        experiment = {
            "name": self.name,
            "label": self.label,
            "description": f"What it brings: {self.purpose}",
            "type": "application",
            "owner": {"name": self.owner},
            "depends_on": ["ref('experiment_results')"],
            "config": {
                "meta": {
                    "experiment": {
                        "label_fr": self.label_fr,
                        "purpose": self.purpose,
                        "audience": f"{self.name}_audience",
                        "starts": f"{self.starts}",
                        "horizon_days": self.horizon_days,
                        "measure": self.measure,
                        "smallest_effect": self.smallest_effect,
                        "when_too_small": self.when_too_small,
                        "destinations": ["folder"],
                        "arms": arms,
                    }
                }
            },
        }
        return yaml.safe_dump(
            {"version": 2, "exposures": [audience, experiment]},
            sort_keys=False,
            allow_unicode=True,
            width=100,
        )


def write(campaign: Campaign, project: Path) -> Path:
    """Write a campaign's file into the folder ``experiments`` of a project, and return its path.

    An audience lends another its conditions, not its purpose: the consent that it asks for is written, too.

    Parameters
    ----------
    campaign : Campaign
    project : Path
        Folder of the dbt project.

    Raises
    ------
    CampaignError
        There is such a file already, its name is none, or no condition says who takes part.
    """
    if not _NAME.fullmatch(campaign.name):
        raise CampaignError(
            f"'{campaign.name}' is no name of a campaign: small letters, digits and _, 41 at most"
        )
    if not campaign.conditions():
        raise CampaignError(
            "say who takes part: --persona, --tier-from, --chance-from, --state or --audience"
        )
    path = project / "experiments" / f"{campaign.name}.yml"
    if path.exists():
        raise CampaignError(f"{path} is there already: an experiment has a name of its own, choose another")
    if campaign.consent is None and campaign.audience is not None:
        campaign = replace(campaign, consent=_consent_of(project, campaign.audience))
    path.parent.mkdir(exist_ok=True)
    path.write_text(campaign.text(), encoding="utf-8")
    return path


def _consent_of(project: Path, audience: str) -> str | None:
    """Return the purpose that an audience asks consent for; None without one, or without such an audience."""
    for path in exposure_files(project):
        try:
            exposures = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("exposures") or []
        except (yaml.YAMLError, ValueError, AttributeError):
            continue  # the build says what is wrong with it
        for exposure in exposures:
            try:
                if exposure["name"] == audience:
                    return exposure["config"]["meta"]["audience"].get("consent")
            except (AttributeError, KeyError, TypeError):
                continue  # no audience, or none that a build takes
    return None
