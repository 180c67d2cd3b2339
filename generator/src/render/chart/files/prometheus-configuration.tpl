{{- if eq .Values.format "PrometheusConfigurationFile" -}}
{{- $groups := include "CHART.groups" . -}}
groups:
  {{- $groups | trim | default "[]" | nindent 2 }}
{{- end -}}
