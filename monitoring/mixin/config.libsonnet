{
  _config+:: {
    // Address of the runbooks in the alerts' runbook_url.
    runbooks: 'docs/runbooks.md',
    // The start of the metrics' names: the module's [namespace_]prefix.
    metrics: 'typeorm',
    // More labels that distinguish applications, as ['cluster'].
    by: [],
  },
}
