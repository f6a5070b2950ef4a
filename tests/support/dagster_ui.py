"""What a person does in Dagster's UI, by the same GraphQL that the UI uses."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iot_platform.settings import Settings
from iot_platform.supervision.dagster_home import ui_url

_RUNS = """
query ($filter: RunsFilter!) { runsOrError(filter: $filter, limit: 20) { ... on Runs { results {
    runId status jobName tags { key value } } } } }
"""
_TERMINATE = """
mutation ($run: String!) { terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) { __typename
    ... on TerminateRunFailure { message } ... on PythonError { message } } }
"""
_LAUNCH = """
mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
    ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } } } }
"""
_ASSETS = """
{ assetNodes { assetKey { path } isMaterializable assetMaterializations(limit: 1) { timestamp }
    assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization {
        status evaluation { success severity description } } } } } } }
"""


@dataclass(frozen=True)
class Run:
    run_id: str
    status: str
    job: str
    slot: str


class Ui:
    """One installation's UI."""

    def __init__(self, settings: Settings) -> None:
        self._url = f"{ui_url(settings)}/graphql"

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of the answer; AssertionError with the errors that came instead."""
        request = urllib.request.Request(
            self._url,
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            document = json.load(answer)
        assert "errors" not in document, document["errors"]
        return document["data"]

    def runs(self, slot: str) -> list[Run]:
        """The runs of a slot, the newest first."""
        found = self.ask(_RUNS, filter={"tags": [{"key": "iot/slot", "value": slot}]})["runsOrError"]["results"]
        return [Run(run["runId"], run["status"], run["jobName"], slot) for run in found]

    def running(self, slot: str) -> Run | None:
        return next((run for run in self.runs(slot) if run.status == "STARTED"), None)

    def terminate(self, run_id: str) -> None:
        done = self.ask(_TERMINATE, run=run_id)["terminateRun"]
        assert done["__typename"] == "TerminateRunSuccess", done

    def launch(self, job: str, config: dict[str, Any], tags: Mapping[str, str] | None = None) -> str:
        """Launch a job from its launchpad; the run's id."""
        selector = {
            "repositoryLocationName": "iot_platform",
            "repositoryName": "__repository__",
            "jobName": job,
        }
        params = {
            "selector": selector,
            "runConfigData": config,
            "mode": "default",
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]},
        }
        done = self.ask(_LAUNCH, params=params)["launchRun"]
        assert done["__typename"] == "LaunchRunSuccess", done
        run_id: str = done["run"]["runId"]
        return run_id

    def assets(self) -> dict[str, dict[str, Any]]:
        """By name: whether it can be materialized, when it was, and its checks' verdicts by name."""
        return {
            "/".join(node["assetKey"]["path"]): {
                "materializable": node["isMaterializable"],
                "materialized": bool(node["assetMaterializations"]),
                "checks": {
                    check["name"]: check["executionForLatestMaterialization"]
                    for check in node["assetChecksOrError"].get("checks", [])
                },
            }
            for node in self.ask(_ASSETS)["assetNodes"]
        }
