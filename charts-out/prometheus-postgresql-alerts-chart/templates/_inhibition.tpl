{{/* Not empty when an alert is switched on. Takes root and known (what the chart says of it). */}}
{{- define "prometheus-postgresql-alerts-chart.on" -}}
{{- $own := get (.root.Values.rules | default dict) .known.name | default dict -}}
{{- $group := get (.root.Values.groups | default dict) .known.group | default dict -}}
{{- if and (ne (toString $own.enabled) "false") (ne (toString $group.enabled) "false") }}on{{ end -}}
{{- end -}}

{{/* Which alert mutes which while both fire, as JSON: a list of source, target and equal. */}}
{{- define "prometheus-postgresql-alerts-chart.inhibitions" -}}
{{- $root := . -}}
{{- $labels := (.Values.global | default dict).additionalAggregationLabels | default list -}}
{{- $known := include "prometheus-postgresql-alerts-chart.alerts" . | fromJsonArray -}}
{{- $on := list -}}
{{- range $known -}}
{{- if include "prometheus-postgresql-alerts-chart.on" (dict "root" $root "known" .) -}}{{- $on = append $on .name -}}{{- end -}}
{{- end -}}
{{- $rules := list -}}
{{- range $known -}}
{{- $target := .name -}}
{{- range .inhibitedBy -}}
{{- if and (has $target $on) (has .alert $on) -}}
{{- $rules = append $rules (dict "source" .alert "target" $target "equal" (concat .equal $labels | uniq)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $rules -}}
{{- end -}}
