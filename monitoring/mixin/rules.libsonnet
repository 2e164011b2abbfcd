// The rules of ../prometheus/migrations.rules.yml, with the settings that generate.mjs has as well.
{
  local config = $._config,
  local labels = config.by + ['namespace', 'job'],
  local start = std.join('', ['{{ with $labels.%s }}{{ . }}/{{ end }}' % label for label in config.by]),

  local replacements = [
    ['runbook_url: docs/runbooks.md#', 'runbook_url: %s#' % config.runbooks],
    ['typeorm_migrations_', config.metrics + '_migrations_'],
    ['by (namespace, job', 'by (' + std.join(', ', labels)],
    ['on (namespace, job', 'on (' + std.join(', ', labels)],
    ['namespace_job_connection:', std.join('_', labels) + '_connection:'],
    ['{{ with $labels.namespace }}', start + '{{ with $labels.namespace }}'],
  ],
  local text = std.foldl(
    function(result, pair) std.strReplace(result, pair[0], pair[1]),
    replacements,
    importstr '../prometheus/migrations.rules.yml'
  ),

  // Groups with the rules of one kind, in their order.
  local groupsWith(kind) = [
    group { name: '%s.%ss' % [group.name, kind], rules: [rule for rule in group.rules if kind in rule] }
    for group in std.parseYaml(text).groups
  ],

  prometheusRules+:: { groups+: groupsWith('record') },
  prometheusAlerts+:: { groups+: groupsWith('alert') },
}
