"""Tables behind figures and pages: every public function of a module here makes one.

A function names what it reads by its parameters: results (`table`, `data`, `reference`, `fits`, `searches`,
`thresholds`, `verification`, `rates`, `truth`, `sbc`, `sbc_ranks`, `nuts`) or other analyses of its module or of
`general`. The workflow writes what it returns to `results/<experiment>/analysis/<module>.<function>.parquet`.
"""
