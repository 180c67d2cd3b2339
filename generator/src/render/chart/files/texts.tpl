{{/* A value as people write it: 1296000, not 1.296e+06. */}}
{{- define "CHART.plain" -}}
{{- if kindIs "string" . -}}{{ . }}{{- else -}}{{ toJson . }}{{- end -}}
{{- end -}}

{{/* What stands between two braces, in Helm and in Prometheus alike; braces in its strings do not end it. */}}
{{- define "CHART.action" -}}
\{\{(?:"(?:[^"\\]|\\.)*"|`[^`]*`|[^"`}]|\}[^}"`])*\}\}
{{- end -}}

{{/* A text with the actions expanded that read .Values, .Release or .Chart, which Prometheus does not have. All others
are left to Prometheus. Takes root and text. */}}
{{- define "CHART.expand" -}}
{{- $action := include "CHART.action" "" -}}
{{- $between := regexSplit $action .text -1 -}}
{{- range $index, $found := regexFindAll $action .text -1 -}}
{{- index $between $index -}}
{{- $ours := regexMatch "[ (]\\$?\\.(Values|Release|Chart)\\b" $found -}}
{{- if $ours }}{{ tpl $found $.root }}{{ else }}{{ $found }}{{ end -}}
{{- end -}}
{{- last $between -}}
{{- end -}}

{{/* A manifest of the user, expanded. Actions that read $labels and the like are left to Prometheus, unless the manifest
has such a variable of its own. Takes root and text. */}}
{{- define "CHART.manifest" -}}
{{- $action := include "CHART.action" "" -}}
{{- $variables := list -}}
{{- range list "labels" "value" "externalLabels" "externalURL" -}}
{{- if not (regexMatch (printf "\\$%s\\b[^{}]*:=" .) $.text) -}}{{- $variables = append $variables . -}}{{- end -}}
{{- end -}}
{{- $foreign := printf "\\$(%s)\\b" (join "|" $variables | default "labels:") -}}
{{- $between := regexSplit $action .text -1 -}}
{{- $text := "" -}}
{{- range $index, $found := regexFindAll $action .text -1 -}}
{{- $text = print $text (index $between $index) -}}
{{- $outside := regexReplaceAll "\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`" $found "" -}}
{{- if regexMatch $foreign $outside -}}
{{- if regexMatch "^\\{\\{-?\\s*(if|with|range|else)\\b" $found -}}
{{- include "CHART.refuse" (printf "extraManifests: %s is for Prometheus, but Helm would read it; put the rule into extraRules or extraGroups, where templates are left alone" $found) -}}
{{- end -}}
{{- $found = print "{{ \"{{\" }}" (trimPrefix "{{" $found) -}}
{{- end -}}
{{- $text = print $text $found -}}
{{- end -}}
{{- tpl (print $text (last $between)) .root -}}
{{- end -}}

{{/* A mapping with texts as values, expanded; what is null is left out. Takes root and map. */}}
{{- define "CHART.strings" -}}
{{- $texts := dict -}}
{{- range $key, $value := .map -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $texts $key (include "CHART.expand" (dict "root" $.root "text" (include "CHART.plain" $value))) -}}
{{- end -}}
{{- end -}}
{{- toYaml $texts -}}
{{- end -}}

{{/* The same, and what is empty is left out. */}}
{{- define "CHART.texts" -}}
{{- $texts := dict -}}
{{- range $key, $value := include "CHART.strings" . | fromYaml -}}
{{- if $value -}}{{- $_ := set $texts $key $value -}}{{- end -}}
{{- end -}}
{{- toYaml $texts -}}
{{- end -}}

{{/* Refuses a value that does not look as it must. Takes key, value, pattern and remedy. */}}
{{- define "CHART.like" -}}
{{- $text := include "CHART.plain" .value -}}
{{- if not (or (kindIs "invalid" .value) (regexMatch .pattern $text)) -}}
{{- include "CHART.refuse" (printf "%s: %q %s" .key $text .remedy) -}}
{{- end -}}
{{- end -}}

{{/* Refuses what is no duration of Prometheus. Takes key and value. */}}
{{- define "CHART.duration" -}}
{{- $pattern := "^(|0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$" -}}
{{- include "CHART.like" (dict "key" .key "value" .value "pattern" $pattern "remedy" "is not a duration, write for example 10m or 1h30m") -}}
{{- end -}}

{{/* Refuses names that no label of Prometheus has. Takes key and map. */}}
{{- define "CHART.names" -}}
{{- range $name, $_ := .map -}}
{{- include "CHART.like" (dict "key" $.key "value" $name "pattern" "^[a-zA-Z_][a-zA-Z0-9_]*$" "remedy" "is not a name that Prometheus takes, write it with letters, digits and _ only") -}}
{{- end -}}
{{- end -}}

{{/* Mappings laid over each other, the last on top, as JSON. Empty texts count: they remove. */}}
{{- define "CHART.layers" -}}
{{- $all := dict -}}
{{- range . -}}
{{- range $key, $value := . -}}{{- $_ := set $all $key $value -}}{{- end -}}
{{- end -}}
{{- toJson $all -}}
{{- end -}}

{{/* One matcher such as environment=production, with its value in quotes. Takes root, key and text. */}}
{{- define "CHART.matcher" -}}
{{- $text := include "CHART.expand" . | trim | trimSuffix "," | trim -}}
{{- $head := regexFind "^[a-zA-Z_][a-zA-Z0-9_]*\\s*(=~|!~|!=|=)\\s*" $text -}}
{{- $value := trimPrefix $head $text -}}
{{- $quoted := regexMatch "^(\"([^\"\\\\]|\\\\.)*\"|'([^'\\\\]|\\\\.)*')$" $value -}}
{{- $bare := regexMatch "^[^\"'=~!,{}\\s][^\"',{}]*$" $value -}}
{{- if and (ne $text (trim .text)) (or (not $value) (has $value (list "\"\"" "''"))) -}}
{{- include "CHART.refuse" (printf "%s: %q expands to nothing, set the value that it reads" .key .text) -}}
{{- end -}}
{{- if not (and $head (or $quoted $bare)) -}}
{{- include "CHART.refuse" (printf "%s: %q is not a matcher, write for example environment=\"production\"" .key .text) -}}
{{- end -}}
{{- regexReplaceAll "\\s+" $head "" -}}{{- ternary $value (quote $value) $quoted -}}
{{- end -}}

{{/* Matchers from a list or a mapping, as JSON. Takes root, key and matchers. */}}
{{- define "CHART.matchers" -}}
{{- $matchers := list -}}
{{- $given := .matchers | default list -}}
{{- if kindIs "map" $given -}}
{{- include "CHART.names" (dict "key" .key "map" $given) -}}
{{- range $label, $value := $given -}}
{{- $text := printf "%s=%s" $label (include "CHART.plain" $value | quote) -}}
{{- $matchers = append $matchers (include "CHART.matcher" (dict "root" $.root "key" $.key "text" $text)) -}}
{{- end -}}
{{- else -}}
{{- range $given -}}
{{- $matchers = append $matchers (include "CHART.matcher" (dict "root" $.root "key" $.key "text" .)) -}}
{{- end -}}
{{- end -}}
{{- toJson $matchers -}}
{{- end -}}

{{/* A runbook link with its places filled. Takes root, key, url and places. */}}
{{- define "CHART.link" -}}
{{- $url := include "CHART.expand" (dict "root" .root "text" .url) -}}
{{- range $place, $value := .places -}}
{{- $url = regexReplaceAllLiteral (printf "\\{\\{-?\\s*%s\\s*-?\\}\\}" $place) $url $value -}}
{{- end -}}
{{- range regexFindAll "\\{\\{-?\\s*[a-zA-Z_]+\\s*-?\\}\\}" $url -1 -}}
{{- if not (has (trimAll "{}- " .) (list "externalURL" "pathPrefix" "else" "end" "now")) -}}
{{- include "CHART.refuse" (printf "%s: %s is not known, write one of {{%s}}" $.key . (keys $.places | sortAlpha | join "}}, {{")) -}}
{{- end -}}
{{- end -}}
{{- $url -}}
{{- end -}}
