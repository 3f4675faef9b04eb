{{- /* Puts the second map over the first, in place. Unlike mergeOverwrite it lets false, 0 and "" win. */ -}}
{{- define "cc-proxy.overlay" -}}
{{- $under := index . 0 -}}
{{- range $key, $value := index . 1 -}}
{{- $below := get $under $key -}}
{{- if and (kindIs "map" $value) (kindIs "map" $below) -}}
{{- include "cc-proxy.overlay" (list $below $value) -}}
{{- else -}}
{{- $_ := set $under $key (ternary (deepCopy $value) $value (kindIs "map" $value)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Non-empty when no request can leave for a model that costs money: then anybody may ask. */ -}}
{{- define "cc-proxy.allSimulated" -}}
{{- $config := .Values.config | default dict -}}
{{- if and .Values.simulator.enabled (not (or $config.models $config.providers (dig "target" "url" "" $config) (dig "passthrough" "url" "" $config))) }}true{{ end -}}
{{- end -}}

{{- /* The settings as YAML: what the chart knows, and the user's config over it. */ -}}
{{- define "cc-proxy.settings" -}}
{{- $name := include "cc-proxy.fullname" . -}}
{{- $base := dict
  "state_dir" "/tmp/cc-proxy"
  "server" (dict "listen_address" "0.0.0.0:3080")
  "comparator" (dict "listen_address" "0.0.0.0:3081")
  "console" (dict "listen_address" "0.0.0.0:3082")
  "ops" (dict "listen_address" "0.0.0.0:9464")
  "admin" (dict "token_file" "/run/cc-proxy/admin/admin-token")
  "log" (dict "format" "json")
-}}
{{- if .Values.simulator.enabled -}}
{{- $_ := set $base "default_mode" "compare" -}}
{{- if include "cc-proxy.allSimulated" . -}}
{{- $_ := set $base.server "allow_any_key" true -}}
{{- end -}}
{{- $_ := set $base "passthrough" (dict "url" (printf "http://%s-simulator-primary:3090" $name)) -}}
{{- if not (dig "models" dict (.Values.config | default dict)) -}}
{{- $_ := set $base "target" (dict "url" (printf "http://%s-simulator-secondary:3090" $name) "model" "simulated-secondary") -}}
{{- end -}}
{{- end -}}
{{- if include "cc-proxy.ownRedis" . -}}
{{- $_ := set $base "exchange" (dict "redis_bytes_max" (div (mul (int64 .Values.redis.maxMemoryMib) 1048576 2) 3)) -}}
{{- end -}}
{{- with include "cc-proxy.traceSink" . -}}
{{- $_ := set $base "tracing" (dict "endpoint" .) -}}
{{- /* Scores of pairs are no spans: a collector does not take them on. */ -}}
{{- if and $.Values.collector.enabled $.Values.phoenix.enabled -}}
{{- $_ := set $base.tracing "phoenix_url" (printf "http://%s-phoenix:6006" $name) -}}
{{- end -}}
{{- end -}}
{{- with .Values.console.ingress -}}
{{- if and .enabled .host -}}
{{- $_ := set $base.console "public_url" (printf "%s://%s" (ternary "https" "http" (not (empty .tlsSecret))) .host) -}}
{{- end -}}
{{- end -}}
{{- include "cc-proxy.overlay" (list $base (.Values.config | default dict)) -}}
{{- toYaml $base -}}
{{- end -}}

{{- /* Where spans go when config does not say: the release's own collector, Phoenix or Jaeger. */ -}}
{{- define "cc-proxy.traceSink" -}}
{{- $name := include "cc-proxy.fullname" . -}}
{{- if .Values.collector.enabled -}}
http://{{ $name }}-collector:4318
{{- else if .Values.phoenix.enabled -}}
http://{{ $name }}-phoenix:6006
{{- else if .Values.jaeger.enabled -}}
http://{{ $name }}-jaeger:4318
{{- end -}}
{{- end -}}

{{- /* A value in TOML: a map in a list is an inline table; text, numbers and flags look as in JSON. */ -}}
{{- define "cc-proxy.tomlValue" -}}
{{- $parts := list -}}
{{- if kindIs "map" . -}}
{{- range $key, $value := . -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $parts = append $parts (printf "%s = %s" (include "cc-proxy.tomlKey" $key) (include "cc-proxy.tomlValue" $value)) -}}
{{- end -}}
{{- end -}}
{{ printf "{ %s }" (join ", " $parts) }}
{{- else if kindIs "slice" . -}}
{{- range . -}}
{{- $parts = append $parts (include "cc-proxy.tomlValue" .) -}}
{{- end -}}
{{ printf "[%s]" (join ", " $parts) }}
{{- else -}}
{{ toRawJson . }}
{{- end -}}
{{- end -}}

{{- /* TOML of a map: {path, tree}. */ -}}
{{- define "cc-proxy.toml" -}}
{{- range $key, $value := .tree -}}
{{- if not (or (kindIs "map" $value) (kindIs "invalid" $value)) }}
{{ include "cc-proxy.tomlKey" $key }} = {{ include "cc-proxy.tomlValue" $value }}
{{- end -}}
{{- end -}}
{{- $path := .path -}}
{{- range $key, $value := .tree -}}
{{- if kindIs "map" $value -}}
{{- $here := append $path (include "cc-proxy.tomlKey" $key) }}

[{{ join "." $here }}]
{{- include "cc-proxy.toml" (dict "path" $here "tree" $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "cc-proxy.tomlKey" -}}
{{- if regexMatch "^[A-Za-z0-9_-]+$" . }}{{ . }}{{ else }}{{ toRawJson . }}{{ end -}}
{{- end -}}

{{- define "cc-proxy.configFile" -}}
# Made by the chart from its values.
{{- include "cc-proxy.toml" (dict "path" list "tree" (include "cc-proxy.settings" . | fromYaml)) }}
{{ end -}}

{{- /* Seconds from leaving the endpoints to the last span: {root} */ -}}
{{- define "cc-proxy.graceNeeded" -}}
{{- $drain := dig "server" "drain_secs" 300 (.Values.config | default dict) -}}
{{- add (int .Values.gateway.preStopSeconds) (int $drain) (int .Values.gateway.flushSeconds) -}}
{{- end -}}

{{- define "cc-proxy.grace" -}}
{{- if kindIs "invalid" .Values.gateway.terminationGracePeriodSeconds -}}
{{- include "cc-proxy.graceNeeded" . -}}
{{- else -}}
{{- int .Values.gateway.terminationGracePeriodSeconds -}}
{{- end -}}
{{- end -}}

{{- /* Port of a URL. Not by urlParse: what it cannot read it shows, and that may hold a password. */ -}}
{{- define "cc-proxy.portOf" -}}
{{- $scheme := regexFind "^[a-z]+" . -}}
{{- $host := regexReplaceAll "[/?#].*$" (regexReplaceAll "^[a-z]+://([^/?#]*@)?" . "") "" -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" -}}
{{- if $port }}{{ $port }}
{{- else if eq $scheme "http" }}80
{{- else if has $scheme (list "redis" "rediss") }}6379
{{- else if has $scheme (list "postgres" "postgresql") }}5432
{{- else }}443{{ end -}}
{{- end -}}
