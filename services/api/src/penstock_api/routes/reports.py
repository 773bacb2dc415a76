"""Reports on datasets."""

from flask import Response

from penstock_api.body import JsonBody
from penstock_api.documentation import problems_with_body
from penstock_api.examples import DATASET
from penstock_api.models import NoQuery, PostHeaders
from penstock_api.openapi import shown
from penstock_api.routes.blueprints import with_key
from penstock_api.starting import Started, accepted, start
from penstock_contracts.generation import REPORT, Report

routes = with_key("reports", "Documents about what was imported")


class ReportBody(JsonBody, Report):
    """Describe a dataset of rows as HTML and PDF. Without a title it is called as the dataset is."""

    model_config = shown(
        with_a_title={"dataset_id": DATASET, "title": "Sales of May", "locale": "en"},
        in_Chinese={"dataset_id": DATASET, "locale": "zh"},
    )


@routes.post("/reports", responses={202: Started} | problems_with_body())
def make_report(header: PostHeaders, query: NoQuery, body: ReportBody) -> Response:
    """Make a report

    The job's result names the files; each is at /v1/files/{id}.
    """
    return accepted(start(REPORT, body, header))
