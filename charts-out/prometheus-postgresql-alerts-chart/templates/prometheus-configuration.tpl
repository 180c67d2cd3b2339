{{- if eq .Values.format "PrometheusConfigurationFile" -}}
{{- $groups := include "prometheus-postgresql-alerts-chart.groups" . -}}
groups:
  {{- $groups | trim | default "[]" | nindent 2 }}
{{- end -}}
