{{- if and (eq .Values.format "PrometheusConfigurationFile") (not (include "prometheus-rds-alerts-chart.off" .)) -}}
{{- include "prometheus-rds-alerts-chart.take" (dict "root" . "what" "the rule file" "remedy" "Prometheus reads only the first document of a file: render one chart at a time, or set format to PrometheusRuleCRD") -}}
{{- $groups := include "prometheus-rds-alerts-chart.groups" . -}}
groups:
  {{- $groups | trim | default "[]" | nindent 2 }}
{{- end -}}
