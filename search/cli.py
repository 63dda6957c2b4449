"""The command line: `python -m search COMMAND`."""

from __future__ import annotations

import json
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cost_models.errors import CostModelError
from evaluators.errors import EvaluationError
from search.document import parse_value
from search.errors import SearchError, SpecError
from spaces import UserError

app = typer.Typer(
    help="Search the settings of small networks for the best trade-offs between quality and cost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY", help="A study file, e.g. studies/gru_bits.yaml.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory, e.g. runs/gru_bits.")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override the study file; repeatable.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Hold the options of all commands; `main` reads them from the command line."""


@app.command()
def run(
    study: StudyPath,
    out: Annotated[Path | None, typer.Option(help="Run directory; default: runs/NAME.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    trials: Annotated[int | None, typer.Option(help="Number of trials, like --set budget.trials=N.")] = None,
    executor: Annotated[str | None, typer.Option(help="Who evaluates, like --set executor.name=NAME.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ignore trained weights and measurements kept.")] = False,
    settings: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Search, then show the front beside the homogeneous baselines."""
    from search.display.progress import Display
    from search.display.tables import print_front
    from search.run import carry_out, free_directory
    from search.run_directory import RunDirectory
    from search.study import Study

    overrides = [*(settings or ())]
    overrides += [f"budget.trials={trials}"] if trials is not None else []
    overrides += [f"executor.name={executor}"] if executor is not None else []
    with _prints_beside(as_json):
        loaded = Study.from_yaml(study, overrides)
    directory = RunDirectory(out) if out else free_directory(loaded.spec.name, resume)
    display = Display()
    try:
        with _prints_beside(as_json):
            done = carry_out(loaded, directory, resume=resume, fresh=fresh, monitor=display, progress=display)
    except KeyboardInterrupt:
        kept = len(directory.replay().records)
        again = ["python", "-m", "search", "run", str(study), "--out", str(directory.path), "--resume"]
        again += [part for assignment in overrides for part in ("--set", assignment)]
        _tell(f"interrupted; {kept:,} records are kept. Go on with:\n    {shlex.join(again)}")
        raise typer.Exit(130) from None
    document = {**done.front(), "run_dir": str(directory.path), "seconds": round(done.seconds, 3)}
    if as_json:
        _print_json(document)
        return
    console = Console()
    print_front(document, console)
    facts = document["system"]["facts"]
    _print_pairs(console, {key.replace("_", " "): _told_fact(value) for key, value in facts.items()})
    _print_pairs(console, {"report": directory.report, "run directory": directory.path})


@app.command()
def sweep(
    sweep: Annotated[Path, typer.Argument(metavar="SWEEP", help="A sweep file, e.g. studies/sweeps/optimizers.yaml.")],
    out: Annotated[
        str | None, typer.Option(help="Folder or URI that all machines reach; default: runs/sweeps/NAME.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted sweep.")] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override the sweep file; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Carry out a grid of whole studies on Ray Tune, then compare them."""
    from search.display.progress import Display
    from search.display.sweep import SweepDisplay, print_summary
    from search.sweep import Sweep, carry_out_sweep
    from search.sweep.carrying_out import storage_of

    with _prints_beside(as_json):
        loaded = Sweep.from_yaml(sweep, settings or ())
        storage = storage_of(loaded, out)
        try:
            summary = carry_out_sweep(loaded, storage, SweepDisplay(), resume=resume, progress=Display())
        except KeyboardInterrupt:
            again = ["python", "-m", "search", "sweep", str(sweep), "--out", str(storage), "--resume"]
            again += [part for assignment in settings or () for part in ("--set", assignment)]
            _tell(f"interrupted; every finished trial is kept. Go on with:\n    {shlex.join(again)}")
            raise typer.Exit(130) from None
    if as_json:
        _print_json(summary.document())
    else:
        console = Console()
        print_summary(summary, console)
        _print_pairs(console, {"report": f"{storage}/report.html", "sweep directory": storage})
    if summary.n_failed:
        raise typer.Exit(SearchError.exit_code)


@app.command()
def train(
    study: StudyPath,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    fresh: Annotated[bool, typer.Option("--fresh", help="Ignore what is kept; begin anew.")] = False,
    settings: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Only prepare the system of a study: load its data and train its network, or go on where that was interrupted."""
    from evaluators.storage import cache_root
    from evaluators.system import Context
    from search.display.progress import Display
    from search.study import Study
    from spaces import unknown

    if device not in ("cpu", "cuda"):
        raise SpecError([unknown(("--device",), "device", device, ("cpu", "cuda"))])
    with _prints_beside(as_json):
        system = Study.from_yaml(study, settings or ()).system
        system.prepare(Context(cache_root(), Display(), fresh, device))
    facts = dict(system.facts())
    if as_json:
        _print_json({"fingerprint": system.fingerprint(), "facts": facts})
        return
    _print_pairs(Console(), {key.replace("_", " "): _told_fact(value) for key, value in facts.items()})


@app.command()
def check(study: StudyPath, settings: Assignments = None, as_json: AsJson = False) -> None:
    """Validate a study; show its space, its size and what its baselines cost."""
    from search.display.tables import print_baseline_costs
    from search.study import Study

    with _prints_beside(as_json):
        loaded = Study.from_yaml(study, settings or ())
        baselines = [(label, loaded.costs(c).costs) for label, c in loaded.space.homogeneous()]
    summary = {
        "study": loaded.spec.name,
        "system": loaded.spec.system.name,
        "n_knobs": len(loaded.space.searched),
        "n_fixed_knobs": len(loaded.space.parameters) - len(loaded.space.searched),
        "n_configurations": loaded.space.size,
        "objectives": loaded.objectives.directions,
        "trials": loaded.spec.budget.trials,
        "baselines": [{"label": label, "costs": costs} for label, costs in baselines],
    }
    if as_json:
        _print_json(summary)
        return
    console = Console()
    size = loaded.space.size
    _print_pairs(
        console,
        {
            "study": f"{loaded.spec.name}, no problem found",
            "system": loaded.spec.system.name,
            "space": f"{len(loaded.space.searched)} knobs, "
            + (
                "continuous"
                if size is None
                else f"{size:,} configurations"
                if size < 10**9
                else f"{size:.2e} configurations"
            ),
            "knobs": ", ".join(p.name for p in loaded.space.searched),
            "objectives": ", ".join(f"{name} ({d})" for name, d in loaded.objectives.directions.items()),
            "optimizer": loaded.spec.optimizer.name,
            "budget": f"{loaded.spec.budget.trials:,} trials",
        },
    )
    console.print()
    print_baseline_costs(baselines, console)


@app.command()
def cost(
    study: Annotated[Path | None, typer.Argument(metavar="[STUDY]", help="A study file.")] = None,
    workload: Annotated[Path | None, typer.Option(help="Instead: an operator table; docs/workload_file.md.")] = None,
    target: Annotated[str | None, typer.Option(help="Hardware: a name of `list targets`, or ./FILE.yaml.")] = None,
    knob: Annotated[
        list[str] | None, typer.Option("--knob", metavar="PATTERN=VALUE", help="Fix knobs; repeatable.")
    ] = None,
    settings: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Show what a configuration costs, operator by operator; knobs not fixed stay at their default."""
    from search.costing import cost_study, cost_workload
    from search.display.tables import print_costs

    if (study is None) == (workload is None):
        raise SpecError.plain("cost needs either a study or a workload", "cost STUDY, or cost --workload FILE")
    if study is not None:
        with _prints_beside(as_json):
            costing = cost_study(study, settings or (), _knob_settings(knob or ()), target)
    elif knob or settings:
        raise SpecError.plain("--knob and --set are for a study; a workload file has none")
    else:
        costing = cost_workload(workload or Path(), target)
    if as_json:
        _print_json(costing.document())
        return
    print_costs(costing.report.operators, costing.report.costs, Console())


@app.command()
def calibrate(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A name of `list targets`, or ./FILE.yaml.")],
    measurements: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Cycles that you measured on your board; docs/targets.md.")
    ] = None,
    clock_hz: Annotated[int | None, typer.Option(min=10_000, help="Your board's clock; default: the target's.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.yaml", help="Where to write the refitted target.")] = None,
    as_json: AsJson = False,
) -> None:
    """Refit our kernels' cycles by emulation or, from your measurements, the constants of your board."""
    from search.calibrating import refit_board, refit_kernels

    if measurements is None and clock_hz is not None:
        raise SpecError.plain("--clock-hz is for --measurements")
    refit = refit_kernels(target) if measurements is None else refit_board(target, measurements, clock_hz, out)
    if out is not None:
        refit.write(out)
    if as_json:
        _print_json(refit.summary)
        return
    written = {"written to": out} if out else {"not written": "say --out FILE.yaml"}
    _print_pairs(Console(), {**refit.summary, **written})


@app.command()
def front(
    run: RunPath,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
) -> None:
    """Show the Pareto front of a run, finished or not."""
    from search.display.tables import print_front
    from search.front import front_csv
    from search.run import Run

    document = Run.open(run).front()
    if as_json:
        _print_json(document)
    elif as_csv:
        print(front_csv(document), end="")
    else:
        print_front(document, Console())


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
    out: Annotated[Path | None, typer.Option(help="HTML file; default: report.html of the run.")] = None,
) -> None:
    """Draw one offline HTML page; several runs are overlaid and compared."""
    from search.illustrations import Illustrations, read_illustrations
    from search.report import RunView, write_report
    from search.run import Run
    from search.run_directory import writing

    opened = [Run.open(path) for path in runs]
    default = opened[0].directory.report if len(opened) == 1 else Path("comparison.html")
    path = out or default
    with writing(path):
        # Sounds of several runs would be more than a page can hold.
        shown = [read_illustrations(run.directory) if len(opened) == 1 else Illustrations() for run in opened]
        named = zip(opened, shown, strict=True)
        write_report([RunView(r.directory.path.name, r.front(), r.records(), illustrations=i) for r, i in named], path)
    print(path)


@app.command()
def export(
    run: RunPath,
    out: Annotated[Path, typer.Option(help="Folder to write; must be new or empty.")],
    trial: Annotated[int | None, typer.Option(help="Number of the trial.")] = None,
    pick: Annotated[str | None, typer.Option(help="knee, or the name of an objective: its best.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="BOUND", help="e.g. 'error_rate <= 0.05': the best of the rest.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the C on an emulated Cortex-M4: outputs, cycles, bytes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write what is needed to deploy one configuration of a run."""
    from search.export import Choice, check_verification, export_trial, print_verification
    from search.run import Run

    with _prints_beside(as_json):
        manifest = export_trial(Run.open(run), Choice(trial, pick, tuple(where or ())), out, verified=verify)
    verification = manifest.get("verification")
    if as_json:
        _print_json(manifest)
    else:
        _print_pairs(Console(), {"trial": manifest["trial"], "folder": out, "files": ", ".join(manifest["files"])})
        if verification:
            print_verification(verification, Console())
    if verification:
        check_verification(verification)


@app.command()
def predict(
    export: Annotated[Path, typer.Argument(metavar="EXPORT", help="A folder that `export` wrote.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="WAV or FLAC files.")],
    as_json: AsJson = False,
) -> None:
    """Use an export: print a score for each recording."""
    from search.display.scores import print_score
    from search.predicting import load_predictor, score_document, score_files

    with _prints_beside(as_json):
        predictor = load_predictor(export)
        if not as_json:
            _tell(predictor.score)
        scores = []
        for found in score_files(predictor, files):
            scores.append(found)
            if not as_json:
                print_score(found)
    if as_json:
        _print_json(score_document(predictor, export, scores))
    if any(found.error for found in scores):
        raise typer.Exit(SearchError.exit_code)


@app.command("list")
def list_(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="systems, spaces, optimizers, targets, metrics, studies, sweeps.")
    ],
    as_json: AsJson = False,
) -> None:
    """List what can be named in a study."""
    from search.catalogue import CATALOGUE
    from search.display.tables import print_list
    from spaces import unknown

    if what not in CATALOGUE:
        raise SpecError([unknown((), "list", what, CATALOGUE)])
    rows = list(CATALOGUE[what]())
    if as_json:
        _print_json({what: [{"name": name, "description": text} for name, text in rows]})
    else:
        print_list(rows, Console())


def main(arguments: list[str] | None = None) -> None:
    """Run a command; ends the process with 0, 1 (failed), 2 (what the user wrote is wrong) or 130 (interrupted)."""
    words = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # systems of one's own; `python -m` does it, a console script does not
    warnings.showwarning = _tell_warning  # type: ignore[assignment]
    _exit(lambda: app(args=words, prog_name="python -m search", standalone_mode=True), debug)


def _exit(command: Callable[[], Any], debug: bool) -> None:
    try:
        command()
    except (SearchError, EvaluationError, CostModelError, UserError) as error:
        if debug:
            traceback.print_exc()
        _tell(f"error: {error}")
        sys.exit(SpecError.exit_code if isinstance(error, UserError) else SearchError.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # a mistake of ours, or of a user's own system: told in a line, in full for --debug
        if debug:
            traceback.print_exc()
        _tell(f"error: unexpected {type(error).__name__}: {error}\n    --debug shows where it comes from")
        sys.exit(SearchError.exit_code)


def _knob_settings(assignments: Iterable[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for assignment in assignments:
        pattern, equals, text = assignment.partition("=")
        if not equals or not pattern:
            raise SpecError.plain(f'--knob "{assignment}" is not an assignment', "PATTERN=VALUE")
        settings[pattern.strip()] = parse_value(text, f"--knob {pattern}")
    return settings


@contextmanager
def _prints_beside(as_json: bool) -> Iterator[None]:
    """Send what a user's own system prints to stderr: with `--json` the standard output is one document."""
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        yield


def _print_json(document: Mapping[str, Any]) -> None:
    print(json.dumps(document, indent=1, allow_nan=False))


def _print_pairs(console: Console, pairs: Mapping[str, Any]) -> None:
    from search.display.tables import print_list

    print_list([(name, str(value)) for name, value in pairs.items()], console)


def _told_fact(value: Any) -> str:
    """A fact as people read it; a mapping as a list of its entries."""
    if isinstance(value, Mapping):
        return ", ".join(f"{_told_fact(inner)} ({key})" for key, inner in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _tell(message: str) -> None:
    print(message, file=sys.stderr)


def _tell_warning(message: Warning | str, *_: Any) -> None:
    _tell(f"warning: {message}")
