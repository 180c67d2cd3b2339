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
{{- merge (dict) (.Values.additionalPrometheusRuleLabels | default dict) (.Values.commonLabels | default dict) $labels | toYaml -}}
{{- end -}}

{{/* A value as people write it: 1296000, not 1.296e+06. */}}
{{- define "prometheus-postgresql-alerts-chart.plain" -}}
{{- if kindIs "string" . -}}{{ . }}{{- else -}}{{ toJson . }}{{- end -}}
{{- end -}}

{{/* A mapping with plain texts as values; what is empty is left out. */}}
{{- define "prometheus-postgresql-alerts-chart.texts" -}}
{{- $texts := dict -}}
{{- range $key, $value := . -}}
{{- $text := ternary "" (include "prometheus-postgresql-alerts-chart.plain" $value) (kindIs "invalid" $value) -}}
{{- if $text -}}{{- $_ := set $texts $key $text -}}{{- end -}}
{{- end -}}
{{- toYaml $texts -}}
{{- end -}}

{{/* Mappings laid over each other, the last on top, as JSON. Empty texts count: they remove. */}}
{{- define "prometheus-postgresql-alerts-chart.layers" -}}
{{- $all := dict -}}
{{- range . -}}
{{- range $key, $value := . -}}{{- $_ := set $all $key $value -}}{{- end -}}
{{- end -}}
{{- toJson $all -}}
{{- end -}}

{{/* One matcher such as environment=production, with its value in quotes. */}}
{{- define "prometheus-postgresql-alerts-chart.matcher" -}}
{{- $text := . | trim | trimSuffix "," | trim -}}
{{- $head := regexFind "^[a-zA-Z_][a-zA-Z0-9_]*\\s*(=~|!~|!=|=)\\s*" $text -}}
{{- $value := trimPrefix $head $text -}}
{{- if not $head -}}
{{- fail (printf "additionalExprLabels: %q is not a matcher, write for example environment=\"production\"" .) -}}
{{- end -}}
{{- $quoted := regexMatch "^(\"([^\"\\\\]|\\\\.)*\"|'([^'\\\\]|\\\\.)*')$" $value -}}
{{- if not (or $quoted (regexMatch "^[^\"'=~!,{}\\s][^\"',{}]*$" $value)) -}}
{{- fail (printf "additionalExprLabels: %q is not a matcher, write for example environment=\"production\"" .) -}}
{{- end -}}
{{- regexReplaceAll "\\s+" $head "" -}}{{- ternary $value (quote $value) $quoted -}}
{{- end -}}

{{/* Matchers from a list or a mapping, as JSON. */}}
{{- define "prometheus-postgresql-alerts-chart.matchers" -}}
{{- $matchers := list -}}
{{- if kindIs "map" . -}}
{{- range $label, $value := . -}}
{{- if not (regexMatch "^[a-zA-Z_][a-zA-Z0-9_]*$" $label) -}}
{{- fail (printf "additionalExprLabels: %q is not the name of a label" $label) -}}
{{- end -}}
{{- $matchers = append $matchers (printf "%s=%s" $label (include "prometheus-postgresql-alerts-chart.plain" $value | quote)) -}}
{{- end -}}
{{- else -}}
{{- range . -}}{{- $matchers = append $matchers (include "prometheus-postgresql-alerts-chart.matcher" .) -}}{{- end -}}
{{- end -}}
{{- toJson $matchers -}}
{{- end -}}

{{/* One rule as YAML, or nothing. Takes root (the chart), name, known (what the chart says of it) and own (values). */}}
{{- define "prometheus-postgresql-alerts-chart.rule" -}}
{{- $root := .root -}}
{{- $name := .name -}}
{{- $known := .known -}}
{{- $own := .own -}}
{{- $values := $root.Values -}}
{{- $global := $values.global | default dict -}}
{{- $group := get ($values.groups | default dict) ($known.group | default "") | default dict -}}
{{- $additional := $own.additionalRuleLabels | default dict -}}
{{- $matchers := include "prometheus-postgresql-alerts-chart.matchers" ($global.additionalExprLabels | default list) | fromJsonArray -}}
{{- $matchers = concat $matchers (include "prometheus-postgresql-alerts-chart.matchers" ($own.additionalExprLabels | default list) | fromJsonArray) -}}
{{- if kindIs "slice" $additional -}}
{{- $matchers = concat $matchers (include "prometheus-postgresql-alerts-chart.matchers" $additional | fromJsonArray) -}}
{{- $additional = dict -}}
{{- end -}}
{{- $matchers = $matchers | uniq | join "," -}}
{{- $labels := $global.additionalAggregationLabels | default list | uniq | join ", " -}}
{{- $expr := $own.expr -}}
{{- if $expr -}}
{{- $expr = $expr | replace "[additionalExprLabels]" (ternary (printf "%s," $matchers) "" (ne $matchers "")) -}}
{{- else -}}
{{- $expr = include (printf "prometheus-postgresql-alerts-chart.expr.%s" $name) (dict
  "params" .params
  "braces" (ternary (printf "{%s}" $matchers) "" (ne $matchers ""))
  "matchers" $matchers
  "moreMatchers" (ternary (printf ",%s" $matchers) "" (ne $matchers ""))
  "by" (ternary (printf " by (%s)" $labels) "" (ne $labels ""))
  "labels" $labels
  "moreLabels" (ternary (printf ", %s" $labels) "" (ne $labels ""))) -}}
{{- end -}}
{{- $severity := $own.severity | default $known.severity | default "" -}}
{{- $chosen := and $own.severity (ne $own.severity ($known.severity | default "")) -}}
{{- $mapped := dict -}}
{{- if $severity -}}
{{- $mapped = dict ($values.severityLabel | default "severity") (get ($values.severityMap | default dict) $severity | default $severity) -}}
{{- end -}}
{{- $ruleLabels := include "prometheus-postgresql-alerts-chart.layers" (list
  ($known.labels | default dict)
  $mapped
  ($global.additionalRuleLabels | default dict)
  ($group.labels | default dict)
  (ternary $mapped (dict) (not (not $chosen)))
  $additional
  ($own.labels | default dict)) | fromJson -}}
{{- $runbook := ternary (get $group "runbookUrl") ($values.defaultRunbookUrl | default "") (hasKey $group "runbookUrl") -}}
{{- /* A rule of the user has no page on the site of the chart. */ -}}
{{- if and (not $known.group) (eq $runbook (include "prometheus-postgresql-alerts-chart.runbookUrl" $root)) -}}{{- $runbook = "" -}}{{- end -}}
{{- $runbook = ternary (get $own "runbookUrl") $runbook (hasKey $own "runbookUrl") | default "" -}}
{{- $annotations := include "prometheus-postgresql-alerts-chart.layers" (list
  ($known.annotations | default dict)
  (dict "runbook_url" $runbook)
  ($global.additionalRuleAnnotations | default dict)
  ($group.annotations | default dict)
  ($own.annotations | default dict)) | fromJson -}}
{{- $url := $annotations.runbook_url | default "" -}}
{{- $url = $url | replace "{{alertName}}" $name | replace "{{alertNameLower}}" (lower $name) -}}
{{- $url = $url | replace "{{chartVersion}}" $root.Chart.Version | replace "{{severity}}" $severity -}}
{{- $_ := set $annotations "runbook_url" ($url | replace "{{group}}" ($known.group | default "")) -}}
{{- $for := $own.for | default $known.for -}}
{{- $keep := $own.keepFiringFor | default $values.defaultKeepFiringFor | default $known.keepFiringFor -}}
- {{ ternary "record" "alert" (hasKey $own "record") }}: {{ $own.record | default $name }}
{{- range $own.pintComments | default $known.pintComments }}
  # pint {{ . }}
{{- end }}
  expr: |
    {{- $expr | trim | nindent 4 }}
{{- if not (hasKey $own "record") }}
{{- with $for }}
  for: {{ . }}
{{- end }}
{{- with $keep }}
  keep_firing_for: {{ . }}
{{- end }}
{{- end }}
{{- with include "prometheus-postgresql-alerts-chart.texts" $ruleLabels | fromYaml }}
  labels:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- if not (hasKey $own "record") }}
{{- with include "prometheus-postgresql-alerts-chart.texts" $annotations | fromYaml }}
  annotations:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The parameters of a rule, as texts: values of the user over the defaults. */}}
{{- define "prometheus-postgresql-alerts-chart.params" -}}
{{- $params := dict -}}
{{- range $key, $value := .known -}}
{{- $own := get ($.own | default dict) $key -}}
{{- if and (kindIs "string" $own) $own -}}{{- $_ := mustRegexMatch $own "" -}}{{- end -}}
{{- $_ := set $params $key (ternary $value (include "prometheus-postgresql-alerts-chart.plain" $own) (or (kindIs "invalid" $own) (eq (toString $own) ""))) -}}
{{- end -}}
{{- toJson $params -}}
{{- end -}}

{{/* All rule groups as a YAML list, or nothing. */}}
{{- define "prometheus-postgresql-alerts-chart.groups" -}}
{{- $root := . -}}
{{- $values := .Values -}}
{{- $rules := $values.rules | default dict -}}
{{- $known := include "prometheus-postgresql-alerts-chart.alerts" . | fromJsonArray -}}
{{- $names := list -}}
{{- $groups := dict "" (list) -}}
{{- $order := list "" -}}
{{- range $known -}}
{{- $names = append $names .name -}}
{{- $own := get $rules .name | default dict -}}
{{- $group := get ($values.groups | default dict) .group | default dict -}}
{{- $enabled := and (ne (toString $own.enabled) "false") (ne (toString $group.enabled) "false") -}}
{{- if $enabled -}}
{{- $params := include "prometheus-postgresql-alerts-chart.params" (dict "known" .params "own" $own.params) | fromJson -}}
{{- $text := include (printf "prometheus-postgresql-alerts-chart.alert.%s" .name) (dict "params" $params) | fromJson -}}
{{- $all := merge (dict) . $text -}}
{{- $rule := include "prometheus-postgresql-alerts-chart.rule" (dict "root" $root "name" .name "known" $all "own" $own "params" $params) -}}
{{- $key := ternary .group "" (or (not (empty $group.interval)) (not (empty $group.limit)) (not (empty $group.queryOffset))) -}}
{{- if not (has $key $order) -}}{{- $order = append $order $key -}}{{- end -}}
{{- $_ := set $groups $key (append (get $groups $key | default list) $rule) -}}
{{- end -}}
{{- end -}}
{{- range $name, $own := $rules -}}
{{- if and $own (not (has $name $names)) -}}
{{- if not $own.expr -}}
{{- fail (printf "rules.%s: this chart has no alert of that name; a rule of your own needs expr" $name) -}}
{{- end -}}
{{- if ne (toString $own.enabled) "false" -}}
{{- $rule := include "prometheus-postgresql-alerts-chart.rule" (dict "root" $root "name" $name "known" (dict) "own" $own "params" (dict)) -}}
{{- $_ := set $groups "" (append (get $groups "") $rule) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $values.extraRules | default list -}}
{{- $_ := set $groups "" (append (get $groups "") (toYaml (list .))) -}}
{{- end -}}
{{- range $key := $order -}}
{{- with get $groups $key }}
- name: {{ ternary $values.rulesGroupName (printf "%s.%s" $values.rulesGroupName $key) (eq $key "") }}
{{- $group := get ($values.groups | default dict) $key | default dict }}
{{- with $group.interval }}
  interval: {{ . }}
{{- end }}
{{- with $group.limit }}
  limit: {{ . }}
{{- end }}
{{- with $group.queryOffset }}
  query_offset: {{ . }}
{{- end }}
  rules:
{{- range . }}
    {{- . | nindent 4 }}
{{- end }}
{{- end -}}
{{- end -}}
{{- with $values.extraGroups }}
{{ toYaml . }}
{{- end -}}
{{- end -}}
