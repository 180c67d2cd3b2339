{{/* Ends the rendering with a message. `helm lint` goes on after fail; a template that does not exist stops it too. */}}
{{- define "prometheus-postgresql-alerts-chart.refuse" -}}
{{- fail . -}}
{{- include . "" -}}
{{- end -}}

{{/* Takes something for this chart that only one chart of a release may have. All charts of a release see the same
.Release, so what one chart took is written down there. Takes root, what, and the remedy. */}}
{{- define "prometheus-postgresql-alerts-chart.take" -}}
{{- $taken := get .root.Release "takenByAlerts" | default dict -}}
{{- with get $taken .what -}}
{{- include "prometheus-postgresql-alerts-chart.refuse" (printf "%s and %s: both would make %s; %s" . $.root.Chart.Name $.what $.remedy) -}}
{{- end -}}
{{- $_ := set .root.Release "takenByAlerts" (merge (dict .what .root.Chart.Name) $taken) -}}
{{- end -}}

{{/* Name of the chart, for labels. */}}
{{- define "prometheus-postgresql-alerts-chart.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Name of the created objects. Kubernetes limits names to 63 characters. */}}
{{- define "prometheus-postgresql-alerts-chart.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels of the created objects. */}}
{{- define "prometheus-postgresql-alerts-chart.labels" -}}
{{- $labels := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/name" (include "prometheus-postgresql-alerts-chart.name" .)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "app.kubernetes.io/part-of" "database-monitoring-framework" -}}
{{- $own := merge (dict) (.Values.additionalPrometheusRuleLabels | default dict) (.Values.commonLabels | default dict) -}}
{{- merge (include "prometheus-postgresql-alerts-chart.strings" (dict "root" . "map" $own) | fromYaml) $labels | toYaml -}}
{{- end -}}

{{/* Annotations of the created objects, or nothing. */}}
{{- define "prometheus-postgresql-alerts-chart.annotations" -}}
{{- $own := merge (dict) (.Values.additionalPrometheusRuleAnnotations | default dict) (.Values.commonAnnotations | default dict) -}}
{{- with include "prometheus-postgresql-alerts-chart.strings" (dict "root" . "map" $own) | fromYaml -}}{{- toYaml . -}}{{- end -}}
{{- end -}}

{{/* Namespace of the created objects. */}}
{{- define "prometheus-postgresql-alerts-chart.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{/* Not empty when the chart is switched off. */}}
{{- define "prometheus-postgresql-alerts-chart.off" -}}
{{- if eq (toString .Values.enabled) "false" }}off{{ end -}}
{{- end -}}
