{{- /* Pod Security "restricted", and a little more. */ -}}
{{- define "cc-proxy.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ . }}
  runAsGroup: {{ . }}
  fsGroup: {{ . }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "cc-proxy.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end -}}

{{- define "cc-proxy.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "cc-proxy.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: ops }
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: { path: /healthz, port: ops }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: ops }
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 3
{{- end -}}

{{- define "cc-proxy.redisEnv" -}}
{{- if include "cc-proxy.ownRedis" . }}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef: { name: {{ include "cc-proxy.secret" . }}, key: redis-password }
- name: CC_REDIS__URL
  value: redis://:$(REDIS_PASSWORD)@{{ include "cc-proxy.fullname" . }}-redis:6379
{{- else if .Values.redis.external.existingSecret }}
- name: CC_REDIS__URL
  valueFrom:
    secretKeyRef: { name: {{ .Values.redis.external.existingSecret }}, key: {{ .Values.redis.external.urlKey }} }
{{- else if .Values.redis.enabled }}
- name: CC_REDIS__URL
  value: {{ .Values.redis.external.url | quote }}
{{- end }}
{{- end -}}

{{- define "cc-proxy.storeEnv" -}}
{{- if include "cc-proxy.ownPostgres" . }}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: { name: {{ include "cc-proxy.secret" . }}, key: postgres-password }
- name: CC_STORE__URL
  value: postgres://ccproxy@{{ include "cc-proxy.fullname" . }}-postgres:5432/ccproxy
{{- else if .Values.store.external.existingSecret }}
- name: CC_STORE__URL
  valueFrom:
    secretKeyRef: { name: {{ .Values.store.external.existingSecret }}, key: {{ .Values.store.external.urlKey }} }
{{- else }}
- name: CC_STORE__URL
  value: {{ .Values.store.external.url | quote }}
{{- end }}
{{- end -}}

{{- /*
The pod of one of our services, as a template of a Deployment: {root, component, values, grace, port, args}; preStop in
seconds; store and keys when it may have the store, and the upstreams' keys.
*/ -}}
{{- define "cc-proxy.serviceTemplate" -}}
{{- $root := .root -}}
metadata:
  labels:
    {{- include "cc-proxy.podLabels" (merge (dict "labels" .values.podLabels) .) | nindent 4 }}
  annotations:
    checksum/config: {{ include "cc-proxy.configFile" $root | sha256sum }}
    {{- with .values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "cc-proxy.serviceAccount" $root }}
  {{- include "cc-proxy.podSecurity" 1000 | nindent 2 }}
  {{- include "cc-proxy.pullSecrets" $root | nindent 2 }}
  terminationGracePeriodSeconds: {{ .grace }}
  {{- with .values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- if .values.topologySpreadConstraints }}
    {{- toYaml .values.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "cc-proxy.selector" . | nindent 10 }}
    {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "cc-proxy.image" $root | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: {{ toJson .args }}
      {{- include "cc-proxy.containerSecurity" . | nindent 6 }}
      ports:
        - { name: http, containerPort: {{ .port }} }
        - { name: ops, containerPort: 9464 }
      env:
        - { name: CC_PROXY_CONFIG, value: /etc/cc-proxy/cc-proxy.toml }
        {{- include "cc-proxy.redisEnv" $root | nindent 8 }}
        {{- if .store }}
        {{- include "cc-proxy.storeEnv" $root | nindent 8 }}
        {{- end }}
        {{- with .values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- include "cc-proxy.probes" . | nindent 6 }}
      {{- if .preStop }}
      lifecycle:
        preStop:
          sleep: { seconds: {{ .preStop }} }
      {{- end }}
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      volumeMounts:
        - { name: config, mountPath: /etc/cc-proxy, readOnly: true }
        - { name: admin, mountPath: /run/cc-proxy/admin, readOnly: true }
        {{- if and .keys $root.Values.upstreamKeys }}
        - { name: keys, mountPath: /run/cc-proxy/keys, readOnly: true }
        {{- end }}
        - { name: tmp, mountPath: /tmp }
  volumes:
    - name: config
      configMap: { name: {{ include "cc-proxy.fullname" $root }}-config }
    - name: admin
      secret:
        secretName: {{ include "cc-proxy.secret" $root }}
        defaultMode: 0440
        items: [{ key: admin-token, path: admin-token }]
    {{- if and .keys $root.Values.upstreamKeys }}
    - name: keys
      projected:
        defaultMode: 0440
        sources:
          {{- range $root.Values.upstreamKeys }}
          - secret:
              name: {{ .existingSecret }}
              items: [{ key: {{ .key | default "api-key" }}, path: {{ .name }} }]
          {{- end }}
    {{- end }}
    - name: tmp
      emptyDir: { sizeLimit: {{ add 64 (ternary (include "cc-proxy.dumpMib" $root | int) 0 (eq .component "gateway")) }}Mi }
{{- end -}}

{{- /* MiB that wire dumps take of the gateway's /tmp: a pod that writes more than the volume may hold is evicted. */ -}}
{{- define "cc-proxy.dumpMib" -}}
{{- $capture := dig "capture" dict (.Values.config | default dict) -}}
{{- ternary (dig "dump_max_mib" 256 $capture | int) 0 (not (empty (dig "dump_dir" "" $capture))) -}}
{{- end -}}

{{- /* PodDisruptionBudget of one service: {root, component, name, values, many} */ -}}
{{- define "cc-proxy.disruptionBudget" -}}
{{- if and .values.podDisruptionBudget.enabled .many -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "cc-proxy.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ .values.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "cc-proxy.selector" . | nindent 6 }}
{{- end -}}
{{- end -}}

{{- /* HTTPRoute or Ingress of one service: {root, component, name, port, values, paths, timeouts} */ -}}
{{- define "cc-proxy.httpRoute" -}}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  {{- include "cc-proxy.metadata" . | nindent 2 }}
  {{- with .values.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  parentRefs:
    {{- toYaml .values.parentRefs | nindent 4 }}
  {{- with .values.hostnames }}
  hostnames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    - matches:
        {{- range .paths }}
        - path: { type: {{ .type }}, value: {{ .value | quote }} }
        {{- end }}
      {{- with .timeouts }}
      timeouts:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      backendRefs:
        - { name: {{ .name }}, port: {{ .port }} }
{{- end -}}

{{- define "cc-proxy.ingress" -}}
{{- $backend := . -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {{- include "cc-proxy.metadata" . | nindent 2 }}
  {{- with .values.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .values.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with .values.tlsSecret }}
  tls:
    - secretName: {{ . }}
      hosts: [{{ $backend.values.host | quote }}]
  {{- end }}
  rules:
    - host: {{ .values.host | quote }}
      http:
        paths:
          {{- range .paths }}
          - path: {{ .value }}
            pathType: {{ ternary "Prefix" "Exact" (eq .type "PathPrefix") }}
            backend:
              service: { name: {{ $backend.name }}, port: { number: {{ $backend.port }} } }
          {{- end }}
{{- end -}}

{{- /* A volume of a server of our own: {persistence, name}; a claim is made by the StatefulSet. */ -}}
{{- define "cc-proxy.claim" -}}
{{- if .persistence.enabled -}}
volumeClaimTemplates:
  - metadata: { name: data }
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .persistence.storageClass }}
      storageClassName: {{ . }}
      {{- end }}
      resources:
        requests: { storage: {{ .persistence.size }} }
{{- end -}}
{{- end -}}
