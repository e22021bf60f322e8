# Helpers of the rules: a job's spec, the files it names, its resources.


def spec_digest(stage, **fixed):
    """Input function: the digest of a job's spec, so that the job reruns when its spec changes.

    A job on a cluster reads the file, which the main process has written.
    """

    def read_digest(wildcards):
        return digest(Path(spec_path(stage, wildcards, fixed)).read_text())

    return read_digest


def files_of(stage, **fixed):
    """Input function: the files that a job's spec names."""
    return lambda wildcards: input_files(spec_path(stage, wildcards, fixed))


def spec_path(stage, wildcards, fixed):
    """The spec of a job; raises WorkflowError if the configuration has no such job."""
    path = LAYOUT.spec(stage).format(**wildcards, **fixed)
    if workflow.is_main_process and path not in RUN.specs:
        raise WorkflowError(
            f"{path}: the current configuration has no such cell, figure or page (was it removed?); "
            "`snakemake clean_stale` removes what earlier runs left"
        )
    return path


def caption_of_figure(wildcards):
    """The caption of a figure, for Snakemake's own report."""
    return figures()[wildcards.figure].caption


def times_attempt(amount):
    """A resource that grows with each attempt at a job."""
    return lambda wildcards, attempt: amount * attempt
