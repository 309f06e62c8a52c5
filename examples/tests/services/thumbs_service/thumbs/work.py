"""What a worker does with a job."""
from thumbs.model import Job

RESULTS: dict[str, str] = {}
NOBODY = "nobody"


def owner_of(job: Job) -> str:
    """Name to charge; NOBODY for jobs that nobody ordered."""
    if job.owner is None:
        return NOBODY
    return job.owner.name


def label(job: Job) -> str:
    return f"{job.number}:{job.owner.name}"


def extension(job: Job) -> str:
    """The file's extension without the dot, "" when it has none."""
    return job.path.split(".")[1]


def run(job: Job) -> None:
    kind = job.number % 4
    if kind == 0:
        RESULTS["progress"] = f"{job.progress:.2f}"
    elif kind == 1:
        RESULTS["label"] = label(job)
    elif kind == 2:
        RESULTS[f"extension of {job.path}"] = extension(job)
    else:
        RESULTS["owner"] = owner_of(job)
