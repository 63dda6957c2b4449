"""One offline HTML page of figures for one or several finished runs; reads storage only."""

from search.report.front import front_figure
from search.report.page import write_report
from search.report.view import RunView

__all__ = ["RunView", "front_figure", "write_report"]
