{
  _config+:: {
    // Address of the runbooks in the alerts' runbook_url.
    runbooks: 'docs/runbooks.md',
    // What the metrics' names begin with: the module's [namespace_]prefix.
    metrics: 'typeorm',
    // More labels by which applications are told apart, as ['cluster'].
    by: [],
  },
}
