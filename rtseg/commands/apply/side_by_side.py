"""Pictures done at the same time, each in a thread with a pipeline of its own; videos after them, one by one.

Threads, not processes: the network, the pixel loops and the codecs run outside of Python's lock, and a process more
would load and check the model again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from queue import SimpleQueue

from rtseg.commands.apply.plan import Job
from rtseg.errors import RtsegError
from rtseg.leftovers import remove_leftovers
from rtseg.pipeline import Pipeline

Outcome = tuple[Job, str | None, RtsegError | None]  # a remark, or what went wrong
Work = Callable[[Job, Pipeline], str | None]


def outcomes(jobs: Sequence[Job], work: Work, pipelines: Sequence[Pipeline]) -> Iterator[Outcome]:
    """Do all jobs, and tell of each as soon as it is done. What is no RtsegError is raised, and ends the rest."""
    pictures = [job for job in jobs if not job.video]
    together = pictures if min(len(pipelines), len(pictures)) > 1 else []
    yield from at_once(together, work, pipelines)
    for job in jobs:
        if job not in together:
            yield done(job, work, pipelines[0])


def at_once(jobs: Sequence[Job], work: Work, pipelines: Sequence[Pipeline]) -> Iterator[Outcome]:
    """The jobs, as many at the same time as there are pipelines."""
    for folder in {job.target.parent for job in jobs}:
        remove_leftovers(folder)  # before there are files of ours that are not locked yet
    free: SimpleQueue[Pipeline] = SimpleQueue()
    for pipeline in pipelines:
        free.put(pipeline)

    def run(job: Job) -> Outcome:
        pipeline = free.get()
        try:
            return done(job, work, pipeline)
        finally:
            free.put(pipeline)

    with ThreadPoolExecutor(len(pipelines), "picture") as pool:
        try:
            for future in as_completed([pool.submit(run, job) for job in jobs]):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def done(job: Job, work: Work, pipeline: Pipeline) -> Outcome:
    """One job."""
    try:
        return job, work(job, pipeline), None
    except RtsegError as e:
        return job, None, e
