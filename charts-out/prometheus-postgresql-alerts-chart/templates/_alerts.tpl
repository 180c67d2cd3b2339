{{/* What the chart knows of each alert, in the order of the rules. Made by dmf. */}}
{{- define "prometheus-postgresql-alerts-chart.alerts" -}}
[
  {"name":"SQLExporterDown","group":"exporter","severity":"critical","labels":{},"params":{"job":"(.+[-_/ ])?(sql|postgres|postgresql|pg)[-_ ]?exporter([-_/ ].+)?","expected":"1","grace":"12h"},"pintComments":[]},
  {"name":"SQLExporterMissingTarget","group":"exporter","severity":"critical","labels":{},"params":{"window":"1h","lookback":"5m"},"pintComments":[]},
  {"name":"SQLExporterScrapingLimit","group":"exporter","severity":"warning","labels":{},"params":{"threshold":"80","window":"10m","job":"(.+[-_/ ])?(sql|postgres|postgresql|pg)[-_ ]?exporter([-_/ ].+)?","timeout":"10"},"pintComments":[]},
  {"name":"PostgreSQLMaxConnections","group":"connections","severity":"warning","labels":{},"params":{"threshold":"80","lookback":"5m"},"pintComments":[]},
  {"name":"PostgreSQLInactiveLogicalReplicationSlot","group":"replication","severity":"warning","labels":{},"params":{"max_retained":"5368709120","lookback":"5m"},"pintComments":[]},
  {"name":"PostgreSQLInactivePhysicalReplicationSlot","group":"replication","severity":"warning","labels":{},"params":{"max_retained":"5368709120","lookback":"5m"},"pintComments":[]},
  {"name":"PostgreSQLReplicationSlotStorageLimit","group":"replication","severity":"critical","labels":{},"params":{"threshold":"80","max_retained":"21474836480","lookback":"5m"},"pintComments":[]},
  {"name":"PostgreSQLLongRunningQueries","group":"queries","severity":"warning","labels":{},"params":{"threshold":"1800","excluded_users":".*(backup|barman|dump).*|rdsadmin","excluded_applications":"pg_dump|pg_dumpall|pg_restore|vacuumdb|reindexdb|pgBackRest.*|barman.*","lookback":"4m"},"pintComments":[]},
  {"name":"PostgreSQLInvalidIndex","group":"schema","severity":"warning","labels":{},"params":{"lookback":"10m"},"pintComments":[]}
]
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.runbookUrl" -}}https://qonto.github.io/database-monitoring-framework/{{ "{{" }}chartVersion}}/runbooks/postgresql/{{ "{{" }}alertName}}{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.expr.SQLExporterDown" -}}
(
  max by (job, instance{{ .moreLabels }}) (up{job=~"{{ .params.job }}"{{ .moreMatchers }}}) == 0
  # Every server that it watched is watched by another exporter now.
  unless on (job, instance{{ .moreLabels }}) (
    last_over_time(pg_up{target!=""{{ .moreMatchers }}}[{{ .params.grace }}])
    unless on (job, instance{{ .moreLabels }}) (last_over_time(pg_up{{ .braces }}[{{ .params.grace }}]) unless on (target{{ .moreLabels }}) pg_up{{ .braces }})
  )
)
or
(count by ({{ .labels }}) (up{job=~"{{ .params.job }}"{{ .moreMatchers }}}) or absent(up{job=~"{{ .params.job }}"{{ .moreMatchers }}}) * 0) < {{ .params.expected }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.alert.SQLExporterDown" -}}
{"for": "3m", "keepFiringFor": "3m",
 "annotations": {
  "summary": "A SQL exporter is down, so PostgreSQL servers are not watched.",
  "description": "{{ "{{" }} with $labels.instance }}SQL exporter {{ "{{" }} . }} (job {{ "{{" }} $labels.job }}) does not answer Prometheus{{ "{{" }} else }}Prometheus knows {{ "{{" }} printf \"%.0f\" $value }} SQL exporters (expected at least {{ .params.expected }}){{ "{{" }} end }}."
 }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.expr.SQLExporterMissingTarget" -}}
max by (target{{ .moreLabels }}) (last_over_time(pg_up{{ .braces }}[{{ .params.lookback }}])) == 0
or
# Reported before, by nobody now, and not because its exporter is down: SQLExporterDown says that.
max by (target{{ .moreLabels }}) (
  last_over_time(pg_up{target!=""{{ .moreMatchers }}}[{{ .params.window }}])
  and on (job{{ .moreLabels }}) up{{ .braces }}
  unless on (job, instance{{ .moreLabels }}) (up{{ .braces }} == 0)
)
unless on (target{{ .moreLabels }}) pg_up{{ .braces }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.alert.SQLExporterMissingTarget" -}}
{"for": "3m", "keepFiringFor": "",
 "annotations": {
  "summary": "No exporter can read from a PostgreSQL server.",
  "description": "{{ "{{" }} if eq $value 0.0 }}No exporter can log in to {{ "{{" }} $labels.target }}{{ "{{" }} else }}{{ "{{" }} $labels.target }} was reported within the last {{ .params.window }}, but no exporter reports it now{{ "{{" }} end }}."
 }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.expr.SQLExporterScrapingLimit" -}}
100
  * max by (target{{ .moreLabels }}) (
      avg_over_time(pg_scrape_duration_seconds{{ .braces }}[{{ .params.window }}])
      / on (target, job, instance{{ .moreLabels }}) (avg_over_time(pg_scrape_timeout_seconds{{ .braces }}[{{ .params.window }}]) > 0)
    )
  > {{ .params.threshold }}
or
# Exporters that do not report their servers one by one.
100
  * max by (job, instance{{ .moreLabels }}) (
      avg_over_time(scrape_duration_seconds{job=~"{{ .params.job }}"{{ .moreMatchers }}}[{{ .params.window }}])
      unless on (job, instance{{ .moreLabels }}) last_over_time(pg_scrape_duration_seconds{{ .braces }}[{{ .params.window }}])
    )
  / {{ .params.timeout }}
  > {{ .params.threshold }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.alert.SQLExporterScrapingLimit" -}}
{"for": "5m", "keepFiringFor": "2m",
 "annotations": {
  "summary": "Reading the metrics of a PostgreSQL server takes almost all the time there is for it.",
  "description": "Scrapes of {{ "{{" }} or $labels.target $labels.instance }} take {{ "{{" }} printf \"%.0f\" $value }}% of their time (limit {{ .params.threshold }}%)."
 }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.expr.PostgreSQLMaxConnections" -}}
100
  * max by (target{{ .moreLabels }}) (last_over_time(pg_connections_used{{ .braces }}[{{ .params.lookback }}]))
  / on (target{{ .moreLabels }}) (max by (target{{ .moreLabels }}) (last_over_time(pg_connections_usable{{ .braces }}[{{ .params.lookback }}])) > 0)
  > {{ .params.threshold }}
or
# The server has no connection left even for the exporter.
100 * (sum by (target{{ .moreLabels }}) (increase(pg_connect_errors_total{sqlstate="53300"{{ .moreMatchers }}}[{{ .params.lookback }}])) > bool 0) > {{ .params.threshold }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.alert.PostgreSQLMaxConnections" -}}
{"for": "10m", "keepFiringFor": "",
 "annotations": {
  "summary": "A PostgreSQL server is close to its connection limit.",
  "description": "{{ "{{" }} $labels.target }} uses {{ "{{" }} printf \"%.0f\" $value }}% of the connections that ordinary users can have (limit {{ .params.threshold }}%; 100% is also reported when it refuses the exporter)."
 }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.expr.PostgreSQLInactiveLogicalReplicationSlot" -}}
max by (target, slot_name{{ .moreLabels }}) (last_over_time(pg_replication_slots_retained_bytes{slot_type="logical"{{ .moreMatchers }}}[{{ .params.lookback }}]))
  > {{ .params.max_retained }}
and on (target, slot_name{{ .moreLabels }}) (
  max by (target, slot_name{{ .moreLabels }}) (last_over_time(pg_replication_slots_active{{ .braces }}[{{ .params.lookback }}])) == 0
)
# A standby's copy of a slot of its primary is never in use.
unless on (target, slot_name{{ .moreLabels }}) (last_over_time(pg_replication_slots_synced{{ .braces }}[{{ .params.lookback }}]) == 1)
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.alert.PostgreSQLInactiveLogicalReplicationSlot" -}}
{"for": "10m", "keepFiringFor": "",
 "annotations": {
  "summary": "A logical replication slot that nobody uses holds back WAL.",
  "description": "Nobody uses the logical replication slot {{ "{{" }} $labels.slot_name }} of {{ "{{" }} $labels.target }}, and it holds back {{ "{{" }} humanize1024 $value }}B of WAL (limit {{ "{{" }} humanize1024 {{ .params.max_retained }} }}B)."
 }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.expr.PostgreSQLInactivePhysicalReplicationSlot" -}}
max by (target, slot_name{{ .moreLabels }}) (last_over_time(pg_replication_slots_retained_bytes{slot_type="physical"{{ .moreMatchers }}}[{{ .params.lookback }}]))
  > {{ .params.max_retained }}
and on (target, slot_name{{ .moreLabels }}) (
  max by (target, slot_name{{ .moreLabels }}) (last_over_time(pg_replication_slots_active{{ .braces }}[{{ .params.lookback }}])) == 0
)
# A standby's copy of a slot of its primary is never in use.
unless on (target, slot_name{{ .moreLabels }}) (last_over_time(pg_replication_slots_synced{{ .braces }}[{{ .params.lookback }}]) == 1)
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.alert.PostgreSQLInactivePhysicalReplicationSlot" -}}
{"for": "10m", "keepFiringFor": "",
 "annotations": {
  "summary": "A physical replication slot that nobody uses holds back WAL.",
  "description": "Nobody uses the physical replication slot {{ "{{" }} $labels.slot_name }} of {{ "{{" }} $labels.target }}, and it holds back {{ "{{" }} humanize1024 $value }}B of WAL (limit {{ "{{" }} humanize1024 {{ .params.max_retained }} }}B)."
 }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.expr.PostgreSQLReplicationSlotStorageLimit" -}}
# Every part gives the share of its WAL that a slot has used up, so that an alert goes on when the reason changes.
100
  * (
    1
    - min by (target, slot_name, slot_type{{ .moreLabels }}) (last_over_time(pg_replication_slots_safe_wal_size_bytes{{ .braces }}[{{ .params.lookback }}]))
      / on (target{{ .moreLabels }}) group_left () (
        max by (target{{ .moreLabels }}) (last_over_time(pg_settings_max_slot_wal_keep_size_bytes{{ .braces }}[{{ .params.lookback }}])) > 0
      )
  )
  > {{ .params.threshold }}
or
100
  * max by (target, slot_name, slot_type{{ .moreLabels }}) (last_over_time(pg_replication_slots_retained_bytes{{ .braces }}[{{ .params.lookback }}]))
  / {{ .params.max_retained }}
  > {{ .params.threshold }}
  unless on (target{{ .moreLabels }}) (last_over_time(pg_settings_max_slot_wal_keep_size_bytes{{ .braces }}[{{ .params.lookback }}]) >= 0)
or
100
  * max by (target, slot_name, slot_type{{ .moreLabels }}) (
      last_over_time(pg_replication_slots_wal_status{wal_status=~"unreserved|lost"{{ .moreMatchers }}}[{{ .params.lookback }}])
    )
  > {{ .params.threshold }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.alert.PostgreSQLReplicationSlotStorageLimit" -}}
{"for": "5m", "keepFiringFor": "",
 "annotations": {
  "summary": "A replication slot is lost, about to be lost, or about to fill the disk.",
  "description": "The {{ "{{" }} $labels.slot_type }} replication slot {{ "{{" }} $labels.slot_name }} of {{ "{{" }} $labels.target }} has used up {{ "{{" }} printf \"%.0f\" $value }}% of the WAL it may hold back (limit {{ .params.threshold }}%; from 100% on it can be lost)."
 }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.expr.PostgreSQLLongRunningQueries" -}}
max by (target, datname, usename, application_name{{ .moreLabels }}) (
  last_over_time(
    pg_active_statements_oldest_seconds{usename!~"{{ .params.excluded_users }}", application_name!~"{{ .params.excluded_applications }}"{{ .moreMatchers }}}[{{ .params.lookback }}]
  )
) > {{ .params.threshold }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.alert.PostgreSQLLongRunningQueries" -}}
{"for": "5m", "keepFiringFor": "",
 "annotations": {
  "summary": "A query has been running for very long.",
  "description": "A query of {{ "{{" }} $labels.usename }}{{ "{{" }} with $labels.application_name }} ({{ "{{" }} . }}){{ "{{" }} end }} in database {{ "{{" }} $labels.datname }} of {{ "{{" }} $labels.target }} has been running for {{ "{{" }} humanizeDuration $value }} (limit {{ "{{" }} humanizeDuration {{ .params.threshold }} }})."
 }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.expr.PostgreSQLInvalidIndex" -}}
max by (target, datname, schemaname, relname, indexrelname{{ .moreLabels }}) (last_over_time(pg_index_invalid{{ .braces }}[{{ .params.lookback }}])) == 1
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.alert.PostgreSQLInvalidIndex" -}}
{"for": "1h", "keepFiringFor": "",
 "annotations": {
  "summary": "An index is invalid, so no query uses it, and yet each write maintains it.",
  "description": "Index {{ "{{" }} $labels.schemaname }}.{{ "{{" }} $labels.indexrelname }} on table {{ "{{" }} $labels.relname }} in database {{ "{{" }} $labels.datname }} of {{ "{{" }} $labels.target }} is invalid."
 }}
{{- end -}}
