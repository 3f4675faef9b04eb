{{- /*
One server of the trial stack, with its Service: {root, component, image, uid, resources, ports (name → number), health
(port name, path)}; config (file name → text, mounted at configPath), args, env, data (path of what it writes), claim.
*/ -}}
{{- define "cc-proxy.trialServer" -}}
{{- $about := merge (dict "name" (printf "%s-%s" (include "cc-proxy.fullname" .root) .component)) . -}}
{{- if .config -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "cc-proxy.metadata" $about | nindent 2 }}
data:
  {{- range $file, $text := .config }}
  {{ $file }}: |
    {{- $text | nindent 4 }}
  {{- end }}
---
{{ end -}}
apiVersion: apps/v1
kind: {{ ternary "StatefulSet" "Deployment" (not (empty .claim)) }}
metadata:
  {{- include "cc-proxy.metadata" $about | nindent 2 }}
spec:
  replicas: 1
  {{- if .claim }}
  serviceName: {{ $about.name }}
  {{- else }}
  strategy: { type: Recreate }
  {{- end }}
  selector:
    matchLabels:
      {{- include "cc-proxy.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "cc-proxy.podLabels" . | nindent 8 }}
      {{- with .config }}
      annotations:
        checksum/config: {{ toJson . | sha256sum }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "cc-proxy.serviceAccount" .root }}
      {{- include "cc-proxy.podSecurity" .uid | nindent 6 }}
      {{- include "cc-proxy.pullSecrets" .root | nindent 6 }}
      containers:
        - name: {{ .component }}
          image: {{ .image | quote }}
          {{- with .args }}
          args:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- include "cc-proxy.containerSecurity" . | nindent 10 }}
          ports:
            {{- range $name, $port := .ports }}
            - { name: {{ $name }}, containerPort: {{ $port }} }
            {{- end }}
          {{- with .env }}
          env:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          readinessProbe:
            httpGet: { path: {{ .health.path }}, port: {{ .health.port }} }
            periodSeconds: 5
          resources:
            {{- toYaml .resources | nindent 12 }}
          volumeMounts:
            - { name: tmp, mountPath: /tmp }
            - { name: data, mountPath: {{ .data }} }
            {{- if .config }}
            - { name: config, mountPath: {{ .configPath }}, readOnly: true }
            {{- end }}
            {{- range .mounts }}
            - { name: {{ .name }}, mountPath: {{ .path }}, readOnly: true }
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: { sizeLimit: 256Mi }
        {{- if not .claim }}
        - name: data
          emptyDir: { sizeLimit: 2Gi }
        {{- end }}
        {{- if .config }}
        - name: config
          configMap: { name: {{ $about.name }} }
        {{- end }}
        {{- range .mounts }}
        - name: {{ .name }}
          projected:
            sources:
              {{- range .configMaps }}
              - configMap: { name: {{ . }} }
              {{- end }}
        {{- end }}
  {{- with .claim }}
  {{- include "cc-proxy.claim" (dict "persistence" .) | nindent 2 }}
  {{- end }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "cc-proxy.metadata" $about | nindent 2 }}
spec:
  selector:
    {{- include "cc-proxy.selector" . | nindent 4 }}
  ports:
    {{- range $name, $port := .ports }}
    - { name: {{ $name }}, port: {{ $port }}, targetPort: {{ $name }} }
    {{- end }}
{{- end -}}

{{- /* Names of the ConfigMaps with dashboards, or with rules, as a JSON list: {root, glob, prefix} */ -}}
{{- define "cc-proxy.fileNames" -}}
{{- $names := list -}}
{{- range $path, $_ := .root.Files.Glob .glob -}}
{{- $stem := regexReplaceAll "[.][a-z]+$" (base $path) "" | lower | replace "_" "-" | replace "." "-" -}}
{{- $names = append $names (dict "path" $path "name" (printf "%s-%s-%s" (include "cc-proxy.fullname" $.root) $.prefix $stem | trunc 63 | trimSuffix "-")) -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{- define "cc-proxy.dashboards" -}}
{{- include "cc-proxy.fileNames" (dict "root" . "glob" "dashboards/*.json" "prefix" "dashboard") -}}
{{- end -}}

{{- /* Only files with rules: their unit tests lie beside them. */ -}}
{{- define "cc-proxy.rules" -}}
{{- $found := list -}}
{{- range include "cc-proxy.fileNames" (dict "root" . "glob" "prometheus/**.y*ml" "prefix" "rules") | fromJsonArray -}}
{{- if hasKey ($.Files.Get .path | fromYaml) "groups" -}}
{{- $found = append $found . -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}
