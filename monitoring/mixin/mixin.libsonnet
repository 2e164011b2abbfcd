// Monitoring mixin of nestjs-prometheus-migrations: https://monitoring.mixins.dev
(import 'config.libsonnet') +
(import 'rules.libsonnet') +
{
  grafanaDashboards+:: {
    'migrations.json': import '../grafana/migrations.json',
  },
}
