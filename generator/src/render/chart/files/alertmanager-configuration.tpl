{{- if and (eq .Values.format "AlertmanagerConfigurationFile") (not (include "CHART.off" .)) -}}
{{- include "CHART.take" (dict "root" . "what" "the configuration of Alertmanager" "remedy" "Alertmanager reads only the first document of a file: render one chart at a time, or set format to PrometheusRuleCRD") -}}
# While the source fires, the target is not sent.
inhibit_rules:
{{- range include "CHART.inhibitions" . | fromJsonArray }}
  - source_matchers: ['alertname="{{ .source }}"']
    target_matchers: ['alertname="{{ .target }}"']
    equal: {{ toJson .equal }}
{{- else }} []
{{- end }}
{{- end -}}
