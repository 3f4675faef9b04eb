"""The requests of a project in Phoenix as a JSON file, by Phoenix's own client.

uv run --with arize-phoenix-client --with pandas python3 scripts/export_traces.py
PHOENIX_COLLECTOR_ENDPOINT, PHOENIX_API_KEY and PHOENIX_PROJECT_NAME say where; the one argument is the file.
"""

import os
import sys

from phoenix.client import Client

LIMIT = 1_000_000  # the client's own default ends at 1000 spans without a word

client = Client(base_url=os.environ.get("PHOENIX_COLLECTOR_ENDPOINT", "http://localhost:6006"))
project = os.environ.get("PHOENIX_PROJECT_NAME", "default")
out = sys.argv[1] if len(sys.argv) > 1 else "traces.json"

spans = client.spans.get_spans_dataframe(project_identifier=project, limit=LIMIT, timeout=60)
roots = spans[spans["name"] == "proxy_request"] if len(spans) else spans
roots.to_json(out, orient="records", date_format="iso", indent=2)
print(f"Exported {len(roots)} traces")
