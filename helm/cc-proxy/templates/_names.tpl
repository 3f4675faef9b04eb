{{- define "cc-proxy.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* Prefix of every object: 40 characters leave room for what each puts behind it. */ -}}
{{- define "cc-proxy.fullname" -}}
{{- $name := include "cc-proxy.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Labels that never change: {root, component}. */ -}}
{{- define "cc-proxy.selector" -}}
app.kubernetes.io/name: {{ include "cc-proxy.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- /*
Labels of pods: no version, which would restart Redis and PostgreSQL with each upgrade. {root, component}; labels of its own
go over the common ones, since no label may stand twice.
*/ -}}
{{- define "cc-proxy.podLabels" -}}
{{ include "cc-proxy.selector" . }}
app.kubernetes.io/part-of: cc-proxy
{{- with merge dict (.labels | default dict) .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* {root, component}, labels of its own */ -}}
{{- define "cc-proxy.labels" -}}
{{ include "cc-proxy.podLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* metadata of an object: {root, component, name}, labels of its own */ -}}
{{- define "cc-proxy.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "cc-proxy.labels" . | nindent 2 }}
{{- end -}}

{{- define "cc-proxy.image" -}}
{{- with .Values.image -}}
{{- if .registry }}{{ trimSuffix "/" .registry }}/{{ end }}{{ .repository }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- define "cc-proxy.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "cc-proxy.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- /* The Secret with admin token and passwords, whoever made it. */ -}}
{{- define "cc-proxy.secret" -}}
{{- .Values.secrets.existingSecret | default (printf "%s-secrets" (include "cc-proxy.fullname" .)) -}}
{{- end -}}

{{- /* Non-empty when the release brings its own Redis, or its own PostgreSQL. */ -}}
{{- define "cc-proxy.ownRedis" -}}
{{- with .Values.redis -}}
{{- if and .enabled (not .external.url) (not .external.existingSecret) }}true{{ end -}}
{{- end -}}
{{- end -}}

{{- /* Services with metrics and probes, as a JSON list. */ -}}
{{- define "cc-proxy.running" -}}
{{- $running := list "gateway" -}}
{{- range list "comparator" "console" -}}
{{- if (get $.Values .).enabled -}}{{- $running = append $running . -}}{{- end -}}
{{- end -}}
{{- toJson $running -}}
{{- end -}}

{{- define "cc-proxy.needsStore" -}}
{{- if or .Values.comparator.enabled .Values.console.enabled }}true{{ end -}}
{{- end -}}

{{- define "cc-proxy.ownPostgres" -}}
{{- with .Values.store.external -}}
{{- if and (include "cc-proxy.needsStore" $) (not .url) (not .existingSecret) }}true{{ end -}}
{{- end -}}
{{- end -}}
