{{/* Whether a duration is none at all: empty, or zero in any unit. */}}
{{- define "CHART.none" -}}
{{- if not (regexMatch "[1-9]" (toString .)) }}none{{ end -}}
{{- end -}}

{{/* A severity in the words of severityMap, which may be written in any case. Takes root and severity. */}}
{{- define "CHART.severity" -}}
{{- $word := .severity -}}
{{- range $from, $to := .root.Values.severityMap | default dict -}}
{{- if and (eq (lower $from) (lower $.severity)) (not (kindIs "invalid" $to)) -}}{{- $word = include "CHART.plain" $to -}}{{- end -}}
{{- end -}}
{{- $word -}}
{{- end -}}

{{/* Refuses words of severityMap that no rule has. Takes root and known (what the chart says of its alerts). */}}
{{- define "CHART.severities" -}}
{{- $words := list "critical" "warning" "info" -}}
{{- range .root.Values.rules -}}{{- if .severity -}}{{- $words = append $words (lower .severity) -}}{{- end -}}{{- end -}}
{{- range $word, $_ := .root.Values.severityMap | default dict -}}
{{- if not (has (lower $word) $words) -}}
{{- include "CHART.refuse" (printf "severityMap.%s: no rule has this severity; the map goes from the severities of rules (%s) to your words" $word (uniq $words | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Refuses values of global that look like ours and are not; a parent may have others. */}}
{{- define "CHART.global" -}}
{{- $ours := list "additionalExprLabels" "additionalAggregationLabels" "additionalRuleLabels" "additionalRuleAnnotations" -}}
{{- range $key, $_ := .Values.global | default dict -}}
{{- $alike := regexMatch "^add?it[a-z]*(exp|agg|rule)[a-z]*(lab|anno)" (lower $key | replace "_" "" | replace "-" "") -}}
{{- if and $alike (not (has $key $ours)) -}}
{{- include "CHART.refuse" (printf "global.%s: no chart reads this, write one of global.%s" $key (join ", global." $ours)) -}}
{{- end -}}
{{- end -}}
{{- range list "additionalRuleLabels" "additionalRuleAnnotations" -}}
{{- include "CHART.names" (dict "key" (printf "global.%s" .) "map" (get ($.Values.global | default dict) . | default dict)) -}}
{{- end -}}
{{- range ($.Values.global | default dict).additionalAggregationLabels -}}
{{- include "CHART.names" (dict "key" "global.additionalAggregationLabels" "map" (dict . "")) -}}
{{- end -}}
{{- include "CHART.names" (dict "key" "severityLabel" "map" (dict (.Values.severityLabel | default "severity") "")) -}}
{{- include "CHART.duration" (dict "key" "defaultKeepFiringFor" "value" .Values.defaultKeepFiringFor) -}}
{{- range $name, $group := .Values.groups | default dict -}}
{{- range list "interval" "queryOffset" -}}
{{- include "CHART.duration" (dict "key" (printf "groups.%s.%s" $name .) "value" (get ($group | default dict) .)) -}}
{{- end -}}
{{- range list "labels" "annotations" -}}
{{- include "CHART.names" (dict "key" (printf "groups.%s.%s" $name .) "map" (get ($group | default dict) . | default dict)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Refuses what is wrong in the values of one rule. Takes name and own (values). */}}
{{- define "CHART.ownRule" -}}
{{- $key := printf "rules.%s" .name -}}
{{- range list "for" "keepFiringFor" -}}
{{- include "CHART.duration" (dict "key" (printf "%s.%s" $key .) "value" (get $.own .)) -}}
{{- end -}}
{{- include "CHART.like" (dict "key" (printf "%s.severity" $key) "value" .own.severity "pattern" "^[^{}]*$" "remedy" "is not a severity, write a word such as critical") -}}
{{- range list "labels" "annotations" "additionalRuleLabels" -}}
{{- $map := get $.own . | default dict -}}
{{- if kindIs "map" $map -}}{{- include "CHART.names" (dict "key" (printf "%s.%s" $key .) "map" $map) -}}{{- end -}}
{{- end -}}
{{- if hasKey .own "record" -}}
{{- range list "severity" "for" "keepFiringFor" "annotations" "runbookUrl" -}}
{{- if get $.own . -}}
{{- include "CHART.refuse" (printf "%s.%s: a rule with record has none; remove it, or write labels" $key .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A rule in the notation of Prometheus, with texts as labels and annotations. Takes root and rule. */}}
{{- define "CHART.notation" -}}
{{- $rule := deepCopy .rule -}}
{{- range $key, $value := .rule -}}
{{- if kindIs "map" $value -}}
{{- $_ := set $rule $key (include "CHART.strings" (dict "root" $.root "map" $value) | fromYaml) -}}
{{- else if eq $key "expr" -}}
{{- $_ := set $rule $key (include "CHART.expand" (dict "root" $.root "text" (include "CHART.plain" $value))) -}}
{{- end -}}
{{- end -}}
{{- toYaml $rule -}}
{{- end -}}

{{/* One rule as YAML, or nothing. Takes root (the chart), name, known (what the chart says of it) and own (values). */}}
{{- define "CHART.rule" -}}
{{- $root := .root -}}
{{- $name := .name -}}
{{- $known := .known -}}
{{- $own := .own -}}
{{- $values := $root.Values -}}
{{- $global := $values.global | default dict -}}
{{- $group := get ($values.groups | default dict) ($known.group | default "") | default dict -}}
{{- $additional := $own.additionalRuleLabels | default dict -}}
{{- $key := printf "rules.%s" $name -}}
{{- include "CHART.ownRule" (dict "name" $name "own" $own) -}}
{{- $matchers := include "CHART.matchers" (dict "root" $root "key" "global.additionalExprLabels" "matchers" $global.additionalExprLabels) | fromJsonArray -}}
{{- $matchers = concat $matchers (include "CHART.matchers" (dict "root" $root "key" (printf "%s.additionalExprLabels" $key) "matchers" $own.additionalExprLabels) | fromJsonArray) -}}
{{- if kindIs "slice" $additional -}}
{{- $matchers = concat $matchers (include "CHART.matchers" (dict "root" $root "key" (printf "%s.additionalRuleLabels" $key) "matchers" $additional) | fromJsonArray) -}}
{{- $additional = dict -}}
{{- end -}}
{{- $matchers = $matchers | uniq | join "," -}}
{{- $labels := $global.additionalAggregationLabels | default list | uniq | join ", " -}}
{{- $expr := $own.expr -}}
{{- if $expr -}}
{{- $expr = include "CHART.expand" (dict "root" $root "text" $expr) | replace "[additionalExprLabels]" (ternary (printf "%s," $matchers) "" (ne $matchers "")) -}}
{{- else -}}
{{- $expr = include (printf "CHART.expr.%s" $name) (dict
  "params" (include "CHART.escaped" .params | fromJson)
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
{{- $mapped = dict ($values.severityLabel | default "severity") (include "CHART.severity" (dict "root" $root "severity" $severity)) -}}
{{- end -}}
{{- $ruleLabels := merge (dict) ($own.labels | default dict) $additional -}}
{{- if not (hasKey $own "record") -}}
{{- $ruleLabels = include "CHART.layers" (list
  (dict "namespace" ($values.alertNamespace | default ""))
  ($known.labels | default dict)
  $mapped
  ($global.additionalRuleLabels | default dict)
  ($group.labels | default dict)
  (ternary $mapped (dict) (not (not $chosen)))
  $additional
  ($own.labels | default dict)) | fromJson -}}
{{- end -}}
{{- $runbook := ternary (get $group "runbookUrl") ($values.defaultRunbookUrl | default "") (hasKey $group "runbookUrl") -}}
{{- $linkKey := ternary (printf "groups.%s.runbookUrl" $known.group) "defaultRunbookUrl" (hasKey $group "runbookUrl") -}}
{{- /* A rule of the user has no page on the site of the chart. */ -}}
{{- if and (not $known.group) (eq $runbook (include "CHART.runbookUrl" $root)) -}}{{- $runbook = "" -}}{{- end -}}
{{- if hasKey $own "runbookUrl" -}}
{{- $runbook = $own.runbookUrl | default "" -}}
{{- $linkKey = printf "%s.runbookUrl" $key -}}
{{- end -}}
{{- $annotations := include "CHART.layers" (list
  ($known.annotations | default dict)
  (dict "runbook_url" $runbook)
  ($global.additionalRuleAnnotations | default dict)
  ($group.annotations | default dict)
  ($own.annotations | default dict)) | fromJson -}}
{{- $places := dict "alertName" $name "alertNameLower" (lower $name) "chartVersion" $root.Chart.Version "severity" $severity "group" ($known.group | default "") -}}
{{- $_ := set $annotations "runbook_url" (include "CHART.link" (dict "root" $root "key" $linkKey "url" ($annotations.runbook_url | default "") "places" $places)) -}}
{{- $for := $own.for | default $known.for -}}
{{- $keep := $values.defaultKeepFiringFor | default $known.keepFiringFor -}}
{{- if not (kindIs "invalid" $own.keepFiringFor) -}}{{- $keep = $own.keepFiringFor -}}{{- end -}}
{{- if include "CHART.none" $keep -}}{{- $keep = "" -}}{{- end -}}
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
{{- with include "CHART.texts" (dict "root" $root "map" $ruleLabels) | fromYaml }}
  labels:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- if not (hasKey $own "record") }}
{{- with include "CHART.texts" (dict "root" $root "map" $annotations) | fromYaml }}
  annotations:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The parameters of a rule, as texts: values of the user over the defaults. Takes name, known, durations (names of those that are)
and own. */}}
{{- define "CHART.params" -}}
{{- $params := dict -}}
{{- range $key, $value := .known -}}
{{- $own := get ($.own | default dict) $key -}}
{{- $where := printf "rules.%s.params.%s" $.name $key -}}
{{- if has $key ($.durations | default list) -}}
{{- include "CHART.duration" (dict "key" $where "value" $own) -}}
{{- if and $own (include "CHART.none" $own) -}}
{{- include "CHART.refuse" (printf "%s: must not be zero, write for example 10m" $where) -}}
{{- end -}}
{{- else if and (kindIs "string" $own) (not (regexMatch (printf "^(?:(?:%s)|)$" $own) "")) -}}
{{- include "CHART.refuse" (printf "%s: %q is not a regular expression, see https://github.com/google/re2/wiki/Syntax" $where $own) -}}
{{- end -}}
{{- $_ := set $params $key (ternary $value (include "CHART.plain" $own) (or (kindIs "invalid" $own) (eq (toString $own) ""))) -}}
{{- end -}}
{{- toJson $params -}}
{{- end -}}

{{/* Parameters as they stand between double quotes, in PromQL and in JSON alike. */}}
{{- define "CHART.escaped" -}}
{{- $escaped := dict -}}
{{- range $key, $value := . -}}
{{- $_ := set $escaped $key (toRawJson $value | trim | trimPrefix "\"" | trimSuffix "\"") -}}
{{- end -}}
{{- toJson $escaped -}}
{{- end -}}

{{/* All rule groups as a YAML list, or nothing. */}}
{{- define "CHART.groups" -}}
{{- $root := . -}}
{{- $values := .Values -}}
{{- $rules := $values.rules | default dict -}}
{{- $known := include "CHART.alerts" . | fromJsonArray -}}
{{- include "CHART.global" . -}}
{{- include "CHART.severities" (dict "root" . "known" $known) -}}
{{- $names := list -}}
{{- $groups := dict "" (list) -}}
{{- $order := list "" -}}
{{- range $known -}}
{{- $names = append $names .name -}}
{{- $own := get $rules .name | default dict -}}
{{- $group := get ($values.groups | default dict) .group | default dict -}}
{{- if include "CHART.on" (dict "root" $root "known" .) -}}
{{- $params := include "CHART.params" (dict "name" .name "known" .params "durations" .durations "own" $own.params) | fromJson -}}
{{- $text := include (printf "CHART.alert.%s" .name) (dict "params" (include "CHART.escaped" $params | fromJson)) | fromJson -}}
{{- $all := merge (dict) . $text -}}
{{- $rule := include "CHART.rule" (dict "root" $root "name" .name "known" $all "own" $own "params" $params) -}}
{{- $apart := or $values.splitByGroup $group.interval $group.limit $group.queryOffset -}}
{{- $key := ternary .group "" (not (empty $apart)) -}}
{{- if not (has $key $order) -}}{{- $order = append $order $key -}}{{- end -}}
{{- $_ := set $groups $key (append (get $groups $key | default list) $rule) -}}
{{- end -}}
{{- end -}}
{{- range $name, $own := $rules -}}
{{- if and $own (not (has $name $names)) -}}
{{- if not $own.expr -}}
{{- include "CHART.refuse" (printf "rules.%s: this chart has no alert of that name; a rule of your own needs expr" $name) -}}
{{- end -}}
{{- if ne (toString $own.enabled) "false" -}}
{{- $rule := include "CHART.rule" (dict "root" $root "name" $name "known" (dict) "own" $own "params" (dict)) -}}
{{- $_ := set $groups "" (append (get $groups "") $rule) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $values.extraRules | default list -}}
{{- $_ := set $groups "" (append (get $groups "") (printf "- %s" (include "CHART.notation" (dict "root" $root "rule" .) | nindent 2 | trim))) -}}
{{- end -}}
{{- range $key := $order -}}
{{- with get $groups $key }}
- name: {{ ternary $values.rulesGroupName (printf "%s.%s" $values.rulesGroupName $key) (eq $key "") }}
{{- $group := get ($values.groups | default dict) $key | default dict }}
{{- with $group.interval }}
  interval: {{ . }}
{{- end }}
{{- with $group.limit }}
  # With more alerts than this, Prometheus drops all alerts of a rule.
  limit: {{ . }}
{{- end }}
{{- with $group.queryOffset }}
  # Prometheus 2.53 or newer.
  query_offset: {{ . }}
{{- end }}
  rules:
{{- range . }}
    {{- . | nindent 4 }}
{{- end }}
{{- end -}}
{{- end -}}
{{- range $values.extraGroups }}
{{- $group := deepCopy . }}
{{- $rules := list }}
{{- range .rules }}
{{- $rules = append $rules (include "CHART.notation" (dict "root" $root "rule" .) | fromYaml) }}
{{- end }}
{{- if hasKey . "rules" }}{{ $_ := set $group "rules" $rules }}{{ end }}
{{- if .labels }}{{ $_ := set $group "labels" (include "CHART.strings" (dict "root" $root "map" .labels) | fromYaml) }}{{ end }}
{{ toYaml (list $group) }}
{{- end -}}
{{- end -}}
