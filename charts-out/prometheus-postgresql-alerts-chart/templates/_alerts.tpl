{{/* What the chart knows of each alert, in the order of the rules. Made by dmf. */}}
{{- define "prometheus-postgresql-alerts-chart.alerts" -}}
[
  {"name":"SQLExporterDown","group":"exporter","severity":"critical","labels":{},"params":{"job":"(.+[-_/ ])?(sql|postgres|postgresql|pg)[-_ ]?exporter([-_/ ].+)?","expected":"1","known":"3d","flaps":"6","flapping":"30m","grace":"12h"},"durations":["known","flapping","grace"],"pintComments":[],"inhibitedBy":[]},
  {"name":"SQLExporterMissingTarget","group":"exporter","severity":"critical","labels":{},"params":{"flaps":"6","flapping":"30m","window":"1h","lookback":"5m"},"durations":["flapping","window","lookback"],"pintComments":[],"inhibitedBy":[]},
  {"name":"SQLExporterScrapingLimit","group":"exporter","severity":"warning","labels":{},"params":{"threshold":"80","window":"10m","job":"(.+[-_/ ])?(sql|postgres|postgresql|pg)[-_ ]?exporter([-_/ ].+)?","timeout":"10"},"durations":["window"],"pintComments":[],"inhibitedBy":[]},
  {"name":"PostgreSQLMaxConnections","group":"connections","severity":"warning","labels":{},"params":{"threshold":"80","lookback":"5m"},"durations":["lookback"],"pintComments":[],"inhibitedBy":[]},
  {"name":"PostgreSQLInactiveLogicalReplicationSlot","group":"replication","severity":"warning","labels":{},"params":{"max_retained":"5368709120","lookback":"5m"},"durations":["lookback"],"pintComments":[],"inhibitedBy":[{"alert":"PostgreSQLReplicationSlotStorageLimit","equal":["target","slot_name"]}]},
  {"name":"PostgreSQLInactivePhysicalReplicationSlot","group":"replication","severity":"warning","labels":{},"params":{"max_retained":"5368709120","lookback":"5m"},"durations":["lookback"],"pintComments":[],"inhibitedBy":[{"alert":"PostgreSQLReplicationSlotStorageLimit","equal":["target","slot_name"]}]},
  {"name":"PostgreSQLReplicationSlotStorageLimit","group":"replication","severity":"critical","labels":{},"params":{"threshold":"80","max_retained":"21474836480","active_grace":"1h","lookback":"5m"},"durations":["active_grace","lookback"],"pintComments":[],"inhibitedBy":[]},
  {"name":"PostgreSQLLongRunningQueries","group":"queries","severity":"warning","labels":{},"params":{"threshold":"1800","excluded_users":".*(backup|barman|dump).*|rdsadmin","excluded_applications":"pg_dump|pg_dumpall|pg_restore|vacuumdb|reindexdb|pgBackRest.*|barman.*","lookback":"4m"},"durations":["lookback"],"pintComments":[],"inhibitedBy":[]},
  {"name":"PostgreSQLInvalidIndex","group":"schema","severity":"warning","labels":{},"params":{"lookback":"10m"},"durations":["lookback"],"pintComments":[],"inhibitedBy":[]}
]
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.runbookUrl" -}}https://qonto.github.io/database-monitoring-framework/{{ "{{" }}chartVersion}}/runbooks/postgresql/{{ "{{" }}alertName}}{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.expr.SQLExporterDown" -}}
(
  (
    max by (job, instance{{ .moreLabels }}) (up{{ .braces }}) == 0
    or
    # It comes and goes. Of two Prometheus servers, the one that reaches it better counts.
    min by (job, instance{{ .moreLabels }}) (changes(up{{ .braces }}[{{ .params.flapping }}])) >= {{ .params.flaps }}
  )
  and on (job, instance{{ .moreLabels }}) (up{job=~"{{ .params.job }}"{{ .moreMatchers }}} or last_over_time(postgresql_exporter_build_info{{ .braces }}[{{ .params.known }}]))
  # Every server that it watched is watched by another exporter now.
  unless on (job, instance{{ .moreLabels }}) (
    last_over_time(pg_up{target!=""{{ .moreMatchers }}}[{{ .params.grace }}])
    unless on (job, instance{{ .moreLabels }}) (last_over_time(pg_up{{ .braces }}[{{ .params.grace }}]) unless on (target{{ .moreLabels }}) pg_up{{ .braces }})
  )
)
or
(
  count by ({{ .labels }}) (up{{ .braces }} and on (job, instance{{ .moreLabels }}) (up{job=~"{{ .params.job }}"{{ .moreMatchers }}} or last_over_time(postgresql_exporter_build_info{{ .braces }}[{{ .params.known }}])))
  or absent(up{job=~"{{ .params.job }}"{{ .moreMatchers }}}) * 0
)
  < {{ .params.expected }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.alert.SQLExporterDown" -}}
{"for": "3m", "keepFiringFor": "3m",
 "annotations": {
  "summary": "A SQL exporter is down, so PostgreSQL servers are not watched.",
  "description": "{{ "{{" }} with $labels.instance }}SQL exporter {{ "{{" }} . }} (job {{ "{{" }} $labels.job }}) {{ "{{" }} if eq $value 0.0 }}does not answer Prometheus{{ "{{" }} else }}answers and fails in turn: {{ "{{" }} printf \"%.0f\" $value }} changes within {{ .params.flapping }}{{ "{{" }} end }}{{ "{{" }} else }}Prometheus knows {{ "{{" }} printf \"%.0f\" $value }} SQL exporters (expected at least {{ .params.expected }}){{ "{{" }} end }}."
 }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.expr.SQLExporterMissingTarget" -}}
max by (target{{ .moreLabels }}) (last_over_time(pg_up{{ .braces }}[{{ .params.lookback }}])) == 0
or
# It comes and goes, and no exporter reaches it all the time.
max by (target{{ .moreLabels }}) (changes(pg_up{target!=""{{ .moreMatchers }}}[{{ .params.flapping }}]) >= {{ .params.flaps }})
unless on (target{{ .moreLabels }}) (pg_up{{ .braces }} unless changes(pg_up{{ .braces }}[{{ .params.flapping }}]) > 0)
or
# Reported before, by nobody now, and not because its exporter is down: SQLExporterDown says that.
max by (target{{ .moreLabels }}) (
  last_over_time(pg_up{target!=""{{ .moreMatchers }}}[{{ .params.window }}])
  # Where Prometheus knows no exporter at all, SQLExporterDown says so.
  and on ({{ .labels }}) (up{{ .braces }} and on (job, instance{{ .moreLabels }}) last_over_time(pg_up{{ .braces }}[{{ .params.window }}]))
  unless on (job, instance{{ .moreLabels }}) (up{{ .braces }} == 0)
)
unless on (target{{ .moreLabels }}) pg_up{{ .braces }}
# Removed on purpose, as an exporter says.
unless on (target{{ .moreLabels }}) pg_target_removed_timestamp_seconds{{ .braces }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.alert.SQLExporterMissingTarget" -}}
{"for": "3m", "keepFiringFor": "",
 "annotations": {
  "summary": "No exporter can read from a PostgreSQL server.",
  "description": "{{ "{{" }} if eq $value 0.0 }}No exporter can log in to {{ "{{" }} $labels.target }}{{ "{{" }} else if gt $value 1.0 }}Logins to {{ "{{" }} $labels.target }} work and fail in turn: {{ "{{" }} printf \"%.0f\" $value }} changes within {{ .params.flapping }}{{ "{{" }} else }}{{ "{{" }} $labels.target }} was reported within the last {{ .params.window }}, but no exporter reports it now{{ "{{" }} end }}."
 }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.expr.SQLExporterScrapingLimit" -}}
100
  * max by (target{{ .moreLabels }}) (
      avg_over_time(pg_scrape_duration_seconds{{ .braces }}[{{ .params.window }}])
      # Of one scrape, so both have the same labels, whichever these are.
      / (avg_over_time(pg_scrape_timeout_seconds{{ .braces }}[{{ .params.window }}]) > 0)
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
# The server has no connection left even for the exporter. A limit of its role or of a database says nothing about the server.
100 * (sum by (target{{ .moreLabels }}) (increase(pg_connect_errors_total{sqlstate="53300", reason!~"role_limit|database_limit"{{ .moreMatchers }}}[{{ .params.lookback }}])) > bool 0) > {{ .params.threshold }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.alert.PostgreSQLMaxConnections" -}}
{"for": "10m", "keepFiringFor": "",
 "annotations": {
  "summary": "A PostgreSQL server is close to its connection limit.",
  "description": "{{ "{{" }} $labels.target }} uses {{ "{{" }} printf \"%.0f\" $value }}% of the connections that ordinary users can have (limit {{ .params.threshold }}%; 100% is also reported when it refuses the exporter)."
 }}
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.expr.PostgreSQLInactiveLogicalReplicationSlot" -}}
max by (target, slot_name{{ .moreLabels }}) (
  pg_replication_slots_retained_bytes{slot_type="logical"{{ .moreMatchers }}}
  # The last value counts only while nothing is read: a slot that was dropped is over.
  or
  last_over_time(pg_replication_slots_retained_bytes{slot_type="logical"{{ .moreMatchers }}}[{{ .params.lookback }}])
  unless on (target{{ .moreLabels }}) pg_scrape_collector_success{collector="pg_replication_slots"{{ .moreMatchers }}} == 1
)
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
max by (target, slot_name{{ .moreLabels }}) (
  pg_replication_slots_retained_bytes{slot_type="physical"{{ .moreMatchers }}}
  # The last value counts only while nothing is read: a slot that was dropped is over.
  or
  last_over_time(pg_replication_slots_retained_bytes{slot_type="physical"{{ .moreMatchers }}}[{{ .params.lookback }}])
  unless on (target{{ .moreLabels }}) pg_scrape_collector_success{collector="pg_replication_slots"{{ .moreMatchers }}} == 1
)
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
# The last value of a slot counts only while nothing is read: a slot that was dropped is over.
100
  * (
    1
    - min by (target, slot_name, slot_type{{ .moreLabels }}) (
        pg_replication_slots_safe_wal_size_bytes{{ .braces }}
        or
        last_over_time(pg_replication_slots_safe_wal_size_bytes{{ .braces }}[{{ .params.lookback }}])
        unless on (target{{ .moreLabels }}) pg_scrape_collector_success{collector="pg_replication_slots"{{ .moreMatchers }}} == 1
      )
      / on (target{{ .moreLabels }}) group_left () (
        max by (target{{ .moreLabels }}) (last_over_time(pg_settings_max_slot_wal_keep_size_bytes{{ .braces }}[{{ .params.lookback }}])) > 0
      )
  )
  > {{ .params.threshold }}
or
100
  * max by (target, slot_name, slot_type{{ .moreLabels }}) (
      pg_replication_slots_retained_bytes{{ .braces }}
      or
      last_over_time(pg_replication_slots_retained_bytes{{ .braces }}[{{ .params.lookback }}])
      unless on (target{{ .moreLabels }}) pg_scrape_collector_success{collector="pg_replication_slots"{{ .moreMatchers }}} == 1
    )
  / {{ .params.max_retained }}
  > {{ .params.threshold }}
  unless on (target{{ .moreLabels }}) (last_over_time(pg_settings_max_slot_wal_keep_size_bytes{{ .braces }}[{{ .params.lookback }}]) >= 0)
  # A slot in use holds back much during one large transaction.
  unless on (target, slot_name{{ .moreLabels }}) (
    max by (target, slot_name{{ .moreLabels }}) (last_over_time(pg_replication_slots_active{{ .braces }}[{{ .params.lookback }}])) == 1
    and on (target, slot_name{{ .moreLabels }})
    100 * min by (target, slot_name{{ .moreLabels }}) (min_over_time(pg_replication_slots_retained_bytes{{ .braces }}[{{ .params.active_grace }}]))
    / {{ .params.max_retained }}
    <= {{ .params.threshold }}
  )
or
100
  * max by (target, slot_name, slot_type{{ .moreLabels }}) (
      pg_replication_slots_wal_status{wal_status=~"unreserved|lost"{{ .moreMatchers }}}
      or
      last_over_time(pg_replication_slots_wal_status{wal_status=~"unreserved|lost"{{ .moreMatchers }}}[{{ .params.lookback }}])
      unless on (target{{ .moreLabels }}) pg_scrape_collector_success{collector="pg_replication_slots_wal_status"{{ .moreMatchers }}} == 1
    )
  > {{ .params.threshold }}
  # Given up on purpose, because nobody used it.
  unless on (target, slot_name{{ .moreLabels }}) (last_over_time(pg_replication_slots_invalidated{reason="idle_timeout"{{ .moreMatchers }}}[{{ .params.lookback }}]) == 1)
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
  pg_active_statements_oldest_seconds{usename!~"{{ .params.excluded_users }}", application_name!~"{{ .params.excluded_applications }}"{{ .moreMatchers }}}
  # The last value counts only while nothing is read: a query that has ended is over.
  or
  last_over_time(
    pg_active_statements_oldest_seconds{usename!~"{{ .params.excluded_users }}", application_name!~"{{ .params.excluded_applications }}"{{ .moreMatchers }}}[{{ .params.lookback }}]
  )
  unless on (target{{ .moreLabels }}) pg_scrape_collector_success{collector="pg_active_statements"{{ .moreMatchers }}} == 1
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
max by (target, datname, schemaname, relname, indexrelname{{ .moreLabels }}) (
  pg_index_invalid{{ .braces }}
  # The last value counts only while nothing is read: an index that was dropped is over.
  or
  last_over_time(pg_index_invalid{{ .braces }}[{{ .params.lookback }}])
  unless on (target{{ .moreLabels }}) pg_scrape_collector_success{collector="pg_index"{{ .moreMatchers }}} == 1
) == 1
{{- end -}}

{{- define "prometheus-postgresql-alerts-chart.alert.PostgreSQLInvalidIndex" -}}
{"for": "1h", "keepFiringFor": "",
 "annotations": {
  "summary": "An index is invalid, so no query uses it, and yet each write maintains it.",
  "description": "Index {{ "{{" }} $labels.schemaname }}.{{ "{{" }} $labels.indexrelname }} on table {{ "{{" }} $labels.relname }} in database {{ "{{" }} $labels.datname }} of {{ "{{" }} $labels.target }} is invalid."
 }}
{{- end -}}
