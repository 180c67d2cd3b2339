{{/* What the chart knows of each alert, in the order of the rules. Made by dmf. */}}
{{- define "prometheus-rds-alerts-chart.alerts" -}}
[
  {"name":"RDSExporterDown","group":"exporter","severity":"critical","labels":{},"params":{"job":"(.+[-_/ ])?rds[-_ ]?exporter([-_/ ].+)?","expected":"1","known":"3d","flaps":"6","flapping":"30m","grace":"12h"},"durations":["known","flapping","grace"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSExporterErrors","group":"exporter","severity":"warning","labels":{},"params":{"window":"15m","errors":"6","period":"1h"},"durations":["window","period"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSExporterMissingMetrics","group":"exporter","severity":"critical","labels":{},"params":{"window":"1d","lookback":"6m"},"durations":["window","lookback"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSDiskAutoScalingLimit","group":"storage","severity":"warning","labels":{},"params":{"threshold":"80","free":"30","gap":"10m"},"durations":["gap"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSDiskSpaceLimit","group":"storage","severity":"critical","labels":{},"params":{"threshold":"10","threshold_autoscaling":"5","headroom":"10","step":"10737418240","enough":"214748364800","local_floor":"2147483648","gap":"10m"},"durations":["gap"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSDiskSpacePrediction","group":"storage","severity":"critical","labels":{},"params":{"horizon":"4","window":"6h","recent":"1h","threshold":"30","headroom":"10","step":"10737418240","gap":"10m"},"durations":["window","recent","gap"],"pintComments":[],"inhibitedBy":[{"alert":"RDSDiskSpaceLimit","equal":["aws_account_id","aws_region","dbidentifier"]}]},
  {"name":"RDSIOPSUtilization","group":"storage","severity":"warning","labels":{},"params":{"threshold":"90","gap":"10m","credits_gap":"20m"},"durations":["gap","credits_gap"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSLowDiskSpaceCount","group":"storage","severity":"warning","labels":{},"params":{"threshold":"20","headroom":"10","step":"10737418240","enough":"1099511627776","gap":"10m"},"durations":["gap"],"pintComments":[],"inhibitedBy":[{"alert":"RDSDiskSpaceLimit","equal":["aws_account_id","aws_region","dbidentifier"]},{"alert":"RDSDiskSpacePrediction","equal":["aws_account_id","aws_region","dbidentifier"]}]},
  {"name":"RDSCPUUtilization","group":"compute","severity":"warning","labels":{},"params":{"threshold":"90","credits":"1","idle":"5","gap":"15m"},"durations":["gap"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSMemoryUtilization","group":"compute","severity":"warning","labels":{},"params":{"threshold":"20","page_cache_engines":"postgres","threshold_any_engine":"5","small":"2147483648","gap":"10m"},"durations":["gap"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSNonCPUUtilization","group":"compute","severity":"warning","labels":{},"params":{"threshold":"2","minimum":"8","gap":"10m"},"durations":["gap"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSSwapUtilization","group":"compute","severity":"warning","labels":{},"params":{"threshold":"10","free_memory":"10","growth":"5","window":"30m","gap":"10m"},"durations":["window","gap"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSReplicationLag","group":"replication","severity":"critical","labels":{},"params":{"threshold":"600","threshold_aurora":"5","gap":"15m"},"durations":["gap"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSPostgreSQLMaximumUsedTransaction","group":"transactions","severity":"critical","labels":{},"params":{"threshold":"1000000000","early_threshold":"500000000","runway":"72","trend":"6h","history":"1h","gap":"10m"},"durations":["trend","history","gap"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSQuotaInstanceLimit","group":"quotas","severity":"warning","labels":{},"params":{"threshold":"80","gap":"2h"},"durations":["gap"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSQuotaStorageLimit","group":"quotas","severity":"warning","labels":{},"params":{"threshold":"80","gap":"2h"},"durations":["gap"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSCACertificateCloseToExpiration","group":"maintenance","severity":"warning","labels":{},"params":{"days":"60","gap":"1h"},"durations":["gap"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSForcedMaintenance","group":"maintenance","severity":"warning","labels":{},"params":{"days":"14","gap":"1h"},"durations":["gap"],"pintComments":[],"inhibitedBy":[]},
  {"name":"RDSUnappliedParameters","group":"maintenance","severity":"warning","labels":{},"params":{"grace":"24h","gap":"1h"},"durations":["grace","gap"],"pintComments":[],"inhibitedBy":[]}
]
{{- end -}}

{{- define "prometheus-rds-alerts-chart.runbookUrl" -}}https://qonto.github.io/database-monitoring-framework/{{ "{{" }}chartVersion}}/runbooks/rds/{{ "{{" }}alertName}}{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSExporterDown" -}}
(
  (
    max by (job, instance{{ .moreLabels }}) (up{{ .braces }}) == 0
    or
    # It comes and goes. Of two Prometheus servers, the one that reaches it better counts.
    min by (job, instance{{ .moreLabels }}) (changes(up{{ .braces }}[{{ .params.flapping }}])) >= {{ .params.flaps }}
  )
  and on (job, instance{{ .moreLabels }}) (up{job=~"{{ .params.job }}"{{ .moreMatchers }}} or last_over_time(rds_exporter_build_info{{ .braces }}[{{ .params.known }}]))
  # Every account and region that it watched is watched by another exporter now.
  unless on (job, instance{{ .moreLabels }}) (
    last_over_time(rds_exporter_target_info{{ .braces }}[{{ .params.grace }}])
    unless on (job, instance{{ .moreLabels }}) (
      last_over_time(rds_exporter_target_info{{ .braces }}[{{ .params.grace }}])
      unless on (aws_account_id, aws_region{{ .moreLabels }}) rds_exporter_target_instances{{ .braces }}
    )
  )
)
or
(
  count by ({{ .labels }}) (up{{ .braces }} and on (job, instance{{ .moreLabels }}) (up{job=~"{{ .params.job }}"{{ .moreMatchers }}} or last_over_time(rds_exporter_build_info{{ .braces }}[{{ .params.known }}])))
  or absent(up{job=~"{{ .params.job }}"{{ .moreMatchers }}}) * 0
)
  < {{ .params.expected }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSExporterDown" -}}
{"for": "5m", "keepFiringFor": "5m",
 "annotations": {
  "summary": "An RDS exporter is down, so AWS RDS is not watched.",
  "description": "{{ "{{" }} with $labels.instance }}RDS exporter {{ "{{" }} . }} (job {{ "{{" }} $labels.job }}) {{ "{{" }} if eq $value 0.0 }}does not answer Prometheus{{ "{{" }} else }}answers and fails in turn: {{ "{{" }} printf \"%.0f\" $value }} changes within {{ .params.flapping }}{{ "{{" }} end }}{{ "{{" }} else }}Prometheus knows {{ "{{" }} printf \"%.0f\" $value }} RDS exporters (expected at least {{ .params.expected }}){{ "{{" }} end }}."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSExporterErrors" -}}
min by (aws_account_id, aws_region, collector{{ .moreLabels }}) (
  max_over_time(rds_exporter_collector_success{{ .braces }}[{{ .params.window }}])
) == 0
or
max by (aws_account_id, aws_region, collector{{ .moreLabels }}) (
  increase(rds_exporter_errors_total{{ .braces }}[{{ .params.period }}])
) > {{ .params.errors }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSExporterErrors" -}}
{"for": "15m", "keepFiringFor": "",
 "annotations": {
  "summary": "The RDS exporter fails to read a part of its data from AWS.",
  "description": "{{ "{{" }} with $labels.collector }}Collector {{ "{{" }} . }}{{ "{{" }} else }}The exporter{{ "{{" }} end }}{{ "{{" }} with $labels.aws_account_id }} of account {{ "{{" }} . }}{{ "{{" }} end }}{{ "{{" }} with $labels.aws_region }} in {{ "{{" }} . }}{{ "{{" }} end }} {{ "{{" }} if eq $value 0.0 }}has read nothing from AWS for {{ .params.window }} or longer{{ "{{" }} else }}had {{ "{{" }} printf \"%.0f\" $value }} failed runs within {{ .params.period }} (limit {{ .params.errors }}){{ "{{" }} end }}."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSExporterMissingMetrics" -}}
# Reported before, read by nobody now, and not because its exporter is down: RDSExporterDown says that.
max by (aws_account_id, aws_region{{ .moreLabels }}) (
  last_over_time(rds_exporter_target_info{{ .braces }}[{{ .params.window }}])
  unless on (job, instance{{ .moreLabels }}) (up{{ .braces }} == 0)
)
unless on (aws_account_id, aws_region{{ .moreLabels }}) last_over_time(rds_exporter_target_instances{{ .braces }}[{{ .params.lookback }}])
# Removed on purpose, as an exporter says.
unless on (aws_account_id, aws_region{{ .moreLabels }}) rds_exporter_target_removed_timestamp_seconds{{ .braces }}
or
absent_over_time(rds_exporter_build_info{{ .braces }}[{{ .params.lookback }}])
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSExporterMissingMetrics" -}}
{"for": "4m", "keepFiringFor": "5m",
 "annotations": {
  "summary": "No exporter reads the RDS instances of an account and region, so nobody watches them.",
  "description": "{{ "{{" }} with $labels.aws_account_id }}The RDS instances of account {{ "{{" }} . }} in {{ "{{" }} $labels.aws_region }} were watched within the last {{ .params.window }}, but no exporter reads them now{{ "{{" }} else }}Prometheus receives no metrics from any RDS exporter{{ "{{" }} end }}."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSDiskAutoScalingLimit" -}}
100
* max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}]))
/ (max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_max_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}])) > 0)
> {{ .params.threshold }}
unless on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
# Much is free: the disk need not grow soon.
100 * min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_free_storage_bytes{{ .braces }}[{{ .params.gap }}]))
>= {{ .params.free }}
* max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}]))
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSDiskAutoScalingLimit" -}}
{"for": "30m", "keepFiringFor": "",
 "annotations": {
  "summary": "The disk of an instance has almost reached the size up to which AWS enlarges it by itself.",
  "description": "The disk of {{ "{{" }} $labels.dbidentifier }} has {{ "{{" }} printf \"%.0f\" $value }}% of the size up to which AWS enlarges it by itself (limit {{ .params.threshold }}%)."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSDiskSpaceLimit" -}}
min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_free_storage_bytes{{ .braces }}[{{ .params.gap }}])) < {{ .params.enough }}
and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (
  (
    min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_free_storage_bytes{{ .braces }}[{{ .params.gap }}]))
    < {{ .params.threshold }} / 100
    * max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}]))
    # AWS enlarges this disk when less than a tenth is free.
    unless on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
    (
      # Not where the step would reach the ceiling, and not in a Multi-AZ DB cluster.
      100 * max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_max_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}])) >= (100 + {{ .params.headroom }}) * max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}]))
      and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
      max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_max_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}])) - max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}])) >= {{ .params.step }}
      unless on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
      max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_info{cluster_identifier!=""{{ .moreMatchers }}}[{{ .params.gap }}]))
    )
  )
  or
  min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_free_storage_bytes{{ .braces }}[{{ .params.gap }}]))
  < {{ .params.threshold_autoscaling }} / 100
  * max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}]))
)
or
# A full disk reports no free space. -7 is the status storage-full.
(min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_status{{ .braces }}[{{ .params.gap }}])) == -7) + 7
or
min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_free_local_storage_bytes{{ .braces }}[{{ .params.gap }}])) < {{ .params.local_floor }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSDiskSpaceLimit" -}}
{"for": "10m", "keepFiringFor": "",
 "annotations": {
  "summary": "The disk of an instance is almost full. When it is full, the database stops.",
  "description": "{{ "{{" }} $labels.dbidentifier }} has {{ "{{" }} humanize1024 $value }}B of disk left (limit {{ .params.threshold }}% of its disk, {{ .params.threshold_autoscaling }}% while storage autoscaling has room)."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSDiskSpacePrediction" -}}
min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_free_storage_bytes{{ .braces }}[{{ .params.gap }}]))
# Growth of what is used: a larger disk or an exporter at a new address changes nothing about it.
/ (deriv((
    max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (rds_allocated_storage_bytes{{ .braces }})
    - min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (rds_free_storage_bytes{{ .braces }})
  )[{{ .params.window }}:5m]) > 0)
< {{ .params.horizon }} * 3600
and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_free_storage_bytes{{ .braces }}[{{ .params.gap }}]))
< {{ .params.horizon }} * 3600
* deriv((
    max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (rds_allocated_storage_bytes{{ .braces }})
    - min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (rds_free_storage_bytes{{ .braces }})
  )[{{ .params.recent }}:5m])
and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
100
* min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_free_storage_bytes{{ .braces }}[{{ .params.gap }}]))
/ max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}]))
< {{ .params.threshold }}
and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
# In the first hour of data, an import looks like a trend.
max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_free_storage_bytes{{ .braces }}[{{ .params.gap }}] offset {{ .params.recent }}))
unless on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
# AWS enlarges this disk by itself.
(
  # Not where the step would reach the ceiling, and not in a Multi-AZ DB cluster.
  100 * max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_max_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}])) >= (100 + {{ .params.headroom }}) * max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}]))
  and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
  max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_max_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}])) - max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}])) >= {{ .params.step }}
  unless on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
  max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_info{cluster_identifier!=""{{ .moreMatchers }}}[{{ .params.gap }}]))
)
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSDiskSpacePrediction" -}}
{"for": "15m", "keepFiringFor": "",
 "annotations": {
  "summary": "The disk of an instance will be full within hours.",
  "description": "{{ "{{" }} $labels.dbidentifier }} will be full in {{ "{{" }} humanizeDuration $value }} if its disk goes on filling as in the last {{ .params.recent }} to {{ .params.window }} (limit {{ .params.horizon }} hours)."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSIOPSUtilization" -}}
100
* (
  max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_read_iops_average{{ .braces }}[{{ .params.gap }}]))
  + max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_write_iops_average{{ .braces }}[{{ .params.gap }}]))
)
/ (max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_max_disk_iops_average{{ .braces }}[{{ .params.gap }}])) > 0)
> {{ .params.threshold }}
or
100
* (
  max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_read_throughput_bytes{{ .braces }}[{{ .params.gap }}]))
  + max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_write_throughput_bytes{{ .braces }}[{{ .params.gap }}]))
)
/ (max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_max_storage_throughput_bytes{{ .braces }}[{{ .params.gap }}])) > 0)
> {{ .params.threshold }}
or
# Credits that are used up: what is left is the base speed, far below the limits above.
100 - min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_burst_balance_percent{{ .braces }}[{{ .params.credits_gap }}]))
> {{ .params.threshold }}
or
100 - min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_ebs_io_balance_percent{{ .braces }}[{{ .params.credits_gap }}]))
> {{ .params.threshold }}
or
100 - min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_ebs_byte_balance_percent{{ .braces }}[{{ .params.credits_gap }}]))
> {{ .params.threshold }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSIOPSUtilization" -}}
{"for": "15m", "keepFiringFor": "",
 "annotations": {
  "summary": "The disk of an instance is as busy as it can be, so queries wait for it.",
  "description": "{{ "{{" }} $labels.dbidentifier }} uses {{ "{{" }} printf \"%.0f\" $value }}% of its IOPS, of its disk throughput or of its burst credits (limit {{ .params.threshold }}%)."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSLowDiskSpaceCount" -}}
100
* min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_free_storage_bytes{{ .braces }}[{{ .params.gap }}]) < {{ .params.enough }})
/ max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}]))
< {{ .params.threshold }}
unless on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
# AWS enlarges this disk by itself.
(
  # Not where the step would reach the ceiling, and not in a Multi-AZ DB cluster.
  100 * max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_max_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}])) >= (100 + {{ .params.headroom }}) * max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}]))
  and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
  max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_max_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}])) - max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}])) >= {{ .params.step }}
  unless on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
  max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_info{cluster_identifier!=""{{ .moreMatchers }}}[{{ .params.gap }}]))
)
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSLowDiskSpaceCount" -}}
{"for": "30m", "keepFiringFor": "",
 "annotations": {
  "summary": "An instance is running low on disk space, and AWS will not enlarge its disk by itself.",
  "description": "{{ "{{" }} $labels.dbidentifier }} has {{ "{{" }} printf \"%.0f\" $value }}% of its disk free (limit {{ .params.threshold }}%), and storage autoscaling is off or has no room."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSCPUUtilization" -}}
max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (
  last_over_time(rds_cpu_usage_percent_average{{ .braces }}[{{ .params.gap }}])
) > {{ .params.threshold }}
or
max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (
  last_over_time(rds_cpu_usage_percent_average{{ .braces }}[{{ .params.gap }}])
) > {{ .params.idle }}
and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (
  last_over_time(rds_cpu_credit_balance{{ .braces }}[{{ .params.gap }}])
) < {{ .params.credits }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSCPUUtilization" -}}
{"for": "15m", "keepFiringFor": "",
 "annotations": {
  "summary": "An instance has been short of CPU for a while.",
  "description": "{{ "{{" }} $labels.dbidentifier }} uses {{ "{{" }} printf \"%.0f\" $value }}% of its CPU. That is more than {{ .params.threshold }}%, or its CPU credits are used up."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSMemoryUtilization" -}}
100
* min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_freeable_memory_bytes{{ .braces }}[{{ .params.gap }}]))
/ max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_physical_memory_bytes{{ .braces }}[{{ .params.gap }}]))
< {{ .params.threshold_any_engine }}
or
100
* min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_freeable_memory_bytes{{ .braces }}[{{ .params.gap }}]))
/ max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_physical_memory_bytes{{ .braces }}[{{ .params.gap }}]))
< {{ .params.threshold }}
and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_info{engine=~"{{ .params.page_cache_engines }}"{{ .moreMatchers }}}[{{ .params.gap }}]))
and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
# On the smallest classes, the operating system alone needs most of the memory.
max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_physical_memory_bytes{{ .braces }}[{{ .params.gap }}])) >= {{ .params.small }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSMemoryUtilization" -}}
{"for": "15m", "keepFiringFor": "",
 "annotations": {
  "summary": "An instance has little memory left.",
  "description": "{{ "{{" }} $labels.dbidentifier }} has {{ "{{" }} printf \"%.0f\" $value }}% of its memory free (limit {{ .params.threshold }}% on engines that leave memory to the operating system, {{ .params.threshold_any_engine }}% on all others)."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSNonCPUUtilization" -}}
max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (
  last_over_time(rds_dbload_noncpu_average{{ .braces }}[{{ .params.gap }}])
) > {{ .params.minimum }}
unless on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
# Large enough for this load. An instance of unknown size counts as small.
max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (
  last_over_time(rds_dbload_noncpu_average{{ .braces }}[{{ .params.gap }}])
) <= {{ .params.threshold }} * max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (
  last_over_time(rds_instance_vcpus{{ .braces }}[{{ .params.gap }}])
)
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSNonCPUUtilization" -}}
{"for": "15m", "keepFiringFor": "",
 "annotations": {
  "summary": "Many sessions of an instance wait for disk, locks or something else that is not CPU.",
  "description": "{{ "{{" }} printf \"%.0f\" $value }} sessions of {{ "{{" }} $labels.dbidentifier }} are waiting for something other than CPU (limit {{ .params.threshold }} per vCPU, at least {{ .params.minimum }})."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSSwapUtilization" -}}
100
* max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_swap_usage_bytes{{ .braces }}[{{ .params.gap }}]))
/ max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_physical_memory_bytes{{ .braces }}[{{ .params.gap }}]))
> {{ .params.threshold }}
and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
100
* min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_freeable_memory_bytes{{ .braces }}[{{ .params.gap }}]))
/ max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_physical_memory_bytes{{ .braces }}[{{ .params.gap }}]))
< {{ .params.free_memory }}
or
100
* max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_swap_usage_bytes{{ .braces }}[{{ .params.gap }}]))
/ max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_physical_memory_bytes{{ .braces }}[{{ .params.gap }}]))
and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
# Growth that goes on: a single step ends before the alert fires.
100
* (
  max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_swap_usage_bytes{{ .braces }}[{{ .params.gap }}]))
  - max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_swap_usage_bytes{{ .braces }}[{{ .params.gap }}] offset {{ .params.window }}))
)
/ max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_physical_memory_bytes{{ .braces }}[{{ .params.gap }}]))
> {{ .params.growth }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSSwapUtilization" -}}
{"for": "{{ .params.window }}", "keepFiringFor": "",
 "annotations": {
  "summary": "An instance swaps because memory is short.",
  "description": "{{ "{{" }} $labels.dbidentifier }} has swapped out {{ "{{" }} printf \"%.0f\" $value }}% of its memory. Less than {{ .params.free_memory }}% of the memory is free with more than {{ .params.threshold }}% swapped out, or swap grows by more than {{ .params.growth }}% in {{ .params.window }}."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSReplicationLag" -}}
(
  max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_replica_lag_seconds{{ .braces }}[{{ .params.gap }}])) > {{ .params.threshold }}
  or
  # CloudWatch says -1 when replication does not run.
  min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_replica_lag_seconds{{ .braces }}[{{ .params.gap }}])) < 0
  or
  # RDS itself says that replication is broken: 0 becomes -1.
  min by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_replica_replicating{{ .braces }}[{{ .params.gap }}])) - 1 < 0
  or
  max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_aurora_replica_lag_seconds{{ .braces }}[{{ .params.gap }}])) > {{ .params.threshold_aurora }}
  or
  # The replica reports its CPU but no lag: unknown is -1 too.
  -1 * max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_info{role="replica"{{ .moreMatchers }}}[{{ .params.gap }}]))
  and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
  max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_cpu_usage_percent_average{{ .braces }}[{{ .params.gap }}]))
  unless on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
  max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_replica_lag_seconds{{ .braces }}[{{ .params.gap }}]))
)
unless on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
# A replica that is being created has no lag yet. -3 is the status creating.
max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_status{{ .braces }}[{{ .params.gap }}])) == -3
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSReplicationLag" -}}
{"for": "10m", "keepFiringFor": "",
 "annotations": {
  "summary": "A read replica is far behind its source, or its replication does not work.",
  "description": "{{ "{{" }} if lt $value 0.0 }}Replication to {{ "{{" }} $labels.dbidentifier }} is broken, or CloudWatch no longer reports its lag.{{ "{{" }} else }}{{ "{{" }} $labels.dbidentifier }} is {{ "{{" }} humanizeDuration $value }} behind its source (limit {{ .params.threshold }} s, Aurora {{ .params.threshold_aurora }} s).{{ "{{" }} end }}"
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSPostgreSQLMaximumUsedTransaction" -}}
max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (
  last_over_time(rds_maximum_used_transaction_ids_average{{ .braces }}[{{ .params.gap }}])
) > {{ .params.threshold }}
or
max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (
  last_over_time(rds_maximum_used_transaction_ids_average{{ .braces }}[{{ .params.gap }}])
) > {{ .params.early_threshold }}
and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
# PostgreSQL refuses new transaction IDs 3 million before 2^31 - 1.
2147483647 - 3000000 - max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (
  last_over_time(rds_maximum_used_transaction_ids_average{{ .braces }}[{{ .params.gap }}])
) < {{ .params.runway }} * 3600 * deriv(
  # An exporter at a new address is not a new instance.
  max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (rds_maximum_used_transaction_ids_average{{ .braces }})[{{ .params.trend }}:5m]
)
and on (aws_account_id, aws_region, dbidentifier{{ .moreLabels }})
# In the first hour of data, a batch looks like a trend.
max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (
  last_over_time(rds_maximum_used_transaction_ids_average{{ .braces }}[{{ .params.gap }}] offset {{ .params.history }})
)
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSPostgreSQLMaximumUsedTransaction" -}}
{"for": "10m", "keepFiringFor": "",
 "annotations": {
  "summary": "A PostgreSQL instance is on the way to refusing all writes because transaction IDs run out.",
  "description": "The oldest transaction ID of {{ "{{" }} $labels.dbidentifier }} is {{ "{{" }} humanize $value }} transactions old; at 2.14G PostgreSQL refuses all writes."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSQuotaInstanceLimit" -}}
100
* max by (aws_account_id, aws_region{{ .moreLabels }}) (last_over_time(rds_usage_db_instances_average{{ .braces }}[{{ .params.gap }}]))
/ min by (aws_account_id, aws_region{{ .moreLabels }}) (last_over_time(rds_quota_max_dbinstances_average{{ .braces }}[{{ .params.gap }}]) > 0)
> {{ .params.threshold }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSQuotaInstanceLimit" -}}
{"for": "30m", "keepFiringFor": "",
 "annotations": {
  "summary": "An AWS account is close to its quota of RDS instances.",
  "description": "Account {{ "{{" }} $labels.aws_account_id }} uses {{ "{{" }} printf \"%.0f\" $value }}% of its quota of RDS instances in {{ "{{" }} $labels.aws_region }} (limit {{ .params.threshold }}%)."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSQuotaStorageLimit" -}}
label_replace(
  100
  * max by (aws_account_id, aws_region{{ .moreLabels }}) (last_over_time(rds_usage_allocated_storage_bytes{{ .braces }}[{{ .params.gap }}]))
  / min by (aws_account_id, aws_region{{ .moreLabels }}) (last_over_time(rds_quota_total_storage_bytes{{ .braces }}[{{ .params.gap }}]) > 0),
  "quota", "storage of all instances", "", ""
) > {{ .params.threshold }}
or
label_replace(
  100
  * max by (aws_account_id, aws_region{{ .moreLabels }}) (last_over_time(rds_usage_manual_snapshots_average{{ .braces }}[{{ .params.gap }}]))
  / min by (aws_account_id, aws_region{{ .moreLabels }}) (last_over_time(rds_quota_maximum_db_instance_snapshots_average{{ .braces }}[{{ .params.gap }}]) > 0),
  "quota", "manual snapshots", "", ""
) > {{ .params.threshold }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSQuotaStorageLimit" -}}
{"for": "30m", "keepFiringFor": "",
 "annotations": {
  "summary": "An AWS account is close to its quota of RDS storage or of manual snapshots.",
  "description": "Account {{ "{{" }} $labels.aws_account_id }} uses {{ "{{" }} printf \"%.0f\" $value }}% of its quota of RDS {{ "{{" }} $labels.quota }} in {{ "{{" }} $labels.aws_region }} (limit {{ .params.threshold }}%)."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSCACertificateCloseToExpiration" -}}
max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (
  last_over_time(rds_certificate_expiry_timestamp_seconds{{ .braces }}[{{ .params.gap }}])
) < time() + 86400 * {{ .params.days }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSCACertificateCloseToExpiration" -}}
{"for": "1h", "keepFiringFor": "",
 "annotations": {
  "summary": "The server certificate of an instance expires soon.",
  "description": "The server certificate of {{ "{{" }} $labels.dbidentifier }} expires on {{ "{{" }} humanizeTimestamp $value }}. Then clients that verify it can no longer connect."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSForcedMaintenance" -}}
min by (aws_account_id, aws_region, dbidentifier, cluster_identifier, resource, action{{ .moreLabels }}) (
  rds_maintenance_apply_timestamp_seconds{{ .braces }}
  # The last date counts only while AWS is not read: an action that AWS no longer lists is over.
  or
  last_over_time(rds_maintenance_apply_timestamp_seconds{{ .braces }}[{{ .params.gap }}])
  unless on (aws_account_id, aws_region{{ .moreLabels }}) rds_exporter_collector_success{collector="maintenances"{{ .moreMatchers }}} == 1
) < time() + 86400 * {{ .params.days }}
unless on (aws_account_id, aws_region, dbidentifier, cluster_identifier, resource, action{{ .moreLabels }})
# Somebody has chosen the moment already.
max by (aws_account_id, aws_region, dbidentifier, cluster_identifier, resource, action{{ .moreLabels }}) (
  last_over_time(rds_maintenance_opted_in{{ .braces }}[{{ .params.gap }}])
) == 1
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSForcedMaintenance" -}}
{"for": "15m", "keepFiringFor": "",
 "annotations": {
  "summary": "AWS will soon apply a maintenance action on its own, and nobody has scheduled it.",
  "description": "AWS applies {{ "{{" }} $labels.action }} to {{ "{{" }} $labels.dbidentifier }}{{ "{{" }} $labels.cluster_identifier }}{{ "{{" }} $labels.resource }} without asking, from {{ "{{" }} humanizeTimestamp $value }} on."
 }}
{{- end -}}

{{- define "prometheus-rds-alerts-chart.expr.RDSUnappliedParameters" -}}
max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_unapplied_parameter_groups{{ .braces }}[{{ .params.gap }}])) > 0
or
max by (aws_account_id, aws_region, dbidentifier{{ .moreLabels }}) (last_over_time(rds_instance_unapplied_cluster_parameter_groups{{ .braces }}[{{ .params.gap }}])) > 0
{{- end -}}

{{- define "prometheus-rds-alerts-chart.alert.RDSUnappliedParameters" -}}
{"for": "{{ .params.grace }}", "keepFiringFor": "",
 "annotations": {
  "summary": "An instance still runs with old parameters because it was not rebooted after a change.",
  "description": "{{ "{{" }} $labels.dbidentifier }} has not taken over the changes of {{ "{{" }} printf \"%.0f\" $value }} parameter group(s) for more than {{ .params.grace }}."
 }}
{{- end -}}
