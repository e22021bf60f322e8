"""Links to the data behind a page."""

from svi_atlas.report.downloads import FILES, downloads
from svi_atlas.results.paths import RESULTS


def test_every_file_is_a_result_and_linked_from_the_folder_of_the_report():
    text = downloads("coin")
    for name, meaning in FILES.items():
        assert f"{{experiment}}/{name}" in RESULTS.values()
        assert f'<a href="../coin/{name}">{name}</a>: {meaning}' in text
